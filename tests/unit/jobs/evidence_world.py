"""A world in which `add` loses its replies: one panel, its customers, and our rows, each with its true fate.

It stands in for the database and the panel of the job that settles unconfirmed orders, and knows the truth by which
to judge every verdict. Its clock moves with every question that it is asked, so what is under way goes on meanwhile.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from itertools import cycle
from typing import Any, Self, TypeVar

from hypothesis import strategies as st
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

T = TypeVar("T")

#: Seconds. What happens in the world lasts some of them.
SETTLE = 10.0

#: By then, everything in the world has happened, and is long enough ago.
THE_END = 200.0


@dataclass(frozen=True)
class Kind:
    """What a row asks for. `children` is the kind of the orders that it spawns."""

    price: Decimal
    units: int
    expected: Decimal | None
    children: "Kind | None" = None


def ordinary(price: str, units: int, *, rate_known: bool = True) -> Kind:
    return Kind(Decimal(price), units, Decimal(price) if rate_known else None)


SMALL = ordinary("0.9", 100)
KINDS = [
    SMALL,
    ordinary("0.9", 1000),
    ordinary("0.45", 50),
    ordinary("1.8", 200),
    ordinary("0.123455", 137),
    ordinary("0.9", 100, rate_known=False),
]
PARENTS = [
    Kind(Decimal("2.7"), 300, Decimal("2.7"), children=SMALL),
    Kind(Decimal("1.8"), 200, Decimal("1.8"), children=SMALL),
    Kind(Decimal(0), 0, None, children=ordinary("0.45", 50)),
]


@dataclass(frozen=True)
class Cut:
    """A close before everything was delivered: when, how much had been, and what becomes of the charge."""

    after: float
    status: str
    share: Decimal
    charge: str  #: kept, proportional, or zero
    says_remains: bool


@dataclass(frozen=True)
class Show:
    """How one order shows itself: so long it is unknown, and so its charge is told."""

    hidden: float = 0.0
    bare: bool = False  #: a status and nothing else
    remains: int | None = 0  #: that much is still to come; None: it isn't said
    cut: Cut | None = None


@dataclass
class Row:
    """One of our orders: the call, its true fate, and what we know of it."""

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


@dataclass(frozen=True)
class Sold:
    """One order on the panel; `row` is the one of ours that it came of, or that spawned it; None: a stranger's."""

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
    failing: frozenset[int] = frozenset()  #: the calls, by number, that have no answer
    leaves: int = 1000  #: so many calls are let through
    strange_to_us: frozenset[int] = frozenset()  #: the runs, by number, in which it takes us for somebody else
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
        """One run of the job, begun at this time."""
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
                answers[text] = self._reading(one)
        return Answered(answers)

    def _is_hidden(self, one: Sold | None) -> bool:
        if one is None or one.row is None or self._runs in self.strange_to_us:
            return True
        return self.now < one.at + one.show.hidden

    def _reading(self, one: Sold) -> OrderReport:
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
        """Nobody reads the balance here."""

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
    """The job's way to the panel: nothing holds a call back, and calls are the world's."""

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


# What may be: strategies.


def seconds(most: int) -> st.SearchStrategy[float]:
    return st.integers(0, most).map(float)


def seldom(strategy: st.SearchStrategy[T], otherwise: T) -> st.SearchStrategy[T]:
    """What spoils a verdict is drawn in few worlds, so that there are verdicts to judge."""
    return st.sampled_from([st.just(otherwise)] * 5 + [strategy]).flatmap(lambda chosen: chosen)


CUTS = st.builds(
    Cut,
    after=seconds(20),
    status=st.sampled_from(["Partial", "Canceled", "Refunded"]),
    share=st.sampled_from([Decimal(0), Decimal("0.25"), Decimal("0.5"), Decimal("0.75")]),
    charge=st.sampled_from(["kept", "proportional", "zero"]),
    says_remains=st.booleans(),
)
SHOWS = st.builds(
    Show,
    hidden=seconds(int(SETTLE)),
    bare=seldom(st.just(True), otherwise=False),
    remains=st.sampled_from([None, -3, 0, 40]),
    cut=seldom(CUTS, None),
)
PLAIN_SHOWS = st.builds(Show, hidden=seconds(int(SETTLE)), remains=st.sampled_from([None, -3, 0, 40]))


