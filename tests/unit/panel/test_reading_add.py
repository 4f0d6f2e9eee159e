"""Tests replies to `add`: an acceptance needs an order id, a refusal an explicit error; all else tells nothing."""

import json

import pytest

from worker.domain.orders.outcomes import Accepted, Reason, Refused, Unknown
from worker.panel.replies import read_add

STATUSES = (200, 201, 302, 400, 403, 404, 429, 500, 502)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("body", "order"),
    [
        ({"order": 23501}, "23501"),
        ({"order": "23501"}, "23501"),
        ({"order": " 23501 "}, "23501"),
        (b'{"order": 23501.0}', "23501"),
        ({"order": "23501.0"}, "23501"),
        ({"order": "A1-77f"}, "A1-77f"),
        ({"order": 123456789012345678901234567890}, "123456789012345678901234567890"),
        ({"order": 23501, "error": None}, "23501"),
        ({"order": 23501, "error": ""}, "23501"),
        ({"order": 23501, "error": " "}, "23501"),
        ({"order": 23501, "error": "0", "errors": {}}, "23501"),
        ({"order": 23501, "error": False, "errors": []}, "23501"),
        ({"status": "success", "order": 23501}, "23501"),
        ({"success": True, "message": "Order placed", "order": 23501}, "23501"),
        (b'\xef\xbb\xbf{"order": 23501}', "23501"),
        (b'<br />\n<b>Notice</b>: Undefined index: x in {closure} [a] on line 3<br />\n{"order": 23501}', "23501"),
        (b'\n\nWarning: foreach() in /srv/api.php on line 12\n\n{ "order" : "23501" }\n', "23501"),
    ],
)
def test_an_order_id_is_acceptance_at_any_http_status(received, status, body, order):
    assert read_add(received(body, status)) == Accepted(order)


@pytest.mark.parametrize("status", [s for s in STATUSES if s != 429])
@pytest.mark.parametrize(
    ("body", "reason", "text"),
    [
        ({"error": "neworder.error.not_enough_funds"}, Reason.NOT_ENOUGH_FUNDS, "neworder.error.not_enough_funds"),
        ({"error": "Invalid API key"}, Reason.BAD_KEY, "Invalid API key"),
        ({"errors": "Incorrect link"}, Reason.LINK_REFUSED, "Incorrect link"),
        ({"errors": ["Incorrect service ID", "Bad Link"]}, Reason.SERVICE_NOT_FOUND, "Incorrect service ID; Bad Link"),
        ({"error": {"code": 7, "message": "Insufficient balance"}}, Reason.NOT_ENOUGH_FUNDS, "Insufficient balance"),
        ({"error": {"message": {"text": "Bad Link"}}}, Reason.LINK_REFUSED, "Bad Link"),
        ({"errors": {"link": ["Пустая ссылка"]}}, Reason.REFUSED, '{"link": ["Пустая ссылка"]}'),
        ({"status": "error", "msg": "Incorrect request"}, Reason.BAD_REQUEST, "Incorrect request"),
        ({"status": "Fail", "message": "Bad Link"}, Reason.LINK_REFUSED, "Bad Link"),
        ({"status": "error"}, Reason.REFUSED, "an error without words"),
        ({"success": False, "message": "Bad Link"}, Reason.LINK_REFUSED, "Bad Link"),
        ({"success": 0}, Reason.REFUSED, "an error without words"),
        ({"error": True, "message": "Bad Link"}, Reason.LINK_REFUSED, "Bad Link"),
        ({"error": 1, "msg": "Bad Link"}, Reason.LINK_REFUSED, "Bad Link"),
        ({"error": 503}, Reason.REFUSED, "503"),
        ({"order": None, "error": "Bad Link"}, Reason.LINK_REFUSED, "Bad Link"),
        ({"order": 0, "error": "Bad Link"}, Reason.LINK_REFUSED, "Bad Link"),
        ({"order": {"error": "Bad Link"}}, Reason.LINK_REFUSED, "Bad Link"),
        ({"error": "商品不存在"}, Reason.REFUSED, "商品不存在"),
        ({"error": "a\0b\ud800c"}, Reason.REFUSED, "ab?c"),
        ({"error": "x" * 9000}, Reason.REFUSED, "x" * 500),
        (b'Notice: x\n{"error": "Bad Link"}', Reason.LINK_REFUSED, "Bad Link"),
    ],
)
def test_an_explicit_error_is_refusal_at_any_http_status(received, status, body, reason, text):
    assert read_add(received(body, status, 9.0)) == Refused(reason, text)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"   ",
        b"\xef\xbb\xbf",
        b"null",
        b"true",
        b"23501",
        b'"23501"',
        b"[]",
        b"{}",
        b"[23501]",
        b'[{"order": 23501}]',
        b'{"order": 235',
        b'{"order": 23501',
        b'{"order": "23501',
        b'{"data": {"order": 23501}}',
        b'{"data": {"order": 23501}',
        b'Notice: x\n{"data": {"order": 23501}',
        b'Notice: x\n{"data": {"order": 23501}}',
        b'{data: {"order": 23501}}',
        b'"data": {"order": 23501}',
        b'{"order": 23501}{"order": 23502}',
        b'{"order": 23501} trailing',
        b'<html><script>x = {"order": 23501}</script></html>',
        b"<!DOCTYPE html><title>Just a moment...</title>",
        b'{"order": null}',
        b'{"order": 0}',
        b'{"order": "0"}',
        b'{"order": "0.0"}',
        b'{"order": -5}',
        b'{"order": "-5"}',
        b'{"order": ""}',
        b'{"order": " "}',
        b'{"order": true}',
        b'{"order": "true"}',
        b'{"order": false}',
        b'{"order": 23501.5}',
        b'{"order": 2.3501e4}',
        b'{"order": NaN}',
        b'{"order": "null"}',
        b'{"order": "pending"}',
        b'{"order": "see 23501"}',
        b'{"order": "1,2"}',
        b'{"order": [23501]}',
        b'{"order": {"id": 23501}}',
        b'{"order": "' + b"1" * 65 + b'"}',
        b'{"order": "23\xff501"}',
        b'{"order_id": 23501}',
        b'{"message": "Order 23501 placed"}',
        b'{"error": ""}',
        b'{"status": "success"}',
        b"[" * 100_000,
        b'{"order":' * 500 + b"1" + b"}" * 500,
        b'{"order": ' + b"9" * 5000 + b"}",
    ],
)
@pytest.mark.parametrize("status", [200, 404, 502])
def test_anything_else_tells_nothing(received, status, body):
    outcome = read_add(received(body, status))

    assert isinstance(outcome, Unknown)
    assert outcome.text.startswith(f"HTTP {status} with ")


