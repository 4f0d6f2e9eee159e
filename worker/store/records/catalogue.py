"""Mirrors a panel's catalogue, and keeps the history of its changes."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.orders.services import Service, ServiceChange, changes_between, is_plausible
from worker.store.db.clock import now_of

_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('order_sync services ' || :panel))")

_KNOWN = text("""
    SELECT service, name, type, category, rate, min, max, refill, cancel, dripfeed, raw,
        removed_at IS NOT NULL AS removed
    FROM services WHERE panel = :panel
""")

_ENTRY = text(f"{_KNOWN.text} AND service = :service")

_ANY = text("SELECT EXISTS (SELECT FROM services WHERE panel = :panel)")

_UPSERT = text("""
    INSERT INTO services AS s
        (panel, service, name, type, category, rate, min, max, refill, cancel, dripfeed, raw)
    SELECT :panel, c.service, c.name, c.type, c.category, c.rate, c.min, c.max, c.refill, c.cancel, c.dripfeed,
        CAST(c.raw AS jsonb)
    FROM unnest(
        CAST(:service AS text[]), CAST(:name AS text[]), CAST(:type AS text[]), CAST(:category AS text[]),
        CAST(:rate AS numeric[]), CAST(:min AS bigint[]), CAST(:max AS bigint[]),
        CAST(:refill AS bool[]), CAST(:cancel AS bool[]), CAST(:dripfeed AS bool[]), CAST(:raw AS text[])
    ) AS c(service, name, type, category, rate, min, max, refill, cancel, dripfeed, raw)
    ON CONFLICT (panel, service) DO UPDATE SET
        name = excluded.name, type = excluded.type, category = excluded.category, rate = excluded.rate,
        min = excluded.min, max = excluded.max, refill = excluded.refill, cancel = excluded.cancel,
        dripfeed = excluded.dripfeed, raw = excluded.raw, removed_at = NULL, updated_at = now()
    WHERE (s.name, s.type, s.category, s.rate, s.min, s.max, s.refill, s.cancel, s.dripfeed, s.raw, s.removed_at)
        IS DISTINCT FROM (
            excluded.name, excluded.type, excluded.category, excluded.rate, excluded.min, excluded.max,
            excluded.refill, excluded.cancel, excluded.dripfeed, excluded.raw, NULL
        )
""")

_REMOVE = text("""
    UPDATE services SET removed_at = now(), updated_at = now() WHERE panel = :panel AND service = ANY(:service)
""")

_CHANGES = text("""
    INSERT INTO service_changes (panel, service, kind, value_before, value_after)
    SELECT :panel, c.service, c.kind, c.value_before, c.value_after
    FROM unnest(
        CAST(:service AS text[]), CAST(:kind AS text[]), CAST(:value_before AS text[]), CAST(:value_after AS text[])
    ) AS c(service, kind, value_before, value_after)
""")


_READ = text("INSERT INTO catalogue_readings (panel, asked_at) VALUES (:panel, :asked_at)")


class ImplausibleListError(Exception):
    """Raised when a panel's list is empty, or much shorter than the mirror, which then stays as it is."""

    def __init__(self, known: int, listed: int) -> None:
        super().__init__(f"the panel listed {listed} services where {known} are known")
        self.known = known
        self.listed = listed


class Catalogue:
    """The mirror of one panel's catalogue."""

    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._panel = panel

    async def entry(self, service: str) -> tuple[Service, bool] | None:
        """Returns a service, and whether the panel has removed it; None if the catalogue never had it."""
        async with self._engine.connect() as connection:
            about = {"panel": self._panel, "service": service}
            row = (await connection.execute(_ENTRY, about)).one_or_none()
            return None if row is None else (_service(row), row.removed)

    async def is_known(self) -> bool:
        """Tells whether a worker has ever mirrored the catalogue."""
        async with self._engine.connect() as connection:
            return bool(await connection.scalar(_ANY, {"panel": self._panel}))

    async def now(self) -> datetime:
        """Returns the time by the database's clock."""
        async with self._engine.connect() as connection:
            return await now_of(connection)

    async def mirror(self, listed: Sequence[Service], asked_at: datetime) -> list[ServiceChange]:
        """Makes the mirror equal to the panel's list; returns what changed. Raises ImplausibleListError.

        `asked_at`: the time of `now` before the worker asked the panel.
        """
        async with self._engine.begin() as connection:
            await connection.execute(_LOCK, {"panel": self._panel})
            rows = (await connection.execute(_KNOWN, {"panel": self._panel})).all()
            known = {row.service: (_service(row), row.removed) for row in rows}
            present = sum(not removed for _, removed in known.values())
            if not is_plausible(present, len(listed)):
                raise ImplausibleListError(present, len(listed))
            changes = changes_between(known, listed)
            await self._write(connection, listed, changes)
            await connection.execute(_READ, {"panel": self._panel, "asked_at": asked_at})
        return changes

    async def _write(
        self, connection: AsyncConnection, listed: Sequence[Service], changes: Sequence[ServiceChange]
    ) -> None:
        await connection.execute(_UPSERT, {"panel": self._panel, **_columns(listed)})
        removed = [change.service for change in changes if change.kind == "removed"]
        await connection.execute(_REMOVE, {"panel": self._panel, "service": removed})
        await connection.execute(
            _CHANGES,
            {
                "panel": self._panel,
                "service": [change.service for change in changes],
                "kind": [change.kind for change in changes],
                "value_before": [change.before for change in changes],
                "value_after": [change.after for change in changes],
            },
        )


def _columns(services: Sequence[Service]) -> dict[str, list[Any]]:
    names = ("service", "name", "type", "category", "rate", "min", "max", "refill", "cancel", "dripfeed")
    columns: dict[str, list[Any]] = {name: [getattr(service, name) for service in services] for name in names}
    columns["raw"] = [json.dumps(service.raw or {}, default=str) for service in services]
    return columns


def _service(row: Any) -> Service:
    return Service(
        row.service,
        row.name,
        row.type,
        row.category,
        row.rate,
        row.min,
        row.max,
        row.refill,
        row.cancel,
        row.dripfeed,
        row.raw,
    )
