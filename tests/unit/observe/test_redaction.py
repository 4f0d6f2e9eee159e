"""What may never be seen isn't, however it's spelt."""

import html
import json
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.observe.redaction import REDACTED, Redactor

SECRET = 'p&s/s "Ü" 1'


@pytest.mark.parametrize(
    "spelt",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        urlencode({"key": SECRET}),
        json.dumps({"key": SECRET}),
        repr(SECRET + "'"),
        html.escape(SECRET),
    ],
)
def test_a_secret_goes_in_every_spelling(spelt: str) -> None:
    clean = Redactor([SECRET]).text(f"before {spelt} after")
    assert REDACTED in clean
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    for piece in ("p&s", "p%26s", "p&amp;s"):
        assert piece not in clean


def test_a_secret_within_another_leaves_no_rest() -> None:
    assert Redactor(["key", "key-of-shop"]).text("key-of-shop key") == f"{REDACTED} {REDACTED}"


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


@given(secret=st.text(min_size=8), before=st.text(max_size=5), after=st.text(max_size=5))
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    clean = Redactor([secret]).text(before + secret + after)
    # What stands around it can make it up again only if it was a part of the mark itself.
    assert secret not in clean.replace(REDACTED, "\0" * 20) or "\0" in secret