@st.composite
def rows(draw: st.DrawFn, kinds: st.SearchStrategy[Kind], shows: st.SearchStrategy[Show] = SHOWS) -> Row:
    kind = draw(kinds)
    began = draw(seconds(40))
    ended = began + draw(st.sampled_from([0.0, 1.0, 2.0, 5.0, 30.0]))
    fate = draw(st.sampled_from(["heard", "lost", "late", "never"]))
    taken_at = {
        "never": None,
        "late": ended + draw(seconds(int(SETTLE))),
    }.get(fate, min(began + draw(seconds(30)), ended))
    spawns_at = tuple(draw(st.lists(seconds(60), max_size=3))) if kind.children is not None else ()
    closes = kind.children is not None and taken_at is not None and draw(st.booleans())
    return Row(
        kind,
        began,
        ended,
        taken_at,
        heard=fate == "heard",
        replied=fate != "late" and draw(st.booleans()),
        show=draw(shows),
        spawns_at=spawns_at,
        closed_at=max(ended, (taken_at or 0) + max(spawns_at, default=0.0)) if closes else None,
        tie=2 * draw(st.integers(0, 3)),
    )


def landmark(at: float) -> Row:
    """An order of ours whose reply came, so that others have bounds."""
    return Row(SMALL, at, at + 1, at, heard=True, replied=True, tie=-2)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any world: how it stands, and when the job runs in it."""
    kinds = draw(st.sampled_from([KINDS, KINDS[:1], [*KINDS, *PARENTS], [*KINDS[:1], *PARENTS[:1]]]))
    ours = draw(st.lists(rows(st.sampled_from(kinds)), min_size=1, max_size=5))
    around = st.sampled_from(ours)
    runs_at = draw(st.lists(st.builds(_after, around, st.integers(-8, 35)), min_size=1, max_size=6))
    low = draw(seldom(st.none(), -60.0) | st.sampled_from([-90.0, -3.0]))
    high = draw(seldom(st.none(), 70.0) | st.builds(_after, around, st.sampled_from([1, 11, 12, 15])))
    early = draw(seldom(early_parents(), None))
    return World(
        [*ours, *([] if early is None else [early]), *(landmark(at) for at in (low, high) if at is not None)],
        runs_at=tuple(sorted(runs_at)),
        strangers=tuple(draw(st.lists(st.tuples(seconds(60), st.integers(0, 7)), max_size=2))),
        steps=tuple(draw(st.lists(st.sampled_from([0.0, 1.0, 7.0]), min_size=1, max_size=4))),
        places=draw(st.integers(2, 5)),
        rounding=draw(st.sampled_from([ROUND_HALF_UP, ROUND_DOWN, ROUND_UP])),
        silent=draw(seldom(st.frozensets(st.integers(101, 108), max_size=3), frozenset())),
        failing=draw(seldom(st.frozensets(st.integers(1, 8), max_size=3), frozenset())),
        leaves=draw(seldom(st.integers(0, 8), 1000)),
        strange_to_us=draw(seldom(st.frozensets(st.integers(1, 6), max_size=2), frozenset())),
        neighbours_seen=draw(seldom(st.sampled_from([1, 3]), 200)),
        max_ids=draw(seldom(st.sampled_from([3, 8]), 1000)),
        child_show=draw(seldom(SHOWS.filter(lambda show: not show.bare), Show())),
    )


def _after(row: Row, wait: int) -> float:
    return row.ended + wait


@st.composite
def early_parents(draw: st.DrawFn) -> Row:
    """A drip-feed or subscription of old that may still spawn orders, or may have closed."""
    spawns_at = tuple(draw(st.lists(seconds(120), min_size=1, max_size=3)))
    closed_at = draw(st.none() | st.just(-79.0 + max(spawns_at)))
    return Row(
        draw(st.sampled_from(PARENTS)),
        -80.0,
        -79.0,
        -80.0,
        heard=True,
        replied=True,
        spawns_at=spawns_at,
        closed_at=closed_at,
        tie=-6,
    )