@pytest.mark.parametrize(
    "body",
    [
        {"order": 23501, "error": "Bad Link"},
        {"order": 23501, "errors": ["x"]},
        {"order": 23501, "success": False},
        {"order": 23501, "status": "error", "message": "no"},
        {"order": 23501, "status": "error"},
    ],
)
@pytest.mark.parametrize("status", STATUSES)
def test_an_order_id_beside_an_error_tells_nothing(received, status, body):
    outcome = read_add(received(body, status))

    assert isinstance(outcome, Unknown)
    assert "23501" in outcome.text


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        (b"", 200, "HTTP 200 with an empty reply"),
        (b"<html>", 502, "HTTP 502 with a page instead of JSON"),
        (b"upstream down", 503, "HTTP 503 with text instead of JSON"),
        (b'{"order": 2', 200, "HTTP 200 with broken JSON"),
        (b"null", 200, "HTTP 200 with JSON that has neither an order id nor an error"),
    ],
)
def test_the_text_says_what_came_instead(received, body, status, text):
    assert read_add(received(body, status)) == Unknown(text, replied=status == 200)


@pytest.mark.parametrize("body", [b"", b"<html>slow down</html>", b"null", b'{"order": 0}', b'{"message": "no"}'])
def test_http_429_is_a_rate_limit_whatever_its_body(received, body):
    outcome = read_add(received(body, 429, 17.0))

    assert isinstance(outcome, Refused)
    assert (outcome.reason, outcome.retry_after) == (Reason.RATE_LIMITED, 17.0)


def test_http_429_gives_its_meaning_to_words_that_are_not_known(received):
    assert read_add(received({"error": "Полегче"}, 429, 5.0)) == Refused(Reason.RATE_LIMITED, "Полегче", 5.0)


def test_http_429_does_not_hide_a_reason_that_is_known(received):
    assert read_add(received({"error": "Invalid API key"}, 429, 5.0)) == Refused(Reason.BAD_KEY, "Invalid API key")


@pytest.mark.parametrize("status", [200, 429, 503])
def test_a_rate_limit_in_json_carries_the_wait(received, status):
    text = "Too many requests"

    assert read_add(received({"error": text}, status, 4.0)) == Refused(Reason.RATE_LIMITED, text, 4.0)


def test_every_cut_of_an_acceptance_tells_nothing(received):
    whole = json.dumps({"order": 23501, "status": "success"}).encode()

    outcomes = [read_add(received(whole[:length])) for length in range(len(whole))]

    assert all(isinstance(outcome, Unknown) for outcome in outcomes)
