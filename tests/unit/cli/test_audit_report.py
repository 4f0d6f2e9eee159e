"""Compares the report that docs/money.md shows with the output of `order-sync audit`."""

from datetime import UTC, datetime
from decimal import Decimal

from tests.tables_of import Page
from worker.cli.audit import _lines
from worker.domain.amounts import NOTHING, ZERO, Amount
from worker.domain.money.audit import BalanceReading, Cause, Difference, PossibleCause, Report
from worker.settings.model import Settings


def exactly(amount: str) -> Amount:
    return Amount.of(Decimal(amount))


def reading(balance: str, day: int, *time: int) -> BalanceReading:
    at = datetime(2026, 11, day, *time, tzinfo=UTC)
    return BalanceReading(at, at, Decimal(balance), "USD")


#: The times and amounts of the example. It shows only the sum of the top-ups, so this one has any fitting time.
TOP_UP = Difference(datetime(2026, 11, 1, 18, tzinfo=UTC), datetime(2026, 11, 1, 18, 5, tzinfo=UTC), exactly("50"))
FALL = Difference(
    datetime(2026, 11, 1, 10, 2, 40, tzinfo=UTC),
    datetime(2026, 11, 1, 10, 12, 43, tzinfo=UTC),
    exactly("-0.45"),
    (PossibleCause(1041, Cause.REFUND, Decimal("0.45"), exact=True),),
    1,
)
REPORT = Report(
    currency="USD",
    readings=289,
    opening=reading("812.33525", 1, 0, 3, 11),
    closing=reading("744.9118", 2, 0, 1, 12),
    charges=exactly("120.17745"),
    refunds=exactly("3.204"),
    charged_orders=523,
    refunded_orders=12,
    rises=(TOP_UP,),
    falls=(FALL,),
    top_ups=exactly("50"),
    unexplained=exactly("-0.45"),
    slack=NOTHING,
    spawned=ZERO,
    doubtful=(),
    spawning=(),
)


def test_the_example_is_what_would_be_printed():
    printed = "\n".join(_lines({"default": REPORT}, Settings()))
    # The example ends before the list of top-ups, which has the same form.
    assert printed.partition("\n\nTop-ups")[0] + "\n" == Page("docs/money.md").block("text", "opening balance")


def test_the_example_adds_up():
    r = REPORT
    moved = -r.charges + r.refunds + r.top_ups + r.unexplained
    assert Amount.of(r.opening.balance) + moved == Amount.of(r.closing.balance)
