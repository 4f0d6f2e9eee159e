"""Tests the findings of `check` about a database's report and a panel's answer."""

from decimal import Decimal

import pytest

from worker.cli.check import Verdict, read_panel, read_report
from worker.domain.orders.outcomes import Answered, NotSent, Reason, Refused, Reply, Unknown
from worker.domain.orders.statuses import Balance
from worker.settings.model import PanelSettings
from worker.store.schema.preflight import DatabaseReport
from worker.store.schema.revision import Schema

RICH = Answered(Balance(Decimal("100.5"), "USD"))


def panel(**settings: object) -> PanelSettings:
    return PanelSettings.model_validate({"url": "https://panel.example/api/v2", "key": "a-key", **settings})


def report(**different: object) -> DatabaseReport:
    values = {
        "version": "18.1",
        "version_number": 180_001,
        "schema": Schema("0001", serves="0001"),
        "needed": "0001",
        "clock_difference": 0.1,
    }
    return DatabaseReport(**{**values, **different})  # type: ignore[arg-type]  # each test gives what belongs there


@pytest.mark.parametrize(
    ("reply", "verdict", "setting"),
    [
        (RICH, Verdict.OK, ""),
        (Refused(Reason.BAD_KEY, "Invalid API key"), Verdict.WRONG, "ORDER_SYNC_PANELS__SHOP__KEY"),
        (Refused(Reason.RATE_LIMITED, "slow down"), Verdict.WARNING, "ORDER_SYNC_PANELS__SHOP__REQUESTS_PER_SECOND"),
        (Refused(Reason.REFUSED, "account closed"), Verdict.WRONG, "ORDER_SYNC_PANELS__SHOP__KEY"),
        (NotSent("connection refused"), Verdict.WRONG, "ORDER_SYNC_PANELS__SHOP__URL"),
        (Unknown("no JSON"), Verdict.WRONG, "ORDER_SYNC_PANELS__SHOP__URL"),
    ],
)
def test_each_answer_has_a_verdict_and_names_the_setting(reply: Reply[Balance], verdict: Verdict, setting: str) -> None:
    (finding,) = read_panel("shop", panel(), reply)
    assert (finding.subject, finding.verdict) == ("panel shop", verdict)
    assert setting in finding.mend
    assert bool(finding.mend) == (verdict is not Verdict.OK)


def test_a_database_that_cannot_hold_all_texts_is_wrong() -> None:
    wrong = [finding for finding in read_report(report(encoding="LATIN1")) if finding.verdict is Verdict.WRONG]
    assert [finding.subject for finding in wrong] == ["database"]
    assert "LATIN1" in wrong[0].text
    assert "--encoding UTF8" in wrong[0].mend
    assert all(finding.verdict is Verdict.OK for finding in read_report(report()))


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("http://panel.example/api/v2", True),
        ("http://192.0.2.1/api/v2", True),
        ("https://panel.example/api/v2", False),
        ("http://localhost:8080/api/v2", False),
        ("http://127.0.0.2/api/v2", False),
        ("http://[::1]:8080/api/v2", False),
    ],
)
def test_a_key_in_the_clear_is_warned_of_save_on_this_machine(url: str, *, warned: bool) -> None:
    verdicts = [finding.verdict for finding in read_panel("shop", panel(url=url), RICH)]
    assert verdicts == [Verdict.WARNING] * warned + [Verdict.OK]


@pytest.mark.parametrize(("lowest", "verdict"), [("100.5", Verdict.OK), ("100.51", Verdict.WARNING)])
def test_a_balance_below_the_lowest_is_warned_of(lowest: str, verdict: Verdict) -> None:
    (finding,) = read_panel("shop", panel(low_balance=lowest), RICH)
    assert finding.verdict is verdict


@pytest.mark.parametrize(
    ("different", "verdicts"),
    [
        ({}, ["ok", "ok", "ok"]),
        ({"version_number": 150_000}, ["ok", "ok", "ok"]),
        ({"version_number": 140_011}, ["wrong", "ok", "ok"]),
        ({"schema": Schema()}, ["ok", "wrong", "ok"]),
        ({"schema": Schema("0002", serves="0001")}, ["ok", "wrong", "ok"]),
        ({"clock_difference": 2.0}, ["ok", "ok", "ok"]),
        ({"clock_difference": 2.1}, ["ok", "ok", "warning"]),
        ({"clock_difference": -2.1}, ["ok", "ok", "warning"]),
    ],
)
def test_a_database_gets_three_findings(different: dict[str, object], verdicts: list[str]) -> None:
    found = list(read_report(report(**different)))
    assert [finding.subject for finding in found] == ["database", "schema", "clock"]
    assert [finding.verdict for finding in found] == verdicts
    assert all(bool(finding.mend) == (finding.verdict is not Verdict.OK) for finding in found)


def test_the_clock_says_which_way() -> None:
    assert [f.text for f in read_report(report(clock_difference=-3.04))][2] == "the database's is 3.0 s behind"
    assert [f.text for f in read_report(report(clock_difference=3.04))][2] == "the database's is 3.0 s ahead"


@pytest.mark.parametrize(
    ("schema", "text", "mend"),
    [
        (Schema(), "is at nothing, and this version needs 0001", "run `order-sync migrate`"),
        (
            Schema("0002", serves="0001"),
            "is at 0002, and this version needs 0001; workers of it that run go on, and none can be started",
            "update order-sync",
        ),
        (Schema("0003", serves="0002"), "is at 0003, and this version needs 0001", "update order-sync"),
    ],
)
def test_what_is_said_of_a_schema_and_what_mends_it(schema: Schema, text: str, mend: str) -> None:
    finding = list(read_report(report(schema=schema)))[1]
    assert (finding.verdict, finding.text, finding.mend) == (Verdict.WRONG, text, mend)
