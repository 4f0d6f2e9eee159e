"""Tests `order-sync orders show`: a row, its history, and the evidence about an unconfirmed order."""

import asyncio
import json

import pytest

from tests.integration.cli.conftest import OrderSync, add_submission, add_unconfirmed
from tests.integration.store.conftest import send_all
from tests.integration.store.plain_sql import Database
from worker.domain.evidence.verdicts import Doubt
from worker.domain.orders.outcomes import Reason, Refused, Unknown
from worker.store.db.engine import make_engine
from worker.store.queue.claim import Claims
from worker.store.queue.settle import Settlements
from worker.store.shared.leases import Workers

HOSTILE = "\x1b]0;owned\x07\r\n\x9b31m\u202e\u2028" + "x" * 100_000


def test_all_about_an_order(order_sync: OrderSync, database: Database) -> None:
    order_id = database.add_order(
        state="completed", panel_order_id="23501", panel_status="Completed", charge="0.09", currency="USD", remains=0
    )
    add_submission(database, order_id, "accepted", panel_order_id="23501", expected_charge="0.09")
    database.insert("refills", order_id=order_id, state="rejected", error_code="refill_rejected", error="too late")
    database.insert("cancels", order_id=order_id, state="accepted")
    database.insert(
        "order_events",
        order_id=order_id,
        kind="status",
        state_before="submitted",
        state_after="completed",
        panel_status="Completed",
        charge="0.09",
        remains=0,
    )
    ended = order_sync("orders", "show", str(order_id))
    assert (ended.code, ended.err) == (0, "")
    for said in (
        "order 1: completed",
        "panel order id    23501",
        "charge            0.09 USD, expected 0.09",
        "call #1 accepted after 30.0 s  expected charge 0.09; panel order id 23501",
        "refill #1 rejected  error code refill_rejected; error too late",
        "cancel #1 accepted",
        "status  submitted → completed  panel status Completed; charge 0.09; remains 0",
    ):
        assert said in ended.out
    assert "evidence" not in ended.out


async def made_by_the_worker(database_url: str) -> None:
    """Adds order 1, which the panel refused, and order 2, which got no answer."""
    engine = make_engine(database_url, pool_size=2)
    try:
        claims = Claims(engine, first_poll=30, settle=300)
        claim = await claims.claim("default", await Workers(engine, "test:1").begin(), 2, send_all)
        first, second = claim.sendable
        await Settlements(engine, first_poll=30).settle(
            [(first, Refused(Reason.LINK_REFUSED, "Bad Link")), (second, Unknown("timed out"))]
        )
    finally:
        await engine.dispose()


def test_the_timeline_of_what_the_worker_did(order_sync: OrderSync, database: Database) -> None:
    refused, unanswered = database.add_order(), database.add_order()
    asyncio.run(made_by_the_worker(database.url))
    shown = order_sync("orders", "show", str(refused)).out
    lines = [line[30:] for line in shown.partition("\nhistory\n")[2].splitlines()]
    assert [line.split(" after ")[0] for line in lines] == [
        "submitting  pending → submitting  attempt 1",
        "call #1 refused",
        "rejected  submitting → rejected  error Bad Link; error code link_refused",
    ]
    shown = order_sync("orders", "show", str(unanswered)).out
    assert f"order-sync orders resolve {unanswered} --not-accepted --why '...'" in shown


def test_for_a_script(order_sync: OrderSync, database: Database) -> None:
    order_id = add_unconfirmed(database, '{"verdict": "undecided", "doubt": "ambiguous"}', params='{"a": [1]}')
    shown = json.loads(order_sync("orders", "show", str(order_id), "--json").out)
    assert list(shown) == [
        "order",
        "submissions",
        "refills",
        "cancels",
        "events",
        "verdict",
        "progress",
        "examined_at",
        "shared_since",
    ]
    assert (shown["order"]["id"], shown["order"]["params"]) == (order_id, {"a": [1]})
    (submission,) = shown["submissions"]
    assert (submission["expected_charge"], submission["began_at"]) == ("0.09", "2026-11-01T12:00:00+00:00")
    assert shown["verdict"] == {"verdict": "undecided", "doubt": "ambiguous"}


