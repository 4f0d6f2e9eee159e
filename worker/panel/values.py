"""Reads single values of a panel's JSON: each reader takes anything, and returns None for a value that it can't read.

Panels send numbers as numbers or as texts. Every reader takes both.
"""

import re
from decimal import Decimal
from typing import Any

#: Characters of a panel's text that we keep.
LONGEST_TEXT = 500

_BIGINT = 2**63

#: Characters of an amount with its currency.
_LONGEST_MONEY = 60

#: `numeric(20,8)` holds amounts below this one. No real amount comes near it.
_MOST_MONEY = Decimal(10) ** 12

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{0,63}")
_WHOLE_ID = re.compile(r"([0-9]+)\.0+")
_FRACTION = re.compile(r"[0-9]+\.[0-9]*(?:[eE][0-9]+)?")
_DIGIT = re.compile(r"[0-9]")

_FLAGS = {"1": True, "true": True, "0": False, "false": False}

_WHOLE = re.compile(r"([+-]?[0-9]{1,20})(?:\.0*)?")
_MONEY = re.compile(r"[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][+-]?[0-9]{1,2})?")

#: A separator of thousands counts only where it can mean nothing else: "1,234" may be one and a bit.
_GROUPED_MONEY = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:(?:,[0-9]{3}){1,6}\.[0-9]{1,30}|(?:,[0-9]{3}){2,6})")
_SPACED_MONEY = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:[ '\u00a0\u202f\u2009][0-9]{3}){1,6}(?:\.[0-9]{0,30})?")

#: A sign or a code of a currency, before or after an amount.
_CURRENCY = (
    r"(?:[A-Z]{0,3}\$|[\u00a2-\u00a5\u0e3f\u20a0-\u20cf\ufdfc]|[A-Z]{3,5}"
    r"|Rp\.?|TL|kr\.?|z\u0142|\u0440(?:\u0443\u0431)?\.?)"
)
_WITH_CURRENCY = re.compile(rf"([+-]?)\s*(?:{_CURRENCY}\s*([+-]?[0-9.].*)|([0-9.+-].*?)\s*{_CURRENCY})")
_CODE = re.compile(r"\b[A-Z]{3,5}\b")


def read_id(value: Any) -> str | None:
    """Reads an order, refill or service id as text: a whole number above zero, or a short text with a digit in it.

    Flags, fractions and texts without a digit ("null", "pending") are no ids.
    """
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    if whole := _WHOLE_ID.fullmatch(text):
        text = whole[1]
    is_id = _ID.fullmatch(text) and _DIGIT.search(text) and not _FRACTION.fullmatch(text) and text.strip("0")
    return text if is_id else None


def read_text(value: Any) -> str | None:
    """Reads a text or a number as a text of at most LONGEST_TEXT characters; an empty one is None."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    return str(value).strip()[:LONGEST_TEXT] or None


def read_whole(value: Any) -> int | None:
    """Reads a whole number that a bigint holds."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    match = _WHOLE.fullmatch(str(value).strip())
    number = int(match[1]) if match else None
    return number if number is not None and -_BIGINT <= number < _BIGINT else None


def read_money(value: Any) -> Decimal | None:
    """Reads an amount, with all its decimals. A currency's sign or code, and separators of thousands, may be in it."""
    amount = read_rate(value)
    return amount if amount is not None and abs(amount) < _MOST_MONEY else None


def read_rate(value: Any) -> Decimal | None:
    """Reads a price of any size: panels put services off sale by absurd prices."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value).strip()
    if len(text) <= _LONGEST_MONEY and (found := _WITH_CURRENCY.fullmatch(text)):
        text = found[1] + (found[2] or found[3])
    if "," in text and _GROUPED_MONEY.fullmatch(text):
        text = text.replace(",", "")
    elif _SPACED_MONEY.fullmatch(text):
        text = re.sub(r"[^0-9.+-]", "", text)
    return Decimal(text) if _MONEY.fullmatch(text) else None


def read_currency(value: Any) -> str | None:
    """Reads the code of the currency in an amount's text."""
    code = _CODE.search(value) if isinstance(value, str) else None
    return code[0] if code else None


def read_flag(value: Any) -> bool | None:
    """Reads true or false, 1 or 0, and their texts."""
    match value:
        case bool():
            return value
        case int() | str():
            return _FLAGS.get(str(value).strip().casefold())
        case _:
            return None
