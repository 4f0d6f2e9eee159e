"""The strict reading of a request: what panels' documents allow, and nothing else.

What a panel would overlook is a violation: it is recorded, and the request is carried out. What a panel would refuse is
refused with the documents' words.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

from worker.domain.orders.add_request import clean_list
from worker.domain.orders.services import CHOICES, LISTS, TRAFFIC_NEEDS, Billing, Service, TypeRule, rule_of
from worker.sandbox.panel.catalogue import Catalogue

INCORRECT_REQUEST = "Incorrect request"
INVALID_KEY = "Invalid API key"
INCORRECT_SERVICE = "Incorrect service ID"
MISSING_LINK = "neworder.error.link"
INVALID_LINK = "neworder.error.invalid_link"

_LONGEST_LINK = 2048
_MOST_DIGITS = 18  # what fits into 64 bits

#: By action: the field that holds one id, and the one that holds many.
_ID_FIELDS: Mapping[str, tuple[str | None, str]] = {
    "status": ("order", "orders"),
    "refill": ("order", "orders"),
    "refill_status": ("refill", "refills"),
    "cancel": (None, "orders"),
}

_SUBSCRIPTION_OPTIONS = ("posts", "old_posts", "delay", "expiry")


class Violation(NamedTuple):
    """One thing that panels' documents don't allow. `kind` is stable; `detail` holds names, never values of a key."""

    kind: str
    detail: str


class RefusedError(Exception):
    """The panel's no, in its own words."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order that may be taken. `billed` is in units of one run; `params` are the fields beside key and action."""

    service: Service
    rule: TypeRule
    link: str | None
    billed: int
    runs: int | None
    interval: int | None
    params: Mapping[str, str]


@dataclass(slots=True)
class Reading:
    """A request as it was understood. `refused` holds the panel's words where it may not be carried out."""

    action: str
    ids: tuple[str, ...] = ()
    is_batch: bool = False
    wanted: Wanted | None = None
    refused: str | None = None
    violations: list[Violation] = field(default_factory=list)

    def note(self, kind: str, detail: str) -> None:
        self.violations.append(Violation(kind, detail))


@dataclass(frozen=True, slots=True)
class Validator:
    """Reads requests to one account. `max_ids` is what a batch may hold."""

    key: str
    catalogue: Catalogue
    max_ids: int

    def read(self, form: Mapping[str, str], *, cut_batches: bool = False) -> Reading:
        """`cut_batches`: a batch that is too long isn't refused; what is too much of it is overlooked."""
        reading = Reading(form.get("action", ""))
        try:
            self._read(form, reading, cut_batches=cut_batches)
        except RefusedError as refused:
            reading.refused = refused.text
        return reading

    def _read(self, form: Mapping[str, str], reading: Reading, *, cut_batches: bool) -> None:
        if form.get("key") != self.key:
            raise RefusedError(INVALID_KEY)
        match reading.action:
            case "services" | "balance":
                _note_unknown(form, (), reading)
            case "add":
                reading.wanted = _read_order(form, self.catalogue, reading)
            case action if action in _ID_FIELDS:
                self._read_ids(form, reading, cut_batches=cut_batches)
            case _:
                reading.note("unknown_action", reading.action)
                raise RefusedError(INCORRECT_REQUEST)

    def _read_ids(self, form: Mapping[str, str], reading: Reading, *, cut_batches: bool) -> None:
        one, many = _ID_FIELDS[reading.action]
        allowed = [name for name in (one, many) if name is not None]
        _note_unknown(form, allowed, reading)
        given = [name for name in allowed if name in form]
        if len(given) != 1:
            reading.note("missing_field" if not given else "unknown_field", " or ".join(allowed))
            raise RefusedError(INCORRECT_REQUEST)
        reading.is_batch = given[0] == many
        ids = form[given[0]].split(",") if reading.is_batch else [form[given[0]]]
        if any(not number or number != number.strip() for number in ids):
            reading.note("bad_id", f"{given[0]} holds a blank")
        if repeated := [number for number, times in Counter(ids).items() if times > 1]:
            reading.note("duplicate_ids", ",".join(repeated))
        if len(ids) > self.max_ids:
            reading.note("too_many_ids", str(len(ids)))
            if not cut_batches:
                raise RefusedError(INCORRECT_REQUEST)
        reading.ids = tuple(number.strip() for number in ids[: self.max_ids])


