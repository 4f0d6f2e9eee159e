"""Tests the readers of single values."""

from decimal import Decimal

import pytest

from worker.panel.values import read_currency, read_flag, read_id, read_money, read_rate, read_text, read_whole

NOTHINGS = [None, True, False, [], {}, [1], {"a": 1}, "", " ", "word", "NaN", "Infinity", "-", ".", "٣"]


@pytest.mark.parametrize("value", NOTHINGS)
@pytest.mark.parametrize("read", [read_id, read_money, read_whole])
def test_what_is_no_number_is_none(read, value):
    assert read(value) is None


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (157, 157),
        ("157", 157),
        (" 157 ", 157),
        ("157.0", 157),
        ("157.", 157),
        ("-3", -3),
        (-3, -3),
        ("+3", 3),
        (0, 0),
        ("157.5", None),
        ("1_000", None),
        ("1,234", None),
        ("1e3", None),
        (2**63 - 1, 2**63 - 1),
        (2**63, None),
        (-(2**63), -(2**63)),
        (-(2**63) - 1, None),
        ("9" * 400, None),
    ],
)
def test_whole_numbers(value, number):
    assert read_whole(value) == number


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.27819", "0.27819"),
        ("100", "100"),
        (100, "100"),
        ("-0.5", "-0.5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e-5", "0.00001"),
        ("2.5E+2", "250"),
        ("1,234.50", "1234.50"),
        ("12,345,678", "12345678"),
        ("1,234", None),
        ("0,234.50", None),
        ("12,34.50", None),
        ("1.234,50", None),
        ("1 234.50", "1234.50"),
        ("1\u00a0234\u202f567", "1234567"),
        ("1'234.50", "1234.50"),
        ("12 34.50", None),
        ("$12.50", "12.50"),
        ("-$12.50", "-12.50"),
        ("$ -12.50", "-12.50"),
        ("US$1,234.50", "1234.50"),
        ("12.50 USD", "12.50"),
        ("USD 12.50", "12.50"),
        ("12.50\u20ac", "12.50"),
        ("\u20bd 1 234.50", "1234.50"),
        ("100 \u0440\u0443\u0431.", "100"),
        ("Rp 15000", "15000"),
        ("15000 TL", "15000"),
        ("12.50 apples", None),
        ("USD", None),
        ("$", None),
        ("$1,234", None),
        ("-$-5", None),
        ("$" * 400, None),
        ("0,25", None),
        ("1e99", None),
        ("1e999999999", None),
        ("1e-999999999", None),
        ("1000000000000", None),
        ("9" * 400, None),
        ("0." + "1" * 400, None),
    ],
)
def test_money_is_exact_or_none(value, amount):
    assert read_money(value) == (None if amount is None else Decimal(amount))


@pytest.mark.parametrize(
    ("value", "rate"), [("1000000000000.00", "1000000000000.00"), ("$1.20", "1.20"), (5, "5"), ("free", None)]
)
def test_a_rate_has_any_size(value, rate):
    assert read_rate(value) == (None if rate is None else Decimal(rate))


@pytest.mark.parametrize(
    ("value", "code"), [("12.50 USD", "USD"), ("EUR 5", "EUR"), ("$5", None), (5, None), (None, None)]
)
def test_the_currency_of_an_amount(value, code):
    assert read_currency(value) == code


@pytest.mark.parametrize(
    ("value", "flag"),
    [
        *((value, True) for value in (True, 1, "1", "true", "True")),
        *((value, False) for value in (False, 0, "0", "false", "FALSE")),
        *((value, None) for value in (None, "", 2, "yes", [], {})),
    ],
)
def test_flags(value, flag):
    assert read_flag(value) is flag


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (" a ", "a"), (3, "3"), ("", None), (None, None), (True, None), ([], None), ("x" * 501, "x" * 500)],
)
def test_texts(value, text):
    assert read_text(value) == text
