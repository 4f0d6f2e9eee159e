"""Group commits that form by themselves: what arrives while one group is written goes into the next."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")
R = TypeVar("R")

_log = structlog.get_logger()


def _future() -> asyncio.Future[R]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class Entry(Generic[T, R]):
    """An item that is to be written. `written` ends with the result of its write."""

    item: T
    written: asyncio.Future[R] = field(default_factory=_future)


class WriteQueue(Generic[T, R]):
    """Items that wait to be written, in the order of their arrival, and taken in groups."""

    def __init__(self, at_most: int | None = None) -> None:
        """`at_most`: items of one group; None: no limit."""
        self._at_most = at_most
        self._waiting: deque[Entry[T, R]] = deque()
        self._filled = asyncio.Event()
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[Entry[T, R]]:
        return iter(self._waiting)

    def append(self, entry: Entry[T, R]) -> None:
        self._waiting.append(entry)
        self._filled.set()

    async def filled(self) -> None:
        """Returns as soon as an item waits."""
        await self._filled.wait()

    async def turn_over(self) -> None:
        """Returns once the groups are written whose writers have begun or wait for their turn."""
        async with self._turn:  # turns come in the order of asking
            pass

    @asynccontextmanager
    async def group(self, wanted: Entry[T, R] | None = None) -> AsyncIterator[list[Entry[T, R]]]:
        """Yields the items that wait, for the caller alone to write; the group is empty if `wanted` is written already.

        They leave the queue at the end. If the caller raises, they go on waiting.
        """
        async with self._turn:
            written = wanted is not None and wanted.written.done()
            group = [] if written else list(islice(self._waiting, self._at_most))
            yield group
            for _ in group:
                self._waiting.popleft()
            if not self._waiting:
                self._filled.clear()


class GroupWriter(Generic[T, R]):
    """Writes each item together with the others that wait, and gives each sender its result, or its error."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[R]], at_most: int) -> None:
        """`write` writes all items that it is given (`at_most` at a time), or raises and writes none."""
        self._write = write
        self._queue: WriteQueue[T, R] = WriteQueue(at_most)

    async def write(self, item: T) -> R:
        """Returns what `write` returned for the group of this item; raises what `write` raised for the item alone.

        If a sender is cancelled while it writes a group, the next sender writes the rest of it.
        """
        entry: Entry[T, R] = Entry(item)
        self._queue.append(entry)
        try:
            async with self._queue.group(wanted=entry) as group:
                await self._write_together([one for one in group if not one.written.done()])
            return await entry.written
        finally:
            entry.written.cancel()  # has no effect on a write that is done

    async def caught_up(self, at_most: int) -> None:
        """Holds back whoever would bring more: returns once all items are written if more than `at_most` wait now."""
        if len(self._queue) > at_most:
            await self._queue.turn_over()

    async def _write_together(self, entries: Sequence[Entry[T, R]]) -> None:
        if not entries:
            return
        try:
            result = await self._write([entry.item for entry in entries])
        except Exception as error:  # noqa: BLE001 - raised to the sender of the item
            if len(entries) > 1:
                _log.warning("bunch_divided", items=len(entries), exc_info=True)
                for entry in entries:
                    await self._write_together([entry])
            elif not entries[0].written.done():
                entries[0].written.set_exception(error)
        else:
            for entry in entries:
                if not entry.written.done():
                    entry.written.set_result(result)
