"""Tests replies to `add`: an acceptance needs an order id, a refusal an explicit error; all else tells nothing."""

import json

import pytest

from worker.domain.orders.outcomes import Accepted, Reason, Refused, Unknown
from worker.panel.document import read_document
from worker.panel.replies import Received, read_add

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
        ({"order_id": 23501}, "23501"),
        ({"orderId": "23501"}, "23501"),
        ({"Order": 23501}, "23501"),
        ({"data": {"order": 23501}}, "23501"),
        ({"success": True, "data": {"id": 23501, "charge": 0.5}}, "23501"),
        ({"status": "success", "order": {"id": 23501, "status": "pending"}}, "23501"),
        ({"response": {"result": {"order": 23501}}, "success": "1"}, "23501"),
        ({"status": 200, "message": "Order created", "data": {"orderId": 23501}}, "23501"),
        (b'"{\\"order\\": 23501}"', "23501"),
        ({"success": True, "data": '{"order": 23501}'}, "23501"),
        ('{"note": "Новый заказ", "order": 23501}'.encode("windows-1251"), "23501"),
        ('{"order": 23501}'.encode("utf-16"), "23501"),
        ('{"order": 23501}'.encode("utf-16-le"), "23501"),
        ('{"order": 23501}'.encode("utf-16-be"), "23501"),
        (b'\n\nWarning: foreach() in /srv/api.php on line 12\n\n{ "order" : "23501" }\n', "23501"),
    ],
)
def test_an_order_id_is_acceptance_at_any_http_status(received, status, body, order):
    assert read_add(received(body, status)) == Accepted(order)


@pytest.mark.parametrize("status", [200, 201, 302, 400, 404, 422])
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
def test_an_explicit_error_is_refusal_below_http_500(received, status, body, reason, text):
    assert read_add(received(body, status, 9.0)) == Refused(reason, text)


@pytest.mark.parametrize("status", [500, 502, 503, 520])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("neworder.error.not_enough_funds", Reason.NOT_ENOUGH_FUNDS),
        ("Недостаточно средств", Reason.NOT_ENOUGH_FUNDS),
        ("Invalid API key", Reason.BAD_KEY),
        ("Incorrect service ID", Reason.SERVICE_NOT_FOUND),
        ("Quantity less than minimal 50", Reason.QUANTITY_REFUSED),
        ("Bad Link", Reason.LINK_REFUSED),
        ("The panel is under maintenance", Reason.REFUSING),
    ],
)
def test_known_words_are_refusal_at_http_5xx_too(received, status, text, reason):
    assert read_add(received({"error": text}, status)) == Refused(reason, text)


@pytest.mark.parametrize("status", [500, 502, 503, 520])
@pytest.mark.parametrize(
    "body",
    [
        {"error": "Internal server error"},
        {"message": "Server Error"},
        {"error": "Service Unavailable"},
        {"error": "SQLSTATE[23000]: Duplicate entry '5' for key 'link'"},
        {"error": 'Undefined array key "quantity"'},
        {"error": "Order not found"},
        {"error": "Please try again later"},
        {"error": "商品不存在"},
        {"success": False},
        {"status": "error"},
        {"status": 500, "error": "Internal Server Error", "path": "/api/v2"},
    ],
)
def test_a_failing_server_tells_nothing(received, status, body):
    outcome = read_add(received(body, status))

    assert isinstance(outcome, Unknown)
    assert not outcome.replied


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, Reason.BAD_KEY),
        (402, Reason.NOT_ENOUGH_FUNDS),
        (403, Reason.REFUSING),
        (407, Reason.REFUSING),
        (400, Reason.REFUSED),
        (404, Reason.REFUSED),
    ],
)
@pytest.mark.parametrize("body", [{"error": "Jamais"}, {"message": "Jamais"}, {"detail": "Jamais"}])
def test_some_http_statuses_speak_of_the_panel_beside_unknown_words(received, status, reason, body):
    assert read_add(received(body, status)) == Refused(reason, "Jamais")


@pytest.mark.parametrize("status", [401, 402, 403, 407])
def test_known_words_count_before_the_http_status(received, status):
    assert read_add(received({"error": "Incorrect link"}, status)) == Refused(Reason.LINK_REFUSED, "Incorrect link")


@pytest.mark.parametrize(
    "body",
    [
        {"success": False, "data": {"name": "Bad Request", "message": "Low balance", "status": 400}},
        {"success": False, "data": "Low balance"},
        {"success": "false", "msg": "Low balance"},
        {"status": 0, "data": {"msg": "Low balance"}},
        {"status": "fail", "response": "Low balance"},
        {"Error": "Low balance"},
        {"response": {"error": "Low balance"}},
        {"statusCode": 400, "error": "Bad Request", "message": "Low balance"},
        {"result": "error", "reason": "Low balance"},
        {"message": "Low balance"},
        b'"{\\"error\\": \\"Low balance\\"}"',
    ],
)
def test_an_error_is_found_in_every_envelope(received, body):
    assert read_add(received(body)) == Refused(Reason.NOT_ENOUGH_FUNDS, "Low balance")


@pytest.mark.parametrize(("declared", "encoding"), [(None, "windows-1251"), ("koi8-r", "koi8-r"), ("cp866", "cp866")])
def test_words_in_an_old_charset_are_read(declared, encoding):
    body = '{"error": "Недостаточно средств"}'.encode(encoding)

    outcome = read_add(Received(200, read_document(body, str, declared)))

    assert outcome == Refused(Reason.NOT_ENOUGH_FUNDS, "Недостаточно средств")


@pytest.mark.parametrize("declared", ["idna", "no-such-charset", "unicode_escape", "utf-16", ""])
def test_utf_8_is_read_whatever_is_declared(declared):
    body = '{"error": "Недостаточно средств"}'.encode()

    assert isinstance(read_add(Received(200, read_document(body, str, declared))), Refused)


def test_a_text_that_is_cut_within_a_character_spoils_no_other():
    body = '{"error": "Недостаточно средств", "note": "Заказ'.encode()[:-1] + b'"}'

    outcome = read_add(Received(200, read_document(body, str, "windows-1251")))

    assert outcome == Refused(Reason.NOT_ENOUGH_FUNDS, "Недостаточно средств")


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
        b'{"data": [{"order": 23501}]}',
        b'{"data": 23501, "success": true}',
        b'{"id": 23501}',
        b'{"data": {"order": 23501}',
        b'Notice: x\n{"data": {"order": 23501}',
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
        {"order": 23501, "status": 0},
        {"order": 23501, "data": {"error": "Bad Link"}},
        {"success": False, "data": {"order": 23501}},
        {"error": "Bad Link", "data": {"order": 23501}},
        {"order": 23501, "message": "Insufficient balance"},
    ],
)
@pytest.mark.parametrize("status", STATUSES)
def test_an_order_id_beside_an_error_tells_nothing(received, status, body):
    outcome = read_add(received(body, status))

    assert isinstance(outcome, Unknown)
    assert "23501" in outcome.text
    assert outcome.replied


def test_an_error_beside_an_order_id_has_its_reason(received):
    outcome = read_add(received({"order": 32, "error": "low balance"}))

    assert isinstance(outcome, Unknown)
    assert outcome.reason is Reason.NOT_ENOUGH_FUNDS


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
    assert read_add(received(body, status)) == Unknown(text, replied=body == b"null")


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
