"""Starts the daemon, runs its jobs, and drains them when it stops. `worker.assembly` builds the jobs."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from worker import __version__
from worker.assembly import STANDS_STILL, Works, assemble
from worker.domain.orders.submission import outcome_detail
from worker.domain.polling import back_off
from worker.jobs.machinery.lease import RENEW_EVERY, Lease
from worker.jobs.machinery.observer import Tracer
from worker.jobs.machinery.supervised import Supervised
from worker.observe.endpoints import CannotListenError, serve
from worker.observe.liveness import beat
from worker.settings.model import Address, Settings, SettingsError, Tracing
from worker.store.db.engine import make_engine
from worker.store.db.listen import PooledError, notifications

_log = structlog.get_logger()

#: Connections of the two pools. Leases and budgets have a small one of their own: a busy worker must not pass for dead.
WORK_POOL = 8
VITAL_POOL = 3

#: New objects after which the garbage collector examines the young ones. With Python's default of 700 it takes a tenth
#: of a busy worker's time and finds next to nothing, since orders leave no cycles behind.
COLLECT_AFTER = 20_000

#: Seconds that a cancelled task gets to end before it is cancelled again.
ENDING = 0.5

#: The job that news in a table wake: a producer's insert, or an order that came into doubt.
WOKEN_BY = {"orders": "submit", "refills": "refills", "cancels": "cancels", "examinations": "reconcile"}

#: Seconds after which a woken job is woken again. Of many inserts at a time, the database announces only the first
#: (`order_sync_wake_up_for_orders`), and the others may be committed a little later.
WAKE_AGAIN = 0.02


async def run(settings: Settings) -> int:
    """Works until SIGTERM or SIGINT, then drains. A second signal ends the process at once.

    Waits for a database that is away, while it drains no longer than the drain time. Returns the number of results that
    it could not write. Raises SettingsError if it can't listen at LISTEN, or if OpenTelemetry can't use its variables.
    """
    url = settings.database_url.get_secret_value()
    work, vital = make_engine(url, pool_size=WORK_POOL), make_engine(url, pool_size=VITAL_POOL)
    try:
        async with _traced(settings.tracing) as tracer:
            works = assemble(settings, work, vital, tracer)
            async with _served(settings.listen, works):
                return await _work(works, vital, settings)
    finally:
        for engine in (work, vital):
            with suppress(Exception):
                await engine.dispose()


@asynccontextmanager
async def _traced(how: Tracing) -> AsyncIterator[Tracer | None]:
    """Yields a tracer, or None if tracing is off. At the end the tracer sends its remaining spans."""
    if how is Tracing.OFF:
        yield None
        return
    try:
        from worker.observe.tracing import Spans  # noqa: PLC0415 - its packages are an extra, and slow to import

        spans = Spans(__version__)
    except (ValueError, RuntimeError) as error:
        raise SettingsError([f"OTEL_...: OpenTelemetry can't be set up with these variables: {error}"]) from error
    try:
        yield spans
    finally:
        await spans.aclose()


@asynccontextmanager
async def _served(address: Address | None, works: Works) -> AsyncIterator[None]:
    """Serves `/healthz`, `/readyz` and `/metrics` meanwhile, if there is an address."""
    if address is None:
        yield
        return
    try:
        async with serve(
            address.host,
            address.port,
            liveness=works.liveness,
            readiness=works.readiness,
            metrics=works.metrics,
        ) as addresses:
            _log.info("health_served", addresses=addresses)
            yield
    except CannotListenError as error:
        problem = f"ORDER_SYNC_LISTEN: can't listen on {address}: {error}"
        mend = "give each worker on a machine an address of its own, or leave it empty for none"
        raise SettingsError([f"{problem}; {mend}"]) from error


async def _work(works: Works, vital: AsyncEngine, settings: Settings) -> int:
    stop = _stop_signal()
    watch = works.liveness.hearts.watch
    await _renew_once(works.lease)
    # The objects so far stay for good: the collector needn't examine them again with every order.
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    _log.info("worker_started", version=__version__, pid=os.getpid(), panels=sorted(settings.panels))
    works.scheduler.start()
    supervised = Supervised(works.supervisor, works=works.lease.current, stuck=works.liveness.hearts.standing_still)
    vital_tasks = [
        asyncio.create_task(watch("event loop", STANDS_STILL, works.liveness.lag.measure)),
        asyncio.create_task(watch("lease", STANDS_STILL, partial(_renew, works.lease))),
        asyncio.create_task(_listen(works, vital)),
        asyncio.create_task(supervised.run()),
        *(
            asyncio.create_task(watch(f"recorder {recorder.panel}", STANDS_STILL, recorder.run))
            for recorder in works.recorders
        ),
    ]
    turning = [asyncio.create_task(turn()) for turn in works.turns]
    try:
        await stop.wait()
        _log.info("worker_stopping", drain=settings.drain)
        supervised.stopping()
        vital_tasks.append(await _drain(works, turning, settings.drain))
    finally:
        works.scheduler.shutdown(wait=False)
        await _end(works, [*turning, *vital_tasks])
        for upstream in works.upstreams:
            await upstream.client.aclose()
    unwritten = _log_unwritten(works)
    _log.info("worker_stopped")
    return unwritten


async def _drain(works: Works, turning: list[asyncio.Task[None]], seconds: float) -> asyncio.Task[None]:
    """Begins nothing new, and finishes and writes what is in flight, within so many seconds.

    Returns the task that does so; it may go on after that.
    """
    works.readiness.drain()
    works.scheduler.pause()
    for upstream in works.upstreams:
        upstream.gate.close()
    for runner in works.runners:
        runner.stop()
    finishing = asyncio.create_task(_finish(works, turning))
    await asyncio.wait([finishing], timeout=seconds)
    if not finishing.done():
        _log.warning("drain_ran_out", in_flight=len(works.in_flight), unwritten=len(works.unwritten))
    elif (error := finishing.exception()) is not None:  # other workers take over what stays open
        _log.error("drain_failed", exc_info=error)
    return finishing


async def _finish(works: Works, turning: list[asyncio.Task[None]]) -> None:
    await asyncio.wait(turning)
    await works.in_flight.finished()
    await works.lease.end()


async def _end(works: Works, tasks: list[asyncio.Task[None]]) -> None:
    """Cancels these tasks and the calls in flight, again and again until all have ended.

    While it ends, a cancelled task may wait for the next statement, which a database that stands still never answers.
    SQLAlchemy returns connections in tasks of its own, which the first cancellation doesn't reach. So if tasks go on
    after a while, every task of the process is cancelled.
    """
    patient = True
    while going_on := [task for task in (*tasks, *works.in_flight.tasks) if not task.done()]:
        for task in going_on if patient else asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.wait(going_on, timeout=ENDING)
        patient = False


def _log_unwritten(works: Works) -> int:
    """Logs each result that couldn't be written, in full, since it may exist nowhere else. Returns their number.

    To be called once all tasks have ended, so that no result comes later.
    """
    for result in works.unwritten:
        _log.error(
            "result_not_written",
            order_id=result.claimed.order_id,
            panel=result.panel,
            token=result.claimed.token,
            **outcome_detail(result.outcome),
        )
    return len(works.unwritten)


def _stop_signal() -> asyncio.Event:
    """Returns an event that the first SIGTERM or SIGINT sets. The second signal ends the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def handle(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle, number)
    return stop


async def _renew(lease: Lease) -> None:
    while True:
        await asyncio.sleep(RENEW_EVERY)
        beat()
        await _renew_once(lease)


async def _renew_once(lease: Lease) -> None:
    try:
        await lease.renew()
    except Exception:  # noqa: BLE001 - the next renewal may succeed, and the lease itself knows when it is too late
        _log.exception("lease_not_renewed")


async def _listen(works: Works, vital: AsyncEngine) -> None:
    """Wakes jobs when producers insert rows; tries again if it loses the connection."""
    failures = 0
    while True:
        try:
            async for table in notifications(vital):
                failures = 0
                works.listening = True
                job = WOKEN_BY.get(table, "")
                works.wake(job)
                asyncio.get_running_loop().call_later(WAKE_AGAIN, works.wake, job)
        except PooledError:
            _log.warning("listening_impossible")
            return
        except Exception as error:  # noqa: BLE001 - meanwhile the schedule wakes the jobs
            failures += 1
            _log.warning("listening_ended", error=str(error))
        works.listening = False
        await asyncio.sleep(back_off(failures, first=1, longest=30))
