"""Takes secrets out of texts, however a text spells them (docs/guarantees.md, promise 8)."""

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"

#: A shorter secret is replaced only where it stands as a word of its own. Inside words it is there by chance, and
#: replacing it everywhere would garble every text.
SHORTEST_INSIDE_WORDS = 4

#: `user:password@` of any URL, also of one that isn't ours.
_USERINFO = re.compile(r"""://[^\s/:@"'<>]*:[^\s/"'<>]*@""")


class Redactor:
    """Replaces secrets in texts, in any case of letters: as they are, and encoded for a URL, JSON, HTML or `repr`.

    It also replaces the user name and password of every URL. An empty secret replaces nothing.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        patterns = {pair for secret in secrets if secret for pair in _patterns(secret)}
        # The longest first, so that no secret leaves the rest of a longer one behind.
        longest_first = sorted(patterns, key=lambda pair: len(pair[0]), reverse=True)
        self._pattern = re.compile("|".join(pattern for _, pattern in longest_first), re.IGNORECASE)
        self._in_lower_case = tuple({spelling.lower() for spelling, _ in longest_first})
        self._is_ascii = all(spelling.isascii() for spelling, _ in longest_first)

    def text(self, text: str) -> str:
        """Returns the text without secrets."""
        if self._may_hold_a_secret(text):
            text = self._pattern.sub(REDACTED, text)
        return _USERINFO.sub(f"://{REDACTED}@", text) if "@" in text and "://" in text else text

    def value(self, value: object) -> object:
        """Does the same to all texts in what a log line or an output holds: texts, numbers, mappings and lists."""
        match value:
            case str():
                return self.text(value)
            case None | bool() | int() | float():
                return value
            case Mapping():
                return {self.text(str(key)): self.value(one) for key, one in value.items()}
            case list() | tuple():
                return [self.value(one) for one in value]
            case _:
                return value

    def _may_hold_a_secret(self, text: str) -> bool:
        """Says no much faster than the pattern to the many texts without a secret.

        Beyond ASCII, only the pattern knows which letters are the same in another case.
        """
        if not self._in_lower_case:
            return False
        if not (self._is_ascii and text.isascii()):
            return True
        return any(map(text.lower().__contains__, self._in_lower_case))


def _patterns(secret: str) -> Iterator[tuple[str, str]]:
    """Yields each spelling of a secret, with the pattern that finds it."""
    alone = len(secret) < SHORTEST_INSIDE_WORDS
    for spelling in (
        secret,
        quote(secret),
        quote(secret, safe=""),
        quote_plus(secret),
        html.escape(secret),
        repr(secret)[1:-1],
        json.dumps(secret)[1:-1],
    ):
        pattern = re.escape(spelling)
        yield spelling, rf"(?<!\w){pattern}(?!\w)" if alone else pattern
