"""Keeps which account each panel name leads to, and led to before: ids of orders belong to an account."""

import asyncio
from collections.abc import Collection, Mapping
from enum import Enum, auto

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from worker.domain.accounts import Account, Changed, Fingerprint, Identity, Known, New, Noted, identify

_NOTED = text("SELECT panel, account, address, salt, key_hash FROM accounts ORDER BY id")

#: Two workers that start at once note the same account once.
_LOCK = text("LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE")

_NOTE = text("""
    INSERT INTO accounts (panel, account, address, salt, key_hash)
    VALUES (
        :panel, coalesce(CAST(:account AS bigint), (SELECT coalesce(max(account), 0) + 1 FROM accounts)),
        :address, :salt, :key_hash
    )
    RETURNING account
""")

_MERGE = text("UPDATE accounts SET account = :account WHERE account = :other")

_NAMES = text("SELECT DISTINCT panel FROM accounts WHERE account = :account ORDER BY panel")

_NUMBER = text("SELECT account FROM accounts WHERE panel = :panel ORDER BY id DESC LIMIT 1")

#: The newest ids that the panel told in its answers.
NEWEST_IDS = text("""
    SELECT s.panel_order_id FROM unnest(CAST(:panels AS text[])) AS name(panel) CROSS JOIN LATERAL (
        SELECT panel_order_id, began_at FROM submissions
        WHERE panel = name.panel AND outcome = 'accepted' AND panel_order_id IS NOT NULL
        ORDER BY began_at DESC LIMIT :at_most
    ) s
    ORDER BY s.began_at DESC LIMIT :at_most
""")

#: Ids of orders, some of which evidence or a person found out.
SOME_IDS = text("""
    SELECT o.panel_order_id FROM unnest(CAST(:panels AS text[])) AS name(panel) CROSS JOIN LATERAL (
        SELECT panel_order_id FROM orders WHERE panel = name.panel AND panel_order_id IS NOT NULL
        ORDER BY panel_order_id DESC LIMIT :at_most
    ) o
    LIMIT :at_most
""")

#: The orders that workers would poll or examine, by panel.
OPEN_ORDERS = text("""
    SELECT panel, count(*) AS orders FROM (
        SELECT panel FROM polls WHERE panel = ANY(:panels) AND NOT settling
        UNION ALL
        SELECT panel FROM orders WHERE panel = ANY(:panels) AND state = 'unconfirmed'
    ) open GROUP BY panel
""")


class FoundOut(Enum):
    """Why a panel name may lead to an account that differs from the one that was noted."""

    SAME = auto()  #: it is the same account, under another address or key
    UNUSED = auto()  #: no order of this name has an id on the panel


class Accounts:
    """What is noted of one panel name, beside all others."""

    def __init__(self, engine: AsyncEngine, panel: str) -> None:
        self._engine = engine
        self._panel = panel

    async def identify(self, account: Account) -> Identity:
        """Tells what an account is to this panel name, by what was noted so far."""
        async with self._engine.connect() as connection:
            return await self._identify(connection, account)

    async def note(self, account: Account, found_out: FoundOut | None = None) -> Identity:
        """Notes the account of a new panel name, and tells what the account was to this name before.

        It notes a changed account only with `found_out`: why it may have this name.
        """
        async with self._engine.begin() as connection:
            await connection.execute(_LOCK)
            found = await self._identify(connection, account)
            match found:
                case Known():
                    pass
                case New(number):
                    await self._note(connection, account, number)
                case Changed(number, fits=fits) if found_out is FoundOut.SAME:
                    if fits is not None:
                        await connection.execute(_MERGE, {"account": number, "other": fits.account})
                    await self._note(connection, account, number)
                case Changed(fits=fits) if found_out is FoundOut.UNUSED:
                    await self._note(connection, account, None if fits is None else fits.account)
                case Changed():
                    pass
            return found

    async def open_orders_elsewhere(self, account: int, configured: Collection[str]) -> Mapping[str, int]:
        """Counts the orders that nobody follows: open ones under names that an account had and that no panel has now.

        A name without open orders is there, too.
        """
        async with self._engine.connect() as connection:
            names = (await connection.execute(_NAMES, {"account": account})).scalars()
            former = [name for name in names if name not in configured]
            rows = (await connection.execute(OPEN_ORDERS, {"panels": former})) if former else ()
            return dict.fromkeys(former, 0) | {row.panel: row.orders for row in rows}

    async def newest_ids(self, at_most: int) -> list[str]:
        """Returns panel order ids of this account's orders, under any of its names: the newest that are known."""
        async with self._engine.connect() as connection:
            about = {"panels": await names_of_account(connection, self._panel), "at_most": at_most}
            ids = (await connection.execute(NEWEST_IDS, about)).scalars().all()
            return list(ids or (await connection.execute(SOME_IDS, about)).scalars())

    async def _identify(self, connection: AsyncConnection, account: Account) -> Identity:
        rows = await connection.execute(_NOTED)
        noted = [Noted(row.panel, row.account, Fingerprint(row.address, row.salt, row.key_hash)) for row in rows]
        return await asyncio.to_thread(identify, self._panel, account, noted)  # it hashes, which takes a while

    async def _note(self, connection: AsyncConnection, account: Account, number: int | None) -> None:
        fingerprint = Fingerprint.of(account)
        await connection.execute(
            _NOTE,
            {
                "panel": self._panel,
                "account": number,
                "address": fingerprint.address,
                "salt": fingerprint.salt,
                "key_hash": fingerprint.key_hash,
            },
        )


async def names_of_account(connection: AsyncConnection, panel: str) -> list[str]:
    """Returns all panel names that have or had the account of this one; the name alone before it is noted."""
    account = await connection.scalar(_NUMBER, {"panel": panel})
    return list((await connection.execute(_NAMES, {"account": account})).scalars()) or [panel]
