"""Named ways in which the panel takes more than it says. No reply shows them, only the ledger and the balance."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from worker.sandbox.panel.account import rounded

OVERCHARGE: Final = "overcharge"
REFUND_WITHHELD: Final = "refund_withheld"
CHARGED_AGAIN: Final = "charged_again"

ALL: Mapping[str, str] = {
    OVERCHARGE: "The panel debits a tenth more for a new order than the charge that it shows.",
    REFUND_WITHHELD: "The panel refunds nothing for a Partial or Canceled order, though it lowers the charge.",
    CHARGED_AGAIN: "The panel takes an order's charge once more, a minute after the order has closed.",
}

#: Simulated seconds from the end of an order until its second charge.
CHARGED_AGAIN_AFTER = 60.0

_TENTH = Decimal("0.1")


def overcharge(price: Decimal) -> Decimal:
    """Returns the amount that the panel takes beyond the price."""
    return rounded(price * _TENTH)
