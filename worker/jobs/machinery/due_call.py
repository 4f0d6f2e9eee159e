"""A call that one worker makes for all, when it is due."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Unknown
from worker.jobs.machinery.gate import Gate
from worker.store.shared.periodic_work import PeriodicJob

T = TypeVar("T")

#: Seconds until it is tried again after a failure, where the schedule doesn't say earlier.
RETRY = 30.0


async def call_when_due(job: PeriodicJob, gate: Gate, call: Callable[[], Awaitable[Reply[T]]]) -> Reply[T] | None:
    """What the call came to; None where it isn't due, or the panel is paused. After a failure it is due again soon."""
    if not await job.claim():
        return None
    passes = await gate.enter()
    if not isinstance(passes, list):
        await job.hasten(RETRY)
        return None
    async with passes[0] as leave:
        reply = await call()
    await leave.report(reply)
    match reply:
        case Answered():
            pass
        case Refused() | NotSent() | Unknown():
            await job.hasten(RETRY)
    return reply
