"""Bunches that form by themselves: what arrives while one is being written goes into the next, in one commit."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")
R = TypeVar("R")

_log = structlog.get_logger()


class Bunches(Generic[T, R]):
    """Writes items, one bunch after the other. Nothing is kept: what can't be written is its sender's own trouble."""

    def __init__(self, write: Callable[[Sequence[T]], Awaitable[R]], at_most: int) -> None:
        """`write` writes all that it is given, or raises and writes nothing."""
        self._write = write
        self._at_most = at_most
        self._waiting: deque[tuple[T, asyncio.Future[R]]] = deque()
        self._turn = asyncio.Lock()

    async def put(self, item: T) -> R:
        """What came of the bunch that the item was in. Raises what `write` raised for it."""
        written: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, written))
        # Turns come in the order of the items: whoever has one, and isn't written yet, is the first that waits.
        async with self._turn:
            if not written.done():
                await self._write_next()
        return await written

    async def caught_up(self, at_most: int) -> None:
        """Where more items wait than that, return once these are written: who brings more should wait for it."""
        if len(self._waiting) > at_most:
            async with self._turn:  # turns come in the order of asking: what waits now is written by then
                pass

    async def _write_next(self) -> None:
        bunch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._at_most))]
        try:
            await self._write_together(bunch)
        finally:
            for _, written in bunch:
                written.cancel()  # nothing, where it is done

    async def _write_together(self, bunch: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            result = await self._write([item for item, _ in bunch])
        except Exception as error:  # noqa: BLE001 - it is told to whoever sent the item
            if len(bunch) == 1:
                bunch[0][1].set_exception(error)
                return
            # One of them must not keep the others back.
            _log.warning("bunch_divided", items=len(bunch), exc_info=True)
            for one in bunch:
                await self._write_together([one])
        else:
            for _, written in bunch:
                written.set_result(result)
