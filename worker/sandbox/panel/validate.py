"""Reads requests as strictly as the panel document.

Where a real panel would overlook a mistake, the validator records a violation, and the panel carries out the request.
Where a real panel would refuse, the validator refuses with the document's words.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import NamedTuple

from worker.domain.orders.add_request import clean_list
from worker.domain.orders.services import CHOICES, LISTS, TRAFFIC_NEEDS, Billing, Service, TypeRule, rule_of
from worker.domain.words import whole_number
from worker.sandbox.panel.catalogue import Catalogue

INCORRECT_REQUEST = "Incorrect request"
INVALID_KEY = "Invalid API key"
INCORRECT_SERVICE = "Incorrect service ID"
MISSING_LINK = "neworder.error.link"
INVALID_LINK = "neworder.error.invalid_link"

ACTIONS = ("services", "add", "status", "refill", "refill_status", "cancel", "balance")

_LONGEST_LINK = 2048

#: The document allows batches of so many ids.
MOST_IDS = 100

#: By action: the field with one id, and the field with many.
_ID_FIELDS: Mapping[str, tuple[str | None, str]] = {
    "status": ("order", "orders"),
    "refill": ("order", "orders"),
    "refill_status": ("refill", "refills"),
    "cancel": (None, "orders"),
}

_SUBSCRIPTION_OPTIONS = ("posts", "old_posts", "delay", "expiry")


class Violation(NamedTuple):
    """A departure of a request from the panel document. `kind` is stable; `detail` never holds a key."""

    kind: str
    detail: str


class RefusedError(Exception):
    """The panel refuses a request. `text` holds its words."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A valid order. `billed` is in units of one run; `params` are all fields except key and action."""

    service: Service
    rule: TypeRule
    link: str | None
    billed: int
    runs: int | None
    interval: int | None
    params: Mapping[str, str]


@dataclass(slots=True)
class ParsedRequest:
    """A request as the validator understood it. `refused` holds the panel's words if the panel refuses it."""

    action: str
    ids: tuple[str, ...] = ()
    is_batch: bool = False
    wanted: Wanted | None = None
    refused: str | None = None
    violations: list[Violation] = field(default_factory=list)

    def note(self, kind: str, detail: str) -> None:
        self.violations.append(Violation(kind, detail))


@dataclass(slots=True)
class Batches:
    """The batches that a panel takes: up to `most` ids, of a longer one none, or the first if it is `cut`.

    `single` holds the actions that take one id alone.
    """

    most: int = MOST_IDS
    cut: bool = False
    single: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Validator:
    """Reads requests to one account."""

    key: str
    catalogue: Catalogue
    batches: Batches

    def read(self, form: Mapping[str, str]) -> ParsedRequest:
        parsed = ParsedRequest(form.get("action", ""))
        try:
            self._read(form, parsed)
        except RefusedError as refused:
            parsed.refused = refused.text
        return parsed

    def _read(self, form: Mapping[str, str], parsed: ParsedRequest) -> None:
        if form.get("key") != self.key:
            raise RefusedError(INVALID_KEY)
        match parsed.action:
            case "services" | "balance":
                _note_unknown(form, (), parsed)
            case "add":
                parsed.wanted = _read_order(form, self.catalogue, parsed)
            case action if action in _ID_FIELDS:
                self._read_ids(form, parsed)
            case _:
                parsed.note("unknown_action", parsed.action)
                raise RefusedError(INCORRECT_REQUEST)

    def _read_ids(self, form: Mapping[str, str], parsed: ParsedRequest) -> None:
        one, many = _ID_FIELDS[parsed.action]
        if parsed.action in self.batches.single:
            if many in form:
                raise RefusedError(INCORRECT_REQUEST)
            one = one or "order"
        allowed = [name for name in (one, many) if name is not None]
        _note_unknown(form, allowed, parsed)
        given = [name for name in allowed if name in form]
        if len(given) != 1:
            parsed.note("missing_field" if not given else "unknown_field", " or ".join(allowed))
            raise RefusedError(INCORRECT_REQUEST)
        parsed.is_batch = given[0] == many
        ids = form[given[0]].split(",") if parsed.is_batch else [form[given[0]]]
        if any(not number or number != number.strip() for number in ids):
            parsed.note("bad_id", f"{given[0]} holds a blank")
        if repeated := [number for number, times in Counter(ids).items() if times > 1]:
            parsed.note("duplicate_ids", ",".join(repeated))
        if len(ids) > MOST_IDS:
            parsed.note("too_many_ids", str(len(ids)))
        if len(ids) > self.batches.most and not self.batches.cut:
            raise RefusedError(INCORRECT_REQUEST)
        parsed.ids = tuple(number.strip() for number in ids[: self.batches.most])