def number_of(text: str) -> int | None:
    """The whole number that a text spells; None for anything else, signs and spaces included."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None


def _note_unknown(form: Mapping[str, str], allowed: Collection[str], reading: Reading) -> None:
    for name in form:
        if name not in {"key", "action"} and name not in allowed:
            reading.note("unknown_field", name)


def _read_order(form: Mapping[str, str], catalogue: Catalogue, reading: Reading) -> Wanted:
    service = catalogue.find(form.get("service", ""))
    rule = rule_of(service.type) if service else None
    if service is None or rule is None:
        raise RefusedError(INCORRECT_SERVICE)
    _note_unknown(form, _order_fields(rule), reading)
    _note_blank_lines(form, reading)
    link = _link(form, reading) if rule.takes_link else None
    _require(form, rule, reading)
    runs, interval = _drip_feed(form, rule, service, reading)
    return Wanted(
        service=service,
        rule=rule,
        link=link,
        billed=_billed(form, rule, service, reading),
        runs=runs,
        interval=interval,
        params={name: value for name, value in form.items() if name not in {"key", "action"}},
    )


def _order_fields(rule: TypeRule) -> set[str]:
    fields = {"service", *rule.required}
    if rule.takes_link:
        fields.add("link")
    if rule.takes_quantity:
        fields.add("quantity")
    if rule.takes_drip_feed:
        fields |= {"runs", "interval"}
    if rule.billing is Billing.SPAWNED:
        fields.update(_SUBSCRIPTION_OPTIONS)
    if "type_of_traffic" in rule.required:
        fields.update(TRAFFIC_NEEDS.values())
    return fields


def _note_blank_lines(form: Mapping[str, str], reading: Reading) -> None:
    for name in LISTS & form.keys():
        if form[name] and form[name] != clean_list(form[name]):
            reading.note("unclean_list", name)


def _link(form: Mapping[str, str], reading: Reading) -> str:
    link = form.get("link", "")
    if not link:
        reading.note("missing_field", "link")
        raise RefusedError(MISSING_LINK)
    if len(link) > _LONGEST_LINK or any(letter.isspace() or not letter.isprintable() for letter in link):
        reading.note("bad_value", "link")
        raise RefusedError(INVALID_LINK)
    return link


def _require(form: Mapping[str, str], rule: TypeRule, reading: Reading) -> None:
    required = [*rule.required, *(["quantity"] if rule.takes_quantity else [])]
    if "type_of_traffic" in rule.required and (needed := TRAFFIC_NEEDS.get(form.get("type_of_traffic", ""))):
        required.append(needed)
    missing = [name for name in required if not form.get(name, "").strip()]
    for name in missing:
        reading.note("missing_field", name)
    if missing:
        raise RefusedError(INCORRECT_REQUEST)
    for name in rule.required:
        if name in CHOICES:
            low, high = CHOICES[name]
            _whole(form, name, reading, low=low, high=high)


def _whole(form: Mapping[str, str], name: str, reading: Reading, *, low: int = 1, high: int | None = None) -> int:
    number = number_of(form[name])
    if number is None or number < low or (high is not None and number > high):
        reading.note("bad_value", name)
        raise RefusedError(INCORRECT_REQUEST)
    return number


def _drip_feed(
    form: Mapping[str, str], rule: TypeRule, service: Service, reading: Reading
) -> tuple[int | None, int | None]:
    if not rule.takes_drip_feed or not ({"runs", "interval"} & form.keys()):
        return None, None
    for name in ("runs", "interval"):
        if name not in form:
            reading.note("missing_field", name)
            raise RefusedError(INCORRECT_REQUEST)
    if not service.dripfeed:
        raise RefusedError(INCORRECT_REQUEST)
    return _whole(form, "runs", reading), _whole(form, "interval", reading)


def _billed(form: Mapping[str, str], rule: TypeRule, service: Service, reading: Reading) -> int:
    match rule.billing:
        case Billing.PACKAGE:
            return 1
        case Billing.LINES:
            entries = clean_list(form[rule.counted_list or ""])
            return _in_range(entries.count("\n") + 1, service)
        case Billing.QUANTITY:
            return _in_range(_whole(form, "quantity", reading, low=0), service)
        case Billing.SPAWNED:
            _check_subscription(form, service, reading)
            return 0


def _in_range(billed: int, service: Service) -> int:
    if service.min is not None and billed < service.min:
        raise RefusedError(f"Quantity less than minimal {service.min}")
    if service.max is not None and billed > service.max:
        raise RefusedError(f"Quantity more than maximum {service.max}")
    return billed


def _check_subscription(form: Mapping[str, str], service: Service, reading: Reading) -> None:
    smallest, largest = _whole(form, "min", reading), _whole(form, "max", reading)
    if smallest > largest:
        reading.note("bad_value", "min")
        raise RefusedError(INCORRECT_REQUEST)
    _in_range(smallest, service)
    _in_range(largest, service)
    for name in ("posts", "old_posts", "delay"):
        if name in form:
            _whole(form, name, reading, low=0)
    if "expiry" in form and expiry_date(form["expiry"]) is None:
        reading.note("bad_value", "expiry")
        raise RefusedError(INCORRECT_REQUEST)


def expiry_date(text: str) -> date | None:
    """The last day of a subscription, written dd/mm/yyyy."""
    try:
        return datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=UTC).date()
    except ValueError:
        return None