@pytest.mark.parametrize("doubt", Doubt)
def test_every_doubt_has_plain_words(order_sync: OrderSync, database: Database, doubt: Doubt) -> None:
    order_id = add_unconfirmed(database, json.dumps({"verdict": "undecided", "doubt": doubt, "candidates": ["5", "6"]}))
    shown = order_sync("orders", "show", str(order_id)).out
    assert "Expected charge: 0.09." in shown
    assert "It may be the panel order 5 or 6." in shown
    assert doubt not in shown
    for command in ("--panel-order-id 5", "--panel-order-id 6", "--reject"):
        assert f"  order-sync orders resolve {order_id} {command} --why" in shown
    assert ("--not-accepted" in shown) is (doubt is not Doubt.BOUGHT)


def evidence_of(order_sync: OrderSync, order_id: int) -> list[str]:
    return order_sync("orders", "show", str(order_id)).out.partition("\nevidence\n")[2].splitlines()


@pytest.mark.parametrize(
    ("between", "said"),
    [
        ([None, None], "No known order bounds its id."),
        ([23511, None], "If the panel took it, its id is above 23511; no later order is known yet."),
        ([None, 23527], "If the panel took it, its id is below 23527; no order before it is known."),
        ([23511, 23527], "If the panel took it, its id lies between 23511 and 23527."),
    ],
)
def test_between_which_ids_it_lies(
    order_sync: OrderSync, database: Database, between: list[int | None], said: str
) -> None:
    verdict = json.dumps({"verdict": "undecided", "doubt": "no_bounds", "candidates": []})
    order_id = add_unconfirmed(database, verdict, {"between": between, "ids": 0, "counts": None, "until": None})
    assert evidence_of(order_sync, order_id)[2:4] == [
        f"  {said}",
        "  The panel wasn't asked about these ids. A denial is no proof yet.",
    ]


def test_what_was_asked_what_was_seen_and_whose_it_may_be(order_sync: OrderSync, database: Database) -> None:
    verdict = json.dumps({"verdict": "undecided", "doubt": "ambiguous", "candidates": ["23520", "23521"]})
    progress = {
        "between": [23511, 24511],
        "ids": 990,
        "counts": 85,
        "until": 4_000_000_000,
        "found": 3,
        "candidates": [
            {"id": "23520", "charge": "0.27", "seen_at": 1_795_000_000, "also": [43, 44], "more": 0, "not": {}},
            {
                "id": "23521",
                "charge": None,
                "seen_at": 1_795_000_000,
                "also": [43],
                "more": 7,
                "not": {"45": "price", "46": "taken"},
            },
        ],
        "others": [{"id": "23525", "charge": "1.8", "why": "units"}],
    }
    order_id = add_unconfirmed(database, verdict, progress)
    assert evidence_of(order_sync, order_id)[2:15] == [
        "  If the panel took it, its id lies between 23511 and 24511.",
        "  The panel was asked about 990 of these ids or so; 85 % of them were denied late enough to count.",
        "  It may be the panel order 23520 (charge 0.27), first seen at 2026-11-18 11:06:40.",
        "    That may also be the order 43 or 44.",
        "  It may be the panel order 23521 (no charge), first seen at 2026-11-18 11:06:40.",
        "    That may also be the order 43 or 7 others.",
        "    It can't be the order 45: its price at that time is known, and the charge differs.",
        "    It can't be the order 46: without it, another order would have to own two.",
        "  Or one of 1 other panel orders.",
        "  It isn't the panel order 23525 (charge 1.8): more units remain than were ordered.",
        "  What answered may be this order, and may be another one that is in doubt or being sent.",
        "  It waits until the others are settled, or a later order tells the price. Lost lookalikes may wait for you.",
        "",
    ]


@pytest.mark.parametrize(("until", "told"), [(4_000_000_000, True), (1_700_000_000, False), (None, False)])
def test_until_when_it_waits(order_sync: OrderSync, database: Database, until: int | None, *, told: bool) -> None:
    verdict = json.dumps({"verdict": "undecided", "doubt": "not_covered", "candidates": []})
    order_id = add_unconfirmed(database, verdict, {"between": [1, 9], "ids": 7, "counts": 0, "until": until})
    line = "  That it wasn't bought can't be known before 2096-10-02 07:06:40."
    assert (line in evidence_of(order_sync, order_id)) is told


