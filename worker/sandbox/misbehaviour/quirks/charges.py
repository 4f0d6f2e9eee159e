"""Quirks in the charges that `status` tells, in the units that remain, and in how money is written.

The panel debits what its ledger says, whatever it tells.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import read_order_status
from worker.sandbox.misbehaviour.quirks.reply import Call, Change, Quirk, Reply, Valued, order_statuses, statuses
from worker.sandbox.panel.orders import PENDING, Order
from worker.sandbox.values import share, whole

_CUT_SHORT = {OrderState.PARTIAL, OrderState.CANCELED}


def _charged(reply: Reply, call: Call) -> Iterator[tuple[Order, dict[str, Any]]]:
    return ((order, item) for order, item in order_statuses(reply, call) if "charge" in item)


def _cut_short(reply: Reply, call: Call, part: float) -> Iterator[tuple[Order, dict[str, Any]]]:
    """Yields this share of the orders that were cut short."""
    for order, item in _charged(reply, call):
        if read_order_status(order.status)[0] in _CUT_SHORT and call.panel.chance.share("cut", order.id) < part:
            yield order, item


def charge_kept(reply: Reply, call: Call, value: float) -> None:
    """A share of Partial and Canceled orders keeps its first charge in `status`, though the panel refunded the rest."""
    for order, item in _cut_short(reply, call, value):
        item["charge"] = str(order.price)


def charge_zeroed(reply: Reply, call: Call, value: float) -> None:
    """A share of Partial and Canceled orders has the charge 0 in `status`, though the panel kept some of it."""
    for _, item in _cut_short(reply, call, value):
        item["charge"] = "0"


def _until_begun(about: str, value: Any) -> Change:
    def until_begun(reply: Reply, call: Call) -> None:
        for order, item in _charged(reply, call):
            if order.status == PENDING:
                item["charge"] = value

    until_begun.__doc__ = about
    return until_begun


def charge_decimals(reply: Reply, call: Call, decimals: int) -> None:
    """Charges are told with so many decimals, and debited with five."""
    step = Decimal(1).scaleb(-decimals)
    for _, item in _charged(reply, call):
        if item["charge"] is not None:
            item["charge"] = str(Decimal(item["charge"]).quantize(step, ROUND_HALF_UP))


def bonus_units(reply: Reply, call: Call, percent: int) -> None:
    """The panel delivers so many percent more than was ordered, and counts them in `remains`."""
    for order, item in order_statuses(reply, call):
        if "remains" in item:
            units = order.quantity * percent // 100
            delivered = order.quantity - int(item["remains"])
            item["remains"] = str(int(item["remains"]) + units - units * delivered // max(order.quantity, 1))


def _money(reply: Reply, call: Call) -> Iterator[tuple[dict[str, Any], str]]:
    """Yields each object with the key under which it holds an amount."""
    if call.action == "balance" and reply.error is None:
        yield reply.body, "balance"
    elif call.action == "services" and reply.error is None:
        yield from ((entry, "rate") for entry in reply.body)
    yield from ((item, "charge") for _, item in statuses(reply, call) if item.get("charge") is not None)


def money_with_signs(reply: Reply, call: Call) -> None:
    """Balance, charges and rates arrive with a sign and separators of thousands: "$1,234.50"."""
    for item, name in _money(reply, call):
        item[name] = f"${Decimal(str(item[name])):,f}"


def money_with_code(reply: Reply, call: Call) -> None:
    """Balance, charges and rates arrive with the code of the currency and separators of thousands: "1,234.50 USD"."""
    for item, name in _money(reply, call):
        item[name] = f"{Decimal(str(item[name]).strip('$').replace(',', '')):,f} {call.panel.currency}"


QUIRKS: Mapping[str, Quirk] = {
    "charge_kept": Valued(charge_kept, share("1")),
    "charge_zeroed": Valued(charge_zeroed, share("1")),
    "charge_zero_at_first": _until_begun("The charge is 0 until the order has begun.", "0"),
    "charge_null_at_first": _until_begun("The charge is null until the order has begun.", None),
    "charge_decimals": Valued(charge_decimals, whole("DECIMALS", 2, low=0)),
    "bonus_units": Valued(bonus_units, whole("PERCENT", 10)),
    "money_with_signs": money_with_signs,
    "money_with_code": money_with_code,
}
