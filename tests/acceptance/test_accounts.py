"""A worker with the settings of another account makes no call but the question, and one with the right ones goes on."""

from pathlib import Path

from tests.acceptance.conftest import Tables, differences
from tests.acceptance.daemon import settings_for, worker
from tests.acceptance.samples import insert
from worker.sandbox import Sandbox, SandboxOptions

SUBMITTED = "SELECT count(*) = {} FROM orders WHERE state = 'submitted' AND panel_status IS NOT NULL"


def order(number: int) -> dict[str, object]:
    return {"service": "1", "link": f"https://example.com/{number}", "quantity": 100 + number}


async def test_the_ids_of_one_account_are_not_taken_for_anothers(tables: Tables, tmp_path: Path) -> None:
    options = SandboxOptions(speed=0)
    async with Sandbox(options) as right, Sandbox(options) as other:
        settings = settings_for(tables.url, right.url)
        async with worker(settings, tmp_path / "first") as daemon:
            insert(tables.url, [order(1)])
            await tables.until(SUBMITTED.format(1))
            assert await daemon.stop() == 0

        insert(tables.url, [order(2)])
        async with worker(settings_for(tables.url, other.url), tmp_path / "wrong") as wrong:
            assert (await wrong.said("panel_paused"))["reason"] == "other_account"
            async with worker(settings, tmp_path / "second") as daemon:
                assert (await daemon.said("panel_resumed"))["reason"] == "other_account"
                await tables.until(SUBMITTED.format(2))
                assert await daemon.stop() == 0
            assert await wrong.stop() == 0
        assert set(other.journal.counts) == {"status"}

        insert(tables.url, [order(3)])
        moved = settings_for(tables.url, right.url.replace("127.0.0.1", "localhost"))
        async with worker(moved, tmp_path / "moved") as daemon:
            assert (await daemon.said("panel_moved"))["address_before"] == right.url
            await tables.until(SUBMITTED.format(3))
            assert await daemon.stop() == 0
        assert differences(tables, right, ("charge", "currency", "remains")) == []
