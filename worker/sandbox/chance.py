"""Chance that repeats."""

from hashlib import blake2b
from math import log

_STEPS = 2**53  # as many as a float between 0 and 1 can tell apart


class Chance:
    """Draws that hang on the seed and on what is drawn, never on what was drawn before.

    So an order's fate stays the same whatever else happens around it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def share(self, *about: object) -> float:
        """A number from 0 up to, and without, 1."""
        digest = blake2b(repr((self._seed, about)).encode(), digest_size=8).digest()
        return (int.from_bytes(digest, "big") >> 11) / _STEPS

    def whole(self, low: int, high: int, *about: object) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.share(*about) * (high - low + 1))

    def around(self, middle: float, factor: float, *about: object) -> float:
        """A number between middle / factor and middle * factor; half of them are below the middle."""
        return middle * float(factor ** (2 * self.share(*about) - 1))

    def gap(self, mean: float, *about: object) -> int:
        """How many strangers come before the next of ours: geometric, with the given mean."""
        if mean <= 0:
            return 0
        return int(log(1 - self.share(*about)) / log(mean / (1 + mean)))
