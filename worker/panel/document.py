"""Turns the bytes of a reply into a JSON document that is safe to read, keep and show.

Fractions stay texts (`0.90` becomes `"0.90"`), so that no value passes through a float. Panels send numbers as texts
anyway, and every reader takes both.
"""

import codecs
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

#: Characters of a sample of a reply. So many bytes are read for it. Their end isn't shown: the key may be cut there.
LONGEST_SAMPLE = 300
_SAMPLED, _MARGIN = 10_000, 1_000

_ESCAPE = re.compile(r"\\/|\\u([0-9a-fA-F]{4})")

#: The beginnings of JSON documents. A text that begins like this must be JSON from its first character.
_BEGINNINGS = ("{", "[", '"')

#: The first thing after other words (PHP notices) that can only be JSON: `{"`, `[{`, `[]` and the like.
_BEHIND_NOTICES = re.compile(r"\{\s*[\"}]|\[\s*[\[{\"\]]")


#: Byte-order marks. That of UTF-32 begins with that of UTF-16, so it comes first.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: The charsets that we take a reply's word for. Python knows others that cost time or aren't for texts.
_CHARSETS = re.compile(
    r"(?:windows|cp|ibm)-?\d{3,4}|iso-?8859-?\d{1,2}|latin-?\d|koi8-[ru]|gbk|gb2312|gb18030|big5|shift[_-]jis|"
    r"euc-(?:jp|kr)|tis-620|us-ascii|utf-?(?:8|16|32)(?:-?[lb]e)?",
    re.IGNORECASE,
)

#: Two ASCII characters, with which JSON begins, in UTF-16 without a mark: big-endian, or little-endian.
_UTF_16 = re.compile(rb"(\0[\x09-\x7e]\0[\x09-\x7e])|[\x09-\x7e]\0[\x09-\x7e]\0")

#: A word in windows-1251. Western languages have no three accented letters in a row.
_CYRILLIC = re.compile(rb"[\xc0-\xff\xa8\xb8]{3}")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reply without a whole JSON document. `text` says what it holds instead."""

    text: str


def read_document(body: bytes, redact: Redact, charset: str | None = None) -> Any | Unreadable:
    """Returns the JSON document of a reply: dicts, lists, str, int, bool and None.

    `charset` is the one that the reply declares; it counts where the bytes are no UTF-8 and have no byte-order mark. A
    JSON text that holds JSON is read once more, alone or in an object's value.

    It skips a byte-order mark and notices in front of the document. A document that is cut off, garbled, or followed by
    anything, is unreadable: nobody takes a part for the whole. In every text, `redact` takes out the key, NUL goes
    (Postgres refuses it), and unpaired surrogates are replaced.
    """
    text = _text(body, charset).strip().lstrip("\ufeff").strip()
    if not text:
        return Unreadable("an empty reply")
    try:
        document = _decoded(text)
    except (ValueError, RecursionError):
        return Unreadable(_instead_of_json(text))
    return document if _is_clean(document, redact) else _cleaned(document, redact)


def sample_of(body: bytes, document: Any | Unreadable, redact: Redact, charset: str | None = None) -> str:
    """Returns the beginning of a reply for a person, on one line and without the key.

    `document` is what was read of it.
    """
    if isinstance(document, Unreadable):
        # JSON that is cut off may have the key with escapes.
        text = _clean_text(_ESCAPE.sub(_unescaped, _text(body[:_SAMPLED], charset)), redact)
        text = text if len(body) <= _SAMPLED else text[:-_MARGIN]
    else:
        text = redact(json.dumps(document, ensure_ascii=False))
    line = " ".join(text.split())
    return f"{line[:LONGEST_SAMPLE]}…" if len(line) > LONGEST_SAMPLE else line


def _unescaped(escape: re.Match[str]) -> str:
    return "/" if escape[1] is None else chr(int(escape[1], 16))


def _decoded(text: str) -> Any:
    document = _inner(_DECODER.decode(_from_json_on(text)))
    if isinstance(document, dict):
        document = {key: _inner(value) for key, value in document.items()}
    if _is_too_deep(document):
        raise ValueError("nested too deep")
    return document


def _inner(value: Any) -> Any:
    """Reads JSON within a text once more; a text that isn't JSON stays what it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return _DECODER.decode(value.strip())
    except (ValueError, RecursionError):
        return value


def _text(body: bytes, charset: str | None) -> str:
    """Decodes a body by its byte-order mark, as UTF-8 where it is UTF-8, by its charset, or by what its bytes show."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding, errors="replace")
    if (start := _UTF_16.match(body)) is not None:
        return body.decode("utf-16-be" if start[1] is not None else "utf-16-le", errors="replace")
    text = body.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    if broken == 0 or sum(not character.isascii() for character in text) >= 2 * broken:
        return text  # UTF-8, though a text in it may have been cut within a character
    if charset is not None and _CHARSETS.fullmatch(charset):
        try:
            return body.decode(charset)
        except (LookupError, UnicodeError):
            pass
    return body.decode("windows-1251" if _CYRILLIC.search(body) else "windows-1252", errors="replace")


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


def _is_clean(document: Any, redact: Redact) -> bool:
    """Says whether no text of a document needs cleaning: hardly any reply does, so all are examined at once."""
    text = "\n".join(_texts(document))
    return "\0" not in text and text.encode(errors="replace").decode() == text and redact(text) == text


def _texts(document: Any) -> list[str]:
    texts: list[str] = []
    unread = [document]
    while unread:
        value = unread.pop()
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, dict):
            texts.extend(value)
            unread.extend(value.values())
        elif isinstance(value, list):
            unread.extend(value)
    return texts


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
