"""Random numbers that repeat with the seed."""

from hashlib import blake2b
from math import exp, log, sqrt
from statistics import NormalDist

_STEPS = 2**53  # a float can tell so many values between 0 and 1 apart
_MANY = 50.0  # a count with a higher mean is drawn from the normal distribution


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

    def count(self, mean: float, *about: object) -> int:
        """Returns how often something happened that happens `mean` times on average, each time by itself: Poisson."""
        if mean <= 0:
            return 0
        share = self.share(*about)
        if mean > _MANY:
            return max(round(mean + sqrt(mean) * NormalDist().inv_cdf(max(share, 1 / _STEPS))), 0)
        number, probability = 0, exp(-mean)
        while share >= probability and number < 10 * _MANY:
            share -= probability
            number += 1
            probability *= mean / number
        return number
