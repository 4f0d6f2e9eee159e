"""`order-sync check`: finds what is wrong, and says how to mend it. It never shows a key or a password."""

import asyncio
import json
import sys
from collections.abc import Generator, Iterator
from dataclasses import asdict, replace
from decimal import Decimal
from ipaddress import ip_address
from urllib.parse import urlsplit

import click

from worker.cli.check_accounts import account_findings
from worker.cli.draw.evidence import disown_command
from worker.cli.draw.folding import fitting
from worker.cli.draw.overview import takes
from worker.cli.finding import Finding, Verdict
from worker.cli.frame.database import ANOTHER, UPDATE
from worker.cli.frame.errors import FAILED, WRONG_USAGE
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import json_option
from worker.domain.orders.outcomes import Answered, NotSent, Reason, Refused, Reply, Unknown
from worker.domain.orders.statuses import Balance
from worker.domain.redaction import Redactor
from worker.panel import PanelClient
from worker.settings.model import PanelSettings, Settings, SettingsError, load
from worker.settings.sources import PANELS, PREFIX
from worker.store.db.errors import DatabaseUnreachableError
from worker.store.schema.preflight import ENCODING, OLDEST, DatabaseReport, inspect
from worker.store.views.waiting import waiting

#: Seconds. The worker uses the database's clock, so a larger difference only makes logs and tables hard to compare.
CLOCK_TOLERANCE = 2.0


@click.command(epilog=examples("order-sync check", "order-sync check --json | jq .findings"))
@json_option("{ok, findings: [{subject, verdict, text, mend}]}.")
def check(*, as_json: bool) -> int:
    """Find what is wrong with the set-up, and say how to mend it.

    It checks the settings, the database, its schema, and each panel's address, key and account.

    Exit code 0: all is well, or only warnings; 1: something is wrong; 2: the settings are wrong.
    """
    try:
        settings = load()
    except SettingsError as error:
        if not as_json:
            raise
        _print_json([Finding("settings", Verdict.WRONG, problem) for problem in error.problems])
        return WRONG_USAGE
    redact = Redactor(settings.secrets()).text
    found = [replace(finding, text=redact(finding.text), mend=redact(finding.mend)) for finding in _findings(settings)]
    if as_json:
        _print_json(found)
    else:
        _print_lines(found)
    return FAILED if any(finding.verdict is Verdict.WRONG for finding in found) else 0


def _print_json(findings: list[Finding]) -> None:
    ok = all(finding.verdict is not Verdict.WRONG for finding in findings)
    click.echo(json.dumps({"ok": ok, "findings": [asdict(finding) for finding in findings]}, indent=2))


def _print_lines(findings: list[Finding]) -> None:
    width = max(len(finding.subject) for finding in findings)
    for finding in findings:
        mend = f"; {finding.mend}" if finding.mend else ""
        line = f"{finding.verdict:7}  {finding.subject:{width}}  {finding.text}{mend}"
        click.echo(fitting(line, sys.stdout))


def _findings(settings: Settings) -> Iterator[Finding]:
    yield Finding("settings", Verdict.OK, f"can be used; panels: {', '.join(sorted(settings.panels))}")
    is_usable = yield from _database(settings)
    yield from asyncio.run(_panels(settings))
    if is_usable:
        yield from asyncio.run(account_findings(settings))


def _database(settings: Settings) -> Generator[Finding, None, bool]:
    """Yields the findings about the database, and returns whether it can be used."""
    url = settings.database_url.get_secret_value()
    try:
        report = inspect(url)
        yield from read_report(report)
        if report.is_at_head:
            found = waiting(url)
            for panel, pause in found.pauses:
                yield Finding(
                    f"panel {panel}",
                    Verdict.WARNING,
                    f"is paused ({'orders only' if pause.scope == 'add' else 'all calls'}) since "
                    f"{pause.since:%Y-%m-%d %H:%M:%S %Z}: {pause.reason}, {pause.detail}",
                    "it resumes by itself when that is over",
                )
            for panel, since in found.shared:
                yield Finding(
                    f"panel {panel}",
                    Verdict.WARNING,
                    f"somebody else orders on this account, known since {since:%Y-%m-%d %H:%M:%S %Z}: evidence settles "
                    "no order in doubt",
                    f"say which panel orders are theirs: `{disown_command(panel)}`",
                )
            for panel, limit in found.limits:
                yield Finding(f"panel {panel}", Verdict.OK, f"{takes(limit)}, found {limit.found_at:%Y-%m-%d}")
            for panel in found.panels:
                if panel not in settings.panels:
                    yield Finding(
                        f"panel {panel}",
                        Verdict.WARNING,
                        "isn't configured, and orders for it are pending",
                        f"set {PANELS}{panel.upper()}__URL and its KEY, or correct the rows",
                    )
            return True
    except DatabaseUnreachableError as error:
        yield Finding(
            "database",
            Verdict.WRONG,
            f"can't be used: {error}",
            f"check that it runs, {PREFIX}DATABASE_URL with its host, port, user and password, and the role's rights",
        )
    return False


