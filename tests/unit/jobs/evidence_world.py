"""Simulates a world in which `add` loses its replies: one panel, its customers, and our rows, each with its true fate.

The world takes the place of the database and the panel for the job that settles unconfirmed orders, and judges every
verdict by the truth. Its clock moves with every question that the job asks, so calls in flight go on meanwhile.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from itertools import cycle
from typing import Any, Self

from structlog.testing import capture_logs

from worker.domain.evidence.bounds import KnownOrder
from worker.domain.evidence.settlement import reconciled
from worker.domain.evidence.suspects import OpenQuestion
from worker.domain.evidence.verdicts import Absent, Linked, Undecided
from worker.domain.orders.changes import Change, OrderRecord
from worker.domain.orders.outcomes import Answered, Reason, Unknown
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import ItemError, OrderReport
from worker.jobs.machinery.gate import Closed
from worker.jobs.reconcile import Reconcile, Rules

#: The settling time, in seconds. Events in the world last some of them.
SETTLE = 10.0

#: Seconds after which everything in the world has happened, and is long enough ago.
THE_END = 200.0


@dataclass(frozen=True)
class Kind:
    """A kind of order. `children` is the kind of its child orders."""

    price: Decimal
    units: int
    expected: Decimal | None
    children: "Kind | None" = None


def ordinary(price: str, units: int, *, rate_known: bool = True) -> Kind:
    return Kind(Decimal(price), units, Decimal(price) if rate_known else None)


#: The usual order.
SMALL = ordinary("0.9", 100)


@dataclass(frozen=True)
class Cut:
    """A close before everything was delivered: when, how much was delivered by then, and what the charge becomes."""

    after: float
    status: str
    share: Decimal
    charge: str  #: kept, proportional, or zero
    says_remains: bool


@dataclass(frozen=True)
class Show:
    """The way in which the panel reports one order, from `hidden` seconds after it took it."""

    hidden: float = 0.0
    bare: bool = False  #: a status and nothing else
    remains: int | None = 0  #: units still to come; None: the panel doesn't say
    cut: Cut | None = None


@dataclass
class Row:
    """One of our orders: its call, its true fate, and our knowledge of it."""

    kind: Kind
    began: float
    ended: float
    taken_at: float | None  #: None: the panel never took it
    heard: bool  #: the reply came, and says under which id
    replied: bool  #: a reply came that couldn't be read
    show: Show = Show()
    spawns_at: tuple[float, ...] = ()
    closed_at: float | None = None  #: for a parent: when we saw that it had closed
    tie: int = 0
    token: int = 0
    truth: int | None = None
    linked: str | None = None
    is_pending: bool = False
    due_at: float = 0.0


def landmark(at: float) -> Row:
    """Returns an order of ours whose reply came, so that others have bounds."""
    return Row(SMALL, at, at + 1, at, heard=True, replied=True, tie=-2)


@dataclass(frozen=True)
class Sold:
    """One order on the panel. `row` is ours that it belongs to, or its parent; None: another customer's."""

    at: float
    tie: int
    kind: Kind
    row: Row | None
    show: Show
    is_child: bool = False


