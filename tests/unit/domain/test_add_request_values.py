"""Tests the way from a row's params to form fields: what a producer may write, and what the panel gets for it."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.add_request import RESERVED, AddRequest, OrderRequest, Refusal, check, clean_list
from worker.domain.orders.services import LISTS, TYPES, Service

LINK = "https://example.com/p/1"
DEFAULT = Service("7", type="Default", rate=Decimal("0.9"))


def _sent(name, value):
    """The form field that a parameter becomes; None where it is left out."""
    request = check(OrderRequest("7", LINK, 100, params={name: value}), DEFAULT)
    assert isinstance(request, AddRequest), request
    assert list(request.parameters)[:2] == ["link", "quantity"]
    return request.parameters.get(name)


@pytest.mark.parametrize("name", sorted(LISTS))
@pytest.mark.parametrize(
    "value",
    [
        "Nice\nGreat pic!\nWow",
        "Nice\r\nGreat pic!\r\nWow\r\n",
        "Nice\rGreat pic!\rWow",
        "\n\n  Nice\n \t \nGreat pic!   \n\n\nWow\n",
    ],
)
def test_a_list_in_a_text_is_cleaned(name, value):
    assert _sent(name, value) == "Nice\nGreat pic!\nWow"


@pytest.mark.parametrize("name", [*sorted(LISTS), "unknown"])
@pytest.mark.parametrize("value", [["Nice", "Great pic!", "Wow"], ["  Nice\n", "", " ", None, "Great pic!", "\r\nWow"]])
def test_an_array_goes_one_entry_a_line(name, value):
    assert _sent(name, value) == "Nice\nGreat pic!\nWow"


def test_an_entry_of_an_array_stays_one_line_and_is_otherwise_left_alone():
    assert _sent("comments", ["two\r\n\r\nlines", "two  spaces"]) == "two lines\ntwo  spaces"


def test_lines_of_an_unknown_text_are_kept():
    assert _sent("note", " one\r\n\r\n  two\r") == "one\n\n  two"


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("  US ", "US"),
        (True, "1"),
        (False, "0"),
        (0, "0"),
        (-3, "-3"),
        (100.0, "100"),
        (-0.0, "0"),
        (1e3, "1000"),
        (1e22, "10000000000000000000000"),
        (1e-05, "0.00001"),
        (0.1, "0.1"),
        (2.5, "2.5"),
        (10**29, "1" + "0" * 29),
        ([1, 2.0, True], "1\n2\n1"),
        (None, None),
        ("", None),
        (" \r\n\t", None),
        ([], None),
        (["", " ", None], None),
    ],
)
def test_a_value_as_the_form_field_that_it_becomes(value, sent):
    assert _sent("note", value) == sent


@pytest.mark.parametrize(
    "value",
    [{}, {"a": 1}, [["nested"]], [{"a": 1}], 10**30, 10**5000, float("nan"), float("inf"), [float("-inf")]],
    ids=lambda value: repr(value) if value != 10**5000 else "5001 digits",
)
def test_a_value_that_no_form_field_can_hold(value):
    refusal = check(OrderRequest("7", LINK, 100, params={"note": value}), DEFAULT)
    assert (refusal.code, refusal.text) == (
        "bad_parameter",
        "params.note must be a text, a number, or an array of them",
    )


@pytest.mark.parametrize("spell", ["{}", "{}[]", "{}[0]", " {}", "{} "])
@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_parameter(name, spell):
    """Also as PHP, which panels are written in, would read the name."""
    refusal = check(OrderRequest("7", LINK, 100, params={spell.format(name): "x"}), DEFAULT)
    assert refusal.code == "reserved_parameter"


def test_the_reserved_ones_are_the_clients_and_those_with_a_column():
    assert {"key", "action", "service", "link", "quantity", "runs", "interval"} == RESERVED


def test_what_the_type_does_not_know_is_passed_on_after_the_rest():
    order = OrderRequest("7", LINK, 100, params={"speed": "fast", "groups": ["a", "b"]})
    assert check(order, DEFAULT).parameters == {
        "link": LINK,
        "quantity": "100",
        "speed": "fast",
        "groups": "a\nb",
    }


@pytest.mark.parametrize("link", [f"  {LINK} ", f"{LINK}\r\n", f"\n{LINK}"])
def test_a_link_without_its_stray_spaces(link):
    assert check(OrderRequest("7", link, 100), DEFAULT).parameters["link"] == LINK


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.text("a \t\r\n\x00\x0b\u2028", max_size=12)
    | st.sampled_from(["1", "2", "10", 10**40])
)
names = st.sampled_from(
    sorted({*RESERVED, *LISTS, *(name for rule in TYPES for name in rule.required), "posts", "old_posts", "note"})
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)
params = st.dictionaries(names | st.text(), values, max_size=8)
drip_feeds = st.just((None, None)) | st.tuples(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
money = st.none() | st.decimals(0, 10**6, places=6)
services = st.builds(
    Service,
    st.just("7"),
    type=st.sampled_from([rule.name for rule in TYPES]) | st.none(),
    rate=money,
    min=st.none() | st.integers(0, 10),
    max=st.none() | st.integers(0, 10**6),
    dripfeed=st.none() | st.booleans(),
)


@st.composite
def orders(draw):
    runs, interval = draw(drip_feeds)
    return OrderRequest(
        "7",
        draw(st.none() | st.text() | st.just(LINK)),
        draw(st.none() | st.integers(1, 100) | st.integers(1, 2**63 - 1)),
        runs,
        interval,
        draw(params),
        draw(money),
    )


@given(orders(), st.none() | services, st.booleans())
def test_any_row_is_sent_or_refused_and_nothing_else(order, service, removed):
    match check(order, service, removed=removed):
        case Refusal(code, text):
            assert code
            assert text
        case AddRequest("7", parameters, charge):
            assert all(value and "\r" not in value for value in parameters.values())
            assert not {"key", "action", "service"} & parameters.keys()
            assert parameters.get("quantity") in {None, str(order.quantity)}
            assert charge is None or charge.is_finite()
            assert order.max_charge is None or charge is None or charge <= order.max_charge
            for name in LISTS & parameters.keys():
                assert parameters[name] == clean_list(parameters[name])


good_values = st.text(max_size=20) | st.integers(-100, 100) | st.lists(st.text(max_size=5), max_size=4)


@given(st.dictionaries(st.text(min_size=1, max_size=10), good_values))
def test_every_parameter_that_says_something_reaches_the_panel(extra):
    """Whatever is in a row is sent, or the row is refused: nothing is lost on the way."""
    request = check(OrderRequest("7", LINK, 100, params=json.loads(json.dumps(extra))), DEFAULT)
    if isinstance(request, Refusal):
        assert request.code == "reserved_parameter"
        return
    said = {name for name, value in extra.items() if isinstance(value, int) or "".join(value).strip()}
    assert set(request.parameters) - {"link", "quantity"} == said


@given(st.text())
def test_cleaning_a_list_twice_changes_nothing(text):
    cleaned = clean_list(text)
    assert clean_list(cleaned) == cleaned
    assert "".join(cleaned.split()) == "".join(text.split())
    assert all(line and line == line.strip() for line in cleaned.split("\n") if cleaned)
