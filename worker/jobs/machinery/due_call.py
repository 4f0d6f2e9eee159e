"""Makes a call that one worker makes for all, when it is due."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Unknown
from worker.jobs.machinery.gate import Gate
from worker.store.shared.periodic_work import PeriodicWork

T = TypeVar("T")

#: Seconds from a failure to the next try, unless the schedule comes first.
RETRY = 30.0


async def call_when_due(job: PeriodicWork, gate: Gate, call: Callable[[], Awaitable[Reply[T]]]) -> Reply[T] | None:
    """Makes the call if the job is due, and returns its reply; None if it isn't due, or the panel is paused.

    After a pause or a failure the job is due again in RETRY seconds.
    """
    if not await job.claim():
        return None
    permits = await gate.enter()
    if not isinstance(permits, list):
        await job.hasten(RETRY)
        return None
    async with permits[0] as permit:
        reply = await call()
    await permit.report(reply)
    match reply:
        case Answered():
            pass
        case Refused() | NotSent() | Unknown():
            await job.hasten(RETRY)
    return reply
