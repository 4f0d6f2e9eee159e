"""From the bytes of a reply to a JSON document that is safe to read, keep and show.

Fractions stay the text that they were (`0.90` is `"0.90"`), so that no value passes through a float; panels send
numbers as texts anyway, and every reader takes both.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

#: Takes the panel's key out of a text.
Redact: TypeAlias = Callable[[str], str]

#: No reply of a panel nests deeper than a handful of levels; what does is an attack on whoever walks it.
DEEPEST = 32

#: A longer run of digits is neither an id nor an amount; left a text, it can't cost anything either.
LONGEST_NUMBER = 20

#: What a JSON document begins with. A text that begins like this has to be JSON from its first character.
_BEGINNINGS = ("{", "[", '"')

#: The first thing behind other words (PHP notices) that can only be meant as JSON: `{"`, `[{`, `[]` and the like.
_BEHIND_NOTICES = re.compile(r"\{\s*[\"}]|\[\s*[\[{\"\]]")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reply that holds no whole JSON document. `text` says what it holds instead."""

    text: str


def read_document(body: bytes, redact: Redact) -> Any | Unreadable:
    """The JSON document that a reply holds: dicts, lists, str, int, bool and None.

    A byte-order mark and notices in front of it are skipped. A document that is cut or garbled, or followed by
    anything, is unreadable: part of it is never taken for the whole. In every text the key is redacted, NUL is
    removed (Postgres refuses it) and unpaired surrogates are replaced.
    """
    text = body.decode("utf-8-sig", errors="replace").strip().lstrip("\ufeff")
    if not text:
        return Unreadable("an empty reply")
    try:
        document = _decoded(text)
    except (ValueError, RecursionError):
        return Unreadable(_instead_of_json(text))
    return document if _is_clean(text, redact) else _cleaned(document, redact)


def _decoded(text: str) -> Any:
    document = _DECODER.decode(_from_json_on(text))
    if _is_too_deep(document):
        raise ValueError("nested too deep")
    return document


def _from_json_on(text: str) -> str:
    if text.startswith(_BEGINNINGS):
        return text
    beginning = _BEHIND_NOTICES.search(text)
    return text[beginning.start() :] if beginning else text


def _instead_of_json(text: str) -> str:
    if text.startswith(_BEGINNINGS):
        return "broken JSON"
    return "a page instead of JSON" if text.startswith("<") else "text instead of JSON"


def _integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def _not_a_number(_: str) -> None:
    """`NaN` and `Infinity`, which Python's parser takes and JSON doesn't have."""


# strict=False: line feeds inside texts, which are common in service names and harmless.
_DECODER = json.JSONDecoder(parse_float=str, parse_int=_integer, parse_constant=_not_a_number, strict=False)


def _is_too_deep(document: Any) -> bool:
    level = [document]
    for _ in range(DEEPEST + 1):
        containers = [value for value in level if isinstance(value, dict | list)]
        if not containers:
            return False
        level = [entry for one in containers for entry in (one.values() if isinstance(one, dict) else one)]
    return True


def _is_clean(text: str, redact: Redact) -> bool:
    """Whether no text of the document needs cleaning: without escapes, each stands in the reply as it is."""
    return text.isascii() and "\\" not in text and "\0" not in text and redact(text) == text


def _cleaned(value: Any, redact: Redact) -> Any:
    match value:
        case str():
            return _clean_text(value, redact)
        case dict():
            return {_clean_text(key, redact): _cleaned(entry, redact) for key, entry in value.items()}
        case list():
            return [_cleaned(entry, redact) for entry in value]
        case _:
            return value


def _clean_text(text: str, redact: Redact) -> str:
    if not text.isascii():
        text = text.encode("utf-8", errors="replace").decode("utf-8")
    return redact(text.replace("\0", ""))
