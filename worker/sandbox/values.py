"""The values of switches. Each function describes a kind of value; its reader raises ValueError with what it wants."""

from collections.abc import Callable, Collection, Mapping
from decimal import Decimal, InvalidOperation
from math import inf, isfinite
from types import MappingProxyType
from typing import TypeVar

from worker.domain.words import whole_number
from worker.sandbox.switches import Value, unknown

_Read = TypeVar("_Read")


def whole(shown: str, default: int, *, low: int = 1) -> Value:
    """Describes a whole number from `low` upwards."""
    return Value(shown, str(default), lambda text: _whole(text, low))


def share(default: str) -> Value:
    """Describes a part of all, from 0 to 1."""

    def read(text: str) -> float:
        number = _number(text)
        if not 0 <= number <= 1:
            raise ValueError("a share from 0 to 1")
        return number

    return Value("SHARE", default, read)


def seconds(default: str) -> Value:
    """Describes a time. `never` is infinity."""
    return Value("SECONDS", default, _seconds)


def span(default: str) -> Value:
    """Describes a time that is the same for all (`180`), or drawn for each between two bounds (`0-180`)."""

    def read(text: str) -> tuple[float, float]:
        first, dash, last = text.partition("-")
        low = _seconds(first)
        high = _seconds(last) if dash else low
        if high < low or not isfinite(high):
            raise ValueError("seconds, or bounds such as 0-180")
        return low, high

    return Value("SECONDS", default, read)


def factor(default: str) -> Value:
    """Describes a factor of prices."""
    return Value("FACTOR", default, _amount)


def amounts(shown: str, default: str) -> Value:
    """Describes amounts by name: `1:0.81,4:2`."""
    return Value(shown, default, lambda text: _pairs(text, default, _amount))


def rates(shown: str, default: str, known: Collection[str]) -> Value:
    """Describes numbers of requests a second by action, one of those `known`: `add:1,status:0.5`."""

    def read(text: str) -> Mapping[str, float]:
        pairs = _pairs(text, default, lambda rate: float(_amount(rate)))
        if wrong := next((name for name in pairs if name not in known), None):
            raise ValueError(unknown("action", wrong, known))
        return pairs

    return Value(shown, default, read)


def times_and_seconds(shown: str, default: str) -> Value:
    """Describes a number of times and a time: `3:600`."""

    def read(text: str) -> tuple[int, float]:
        times, _, time = text.partition(":")
        return _whole(times, 1), _seconds(time)

    return Value(shown, default, read)


def _pairs(text: str, example: str, read: Callable[[str], _Read]) -> Mapping[str, _Read]:
    pairs = [pair.partition(":") for pair in text.split(",")]
    if not all(name and colon for name, colon, _ in pairs):
        raise ValueError(f"pairs such as {example}")
    return MappingProxyType({name: read(value) for name, _, value in pairs})


def _whole(text: str, low: int) -> int:
    number = whole_number(text)
    if number is None or number < low:
        raise ValueError(f"a whole number from {low} upwards")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError("a number") from None


def _seconds(text: str) -> float:
    number = inf if text == "never" else _number(text)
    if not number >= 0:
        raise ValueError("seconds, or never")
    return number


def _amount(text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError("an amount") from None
    if not amount.is_finite() or amount < 0:
        raise ValueError("an amount of 0 or more")
    return amount
