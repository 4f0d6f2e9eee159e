"""Draws small worlds, in which Hypothesis searches for one where the rules give a false verdict.

Each kind of world has much of what one rule depends on, and little else, so that a hole in the rule is found soon. Many
values are drawn from few, so that prices, times and quantities coincide. Orders are taken, shown and listed up to the
very last moment that the premises allow.
"""

from dataclasses import replace

from hypothesis import strategies as st

from tests.evidence.history import Child, Credit, Cut, Habits, History, Order, RateChange, Surge
from tests.evidence.misleading import PREMISES

#: Orders are lost from here on.
START = 1000.0

#: A rate and a discount that cancel each other out, and turn the price of one service into that of another.
_RATES, _RISE, _DISCOUNT = (0.9, 1.0, 0.81), 1.1111111, 0.9

#: Known orders before, one in ten seconds, from which the panel's grain, shapes, prices and ledger are learned.
_BEFORE = tuple(
    Order(n % 3, (1000, 700, 450)[n // 3 % 3], at, at + 2, at + 1)
    for n, at in enumerate(START - 260.0 + 10 * n for n in range(24))
)
_PARENT_BEFORE = Order(1, 1000, START - 265.0, START - 264.0, START - 264.5, is_parent=True)

_units = st.sampled_from([1000, 900, 1111, 500])
_services = st.integers(0, 2)
_seeds = st.integers(0, 5)
_decimals = st.sampled_from([5, 5, 3, 2])


def _until(limit: float) -> st.SearchStrategy[float]:
    """Times until a limit: none, some, or all of it."""
    return st.sampled_from([0.0, 0.3 * limit, 0.7 * limit, 0.99 * limit, limit])


_cuts = st.builds(
    Cut,
    st.sampled_from([0.0, 1.0, 10.0, 30.0]),
    st.sampled_from([0.0, 0.5, 0.9]),
    st.sampled_from(["kept", "share", "zero"]),
)
_children = st.builds(Child, st.sampled_from([0.1, 1.0, 3.0, 10.0, 50.0]), _until(PREMISES.hidden))


@st.composite
def _orders(draw: st.DrawFn, seconds: int, *, is_plain: bool = False, parents: bool = False) -> Order:
    """An order within so many seconds, whose answer may be lost. Plain: it is shown at once, and not cut short."""
    began_at = START + draw(st.integers(0, 2 * seconds)) / 2
    ended_at = began_at + draw(st.sampled_from([0.2, 1.0, 5.0, 25.0]))
    within = began_at + draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])) * (ended_at - began_at)
    how = draw(st.sampled_from(["", "before", "after", "late", "garbled"]))
    late = ended_at + draw(_until(PREMISES.late)) if how == "late" else 0.0
    is_garbled_and_taken = how == "garbled" and draw(st.booleans())
    taken_at = {"": within, "after": within, "late": late}.get(how, within if is_garbled_and_taken else None)
    order = Order(draw(_services), draw(_units), began_at, ended_at, taken_at, not how, how, how == "garbled")
    if parents and draw(st.booleans()):
        children = tuple(draw(st.lists(_children, min_size=1, max_size=2))) if taken_at is not None else ()
        return replace(order, units=1000, is_parent=True, children=children)
    if is_plain:
        return order
    bonus = draw(st.sampled_from([0, 0, 0, 100, 500]))
    return replace(order, hidden=draw(_until(PREMISES.hidden)), bonus=bonus, cut=draw(st.none() | st.none() | _cuts))


@st.composite
def _later(draw: st.DrawFn, seconds: int, most: int = 3) -> tuple[Order, ...]:
    """Known orders after all that are lost, or after all that may still be taken."""
    first = START + seconds + draw(st.sampled_from([1.0, 12.0, 36.0]))
    times = (first + 15 * n for n in range(draw(st.integers(0, most))))
    return tuple(Order(draw(_services), draw(_units), at, at + 2, at + 1) for at in times)


def _history(orders: tuple[Order, ...], habits: Habits, ends_at: float) -> History:
    warm = (*_BEFORE, _PARENT_BEFORE) if any(order.is_parent for order in orders) else _BEFORE
    return History((*warm, *orders), habits, ends_at)


@st.composite
def of_times(draw: st.DrawFn) -> History:
    """Orders at one price for all, taken and shown as late as can be: only ids and times tell them apart."""
    seconds = draw(st.sampled_from([5, 30]))
    order = _orders(seconds).map(lambda one: replace(one, service=0, units=1000, bonus=0, cut=None))
    orders = (*draw(st.lists(order, min_size=1, max_size=6)), *draw(_later(seconds)))
    habits = Habits(
        draw(_seeds),
        _RATES,
        others=draw(st.sampled_from([0.0, 0.3, 3.0, 20.0])),
        catalogue_every=100.0,
        balance_every=20.0,
    )
    return _history(orders, replace(habits, fails=draw(st.sampled_from([0.0, 0.2]))), START + 300)


