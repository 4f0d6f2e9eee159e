"""Tests which reason each error text stands for."""

import pytest

from worker.domain.orders.outcomes import Reason
from worker.panel.errors import reason_of

TEXTS = {
    Reason.NOT_ENOUGH_FUNDS: [
        "neworder.error.not_enough_funds",
        "Not enough funds on balance",
        "Not enough funds",
        "Insufficient balance",
        "insufficient funds",
        "INSUFFICIENT_FUNDS",
        "Your balance is too low",
        "Not enough money",
    ],
    Reason.BAD_KEY: [
        "Invalid API key",
        "Incorrect API key",
        "invalid_api_key",
        "error.incorrect_api_key",
        "Invalid key",
        "API key is invalid",
        "API key not found",
        "Account inactive",
        "Your account is inactive",
        "Account is suspended",
        "Inactive account",
        "User is blocked",
        "Unauthorized",
    ],
    Reason.RATE_LIMITED: [
        "Too many requests",
        "too_many_requests",
        "Too Many Attempts.",
        "Rate limit exceeded",
        "API rate-limit reached",
        "Request limit exceeded",
    ],
    Reason.LINK_BUSY: [
        "neworder.error.link_duplicate",
        "You have active order with this link. Please wait until order being completed.",
        "You already have an active order for this link",
        "Duplicate order",
        "Link is already in progress",
    ],
    Reason.SERVICE_NOT_FOUND: [
        "Incorrect service ID",
        "error.incorrect_service_id",
        "neworder.error.service_not_found",
        "Invalid service",
        "Service not found",
        "Service ID is incorrect",
        "Service is disabled",
        "Service does not exist",
    ],
    Reason.QUANTITY_REFUSED: [
        "neworder.error.min_quantity",
        "neworder.error.max_quantity",
        "Quantity less than minimal 50",
        "Quantity more than maximum 10000",
        "Incorrect quantity",
        "Minimum is 50",
        "Amount is less than the minimum",
    ],
    Reason.LINK_REFUSED: [
        "neworder.error.link",
        "neworder.error.invalid_link",
        "Incorrect link",
        "Bad Link",
        "bad-link",
        "Invalid post link",
        "Link is invalid",
        "Invalid URL",
    ],
    Reason.BAD_REQUEST: ["Incorrect request", "incorrect_request", "Bad request", "Invalid action"],
    Reason.NOT_FOUND: [
        "Incorrect order ID",
        "error.incorrect_order_id",
        "Refill not found",
        "Incorrect refill ID",
        "Order not found",
        "Invalid order ids",
        "Incorrect order",
    ],
    Reason.REFUSED: [
        "",
        "Something went wrong",
        "Недостаточно",
        "The Instagram account is suspended",
        "Private account",
        "Invalid keywords",
        "Account is private",
        "Refill is not available for this order",
        "Comments contain forbidden words",
    ],
}


@pytest.mark.parametrize(("reason", "text"), [(reason, text) for reason, texts in TEXTS.items() for text in texts])
def test_each_text_has_its_reason_in_any_case_and_spacing(reason, text):
    spelled = (text, text.upper(), text.lower(), text.replace(" ", "_"), text.replace(" ", "-"), f"  {text} ")

    assert {reason_of(spelling) for spelling in spelled} == {reason}
