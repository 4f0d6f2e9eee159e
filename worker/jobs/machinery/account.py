"""Makes sure that a panel's settings lead to the account on which its orders were placed, before any other call.

Ids belong to an account. With the settings of another account, a worker would take orders of that one for its own.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Protocol, TypeAlias, TypeVar

import structlog

from worker.domain.accounts import Account, Changed, Known, New
from worker.domain.orders.outcomes import Answered, Failure, NotSent, Refused, Reply, Scope, Unknown
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.domain.orders.trouble import PauseReason, PauseScope, other_account
from worker.jobs.machinery.breaker import Breaker
from worker.panel import BATCH
from worker.store.shared.accounts import Accounts, FoundOut
from worker.store.shared.pauses import Paused, StandingPause

_log = structlog.get_logger()

#: Seconds until the worker asks a panel again that denies the orders: some panels deny a new order for a while.
ASK_AGAIN = 60.0

#: Seconds until the worker asks a panel again that gave no answer.
RETRY = 10.0

#: Seconds until the worker looks again whether another worker, or a person, has settled the question.
LOOK_AGAIN = 2.0

#: The orders that are asked about one by one, if the panel doesn't take many ids at once.
ONE_BY_ONE = 3

T = TypeVar("T")
Item: TypeAlias = OrderReport | ItemError


class Statuses(Protocol):
    """The calls that tell whether an account has an order."""

    async def status(self, order_id: str) -> Reply[Item]: ...

    async def statuses(self, order_ids: Sequence[str]) -> Reply[dict[str, Item]]: ...


async def has_placed(panel: Statuses, order_ids: Sequence[str]) -> Answered[bool] | Failure:
    """Asks the panel whether at least one of these orders is of this account."""
    reply = await panel.statuses(order_ids)
    match reply:
        case Answered(items) if not any(isinstance(item, ItemError) and item.whole for item in items.values()):
            return Answered(any(isinstance(item, OrderReport) for item in items.values()))
        case Answered():
            return await _has_placed_one_of(panel, order_ids)
        case Refused() if reply.scope is not Scope.PANEL:
            return await _has_placed_one_of(panel, order_ids[:ONE_BY_ONE])
        case failure:
            return failure


async def _has_placed_one_of(panel: Statuses, order_ids: Sequence[str]) -> Answered[bool] | Failure:
    for order_id in order_ids:
        match await panel.status(order_id):
            case Answered(OrderReport()):
                return Answered(value=True)
            case Answered():
                pass
            case failure:
                return failure
    return Answered(value=False)


def has_none_of(order_ids: Sequence[str], found: Changed) -> str:
    """Says that the changed settings of a panel lead to another account, which has none of these orders."""
    whose = "another account" if found.fits is None else f"the account of panel {found.fits.panel}"
    orders = "newest order" if len(order_ids) == 1 else f"{len(order_ids)} newest orders"
    return f"its URL and KEY lead to {whose}, which doesn't know the {orders} of this panel"


def what_to_do(panel: str) -> str:
    """Says what to do about settings that lead to another account."""
    return (
        "set the old ones again, or give the new account a panel name of its own; if it is the same account all the "
        f"same, type: order-sync accept-account {panel}"
    )


class AccountCheck:
    """Holds back this worker's calls to one panel until its account is known to be the right one."""

    def __init__(
        self,
        panel: str,
        account: Account,
        *,
        accounts: Accounts,
        client: Statuses,
        breaker: Breaker,
        configured: Collection[str],
    ) -> None:
        """`configured`: the names of all panels in the settings."""
        self._panel = panel
        self._account = account
        self._accounts = accounts
        self._client = client
        self._breaker = breaker
        self._configured = configured
        self._is_right = False
        self._look_at = self._ask_at = -math.inf

    def doubt(self) -> None:
        """Makes the next call check the account again: a worker, perhaps this one, has found it to be another."""
        self._is_right = False
        self._look_at = -math.inf

    async def held_back(self, turn: Callable[[], Awaitable[None]]) -> Paused | None:
        """Checks the account if that is not done yet; None: calls may be made.

        `turn` waits for the time of a call to the panel. To be called by one task at a time.
        """
        if not self._is_right and _now() >= self._look_at:
            self._is_right = await self._check(turn)
            self._look_at = _now() + LOOK_AGAIN
        return None if self._is_right else Paused(PauseReason.OTHER_ACCOUNT, LOOK_AGAIN)

    async def _check(self, turn: Callable[[], Awaitable[None]]) -> bool:
        found = await self._accounts.identify(self._account)
        if isinstance(found, New):
            found = await self._accounts.note(self._account)  # another worker may have noted it meanwhile
        match found:
            case Known(number) | New(number):
                await self._tell_former_names(number, is_new=isinstance(found, New))
            case Changed():
                if not await self._is_accepted(found, turn):
                    return False
        await self._breaker.resume(PauseScope.ALL, (PauseReason.OTHER_ACCOUNT,))
        return True

    async def _tell_former_names(self, number: int | None, *, is_new: bool) -> None:
        """Warns of names that the account had before: nobody follows the orders of a panel that isn't configured."""
        if number is None:
            return
        former = await self._accounts.open_orders_elsewhere(number, self._configured)
        orders = sum(former.values())
        if orders or (former and is_new):
            _log.warning("panel_renamed", panel=self._panel, former=sorted(former), orders=orders)

    async def _is_accepted(self, found: Changed, turn: Callable[[], Awaitable[None]]) -> bool:
        """Finds out whether changed settings lead to the same account."""
        order_ids = await self._accounts.newest_ids(BATCH)
        if not order_ids:
            await self._accounts.note(self._account, FoundOut.UNUSED)
            return True
        standing = [(pause, lasts) for pause, lasts in await self._breaker.standing() if _holds_back(pause)]
        if any(lasts > 0 for _, lasts in standing) or _now() < self._ask_at:
            return False
        match await has_placed(_InTurn(self._client, self._breaker, turn, probe=bool(standing)), order_ids):
            case Answered(True):
                await self._accounts.note(self._account, FoundOut.SAME)
                _log.info(
                    "panel_moved",
                    panel=self._panel,
                    address=self._account.address,
                    address_before=found.address,
                )
                return True
            case Answered():
                detail = f"{has_none_of(order_ids, found)}; {what_to_do(self._panel)}"
                await self._breaker.pause(other_account(detail))
                self._ask_at = _now() + ASK_AGAIN
            case Refused(_, text) | NotSent(text) | Unknown(text):
                _log.warning("account_not_checked", panel=self._panel, error=text)
                self._ask_at = _now() + RETRY
        return False


def _now() -> float:
    return asyncio.get_running_loop().time()


def _holds_back(pause: StandingPause) -> bool:
    """Tells whether a pause holds back the question about the account, too."""
    return pause.scope == PauseScope.ALL and pause.reason != PauseReason.OTHER_ACCOUNT


class _InTurn:
    """Makes calls at their time, and tells the breaker what each came to. `probe`: they are let through a pause."""

    def __init__(self, client: Statuses, breaker: Breaker, turn: Callable[[], Awaitable[None]], *, probe: bool) -> None:
        self._client = client
        self._breaker = breaker
        self._turn = turn
        self._probe = probe

    async def status(self, order_id: str) -> Reply[Item]:
        return await self._reported(partial(self._client.status, order_id))

    async def statuses(self, order_ids: Sequence[str]) -> Reply[dict[str, Item]]:
        return await self._reported(partial(self._client.statuses, order_ids))

    async def _reported(self, call: Callable[[], Awaitable[Reply[T]]]) -> Reply[T]:
        await self._turn()
        reply = await call()
        await self._breaker.report(reply, adding=False, probe=self._probe)
        return reply
