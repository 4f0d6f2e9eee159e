"""Draws worlds in which `add` loses its replies, for tests of the verdicts about them."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import TypeVar

from hypothesis import strategies as st

from tests.unit.jobs.evidence_world import SETTLE, SMALL, Cut, Kind, Row, Show, World, landmark, ordinary

T = TypeVar("T")

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


def seconds(most: int) -> st.SearchStrategy[float]:
    return st.integers(0, most).map(float)


def seldom(strategy: st.SearchStrategy[T], otherwise: T) -> st.SearchStrategy[T]:
    """Draws what spoils a verdict in few worlds only, so that there are verdicts to judge."""
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


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draws any world, and the times at which the job runs in it."""
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
    """Draws an old drip-feed or subscription that may still spawn orders, or may have closed."""
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
