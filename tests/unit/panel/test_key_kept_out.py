"""Tests that the panel's key leaves the client in no value, even if a panel's words echo it."""

import json
from urllib.parse import quote, quote_plus

import pytest

from worker.domain.orders.outcomes import Answered, Refused
from worker.domain.redaction import REDACTED
from worker.panel import PanelClient
from worker.panel.catalogue import read_services
from worker.panel.envelope import unwrap
from worker.panel.items import read_refill_statuses, read_statuses
from worker.panel.replies import read_add

from .conftest import KEY

SPELLINGS = [KEY, KEY.upper(), quote(KEY, safe=""), quote_plus(KEY), quote(KEY, safe="").lower()]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_key_is_taken_out_of_every_text(received, spelling):
    replies = [
        read_add(received({"error": f"Invalid key {spelling}!"})),
        read_add(received({"error": {spelling: spelling}})),
        read_add(received({"order": 23501, "error": spelling})),
        read_statuses(received({"1": {"status": spelling, "currency": spelling}, "2": spelling}), ["1", "2"]),
        read_refill_statuses(received({"status": spelling}), ["1"]),
        read_services(received([{"service": 1, "name": spelling, "x": {"y": [spelling]}, spelling: 1}])),
    ]

    assert all(spelling not in repr(reply) and REDACTED in repr(reply) for reply in replies)


def test_escapes_of_json_do_not_hide_the_key(received):
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    reply = read_add(received(f'{{"error": "no: {escaped}"}}'.encode()))

    assert isinstance(reply, Refused)
    assert reply.text == f"no: {REDACTED}"


def test_the_key_is_taken_out_before_a_text_is_cut(received):
    reply = read_add(received({"error": "x" * 490 + KEY}))

    assert isinstance(reply, Refused)
    assert KEY[:5] not in reply.text


def test_the_clients_repr_does_not_show_the_key():
    client = PanelClient("https://panel.example/api/v2", KEY)

    assert KEY not in repr(client)
    assert KEY not in str(client)


def test_what_was_redacted_is_still_json(received):
    reply = read_services(received([{"service": 1, "note": KEY}]))

    assert isinstance(reply, Answered)
    assert json.loads(json.dumps(reply.value[0].raw)) == {"service": 1, "note": REDACTED}


def test_an_error_that_is_the_key_alone_is_still_an_error(received):
    assert unwrap(received({"error": KEY}).document).error == REDACTED
