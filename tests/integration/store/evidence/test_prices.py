"""What is kept of prices, and what is read of them about lost answers."""

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.evidence.conftest import Claim, Heard, ago, times
from tests.integration.store.plain_sql import Database
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import OrderReport
from worker.domain.orders.submission import Claimed
from worker.store.db.transactions import Transactions
from worker.store.evidence import prices as store_prices
from worker.store.evidence.prices import Prices
from worker.store.queue.prices import learn_prices

#: A charge that a panel tells for the first time, and the order of which it does.
Told = tuple[Claimed, str]
Learn = Callable[..., Any]


@pytest.fixture
def learn(engine: AsyncEngine) -> Learn:
    """What a poll learns from what a panel tells for the first time, unless `before` says otherwise."""

    async def learn(*told: Told, status: str = "In progress", before: Decimal | None = None) -> None:
        record = OrderRecord(OrderState.SUBMITTED, panel_order_id="1", charge=before)
        async with Transactions(engine).begin() as transaction:
            await learn_prices(
                transaction,
                [
                    (
                        Change(claimed.order_id, EventKind.STATUS, record, record),
                        OrderReport(status, Decimal(charge), "USD", 1, 2),
                    )
                    for claimed, charge in told
                ],
            )

    return learn


@pytest.fixture
def known(heard: Heard, database: Database) -> Callable[..., Any]:
    """A known order of so many units, sent so many seconds after noon."""

    async def known(second: float, units: int | None = 1000, *, service: str = "1", is_parent: bool = False) -> Claimed:
        number = database.scalar("SELECT count(*) + 100 FROM submissions")
        request = AddRequest(service, {}, Decimal(1), units, is_parent)
        claimed = await heard(str(number), request=request, service=service)
        database.execute(
            "UPDATE submissions SET began_at = now()::date + make_interval(hours => -12, secs => %s),"
            " ended_at = now()::date + make_interval(hours => -12, secs => %s) WHERE id = %s",
            [second, second + 0.5, claimed.token],
        )
        return claimed

    return known


def kept(database: Database) -> list[Any]:
    """The second after noon and the charge of each price, in order of time."""
    return database.all(
        "SELECT extract(epoch FROM began_at - (now()::date - interval '12 hours'))::float8, trim_scale(charge)::text"
        " FROM prices ORDER BY service, began_at"
    )


