"""Back to a backup that doesn't know what was bought since: deploy/postgres/after-restore.sql, and what it prevents."""

from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert
from tests.conftest import new_database
from tests.deploy.conftest import DEPLOY
from worker.sandbox import Sandbox
from worker.sandbox.panel import ledger

SOON = {"RECONCILE__SETTLE": "0.4", "SCHEDULE__RECONCILE": "0.5"}

ALL_SUBMITTED = "SELECT NOT EXISTS (SELECT FROM orders WHERE state <> 'submitted' AND not_before <= now())"

VERDICTS = """
    SELECT o.reference, e.detail ->> 'verdict' AS verdict
    FROM order_events e JOIN orders o ON o.id = e.order_id
    WHERE e.kind = 'reconciled'
"""


def order(name: str, quantity: int, **more: Any) -> dict[str, Any]:
    return {"service": "1", "link": f"https://example.com/{name}", "quantity": quantity, "reference": name, **more}


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

        async def work(tables: Tables, log: str) -> None:
            async with worker(settings_for(tables.url, sandbox.url, **SOON), tmp_path / log) as daemon:
                await tables.until(ALL_SUBMITTED)
                assert await daemon.stop() == 0

        def times_bought() -> Counter[str]:
            return Counter(entry["link"].rpartition("/")[2] for entry in ledger.orders(sandbox.panel))

        tables, name = Tables(database_url), urlsplit(database_url).path.removeprefix("/")
        insert(database_url, [order("first", 100)])
        await work(tables, "log1")
        tomorrow = str(tables.value("SELECT now() + interval '1 day'"))
        insert(database_url, [order("sent", 200), order("withdrawn", 300), order("later", 700, not_before=tomorrow)])
        with new_database(postgres, f"{name}_backup", name) as backup:
            restored_to = now(tables)
            tables.rows("DELETE FROM orders WHERE reference = 'withdrawn'")
            insert(database_url, [order("lost", 400)])
            await work(tables, "log2")
            stopped_at, last_event = now(tables), tables.value("SELECT max(id) FROM order_events")
            assert times_bought() == {"first": 1, "sent": 1, "lost": 1}

            # The backup knows nothing of that. What it doesn't have at all the shop puts back, from its own books.
            tables = Tables(backup)
            insert(backup, [order("lost", 400)])
            after_restore(backup, restored_to, stopped_at)
            states = {row["reference"]: row["state"] for row in tables.rows("SELECT reference, state FROM orders")}
            doubtful = dict.fromkeys(("sent", "withdrawn", "lost"), "unconfirmed")
            assert states == {"first": "submitted", "later": "pending", **doubtful}
            assert tables.value("SELECT min(id) FROM order_events WHERE kind = 'unconfirmed'") > last_event

            # By the time a worker has started, this one is later than all that the panel may still have taken.
            insert(backup, [order("new", 500)])
            await work(tables, "log3")
            assert times_bought() == dict.fromkeys(("first", "sent", "withdrawn", "lost", "new"), 1)
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
