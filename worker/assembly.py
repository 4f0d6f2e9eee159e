"""Builds the jobs from the settings, with all that each needs. `worker.daemon` runs them."""

import os
import socket
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.ext.asyncio import AsyncEngine

from worker import __version__
from worker.domain.evidence.planning import Allowance
from worker.domain.orders.changes import Change
from worker.domain.orders.states import OrderState
from worker.domain.polling import Pace
from worker.jobs.audit import Audit
from worker.jobs.balance import ReadBalance
from worker.jobs.blocking_sessions import EndBlockingSessions
from worker.jobs.cancels import Cancels
from worker.jobs.housekeeping import Housekeeping
from worker.jobs.machinery.abilities import PanelAbilities
from worker.jobs.machinery.account import AccountCheck
from worker.jobs.machinery.breaker import Breaker
from worker.jobs.machinery.freshness import Freshness
from worker.jobs.machinery.gate import Gate
from worker.jobs.machinery.in_flight import InFlight
from worker.jobs.machinery.lease import Lease
from worker.jobs.machinery.observer import Tracer
from worker.jobs.machinery.recorder import Recorder, Result
from worker.jobs.machinery.runner import Runner, Work
from worker.jobs.machinery.unread import UnreadReplies
from worker.jobs.machinery.upstream import Upstream
from worker.jobs.readiness import AskSchema
from worker.jobs.reconcile import OnDemand, Reconcile, Records
from worker.jobs.refills import Refills
from worker.jobs.services import Services
from worker.jobs.snapshot import TakeSnapshot
from worker.jobs.statuses import Statuses
from worker.jobs.submit import Submit
from worker.jobs.sweep import Sweep
from worker.observe.liveness import Liveness, Readiness
from worker.observe.metrics import Metrics
from worker.observe.supervisor import Supervisor
from worker.panel import Observer, PanelClient
from worker.settings.model import PanelSettings, ReconcileMode, Settings, Switch
from worker.store.db.engine import connections_in_use, most_connections
from worker.store.evidence.asking import Asking
from worker.store.evidence.guards import Guards
from worker.store.evidence.money import Money
from worker.store.evidence.prices import Prices
from worker.store.evidence.reading import Reading
from worker.store.evidence.settling import Settling
from worker.store.queue.claim import Claims
from worker.store.queue.pending import panels_waiting
from worker.store.queue.polls import Polls
from worker.store.queue.refills_and_cancels import Requests
from worker.store.queue.refusals import excuse
from worker.store.queue.settle import Settlements
from worker.store.queue.take_over import take_over
from worker.store.records.archive import Archive
from worker.store.records.audit import Audits
from worker.store.records.balances import Balances
from worker.store.records.catalogue import Catalogue
from worker.store.schema.revision import head, schema_of
from worker.store.shared.abilities import Abilities
from worker.store.shared.accounts import Accounts
from worker.store.shared.blocking_sessions import end_blocking_sessions
from worker.store.shared.budget import Budget
from worker.store.shared.leases import Workers
from worker.store.shared.periodic_work import PeriodicWork
from worker.store.views.overview import overview

#: Seconds between two runs of a job that one worker does for all. The database says whether it is due.
SHARED_EVERY = 15.0

#: Seconds between two runs of the job that reads the balance. A pause may make it due at any time.
BALANCE_EVERY = 2.0

SWEEP_EVERY = 10.0
READINESS_EVERY = 5.0
SNAPSHOT_EVERY = 15.0

#: Seconds for which claims of polls, refills and cancels hold, beyond the panel's timeout.
LEASE_MARGIN = 20.0

#: Seconds without a sign of life, beyond its own waits, after which a loop stands still. They are enough for every
#: statement on the way to the next sign to run into its timeout.
STANDS_STILL = 300.0


@dataclass
class Works:
    """Everything that the daemon runs. `turns` are the runners' loops, watched for signs of life."""

    lease: Lease
    in_flight: InFlight
    scheduler: AsyncIOScheduler
    liveness: Liveness
    readiness: Readiness
    metrics: Metrics
    supervisor: Supervisor
    runners: list[Runner] = field(default_factory=list)
    turns: list[Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=list)
    upstreams: list[Upstream] = field(default_factory=list)
    recorders: list[Recorder] = field(default_factory=list)
    tracer: Tracer | None = None
    listening: bool = False  #: whether notifications of inserts arrive

    def add(
        self,
        every: float,
        job: str,
        run: Work,
        *,
        panel: str = "",
        timeout: float = 0.0,
        at_end: Work | None = None,
    ) -> None:
        """Adds a job that runs at once, then every so many seconds, and whenever its runner is woken.

        `timeout` is that of its calls, in seconds. `at_end` is work that the drain does after the last run.
        """
        runner = Runner(job, run, self.metrics, panel=panel, at_end=at_end)
        self.runners.append(runner)
        longest = every + timeout + STANDS_STILL
        self.turns.append(partial(self.liveness.hearts.watch, f"{job} {panel}".strip(), longest, runner.turn))
        self.scheduler.add_job(runner.tick, "interval", seconds=every, jitter=min(every * 0.1, 5))
        self.metrics.job_known(job, panel)
        runner.wake()

    @property
    def unwritten(self) -> list[Result]:
        """The results of calls that aren't written yet."""
        return [result for recorder in self.recorders for result in recorder.unwritten]

    def changed(self, panel: str, change: Change) -> None:
        """Counts a change of an order, and has it examined if it is in doubt now."""
        self.metrics.change(panel, change)
        if change.changes_state and change.after.state is OrderState.UNCONFIRMED:
            self.wake("reconcile")

    def wake(self, job: str) -> None:
        """Wakes the runners of a job, or all of them if `job` is empty."""
        for runner in self.runners:
            if job in ("", runner.job):
                runner.wake()


