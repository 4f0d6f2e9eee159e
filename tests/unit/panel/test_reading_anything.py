"""Nothing that a panel may send makes a reader raise, and none of it becomes an acceptance without an order id."""

import json
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from worker.domain.orders.outcomes import Accepted, Answered, Refused, Scope, Unknown
from worker.domain.redaction import Redactor
from worker.panel.catalogue import read_services
from worker.panel.document import DEEPEST, Unreadable, read_document
from worker.panel.envelope import unwrap
from worker.panel.errors import proven_reason_of
from worker.panel.items import read_cancels, read_refill_statuses, read_refills, read_statuses
from worker.panel.replies import Received, read_add, read_balance
from worker.panel.values import read_id

KEY = "k3y/secret+0123456789"
ASKED = ["1", "23501"]

WORDS = (
    "order",
    "orders",
    "id",
    "refill",
    "cancel",
    "status",
    "error",
    "errors",
    "message",
    "msg",
    "success",
    "charge",
)
MORE_WORDS = ("remains", "start_count", "balance", "currency", "services", "data", "service", "rate", "min", *ASKED)
keys = st.sampled_from(WORDS + MORE_WORDS) | st.text(max_size=5)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["error", "Completed", "23501", "0", "-1", "1e999999", "Too many requests", KEY])
)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=15
)
bodies = (
    st.binary(max_size=200)
    | documents.map(lambda document: json.dumps(document).encode())
    | st.tuples(documents, st.integers(1, 20)).map(lambda cut: json.dumps(cut[0]).encode()[: -cut[1]])
    | documents.map(lambda document: b"<b>Notice</b> [x]\n" + json.dumps(document).encode())
)
http_statuses = st.sampled_from([200, 302, 400, 404, 429, 500, 502])


def _read(body: bytes, status: int = 200) -> Received:
    return Received(status, read_document(body, Redactor([KEY]).text), 5.0)


@given(bodies, http_statuses, st.sampled_from([["1"], ASKED]))
@pytest.mark.parametrize("read", [read_statuses, read_refills, read_refill_statuses, read_cancels])
def test_readers_of_items_only_tell_of_what_was_asked(read, body, status, asked):
    reply = read(_read(body, status), asked)

    assert isinstance(reply, Answered | Refused | Unknown)
    if isinstance(reply, Answered):
        assert set(reply.value) <= set(asked)


@given(bodies, http_statuses)
@pytest.mark.parametrize("read", [read_add, read_services, read_balance])
def test_the_other_readers_give_an_outcome(read, body, status):
    assert isinstance(read(_read(body, status)), Accepted | Answered | Refused | Unknown)


def _texts(value: Any) -> set[str]:
    """Every value of a document, as text; JSON within a text is read, too."""
    match value:
        case dict():
            return set().union(*map(_texts, value.values()))
        case list():
            return set().union(*map(_texts, value))
        case str() if value.strip()[:1] in {"{", "["}:
            with suppress(ValueError):
                return _texts(json.loads(value))
    return {str(value).strip().removesuffix(".0")}


@given(bodies, http_statuses)
def test_acceptance_has_its_order_id_from_the_body(body, status):
    reply = _read(body, status)
    outcome = read_add(reply)

    if isinstance(outcome, Accepted):
        assert outcome.panel_order_id in _texts(reply.document)
        assert unwrap(reply.document).error is None


@given(documents, http_statuses)
def test_without_an_id_in_the_body_nothing_is_accepted(document, status):
    assume(all(read_id(text) is None for text in _texts(document)))
    assert not isinstance(read_add(_read(json.dumps(document).encode(), status)), Accepted)


@given(documents, st.integers(500, 599))
def test_unknown_words_at_http_5xx_refuse_nothing(document, status):
    outcome = read_add(_read(json.dumps(document).encode(), status))

    if isinstance(outcome, Refused):
        assert proven_reason_of(outcome.text) is outcome.reason


@given(st.text(min_size=1), st.sampled_from([200, 400, 401, 402, 403, 404, 407, 429, 500, 503]))
def test_an_error_in_any_words_is_a_refusal_or_tells_nothing(text, status):
    outcome = read_add(_read(json.dumps({"error": text}).encode(), status))

    assert isinstance(outcome, Refused | Unknown)
    if status in {401, 402, 403, 407} and isinstance(outcome, Refused) and proven_reason_of(outcome.text) is None:
        assert outcome.reason.scope is Scope.PANEL


