"""Checks for `order-sync check` whether each panel's settings lead to the account on which its orders were placed."""

from collections.abc import Iterator, Mapping

from worker.cli.finding import Finding, Verdict
from worker.domain.accounts import Changed, Known, New
from worker.domain.orders.outcomes import Answered, NotSent, Refused, Unknown
from worker.jobs.machinery.account import has_none_of, has_placed, what_to_do
from worker.panel import BATCH, PanelClient
from worker.settings.model import PanelSettings, Settings
from worker.store.db.engine import make_engine
from worker.store.db.errors import DatabaseError
from worker.store.shared.accounts import Accounts


async def account_findings(settings: Settings) -> list[Finding]:
    """Returns what is to be said of the panels' accounts: nothing of those that are as they were.

    It notes nothing: a worker does, when it starts.
    """
    engine = make_engine(settings.database_url.get_secret_value(), pool_size=1)
    try:
        return [
            finding
            for name in sorted(settings.panels)
            for finding in await _findings(name, settings, Accounts(engine, name))
        ]
    except DatabaseError as error:
        text = f"can't say which accounts the panels had: {error.headline}"
        return [Finding("database", Verdict.WRONG, text, "check the rights of the role")]
    finally:
        await engine.dispose()


async def _findings(name: str, settings: Settings, accounts: Accounts) -> list[Finding]:
    panel = settings.panels[name]
    match found := await accounts.identify(panel.account):
        case Known(number) | New(number):
            former = {} if number is None else await accounts.open_orders_elsewhere(number, settings.panels)
            return list(_former_names(name, former))
        case Changed():
            order_ids = await accounts.newest_ids(BATCH)
            return [await _changed(name, panel, found, order_ids)] if order_ids else []


def _former_names(name: str, former: Mapping[str, int]) -> Iterator[Finding]:
    for before, orders in former.items():
        text = f"has the account that panel {before} had"
        if orders:
            yield Finding(
                f"panel {name}",
                Verdict.WARNING,
                f"{text}, and nobody follows the open orders of {before} ({orders})",
                f"name the panel {before} until they are closed",
            )
        else:
            yield Finding(f"panel {name}", Verdict.OK, text)


async def _changed(name: str, panel: PanelSettings, found: Changed, order_ids: list[str]) -> Finding:
    subject = f"panel {name}"
    async with PanelClient(
        panel.url, panel.key.get_secret_value(), timeout=panel.timeout, user_agent=panel.user_agent
    ) as client:
        reply = await has_placed(client, order_ids)
    match reply:
        case Answered(True):
            return Finding(subject, Verdict.OK, "has another address or key, and the account of before")
        case Answered():
            return Finding(subject, Verdict.WRONG, has_none_of(order_ids, found), what_to_do(name))
        case Refused(_, text) | NotSent(text) | Unknown(text):
            return Finding(
                subject,
                Verdict.WARNING,
                f"has another address or key, and doesn't say whether the account is the one of before: {text}",
                "mend what else is wrong with this panel, and try again",
            )
