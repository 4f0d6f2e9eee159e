"""Keeps all orders of the account and moves them along as time passes."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType

from worker.domain.orders.add_request import expected_charge
from worker.domain.orders.services import Billing
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import read_order_status
from worker.domain.words import whole_number
from worker.sandbox.chance import Chance
from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel import cheats
from worker.sandbox.panel.account import NOTHING, Account, NotEnoughFundsError, rounded
from worker.sandbox.panel.clock import Agenda, Clock
from worker.sandbox.panel.numbering import Numbering
from worker.sandbox.panel.orders import (
    ACTIVE,
    CANCELED,
    COMPLETED,
    EXPIRED,
    IN_PROGRESS,
    PARTIAL,
    PAUSED,
    PENDING,
    Order,
    Origin,
    Spawning,
    is_open,
    plan_life,
)
from worker.sandbox.panel.prices import Prices
from worker.sandbox.panel.validate import RefusedError, Wanted, expiry_date
from worker.sandbox.switches import Switches

_MINUTE = 60.0
_HOUR = 3600.0
_NO_FUNDS = "Not enough funds on balance"
_BUSY_LINK = "neworder.error.link_duplicate"


class OrderBook:
    """Takes orders and moves them along. Each change of a charge debits or refunds the difference.

    `cheating` has the switches of the cheats, which change the amounts that the panel takes and refunds. `agenda` has
    the steps that `settle` runs when they are due.
    """

    def __init__(
        self, options: SandboxOptions, clock: Clock, chance: Chance, account: Account, cheating: Switches
    ) -> None:
        self.orders: dict[int, Order] = {}
        self.numbering = Numbering(options, clock, chance, self.orders.keys())
        self.prices = Prices()
        self.agenda = Agenda()
        self._options = options
        self._clock = clock
        self._chance = chance
        self._account = account
        self._cheating = cheating
        self._busy: Counter[tuple[str, str | None]] = Counter()

    def settle(self) -> None:
        """Brings every order up to the present."""
        self.agenda.run(self._clock.now())

    def find(self, text: str) -> Order | None:
        """Returns this account's order with this id; None for another customer's id, or a text that is no id."""
        number = whole_number(text)
        return None if number is None else self.orders.get(number)

    def accept(self, wanted: Wanted, origin: Origin = Origin.ADD) -> Order:
        """Takes an order and its money. Raises RefusedError and takes nothing if the panel refuses it."""
        now = self._clock.now()
        if self._options.refuse_busy_links and self._busy[wanted.service.service, wanted.link] > 0:
            raise RefusedError(_BUSY_LINK)
        rate = self.prices.rate(wanted.service)
        charge = expected_charge(rate, wanted.rule, wanted.billed, wanted.runs or 1)
        price = rounded(charge or NOTHING)
        taken = price + cheats.overcharge(price) if cheats.OVERCHARGE in self._cheating else price
        try:
            self._account.charge(taken)
        except NotEnoughFundsError:
            raise RefusedError(_NO_FUNDS) from None
        order = self._enter(
            service=wanted.service.service,
            link=wanted.link,
            quantity=wanted.billed * (wanted.runs or 1),
            price=price,
            at=now,
            params=wanted.params,
            origin=origin,
        )
        order.debited = taken
        self._busy[order.service, order.link] += 1
        if wanted.rule.billing is Billing.SPAWNED:
            self._subscribe(order, wanted, rate or NOTHING)
        elif wanted.runs is not None:
            self._drip(order, wanted)
        else:
            self._begin(order)
        return order

    def request_cancel(self, order: Order) -> None:
        """Cancels the order a little later, unless it is closed by then. A second request changes nothing."""
        if order.cancel_requested_at is not None:
            return
        now = order.cancel_requested_at = self._clock.now()
        self.agenda.put(now + self._chance.around(_MINUTE, 4, "cancel", order.id), partial(self._cancel, order))

    def amend(
        self,
        order: Order,
        *,
        status: str | None = None,
        charge: Decimal | None = None,
        remains: int | None = None,
        start_count: int | None = None,
    ) -> None:
        """Sets an order by hand. From then on it keeps these values.

        The status decides the values that aren't given: a Completed order has no remains, a Canceled order costs
        nothing, and a Partial order costs what the panel delivered. The account pays or gets the difference, even if
        its balance falls below 0.
        """
        order.delivered = order.delivered_by(self._clock.now())
        order.held = True
        state = None if status is None else read_order_status(status)[0]
        if remains is not None:
            order.delivered = order.quantity - remains
        elif state is OrderState.COMPLETED:
            order.delivered = order.quantity
        elif state is OrderState.CANCELED:
            order.delivered = 0
        if start_count is not None:
            order.start_count = start_count
        if charge is not None:
            self._reprice(order, rounded(charge))
        elif state is OrderState.CANCELED:
            self._reprice(order, NOTHING)
        elif state in {OrderState.COMPLETED, OrderState.PARTIAL} and not order.spawning:
            self._reprice(order, _worth(order))
        if status is not None:
            self._move(order, status)

    def _enter(
        self,
        *,
        service: str,
        link: str | None,
        quantity: int,
        price: Decimal,
        at: float,
        params: Mapping[str, str] = MappingProxyType({}),
        origin: Origin = Origin.PARENT,
        parent: int | None = None,
    ) -> Order:
        number = self.numbering.next()
        order = self.orders[number] = Order(
            id=number,
            service=service,
            link=link,
            quantity=quantity,
            params=params,
            accepted_at=at,
            price=price,
            charge=price,
            life=plan_life(self._chance, self._options, number, quantity),
            start_count=self._chance.whole(0, 50_000, "start count", number),
            origin=origin,
            parent=parent,
        )
        return order

    def _begin(self, order: Order) -> None:
        self.agenda.put(order.accepted_at + order.life.starts_after, partial(self._start, order))

    def _start(self, order: Order, at: float) -> None:
        if order.held or order.status != PENDING:
            return
        order.started_at = at
        self._move(order, IN_PROGRESS)
        self.agenda.put(at + order.life.lasts, partial(self._finish, order))

    def _finish(self, order: Order, at: float) -> None:
        if order.held or order.status != IN_PROGRESS:
            return
        self._close(order, order.life.ending, order.life.delivered)
        if order.life.late:
            self.agenda.put(at + order.life.late[0], partial(self._change_late, order))

    def _change_late(self, order: Order, _at: float) -> None:
        if not order.held and order.life.late:
            _, status, delivered = order.life.late
            self._close(order, status, delivered)

    def _cancel(self, order: Order, at: float) -> None:
        if order.held or not is_open(order.status):
            return
        if order.spawning:
            order.spawning.stopped = True
            self._reprice(order, NOTHING)
            self._move(order, CANCELED)
            return
        delivered = order.delivered_by(at)
        self._close(order, PARTIAL if delivered else CANCELED, delivered)

    def _close(self, order: Order, status: str, delivered: int) -> None:
        order.delivered = delivered
        self._reprice(order, _worth(order))
        self._move(order, status)

    def _move(self, order: Order, status: str) -> None:
        step = is_open(status) - is_open(order.status)
        order.status = status
        if step < 0 and cheats.CHARGED_AGAIN in self._cheating:
            self.agenda.put(self._clock.now() + cheats.CHARGED_AGAIN_AFTER, partial(self._charge_again, order))
        if order.parent is None:
            self._busy[order.service, order.link] += step
        elif spawning := self.orders[order.parent].spawning:
            spawning.open += step
            self._end_parent(self.orders[order.parent], spawning)

    def _reprice(self, order: Order, charge: Decimal) -> None:
        difference = charge - order.charge
        order.charge = charge
        if difference > 0:
            self._debit(order, difference)
        elif cheats.REFUND_WITHHELD not in self._cheating:
            self._account.refund(-difference)
            order.refunded -= difference

    def _charge_again(self, order: Order, _at: float) -> None:
        self._debit(order, order.charge)

    def _debit(self, order: Order, amount: Decimal) -> None:
        self._account.charge(amount, overdraw=True)
        order.debited += amount

    def _drip(self, parent: Order, wanted: Wanted) -> None:
        parent.status = IN_PROGRESS
        parent.spawning = Spawning(
            posts=False,
            planned=wanted.runs or 1,
            every=(wanted.interval or 1) * _MINUTE,
            smallest=wanted.billed,
            largest=wanted.billed,
        )
        self.agenda.put(parent.accepted_at, partial(self._run, parent, parent.spawning))

    def _run(self, parent: Order, spawning: Spawning, at: float) -> None:
        """Places one child order of a drip-feed. The parent has paid for all; the last gets what rounding left."""
        if parent.held or spawning.stopped:
            return
        share = rounded(parent.price / spawning.planned)
        is_last = len(spawning.orders) + 1 == spawning.planned
        charge = parent.charge if is_last else min(share, parent.charge)
        parent.charge -= charge
        self._spawn(parent, parent.link, spawning.smallest, charge, at)
        if not is_last:
            self.agenda.put(at + spawning.every, partial(self._run, parent, spawning))

    def _subscribe(self, parent: Order, wanted: Wanted, rate: Decimal) -> None:
        posts = int(wanted.params.get("posts", 0)) or self._chance.whole(2, 6, "posts", parent.id)
        old_posts = int(wanted.params.get("old_posts", 0))
        delay = int(wanted.params.get("delay", 0)) * _MINUTE
        parent.status = ACTIVE
        parent.spawning = Spawning(
            posts=True,
            planned=posts + old_posts,
            at_once=old_posts,
            every=self._chance.around(30 * _MINUTE, 4, "every", parent.id) + delay,
            smallest=int(wanted.params["min"]),
            largest=int(wanted.params["max"]),
            rate=rate,
            expiry=expiry_date(wanted.params.get("expiry", "")),
        )
        self._await_post(parent, parent.spawning, parent.accepted_at)

    def _await_post(self, parent: Order, spawning: Spawning, at: float) -> None:
        made = len(spawning.orders)
        if made < spawning.planned:
            wait = 0.0 if made < spawning.at_once else spawning.every
            self.agenda.put(at + wait, partial(self._post, parent, spawning))

    def _post(self, parent: Order, spawning: Spawning, at: float) -> None:
        """Places and charges one child order of a subscription, or retries in an hour if the balance is too small."""
        if parent.held or spawning.stopped:
            return
        if spawning.expiry and self._clock.date(at).date() > spawning.expiry:
            spawning.stopped = True
            self._end_parent(parent, spawning)
            return
        number = len(spawning.orders) + 1
        quantity = self._chance.whole(spawning.smallest, spawning.largest, "post", parent.id, number)
        charge = rounded(spawning.rate * quantity / 1000)
        try:
            self._account.charge(charge)
        except NotEnoughFundsError:
            self._move(parent, PAUSED)
            self.agenda.put(at + _HOUR, partial(self._post, parent, spawning))
            return
        self._move(parent, ACTIVE)
        link = f"https://posts.example/{parent.params['username']}/{number}"
        self._spawn(parent, link, quantity, charge, at).debited = charge
        self._await_post(parent, spawning, at)

    def _spawn(self, parent: Order, link: str | None, quantity: int, price: Decimal, at: float) -> Order:
        order = self._enter(service=parent.service, link=link, quantity=quantity, price=price, at=at, parent=parent.id)
        if parent.spawning:
            parent.spawning.orders.append(order.id)
            parent.spawning.open += 1
        self._begin(order)
        return order

    def _end_parent(self, parent: Order, spawning: Spawning) -> None:
        if spawning.is_over and not parent.held and is_open(parent.status):
            self._move(parent, EXPIRED if spawning.stopped else COMPLETED)


def _worth(order: Order) -> Decimal:
    """Returns the price of the delivered units."""
    delivered = min(max(order.delivered, 0), order.quantity)
    return order.price if delivered == order.quantity else rounded(order.price * delivered / order.quantity)
