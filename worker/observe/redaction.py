"""What may never be seen: keys and passwords, taken out of any text or nested value (README, promise 8)."""

import html
import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

REDACTED = "[redacted]"

#: `user:password@` of any URL, also of one that isn't ours.
_USERINFO = re.compile(r"""(?<=://)[^\s/:@"'<>]*:[^\s/"'<>]*@""")


class Redactor:
    """Replaces secrets in texts, as they are and as they look in a URL, a form, JSON, HTML or a `repr`."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        # The longest first, so that no secret leaves the rest of a longer one behind.
        alternatives = "|".join(re.escape(spelling) for spelling in sorted(spellings, key=len, reverse=True))
        self._secret = re.compile(alternatives) if alternatives else None

    def text(self, text: str) -> str:
        if self._secret is not None:
            text = self._secret.sub(REDACTED, text)
        return _USERINFO.sub(f"{REDACTED}@", text) if "://" in text else text

    def value(self, value: object) -> object:
        """The same for what a log line holds: texts, numbers, and mappings and lists of them."""
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


def _spellings(secret: str) -> Iterable[str]:
    for encoded in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield encoded
        yield re.sub("%..", lambda escape: escape[0].lower(), encoded)
    yield secret
    yield html.escape(secret)
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