def assemble(settings: Settings, work: AsyncEngine, vital: AsyncEngine, tracer: Tracer | None = None) -> Works:
    """Builds all that a worker runs. `vital` is a small pool of connections for leases and budgets."""
    metrics = Metrics(__version__, settings.panels.keys())
    works = Works(
        Lease(Workers(vital, f"{socket.gethostname()}:{os.getpid()}")),
        InFlight(metrics, tracer),
        AsyncIOScheduler(job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}),
        Liveness(),
        Readiness(),
        metrics,
        Supervisor(os.environ),
        tracer=tracer,
    )
    _measure(works, {"work": work, "vital": vital})
    works.add(READINESS_EVERY, "readiness", AskSchema(partial(schema_of, vital), head(), works.readiness).run)
    read = partial(overview, work, settings.panels.keys())
    works.add(SNAPSHOT_EVERY, "snapshot", TakeSnapshot(read, metrics, works.supervisor.status).run)
    works.add(SWEEP_EVERY, "blocking_sessions", EndBlockingSessions(partial(end_blocking_sessions, vital)).run)
    sweep = Sweep(partial(take_over, work, works.changed), partial(panels_waiting, work), settings.panels.keys())
    works.add(SWEEP_EVERY, "sweep", sweep.run)
    _add_housekeeping(works, work, settings)
    for name, panel in settings.panels.items():
        budget = Budget(vital, name, panel.requests_per_second)
        breaker = Breaker(name, budget.pauses, partial(excuse, work, name))
        client = _client(name, panel, works)
        account = AccountCheck(
            name,
            panel.account,
            accounts=Accounts(vital, name),
            client=client,
            breaker=breaker,
            configured=settings.panels.keys(),
        )
        upstream = Upstream(
            name,
            client,
            Gate(name, budget, breaker, panel.concurrency, account),
            works.in_flight,
            PanelAbilities(name, Abilities(vital, name)),
        )
        works.upstreams.append(upstream)
        _add_own_jobs(works, upstream, work, settings)
        _add_shared_jobs(works, upstream, breaker, work, settings)
    return works


def _measure(works: Works, pools: Mapping[str, AsyncEngine]) -> None:
    """Adds the numbers that each scrape reads from this worker."""
    gauge, liveness = works.metrics.gauge, works.liveness
    gauge("ready", "Whether /readyz answers 200.", lambda: works.readiness.obstacle is None)
    gauge("loops_standing_still", "Loops without a sign of life.", lambda: len(liveness.hearts.standing_still()))
    gauge(
        "event_loop_lag_seconds",
        "By how much the event loop was late, at worst in the last minute.",
        lambda: liveness.lag.worst,
    )
    gauge("lease_held", "Whether this worker may claim orders.", lambda: works.lease.current() is not None)
    gauge("notifications_listening", "Whether notifications of inserts wake this worker.", lambda: works.listening)
    gauge(
        "calls_in_flight",
        "Calls that jobs have started, including those whose results aren't written yet.",
        lambda: len(works.in_flight),
    )
    gauge("results_waiting", "Results of calls that aren't written yet.", lambda: len(works.unwritten))
    for name, engine in pools.items():
        works.metrics.pool(name, partial(connections_in_use, engine), most_connections(engine))


def _client(name: str, panel: PanelSettings, works: Works) -> PanelClient:
    works.metrics.limit(name, panel.requests_per_second)
    return PanelClient(
        panel.url,
        panel.key.get_secret_value(),
        timeout=panel.timeout,
        connections=panel.concurrency,
        user_agent=panel.user_agent,
        on_request=_request_observer(name, works),
        on_unread=UnreadReplies(name),
    )


def _request_observer(panel: str, works: Works) -> Observer:
    """Returns a function that tells each request to the metrics, and to the tracer if there is one."""
    measure, tracer = partial(works.metrics.request, panel), works.tracer
    if tracer is None:
        return measure

    def observe(action: str, outcome: str, seconds: float) -> None:
        measure(action, outcome, seconds)
        tracer.request(action, outcome, seconds)

    return observe


