"""Start, schedule, drain: the one place where everything is put together."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.ext.asyncio import AsyncEngine

from worker import __version__
from worker.domain.orders import outcome_detail
from worker.domain.pace import Pace, back_off
from worker.jobs.balance import Balance
from worker.jobs.cancels import Cancels
from worker.jobs.gate import Gate
from worker.jobs.in_flight import InFlight
from worker.jobs.lease import RENEW_EVERY, Lease
from worker.jobs.reconcile import Reconcile, Rules
from worker.jobs.recorder import Recorder
from worker.jobs.refills import Refills
from worker.jobs.runner import Runner
from worker.jobs.services import Services
from worker.jobs.statuses import Statuses
from worker.jobs.submit import Submit
from worker.jobs.supervised import Supervised
from worker.jobs.sweep import Sweep
from worker.jobs.upstream import Upstream
from worker.observe.supervisor import Supervisor
from worker.panel import PanelClient
from worker.settings import PanelSettings, ReconcileMode, Settings
from worker.store.balances import Balances
from worker.store.budget import Budget
from worker.store.catalogue import Catalogue
from worker.store.engine import make_engine
from worker.store.evidence import Evidence
from worker.store.listen import PooledError, notifications
from worker.store.orders import Orders
from worker.store.overview import situation
from worker.store.periodic import PeriodicJob
from worker.store.polls import Polls
from worker.store.requests import Requests
from worker.store.workers import Workers

_log = structlog.get_logger()

#: Connections for the work, and a few apart for leases and budgets, so that a busy worker isn't taken for a dead one.
WORK_POOL = 8
VITAL_POOL = 3

#: Seconds. How often a job that one worker does for all is offered; whether it is due stands in the database.
OFFER_EVERY = 15.0

#: The same for the balance, which a pause may call for at any time.
OFFER_BALANCE_EVERY = 2.0

SWEEP_EVERY = 10.0

#: Seconds for which a claimed look or request is held, beyond the panel's own timeout.
LEASE_MARGIN = 20.0

#: Which jobs a row that a producer inserts is for.
WOKEN_BY = {"orders": "submit", "refills": "refills", "cancels": "cancels"}


@dataclass
class _Works:
    """Everything that runs while the daemon does."""

    lease: Lease
    recorder: Recorder
    in_flight: InFlight
    scheduler: AsyncIOScheduler
    runners: list[Runner] = field(default_factory=list)
    upstreams: list[Upstream] = field(default_factory=list)

    def add(self, every: float, job: str, run: Callable[[], Awaitable[None]], **about: str) -> Runner:
        """Have a job run at once, then every so many seconds, and whenever its runner is woken."""
        runner = Runner(job, run, **about)
        self.runners.append(runner)
        self.scheduler.add_job(runner.tick, "interval", seconds=every, jitter=min(every * 0.1, 5))
        runner.wake()
        return runner

    def wake(self, job: str) -> None:
        for runner in self.runners:
            if job in ("", runner.job):
                runner.wake()


async def run(settings: Settings) -> int:
    """Work until SIGTERM or SIGINT, then drain. A second signal ends the process at once.

    A database that goes away, at any time, is waited for; when draining, for as long as that may take. Returns how many
    results could not be written.
    """
    url = settings.database_url.get_secret_value()
    work, vital = make_engine(url, pool_size=WORK_POOL), make_engine(url, pool_size=VITAL_POOL)
    try:
        works = _assemble(settings, work, vital)
        return await _work(works, vital, settings)
    finally:
        for engine in (work, vital):
            with suppress(Exception):
                await engine.dispose()


async def _work(works: _Works, vital: AsyncEngine, settings: Settings) -> int:
    stop = _stop_signal()
    await _renew_once(works.lease)
    _log.info("worker_started", version=__version__, pid=os.getpid(), panels=sorted(settings.panels))
    works.scheduler.start()
    recording = asyncio.create_task(works.recorder.run())
    vital_tasks = [asyncio.create_task(_renew(works.lease)), asyncio.create_task(_listen(works, vital))]
    turning = [asyncio.create_task(runner.turn()) for runner in works.runners]
    supervised = Supervised(
        Supervisor(os.environ),
        works=lambda: works.lease.current() is not None,
        alive=lambda: not any(task.done() for task in (*turning, recording)),
        situation=partial(situation, vital),
    )
    vital_tasks.append(asyncio.create_task(supervised.run()))
    try:
        await stop.wait()
        _log.info("worker_stopping", drain=settings.drain)
        supervised.stopping()
        unwritten = await _drain(works, turning, settings.drain)
    finally:
        works.scheduler.shutdown(wait=False)
        for task in [*turning, *vital_tasks, recording]:
            task.cancel()
        await asyncio.gather(*turning, *vital_tasks, recording, return_exceptions=True)
        for upstream in works.upstreams:
            await upstream.client.aclose()
    _log.info("worker_stopped")
    return unwritten


async def _drain(works: _Works, turning: list[asyncio.Task[None]], seconds: float) -> int:
    """Begin nothing new, finish what is in flight, and write it: within so many seconds.

    Returns how many results couldn't be written. Each is told in full: nobody else may know of that order.
    """
    works.scheduler.pause()
    for upstream in works.upstreams:
        upstream.gate.close()
    for runner in works.runners:
        runner.stop()
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*turning)
            await works.in_flight.finished()
            await works.lease.end()
    except TimeoutError:
        _log.warning("drain_ran_out", in_flight=len(works.in_flight), unwritten=len(works.recorder.unwritten))
    except Exception:  # noqa: BLE001 - the end must come all the same, and what stays open is taken over
        _log.exception("drain_failed")
    for result in works.recorder.unwritten:
        _log.error(
            "result_not_written",
            order_id=result.claimed.order_id,
            panel=result.panel,
            token=result.claimed.token,
            **outcome_detail(result.outcome),
        )
    return len(works.recorder.unwritten)


def _assemble(settings: Settings, work: AsyncEngine, vital: AsyncEngine) -> _Works:
    orders = Orders(work, first_look=settings.polling.fastest, settle=settings.reconcile.settle)
    works = _Works(
        Lease(Workers(vital, f"{socket.gethostname()}:{os.getpid()}")),
        Recorder(orders),
        InFlight(),
        AsyncIOScheduler(job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}),
    )
    works.add(SWEEP_EVERY, "sweep", Sweep(orders, settings.panels.keys()).run)
    for name, panel in settings.panels.items():
        budget = Budget(vital, name, panel.requests_per_second)
        upstream = _upstream(name, panel, budget, works)
        _add_own_jobs(works, upstream, orders, work, settings)
        _add_shared_jobs(works, upstream, budget, work, settings)
    return works


def _upstream(name: str, panel: PanelSettings, budget: Budget, works: _Works) -> Upstream:
    client = PanelClient(
        panel.url,
        panel.key.get_secret_value(),
        timeout=panel.timeout,
        connections=panel.concurrency,
        user_agent=panel.user_agent,
    )
    upstream = Upstream(name, client, Gate(name, budget, panel.concurrency), works.in_flight)
    works.upstreams.append(upstream)
    return upstream


def _add_own_jobs(works: _Works, upstream: Upstream, orders: Orders, work: AsyncEngine, settings: Settings) -> None:
    """The jobs that every worker does, on rows that it claims."""
    name, schedule, polling = upstream.name, settings.schedule, settings.polling
    pace = Pace(polling.fastest, polling.slowest, polling.settlement)
    lease = settings.panels[name].timeout + LEASE_MARGIN
    submit = Submit(
        upstream,
        orders=orders,
        lease=works.lease,
        recorder=works.recorder,
        catalogue=PeriodicJob(work, name, "services", schedule.services),
        fetch_catalogue=partial(works.wake, "services"),
        wake=partial(works.wake, "submit"),
    )
    statuses = Statuses(upstream, Polls(work, pace, lease=lease))
    refills = Refills(upstream, Requests(work, "refills", lease=lease), pace)
    cancels = Cancels(upstream, Requests(work, "cancels", lease=lease), pace)
    works.add(schedule.submit, "submit", submit.run, panel=name)
    works.add(schedule.statuses, "statuses", statuses.run, panel=name)
    works.add(schedule.refills, "refills", refills.run, panel=name)
    works.add(schedule.cancels, "cancels", cancels.run, panel=name)


def _add_shared_jobs(works: _Works, upstream: Upstream, budget: Budget, work: AsyncEngine, settings: Settings) -> None:
    """The jobs that one worker does for all, when they are due."""
    name, schedule = upstream.name, settings.schedule
    services = Services(
        upstream,
        catalogue=Catalogue(work, name),
        job=PeriodicJob(work, name, "services", schedule.services),
        mirrored=partial(works.wake, "submit"),
    )
    balance = Balance(
        upstream,
        balances=Balances(work, name),
        budget=budget,
        job=PeriodicJob(work, name, "balance", schedule.balance),
        lowest=settings.panels[name].low_balance,
    )
    if settings.reconcile.mode is not ReconcileMode.OFF:
        works.add(
            min(schedule.reconcile, OFFER_EVERY), "reconcile", _reconcile(upstream, work, settings).run, panel=name
        )
    works.add(min(schedule.services, OFFER_EVERY), "services", services.run, panel=name)
    works.add(min(schedule.balance, OFFER_BALANCE_EVERY), "balance", balance.run, panel=name)


def _reconcile(upstream: Upstream, work: AsyncEngine, settings: Settings) -> Reconcile:
    rules = Rules(
        settings.reconcile.settle,
        settings.reconcile.max_ids,
        suggest_only=settings.reconcile.mode is ReconcileMode.SUGGEST,
    )
    return Reconcile(
        upstream,
        Evidence(
            work,
            upstream.name,
            first_look=settings.polling.fastest,
            examine_again=settings.schedule.reconcile,
            longest_call=settings.panels[upstream.name].timeout + LEASE_MARGIN,
        ),
        PeriodicJob(work, upstream.name, "reconcile", settings.schedule.reconcile),
        rules,
    )


def _stop_signal() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heed(number: signal.Signals) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, heed, number)
    return stop


async def _renew(lease: Lease) -> None:
    while True:
        await asyncio.sleep(RENEW_EVERY)
        await _renew_once(lease)


async def _renew_once(lease: Lease) -> None:
    try:
        await lease.renew()
    except Exception:  # noqa: BLE001 - it is tried again, and the lease itself says when it is too late
        _log.exception("lease_not_renewed")


async def _listen(works: _Works, vital: AsyncEngine) -> None:
    failures = 0
    while True:
        try:
            async for table in notifications(vital):
                failures = 0
                works.wake(WOKEN_BY.get(table, ""))
        except PooledError:
            _log.warning("listening_impossible")
            return
        except Exception as error:  # noqa: BLE001 - the ticks do without it meanwhile
            failures += 1
            _log.warning("listening_ended", error=str(error))
        await asyncio.sleep(back_off(failures, first=1, longest=30))