STATUS = {"charge": "0.27819", "start_count": "3572", "status": "Partial", "remains": "157", "currency": "USD"}
DOCUMENTED = [
    (read_add, {"order": 23501}),
    (read_add, {"error": "Not enough funds on balance"}),
    (read_add, {"error": "Jamais"}),
    (read_balance, {"balance": "100.84292", "currency": "USD"}),
    (read_balance, {"error": "Invalid API key"}),
    (
        read_services,
        [{"service": 1, "name": "Followers", "type": "Default", "rate": "0.90", "min": "50", "max": "100"}],
    ),
    (partial(read_statuses, asked=["1"]), STATUS),
    (partial(read_statuses, asked=["1"]), {"error": "Incorrect order ID"}),
    (partial(read_statuses, asked=ASKED), {"1": STATUS, "23501": {"error": "Incorrect order ID"}}),
    (partial(read_refills, asked=["1"]), {"refill": "7"}),
    (partial(read_refills, asked=ASKED), [{"order": 1, "refill": 7}, {"order": 23501, "refill": {"error": "No"}}]),
    (partial(read_refill_statuses, asked=["1"]), {"status": "Completed"}),
    (partial(read_refill_statuses, asked=ASKED), [{"refill": 1, "status": "Completed"}]),
    (partial(read_cancels, asked=ASKED), [{"order": 1, "cancel": 1}, {"order": 23501, "cancel": {"error": "No"}}]),
]
verdicts = st.sampled_from(
    [
        {},
        {"success": True},
        {"success": 1},
        {"status": "success"},
        {"status": True},
        {"response": "success"},
        {"code": 200},
    ]
)
remarks = st.sampled_from([{}, {"message": "OK"}, {"msg": "Request processed"}, {"error": None}, {"errors": []}])


@st.composite
def envelopes(draw: st.DrawFn) -> Callable[[Any], Any]:
    """A way to wrap a reply that isn't an error: what it says of itself, and a key for the reply, in any case."""
    around = draw(verdicts) | draw(remarks)
    spell = draw(st.sampled_from([str, str.upper, str.capitalize]))
    key = draw(st.sampled_from(["data", "result", "response", "payload"]))

    def wrap(document: Any) -> Any:
        outer = {} if "error" in document else around
        return {spell(name): value for name, value in outer.items() if name != key} | {spell(key): document}

    return wrap


@given(envelopes(), st.sampled_from(["once", "twice", "as text"]))
@pytest.mark.parametrize(("read", "document"), DOCUMENTED, ids=map(str, range(len(DOCUMENTED))))
def test_an_envelope_changes_nothing(read, document, wrap, how):
    inner = {"once": document, "twice": wrap(document), "as text": json.dumps(document)}[how]

    bare = read(_read(json.dumps(document).encode()))
    assert read(_read(json.dumps(wrap(inner)).encode())) == bare


@given(bodies)
def test_no_text_holds_the_key_a_nul_or_half_a_character(body):
    document = read_document(body, Redactor([KEY]).text)

    shown = repr(document.text if isinstance(document, Unreadable) else document)
    assert KEY not in shown
    assert "\\x00" not in shown.replace("\\\\", "")
    json.dumps(document.text if isinstance(document, Unreadable) else document, ensure_ascii=False).encode()


@pytest.mark.parametrize("escape", ["", "\\u0041"])
@pytest.mark.parametrize(("opening", "closing"), [('{"a":', "}"), ("[", "]")])
def test_a_reply_is_read_as_deep_as_it_may_nest_and_no_deeper(opening, closing, escape):
    def nested(levels: int) -> bytes:
        return (opening * levels + f'"{escape}"' + closing * levels).encode()

    assert not isinstance(read_document(nested(DEEPEST), Redactor([KEY]).text), Unreadable)
    assert isinstance(read_document(nested(DEEPEST + 1), Redactor([KEY]).text), Unreadable)


def test_a_number_is_a_number_up_to_twenty_digits():
    body = b"[%s, %s]" % (b"9" * 20, b"9" * 21)
    assert read_document(body, str) == [10**20 - 1, "9" * 21]
