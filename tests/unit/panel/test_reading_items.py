"""Tests how replies about orders, refills and cancels are read, item by item."""

from decimal import Decimal

import pytest

from worker.domain.orders.outcomes import Answered, Reason, Refused, Unknown
from worker.domain.orders.statuses import ItemError, OrderReport, RefillTaken
from worker.panel.items import CancelTaken, only, read_cancels, read_refill_statuses, read_refills, read_statuses

PARTIAL = {"charge": "0.27819", "start_count": "3572", "status": "Partial", "remains": "157", "currency": "USD"}
PARTIAL_READ = OrderReport("Partial", Decimal("0.27819"), "USD", 3572, 157)
NO_ORDER = ItemError(Reason.NOT_FOUND, "Incorrect order ID")
NO_REFILL = ItemError(Reason.NOT_FOUND, "Refill not found")


@pytest.mark.parametrize(
    ("body", "items"),
    [
        ({"1": PARTIAL, "2": {"error": "Incorrect order ID"}}, {"1": PARTIAL_READ, "2": NO_ORDER}),
        ({"1": PARTIAL, "2": "Incorrect order ID"}, {"1": PARTIAL_READ, "2": NO_ORDER}),
        ([{"order": 1} | PARTIAL, {"order": "2", "error": "Incorrect order ID"}], {"1": PARTIAL_READ, "2": NO_ORDER}),
        ([{"id": 1} | PARTIAL, {"id": "2", "error": "Incorrect order ID"}], {"1": PARTIAL_READ, "2": NO_ORDER}),
        ({"1": PARTIAL}, {"1": PARTIAL_READ}),
        ({"1": PARTIAL, "3": PARTIAL}, {"1": PARTIAL_READ}),
        ({"3": PARTIAL}, {}),
        ([{"order": 3} | PARTIAL], {}),
        ({"order": 1} | PARTIAL, {"1": PARTIAL_READ}),
        ({"1": PARTIAL, "2": None}, {"1": PARTIAL_READ}),
        ({"1": PARTIAL, "2": []}, {"1": PARTIAL_READ}),
        ({"1": PARTIAL, "2": {}}, {"1": PARTIAL_READ}),
        ({"1": PARTIAL, "2": 7}, {"1": PARTIAL_READ}),
        ({"1": PARTIAL, "2": " "}, {"1": PARTIAL_READ}),
        ({"1": PARTIAL, "error": ""}, {"1": PARTIAL_READ}),
        ([{"order": 1} | PARTIAL, "garbage", None, 5, {}], {"1": PARTIAL_READ}),
        ({"1": "Completed"}, {"1": OrderReport("Completed")}),
        ([], {}),
        ({}, {}),
    ],
)
def test_every_shape_of_a_batch_of_statuses(received, body, items):
    assert read_statuses(received(body), ["1", "2"]) == Answered(items)


@pytest.mark.parametrize(
    "body",
    [
        PARTIAL,
        {"order": 1} | PARTIAL,
        {"id": "1"} | PARTIAL,
        {"1": PARTIAL},
        [PARTIAL],
        [{"1": PARTIAL}],
        [{"order": 1} | PARTIAL],
        [{"order": 9} | PARTIAL, {"order": 1} | PARTIAL],
    ],
)
def test_every_shape_of_a_status(received, body):
    assert only(read_statuses(received(body), ["1"]), "1") == Answered(PARTIAL_READ)


@pytest.mark.parametrize("body", [[], {}, {"9": PARTIAL}, {"order": 9} | PARTIAL, {"1": None}, {"1": {"x": 1}}])
def test_a_reply_that_is_silent_about_the_one_id_is_unknown(received, body):
    assert isinstance(only(read_statuses(received(body), ["1"]), "1"), Unknown)


