"""How a panel takes more than it says, each way under a name. No reply tells; the ledger does, and the balance."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from worker.sandbox.panel.account import rounded

OVERCHARGE: Final = "overcharge"
REFUND_WITHHELD: Final = "refund_withheld"
CHARGED_AGAIN: Final = "charged_again"

ALL: Mapping[str, str] = {
    OVERCHARGE: "A new order is debited a tenth more than its charge says.",
    REFUND_WITHHELD: "What an order no longer costs, once it is Partial or Canceled, isn't paid back.",
    CHARGED_AGAIN: "A minute after an order has closed, its charge is taken once more.",
}

#: Simulated seconds from an order's end until it is charged again.
CHARGED_AGAIN_AFTER = 60.0

_TENTH = Decimal("0.1")


def overcharge(price: Decimal) -> Decimal:
    """What is taken beyond the price."""
    return rounded(price * _TENTH)
