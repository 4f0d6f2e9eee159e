"""Takes a reply out of its envelope: what the panel means, whatever it wraps that in (docs/panels.md).

Panels wrap their answers in objects of their own: `{"success": true, "data": {"order": 1750}}`,
`{"status": false, "msg": "Insufficient balance"}`. A new wrapping is one more word in the tables below.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from worker.domain.orders.outcomes import Reason
from worker.panel.errors import reason_of, says_no
from worker.panel.values import LONGEST_TEXT, read_flag, read_text, read_whole

#: The keys under which panels wrap an answer.
_WRAPPERS = ("data", "result", "results", "response", "payload", "services", "orders", "order", "refills", "cancels")

#: The keys under which they wrap a list. An object there is the answer about one id.
_LISTS = ("refill", "cancel")

#: The keys that state an error by their presence, and those that explain one.
_ERRORS = ("error", "errors", "err", "errormessage", "errormsg")
_MESSAGES = ("message", "msg", "text", "description", "detail", "reason", "title")

#: The keys by which an envelope says of itself whether the call succeeded. Under the first two it always does; under
#: the others a failure counts with a message: `{"status": "Error"}` alone is an order in trouble.
_PLAIN_VERDICTS = ("success", "ok")
_CODES = ("code", "statuscode")
_VERDICTS = (*_PLAIN_VERDICTS, "status", "response", "result", *_CODES)
_HTTP_SUCCESS = range(200, 300)
_HTTP_FAILURE = range(400, 600)

#: The keys of what an envelope says of itself.
ENVELOPE_KEYS = frozenset((*_VERDICTS, *_ERRORS, *_MESSAGES))

#: The keys that an object without an envelope doesn't have.
_OF_ENVELOPES = (ENVELOPE_KEYS - {"status"}).union(_WRAPPERS, _LISTS)

_SUCCESS = frozenset({"success", "successful", "succeeded", "ok", "okay", "done"})
_FAILURE = frozenset({"error", "err", "fail", "failed", "failure", "ko", "nok", "unsuccessful"})
_NO_ERROR = frozenset({"none", "null", "no error", "no errors"})

#: Any of these beside a wrapper makes the object an answer itself: a drip-feed's status has `orders`, for one.
_FACTS = ("charge", "remains", "startcount", "balance", "funds", "service", "refill", "cancel", "orderid", "id", "runs")

#: Panels nest an envelope or two.
_DEEPEST = 4

#: The text of an error that a panel states and doesn't explain.
WORDLESS = "an error without words"

#: Reasons that another text of the same reply explains better: "Bad Request" is often a name of the HTTP status.
_POOR_REASONS = frozenset({Reason.REFUSED, Reason.BAD_REQUEST})


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reply, or an item of one, means.

    `payload` is the answer without its envelope; an object's keys are plain (`plain`). `succeeded` is what the envelope
    says of itself, None where it says nothing. `error` is the text of an error that it states outright, at most
    LONGEST_TEXT characters; `remark` is a message beside which nothing tells of success or failure, or of success only.
    """

    payload: Any
    succeeded: bool | None = None
    error: str | None = None
    remark: str | None = None

    def get(self, *keys: str) -> Any:
        """Returns the payload's value under the first of `keys` that has one."""
        if not isinstance(self.payload, dict):
            return None
        for key in keys:
            if (value := self.payload.get(key)) is not None:
                return value
        return None


def unwrap(document: Any) -> Meaning:
    """Returns what a JSON document means. Takes anything."""
    payload = plain(document) if isinstance(document, dict) else document
    if isinstance(payload, dict) and _is_bare(tuple(payload)) and not is_verdict(payload.get("status")):
        return Meaning(payload)
    levels: list[dict[str, Any]] = []
    while isinstance(payload, dict):
        payload = plain(payload)
        levels.append(payload)
        inner = _wrapped(payload) if len(levels) < _DEEPEST else None
        if inner is None:
            break
        payload = inner
    verdicts = [verdict for level in levels for verdict in _verdicts(level)]
    succeeded = all(verdicts) if verdicts else None
    messages = [text for level in levels for text in _messages(level)]
    errors = [text for level in levels for text in _errors(level)]
    texts = [*errors, *messages, *(text for level in levels for text in _places(level))]
    failed = any(_states_an_error(level) for level in levels) or (succeeded is False and bool(texts))
    return Meaning(
        payload,
        succeeded=False if failed else succeeded,
        error=_telling(texts) if failed else None,
        remark=messages[0] if messages and not failed else None,
    )


@lru_cache(maxsize=256)  # the items of a batch have the same keys, mostly
def _is_bare(keys: tuple[str, ...]) -> bool:
    """Tells whether an object with these plain keys has no envelope, unless its `status` is a verdict.

    Nearly every item of a batch is like that, so it costs no more than this.
    """
    return _OF_ENVELOPES.isdisjoint(keys)


def plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Returns an object with plain keys: small letters only, `startcount` for `start_count` or `startCount`.

    Ids among the keys stay as they are: an id has a digit.
    """
    names = _plain_keys(tuple(entry))
    if len(set(names)) == len(names):
        return dict(zip(names, entry.values(), strict=True))
    found: dict[str, Any] = {}
    for name, value in zip(names, entry.values(), strict=True):
        if found.get(name) is None:
            found[name] = value
    return found


@lru_cache(maxsize=256)  # the entries of a catalogue have the same keys, mostly
def _plain_keys(keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(_plain_key, keys))


def _plain_key(key: str) -> str:
    if any(character.isdigit() for character in key):
        return key
    return key.casefold().replace("_", "").replace("-", "").replace(" ", "")


def is_verdict(value: Any) -> bool:
    """Says whether a value of `status` may be what an envelope says of itself."""
    return _verdict(value) is not None


def _wrapped(level: Mapping[str, Any]) -> Any | None:
    """Returns what an envelope holds; None for an object that is the answer itself."""
    if any(_is_scalar(level.get(fact)) for fact in (*_FACTS, "order")):
        return None
    status = level.get("status")
    if isinstance(status, str) and status.strip() and not is_verdict(status):
        return None
    inner = next((level[key] for key in _WRAPPERS if isinstance(level.get(key), dict | list)), None)
    return inner if inner is not None else next((level[k] for k in _LISTS if isinstance(level.get(k), list)), None)


def _is_scalar(value: Any) -> bool:
    return value is not None and not isinstance(value, dict | list)


def _verdicts(level: Mapping[str, Any]) -> Iterator[bool]:
    for key in _VERDICTS:
        verdict = _verdict(level.get(key), worded=key in _PLAIN_VERDICTS)
        # `"code": 0` is a success here and a failure there.
        if verdict is not None and (key not in _CODES or _http_verdict(level[key]) is not None):
            yield verdict


def _verdict(value: Any, *, worded: bool = False) -> bool | None:
    """Returns what a value says of a call: true, 1, "success" and HTTP's 2xx; false, 0, "error", 4xx and 5xx.

    `worded`: any other text that doesn't say no says that the call succeeded.
    """
    if (flag := read_flag(value)) is not None:
        return flag
    if read_whole(value) is not None:
        return _http_verdict(value)
    if not isinstance(value, str) or not value.strip():
        return None
    word = value.strip().casefold()
    if word in _SUCCESS:
        return True
    if word in _FAILURE:
        return False
    return True if worded and not says_no(word) else None


def _http_verdict(value: Any) -> bool | None:
    number = read_whole(value)
    return True if number in _HTTP_SUCCESS else False if number in _HTTP_FAILURE else None


def _states_an_error(level: Mapping[str, Any]) -> bool:
    return (
        any(_states_something(level.get(key)) for key in _ERRORS)
        or any(_verdict(level.get(key)) is False for key in _PLAIN_VERDICTS)
        or any(_holds_an_error(level.get(key)) for key in _WRAPPERS)
    )


def _holds_an_error(inner: Any) -> bool:
    return isinstance(inner, dict) and any(
        _states_something(value) for key, value in plain(inner).items() if key in _ERRORS
    )


def _states_something(value: Any) -> bool:
    if isinstance(value, str):
        return bool(value.strip()) and value.strip().casefold() not in _NO_ERROR and read_flag(value) is not False
    return bool(value)


def _errors(level: Mapping[str, Any]) -> Iterator[str]:
    """Yields the words of one level's errors, and of those that lie in the place of an answer."""
    for key in _ERRORS:
        if _states_something(value := level.get(key)) and (words := _words(value)):
            yield words
    for key in _WRAPPERS:
        if isinstance(inner := level.get(key), dict) and _holds_an_error(inner):
            yield from _errors(plain(inner))


def _messages(level: Mapping[str, Any]) -> Iterator[str]:
    """Yields the messages of one level, and a success in words."""
    for key in _MESSAGES:
        if (value := level.get(key)) and (words := _words(value)):
            yield words
    for key in _PLAIN_VERDICTS:
        if (words := _free_text(level.get(key))) is not None:
            yield words


def _places(level: Mapping[str, Any]) -> Iterator[str]:
    """Yields the words in the place of an answer. They explain a failure, and are no message otherwise."""
    for key in _WRAPPERS:
        if (words := _free_text(level.get(key))) is not None:
            yield words


def _free_text(value: Any) -> str | None:
    is_free = isinstance(value, str) and not is_verdict(value) and any(map(str.isalpha, value))
    return read_text(value) if is_free else None


def _telling(texts: list[str]) -> str:
    """Returns the text that explains an error best: the first with a known reason, or else the first."""
    if not texts:
        return WORDLESS
    return next((text for text in texts if reason_of(text) not in _POOR_REASONS), texts[0])


def _words(value: Any) -> str | None:
    """Returns the words of an error, which may be a text, an object or a list; None for a flag like `"error": true`."""
    match value:
        case dict():
            inner = plain(value)
            message = next(
                (words for key in (*_MESSAGES, *_ERRORS) if (held := inner.get(key)) and (words := _words(held))), None
            )
            return message or json.dumps(value, ensure_ascii=False)[:LONGEST_TEXT]
        case list():
            return "; ".join(words for entry in value if (words := _words(entry)))[:LONGEST_TEXT] or None
        case _:
            return read_text(value) if read_flag(value) is None else None
