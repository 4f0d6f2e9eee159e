"""Audits a panel's balance, one worker for all: finds money that is gone and that nothing explains."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from worker.domain.amounts import NOTHING, total
from worker.domain.money.audit import Report, audit
from worker.store.records.audit import Audits
from worker.store.shared.periodic_work import PeriodicWork

_log = structlog.get_logger()

#: An audit begins so long before the end of the last one, so that it sees orders that were open then from both sides.
OVERLAP = timedelta(days=1)

#: An audit goes back no further than this, even if the last one is longer ago.
FARTHEST_BACK = timedelta(days=7)

#: An audit ends at the reading at which the fewest orders were open, of the last ones within this time.
CLOSING_WITHIN = timedelta(hours=1)

#: Takes a currency, and the amount that nothing explains: below 0 if money is missing.
Unexplained = Callable[[str | None, Decimal], None]


class Audit:
    """Compares the balance with what orders cost and gave back, when the audit is due."""

    def __init__(
        self, panel: str, *, audits: Audits, job: PeriodicWork, threshold: Decimal, lag: float, unexplained: Unexplained
    ) -> None:
        """`threshold`: smallest missing amount that raises a warning, in the account's currency.

        `lag`: the audit leaves the last so many seconds to the next one, since the worker may not have seen yet what
        happened in them. `unexplained` gets the result of the last audit, whichever worker made it.
        """
        self._panel = panel
        self._audits = audits
        self._job = job
        self._threshold = threshold
        self._lag = timedelta(seconds=lag)
        self._unexplained = unexplained

    async def run(self) -> None:
        latest = await self._audits.latest()
        if await self._job.claim():
            await self._audit(None if latest is None else latest.closed_at)
            latest = await self._audits.latest()
        if latest is not None:
            self._unexplained(latest.currency, -latest.missing)

    async def _audit(self, last: datetime | None) -> None:
        report = await self._report(last)
        if report is not None:
            await self._audits.record(report)
            self._log_report(report, last)
        await self._job.succeeded()

    async def _report(self, last: datetime | None) -> Report | None:
        until = await self._audits.now() - self._lag
        since = until - FARTHEST_BACK
        material = await self._audits.material(since if last is None else max(last - OVERLAP, since), until)
        # In a thread: the day of a busy account takes seconds to compute, and calls are in flight meanwhile.
        return await asyncio.to_thread(audit, material.readings, material.histories, closing_within=CLOSING_WITHIN)

    def _log_report(self, report: Report, last: datetime | None) -> None:
        """Logs the audit, and warns of missing money that the audit before (which ended at `last`) didn't report."""
        about = {
            "panel": self._panel,
            "currency": report.currency,
            "since": report.opening.at.isoformat(),
            "until": report.closing.at.isoformat(),
        }
        _log.info(
            "balance_audited",
            **about,
            opening=report.opening.balance,
            charges=report.charges.middle,
            refunds=report.refunds.middle,
            top_ups=report.top_ups.middle,
            unexplained=report.unexplained.middle,
            within=report.slack,
            closing=report.closing.balance,
        )
        falls = [fall for fall in report.falls if last is None or fall.until > last]
        unexplained = total(fall.amount for fall in falls)
        if unexplained.high < NOTHING and -unexplained.high >= self._threshold:
            _log.warning(
                "balance_unexplained",
                **about,
                missing=-unexplained.high,
                unexplained=unexplained.middle,
                orders=sorted({one.order_id for fall in falls for one in fall.suspects if one.exact}),
            )