@st.composite
def of_prices(draw: st.DrawFn) -> History:
    """Rates that rise, discounts that begin and prices of one's own, which no catalogue shows in time."""
    seconds = draw(st.sampled_from([10, 40]))
    orders = (*draw(st.lists(_orders(seconds, is_plain=True), min_size=2, max_size=5)), *draw(_later(seconds)))
    services = draw(st.sampled_from([(0, 1, 2), (0, 1, 1), (0, 0, 0)]))
    cuts = _cuts if draw(st.booleans()) else st.none()
    orders = tuple(replace(order, service=services[order.service], cut=draw(cuts)) for order in orders)
    moments = st.integers(0, 4).map(lambda part: START + part * seconds / 4)
    rising = draw(st.sets(_services, max_size=2))
    habits = Habits(
        draw(_seeds),
        _RATES,
        changes=tuple(RateChange(draw(moments), service, round(_RATES[service] * _RISE, 8)) for service in rising),
        factors=draw(st.sampled_from([(), ((0.0, _DISCOUNT),)]) | moments.map(lambda at: ((at, _DISCOUNT),))),
        custom=draw(st.just(()) | _services.map(lambda service: ((service, _DISCOUNT),))),
        others=draw(st.sampled_from([0.0, 1.0])),
        decimals=draw(_decimals),
        remains=draw(st.sampled_from(["units", "none"])),
        free_first=draw(st.sampled_from([0.0, 5.0])),
        balance_every=20.0,
        catalogue_every=draw(st.sampled_from([30.0, 100.0])),
    )
    return _history(orders, habits, START + 300)


@st.composite
def of_children(draw: st.DrawFn) -> History:
    """Drip-feeds, known or lost, among orders that their child orders look like."""
    seconds = draw(st.sampled_from([5, 30]))
    order = _orders(seconds, parents=True).map(lambda one: replace(one, service=0, units=1000, cut=None))
    orders = (*draw(st.lists(order, min_size=2, max_size=5)), *draw(_later(seconds, most=1)))
    habits = Habits(
        draw(_seeds),
        _RATES,
        others=draw(st.sampled_from([0.0, 1.0])),
        list_lag=draw(st.sampled_from([0.0, PREMISES.lag])),
        balance_every=20.0,
        catalogue_every=100.0,
    )
    return _history(orders, habits, START + 300)


@st.composite
def of_nights(draw: st.DrawFn) -> History:
    """No later order is known, and the panel was never so fast, or somebody paid in what an order costs.

    Not both: nothing could guard against that. A lost order that the panel canceled pays in what it costs itself.
    """
    orders = tuple(draw(st.lists(_orders(5, parents=draw(st.booleans())), min_size=1, max_size=3)))
    paid_in = round(draw(st.sampled_from(_RATES)) * draw(_units) * 100)
    moments = st.integers(0, 40).map(lambda second: START + second)
    odd = draw(
        st.sampled_from([{}, {"surge": Surge(START, START + 60, 20.0)}])
        | moments.map(lambda at: {"credits": (Credit(at, paid_in),)})
    )
    if "surge" in odd:
        orders = tuple(
            order if order.cut is None or order.cut.delivered else replace(order, cut=None) for order in orders
        )
    habits = Habits(draw(_seeds), _RATES, others=draw(st.sampled_from([0.0, 1.0, 20.0])), balance_every=5.0, **odd)
    cut = draw(st.lists(_cuts, max_size=1))
    before = tuple(Order(0, 900, START - 9, START - 8, START - 8.5, cut=one) for one in cut)
    return _history((*before, *orders), replace(habits, catalogue_every=100.0, decimals=draw(_decimals)), START + 300)


@st.composite
def of_all(draw: st.DrawFn) -> History:
    """Anything at once."""
    seconds = draw(st.sampled_from([10, 40, 100]))
    orders = (
        *draw(st.lists(_orders(seconds, parents=draw(st.booleans())), min_size=2, max_size=8)),
        *draw(_later(seconds)),
    )
    priced = draw(of_prices()).habits
    habits = replace(
        priced,
        others=draw(st.sampled_from([0.0, 0.1, 1.0, 20.0])),
        remains=draw(st.sampled_from(["units", "none", "zero"])),
        list_lag=draw(st.sampled_from([0.0, PREMISES.lag])),
        balance_every=draw(st.sampled_from([5.0, 20.0])),
        fails=draw(st.sampled_from([0.0, 0.1])),
    )
    return _history(orders, habits, START + seconds + 250)


KINDS = {
    "times": of_times(),
    "prices": of_prices(),
    "children": of_children(),
    "nights": of_nights(),
    "all": of_all(),
}
