"""What workers share: their leases, the jobs that one does for all, the history of balances."""

import asyncio
from decimal import Decimal

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.domain.orders.statuses import Balance
from worker.store.queue.take_over import take_over
from worker.store.records.balances import Balances
from worker.store.shared.leases import LEASE, Workers
from worker.store.shared.periodic_work import PeriodicWork


class TestWorkers:
    async def test_a_lease_runs_from_its_renewal(self, workers: Workers, database: Database) -> None:
        worker_id = await workers.begin()
        row = database.row("workers", worker_id)
        assert (row.name, row.ended_at) == ("test:1", None)
        begun = row.lease_until
        assert 0 < database.scalar("SELECT extract(epoch FROM lease_until - now()) FROM workers") <= LEASE
        assert await workers.renew(worker_id) is True
        assert database.row("workers", worker_id).lease_until > begun

    async def test_every_start_is_a_new_worker(self, workers: Workers) -> None:
        assert await workers.begin() != await workers.begin()

    async def test_what_ended_is_not_renewed(self, workers: Workers, database: Database) -> None:
        worker_id = await workers.begin()
        await workers.end(worker_id)
        ended = database.row("workers", worker_id)
        assert ended.ended_at is not None
        assert await workers.renew(worker_id) is False
        await workers.end(worker_id)
        assert database.row("workers", worker_id) == ended

    async def test_a_lease_that_ran_out_is_good_until_somebody_takes_over(
        self, workers: Workers, engine: AsyncEngine, database: Database
    ) -> None:
        worker_id = await workers.begin()
        database.execute("UPDATE workers SET lease_until = now() - interval '1 s'")
        assert await workers.renew(worker_id) is True
        database.execute("UPDATE workers SET lease_until = now() - interval '1 s'")
        await take_over(engine)
        assert await workers.renew(worker_id) is False


class TestPeriodicWork:
    @pytest.fixture
    def job(self, engine: AsyncEngine) -> PeriodicWork:
        return PeriodicWork(engine, "default", "services", 3600)

    async def test_one_of_many_does_it(self, job: PeriodicWork, database: Database) -> None:
        assert sorted(await asyncio.gather(*(job.claim() for _ in range(8)))) == [False] * 7 + [True]
        assert await job.claim() is False
        database.execute("UPDATE periodic_jobs SET due_at = now()")
        assert sorted(await asyncio.gather(*(job.claim() for _ in range(8)))) == [False] * 7 + [True]

    async def test_each_job_of_each_panel_has_its_own_time(self, job: PeriodicWork, engine: AsyncEngine) -> None:
        assert await job.claim() is True
        assert await PeriodicWork(engine, "default", "balance", 3600).claim() is True
        assert await PeriodicWork(engine, "other", "services", 3600).claim() is True

    async def test_it_can_be_hastened_and_never_delayed(self, job: PeriodicWork, database: Database) -> None:
        await job.claim()
        due_at = database.scalar("SELECT due_at FROM periodic_jobs")
        await job.hasten(7200)
        assert database.scalar("SELECT due_at FROM periodic_jobs") == due_at
        await job.hasten(0)
        assert await job.claim() is True

    async def test_a_schedule_that_was_longer_is_void(self, job: PeriodicWork, engine: AsyncEngine) -> None:
        await job.claim()
        assert await PeriodicWork(engine, "default", "services", 60).claim() is True

    async def test_its_age_is_that_of_its_last_success(self, job: PeriodicWork, database: Database) -> None:
        assert await job.age() is None
        await job.claim()
        assert await job.age() is None
        await job.succeeded()
        database.execute("UPDATE periodic_jobs SET succeeded_at = succeeded_at - interval '100 s'")
        age = await job.age()
        assert age is not None
        assert 100 <= age < 200


async def test_balances_are_kept_exactly(engine: AsyncEngine, database: Database) -> None:
    balances = Balances(engine, "default")
    await balances.record(Balance(Decimal("100.84292"), "USD"), await balances.now())
    await balances.record(Balance(Decimal("-0.00000001"), None), await balances.now())
    rows = database.all("SELECT panel, balance, currency FROM balances ORDER BY id")
    assert rows == [("default", Decimal("100.84292"), "USD"), ("default", Decimal("-0.00000001"), None)]
