"""Keeps the account's money."""

from decimal import ROUND_HALF_UP, Decimal

#: Panels round to the fifth decimal.
SMALLEST = Decimal("0.00001")


def rounded(amount: Decimal) -> Decimal:
    return amount.quantize(SMALLEST, ROUND_HALF_UP)


NOTHING = rounded(Decimal(0))


class NotEnoughFundsError(Exception):
    """The balance can't pay a charge."""


class Account:
    """Keeps opening - charges + refunds + top-ups = closing, exactly, at every moment."""

    def __init__(self, opening: Decimal) -> None:
        self.opening = rounded(opening)
        self.charges = self.refunds = self.top_ups = NOTHING
        self._balance = self.opening

    @property
    def balance(self) -> Decimal:
        return self._balance

    def charge(self, amount: Decimal, *, overdraw: bool = False) -> None:
        """Takes an amount. Raises NotEnoughFundsError if the balance is too small, unless it may `overdraw`."""
        if amount > self._balance and not overdraw:
            raise NotEnoughFundsError
        self.charges += amount
        self._balance -= amount

    def refund(self, amount: Decimal) -> None:
        self.refunds += amount
        self._balance += amount

    def top_up(self, amount: Decimal) -> None:
        """Adds money from outside; a negative amount takes money away."""
        self.top_ups += rounded(amount)
        self._balance += rounded(amount)

    def set_balance(self, amount: Decimal) -> None:
        self.top_up(rounded(amount) - self._balance)
