"""Compares the tables with what the sandbox really did, row by row and to the last digit, and sums up the demo."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from worker.cli.demo.samples import Sample
from worker.cli.demo.shop import CancelRow, OrderRow, RefillRow, Tables
from worker.cli.demo.view import counts

#: The states behind the sandbox's words. The worker has them too, but a comparison with its own table proves little.
_ORDER_STATES = {"Completed": "completed", "Partial": "partial", "Canceled": "canceled", "Expired": "partial"}
_REFILL_STATES = {"Completed": "completed", "Rejected": "rejected"}


@dataclass(frozen=True, slots=True)
class Ledger:
    """What the sandbox really took, from `worker.sandbox.panel.ledger`."""

    orders: list[dict[str, Any]]
    refills: list[dict[str, Any]]
    cancels: list[dict[str, Any]]
    balance: Mapping[str, str]

    @property
    def own(self) -> list[dict[str, Any]]:
        """The orders that the worker sent, without child orders of drip-feeds and subscriptions."""
        return [order for order in self.orders if order["parent"] is None]

    @property
    def spawned_charge(self) -> Decimal:
        """The cost of the child orders. The account pays it, and no row shows it."""
        return sum((Decimal(order["charge"]) for order in self.orders if order["parent"] is not None), Decimal(0))


def differences(tables: Tables, ledger: Ledger, samples: Mapping[str, Sample]) -> list[str]:
    """Returns every difference between the tables, the ledger and the samples (by reference), a line each."""
    return [
        *_bad_rows(tables.orders, samples),
        *_orders(tables.orders, ledger, samples),
        *_refills(tables.refills, ledger.refills),
        *_cancels(tables.cancels, ledger.cancels),
        *_money(tables, ledger),
    ]


def _bad_rows(rows: Iterable[OrderRow], samples: Mapping[str, Sample]) -> Iterator[str]:
    for row in rows:
        code = row.error_code if row.state == "rejected" else None
        if code != samples[row.reference].refused:
            yield f"{row.reference}: has error code {code}, and should have {samples[row.reference].refused}"


def _orders(rows: Iterable[OrderRow], ledger: Ledger, samples: Mapping[str, Sample]) -> Iterator[str]:
    taken = {order["id"]: order for order in ledger.own}
    sent = {row.panel_order_id: row for row in rows if row.panel_order_id is not None}
    for number in taken.keys() - sent.keys():
        yield f"panel order {number}: the panel took it, and no row has its id"
    for number in sent.keys() - taken.keys():
        yield f"{sent[number].reference}: panel order {number} isn't in the panel's ledger"
    for number in sorted(sent.keys() & taken.keys()):
        row, order = sent[number], taken[number]
        ours, theirs = _as_rowed(row, samples[row.reference].billed), _as_taken(order)
        for what in ours:
            if ours[what] != theirs[what]:
                yield f"{row.reference}: {what} is {ours[what]} in the table, and {theirs[what]} on the panel"


def _as_rowed(row: OrderRow, billed: int | None) -> dict[str, Any]:
    return {
        "service": row.service,
        "link": row.link,
        "quantity": billed if row.quantity is None else row.quantity * (row.runs or 1),
        "state": row.state,
        "charge": row.charge,
        "remains": row.remains,
        "spawned": row.spawned or [],
    }


def _as_taken(order: Mapping[str, Any]) -> dict[str, Any]:
    is_parent = bool(order["spawned"])  # `status` shows no charge and no remains for a parent
    return {
        "service": order["service"],
        "link": order["link"],
        "quantity": order["quantity"],
        "state": _ORDER_STATES.get(order["status"], order["status"]),
        "charge": None if is_parent else Decimal(order["charge"]),
        "remains": None if is_parent else order["remains"],
        "spawned": order["spawned"],
    }


def _refills(rows: Iterable[RefillRow], taken: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    ours = {row.panel_refill_id: (row.panel_order_id, row.state) for row in rows if row.panel_refill_id is not None}
    theirs = {
        refill["id"]: (refill["order"], _REFILL_STATES.get(refill["status"], refill["status"])) for refill in taken
    }
    for number in sorted(ours.keys() | theirs.keys()):
        if ours.get(number) != theirs.get(number):
            yield f"refill {number}: {ours.get(number)} in the table, and {theirs.get(number)} on the panel"


def _cancels(rows: Iterable[CancelRow], taken: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    ours = {row.panel_order_id for row in rows if row.state == "accepted" and row.panel_order_id is not None}
    theirs = {cancel["order"] for cancel in taken}
    for number in sorted(ours ^ theirs):
        where = "in the table alone" if number in ours else "on the panel alone"
        yield f"the cancel of panel order {number} was accepted {where}"


def _money(tables: Tables, ledger: Ledger) -> Iterator[str]:
    money = {name: Decimal(amount) for name, amount in ledger.balance.items() if name != "currency"}
    spent = money["opening"] - money["closing"]
    if spent != money["charges"] - money["refunds"]:
        yield f"the account went down by {spent}, and its charges - refunds are {money['charges']} - {money['refunds']}"
    charged = _charged(tables)
    if charged + ledger.spawned_charge != spent:
        yield f"the account went down by {spent}, and the rows explain {charged} + {ledger.spawned_charge}"
    if tables.balance != money["closing"]:
        yield f"the last balance in the table is {tables.balance}, and the account has {money['closing']}"


def _charged(tables: Tables) -> Decimal:
    return sum((row.charge for row in tables.orders if row.charge is not None), Decimal(0))


def summary(tables: Tables, ledger: Ledger, seconds: float) -> str:
    """Returns the summary of a demo without differences, for a person."""
    money = ledger.balance
    account = f"{money['opening']} - {money['charges']} charged + {money['refunds']} refunded = {money['closing']}"
    bad = [row for row in tables.orders if row.state == "rejected"]
    return "\n".join(
        [
            f"Orders    {len(tables.orders)}: {_by_state(tables.orders)}",
            f"Refills   {len(tables.refills)}: {_by_state(tables.refills)}",
            f"Cancels   {len(tables.cancels)}: {_by_state(tables.cancels)}",
            f"Bad rows  {len(bad)}, none of which cost anything:",
            *(f"          {row.reference:15}  {row.error_code}: {row.error}" for row in bad),
            f"Balance   {account} {money['currency']}",
            f"          explained to the last digit by the rows' charges, {_charged(tables):.5f},",
            f"          and by the child orders of drip-feeds and subscriptions, {ledger.spawned_charge:.5f}",
            f"Ledger    {len(ledger.own)} orders on the panel, and one row for each: the same service, link, quantity,",
            "          state, charge and remains",
            f"Time      {seconds:.1f} s",
        ]
    )


def _by_state(rows: Iterable[OrderRow] | Iterable[RefillRow] | Iterable[CancelRow]) -> str:
    return counts(Counter(row.state for row in rows))
