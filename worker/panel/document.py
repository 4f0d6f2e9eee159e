"""Turns the bytes of a reply into a JSON document that is safe to read, keep and show.

Fractions stay texts (`0.90` becomes `"0.90"`), so that no value passes through a float. Panels send numbers as texts
anyway, and every reader takes both.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

#: Takes the panel's key out of a text.
Redact: TypeAlias = Callable[[str], str]

#: Replies of panels nest a handful of levels deep. A deeper one is an attack on its reader.
DEEPEST = 32

#: A longer run of digits is neither an id nor an amount. It stays a text, so that it costs no time.
LONGEST_NUMBER = 20

#: The beginnings of JSON documents. A text that begins like this must be JSON from its first character.
_BEGINNINGS = ("{", "[", '"')

#: The first thing after other words (PHP notices) that can only be JSON: `{"`, `[{`, `[]` and the like.
_BEHIND_NOTICES = re.compile(r"\{\s*[\"}]|\[\s*[\[{\"\]]")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reply without a whole JSON document. `text` says what it holds instead."""

    text: str


def read_document(body: bytes, redact: Redact) -> Any | Unreadable:
    """Returns the JSON document of a reply: dicts, lists, str, int, bool and None.

    It skips a byte-order mark and notices in front of the document. A document that is cut off, garbled, or followed by
    anything, is unreadable: nobody takes a part for the whole. In every text, `redact` takes out the key, NUL goes
    (Postgres refuses it), and unpaired surrogates are replaced.
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
    """Reads `NaN` and `Infinity` as null: Python's parser takes them, and JSON doesn't have them."""


# strict=False allows line feeds inside texts. They are common in the names of services, and harmless.
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
    """Says whether no text of the document needs cleaning. Without escapes, each stands in the reply as it is."""
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
