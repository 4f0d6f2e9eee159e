"""Whether the database is there, with a schema that this version can work on."""

from collections.abc import Awaitable, Callable

from worker.observe.liveness import Readiness as Ready
from worker.store.schema.revision import Schema


class Readiness:
    def __init__(self, schema: Callable[[], Awaitable[Schema]], needed: str, ready: Ready) -> None:
        """`schema` asks what the database says of it; `needed` is the revision that this version was made for."""
        self._schema = schema
        self._needed = needed
        self._ready = ready

    async def run(self) -> None:
        try:
            schema = await self._schema()
        except Exception:
            self._ready.checked("the database can't be reached")
            raise
        self._ready.checked(None if schema.carries(self._needed) else self._obstacle(schema))

    def _obstacle(self, schema: Schema) -> str:
        at = f"the schema is at {schema.revision or 'nothing'}"
        if schema.serves is not None and schema.serves > self._needed:
            return f"{at}, which serves {schema.serves} and newer, and this version needs {self._needed}"
        return f"{at}, and this version needs {self._needed}"
