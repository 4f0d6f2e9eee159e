"""How much money left an account that only one lost order explains."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.evidence.conftest import Claim, Heard
from tests.integration.store.plain_sql import Database
from worker.domain.evidence.landmarks import Landmarks
from worker.domain.evidence.owners import suspects_of
from worker.domain.evidence.questions import Premises
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import NotSent, Reason, Refused
from worker.store.evidence import money as store_money
from worker.store.evidence.money import Money
from worker.store.evidence.reading import Reading
from worker.store.queue.settle import Settlements

#: Seconds that a call to the panel may take.
CALL = 5.0

Gone = Callable[[], Any]


@pytest.fixture
def money(engine: AsyncEngine) -> Money:
    return Money(engine, "default", longest_call=CALL)


def costing(charge: str | None, *, is_parent: bool = False) -> AddRequest:
    return AddRequest("1", {}, None if charge is None else Decimal(charge), 100, is_parent)


class TestUnexplained:
    """An order was lost between two readings of the balance: 100 before, and 99 after it."""

    @pytest.fixture
    async def gone(self, *, money: Money, reading: Reading, database: Database, lost: Claim) -> Gone:
        claimed = await lost(costing("0.9"))
        database.execute(
            "INSERT INTO balances (panel, at, balance, currency) VALUES"
            " ('default', now() - interval '10 minutes', 1, 'USD'),"
            " ('default', now() - interval '2 minutes', 100, 'USD'),"
            " ('other', now() - interval '95 seconds', 1, 'USD'),"
            " ('other', now() + interval '10 seconds', 1, 'USD'),"
            " ('default', now() + interval '1 minute', 99, 'USD'),"
            " ('default', now() + interval '2 minutes', 1, 'USD')"
        )
        database.execute("UPDATE balances SET asked_at = at - interval '5 seconds'")
        database.execute("UPDATE submissions SET began_at = began_at - interval '90 seconds'")

        async def gone() -> Decimal | None:
            suspects = suspects_of((await reading.snapshot()).questions, Landmarks(()), Premises(late=0, hidden=0))
            return await money.unexplained(next(one for one in suspects if one.question.order_id == claimed.order_id))

        return gone

    async def test_between_the_nearest_readings(self, gone: Gone) -> None:
        assert await gone() == Decimal(1)

    async def test_what_others_cost_is_explained(
        self, gone: Gone, heard: Heard, lost: Claim, database: Database
    ) -> None:
        await heard("101", request=costing("0.2"))
        await lost(costing("0.05"))
        assert await gone() == Decimal("0.75")
        database.execute("UPDATE orders SET charge = 0.25 WHERE panel_order_id = '101'")
        assert await gone() == Decimal("0.7")

    @pytest.mark.parametrize("outcome", [NotSent("no route"), Refused(Reason.LINK_REFUSED, "no")])
    async def test_what_was_not_bought_costs_nothing(
        self, *, gone: Gone, settlements: Settlements, claim: Claim, outcome: NotSent | Refused
    ) -> None:
        await settlements.settle([(await claim(costing("0.2")), outcome)])
        assert await gone() == Decimal(1)

    async def test_another_panels_order_costs_nothing(self, gone: Gone, heard: Heard) -> None:
        await heard("101", request=costing("0.2"), panel="other")
        assert await gone() == Decimal(1)

    @pytest.mark.parametrize(
        ("ended", "explained"), [("2 minutes", True), ("125.5 seconds", False), ("10 minutes", False)]
    )
    async def test_what_ended_before_the_reading_began_was_in_it(
        self, *, gone: Gone, heard: Heard, database: Database, ended: str, explained: bool
    ) -> None:
        claimed = await heard("101", request=costing("0.2"))
        database.execute(
            "UPDATE submissions SET ended_at = now() - %s::interval, began_at = now() - %s::interval - interval '1 s'"
            " WHERE id = %s",
            [ended, ended, claimed.token],
        )
        assert await gone() == (Decimal("0.8") if explained else Decimal(1))

    @pytest.mark.parametrize("request_", [costing(None), costing("1", is_parent=True)])
    async def test_beside_one_whose_cost_nobody_knows(self, gone: Gone, heard: Heard, request_: AddRequest) -> None:
        await heard("101", request=request_)
        assert await gone() is None

    @pytest.mark.parametrize(
        "spoil",
        [
            "DELETE FROM balances WHERE at < now()",
            "DELETE FROM balances WHERE at > now()",
            "UPDATE balances SET currency = 'EUR' WHERE at > now()",
            "UPDATE balances SET asked_at = now() - interval '1 minute' WHERE at > now()",
        ],
    )
    async def test_without_a_reading_on_both_sides(self, gone: Gone, database: Database, spoil: str) -> None:
        database.execute(spoil)
        assert await gone() is None

    async def test_among_too_many(self, gone: Gone, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(store_money, "TOO_MANY", 1)
        assert await gone() == Decimal(1)
        await heard("101")
        assert await gone() is None


async def test_when_the_newest_balance_was_asked_for(money: Money, database: Database) -> None:
    assert await money.read_at() == 0.0
    database.execute("INSERT INTO balances (panel, at, balance) VALUES ('default', to_timestamp(1000), 1)")
    assert await money.read_at() == 1000.0
    database.execute(
        "INSERT INTO balances (panel, at, asked_at, balance)"
        " VALUES ('default', to_timestamp(2000), to_timestamp(1990), 1), ('other', to_timestamp(3000), NULL, 1)"
    )
    assert await money.read_at() == 1990.0
