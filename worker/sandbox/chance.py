"""Random numbers that repeat with the seed."""

from hashlib import blake2b
from math import log

_STEPS = 2**53  # a float can tell so many values between 0 and 1 apart


class Chance:
    """Draws numbers that depend on the seed and on the arguments, never on earlier draws.

    So an order's fate stays the same, whatever happens to other orders.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def share(self, *about: object) -> float:
        """Returns a number from 0 (included) to 1 (excluded)."""
        digest = blake2b(repr((self._seed, about)).encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) / _STEPS

    def whole(self, low: int, high: int, *about: object) -> int:
        """Returns a whole number from `low` to `high`, both included."""
        return low + int(self.share(*about) * (high - low + 1))

    def around(self, middle: float, factor: float, *about: object) -> float:
        """Returns a number between middle / factor and middle * factor; half of the draws are below the middle."""
        return middle * float(factor ** (2 * self.share(*about) - 1))

    def gap(self, mean: float, *about: object) -> int:
        """Returns the number of other customers' orders before the next of this account: geometric, with this mean."""
        if mean <= 0:
            return 0
        return int(log(1 - self.share(*about)) / log(mean / (1 + mean)))
