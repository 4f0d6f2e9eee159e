"""Compares the words of panels: their names of service types, and of statuses."""


def normalized(word: str) -> str:
    """Returns a word without what panels spell differently: case, white space, `_` and `-`."""
    return "".join(word.casefold().replace("_", "").replace("-", "").split())
