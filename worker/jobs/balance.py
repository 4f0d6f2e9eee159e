"""The history of a panel's balance, and no more orders while it is too low."""

from decimal import Decimal

import structlog

from worker.domain.outcome import Answered, NotSent, Refused, Unknown
from worker.domain.status import Balance as PanelBalance
from worker.domain.trouble import PauseReason, PauseScope, low_balance
from worker.jobs.periodic import call_when_due
from worker.jobs.upstream import Upstream
from worker.store.balances import Balances
from worker.store.budget import Budget
from worker.store.periodic import PeriodicJob

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
        match await call_when_due(self._job, self._upstream.gate, self._upstream.client.balance):
            case Answered(balance):
                await self._balances.record(balance)
                await self._job.succeeded()
                await self._heed(balance)
            case Refused(_, text) | NotSent(text) | Unknown(text):
                _log.warning("balance_not_read", panel=self._upstream.name, error=text)
            case None:
                pass

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
        for resumed in await self._budget.resume((PauseScope.ADD,), (PauseReason.LOW_BALANCE,)):
            _log.info(
                "panel_resumed", panel=self._upstream.name, reason=resumed.reason, paused_for=round(resumed.lasted, 1)
            )
