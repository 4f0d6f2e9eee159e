"""The history of a panel's balance, and no more orders while it is too low.

While a panel is paused its balance is asked for sooner. It is the call that is always there to probe with, and buys
nothing; and more money in it ends the want of money at once.
"""

from datetime import datetime
from decimal import Decimal

import structlog

from worker.domain.orders.outcomes import Answered, NotSent, Refused, Reply, Unknown
from worker.domain.orders.statuses import Balance as PanelBalance
from worker.domain.orders.trouble import WATCH_MONEY_EVERY, PauseReason, PauseScope, low_balance
from worker.jobs.machinery.due_call import call_when_due
from worker.jobs.machinery.gate import tell_resumed
from worker.jobs.machinery.upstream import Upstream
from worker.store.records.balances import Balances
from worker.store.shared.budget import Budget
from worker.store.shared.periodic_work import PeriodicJob

_log = structlog.get_logger()


class Balance:
    def __init__(
        self,
        upstream: Upstream,
        *,
        balances: Balances,
        budget: Budget,
        job: PeriodicJob,
        lowest: Decimal,
    ) -> None:
        """`lowest`: below it, in the account's currency, no order is sent."""
        self._upstream = upstream
        self._balances = balances
        self._budget = budget
        self._job = job
        self._lowest = lowest

    async def run(self) -> None:
        spent = await self._see_to_pauses()
        match await call_when_due(self._job, self._upstream.gate, self._ask):
            case Answered((asked_at, balance)):
                await self._balances.record(balance, asked_at)
                await self._job.succeeded()
                await self._heed(balance)
                if spent is not None and balance.amount > spent:
                    resumed = await self._budget.resume(PauseScope.ADD, (PauseReason.NOT_ENOUGH_FUNDS,))
                    tell_resumed(self._upstream.name, resumed)
            case Refused(_, text) | NotSent(text) | Unknown(text):
                _log.warning("balance_not_read", panel=self._upstream.name, error=text)
            case None:
                pass

    async def _ask(self) -> Reply[tuple[datetime, PanelBalance]]:
        """The balance, and when it was asked for."""
        asked_at = await self._balances.now()
        match await self._upstream.client.balance():
            case Answered(balance):
                return Answered((asked_at, balance))
            case failure:
                return failure

    async def _see_to_pauses(self) -> Decimal | None:
        """Have the balance asked for when a pause calls for it; returns the lowest read while money was wanting."""
        spent = None
        for pause in await self._budget.standing():
            if pause.scope is PauseScope.ALL and pause.lasts <= 0:
                await self._job.hasten(0)
            if pause.reason is PauseReason.NOT_ENOUGH_FUNDS:
                spent = await self._balances.lowest_since(pause.since)
                await self._job.hasten(0 if spent is None else WATCH_MONEY_EVERY)
        return spent

    async def _heed(self, balance: PanelBalance) -> None:
        about = {"panel": self._upstream.name, "balance": balance.amount, "currency": balance.currency}
        if balance.amount < self._lowest:
            _log.warning("balance_low", **about, lowest=self._lowest)
            detail = f"the balance is {balance.amount}, below {self._lowest}"
            if await self._budget.pause(low_balance(detail), probe=False):
                _log.warning(
                    "panel_paused", panel=self._upstream.name, reason=PauseReason.LOW_BALANCE, scope=PauseScope.ADD
                )
            return
        _log.debug("balance_read", **about)
        tell_resumed(self._upstream.name, await self._budget.resume(PauseScope.ADD, (PauseReason.LOW_BALANCE,)))
