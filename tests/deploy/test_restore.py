"""Back to a backup that doesn't know what was bought since: deploy/postgres/after-restore.sql, and what it prevents."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import KINDS, Row, insert
from tests.conftest import new_database
from tests.deploy.conftest import DEPLOY
from worker.domain.orders.add_request import AddRequest, OrderRequest, check
from worker.domain.orders.services import _SPELLINGS, LISTS, TYPES, Service
from worker.domain.words import normalized
from worker.sandbox import Sandbox
from worker.sandbox.panel import ledger
from worker.sandbox.panel.catalogue import SERVICES

#: The evidence needs to know what orders cost before and after: it reads that soon, too.
SOON = {
    "PANELS__DEFAULT__TIMEOUT": "1",
    "RECONCILE__SETTLE": "1",
    "SCHEDULE__RECONCILE": "0.5",
    "SCHEDULE__STATUSES": "0.5",
    "SCHEDULE__SERVICES": "1",
    "POLLING__FASTEST": "0.5",
}

ALL_SUBMITTED = """
    SELECT NOT EXISTS (
        SELECT FROM orders WHERE state NOT IN ('submitted', 'completed', 'partial', 'canceled') AND not_before <= now()
    )
"""

VERDICTS = """
    SELECT o.reference, e.detail ->> 'verdict' AS verdict
    FROM order_events e JOIN orders o ON o.id = e.order_id
    WHERE e.kind = 'reconciled'
