"""Tests which changes of a catalogue are news (the table service_changes), and which catalogue is plausible."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.orders.services import Service, ServiceChange, changes_between, is_plausible

FOLLOWERS = Service("1", name="Followers", type="Default", rate=Decimal("0.90"), min=50, max=10_000)


def _known(*services, removed=()):
    return {service.service: (service, service.service in removed) for service in services}


@pytest.mark.parametrize(
    ("kind", "new", "before", "after"),
    [
        ("rate", Decimal("0.95"), "0.90", "0.95"),
        ("rate", Decimal("0.0000001"), "0.90", "0.0000001"),
        ("rate", Decimal("2.5E+2"), "0.90", "250"),
        ("rate", None, "0.90", None),
        ("min", 10, "50", "10"),
        ("max", 20_000, "10000", "20000"),
        ("name", "Followers HQ", "Followers", "Followers HQ"),
    ],
)
def test_a_change_that_is_watched(kind, new, before, after):
    listed = replace(FOLLOWERS, **{kind: new})
    assert changes_between(_known(FOLLOWERS), [listed]) == [ServiceChange("1", kind, before, after)]


@pytest.mark.parametrize(
    "other",
    [
        {"rate": Decimal("0.9")},
        {"type": "Package"},
        {"category": "Other"},
        {"refill": True},
        {"dripfeed": False},
        {"raw": {"service": 1}},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_is_no_news(other):
    assert changes_between(_known(FOLLOWERS), [replace(FOLLOWERS, **other)]) == []


def test_a_service_that_is_new_is_no_change():
    assert changes_between({}, [FOLLOWERS]) == []


def test_a_service_that_vanished():
    assert changes_between(_known(FOLLOWERS), []) == [ServiceChange("1", "removed")]


def test_a_service_that_stays_away_is_told_of_once():
    assert changes_between(_known(FOLLOWERS, removed={"1"}), []) == []


def test_a_service_that_returned_at_another_price():
    listed = replace(FOLLOWERS, rate=Decimal(1))
    assert changes_between(_known(FOLLOWERS, removed={"1"}), [listed]) == [
        ServiceChange("1", "returned"),
        ServiceChange("1", "rate", "0.90", "1"),
    ]


services = st.builds(
    Service,
    st.sampled_from("123456"),
    name=st.sampled_from(["a", "b", None]),
    rate=st.none() | st.decimals(0, 100, places=4),
    min=st.none() | st.integers(1, 3),
    max=st.none() | st.integers(1, 3),
)
catalogues = st.lists(services, unique_by=lambda service: service.service)


@given(catalogues, st.sets(st.sampled_from("123456")), catalogues)
def test_the_changes_lead_from_what_was_known_to_what_is_listed(before, removed, listed):
    known = _known(*before, removed=removed)
    state = {service.service: service for service in before if service.service not in removed}
    by_id = {service.service: service for service in listed}
    for change in changes_between(known, listed):
        match change.kind:
            case "removed":
                del state[change.service]
            case "returned":
                assert change.service not in state
                state[change.service] = known[change.service][0]
            case kind:
                service = state[change.service]
                assert getattr(service, kind) != getattr(by_id[change.service], kind)
                state[change.service] = replace(service, **{kind: getattr(by_id[change.service], kind)})
    assert state == {number: service for number, service in by_id.items() if number in known}


@pytest.mark.parametrize(
    ("known", "listed", "plausible"),
    [
        (0, 0, False),
        (0, 1, True),
        (1, 0, False),
        (5000, 0, False),
        (5000, 3, False),
        (5000, 2499, False),
        (5000, 2500, True),
        (5000, 9000, True),
        (3, 1, False),
        (3, 2, True),
    ],
)
def test_an_empty_or_much_shrunken_list_is_a_fault(known, listed, plausible):
    assert is_plausible(known, listed) is plausible
