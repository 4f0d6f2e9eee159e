"""The panel behind the interface: one account, and the documented answer to each action."""

from datetime import UTC, datetime
from typing import Any

from worker.domain.orders.services import Service
from worker.sandbox.chance import Chance
from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel import cheats
from worker.sandbox.panel.account import Account
from worker.sandbox.panel.catalogue import Catalogue
from worker.sandbox.panel.clock import Clock
from worker.sandbox.panel.limits import Limits
from worker.sandbox.panel.orderbook import OrderBook
from worker.sandbox.panel.orders import COMPLETED, PARTIAL, PENDING, Order, is_open
from worker.sandbox.panel.prices import Drift
from worker.sandbox.panel.refills import RefillBook
from worker.sandbox.panel.validate import INCORRECT_REQUEST, Batches, ParsedRequest, RefusedError, Validator
from worker.sandbox.switches import Switch, Switches

INCORRECT_ORDER = "Incorrect order ID"
REFILL_NOT_FOUND = "Refill not found"
NO_REFILL = "Refill is not available for this order"
NO_CANCEL = "Cancel is not available for this order"


class Panel:
    """One account with its orders, refills and catalogue. A reset of the sandbox replaces it."""

    def __init__(self, options: SandboxOptions) -> None:
        self.currency = options.currency
        self.clock = Clock(options.speed, options.epoch or datetime.now(UTC))
        self.account = Account(options.balance)
        self.catalogue = Catalogue(now=self.clock.now)
        self.validator = Validator(options.key, self.catalogue, Batches())
        self.limits = Limits(options.rate_limit)
        self.chance = Chance(options.seed)
        self.cheats = Switches("cheat", {name: Switch(about) for name, about in cheats.ALL.items()})
        self.cheats.on(*options.cheats)
        self.book = OrderBook(options, self.clock, self.chance, self.account, self.cheats)
        self.drift = Drift(self.catalogue, self.clock, self.book.agenda, self.chance)
        self.refills = RefillBook(options, self.chance)

    def answer(self, request: ParsedRequest) -> Any:
        """Carries out the request and returns the reply for JSON. Raises RefusedError."""
        if request.refused is not None:
            raise RefusedError(request.refused)
        self.book.settle()
        match request.action:
            case "services":
                return [_service_entry(service) for service in self.catalogue.listed()]
            case "balance":
                return {"balance": str(self.account.balance), "currency": self.currency}
            case "add" if request.wanted:
                return {"order": self.book.accept(request.wanted).id}
            case "status":
                return self._statuses(request)
            case "refill":
                return self._refills(request)
            case "refill_status":
                return self._refill_statuses(request)
            case "cancel":
                return self._cancels(request)
            case _:
                raise RefusedError(INCORRECT_REQUEST)

    def status_of(self, order: Order) -> dict[str, Any]:
        """Returns an order as `status` shows it; drip-feeds and subscriptions have a different shape."""
        if order.spawning:
            spawned = [str(number) for number in order.spawning.orders]
            if not order.spawning.posts:
                return {"status": order.status, "runs": str(order.spawning.planned), "orders": spawned}
            expiry = order.params.get("expiry")
            return {"status": order.status, "posts": str(len(spawned)), "expiry": expiry, "orders": spawned}
        return {
            "charge": str(order.charge),
            "start_count": "0" if order.status == PENDING else str(order.start_count),
            "status": order.status,
            "remains": str(order.remains(self.clock.now())),
            "currency": self.currency,
        }

    def _statuses(self, request: ParsedRequest) -> dict[str, Any]:
        found = {number: self.book.find(number) for number in request.ids}
        if request.is_batch:
            return {
                number: self.status_of(order) if order else {"error": INCORRECT_ORDER}
                for number, order in found.items()
            }
        order = found[request.ids[0]]
        if order is None:
            raise RefusedError(INCORRECT_ORDER)
        return self.status_of(order)

    def _refills(self, request: ParsedRequest) -> Any:
        if request.is_batch:
            return [self._batch_item("order", number, "refill", self._refill) for number in request.ids]
        return {"refill": str(self._refill(request.ids[0]))}

    def _refill_statuses(self, request: ParsedRequest) -> Any:
        if request.is_batch:
            return [self._batch_item("refill", number, "status", self._refill_status) for number in request.ids]
        return {"status": self._refill_status(request.ids[0])}

    def _cancels(self, request: ParsedRequest) -> Any:
        if request.is_batch:
            return [self._batch_item("order", number, "cancel", self._cancel) for number in request.ids]
        return {"cancel": self._cancel(request.ids[0])}

    @staticmethod
    def _batch_item(subject: str, number: str, name: str, act: Any) -> dict[str, Any]:
        said = int(number) if number.isascii() and number.isdigit() else number
        try:
            return {subject: said, name: act(number)}
        except RefusedError as refused:
            return {subject: said, name: {"error": refused.text}}

    def _order(self, number: str) -> Order:
        order = self.book.find(number)
        if order is None:
            raise RefusedError(INCORRECT_ORDER)
        return order

    def _refill(self, number: str) -> int:
        order = self._order(number)
        offered = self.catalogue.sold(order.service).refill and not order.spawning
        if not offered or order.status not in {COMPLETED, PARTIAL}:
            raise RefusedError(NO_REFILL)
        return self.refills.request(order, self.clock.now()).id

    def _refill_status(self, number: str) -> str:
        refill = self.refills.find(number)
        if refill is None:
            raise RefusedError(REFILL_NOT_FOUND)
        return refill.status(self.clock.now())

    def _cancel(self, number: str) -> int:
        order = self._order(number)
        if not self.catalogue.sold(order.service).cancel or not is_open(order.status):
            raise RefusedError(NO_CANCEL)
        self.book.request_cancel(order)
        return 1


def _service_entry(service: Service) -> dict[str, Any]:
    """Returns a service as `services` shows it. Omits a limit that the catalogue doesn't tell."""
    limits = {"min": service.min, "max": service.max}
    return {
        "service": int(service.service),
        "name": service.name,
        "type": service.type,
        "category": service.category,
        "rate": None if service.rate is None else f"{service.rate:f}",
        **{name: str(limit) for name, limit in limits.items() if limit is not None},
        "refill": service.refill,
        "cancel": service.cancel,
    }