@pytest.mark.parametrize(
    ("item", "reading"),
    [
        ({"status": "Error"}, OrderReport("Error")),
        ({"status": "error", "charge": "0.2"}, OrderReport("error", Decimal("0.2"))),
        ({"status": "error", "charge": 0, "msg": "x"}, OrderReport("error", Decimal(0))),
        ({"status": "error", "msg": "Incorrect order ID"}, NO_ORDER),
        ({"status": "fail", "message": "Incorrect order ID"}, NO_ORDER),
        ({"status": "fail", "error": "Incorrect order ID"}, NO_ORDER),
        ({"status": 404, "error": "Incorrect order ID"}, NO_ORDER),
        ({"status": {"error": "Incorrect order ID"}}, NO_ORDER),
        ({"status": "Incorrect order ID"}, NO_ORDER),
        ({"error": {"message": "Incorrect order ID"}}, NO_ORDER),
        ({"success": False, "message": "Incorrect order ID"}, NO_ORDER),
        ({"status": "Canceled", "error": "private account"}, OrderReport("Canceled")),
        ({"status": "Completed", "message": "thanks"}, OrderReport("Completed")),
        ({"status": "Doing things", "charge": 1}, OrderReport("Doing things", Decimal(1))),
        ({"status": None, "charge": "1.5"}, OrderReport(None, Decimal("1.5"))),
        ({"status": True, "charge": "1.5"}, OrderReport(None, Decimal("1.5"))),
        ({"charge": "x", "status": "Pending"}, OrderReport("Pending")),
        ({"status": "Pending", "start_count": "", "remains": None}, OrderReport("Pending")),
        ({"status": "Pending", "start_count": "n/a", "remains": "-5"}, OrderReport("Pending", remains=-5)),
        ({"status": "Pending", "start_count": 12.0, "remains": "7.0"}, OrderReport("Pending", None, None, 12, 7)),
        ({"status": "Pending", "start_count": 2**63, "remains": 1.5}, OrderReport("Pending")),
        ({"status": "Active", "orders": [11, "12", {"order": 13}, None, "x"]}, ("11", "12", "13")),
        ({"status": "Active", "runs": 3, "orders": "11, 12,,12"}, ("11", "12")),
        ({"status": "Active", "orders": {"0": 11, "1": "12"}}, ("11", "12")),
        ({"status": "Active", "orders": {"11": {"status": "Completed"}, "12": {}}}, ("11", "12")),
        ({"status": "Active", "orders": []}, ()),
        ({"status": "Active", "orders": None}, ()),
    ],
)
@pytest.mark.parametrize("batched", [True, False])
def test_one_order(received, item, reading, batched):
    expected = OrderReport("Active", spawned=reading) if isinstance(reading, tuple) else reading

    body = {"1": item, "2": PARTIAL} if batched else item
    reply = read_statuses(received(body), ["1", "2"] if batched else ["1"])

    assert isinstance(reply, Answered)
    assert reply.value["1"] == expected


def test_a_fraction_that_is_a_json_number_keeps_its_digits(received):
    body = b'{"1": {"status": "Partial", "charge": 0.10000000000000000001, "remains": NaN, "start_count": 1e400}}'

    expected = OrderReport("Partial", Decimal("0.10000000000000000001"))
    assert read_statuses(received(body), ["1"]) == Answered({"1": expected})


def test_notices_and_a_mark_in_front_do_no_harm(received):
    body = b'\xef\xbb\xbf<br />Deprecated: x<br />\n{"1": "Incorrect order ID"}'

    assert read_statuses(received(body), ["1"]) == Answered({"1": NO_ORDER})


