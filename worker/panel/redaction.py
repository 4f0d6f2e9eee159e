"""Keeping a panel's key out of whatever leaves the client, also when the panel's own words echo it."""

import html
import re
from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import quote, quote_plus

Redact: TypeAlias = Callable[[str], str]

REDACTED = "[redacted]"

#: A shorter key is a placeholder that would blot out ordinary words.
SHORTEST_KEY = 4


def redaction_of(key: str) -> Redact:
    """A function that replaces `key` in a text: as it is, URL-encoded or HTML-escaped, in any case of letters."""
    if len(key) < SHORTEST_KEY:
        return str
    spellings = sorted({key, quote(key, safe=""), quote_plus(key), html.escape(key)}, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, spellings)), re.IGNORECASE)
    return lambda text: pattern.sub(REDACTED, text)