def _note_unknown(form: Mapping[str, str], allowed: Collection[str], parsed: ParsedRequest) -> None:
    for name in form:
        if name not in {"key", "action"} and name not in allowed:
            parsed.note("unknown_field", name)


def _read_order(form: Mapping[str, str], catalogue: Catalogue, parsed: ParsedRequest) -> Wanted:
    service = catalogue.find(form.get("service", ""))
    rule = rule_of(service.type) if service else None
    if service is None or rule is None:
        raise RefusedError(INCORRECT_SERVICE)
    _note_unknown(form, _order_fields(rule), parsed)
    _note_blank_lines(form, parsed)
    link = _link(form, parsed) if rule.takes_link else None
    _require(form, rule, parsed)
    runs, interval = _drip_feed(form, rule, service, parsed)
    return Wanted(
        service=service,
        rule=rule,
        link=link,
        billed=_billed(form, rule, service, parsed),
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


def _note_blank_lines(form: Mapping[str, str], parsed: ParsedRequest) -> None:
    for name in LISTS & form.keys():
        if form[name] and form[name] != clean_list(form[name]):
            parsed.note("unclean_list", name)


def _link(form: Mapping[str, str], parsed: ParsedRequest) -> str:
    link = form.get("link", "")
    if not link:
        parsed.note("missing_field", "link")
        raise RefusedError(MISSING_LINK)
    if len(link) > _LONGEST_LINK or any(letter.isspace() or not letter.isprintable() for letter in link):
        parsed.note("bad_value", "link")
        raise RefusedError(INVALID_LINK)
    return link


def _require(form: Mapping[str, str], rule: TypeRule, parsed: ParsedRequest) -> None:
    required = [*rule.required, *(["quantity"] if rule.takes_quantity else [])]
    if "type_of_traffic" in rule.required and (needed := TRAFFIC_NEEDS.get(form.get("type_of_traffic", ""))):
        required.append(needed)
    missing = [name for name in required if not form.get(name, "").strip()]
    for name in missing:
        parsed.note("missing_field", name)
    if missing:
        raise RefusedError(INCORRECT_REQUEST)
    for name in rule.required:
        if name in CHOICES:
            low, high = CHOICES[name]
            _whole(form, name, parsed, low=low, high=high)


def _whole(form: Mapping[str, str], name: str, parsed: ParsedRequest, *, low: int = 1, high: int | None = None) -> int:
    number = whole_number(form[name])
    if number is None or number < low or (high is not None and number > high):
        parsed.note("bad_value", name)
        raise RefusedError(INCORRECT_REQUEST)
    return number


def _drip_feed(
    form: Mapping[str, str], rule: TypeRule, service: Service, parsed: ParsedRequest
) -> tuple[int | None, int | None]:
    if not rule.takes_drip_feed or not ({"runs", "interval"} & form.keys()):
        return None, None
    for name in ("runs", "interval"):
        if name not in form:
            parsed.note("missing_field", name)
            raise RefusedError(INCORRECT_REQUEST)
    if not service.dripfeed:
        raise RefusedError(INCORRECT_REQUEST)
    return _whole(form, "runs", parsed), _whole(form, "interval", parsed)


def _billed(form: Mapping[str, str], rule: TypeRule, service: Service, parsed: ParsedRequest) -> int:
    match rule.billing:
        case Billing.PACKAGE:
            return 1
        case Billing.LINES:
            entries = clean_list(form[rule.counted_list or ""])
            return _in_range(entries.count("\n") + 1, service)
        case Billing.QUANTITY:
            return _in_range(_whole(form, "quantity", parsed, low=0), service)
        case Billing.SPAWNED:
            _check_subscription(form, service, parsed)
            return 0


def _in_range(billed: int, service: Service) -> int:
    if service.min is not None and billed < service.min:
        raise RefusedError(f"Quantity less than minimal {service.min}")
    if service.max is not None and billed > service.max:
        raise RefusedError(f"Quantity more than maximum {service.max}")
    return billed


def _check_subscription(form: Mapping[str, str], service: Service, parsed: ParsedRequest) -> None:
    smallest, largest = _whole(form, "min", parsed), _whole(form, "max", parsed)
    if smallest > largest:
        parsed.note("bad_value", "min")
        raise RefusedError(INCORRECT_REQUEST)
    _in_range(smallest, service)
    _in_range(largest, service)
    for name in ("posts", "old_posts", "delay"):
        if name in form:
            _whole(form, name, parsed, low=0)
    if "expiry" in form and expiry_date(form["expiry"]) is None:
        parsed.note("bad_value", "expiry")
        raise RefusedError(INCORRECT_REQUEST)


def expiry_date(text: str) -> date | None:
    """Returns the last day of a subscription from dd/mm/yyyy; None for any other text."""
    try:
        return datetime.strptime(text, "%d/%m/%Y").replace(tzinfo=UTC).date()
    except ValueError:
        return None
