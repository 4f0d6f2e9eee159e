"""Looking for orders a window at a time: whatever is looked for, all pages together have it, each once, in order."""

import random
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.domain.orders.states import OrderState
from worker.store.views.order_search import OrderSearch, Page, Search

ROWS = 120


@pytest.fixture
def rows(database: Database) -> list[int]:
    """Orders of every kind, a minute apart; the ids of all, the newest first."""
    dice = random.Random(7)
    for n in range(ROWS):
        state = dice.choice(list(OrderState))
        database.add_order(
            state=str(state),
            panel=dice.choice(["one", "two"]),
            service=dice.choice(["1", "2"]),
            link=f"https://example.com/{dice.choice(['Me', 'you'])}/{n}",
            error_code=dice.choice(["refused", None]),
            panel_order_id=f"p-{n}",
            reference=f"r-{n}",
        )
    database.execute("UPDATE orders SET created_at = now() - make_interval(mins => (%s - id)::int)", [ROWS])
    return list(range(ROWS, 0, -1))


STATES = [
    (),
    (OrderState.REJECTED,),
    (OrderState.PENDING,),
    (OrderState.COMPLETED,),
    (OrderState.PENDING, OrderState.UNCONFIRMED, OrderState.SUBMITTED),
    (OrderState.COMPLETED, OrderState.REJECTED, OrderState.PENDING, OrderState.CANCELED),
]

ABOUT = [
    Search(),
    Search(panel="two", link="/me/"),
    Search(service="2", error_code="refused"),
    Search(since=timedelta(minutes=30)),
    Search(reference="r-60"),
    Search(panel="three"),
]


async def pages(finder: OrderSearch, search: Search, at_most: int) -> list[Page]:
    found = [await finder.page(search, at_most)]
    while (after := found[-1].next_after) is not None:
        found.append(await finder.page(replace(search, after=after), at_most))
    return found


def expected(database: Database, search: Search) -> list[int]:
    return [
        row.id
        for row in database.all("SELECT *, now() - created_at AS age FROM orders ORDER BY id DESC")
        if (not search.states or row.state in search.states)
        and search.panel in {None, row.panel}
        and search.service in {None, row.service}
        and search.error_code in {None, row.error_code}
        and search.reference in {None, row.reference}
        and (search.link or "").lower() in row.link.lower()
        and (search.since is None or row.age < search.since)
    ]


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize("window", [5, 1000])
async def test_all_pages_together_have_all(engine: AsyncEngine, database: Database, window: int) -> None:
    finder = OrderSearch(engine, window=window)
    for states, about in product(STATES, ABOUT):
        search = replace(about, states=states)
        found = await pages(finder, search, at_most=4)
        assert [order["id"] for page in found for order in page.orders] == expected(database, search), search
        assert all(len(page.orders) <= 4 for page in found)


@pytest.mark.usefixtures("rows")
async def test_a_page_says_how_far_back_it_came(engine: AsyncEngine, database: Database) -> None:
    page = await OrderSearch(engine, window=10).page(Search(link="nowhere"), 50)
    assert (page.orders, page.next_after) == ((), ROWS - 9)
    assert page.looked_back_to == database.order(ROWS - 9).created_at
    last = await OrderSearch(engine, window=10).page(Search(link="nowhere", after=10), 50)
    assert (last.next_after, last.looked_back_to) == (None, None)


@pytest.mark.usefixtures("rows")
async def test_it_ends_where_all_else_is_too_old(engine: AsyncEngine) -> None:
    """Within an hour of it, a row may still be younger than one with a higher id."""
    finder = OrderSearch(engine, window=10)
    assert len(await pages(finder, Search(since=timedelta(minutes=5)), 50)) == 7


@pytest.mark.usefixtures("rows")
async def test_a_full_page_needs_no_more_looking(engine: AsyncEngine) -> None:
    page = await OrderSearch(engine, window=10).page(Search(), 5)
    assert ([order["id"] for order in page.orders], page.next_after) == ([120, 119, 118, 117, 116], 116)
    assert page.looked_back_to is None
