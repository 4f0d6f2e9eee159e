"""Reads a panel's balance, and pauses orders while it is too low.

While a panel is paused, the job reads the balance sooner: that call can always serve as a probe, since it buys nothing,
and a higher balance ends a pause for want of money at once.
"""

from datetime import datetime
from decimal import Decimal

import structlog

from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Unknown
from worker.domain.orders.statuses import Balance
from worker.domain.orders.trouble import WATCH_EVERY, PauseReason, PauseScope, low_balance
from worker.jobs.machinery.breaker import Breaker
from worker.jobs.machinery.due_call import call_when_due
from worker.jobs.machinery.upstream import Upstream
from worker.store.records.balances import Balances
from worker.store.shared.periodic_work import PeriodicWork

_log = structlog.get_logger()


class ReadBalance:
    """Reads the balance when it is due, and keeps the pause for a low balance."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        balances: Balances,
        breaker: Breaker,
        job: PeriodicWork,
        lowest: Decimal,
    ) -> None:
        """`lowest`: while the balance is below this, in the account's currency, no order is sent."""
        self._upstream = upstream
        self._balances = balances
        self._breaker = breaker
        self._job = job
        self._lowest = lowest

    async def run(self) -> None:
        spent = await self._hasten_for_pauses()
        match await call_when_due(self._job, self._upstream.gate, self._ask):
            case Answered((asked_at, balance)):
                await self._balances.record(balance, asked_at)
                await self._job.succeeded()
                await self._compare(balance)
                if spent is not None and balance.amount > spent:
                    await self._breaker.resume(PauseScope.ADD, (PauseReason.NOT_ENOUGH_FUNDS,))
            case Refused(_, text) | NotSent(text) | Unknown(text):
                _log.warning("balance_not_read", panel=self._upstream.name, error=text)
            case None:
                pass

    async def _ask(self) -> Reply[tuple[datetime, Balance]]:
        """Returns the balance, and the time at which the worker asked for it."""
        asked_at = await self._balances.now()
        match await self._upstream.client.balance():
            case Answered(balance):
                return Answered((asked_at, balance))
            case failure:
                return failure

    async def _hasten_for_pauses(self) -> Decimal | None:
        """Makes the job due sooner if a pause calls for it.

        Returns the lowest balance that was read during a pause for want of money, if there is one.
        """
        spent = None
        for pause, lasts in await self._breaker.standing():
            if pause.scope == PauseScope.ALL and lasts <= 0:
                await self._job.hasten(0)
            if (pause.scope, pause.reason) == (PauseScope.ADD, PauseReason.OUTAGE):
                await self._job.hasten(WATCH_EVERY)
            if pause.reason == PauseReason.NOT_ENOUGH_FUNDS:
                spent = await self._balances.lowest_since(pause.since)
                await self._job.hasten(0 if spent is None else WATCH_EVERY)
        return spent

    async def _compare(self, balance: Balance) -> None:
        """Pauses orders if the balance is too low, and resumes them if it isn't."""
        about = {"panel": self._upstream.name, "balance": balance.amount, "currency": balance.currency}
        if balance.amount < self._lowest:
            _log.warning("balance_low", **about, lowest=self._lowest)
            await self._breaker.pause(low_balance(f"the balance is {balance.amount}, below {self._lowest}"))
            return
        _log.debug("balance_read", **about)
        await self._breaker.resume(PauseScope.ADD, (PauseReason.LOW_BALANCE,))