@pytest.mark.parametrize("read", [read_statuses, read_refills, read_refill_statuses, read_cancels])
class TestWholeReplies:
    @pytest.mark.parametrize("status", [200, 401, 500])
    @pytest.mark.parametrize("asked", [["1"], ["1", "2"]])
    @pytest.mark.parametrize("body", [{"error": "Invalid API key"}, {"status": "error", "msg": "Invalid API key"}])
    def test_an_error_of_the_panel_is_refusal(self, received, read, status, asked, body):
        assert read(received(body, status), asked) == Refused(Reason.BAD_KEY, "Invalid API key")

    @pytest.mark.parametrize("asked", [["1"], ["1", "2"]])
    @pytest.mark.parametrize("status", [500, 503])
    def test_a_failing_server_is_no_news(self, received, read, status, asked):
        assert isinstance(read(received({"error": "Internal server error"}, status), asked), Unknown)
        assert read(received({"1": {"error": "Oops"}}, status), asked) == Answered({})

    @pytest.mark.parametrize("asked", [["1"], ["1", "2"]])
    def test_http_403_speaks_of_the_panel(self, received, read, asked):
        assert read(received({"error": "Nope"}, 403), asked) == Refused(Reason.REFUSING, "Nope")

    def test_an_error_about_several_ids_is_refusal(self, received, read):
        assert read(received({"error": "Nope"}), ["1", "2"]) == Refused(Reason.REFUSED, "Nope")

    def test_an_error_about_one_id_is_that_ids(self, received, read):
        assert read(received({"error": "Nope"}), ["1"]) == Answered({"1": ItemError(Reason.REFUSED, "Nope")})

    @pytest.mark.parametrize("asked", [["1"], ["1", "2"]])
    def test_http_429_is_a_rate_limit(self, received, read, asked):
        assert read(received({"error": "Nope"}, 429, 3.0), asked) == Refused(Reason.RATE_LIMITED, "Nope", 3.0)
        assert isinstance(read(received(b"<html>", 429), asked), Refused)

    @pytest.mark.parametrize("asked", [["1"], ["1", "2"]])
    @pytest.mark.parametrize(
        "body", [b"", b"null", b"<html>", b'{"1": {"sta', b"5", b'"x"', b'{"message": "x"}', b"[5]"]
    )
    def test_what_cannot_be_read_is_unknown(self, received, read, asked, body):
        assert isinstance(read(received(body), asked), Unknown)

    def test_objects_without_ids_are_never_matched_by_their_order(self, received, read):
        bare = [{"status": "Completed", "refill": "x", "cancel": 1}] * 2

        assert isinstance(read(received(bare), ["1", "2"]), Unknown)


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (
            [{"order": 1, "refill": 77}, {"order": 3, "refill": {"error": "Incorrect order ID"}}],
            {"1": "77", "3": NO_ORDER},
        ),
        ([{"order": "1", "refill": "77"}, {"order": 3, "error": "Incorrect order ID"}], {"1": "77", "3": NO_ORDER}),
        ({"1": {"refill": 77}, "3": {"error": "Incorrect order ID"}}, {"1": "77", "3": NO_ORDER}),
        ({"1": 77, "3": "Incorrect order ID"}, {"1": "77", "3": NO_ORDER}),
        ([{"order": 1, "refill": 77}, {"order": 3, "refill": "Incorrect order ID"}], {"1": "77", "3": NO_ORDER}),
        ([{"order": 1, "refill": 0}, {"order": 3, "refill": None}], {}),
        ([{"order": 9, "refill": 77}], {}),
    ],
)
def test_refills(received, body, items):
    assert read_refills(received(body), ["1", "3"]) == Answered(items)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"refill": "77"}, "77"),
        ({"refill": 77}, "77"),
        ({"order": 1, "refill": 77}, "77"),
        ([{"order": 1, "refill": 77}], "77"),
        ({"refill": {"error": "Incorrect order ID"}}, NO_ORDER),
        ({"error": "Incorrect order ID"}, NO_ORDER),
        ([{"order": 1, "refill": {"error": "Incorrect order ID"}}], NO_ORDER),
    ],
)
def test_one_refill(received, body, answer):
    assert only(read_refills(received(body), ["1"]), "1") == Answered(answer)


@pytest.mark.parametrize("body", [{"refill": 0}, {"refill": ""}, {"refill": None}, {"refill": []}])
def test_a_refill_without_an_id_is_unknown(received, body):
    assert isinstance(only(read_refills(received(body), ["1"]), "1"), Unknown)


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (
            [{"refill": 1, "status": "Completed"}, {"refill": 3, "status": {"error": "Refill not found"}}],
            ("Completed", NO_REFILL),
        ),
        ({"1": {"status": "Completed"}, "3": {"error": "Refill not found"}}, ("Completed", NO_REFILL)),
        ({"1": "Completed", "3": "Refill not found"}, ("Completed", NO_REFILL)),
        ({"1": {"status": "Completed"}, "3": "Refill not found", "4": 7}, ("Completed", NO_REFILL)),
        ([{"id": 1, "status": "Error"}, {"id": 3, "error": "Refill not found"}], ("Error", NO_REFILL)),
    ],
)
def test_refill_statuses(received, body, items):
    assert read_refill_statuses(received(body), ["1", "3"]) == Answered(dict(zip(("1", "3"), items, strict=True)))


@pytest.mark.parametrize("nothing", [None, 7, [], {}, "", {"status": None}, {"status": []}])
def test_a_refill_whose_status_cannot_be_read_is_left_out(received, nothing):
    body = {"1": {"status": "Completed"}, "3": nothing}

    assert read_refill_statuses(received(body), ["1", "3"]) == Answered({"1": "Completed"})


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ({"status": "Completed"}, "Completed"),
        ({"refill": 1, "status": "In progress"}, "In progress"),
        ([{"refill": 1, "status": "Rejected"}], "Rejected"),
        ({"1": {"status": "Rejected"}}, "Rejected"),
        ({"status": "Error"}, "Error"),
        ({"status": {"error": "Refill not found"}}, NO_REFILL),
        ({"status": "Refill not found"}, NO_REFILL),
        ([{"refill": 1, "status": "Refill not found"}], NO_REFILL),
        ({"error": "Refill not found"}, NO_REFILL),
        ({"status": "error", "message": "Refill not found"}, NO_REFILL),
    ],
)
def test_one_refill_status(received, body, answer):
    assert only(read_refill_statuses(received(body), ["1"]), "1") == Answered(answer)


