"""The mirror of a panel's services, and the history of its changes."""

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.integration.store.plain_sql import Database
from worker.domain.orders.services import Service, ServiceChange
from worker.store.records.catalogue import Catalogue, ImplausibleListError

LIKES = Service(
    "1", "Likes", "Default", "First", Decimal("0.90"), 50, 10000, True, False, None, raw={"service": 1, "rate": "0.90"}
)
VIEWS = Service("2", "Views", raw={"service": 2})


@pytest.fixture
def catalogue(engine: AsyncEngine) -> Catalogue:
    return Catalogue(engine, "default")


async def mirror(catalogue: Catalogue, listed: list[Service]) -> list[ServiceChange]:
    """As after a call that was just made."""
    return await catalogue.mirror(listed, await catalogue.now())


def history(database: Database) -> list[Any]:
    return database.all("SELECT service, kind, value_before, value_after FROM service_changes ORDER BY id")


async def test_the_first_list_is_no_change(catalogue: Catalogue, database: Database) -> None:
    assert await mirror(catalogue, [LIKES, VIEWS]) == []
    likes, views = database.all("SELECT * FROM services ORDER BY service")
    assert (likes.panel, likes.service, likes.name, likes.type, likes.category) == (
        "default",
        "1",
        "Likes",
        "Default",
        "First",
    )
    assert (likes.rate, likes.min, likes.max) == (Decimal("0.90"), 50, 10000)
    assert (likes.refill, likes.cancel, likes.dripfeed) == (True, False, None)
    assert likes.raw == {"service": 1, "rate": "0.90"}
    assert (views.name, views.rate, views.removed_at) == ("Views", None, None)
    assert history(database) == []


async def test_the_same_list_again_writes_nothing(catalogue: Catalogue, database: Database) -> None:
    await mirror(catalogue, [LIKES, VIEWS])
    before = database.all("SELECT xmin::text, * FROM services ORDER BY service")
    assert await mirror(catalogue, [LIKES, VIEWS]) == []
    assert database.all("SELECT xmin::text, * FROM services ORDER BY service") == before


async def test_every_change_of_rate_min_max_and_name(catalogue: Catalogue, database: Database) -> None:
    await mirror(catalogue, [LIKES, VIEWS])
    dearer = replace(LIKES, name="More likes", rate=Decimal("1.10"), min=None, max=500, category="Second")
    changes = await mirror(catalogue, [dearer, VIEWS])
    expected = {
        ServiceChange("1", "rate", "0.90", "1.10"),
        ServiceChange("1", "min", "50", None),
        ServiceChange("1", "max", "10000", "500"),
        ServiceChange("1", "name", "Likes", "More likes"),
    }
    assert set(changes) == expected
    assert {ServiceChange(*row) for row in history(database)} == expected
    assert len(history(database)) == 4
    row = database.one("SELECT * FROM services WHERE service = '1'")
    assert (row.name, row.rate, row.min, row.category) == ("More likes", Decimal("1.10"), None, "Second")
    assert row.updated_at > row.created_at


async def test_a_rate_that_is_only_written_differently_is_no_change(catalogue: Catalogue, database: Database) -> None:
    await mirror(catalogue, [LIKES])
    assert await mirror(catalogue, [replace(LIKES, rate=Decimal("0.9"))]) == []
    assert history(database) == []


async def test_removal_and_return(catalogue: Catalogue, database: Database) -> None:
    await mirror(catalogue, [LIKES, VIEWS])
    assert await mirror(catalogue, [LIKES]) == [ServiceChange("2", "removed")]
    assert database.one("SELECT * FROM services WHERE service = '2'").removed_at is not None
    assert await mirror(catalogue, [LIKES]) == []
    cheaper = replace(VIEWS, rate=Decimal("0.01"))
    assert await mirror(catalogue, [LIKES, cheaper]) == [
        ServiceChange("2", "returned"),
        ServiceChange("2", "rate", None, "0.01"),
    ]
    assert database.one("SELECT * FROM services WHERE service = '2'").removed_at is None
    assert [row.kind for row in history(database)] == ["removed", "returned", "rate"]


@pytest.mark.parametrize("listed", [0, 4])
async def test_an_empty_or_much_shrunken_list_changes_nothing(
    catalogue: Catalogue, database: Database, listed: int
) -> None:
    services = [Service(str(n), raw={}) for n in range(10)]
    await mirror(catalogue, services)
    before = database.all("SELECT xmin::text, * FROM services ORDER BY service")
    with pytest.raises(ImplausibleListError) as refused:
        await mirror(catalogue, services[:listed])
    assert (refused.value.known, refused.value.listed) == (10, listed)
    assert database.all("SELECT xmin::text, * FROM services ORDER BY service") == before
    assert history(database) == []


async def test_what_was_removed_does_not_count_for_the_length(catalogue: Catalogue) -> None:
    services = [Service(str(n), raw={}) for n in range(10)]
    await mirror(catalogue, services)
    await mirror(catalogue, services[:5])
    assert len(await mirror(catalogue, services[:3])) == 2


async def test_an_empty_list_is_no_news_even_where_nothing_is_known(catalogue: Catalogue) -> None:
    with pytest.raises(ImplausibleListError):
        await mirror(catalogue, [])


async def test_panels_are_apart(catalogue: Catalogue, engine: AsyncEngine, database: Database) -> None:
    await mirror(catalogue, [LIKES, VIEWS])
    await mirror(Catalogue(engine, "other"), [replace(LIKES, rate=Decimal(5))])
    assert history(database) == []
    rates = database.all("SELECT panel, rate FROM services WHERE service = '1' ORDER BY panel")
    assert rates == [("default", Decimal("0.90")), ("other", Decimal(5))]


async def test_concurrent_mirrors_record_each_change_once(catalogue: Catalogue, database: Database) -> None:
    services = [replace(LIKES, service=str(n)) for n in range(200)]
    firsts = await asyncio.gather(*(mirror(catalogue, services) for _ in range(4)))
    assert firsts == [[]] * 4
    dearer = [replace(service, rate=Decimal(2)) for service in services]
    changes = await asyncio.gather(*(mirror(catalogue, dearer) for _ in range(4)))
    assert sorted(map(len, changes)) == [0, 0, 0, 200]
    assert len(history(database)) == 200


async def test_each_reading_is_noted_with_when_it_was_asked_for(catalogue: Catalogue, database: Database) -> None:
    for listed in ([LIKES], [LIKES]):
        asked_at = await catalogue.now()
        await catalogue.mirror(listed, asked_at)
        *_, reading = database.all("SELECT * FROM catalogue_readings ORDER BY read_at")
        assert (reading.panel, reading.asked_at) == ("default", asked_at)
        assert asked_at < reading.read_at < database.scalar("SELECT clock_timestamp()")
    with pytest.raises(ImplausibleListError):
        await mirror(catalogue, [])
    assert database.scalar("SELECT count(*) FROM catalogue_readings") == 2


async def test_a_change_lies_within_the_reading_that_showed_it(catalogue: Catalogue, database: Database) -> None:
    """After the reading before, and not after its own: a price counts as the same between two such times."""
    await mirror(catalogue, [LIKES])
    await mirror(catalogue, [replace(LIKES, rate=Decimal("1.10"))])
    first, second = database.all("SELECT asked_at, read_at FROM catalogue_readings ORDER BY read_at")
    (change,) = database.all("SELECT at FROM service_changes")
    assert first.read_at < second.asked_at < change.at <= second.read_at