class TestLearned:
    async def test_the_charge_of_a_known_order(
        self, *, known: Callable[..., Any], learn: Learn, database: Database
    ) -> None:
        claimed = await known(0, 137, service="7")
        await learn((claimed, "0.1233"))
        (row,) = database.all("SELECT * FROM prices")
        assert (row.panel, row.service, row.units, row.charge) == ("default", "7", 137, Decimal("0.1233"))
        assert (row.began_at.timestamp(), row.ended_at.timestamp()) == times(database, claimed)

    @pytest.mark.parametrize(
        ("charge", "status", "before"),
        [("0", "Pending", None), ("0.9", "Canceled", None), ("0.9", "Partial", None), ("0.9", "Completed", "0.8")],
    )
    async def test_no_charge_that_may_not_be_the_first(
        self,
        *,
        charge: str,
        status: str,
        before: str | None,
        known: Callable[..., Any],
        learn: Learn,
        database: Database,
    ) -> None:
        await learn((await known(0), charge), status=status, before=None if before is None else Decimal(before))
        assert kept(database) == []

    async def test_no_charge_of_a_parent_or_of_an_order_that_evidence_linked(
        self, *, known: Callable[..., Any], lost: Claim, learn: Learn, database: Database
    ) -> None:
        await learn((await known(0, None, is_parent=True), "0.9"), (await lost(), "0.9"))
        assert kept(database) == []

    async def test_the_first_and_the_last_of_those_told_together(
        self, *, known: Callable[..., Any], learn: Learn, database: Database
    ) -> None:
        orders = [await known(second / 2) for second in range(8)]
        await learn(*((claimed, "0.9") for claimed in orders))
        assert kept(database) == [(0, "0.9"), (3.5, "0.9")]

    async def test_one_that_differs_from_its_neighbours_is_told_together_with_them(
        self, *, known: Callable[..., Any], learn: Learn, database: Database
    ) -> None:
        """A price that was another for a moment must be known: nothing is the same before and after it then."""
        orders = [await known(second / 2) for second in range(8)]
        await learn(*((claimed, "1.1" if at == 4 else "0.9") for at, claimed in enumerate(orders)))
        assert (2, "1.1") in kept(database)

    async def test_the_newest_and_about_one_in_ten_seconds(
        self, *, known: Callable[..., Any], learn: Learn, database: Database
    ) -> None:
        for second in range(36):
            await learn((await known(second), "0.9"))
        seconds = [second for second, _ in kept(database)]
        assert seconds[-1] == 35
        assert len(seconds) <= 6
        assert all(later - earlier <= 11 for earlier, later in pairwise(seconds))

    async def test_about_one_in_ten_seconds_of_very_many_told_late(
        self, *, known: Callable[..., Any], learn: Learn, database: Database
    ) -> None:
        await learn((await known(1000), "0.9"))
        await learn(*[(await known(second * 2), "0.9") for second in range(20)])
        assert [second for second, _ in kept(database)] == [0, 10, 20, 30, 38, 1000]

    @pytest.mark.parametrize("differs", ["0.1", "0.095", "0.09003"])
    async def test_each_one_that_differs(
        self, differs: str, *, known: Callable[..., Any], learn: Learn, database: Database
    ) -> None:
        """Though by no more than a hundredth: the panel tells money in finer steps."""
        await learn((await known(0, 73, service="2"), "0.27819"))
        for second, charge in enumerate(("0.09", differs, "0.09", "0.09", "0.09")):
            await learn((await known(second, 100), charge))
        assert (1, differs) in kept(database)
        assert len(kept(database)) == 5  # and its neighbours, the newest, and the other service's

    async def test_rounding_is_no_difference(
        self, *, known: Callable[..., Any], learn: Learn, database: Database
    ) -> None:
        for second, (units, charge) in enumerate([(1000, "0.9"), (137, "0.12"), (205, "0.18"), (1000, "0.9")]):
            await learn((await known(second, units), charge))
        assert [second for second, _ in kept(database)] == [0, 3]

    async def test_services_are_apart(self, *, known: Callable[..., Any], learn: Learn, database: Database) -> None:
        for second in range(4):
            await learn((await known(second, service=str(second % 2)), "0.9"))
        assert len(kept(database)) == 4