@pytest.mark.parametrize(
    ("body", "items"),
    [
        (
            [{"order": 2, "cancel": 1}, {"order": 9, "cancel": {"error": "Incorrect order ID"}}],
            {"2": CancelTaken(), "9": NO_ORDER},
        ),
        (
            [{"order": "2", "cancel": "1"}, {"order": 9, "error": "Incorrect order ID"}],
            {"2": CancelTaken(), "9": NO_ORDER},
        ),
        ({"2": {"cancel": True}, "9": {"cancel": "Incorrect order ID"}}, {"2": CancelTaken(), "9": NO_ORDER}),
        ({"2": 1, "9": "Incorrect order ID"}, {"2": CancelTaken(), "9": NO_ORDER}),
        ([{"order": 2, "cancel": 5501}], {"2": CancelTaken()}),
        ([{"order": 2, "cancel": None}, {"order": 9}], {}),
        ([{"order": 2, "cancel": 0}], {"2": ItemError(Reason.REFUSED, "the panel did not take the request")}),
    ],
)
def test_cancels(received, body, items):
    assert read_cancels(received(body), ["2", "9"]) == Answered(items)


def test_a_bare_cancel_answers_for_one_id(received):
    assert read_cancels(received({"cancel": 1}), ["2"]) == Answered({"2": CancelTaken()})


@pytest.mark.parametrize(
    "body",
    [
        {"success": "Your order will be cancelled asap"},
        {"success": True},
        {"success": True, "data": []},
        {"status": 1},
        {"status": "success", "message": "Cancel request sent"},
        {"message": "Your request has been received"},
        {"result": "ok"},
        {"cancel": "requested"},
        {"cancel": 1},
        "ok",
        {"2": "success", "9": {"cancel": "requested"}},
        {"2": {"status": "success"}, "9": {"cancel": {"success": True}}},
        {"status": "success", "cancel": [{"order": 2, "cancel": "pending"}, {"order": 9, "cancel": True}]},
    ],
)
def test_cancels_that_are_taken_in_words(received, body):
    assert read_cancels(received(body), ["2", "9"]) == Answered({"2": CancelTaken(), "9": CancelTaken()})


def test_words_that_say_no_take_no_cancel(received):
    body = {"2": "Cannot cancel", "9": {"status": "error", "message": "Not accepted"}}

    reply = read_cancels(received(body), ["2", "9"])

    assert reply == Answered(
        {"2": ItemError(Reason.REFUSED, "Cannot cancel"), "9": ItemError(Reason.REFUSED, "Not accepted")}
    )


@pytest.mark.parametrize(
    "body",
    [{"refill": "1"}, {"refill": True}, {"refill": "success"}, {"status": 1}, {"success": "Will be refilled asap"}],
)
def test_one_yes_to_several_refills_takes_them_all(received, body):
    assert read_refills(received(body), ["1", "3"]) == Answered({"1": RefillTaken(), "3": RefillTaken()})


@pytest.mark.parametrize("body", [{"refill": True}, {"status": "success"}, {"message": "Refill requested"}])
def test_a_refill_may_be_taken_without_an_id(received, body):
    assert only(read_refills(received(body), ["1"]), "1") == Answered(RefillTaken())


@pytest.mark.parametrize(
    "body",
    [
        {"success": True, "data": {"refill": 77}},
        {"status": "success", "refill_id": "77"},
        {"1": {"refill": {"id": 77, "status": "Pending"}}},
        {"refills": [{"order": 1, "refill": 77}]},
    ],
)
def test_a_refills_id_is_found_in_every_envelope(received, body):
    assert only(read_refills(received(body), ["1"]), "1") == Answered("77")


@pytest.mark.parametrize(
    "body",
    [
        {"status": "success", "orders": {"1": PARTIAL}},
        {"status": "success", "orders": [{"order_id": 1} | PARTIAL]},
        {"success": True, "data": {"1": PARTIAL}},
        {"success": True, "data": {"order": 1} | PARTIAL},
        {"success": True, "order": {"id": 1} | PARTIAL},
        {"status": "success", "1": PARTIAL},
        {"status": "success", "order": 1, "order_status": "Partial"}
        | {k: v for k, v in PARTIAL.items() if k != "status"},
        {"Orders": {"1": {key.title(): value for key, value in PARTIAL.items()}}},
    ],
)
def test_a_status_is_found_in_every_envelope(received, body):
    assert only(read_statuses(received(body), ["1"]), "1") == Answered(PARTIAL_READ)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "success"},
        {"success": True, "message": "ok"},
        {"status": 1},
        {"status": "success", "3": PARTIAL},
        {"status": "success", "orders": []},
    ],
)
def test_what_an_envelope_says_of_itself_is_no_status(received, body):
    assert isinstance(only(read_statuses(received(body), ["1"]), "1"), Unknown)