def _add_own_jobs(works: Works, upstream: Upstream, work: AsyncEngine, settings: Settings) -> None:
    """Adds the jobs that every worker does, each on rows that it claims."""
    name, schedule, polling = upstream.name, settings.schedule, settings.polling
    pace = Pace(polling.fastest, polling.slowest, polling.settlement)
    timeout = settings.panels[name].timeout
    lease, on_change = timeout + LEASE_MARGIN, works.changed
    tries, late = settings.submit.tries, settings.reconcile.premises().late
    settlements = Settlements(work, first_poll=polling.fastest, tries=tries, on_change=on_change)
    recorder = Recorder(name, settlements, works.metrics, works.tracer)
    works.recorders.append(recorder)
    works.metrics.job_known("recorder", name)
    submit = Submit(
        upstream,
        claims=Claims(
            work,
            first_poll=polling.fastest,
            settle=late,
            tries=tries,
            distinct=settings.reconcile.distinct is Switch.ON,
            on_change=on_change,
        ),
        lease=works.lease,
        recorder=recorder,
        freshness=Freshness(
            PeriodicWork(work, name, "services", schedule.services), fetch=partial(works.wake, "services")
        ),
        untyped=settings.untyped(name),
        wake=partial(works.wake, "submit"),
    )
    statuses = Statuses(upstream, Polls(work, pace, lease=lease, on_change=on_change))
    refills = Refills(upstream, Requests(work, "refills", lease=lease, on_change=on_change), pace)
    cancels = Cancels(upstream, Requests(work, "cancels", lease=lease, on_change=on_change), pace)
    works.add(schedule.submit, "submit", submit.run, panel=name, timeout=timeout, at_end=submit.return_unsent)
    works.add(schedule.statuses, "statuses", statuses.run, panel=name, timeout=timeout)
    works.add(schedule.refills, "refills", refills.run, panel=name, timeout=timeout)
    works.add(schedule.cancels, "cancels", cancels.run, panel=name, timeout=timeout)


def _add_shared_jobs(works: Works, upstream: Upstream, breaker: Breaker, work: AsyncEngine, settings: Settings) -> None:
    """Adds the jobs that one worker does for all, when they are due."""
    name, schedule = upstream.name, settings.schedule
    timeout = settings.panels[name].timeout
    services = Services(
        upstream,
        catalogue=Catalogue(work, name),
        job=PeriodicWork(work, name, "services", schedule.services),
        mirrored=partial(works.wake, "submit"),
    )
    balance = ReadBalance(
        upstream,
        balances=Balances(work, name),
        breaker=breaker,
        job=PeriodicWork(work, name, "balance", schedule.balance),
        lowest=settings.panels[name].low_balance,
    )
    if settings.reconcile.mode is not ReconcileMode.OFF:
        reconcile = _reconcile(works, upstream, work, settings)
        works.add(min(schedule.reconcile, SHARED_EVERY), "reconcile", reconcile.run, panel=name, timeout=timeout)
    works.metrics.threshold(settings.audit.threshold)
    audit = Audit(
        name,
        audits=Audits(work, name, settle=settings.reconcile.premises().late),
        job=PeriodicWork(work, name, "audit", schedule.audit),
        threshold=settings.audit.threshold,
        lag=settings.polling.slowest,
        unexplained=partial(works.metrics.unexplained, name),
    )
    works.add(min(schedule.audit, SHARED_EVERY), "audit", audit.run, panel=name)
    works.add(min(schedule.services, SHARED_EVERY), "services", services.run, panel=name, timeout=timeout)
    works.add(min(schedule.balance, BALANCE_EVERY), "balance", balance.run, panel=name, timeout=timeout)


def _add_housekeeping(works: Works, work: AsyncEngine, settings: Settings) -> None:
    every = settings.schedule.housekeeping
    housekeeping = Housekeeping(Archive(work, settings.retention.days), PeriodicWork(work, "", "housekeeping", every))
    works.add(min(every, SHARED_EVERY), "housekeeping", housekeeping.run)


def _reconcile(works: Works, upstream: Upstream, work: AsyncEngine, settings: Settings) -> Reconcile:
    name, schedule = upstream.name, settings.schedule
    panel, premises = settings.panels[name], settings.reconcile.premises()

    async def hasten(job: str, every: float) -> None:
        await PeriodicWork(work, name, job, every).hasten(0)
        works.wake(job)

    return Reconcile(
        upstream,
        Records(
            Reading(work, name, premises),
            Prices(work, name),
            Asking(work, name),
            Settling(work, first_poll=settings.polling.fastest, on_change=works.changed),
            Money(work, name, longest_call=panel.timeout + LEASE_MARGIN),
            Guards(work, name),
        ),
        works.lease,
        premises,
        OnDemand(
            partial(works.wake, "reconcile"),
            partial(works.wake, "statuses"),
            partial(hasten, "services", schedule.services),
            partial(hasten, "balance", schedule.balance),
        ),
        allowance=Allowance(panel.requests_per_second),
        observer=works.metrics,
        timeout=panel.timeout,
        suggest_only=settings.reconcile.mode is ReconcileMode.SUGGEST,
    )
