"""How panels' words are compared: their names of types, and of statuses."""


def plain(word: str) -> str:
    """The word without case, white space, `_` and `-`: how panels vary the spelling of their types and statuses."""
    return "".join(word.casefold().replace("_", "").replace("-", "").split())
