"""Asks a panel about many ids in one call, so that one bad id never spoils its batch."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Scope, Unknown
from worker.domain.orders.statuses import ItemError
from worker.jobs.machinery.gate import Gate, Permit
from worker.panel import BATCH

__all__ = ["BATCH", "ask", "enter_with"]

T = TypeVar("T")

Call = Callable[[Sequence[str]], Awaitable[Reply[dict[str, T]]]]


async def enter_with(gate: Gate, claim: Callable[[], Awaitable[list[T]]]) -> tuple[Permit, list[T]] | None:
    """Returns a permit for one call, and the claimed items. None if there is no permit, or nothing to claim."""
    permits = await gate.enter()
    if not isinstance(permits, list):
        return None
    claimed: list[T] = []
    try:
        claimed = await claim()
    finally:
        if not claimed:
            await gate.give_back(permits)
    return (permits[0], claimed) if claimed else None


async def ask(gate: Gate, permit: Permit, ids: Sequence[str], call: Call[T]) -> dict[str, T | ItemError]:
    """Returns the panel's answer for each id; an id without an answer is missing.

    If the panel refuses a batch as a whole, each half is asked again, until the bad id stands alone.
    """
    async with permit:
        reply = await call(ids)
    await permit.report(reply)
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
    permits = await gate.enter()
    return await ask(gate, permits[0], ids, call) if isinstance(permits, list) else {}
