"""Reads the words and whole numbers of panels, which come as texts in many spellings."""

#: The digits of a whole number that fits into a panel's 64 bits for certain.
_MOST_DIGITS = 18


def normalized(word: str) -> str:
    """Returns a word without what panels spell differently: case, white space, `_` and `-`."""
    return "".join(word.casefold().replace("_", "").replace("-", "").split())


def whole_number(text: str) -> int | None:
    """Returns the number that a text of up to 18 digits spells; None for anything else, signs and spaces included."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