"""


def order(name: str, thousands: int, **more: Any) -> dict[str, Any]:
    """An order that costs much: of a small charge, rounding hides the price."""
    link = f"https://example.com/{name}"
    return {"service": "3", "link": link, "quantity": 1000 * thousands, "reference": name, **more}


def after_restore(url: str, restored_to: str, stopped_at: str) -> None:
    """The script, with the values that psql would put in."""
    script = (DEPLOY / "postgres" / "after-restore.sql").read_text()
    script = script.replace(":'restored_to'", f"'{restored_to}'").replace(":'stopped_at'", f"'{stopped_at}'")
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(script)


def now(tables: Tables) -> str:
    return str(tables.value("SELECT clock_timestamp()"))


async def test_nothing_is_bought_twice_and_all_is_found_again(database_url: str, postgres: str, tmp_path: Path) -> None:
    async with Sandbox() as sandbox:

        async def work(tables: Tables, log: str, later: Row | None = None) -> None:
            async with worker(settings_for(tables.url, sandbox.url, **SOON), tmp_path / log) as daemon:
                if later is not None:
                    await tables.until("SELECT count(*) = 2 FROM sightings")
                    insert(tables.url, [later])
                await tables.until(ALL_SUBMITTED)
                assert await daemon.stop() == 0

        def times_bought() -> Counter[str]:
            return Counter(entry["link"].rpartition("/")[2] for entry in ledger.orders(sandbox.panel))

        tables, name = Tables(database_url), urlsplit(database_url).path.removeprefix("/")
        insert(database_url, [order("first", 10)])
        await work(tables, "log1")
        tomorrow = str(tables.value("SELECT now() + interval '1 day'"))
        insert(database_url, [order("sent", 20), order("withdrawn", 30), order("later", 70, not_before=tomorrow)])
        with new_database(postgres, f"{name}_backup", name) as backup:
            restored_to = now(tables)
            tables.rows("DELETE FROM orders WHERE reference = 'withdrawn'")
            insert(database_url, [order("lost", 40)])
            await work(tables, "log2")
            stopped_at, last_event = now(tables), tables.value("SELECT max(id) FROM order_events")
            assert times_bought() == {"first": 1, "sent": 1, "lost": 1}

            # The backup knows nothing of that. What it doesn't have at all the shop puts back, from its own books.
            tables = Tables(backup)
            insert(backup, [order("lost", 40)])
            after_restore(backup, restored_to, stopped_at)
            states = {row["reference"]: row["state"] for row in tables.rows("SELECT reference, state FROM orders")}
            doubtful = dict.fromkeys(("sent", "withdrawn", "lost"), "unconfirmed")
            assert states == {"first": "submitted", "later": "pending", **doubtful}
            assert tables.value("SELECT min(id) FROM order_events WHERE kind = 'unconfirmed'") > last_event

            # By the time a worker has started, the one is later than all that the panel may still have taken. The other
            # shows that the price is still the same after what was bought has been seen.
            insert(backup, [order("new", 50)])
            await work(tables, "log3", later=order("newer", 60))
            assert times_bought() == dict.fromkeys(("first", "sent", "withdrawn", "lost", "new", "newer"), 1)
            assert differences(tables, sandbox, ()) == []
            verdicts = {row["reference"]: row["verdict"] for row in tables.rows(VERDICTS)}
            assert verdicts == {"sent": "linked", "lost": "linked", "withdrawn": "absent"}


def test_it_is_refused_while_a_worker_lives(database_url: str) -> None:
    with (
        psycopg.connect(database_url, application_name="order-sync"),
        pytest.raises(psycopg.errors.RaiseException, match="a worker is connected"),
    ):
        after_restore(database_url, "2026-01-01", "2026-01-02")


@pytest.mark.parametrize(("restored_to", "stopped_at"), [("2026-01-02", "2026-01-01"), ("2026-01-01", "2126-01-01")])
def test_times_that_cannot_be_are_refused(database_url: str, restored_to: str, stopped_at: str) -> None:
    with pytest.raises(psycopg.errors.RaiseException, match="must come before"):
        after_restore(database_url, restored_to, stopped_at)


#: Every way to write the name of a type: a panel's own words, and what it may do to them.
NAMES = {
    rule.name: [rule.name, *(spelling for spelling, type_ in _SPELLINGS.items() if type_ == normalized(rule.name))]
    for rule in TYPES
}
RESPELLED = (str.upper, str.casefold, lambda name: name.replace(" ", "_"), lambda name: f"\t{name.replace(' ', '-')} ")

#: Blank to Python, and not all of them to every locale of Postgres.
BLANKS = ("", " ", "\t", "\u00a0", "\u2003 ", "\x1f", "\u3000\u200a")
LINE_ENDS = ("\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x1e", "\x85", "\u2028", "\u2029")


def catalogue(dice: random.Random) -> Iterator[Service]:
    """The services of the sandbox at other prices, with their types in any spelling."""
    for service in SERVICES:
        name = dice.choice(NAMES[service.type or ""])
        rate = Decimal(dice.randrange(10**9)).scaleb(-dice.randrange(9))
        yield replace(service, type=dice.choice(RESPELLED)(name), rate=rate)


def entries(dice: random.Random, wanted: list[str]) -> list[Any] | str:
    """A list as a shop may write it: an array or a text, with blanks in between."""
    written: list[Any] = []
    for entry in wanted:
        written += [dice.choice(BLANKS), f"{dice.choice(BLANKS)}{entry}{dice.choice(BLANKS)}"]
    if dice.random() < 0.5:
        return [*written, None, " \n\t\n ", 7, True]
    return "".join(f"{line}{dice.choice(LINE_ENDS)}" for line in written)


def any_order(dice: random.Random, service: Service) -> Row:
    row = KINDS[int(service.service)](dice)
    for name in LISTS & row.get("params", {}).keys():
        row["params"][name] = entries(dice, [f"entry {number}" for number in range(dice.randint(1, 9))])
    if service.dripfeed and "runs" not in row and dice.random() < 0.5:
        row |= {"runs": dice.randint(1, 5), "interval_minutes": 10}
    return {"service": service.service, "link": "https://example.com/me", **row}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_it_expects_the_charges_that_the_worker_expects(database_url: str, seed: int) -> None:
    """The script prices orders in SQL: what it puts down is what the worker would have, for all types of service."""
    dice = random.Random(seed)
    services = {service.service: service for service in catalogue(dice)}
    rows = [any_order(dice, service) for service in services.values() for _ in range(10)]
    tables = Tables(database_url)
    for service in services.values():
        tables.rows(
            "INSERT INTO services (panel, service, type, rate, raw) VALUES ('default', %s, %s, %s, '{}')",
            service.service,
            service.type,
            service.rate,
        )
    ids = insert(database_url, rows)

    after_restore(database_url, now(tables), now(tables))

    told = {
        row["order_id"]: (row["expected_charge"], row["units"], row["is_parent"])
        for row in tables.rows("SELECT order_id, expected_charge, units, is_parent FROM submissions")
    }
    for order_id, row in zip(ids, rows, strict=True):
        request = check(OrderRequest(**row), services[row["service"]])
        assert isinstance(request, AddRequest), (request, row)
        assert told.pop(order_id) == (request.expected_charge, request.units, request.is_parent), row
    assert told == {}
