"""Tests that no text keeps a secret, however the text spells it."""

import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.redaction import REDACTED, SHORTEST_INSIDE_WORDS, Redactor

SECRET = 'p&s/s "Ü" 1'
KEY = "k3y/secret+0123456789"


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        SECRET.upper(),
        SECRET.lower(),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        urlencode({"key": SECRET}),
        json.dumps({"key": SECRET}),
        json.dumps({"key": SECRET}).upper(),
        repr(SECRET + "'"),
        html.escape(SECRET),
        html.escape(SECRET).upper(),
    ],
)
def test_a_secret_goes_in_every_spelling(spelt: str) -> None:
    clean = Redactor([SECRET]).text(f"before {spelt} after")
    assert REDACTED in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    for piece in ("p&s", "p%26s", "p&amp;s"):
        assert piece not in clean.casefold()


@pytest.mark.parametrize(
    "spelt",
    [SECRET, quote(SECRET), quote(SECRET, safe=""), quote_plus(SECRET), html.escape(SECRET), json.dumps(SECRET)[1:-1]],
)
def test_a_spelling_leaves_nothing_of_itself(spelt: str) -> None:
    assert Redactor([SECRET]).text(f"<{spelt}>") == f"<{REDACTED}>"


def test_what_repr_escapes_leaves_nothing_of_itself() -> None:
    secret = "pass\tword\\'\""
    assert Redactor([secret]).text(repr([secret])) == f"['{REDACTED}']"


@pytest.mark.parametrize(
    "spelt", [KEY, KEY.upper(), quote(KEY), quote(KEY, safe=""), quote_plus(KEY), quote(KEY, safe="").lower()]
)
def test_a_secret_of_ascii_goes_in_every_spelling_and_leaves_nothing(spelt: str) -> None:
    assert Redactor([KEY]).text(f"Invalid key {spelt}!") == f"Invalid key {REDACTED}!"


def test_each_spelling_goes_from_one_text() -> None:
    text = f"{KEY} {KEY.upper()} {quote_plus(KEY)}"
    assert Redactor([KEY]).text(text) == f"{REDACTED} {REDACTED} {REDACTED}"


@pytest.mark.parametrize(
    ("secret", "text"), [("secret-key", "\u017fecret-\u212aey"), ("\u017fecret-\u212aey", "secret-key")]
)
def test_letters_beyond_ascii_that_are_the_same_in_another_case_hide_nothing(secret: str, text: str) -> None:
    assert Redactor([secret]).text(text) == REDACTED


def test_a_text_without_a_secret_stays() -> None:
    redactor = Redactor([KEY, SECRET])
    for text in ("", "Incorrect order ID", "неверный ключ", "mail@example.com", "https://t.me/abc"):
        assert redactor.text(text) == text


def test_each_of_several_secrets_goes() -> None:
    assert Redactor([KEY, SECRET]).text(f"{SECRET} and {KEY}") == f"{REDACTED} and {REDACTED}"


def test_a_secret_within_another_leaves_no_rest() -> None:
    assert Redactor(["key", "key-of-shop"]).text("key-of-shop key") == f"{REDACTED} {REDACTED}"
    assert Redactor(["keys", "keys-of-shop"]).text("keys-of-shop keys") == f"{REDACTED} {REDACTED}"


def test_a_short_secret_goes_where_it_stands_alone() -> None:
    redactor = Redactor(["pw1"])
    assert redactor.text("pw1") == REDACTED
    assert redactor.text("PW1") == REDACTED
    assert redactor.text("password=pw1&user=shop, 'pw1'") == f"password={REDACTED}&user=shop, '{REDACTED}'"


def test_a_short_secret_leaves_longer_words_alone() -> None:
    assert Redactor(["pw1"]).text("pw10 opw1 pw1_a _pw1") == "pw10 opw1 pw1_a _pw1"
    assert Redactor(["ab"]).text("absent, cab, about") == "absent, cab, about"


def test_a_secret_of_four_characters_goes_from_within_words_too() -> None:
    assert SHORTEST_INSIDE_WORDS == 4
    assert Redactor(["abcd"]).text("xabcdx") == f"x{REDACTED}x"


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("postgresql://shop:pw@db:5432/shop", "postgresql://[redacted]@db:5432/shop"),
        ("http://:pw@proxy/ and http://a:b@c", "http://[redacted]@proxy/ and http://[redacted]@c"),
        ("postgresql://u:p@ss@db/x", "postgresql://[redacted]@db/x"),
        ("https://t.me/@name", "https://t.me/@name"),
        ("https://example.com:8080/a@b", "https://example.com:8080/a@b"),
        ("mailto:someone@example.com", "mailto:someone@example.com"),
    ],
)
def test_user_and_password_of_any_url_go(url: str, clean: str) -> None:
    assert Redactor().text(url) == clean
    assert Redactor([KEY]).text(url) == clean


def test_nested_values_are_reached_and_others_left_alone() -> None:
    value = {"a": [SECRET, ("x", {SECRET: f"<{SECRET}>"})], "n": 1, "none": None, "flag": True}
    assert Redactor([SECRET]).value(value) == {
        "a": [REDACTED, ["x", {REDACTED: f"<{REDACTED}>"}]],
        "n": 1,
        "none": None,
        "flag": True,
    }


def test_an_empty_secret_takes_nothing_out() -> None:
    assert Redactor([""]).text("all of it") == "all of it"
    assert Redactor().text("all of it") == "all of it"


@given(secret=st.text(min_size=8), before=st.text(max_size=5), after=st.text(max_size=5))
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    clean = Redactor([secret]).text(before + secret + after)
    # What stands around it can make it up again only if it was a part of the mark itself.
    assert secret not in clean.replace(REDACTED, "\0" * 20) or "\0" in secret


@given(
    secret=st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789+/&=<'\"", min_size=8),
    text=st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789+/&=<'\" ", max_size=40),
)
def test_a_text_changes_only_where_it_holds_the_secret(secret: str, text: str) -> None:
    redacted = Redactor([secret]).text(text)
    spellings = {secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret), repr(secret)[1:-1]}
    spellings |= {quote(secret), json.dumps(secret)[1:-1]}
    assert (redacted != text) == any(one.lower() in text for one in spellings)
