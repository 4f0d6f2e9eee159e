"""Makes the eleven calls of the panel API v2, with typed arguments and outcomes."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import httpx

from worker.domain.orders.abilities import BATCH
from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.outcomes import Accepted, AddOutcome, Answered, NotSent, Refused, Reply, Unknown
from worker.domain.orders.services import Service
from worker.domain.orders.statuses import Balance, CancelTaken, ItemError, OrderReport, RefillTaken
from worker.domain.redaction import Redactor
from worker.panel.catalogue import read_services
from worker.panel.document import read_document, sample_of
from worker.panel.items import only, read_cancels, read_refill_statuses, read_refills, read_statuses
from worker.panel.replies import Received, read_add, read_balance
from worker.panel.transport import Transport

T = TypeVar("T")
OutcomeT = TypeVar("OutcomeT", bound=Accepted | Answered[Any] | Refused | NotSent | Unknown)


class _ReadMany(Protocol[T]):
    def __call__(self, reply: Received, asked: Sequence[str]) -> Reply[dict[str, T]]: ...


#: Gets each HTTP request: its action, its outcome ("answered", "refused", "not_sent", "unknown"), and its seconds.
Observer: TypeAlias = Callable[[str, str, float], None]

#: Gets each reply of which nothing could be read: its action, what it holds instead, and what returns its beginning.
OnUnread: TypeAlias = Callable[[str, str, Callable[[], str]], None]

#: Bytes. Lists of services take some megabytes.
REPLY_LIMIT = 32 * 1024 * 1024


class PanelClient:
    """Calls one panel. Its calls end in values and raise nothing but `asyncio.CancelledError`.

    `timeout`, in seconds, covers a whole request: waiting for a connection, connecting, sending and the whole reply.
    At most `connections` requests are in flight at once; others wait. `reply_limit` is in bytes, after unpacking.
    `on_request` and `on_unread` must not raise. Raises ValueError for a url, key or limit that can't be right.

    The client repeats no call, follows no redirect, and ignores proxies and netrc of the environment. It sends the key
    in the body only, and takes it out of every text that a call returns.

    A call about several ids sends them in batches of 100, one after the other; without ids, it sends nothing. An id
    that the answer lacks is one of which the panel said nothing. The first failed batch ends the call. The call then
    returns the items that it has read, so that no refill's id is lost; without any, the failure.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout: float = 30.0,
        connections: int = 16,
        user_agent: str | None = None,
        reply_limit: int = REPLY_LIMIT,
        on_request: Observer | None = None,
        on_unread: OnUnread | None = None,
    ) -> None:
        if not key:
            raise ValueError("the panel's key is empty")
        if timeout <= 0 or connections < 1 or reply_limit < 1:
            raise ValueError("timeout, connections and reply_limit must be above zero")
        self._key = key
        self._redact = Redactor([key]).text
        self._on_request = on_request
        self._on_unread = on_unread
        self._transport = Transport(
            _address(url),
            timeout=timeout,
            connections=connections,
            user_agent=user_agent or "order-sync",
            reply_limit=reply_limit,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def add(self, request: AddRequest, *, may_send: Callable[[], bool] = lambda: True) -> AddOutcome:
        """Buys an order. After `Unknown`, the panel may have taken it: to repeat the call may buy it twice.

        The client calls `may_send` right before the first byte. If it returns False, the outcome is `NotSent`.
        """
        return await self._call("add", {**request.parameters, "service": request.service}, read_add, may_send)

    async def status(self, order_id: str) -> Reply[OrderReport | ItemError]:
        reply = await self._call("status", {"order": order_id}, partial(read_statuses, asked=[order_id]))
        return only(reply, order_id)

    async def statuses(self, order_ids: Sequence[str]) -> Reply[dict[str, OrderReport | ItemError]]:
        return await self._in_batches("status", "orders", order_ids, read_statuses)

    async def refill(self, order_id: str) -> Reply[str | RefillTaken | ItemError]:
        """Asks for a refill. The answer is its id, or `RefillTaken` if the panel told none."""
        reply = await self._call("refill", {"order": order_id}, partial(read_refills, asked=[order_id]))
        return only(reply, order_id)

    async def refills(self, order_ids: Sequence[str]) -> Reply[dict[str, str | RefillTaken | ItemError]]:
        """Asks for refills. The answer has their ids, by order."""
        return await self._in_batches("refill", "orders", order_ids, read_refills)

    async def refill_status(self, refill_id: str) -> Reply[str | ItemError]:
        """Asks for the panel's word for a refill's state."""
        reply = await self._call(
            "refill_status", {"refill": refill_id}, partial(read_refill_statuses, asked=[refill_id])
        )
        return only(reply, refill_id)

    async def refill_statuses(self, refill_ids: Sequence[str]) -> Reply[dict[str, str | ItemError]]:
        """Asks for the panel's words for the states of refills, by refill."""
        return await self._in_batches("refill_status", "refills", refill_ids, read_refill_statuses)

    async def cancels(self, order_ids: Sequence[str]) -> Reply[dict[str, CancelTaken | ItemError]]:
        """Asks the panel to cancel orders. Whether it does shows in their statuses later."""
        return await self._in_batches("cancel", "orders", order_ids, read_cancels)

    async def cancel(self, order_id: str) -> Reply[CancelTaken | ItemError]:
        """Asks the same for one order, in a form that the document doesn't have and some panels know alone."""
        reply = await self._call("cancel", {"order": order_id}, partial(read_cancels, asked=[order_id]))
        return only(reply, order_id)

    async def services(self) -> Reply[list[Service]]:
        """Asks for the catalogue, in the panel's order."""
        return await self._call("services", {}, read_services)

    async def balance(self) -> Reply[Balance]:
        return await self._call("balance", {}, read_balance)

    async def _in_batches(
        self,
        action: str,
        field: str,
        ids: Sequence[str],
        read: _ReadMany[T],
    ) -> Reply[dict[str, T]]:
        distinct = list(dict.fromkeys(ids))
        found: dict[str, T] = {}
        for start in range(0, len(distinct), BATCH):
            batch = distinct[start : start + BATCH]
            reply = await self._call(action, {field: ",".join(batch)}, partial(read, asked=batch))
            if not isinstance(reply, Answered):
                return Answered(found) if found else reply
            found |= reply.value
        return Answered(found)

    async def _call(
        self,
        action: str,
        fields: Mapping[str, str],
        read: Callable[[Received], OutcomeT],
        may_send: Callable[[], bool] = lambda: True,
    ) -> OutcomeT | NotSent | Unknown:
        started = time.monotonic()
        outcome: OutcomeT | NotSent | Unknown = Unknown("the call was cut short")
        try:
            reply = await self._transport.post({**fields, "key": self._key, "action": action}, may_send)
            if isinstance(reply, NotSent | Unknown):
                outcome = reply
            else:
                document = read_document(reply.body, self._redact, reply.charset)
                outcome = read(Received(reply.status, document, reply.retry_after))
                if self._on_unread is not None and (unread := _unread(outcome)) is not None:
                    sample = partial(sample_of, reply.body, document, self._redact, reply.charset)
                    self._on_unread(action, unread, sample)
        finally:
            if self._on_request is not None:
                self._on_request(action, _name(outcome), time.monotonic() - started)
        return outcome


def _unread(outcome: Accepted | Answered[Any] | Refused | NotSent | Unknown) -> str | None:
    """Says what a reply holds of which nothing could be read; None for every other."""
    match outcome:
        case Unknown(text):
            return text
        case Answered(dict() as items) if not items:
            return "a reply that says nothing of the ids that were asked about"
        case _:
            return None


def _name(outcome: Accepted | Answered[Any] | Refused | NotSent | Unknown) -> str:
    match outcome:
        case Accepted() | Answered():
            return "answered"
        case Refused():
            return "refused"
        case NotSent():
            return "not_sent"
        case Unknown():
            return "unknown"


def _address(url: str) -> httpx.URL:
    """Checks the panel's address. No message quotes it: a wrong one may hold anything, even a key."""
    try:
        address = httpx.URL(url.strip())
    except httpx.InvalidURL:
        raise ValueError("the panel's url is no address") from None
    if address.scheme not in {"http", "https"} or not address.host:
        raise ValueError("the panel's url must begin with http:// or https:// and name a host")
    if address.userinfo:
        raise ValueError("the panel's url must not hold a user name or password")
    return address
