"""Over which schemas a worker of revision 0002 can go on, and what it says of the others."""

import pytest

from worker.jobs.readiness import AskSchema
from worker.observe.liveness import Readiness
from worker.store.schema.revision import Schema

NEEDED = "0002"


async def obstacle(schema: Schema) -> str | None:
    async def asked() -> Schema:
        return schema

    readiness = Readiness()
    await AskSchema(asked, NEEDED, readiness).run()
    return readiness.obstacle


@pytest.mark.parametrize(
    "schema",
    [
        Schema("0002", serves="0002"),
        Schema("0002", serves="0001"),
        Schema("0002"),  # migrated before it was noted
        Schema("0003", serves="0002"),
        Schema("0009", serves="0001"),
    ],
)
async def test_it_is_ready_over_its_own_and_over_newer_ones_that_serve_it(schema: Schema) -> None:
    assert await obstacle(schema) is None


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (Schema(), "the schema is at nothing, and this version needs 0002"),
        (Schema("0001", serves="0001"), "the schema is at 0001, and this version needs 0002"),
        (Schema("0003"), "the schema is at 0003, and this version needs 0002"),
        (
            Schema("0003", serves="0003"),
            "the schema is at 0003, which serves 0003 and newer, and this version needs 0002",
        ),
    ],
)
async def test_it_is_not_over_an_older_one_or_one_that_took_something_away(schema: Schema, said: str) -> None:
    assert await obstacle(schema) == said
