"""Asks the database whether its schema serves this version of the worker."""

from collections.abc import Awaitable, Callable

from worker.observe.liveness import Readiness
from worker.store.schema.revision import Schema


class AskSchema:
    """Notes in the worker's readiness whether the database answers, and with which schema."""

    def __init__(self, schema: Callable[[], Awaitable[Schema]], needed: str, readiness: Readiness) -> None:
        """`schema` reads the database's schema; `needed` is the revision that this version was made for."""
        self._schema = schema
        self._needed = needed
        self._readiness = readiness

    async def run(self) -> None:
        try:
            schema = await self._schema()
        except Exception:
            self._readiness.note("the database can't be reached")
            raise
        self._readiness.note(None if schema.carries(self._needed) else self._obstacle(schema))

    def _obstacle(self, schema: Schema) -> str:
        at = f"the schema is at {schema.revision or 'nothing'}"
        if schema.serves is not None and schema.serves > self._needed:
            return f"{at}, which serves {schema.serves} and newer, and this version needs {self._needed}"
        return f"{at}, and this version needs {self._needed}"