def test_an_account_that_somebody_else_uses(order_sync: OrderSync, database: Database) -> None:
    order_id = add_unconfirmed(database, '{"verdict": "undecided", "doubt": "ambiguous", "candidates": ["5"]}')
    database.execute("INSERT INTO guards (panel, shared_since) VALUES ('default', '2026-11-18 11:06:40Z')")
    assert (
        "  Since 2026-11-18 11:06:40, the worker settles nothing on this panel: somebody else orders on its account. "
        "Say what is theirs: order-sync orders disown --panel default"
    ) in evidence_of(order_sync, order_id)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (None, "hasn't examined the panel's ids yet"),
        ('{"verdict": "absent"}', "the panel didn't take it"),
        ('{"verdict": "linked", "panel_order_id": "5"}', "It may be the panel order 5."),
    ],
)
def test_evidence_without_a_doubt(order_sync: OrderSync, database: Database, verdict: str | None, said: str) -> None:
    assert said in order_sync("orders", "show", str(add_unconfirmed(database, verdict))).out


def test_hostile_texts_are_shown_harmlessly(order_sync: OrderSync, database: Database) -> None:
    verdict = json.dumps({"verdict": "undecided", "doubt": HOSTILE, "candidates": [HOSTILE, "$(rm -rf /)"]})
    order_id = add_unconfirmed(
        database,
        verdict,
        link=HOSTILE,
        panel_status=HOSTILE,
        reference=HOSTILE[:100],
        params=json.dumps({"a": HOSTILE}),
    )
    database.insert("refills", order_id=order_id, state="rejected", error=HOSTILE, panel_status=HOSTILE)
    detail = json.dumps({"begin": HOSTILE, HOSTILE[:50]: 1, "about": [HOSTILE]})
    database.insert("order_events", order_id=order_id, kind=HOSTILE, state_after="unconfirmed", detail=detail)
    ended = order_sync("orders", "show", str(order_id))
    assert (ended.code, ended.err) == (0, "")
    assert all(c.isprintable() for line in ended.out.split("\n") for c in line)
    assert "\\x1b]0;owned\\x07\\r\\n\\x9b31m\\u202e\\u2028xxx" in ended.out
    assert len(ended.out) < 20_000
    assert "--panel-order-id '$(rm -rf /)' --why" in ended.out
    shown = json.loads(order_sync("orders", "show", str(order_id), "--json").out)
    assert shown["order"]["link"] == HOSTILE


@pytest.mark.parametrize("not_before", ["infinity", "-infinity", "200000-01-01", "4000-01-01 BC"])
def test_times_that_python_has_no_dates_for(order_sync: OrderSync, database: Database, not_before: str) -> None:
    order_id = database.add_order(not_before=not_before)
    for arguments in (["show", str(order_id)], ["show", str(order_id), "--json"], ["list"]):
        ended = order_sync("orders", *arguments)
        assert (ended.code, ended.err) == (0, "")


def test_numbers_that_python_does_not_read(order_sync: OrderSync, database: Database) -> None:
    digits = "9" * 10_000
    order_id = database.add_order(params=f'{{"a": {digits}}}')
    shown = json.loads(order_sync("orders", "show", str(order_id), "--json").out)
    assert shown["order"]["params"] == f'{{"a": {digits}}}'


def test_secrets_that_rows_hold_are_taken_out(
    order_sync: OrderSync, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_SYNC_PANELS__DEFAULT__URL", "https://panel.example/api/v2")
    monkeypatch.setenv("ORDER_SYNC_PANELS__DEFAULT__KEY", "k3y-hush")
    text = "no such key: k3y-hush"
    order_id = database.add_order(state="rejected", error_code=text, error=text, link="https://a:hush@example.com")
    for arguments in (["show", str(order_id)], ["show", str(order_id), "--json"], ["list"], ["list", "--json"]):
        ended = order_sync("orders", *arguments)
        assert ended.code == 0
        assert "hush" not in ended.text


def test_an_order_that_is_not_there(order_sync: OrderSync) -> None:
    ended = order_sync("orders", "show", "42")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("order-sync: order 42 doesn't exist: ")


def test_of_what_the_panel_told_each_line_has_what_was_new(order_sync: OrderSync, database: Database) -> None:
    order_id = database.add_submitted("5")
    for minutes, status, charge, remains in ((1, "Pending", "0.9", 100), (3, "Partial", "0.4", 100)):
        database.execute(
            "INSERT INTO order_events (order_id, at, kind, state_before, state_after, panel_status, charge, remains) "
            "SELECT id, created_at + make_interval(mins => %s), 'status', state, state, %s, %s, %s FROM orders",
            [minutes, status, charge, remains],
        )
    lines = order_sync("orders", "show", str(order_id)).out.partition("\nhistory\n")[2].splitlines()
    assert [line[25:] for line in lines] == [
        "+1m  status  panel status Pending; charge 0.9; remains 100",
        "+2m  status  panel status Pending → Partial; charge 0.9 → 0.4",
    ]