class TestBook:
    """Prices of services at so many seconds before now, and a catalogue that is read every minute."""

    @pytest.fixture
    def prices(self, engine: AsyncEngine) -> Prices:
        return Prices(engine, "default")

    @pytest.fixture
    def now(self, database: Database) -> float:
        """The database's clock; all of these prices lie before it."""
        database.execute(
            "INSERT INTO catalogue_readings (panel, asked_at, read_at)"
            " SELECT 'default', now() - n * interval '1 minute', now() - n * interval '1 minute' + interval '1 second'"
            " FROM generate_series(-10, 3000) n"
        )
        database.execute("INSERT INTO services (panel, service, rate, raw) VALUES ('default', '1', 0.9, '{}')")
        now: float = database.scalar("SELECT extract(epoch FROM now())::float8")
        return now

    def paid(
        self, database: Database, *ages: float, service: str = "1", charge: str = "9", units: int = 10_000
    ) -> None:
        """Notes prices of orders that were sent so many seconds ago."""
        database.execute(
            "INSERT INTO prices (panel, service, began_at, ended_at, units, charge)"
            " SELECT 'default', %s, now() - make_interval(secs => age), now() - make_interval(secs => age - 0.5),"
            " %s, %s"
            " FROM unnest(CAST(%s AS float8[])) age",
            [service, units, Decimal(charge), list(ages)],
        )

    async def test_a_price_that_was_the_same_before_and_after(
        self, prices: Prices, database: Database, now: float
    ) -> None:
        self.paid(database, 100, 10)
        self.paid(database, 90, 9, service="2", charge="5")
        database.execute("INSERT INTO prices SELECT 'other', service, began_at, ended_at, units, 1 FROM prices")
        book = await prices.book({"1"}, [now - 50, now - 20])
        assert book.grain == Decimal("0.01")
        charge = book.charge("1", 1000, now - 50, now - 20)
        assert charge is not None
        assert Decimal("0.9") in charge
        assert Decimal("0.93") not in charge

    async def test_a_change_that_the_catalogue_showed(self, prices: Prices, database: Database, now: float) -> None:
        self.paid(database, 100, 10)
        database.execute(
            "INSERT INTO service_changes (panel, service, at, kind, value_before, value_after) VALUES"
            " ('default', '1', now() - interval '30 s', 'rate', '0.8', '0.9'),"
            " ('default', '2', now() - interval '30 s', 'rate', '7', '8'),"
            " ('default', '1', now() - interval '30 s', 'name', 'a', 'b')"
        )
        book = await prices.book({"1"}, [now - 50, now - 20])
        assert book.of_a_unit("1", now - 50, now - 20) is None
        assert book._rates.shown("1", now - 50, now - 20) == {Decimal("0.8"), Decimal("0.9")}
        assert book._rates.shown("1", now - 400, now - 350) == {Decimal("0.8")}

    @pytest.mark.parametrize("kind", ["removed", "returned"])
    async def test_a_service_that_was_not_on_sale_for_a_while(
        self, kind: str, *, prices: Prices, database: Database, now: float
    ) -> None:
        self.paid(database, 100, 10)
        database.execute(
            "INSERT INTO service_changes (panel, service, at, kind, value_before)"
            " VALUES ('default', '1', now() - interval '30 s', %s, '7')",
            [kind],
        )
        book = await prices.book({"1"}, [now - 50, now - 20])
        assert book.of_a_unit("1", now - 50, now - 20) is None

    async def test_another_service_as_a_witness(self, prices: Prices, database: Database, now: float) -> None:
        self.paid(database, 100)
        self.paid(database, 110, 10, service="2", charge="5")
        book = await prices.book({"1"}, [now - 50, now - 20])
        assert book.of_a_unit("1", now - 50, now - 20) is not None

    async def test_a_reading_of_the_catalogue_is_wanted(self, prices: Prices, database: Database, now: float) -> None:
        self.paid(database, 100, 10)
        database.execute("DELETE FROM catalogue_readings WHERE read_at > now() - interval '30 s'")
        book = await prices.book({"1"}, [now - 50, now - 20])
        assert book.of_a_unit("1", now - 50, now - 20) is None
        assert book.wants_reading

    async def test_the_nearest_prices_beside_a_question_that_stays_open(
        self, prices: Prices, database: Database, now: float
    ) -> None:
        """It is from yesterday, and thousands of prices lie in between, most of them others."""
        yesterday = now - 72_000
        self.paid(database, *range(30, 72_100, 30), charge="7")
        self.paid(database, *range(25, 400, 30))
        database.execute("DELETE FROM prices WHERE charge = 7 AND began_at > now() - interval '500 s'")
        book = await prices.book({"1"}, [yesterday, yesterday + 20, now - 100, now - 70])
        for began_at, price in ((yesterday, "0.0007"), (now - 100, "0.0009")):
            of_a_unit = book.of_a_unit("1", began_at, began_at + 30)
            assert of_a_unit is not None
            assert of_a_unit.low < Decimal(price) < of_a_unit.high

    async def test_about_very_many_times_at_once_no_more_is_read_than_has_room(
        self, monkeypatch: pytest.MonkeyPatch, prices: Prices, database: Database, now: float
    ) -> None:
        monkeypatch.setattr(store_prices, "MOST_STRETCHES", 2)
        self.paid(database, *range(30, 72_100, 30))
        book = await prices.book({"1"}, [now - 1_000 * n for n in range(1, 70)])
        assert len(book._prices) < 1_000
        assert book.of_a_unit("1", now - 1_000, now - 900) is not None

    @pytest.mark.parametrize(("charge", "grain"), [("0.27", "0.01"), ("0.2781", "0.0001"), ("0.27819", "0.00001")])
    async def test_the_grain_of_the_newest_charges(
        self, charge: str, grain: str, *, prices: Prices, database: Database, heard: Heard, now: float
    ) -> None:
        for number in range(20):
            ago(database, await heard(str(100 + number)), 50 - number)
        database.execute("UPDATE orders SET charge = 0.3")
        database.execute("UPDATE orders SET charge = %s WHERE panel_order_id = '110'", [Decimal(charge)])
        await heard("200")  # not told yet
        assert (await prices.book({"1"}, [now])).grain == Decimal(grain)

    async def test_charges_that_may_have_been_rewritten_tell_no_grain(
        self, prices: Prices, database: Database, heard: Heard, now: float
    ) -> None:
        for number in range(25):
            await heard(str(100 + number))
        database.execute("UPDATE orders SET charge = 0.3")
        database.execute("UPDATE orders SET state = 'partial', charge = 0.12345 WHERE panel_order_id > '119'")
        assert (await prices.book({"1"}, [now])).grain == Decimal("0.01")