def read_report(report: DatabaseReport) -> Iterator[Finding]:
    """Yields the findings about a database's version, encoding, schema and clock."""
    if report.version_number < OLDEST:
        oldest = OLDEST // 10_000
        yield Finding("database", Verdict.WRONG, f"is PostgreSQL {report.version}", f"use {oldest} or newer")
    else:
        yield Finding("database", Verdict.OK, f"PostgreSQL {report.version}")
    if report.encoding != ENCODING:
        text = f"is encoded in {report.encoding}, and panels' texts need {ENCODING}"
        yield Finding("database", Verdict.WRONG, text, ANOTHER)
    if report.is_pooled:
        yield from _pooler(report)
    if report.is_at_head:
        yield Finding("schema", Verdict.OK, f"at head ({report.needed})")
    else:
        goes_on = "; workers of it that run go on, and none can be started" if report.carries_on else ""
        yield Finding(
            "schema",
            Verdict.WRONG,
            f"is at {report.revision or 'nothing'}, and this version needs {report.needed}{goes_on}",
            UPDATE if report.is_newer else "run `order-sync migrate`",
        )
    seconds = report.clock_difference
    text = f"the database's is {abs(seconds):.1f} s {'ahead' if seconds >= 0 else 'behind'}"
    if abs(seconds) > CLOCK_TOLERANCE:
        yield Finding(
            "clock", Verdict.WARNING, text, "synchronise both machines' clocks; the worker uses the database's"
        )
    else:
        yield Finding("clock", Verdict.OK, text)


def _pooler(report: DatabaseReport) -> Iterator[Finding]:
    subject, text = (
        "pooler",
        "the address is a pooler's: an insert doesn't wake the worker, which polls by its schedule",
    )
    if report.is_limited:
        yield Finding(subject, Verdict.OK, text)
    else:
        yield Finding(
            subject,
            Verdict.WARNING,
            f"{text}; and the role has no statement_timeout, which the worker can't set there",
            "set it for the role, as deploy/postgres/roles.sql does",
        )


async def _panels(settings: Settings) -> list[Finding]:
    names = sorted(settings.panels)
    replies = await asyncio.gather(*(_ask(settings.panels[name]) for name in names))
    return [
        finding
        for name, reply in zip(names, replies, strict=True)
        for finding in read_panel(name, settings.panels[name], reply)
    ]


async def _ask(panel: PanelSettings) -> Reply[Balance]:
    async with PanelClient(
        panel.url, panel.key.get_secret_value(), timeout=panel.timeout, user_agent=panel.user_agent
    ) as client:
        return await client.balance()


def read_panel(name: str, panel: PanelSettings, reply: Reply[Balance]) -> Iterator[Finding]:
    """Yields the findings about a panel's address, key and money, from its answer to `balance`."""
    subject, prefix = f"panel {name}", f"{PANELS}{name.upper()}__"
    if not _is_private(panel.url):
        yield Finding(
            subject,
            Verdict.WARNING,
            "its address is http://, so anyone on the way can read its key",
            f"write https:// in {prefix}URL",
        )
    match reply:
        case Answered(balance):
            yield _money(subject, balance, panel.low_balance)
        case Refused(Reason.BAD_KEY, text):
            yield Finding(
                subject,
                Verdict.WRONG,
                f"doesn't take the key: {text}",
                f"set {prefix}KEY to the one on the panel's API page",
            )
        case Refused(Reason.RATE_LIMITED, text):
            yield Finding(
                subject,
                Verdict.WARNING,
                f"answers that there were too many requests, so nothing is known about the key: {text}",
                f"try again later; lower {prefix}REQUESTS_PER_SECOND if this continues",
            )
        case Refused(_, text):
            yield Finding(
                subject, Verdict.WRONG, f"refuses to tell the balance: {text}", f"check {prefix}KEY and the account"
            )
        case NotSent(text):
            yield Finding(
                subject,
                Verdict.WRONG,
                f"can't be reached at {panel.url}: {text}",
                f"check {prefix}URL, the network, and the panel's certificate",
            )
        case Unknown(text):
            yield Finding(
                subject,
                Verdict.WRONG,
                f"gives no readable answer at {panel.url}: {text}",
                f"check that {prefix}URL is the API's address, which usually ends in /api/v2",
            )


def _money(subject: str, balance: Balance, lowest: Decimal) -> Finding:
    text = f"takes the key; balance {balance.amount:f} {balance.currency or ''}".rstrip()
    if balance.amount < lowest:
        return Finding(
            subject, Verdict.WARNING, f"{text}, below {lowest:f}: nothing is ordered", "top up the account on the panel"
        )
    return Finding(subject, Verdict.OK, text)


def _is_private(url: str) -> bool:
    """Returns whether nobody on the way can read a request: it goes over TLS, or stays on this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    return parts.scheme == "https" or is_loopback
