"""Nothing that a panel may send makes a reader raise, and none of it becomes an acceptance without an order id."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.outcomes import Accepted, Answered, Refused, Unknown
from worker.domain.redaction import Redactor
from worker.panel.catalogue import read_services
from worker.panel.document import DEEPEST, Unreadable, read_document
from worker.panel.items import read_cancels, read_refill_statuses, read_refills, read_statuses
from worker.panel.replies import Received, read_add, read_balance

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


@given(bodies, http_statuses)
def test_acceptance_has_its_order_id_from_the_body(body, status):
    outcome = read_add(_read(body, status))

    if isinstance(outcome, Accepted):
        document = json.loads(body[body.index(b"{") :])
        assert outcome.panel_order_id in {str(document["order"]).strip(), str(int(float(document["order"])))}
        assert not document.get("error")


@given(documents.filter(lambda document: not isinstance(document, dict) or "order" not in document), http_statuses)
def test_without_an_order_in_the_body_nothing_is_accepted(document, status):
    assert not isinstance(read_add(_read(json.dumps(document).encode(), status)), Accepted)


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
