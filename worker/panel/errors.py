"""Finds the error that a panel's JSON states, and the reason that its words stand for."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from worker.domain.orders.outcomes import Reason
from worker.panel.error_texts import ERROR_TEXTS
from worker.panel.values import LONGEST_TEXT, read_flag, read_text

#: The keys that state an error, the keys that explain one, and the words of `status` that state one.
_ERROR_KEYS = ("error", "errors")
_MESSAGE_KEYS = ("message", "msg", "error", "errors", "error_message", "text", "description")
_ERROR_WORDS = frozenset({"error", "fail", "failed", "failure"})

#: The text of an error that a panel states and doesn't explain.
WORDLESS = "an error without words"

_PATTERNS = tuple((reason, re.compile("|".join(patterns))) for reason, patterns in ERROR_TEXTS.items())
_SEPARATORS = re.compile(r"[\s._\-]+")


@lru_cache(maxsize=1024)  # the words of statuses come here too, and there are few
def reason_of(text: str) -> Reason:
    """Returns the reason that a panel's words stand for; `Reason.REFUSED` for unknown words, in any language.

    Case makes no difference, nor whether words are separated by spaces, `.`, `_` or `-`.
    """
    words = _SEPARATORS.sub(" ", text.casefold()).strip()
    return next((reason for reason, pattern in _PATTERNS if pattern.search(words)), Reason.REFUSED)


def explicit_error(document: Any) -> str | None:
    """Returns the text of an error that a JSON object states outright, at most LONGEST_TEXT characters; or None.

    `{"status": "Error"}` alone states none: a panel says so of an order that is in trouble. With a message, it does.
    """
    if not isinstance(document, dict):
        return None
    for key in _ERROR_KEYS:
        value = document.get(key)
        if value and _states_something(value):
            return _words(value) or _message(document) or WORDLESS
    if read_flag(document.get("success")) is False:
        return _message(document) or WORDLESS
    return _message(document) if says_error(document.get("status")) else None


def says_error(word: Any) -> bool:
    """Says whether a word of `status` states an error."""
    return isinstance(word, str) and word.strip().casefold() in _ERROR_WORDS


def _states_something(value: Any) -> bool:
    is_blank = isinstance(value, str) and not value.strip()
    return not is_blank and read_flag(value) is not False


def _words(value: Any) -> str | None:
    """Returns the words of an error, which may be a text, an object or a list; None for a flag like `"error": true`."""
    match value:
        case dict():
            return _message(value) or json.dumps(value, ensure_ascii=False)[:LONGEST_TEXT]
        case list():
            return "; ".join(words for entry in value if (words := _words(entry)))[:LONGEST_TEXT] or None
        case _:
            return read_text(value) if read_flag(value) is None else None


def _message(document: Mapping[str, Any]) -> str | None:
    return next((words for key in _MESSAGE_KEYS if (value := document.get(key)) and (words := _words(value))), None)
