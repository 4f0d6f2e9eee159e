"""Asking a panel about many ids at once, so that one bad id never spoils its batch."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Scope, Unknown
from worker.domain.orders.statuses import ItemError
from worker.jobs.machinery.gate import Gate, Pass
from worker.panel import BATCH

__all__ = ["BATCH", "ask", "enter_with"]

T = TypeVar("T")

Call = Callable[[Sequence[str]], Awaitable[Reply[dict[str, T]]]]


async def enter_with(gate: Gate, claim: Callable[[], Awaitable[list[T]]]) -> tuple[Pass, list[T]] | None:
    """Leave for one call, and what was claimed for it; None where there is no leave, or nothing to claim."""
    passes = await gate.enter()
    if not isinstance(passes, list):
        return None
    claimed: list[T] = []
    try:
        claimed = await claim()
    finally:
        if not claimed:
            await gate.give_back(passes)
    return (passes[0], claimed) if claimed else None


async def ask(gate: Gate, leave: Pass, ids: Sequence[str], call: Call[T]) -> dict[str, T | ItemError]:
    """What the panel said of each id; an id that it said nothing of is missing.

    A batch that is refused as a whole is asked again in halves, until the bad id stands alone.
    """
    async with leave:
        reply = await call(ids)
    await leave.report(reply)
    match reply:
        case Answered(answers):
            return {**answers}
        case Refused(reason, text) if reason.scope is not Scope.PANEL:
            if len(ids) == 1:
                return {ids[0]: ItemError(reason, text)}
            middle = len(ids) // 2
            return await _ask_half(gate, ids[:middle], call) | await _ask_half(gate, ids[middle:], call)
        case Refused() | NotSent() | Unknown():
            return {}


async def _ask_half(gate: Gate, ids: Sequence[str], call: Call[T]) -> dict[str, T | ItemError]:
    passes = await gate.enter()
    return await ask(gate, passes[0], ids, call) if isinstance(passes, list) else {}
