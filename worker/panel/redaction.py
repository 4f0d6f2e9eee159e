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
    in_lower_case = [spelling.lower() for spelling in spellings]

    def redact(text: str) -> str:
        if text.isascii() and key.isascii():
            # Far quicker than the pattern on the many texts without a key in them.
            lower = text.lower()
            if not any(spelling in lower for spelling in in_lower_case):
                return text
        return pattern.sub(REDACTED, text)

    return redact
