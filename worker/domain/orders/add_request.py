"""Turns an order's row into the parameters of an `add`, or refuses it for what the catalogue can tell before any call.

The rules follow the panels' own documents. The codes of refusals are part of the interface: producers rely on them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from worker.domain.orders.services import (
    CHOICES,
    LISTS,
    TRAFFIC_NEEDS,
    Billing,
    Service,
    TypeRule,
    Untyped,
    rule_of,
)
from worker.domain.words import whole_number

#: Parameters that `params` may not hold: they have a column of their own, or the client sets them.
RESERVED = frozenset({"key", "action", "service", "link", "quantity", "runs", "interval"})

_QUANTITY = "quantity"
_THOUSAND = Decimal(1000)

#: Nobody means a number in `params` that isn't below this one.
_MOST = 10**30


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A producer's order: the columns of a row that a producer sets. `params` is None where it can't be read."""

    service: str
    link: str | None = None
    quantity: int | None = None
    runs: int | None = None
    interval_minutes: int | None = None
    params: Mapping[str, Any] | None = field(default_factory=dict)
    max_charge: Decimal | None = None


@dataclass(frozen=True, slots=True)
class AddRequest:
    """One `add`, ready to send. `parameters` are the form fields in addition to key, action and service, in order.

    `expected_charge` is in the account's currency; None where nobody can know it beforehand. `units` are those that
    `remains` counts down from; None where `remains` may count something else. `is_parent`: it spawns child orders.
    `most_units`: to so many the units may be raised; None where they can't be.
    """

    service: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    expected_charge: Decimal | None = None
    units: int | None = None
    is_parent: bool = False
    most_units: int | None = None

    def with_more(self, units: int) -> "AddRequest | None":
        """Returns the same request with so many units more; None where it can't have as many."""
        if self.units is None or self.expected_charge is None or self.units + units > (self.most_units or 0):
            return None
        more = self.units + units
        return replace(
            self,
            parameters={**self.parameters, _QUANTITY: str(more)},
            expected_charge=self.expected_charge * more / self.units,
            units=more,
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """Our own refusal, without a call. `code` is stable; `text` names what is wrong."""

    code: str
    text: str


class _RefusedError(Exception):
    def __init__(self, code: str, text: str) -> None:
        self.refusal = Refusal(code, text)
        super().__init__(text)


def check(
    order: OrderRequest, service: Service | None, *, removed: bool = False, untyped: Untyped | None = None
) -> AddRequest | Refusal:
    """Checks an order against its service. Returns what to send, or why nothing may be sent.

    `service` is the catalogue's entry; None where the catalogue has none. `removed`: the panel lists it no more.
    `untyped`: what to take the service for if the catalogue tells no type.
    """
    try:
        return _request(order, service, untyped, removed=removed)
    except _RefusedError as refused:
        return refused.refusal


def _request(order: OrderRequest, service: Service | None, untyped: Untyped | None, *, removed: bool) -> AddRequest:
    if service is None:
        raise _RefusedError("unknown_service", f"the panel's catalogue has no service {order.service}")
    if removed:
        raise _RefusedError("unknown_service", f"service {order.service} is gone from the panel's catalogue")
    rule = _rule(service, untyped)
    link = _clean(order.link or "")
    extra = _parameters(order.params)
    _require(rule, link, order.quantity, extra)
    _check_choices(rule, extra)
    billed = _billed_per_run(rule, order.quantity, extra)
    _check_range(rule, service, billed, extra)
    _check_drip_feed(rule, service, order)
    expected = expected_charge(service.rate, rule, billed, order.runs or 1)
    _check_max_charge(order, rule, service.rate, extra, expected)
    sent: dict[str, str] = {}
    if rule.takes_link:
        sent["link"] = link
    if rule.takes_quantity:
        sent[_QUANTITY] = str(order.quantity)
    if order.runs is not None:
        sent["runs"] = str(order.runs)
        sent["interval"] = str(order.interval_minutes)
    is_parent = order.runs is not None or rule.billing is Billing.SPAWNED
    units = None if is_parent or rule.billing is Billing.PACKAGE else billed
    most = None if is_parent or not rule.takes_quantity else _most_units(service, order.max_charge, billed, expected)
    return AddRequest(order.service, sent | extra, expected, units, is_parent, most)


def _rule(service: Service, untyped: Untyped | None) -> TypeRule:
    rule = rule_of(service.type or (untyped.type if untyped is not None else None))
    if rule is not None:
        return rule
    said = f"service {service.service} has the type {service.type!r}, which isn't known"
    if not service.type:
        said = f"the catalogue tells no type of service {service.service}"
        said += "" if untyped is None else f"; set {untyped.setting} to the type that such services have"
    raise _RefusedError("unknown_type", said)


def _most_units(service: Service, max_charge: Decimal | None, units: int, charge: Decimal | None) -> int | None:
    """Returns how many units the service and the order's own limit allow at most; None where nobody knows."""
    if charge is None or not charge or service.max is None:
        return None
    return service.max if max_charge is None else min(service.max, int(max_charge * units / charge))


def clean_list(value: str) -> str:
    """Returns a list of one entry a line, without blank lines and without spaces around entries."""
    return "\n".join(_lines(value))


def _lines(text: str) -> list[str]:
    return [line for raw in text.splitlines() if (line := raw.strip())]


def _clean(text: str) -> str:
    """Removes white space around a text, and ends all its lines with line feeds."""
    return "\n".join(text.strip().splitlines())


def _parameters(params: Mapping[str, Any] | None) -> dict[str, str]:
    """Returns the form field of each parameter, without those that are null, or empty once cleaned."""
    if params is None:
        raise _RefusedError("bad_parameter", "params can't be read: a number too long, or nested too deep")
    extra: dict[str, str] = {}
    for name, value in params.items():
        if _is_reserved(name):
            raise _RefusedError(
                "reserved_parameter", f"params may not hold {name!r}: it has a column, or is the worker's"
            )
        text = _form_value(name, value)
        if text:
            extra[name] = text
    return extra


def _is_reserved(name: str) -> bool:
    """Says whether a name is reserved. `key[]` and ` key` are, too: PHP takes them for the field itself."""
    return name.partition("[")[0].strip() in RESERVED


def _form_value(name: str, value: object) -> str:
    if isinstance(value, list):
        entries = (" ".join(_lines(_scalar(name, entry))) for entry in value)
        return "\n".join(entry for entry in entries if entry)
    text = _scalar(name, value)
    return clean_list(text) if name in LISTS else text


def _scalar(name: str, value: object) -> str:
    """Returns one JSON value as text. It writes numbers as people do: 100.0 and 1e2 are both 100."""
    match value:
        case None:
            return ""
        case bool():
            return "1" if value else "0"
        case str():
            return _clean(value)
        case int() | float() if abs(value) < _MOST:
            return str(int(value)) if value == int(value) else f"{Decimal(str(value)):f}"
        case _:
            raise _RefusedError("bad_parameter", f"params.{name} must be a text, a number, or an array of them")


def _require(rule: TypeRule, link: str, quantity: int | None, extra: Mapping[str, str]) -> None:
    required = list(rule.required)
    if "type_of_traffic" in rule.required and (needed := TRAFFIC_NEEDS.get(extra.get("type_of_traffic", ""))):
        required.append(needed)
    missing = [name for name in required if name not in extra]
    if rule.takes_link and not link:
        missing.insert(0, "link")
    if rule.takes_quantity and quantity is None:
        missing.insert(0, "quantity")
    if missing:
        raise _RefusedError("missing_parameter", f"a service of type {rule.name} needs {', '.join(missing)}")


def _check_choices(rule: TypeRule, extra: Mapping[str, str]) -> None:
    for name in rule.required:
        if name in CHOICES:
            low, high = CHOICES[name]
            if extra[name] not in {str(n) for n in range(low, high + 1)}:
                raise _RefusedError("bad_parameter", f"params.{name} must be a whole number from {low} to {high}")


def _whole(extra: Mapping[str, str], name: str, *, lowest: int) -> int:
    number = whole_number(extra[name])
    if number is None or number < lowest:
        raise _RefusedError("bad_parameter", f"params.{name} must be a whole number from {lowest} up")
    return number


def _billed_per_run(rule: TypeRule, quantity: int | None, extra: Mapping[str, str]) -> int:
    """Returns the units that the panel bills for one run; 0 for a subscription, whose child orders are billed."""
    match rule.billing:
        case Billing.QUANTITY:
            return quantity or 0
        case Billing.LINES:
            billed = extra[rule.counted_list or ""].count("\n") + 1
        case Billing.PACKAGE:
            billed = 1
        case Billing.SPAWNED:
            billed = 0
    if quantity not in {None, billed}:
        raise _RefusedError("quantity_not_taken", f"a service of type {rule.name} takes no quantity: leave it null")
    return billed


def _check_range(rule: TypeRule, service: Service, billed: int, extra: Mapping[str, str]) -> None:
    match rule.billing:
        case Billing.PACKAGE:
            return
        case Billing.SPAWNED:
            lowest, highest = _whole(extra, "min", lowest=1), _whole(extra, "max", lowest=1)
            if lowest > highest:
                raise _RefusedError("bad_parameter", "params.min is above params.max")
        case Billing.QUANTITY | Billing.LINES:
            lowest = highest = billed
    if service.min is not None and lowest < service.min:
        raise _RefusedError("quantity_out_of_range", f"{lowest} is below the service's minimum of {service.min}")
    if service.max is not None and highest > service.max:
        raise _RefusedError("quantity_out_of_range", f"{highest} is above the service's maximum of {service.max}")


def _check_drip_feed(rule: TypeRule, service: Service, order: OrderRequest) -> None:
    if order.runs is None:
        return
    if not rule.takes_drip_feed or service.dripfeed is False:
        raise _RefusedError("dripfeed_not_offered", f"service {order.service} has no drip-feed: leave runs null")


def expected_charge(rate: Decimal | None, rule: TypeRule, billed_per_run: int, runs: int) -> Decimal | None:
    """Returns what the panel should charge, unrounded; None where the rate or the bill can't be known beforehand."""
    if rate is None:
        return None
    match rule.billing:
        case Billing.QUANTITY:
            return rate * billed_per_run * runs / _THOUSAND
        case Billing.LINES:
            return rate * billed_per_run / _THOUSAND
        case Billing.PACKAGE:
            return rate
        case Billing.SPAWNED:
            return None


def _most_it_can_cost(
    rule: TypeRule, rate: Decimal | None, extra: Mapping[str, str], expected: Decimal | None
) -> Decimal | None:
    """Returns the highest possible charge: the expected one, or that of a subscription with a number of posts.

    None where there is no known limit.
    """
    if rule.billing is not Billing.SPAWNED or rate is None or "posts" not in extra:
        return expected
    posts = _whole(extra, "posts", lowest=0)
    if posts == 0:  # no limit, to panels
        return expected
    old_posts = _whole(extra, "old_posts", lowest=0) if "old_posts" in extra else 0
    return rate * _whole(extra, "max", lowest=1) * (posts + old_posts) / _THOUSAND


def _check_max_charge(
    order: OrderRequest, rule: TypeRule, rate: Decimal | None, extra: Mapping[str, str], expected: Decimal | None
) -> None:
    if order.max_charge is None:
        return
    most = _most_it_can_cost(rule, rate, extra, expected)
    if most is None:
        raise _RefusedError("charge_not_known", "max_charge is set, and what this order will cost can't be known")
    if most > order.max_charge:
        raise _RefusedError("max_charge_exceeded", f"the expected charge of {most.normalize():f} is above max_charge")
