"""Tests that `order-sync orders add` checks an order, asks, and places it once."""

import json

import pytest

from tests.integration.cli.conftest import OrderSync
from tests.integration.cli.terminal import on_a_terminal
from tests.integration.store.plain_sql import Database

ADD = ("orders", "add", "--service", "1", "--link", "https://example.com/me")


@pytest.fixture(autouse=True)
def catalogue(database: Database) -> None:
    for service, kind, removed in (("1", "Default", None), ("6", "Custom Comments", None), ("8", "Default", "now")):
        database.execute(
            "INSERT INTO services (panel, service, name, type, rate, min, max, dripfeed, raw, removed_at) "
            "VALUES ('default', %s, E'Followers \\x1b[31m', %s, 0.90, 2, 10000, true, '{}', %s)",
            [service, kind, removed],
        )


def test_an_order_is_placed(order_sync: OrderSync, database: Database) -> None:
    more = ["--quantity", "1000", "--runs", "5", "--interval-minutes", "30", "--reference", "by-hand-1"]
    more += ["--priority", "7", "--not-before", "2027-01-01", "--max-charge", "4.5", "--why", "compensation"]
    ended = order_sync(*ADD, *more, "--yes")
    assert (ended.code, ended.err) == (0, "")
    assert "Followers \\x1b[31m (Default), panel default" in ended.out
    assert "expected charge   4.5" in ended.out
    assert ended.out.splitlines()[-1] == "order 1 is pending; follow it with: order-sync orders show 1"
    order = database.order(1)
    assert (order.panel, order.service, order.link) == ("default", "1", "https://example.com/me")
    assert (order.quantity, order.runs, order.interval_minutes, order.priority) == (1000, 5, 30, 7)
    assert (order.reference, str(order.max_charge), order.state) == ("by-hand-1", "4.5", "pending")
    assert order.not_before.isoformat() == "2027-01-01T00:00:00+00:00"
    (event,) = database.events(1)
    assert (event.kind, event.state_after, event.detail) == ("added", "pending", {"who": "ann", "why": "compensation"})


def test_parameters_given_several_times_make_a_list(order_sync: OrderSync, database: Database) -> None:
    params = ["--param", "comments=Wow!", "--param", "comments=1=1", "--param", "country=NL"]
    ended = order_sync(*ADD, "--service", "6", *params, "--yes", "--json")
    assert json.loads(ended.out) == {"order_id": 1, "expected_charge": "0.0018"}
    order = database.order(1)
    assert (order.params, order.quantity) == ({"comments": ["Wow!", "1=1"], "country": "NL"}, None)
    assert order.not_before <= order.updated_at


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--quantity", "1"], "quantity_out_of_range"),
        (["--quantity", "10001"], "quantity_out_of_range"),
        ([], "missing_parameter"),
        (["--quantity", "100", "--param", "key=x"], "reserved_parameter"),
        (["--quantity", "1000", "--max-charge", "0.5"], "max_charge_exceeded"),
        (["--quantity", "100", "--service", "7"], "unknown_service"),
        (["--quantity", "100", "--service", "8"], "unknown_service"),
        (["--service", "6", "--param", "comments="], "missing_parameter"),
    ],
)
def test_what_would_be_rejected_is_not_placed(
    order_sync: OrderSync, database: Database, arguments: list[str], code: str
) -> None:
    ended = order_sync(*ADD, *arguments, "--yes")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"order-sync: nothing was placed: {code}: ")
    assert database.scalar("SELECT count(*) FROM orders") == 0


def test_a_panel_whose_catalogue_is_not_known(order_sync: OrderSync, database: Database) -> None:
    ended = order_sync(*ADD, "--quantity", "100", "--panel", "other", "--yes")
    assert (ended.code, ended.out) == (1, "")
    assert "no worker has read the catalogue of panel other yet" in ended.err


def test_a_reference_is_taken_once(order_sync: OrderSync, database: Database) -> None:
    again = [*ADD, "--quantity", "100", "--reference", "it's mine", "--yes"]
    assert order_sync(*again).code == 0
    ended = order_sync(*again)
    assert ended.code == 1
    assert "there is an order with the reference it's mine already" in ended.err
    assert database.scalar("SELECT count(*) FROM orders") == 1
    assert database.scalar("SELECT count(*) FROM order_events") == 1


@pytest.mark.parametrize(("answer", "code", "placed"), [(b"y\n", 0, 1), (b"\n", 1, 0), (b"\x04", 130, 0)])
async def test_a_person_is_asked(database: Database, answer: bytes, code: int, placed: int) -> None:
    command = [*ADD, "--quantity", "100"]
    ended = await on_a_terminal(command, {"DATABASE_URL": database.url}, (b"Place it? [y/N]", answer))
    assert ended.code == code
    assert "nothing prevents a second order like this" in ended.said
    assert database.scalar("SELECT count(*) FROM orders") == placed


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--quantity", "0"], "--quantity"),
        (["--runs", "5"], "--interval-minutes"),
        (["--param", "comments"], "--param"),
        (["--max-charge", "NaN"], "--max-charge"),
        (["--max-charge", "-1"], "--max-charge"),
        (["--not-before", "2h"], "--not-before"),
        (["--priority", "40000"], "--priority"),
        (["--link", " "], "--link"),
    ],
)
def test_wrong_options(order_sync: OrderSync, arguments: list[str], named: str) -> None:
    ended = order_sync(*ADD, *arguments, "--yes")
    assert (ended.code, ended.out) == (2, "")
    assert named in ended.err