@dataclass
class World:
    rows: list[Row]
    runs_at: tuple[float, ...] = ()
    strangers: tuple[tuple[float, int], ...] = ()
    steps: tuple[float, ...] = (0.0,)  #: how long each question takes
    places: int = 5
    rounding: str = ROUND_HALF_UP
    silent: frozenset[int] = frozenset()  #: ids that the panel leaves out of its replies
    failing: frozenset[int] = frozenset()  #: the calls, by number, that get no answer
    leaves: int = 1000  #: the number of calls that get through
    strange_to_us: frozenset[int] = frozenset()  #: the runs, by number, in which the panel doesn't know us
    neighbours_seen: int = 200
    max_ids: int = 1000
    child_show: Show = Show()
    now: float = 0.0

    def __post_init__(self) -> None:
        sold = [Sold(at, tie, SMALL, None, Show()) for at, tie in self.strangers]
        for row in self.rows:
            if row.taken_at is None:
                continue
            sold.append(Sold(row.taken_at, row.tie, row.kind, row, row.show))
            if row.kind.children is not None:
                sold += [
                    Sold(row.taken_at + after, row.tie + 1, row.kind.children, row, self.child_show, is_child=True)
                    for after in row.spawns_at
                ]
        sold.sort(key=lambda one: (one.at, one.tie, one.is_child))
        self.sold = dict(enumerate(sold, start=101))
        for number, one in self.sold.items():
            if one.row is not None and not one.is_child:
                one.row.truth = number
        for token, row in enumerate(sorted(self.rows, key=lambda row: (row.began, row.tie)), start=1):
            row.token = token
        self._ticks = cycle(self.steps)
        self.neighbours_of: dict[float, list[tuple[str, float, float]]] = {}  #: by `began_at`, instead of the true ones
        self._calls = 0
        self._runs = 0
        self.verdicts: list[tuple[Row, Any]] = []

    def tick(self) -> None:
        self.now += next(self._ticks)

    def run(self, at: float) -> None:
        """Runs the job once, from this time on."""
        self.now = max(self.now, at)
        self._runs += 1
        job = Reconcile(self._upstream(), self, _Due(), Rules(SETTLE, self.max_ids))
        coroutine = job.run()
        with capture_logs():
            try:
                coroutine.send(None)
            except StopIteration:
                return
        raise AssertionError("the job waits for something that this world doesn't have")

    # The panel.

    def _upstream(self) -> Any:
        return _Upstream(self)

    async def statuses(self, numbers: Sequence[str]) -> Any:
        self.tick()
        self._calls += 1
        if self._calls in self.failing:
            return Unknown("no answer")
        answers: dict[str, OrderReport | ItemError] = {}
        for text in numbers:
            number = int(text)
            if number in self.silent:
                continue
            one = self.sold.get(number)
            if self._is_hidden(one):
                answers[text] = ItemError(Reason.NOT_FOUND, "Incorrect order ID")
            else:
                answers[text] = self._report(one)
        return Answered(answers)

    def _is_hidden(self, one: Sold | None) -> bool:
        if one is None or one.row is None or self._runs in self.strange_to_us:
            return True
        return self.now < one.at + one.show.hidden

    def _report(self, one: Sold) -> OrderReport:
        show = one.show
        if one.kind.children is not None:
            children = tuple(
                str(number)
                for number, child in self.sold.items()
                if child.is_child and child.row is one.row and child.at <= self.now
            )
            return OrderReport("In progress", spawned=children)
        if show.bare:
            return OrderReport("Pending")
        if show.cut is None or self.now < one.at + show.cut.after:
            return OrderReport("In progress", self._rounded(one.kind.price), "USD", 7, show.remains)
        delivered = int(one.kind.units * show.cut.share)
        charge = {
            "kept": one.kind.price,
            "proportional": one.kind.price * delivered / one.kind.units,
            "zero": Decimal(0),
        }[show.cut.charge]
        remains = one.kind.units - delivered if show.cut.says_remains else None
        return OrderReport(show.cut.status, self._rounded(charge), "USD", 7, remains)

    def _rounded(self, charge: Decimal) -> Decimal:
        return charge.quantize(Decimal(1).scaleb(-self.places), rounding=self.rounding)

    # The database.

    def _known_number(self, row: Row) -> str | None:
        if row.heard and row.ended <= self.now:
            return str(row.truth)
        return row.linked

    async def questions(self) -> list[OpenQuestion]:
        self.tick()
        return [
            OpenQuestion(
                order_id=row.token,
                token=row.token,
                state=OrderState.SUBMITTING if row.ended > self.now else OrderState.UNCONFIRMED,
                expected_charge=row.kind.expected,
                units=None if row.kind.children is not None else row.kind.units,
                is_parent=row.kind.children is not None,
                replied=row.replied and row.ended <= self.now,
                began_at=row.began,
                ended_at=None if row.ended > self.now else row.ended,
                now=self.now,
                due=row.due_at <= self.now,
            )
            for row in sorted(self.rows, key=lambda row: row.token)
            if row.began <= self.now and self._known_number(row) is None and not row.is_pending
        ]

    async def neighbours(self, times: Sequence[tuple[float, float]]) -> list[list[KnownOrder]]:
        return [self._neighbours(*between) for between in times]

    def _neighbours(self, began_at: float, last_at: float) -> list[KnownOrder]:
        self.tick()
        if began_at in self.neighbours_of:
            return [KnownOrder(*of) for of in self.neighbours_of[began_at]]
        heard = sorted(
            (row for row in self.rows if row.heard and row.ended <= self.now), key=lambda row: (row.began, row.token)
        )
        before = [row for row in heard if row.began < began_at][-self.neighbours_seen :]
        after = [row for row in heard if row.began > last_at][: self.neighbours_seen]
        return [KnownOrder(str(row.truth), row.began, row.ended) for row in [*before[::-1], *after]]

    async def known(self, numbers: Collection[str]) -> set[str]:
        self.tick()
        return {number for row in self.rows if (number := self._known_number(row)) is not None} & set(numbers)

    async def parents(self, since: float) -> list[str]:
        self.tick()
        return [
            number
            for row in self.rows
            if row.kind.children is not None and (number := self._known_number(row)) is not None
            if row.closed_at is None or row.closed_at > self.now or row.closed_at > since
        ]

    async def unexplained(self, question: OpenQuestion, last_at: float) -> None:
        """Returns None: nobody reads the balance here."""

    async def settle(self, question: OpenQuestion, verdict: Any, *, suggest_only: bool) -> Change | None:
        self.tick()
        (row,) = (row for row in self.rows if row.token == question.token)
        self.verdicts.append((row, verdict))
        match verdict:
            case Linked(panel_order_id):
                assert panel_order_id == str(row.truth), f"linked {panel_order_id}, and it is {row.truth}"
                row.linked = panel_order_id
            case Absent():
                assert row.truth is None, f"absent, and it is {row.truth}"
                row.is_pending = True
            case Undecided():
                row.due_at = self.now + 3
        return reconciled(row.token, OrderRecord(OrderState.UNCONFIRMED), verdict)

    @property
    def open_rows(self) -> list[Row]:
        return [row for row in self.rows if self._known_number(row) is None and not row.is_pending]


class _Due:
    async def claim(self) -> bool:
        return True


class _Upstream:
    """Takes the place of the job's way to the panel: nothing holds a call back, and the world answers it."""

    name = "default"

    def __init__(self, world: World) -> None:
        self.client = world
        self.gate = self

    async def enter(self) -> list[Any] | Closed:
        self.client.leaves -= 1
        return [self] if self.client.leaves >= 0 else Closed()

    async def report(self, outcome: Any) -> None:
        pass

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *args: object) -> None:
        pass
