"""Finds the reason that a panel's words stand for."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache

from worker.domain.orders.outcomes import Reason
from worker.panel.words import CRASHES, KNOWN, NOT, OF_ACCOUNT, TAKEN, VAGUE

_SEPARATORS = re.compile(r"[\s._\-]+")

#: Letters that Unicode doesn't take apart (Vietnamese, Turkish), and the apostrophe of word processors.
_PLAIN = str.maketrans({"đ": "d", "\u0131": "i", "\u2019": "'"})


def _without_accents(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    return "".join(character for character in apart if unicodedata.category(character) != "Mn").translate(_PLAIN)


@cache  # compiled with the first error: nine languages would slow the start of every command
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(_without_accents, patterns)))


@lru_cache(maxsize=1024)  # the words of statuses come here too, and there are few
def reason_of(text: str) -> Reason:
    """Returns the reason that a panel's words stand for; `Reason.REFUSED` for words that aren't known.

    Case and accents make no difference, nor whether words are separated by spaces, `.`, `_` or `-`.
    """
    words = _folded(text)
    return _first(KNOWN, words) or _first(VAGUE, words) or Reason.REFUSED


@lru_cache(maxsize=1024)
def proven_reason_of(text: str) -> Reason | None:
    """Returns the reason that words stand for which only a panel itself writes; None for all other words."""
    return _first(KNOWN, _folded(text))


@lru_cache(maxsize=1024)
def is_crash(text: str) -> bool:
    """Says whether a text is what a program writes when it fails. It may hold known words by chance."""
    return _any_of(CRASHES).search(_folded(text)) is not None


def denies_the_account(text: str) -> bool:
    """Says whether an answer about the account itself says that there is no such account, or that it is closed."""
    return _any_of(OF_ACCOUNT).search(_folded(text)) is not None


@lru_cache(maxsize=1024)
def says_taken(text: str) -> bool:
    """Says whether words mean that the panel took a cancel or a refill."""
    return _any_of(TAKEN).search(_folded(text)) is not None and not says_no(text)


@lru_cache(maxsize=1024)
def says_no(text: str) -> bool:
    """Says whether words turn round what they say otherwise: "not", "cannot", "already"."""
    return _any_of(NOT).search(_folded(text)) is not None


def _first(table: Mapping[Reason, tuple[str, ...]], words: str) -> Reason | None:
    return next((reason for reason, patterns in table.items() if _any_of(patterns).search(words)), None)


def _folded(text: str) -> str:
    return _SEPARATORS.sub(" ", _without_accents(text.casefold())).strip(" !?:;,")
