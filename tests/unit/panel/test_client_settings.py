"""Tests the client's settings, and how it reads Retry-After."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.panel import PanelClient, client
from worker.panel.transport import retry_after

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "panel.example",
        "/api/v2",
        "ftp://panel.example/",
        "http://",
        "https:///api",
        "http://h:port/",
        "http://[::1",
    ],
)
def test_an_address_that_is_none_is_refused_without_being_quoted(url):
    with pytest.raises(ValueError, match="the panel's url") as raised:
        PanelClient(url, "secret")

    assert len(url) < 8 or url not in str(raised.value)


@pytest.mark.parametrize("url", ["https://user:pass@panel.example/", "https://user@panel.example/"])
def test_an_address_with_credentials_is_refused(url):
    with pytest.raises(ValueError, match="must not hold a user name"):
        PanelClient(url, "secret")


@pytest.mark.parametrize("url", ["https://panel.example/api/v2", " http://127.0.0.1:8080/ ", "http://[::1]:80/x?y=z"])
def test_an_address_is_taken_outside_an_event_loop(url):
    PanelClient(url, "secret")


@pytest.mark.parametrize("options", [{"timeout": 0}, {"timeout": -1.0}, {"connections": 0}, {"reply_limit": 0}])
def test_limits_that_cannot_be_right_are_refused(options):
    with pytest.raises(ValueError, match="above zero"):
        PanelClient("https://panel.example/", "secret", **options)


def test_an_empty_key_is_refused():
    with pytest.raises(ValueError, match="key is empty"):
        PanelClient("https://panel.example/", "")


def test_a_batch_has_what_panels_take_and_a_reply_what_catalogues_need():
    assert (client.BATCH, client.REPLY_LIMIT) == (100, 33_554_432)  # 32 MiB


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("12", 12.0),
        (" 12 ", 12.0),
        ("0", 1.0),
        ("2.5", 2.5),
        ("9" * 400, 3600.0),
        ("999999999999", 3600.0),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 12:00:30 -0000", 30.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 1.0),
        ("Mon, 01 Mar 2027 12:00:00 GMT", 3600.0),
        ("Sun, 99999999999999999999 Mar 2026 12:00:00 GMT", None),
        ("Sun, 99 Mar 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date_within_bounds(header, seconds):
    assert retry_after(header, NOW) == seconds


dates = st.from_regex(r"(Sun, )?[0-9]{1,25} Mar [0-9]{1,12} [0-9]{1,12}:[0-9]{1,3}:[0-9]{1,3} (GMT|[+-][0-9]{1,25})")


@given(st.text() | dates)
@example("1 Jan 1 00:00:00 +9999")
@example("31 Dec 9999 23:59:59 -9999")
def test_no_retry_after_raises(header):
    seconds = retry_after(header, NOW)

    assert seconds is None or 1.0 <= seconds <= 3600.0
