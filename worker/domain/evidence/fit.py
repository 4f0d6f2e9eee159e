"""Compares the panel's report on an id with a suspect."""

from decimal import Decimal
from enum import IntEnum

from worker.domain.evidence.suspects import Suspect
from worker.domain.orders.states import OrderState
from worker.domain.orders.statuses import OrderReport, read_order_status

#: Panels round charges to between so few and so many decimals. More decimals aren't more precision: panels compute
#: with what they store.
_FEWEST_DECIMALS, _MOST_DECIMALS = 2, 5


class Fit(IntEnum):
    """A grade of how well an id fits a suspect."""

    NO = 0  #: it can't be this order
    UNLIKE = 1  #: its numbers are others, and nothing that we know of would have changed them
    MAYBE = 2  #: its numbers say nothing, or the panel may have rewritten them
    YES = 3  #: its charge is this order's


def fit(suspect: Suspect, report: OrderReport) -> Fit:
    """Says how well the panel's report on an id fits a suspect.

    A charge that differs doesn't prove that they are two orders: panels round, change their rates without notice, and
    rewrite the charge of orders that they canceled or cut short.
    """
    if report.spawned and not suspect.is_parent:
        return Fit.NO
    if suspect.units is not None and report.remains is not None and report.remains > suspect.units:
        return Fit.UNLIKE
    if looks_like_a_parent(report):
        return Fit.YES if suspect.is_parent else Fit.MAYBE
    if report.charge is None or suspect.expected_charge is None:
        return Fit.MAYBE
    if charges_agree(report.charge, suspect.expected_charge):
        return Fit.YES
    if not _is_cut_short(report) or report.charge > suspect.expected_charge:
        return Fit.UNLIKE
    if suspect.units and report.remains is not None:
        delivered = suspect.units - max(report.remains, 0)
        if charges_agree(report.charge, suspect.expected_charge * delivered / suspect.units):
            return Fit.YES
    return Fit.MAYBE


def looks_like_a_parent(report: OrderReport) -> bool:
    """Says whether a report has the shape of a drip-feed's or a subscription's parent: it has no numbers."""
    return report.charge is None and report.remains is None and report.start_count is None


def _is_cut_short(report: OrderReport) -> bool:
    return report.status is not None and read_order_status(report.status)[0] in {
        OrderState.PARTIAL,
        OrderState.CANCELED,
    }


def charges_agree(shown: Decimal, expected: Decimal) -> bool:
    """Says whether an amount is the expected one, rounded up or down to the decimals that it shows."""
    exponent = shown.as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 0
    decimals = min(max(decimals, _FEWEST_DECIMALS), _MOST_DECIMALS)
    return abs(shown - expected) < Decimal(1).scaleb(-decimals)
