r"""Lists panels' words by what they stand for, a module for each language (docs/panels.md).

A new text is one more line.

The patterns are regular expressions, searched in a text in lower case, without accents, and with one space between two
words. Accents in a pattern make no difference, either. `\w*` stands for endings.

Each module has these:

- `KNOWN`: texts that only a panel itself writes. They are proof at any HTTP status.
- `VAGUE`: texts that a failing server may write, too. They count at an HTTP status below 500, where a panel speaks.
- `TAKEN`: what a panel says when it has taken a cancel or a refill, and `NOT`: the words that turn this round.
"""

from collections.abc import Iterable, Mapping

from worker.domain.orders.outcomes import Reason
from worker.panel.words import (
    arabic,
    english,
    indonesian,
    portuguese,
    russian,
    spanish,
    thai,
    turkish,
    vietnamese,
)

_LANGUAGES = (english, russian, spanish, portuguese, turkish, vietnamese, indonesian, thai, arabic)

#: The first reason with a matching pattern counts. Texts about one service or link that sound like the panel's come
#: first ("too many requests for this link"), then those about the whole panel.
_ORDER = (
    Reason.BUSY,
    Reason.LINK_BUSY,
    Reason.RATE_LIMITED,
    Reason.NOT_ENOUGH_FUNDS,
    Reason.BAD_KEY,
    Reason.REFUSING,
    Reason.SERVICE_NOT_FOUND,
    Reason.QUANTITY_REFUSED,
    Reason.NOT_FOUND,
    Reason.LINK_REFUSED,
    Reason.BAD_REQUEST,
)


def _of_all(tables: Iterable[Mapping[Reason, tuple[str, ...]]]) -> Mapping[Reason, tuple[str, ...]]:
    listed = list(tables)
    return {
        reason: patterns
        for reason in _ORDER
        if (patterns := tuple(pattern for table in listed for pattern in table.get(reason, ())))
    }


KNOWN = _of_all(language.KNOWN for language in _LANGUAGES)
VAGUE = _of_all(language.VAGUE for language in _LANGUAGES)
TAKEN = tuple(pattern for language in _LANGUAGES for pattern in language.TAKEN)
NOT = tuple(pattern for language in _LANGUAGES for pattern in language.NOT)

#: What programs write when they fail, whatever the panel's language. It may hold known words by chance.
CRASHES = english.CRASHES

#: Texts that mean a bad key in answers to calls about the account itself; elsewhere they may be about a link.
OF_ACCOUNT = english.OF_ACCOUNT
