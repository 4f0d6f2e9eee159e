"""The nightly audit tells of each difference once, from a threshold on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs

from worker.domain.money.audit import BalanceReading
from worker.jobs.audit import Audit
from worker.store.records.audit import Material
from worker.store.records.audit_results import LatestAudit

NOW = datetime(2026, 1, 9, tzinfo=UTC)


class Job:
    def __init__(self, *, due=True):
        self.due = due

    async def claim(self):
        return self.due

    async def succeeded(self):
        pass


class Money:
    """A balance that was read every hour, and fell by so much without an order; stands in for the database."""

    def __init__(self, *falls):
        self.falls = falls
        self.asked = []
        self.recorded = []
        self.now_is = NOW

    async def now(self):
        return self.now_is

    async def latest(self):
        if not self.recorded:
            return None
        report = self.recorded[-1]
        return LatestAudit(report.currency, report.opening.at, report.closing.at, report.certainly_missing)

    async def material(self, since, until):
        self.asked.append((since, until))
        hours = [NOW - timedelta(hours=n) for n in range(300, -300, -1)]
        balance = {at: 100 - sum((fall for when, fall in self.falls if when <= at), Decimal(0)) for at in hours}
        return Material(tuple(BalanceReading(at, at, balance[at], "USD") for at in hours if since <= at <= until), ())

    async def record(self, report):
        self.recorded.append(report)


def job(money, *, threshold="0.01", lag=3600.0, due=True):
    unexplained = []
    made = Audit(
        "default",
        audits=money,
        job=Job(due=due),
        threshold=Decimal(threshold),
        lag=lag,
        unexplained=lambda currency, amount: unexplained.append((currency, amount)),
    )
    return made, unexplained


async def told(made):
    with capture_logs() as lines:
        await made.run()
    return [(line["missing"], line["orders"]) for line in lines if line["event"] == "balance_unexplained"]


FALL = (NOW - timedelta(hours=30), Decimal("0.50"))


async def test_a_difference_is_told_once_though_the_next_audit_sees_it_again():
    money = Money(FALL)
    made, _ = job(money)
    assert await told(made) == [(Decimal("0.50"), [])]
    money.now_is += timedelta(days=1)
    assert await told(made) == []
    assert money.asked == [
        (NOW - timedelta(days=7, hours=1), NOW - timedelta(hours=1)),
        (NOW - timedelta(days=1, hours=1), NOW + timedelta(hours=23)),
    ]


async def test_what_fell_after_the_last_audit_is_told_by_the_next():
    later = NOW + timedelta(minutes=30)
    money = Money(FALL, (later, Decimal("0.25")))
    made, _ = job(money)
    await made.run()
    money.now_is += timedelta(days=1)
    assert await told(made) == [(Decimal("0.25"), [])]


async def test_after_a_long_rest_it_goes_back_a_week_at_the_most():
    money = Money()
    made, _ = job(money)
    await made.run()
    money.now_is += timedelta(days=10)
    await made.run()
    assert money.asked[-1][0] == money.now_is - timedelta(days=7, hours=1)


@pytest.mark.parametrize(("threshold", "lines"), [("0.50", 1), ("0.51", 0), ("0", 1)])
async def test_the_threshold(threshold, lines):
    made, _ = job(Money(FALL), threshold=threshold)
    assert len(await told(made)) == lines


async def test_nothing_is_told_where_nothing_is_missing():
    made, unexplained = job(Money(), threshold="0")
    assert await told(made) == []
    assert unexplained == [("USD", 0)]


async def test_every_worker_knows_what_the_last_audit_came_to():
    money = Money(FALL)
    made, unexplained = job(money, due=False)
    await made.run()
    assert (money.asked, unexplained) == ([], [])
    await job(money)[0].run()
    await made.run()
    assert unexplained == [("USD", Decimal("-0.50"))]
