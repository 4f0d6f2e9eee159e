"""How panels' words are compared: their names of types, and of statuses."""


def plain(word: str) -> str:
    """The word without case, white space, `_` and `-`: how panels vary the spelling of their types and statuses."""
    return "".join(c for c in word.casefold() if not c.isspace() and c not in "_-")
