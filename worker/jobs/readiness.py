"""Whether the database is there, with the schema that this version needs."""

from collections.abc import Awaitable, Callable

from worker.observe.health import Readiness as Ready


class Readiness:
    def __init__(self, revision: Callable[[], Awaitable[str | None]], needed: str, ready: Ready) -> None:
        """`revision` asks which one the schema is at."""
        self._revision = revision
        self._needed = needed
        self._ready = ready

    async def run(self) -> None:
        try:
            revision = await self._revision()
        except Exception:
            self._ready.checked("the database can't be reached")
            raise
        if revision == self._needed:
            self._ready.checked(None)
        else:
            self._ready.checked(f"the schema is at {revision or 'nothing'}, and this version needs {self._needed}")
