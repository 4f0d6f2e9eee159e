"""Tests the panels' words (docs/panels.md): those that we know, and all others."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.states import OrderState, RefillState
from worker.domain.orders.statuses import Recognition, read_order_status, read_refill_status

OPEN = ["Pending", "In progress", "Processing", "Inprogress", "Progress", "Awaiting", "Running", "Active", "Queued"]
TROUBLED = ["Error", "Fail", "Failed", "Paused"]
CLOSED = {
    "Completed": OrderState.COMPLETED,
    "Complete": OrderState.COMPLETED,
    "Partial": OrderState.PARTIAL,
    "Partially completed": OrderState.PARTIAL,
    "Expired": OrderState.PARTIAL,
    "Canceled": OrderState.CANCELED,
    "Cancelled": OrderState.CANCELED,
    "Cancel": OrderState.CANCELED,
    "Refunded": OrderState.CANCELED,
    "Refund": OrderState.CANCELED,
}
ORDER_WORDS = {
    **dict.fromkeys(OPEN, (OrderState.SUBMITTED, Recognition.KNOWN)),
    **dict.fromkeys(TROUBLED, (OrderState.SUBMITTED, Recognition.TROUBLED)),
    **{word: (state, Recognition.KNOWN) for word, state in CLOSED.items()},
}
REFILL_WORDS = {
    **dict.fromkeys(OPEN, (RefillState.SUBMITTED, Recognition.KNOWN)),
    **dict.fromkeys(TROUBLED, (RefillState.SUBMITTED, Recognition.TROUBLED)),
    **dict.fromkeys(["Completed", "Complete"], (RefillState.COMPLETED, Recognition.KNOWN)),
    **dict.fromkeys(
        ["Rejected", "Reject", "Canceled", "Cancelled", "Refunded"], (RefillState.REJECTED, Recognition.KNOWN)
    ),
}

SPELLINGS = [
    pytest.param(str, id="as it is"),
    pytest.param(str.upper, id="upper"),
    pytest.param(str.lower, id="lower"),
    pytest.param(lambda word: word.replace(" ", "_"), id="underscores"),
    pytest.param(lambda word: word.replace(" ", "-"), id="hyphens"),
    pytest.param(lambda word: word.replace(" ", ""), id="joined"),
    pytest.param(lambda word: f" {word}\t\n", id="spaces around"),
    pytest.param(lambda word: word.replace(" ", "\N{NO-BREAK SPACE}"), id="no-break spaces"),
]


def normalized(word: str) -> str:
    return re.sub(r"[\s_-]", "", word).casefold()


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("word", ORDER_WORDS)
def test_words_of_an_order(word, spell):
    assert read_order_status(spell(word)) == ORDER_WORDS[word]


@pytest.mark.parametrize("spell", SPELLINGS)
@pytest.mark.parametrize("word", REFILL_WORDS)
def test_words_of_a_refill(word, spell):
    assert read_refill_status(spell(word)) == REFILL_WORDS[word]


NEARLY = [
    "",
    "0",
    "Completed?",
    "Not completed",
    "Completed 50%",
    "Uncanceled",
    "Cancel requested",
    "Partial refund",
    "Завершен",
    "\N{CYRILLIC CAPITAL LETTER ES}ompleted",
    "C.o.m.p.l.e.t.e.d",
]


@pytest.mark.parametrize("word", NEARLY)
def test_nearly_a_word_is_none(word):
    assert read_order_status(word) == (OrderState.SUBMITTED, Recognition.UNKNOWN)
    assert read_refill_status(word) == (RefillState.SUBMITTED, Recognition.UNKNOWN)


#: Arbitrary text, and words that were tampered with: the likelier way to meet a reader that is too generous.
texts = st.text() | st.builds(
    lambda word, noise, at: word[:at] + noise + word[at:],
    st.sampled_from(sorted({*ORDER_WORDS, *REFILL_WORDS})),
    st.text(min_size=1, max_size=3),
    st.integers(0, 20),
)


@given(texts.filter(lambda word: normalized(word) not in map(normalized, ORDER_WORDS)))
def test_a_word_that_is_not_known_leaves_an_order_open(word):
    assert read_order_status(word) == (OrderState.SUBMITTED, Recognition.UNKNOWN)


@given(texts.filter(lambda word: normalized(word) not in map(normalized, REFILL_WORDS)))
def test_a_word_that_is_not_known_leaves_a_refill_open(word):
    assert read_refill_status(word) == (RefillState.SUBMITTED, Recognition.UNKNOWN)
