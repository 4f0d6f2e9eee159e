"""Tests every command in the tree: its help, wrong arguments, and everything around it that can fail."""

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit
from uuid import uuid4

import click
import pytest
from rich.cells import cell_len

from tests.acceptance.commands.command import Ended, shows_a_secret, with_password
from tests.command_tree import COMMANDS
from tests.databases import new_database
from tests.integration.cli.conftest import OrderSync, add_unconfirmed
from tests.integration.store.plain_sql import Database
from worker import cli
from worker.store.schema.revision import head

#: Arguments of the commands whose parameters alone don't suffice.
ARGUMENTS = {
    "accept-account": ["default"],
    "orders add": ["--service", "1", "--link", "https://example.com/me", "--quantity", "100"],
    "orders cancel": ["1"],
    "orders disown": ["--why", "x"],
    "orders refill": ["--state", "completed"],
    "orders resolve": ["1", "--reject", "--why", "x"],
    "orders retry": ["--state", "rejected"],
}

#: What was found so far about an order in doubt, with much in it.
PROGRESS = {
    "between": [23_400, 1_234_567],
    "ids": 1_200_000,
    "counts": 45,
    "until": 1_796_000_000,
    "found": 25,
    "candidates": [
        {
            "id": "23501",
            "charge": "12345.12345678",
            "seen_at": 1_795_000_000,
            "also": [1_000_001, 1_000_002, 1_000_003],
            "more": 77,
            "not": {"1000004": "price", "1000005": "taken"},
        }
    ],
    "others": [{"id": "23507", "charge": None, "why": why} for why in ("time", "shape", "units", "price", "taken")],
}

#: Commands that read no settings; and commands that run until a signal ends them.
NEED_NO_SETTINGS = {"demo", "sandbox"}
LASTING = {"demo", "sandbox", "run", "top"}

OF_SETTINGS = [name for name in COMMANDS if name not in NEED_NO_SETTINGS]


def words_of(name: str) -> list[str]:
    """Returns the words of the command, with a value for each required parameter."""
    command = COMMANDS[name]
    given = list(ARGUMENTS.get(name, ()))
    if name not in ARGUMENTS:
        for parameter in command.params:
            value = parameter.type.choices[0] if isinstance(parameter.type, click.Choice) else "1"
            if parameter.required:
                given += [value] if isinstance(parameter, click.Argument) else [parameter.opts[0], value]
    return [*name.split(), *given, *(["--yes"] if any("--yes" in one.opts for one in command.params) else [])]


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, closed_port: int) -> None:
    """Sets an unreachable panel, and pretends that there is a terminal."""
    monkeypatch.setenv("ORDER_SYNC_PANELS__DEFAULT__URL", f"http://127.0.0.1:{closed_port}/api/v2")
    monkeypatch.setenv("ORDER_SYNC_PANELS__DEFAULT__KEY", "k3y-hush")
    monkeypatch.setattr("worker.cli.top.has_terminal", lambda: True)


@pytest.fixture(scope="module")
def shared_url(postgres: str, template_database: str) -> Iterator[str]:
    """One database for all commands."""
    with new_database(postgres, f"{template_database}_{uuid4().hex[:12]}", template_database) as url:
        yield url


@pytest.fixture
def shared(shared_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", shared_url)
    database = Database(shared_url)
    with database.connection:
        yield database


@pytest.fixture
def order_1(shared: Database) -> None:
    """Adds order 1 only: it is unconfirmed, so every command can do its work on it."""
    shared.execute("TRUNCATE orders, submissions, services, polls RESTART IDENTITY CASCADE")
    shared.execute("INSERT INTO services (panel, service, type, rate, raw) VALUES ('default', '1', 'Default', 1, '{}')")
    add_unconfirmed(shared)


@pytest.fixture
def crowded(shared: Database, order_1: None) -> None:
    """Adds many rows of everything, with long texts, so that each command prints all that it can."""
    long = "The panel said that " + "it had much to say about this, and " * 6
    shared.execute("TRUNCATE order_events, pauses, workers, balances, audits, service_changes, refills, cancels")
    shared.execute("TRUNCATE sightings, guards")
    shared.execute(
        "UPDATE orders SET id = 1000000 WHERE id = 1;"
        "UPDATE submissions SET order_id = 1000000;"
        "ALTER TABLE orders ALTER COLUMN id RESTART WITH 1"
    )
    shared.execute(
        "INSERT INTO examinations (order_id, verdict, progress) VALUES (1000000, %s, %s)",
        ['{"verdict": "undecided", "doubt": "ambiguous", "candidates": ["23501"]}', json.dumps(PROGRESS)],
    )
    for state in ("unconfirmed", "rejected", "submitted", "completed", "pending"):
        for number in range(60):
            shared.add_order(
                state=state,
                panel=f"a-panel-of-a-long-name-{number % 2}",
                link=f"https://example.com/somebody/{number}",
                reference=f"shop-{state}-{number}",
                panel_order_id=f"{state}-{number}",
                error_code="link_refused",
                error=long,
            )
    for number in range(23_500, 23_520):
        shared.execute(
            "INSERT INTO sightings (panel, number, charge, uncut_charge) VALUES ('default', %s, 1234567.12345678, 1)",
            [number],
        )
    shared.execute(
        "INSERT INTO guards (panel, shared_since) VALUES ('default', now()), ('a-panel-of-a-long-name-1', now())"
    )
    shared.execute(
        """
        INSERT INTO order_events (order_id, kind, state_before, state_after, panel_status, detail)
        SELECT
            id, 'rejected', 'submitting', state, 'In progress',
            jsonb_build_object('error_code', 'refused', 'error', error)
        FROM orders;
        INSERT INTO pauses (panel, scope, reason, detail, until)
        SELECT panel, 'all', 'not_enough_funds', max(error), now() + interval '1 h' FROM orders GROUP BY panel;
        INSERT INTO workers (id, name, lease_until)
        SELECT gen_random_uuid(), repeat('long-', 12) || n, now() + interval '1 h' FROM generate_series(1, 3) n;
        INSERT INTO services (panel, service, name, type, category, rate, min, max, raw)
        SELECT
            'default', 's' || n, repeat('Followers ', 12), 'Custom Comments Package', 'c', 2.123456, 10, 100000000, '{}'
        FROM generate_series(1, 60) n;
        INSERT INTO service_changes (panel, service, kind, value_before, value_after)
        SELECT 'default', 's' || n, 'rate', '1.0123456', '2.123456' FROM generate_series(1, 60) n;
        INSERT INTO balances (panel, at, balance, currency)
        SELECT 'default', now() - n * interval '1 h', 12345678.12345678 - n % 7, 'USD'
        FROM generate_series(100, 0, -1) n;
        INSERT INTO audits (
            panel, currency, opened_at, closed_at, opening, charges, refunds, top_ups, unexplained, closing, missing
        )
        SELECT 'default', 'USD', now() - interval '30 h', now() - interval '5 h', 1, 1, 1, 1, 1, 1, 12345.12345678;
        """
    )


#: More command lines, besides those of `words_of`.
MORE = [
    "orders list --link nowhere",
    "orders list --panel a-panel-of-a-long-name-1 --since 7d --error-code link_refused",
    "orders disown --dry-run --no-check",
    "orders show 1000000",
    "orders retry --state rejected --dry-run",
    "services --changed-since 30d",
    "services --dearer",
    "balance --days 30",
    "audit --panel nowhere",
    "housekeeping --dry-run",
]


@pytest.mark.usefixtures("crowded")
@pytest.mark.parametrize("line", [*(name for name in COMMANDS if name not in LASTING), *MORE])
def test_it_fits_a_terminal_of_80_columns(typed: OrderSync, monkeypatch: pytest.MonkeyPatch, line: str) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    ended = typed(*(words_of(line) if line in COMMANDS else line.split()))
    assert ended.out
    long = [row for row in ended.out.splitlines() if cell_len(row) > 80]
    assert [
        row for row in long if not row.startswith("  order-sync ")
    ] == []  # a command stays on one line, to be copied


def is_plain(ended: Ended) -> bool:
    return "Traceback" not in ended.text and "\x1b" not in ended.text and not shows_a_secret(ended.text)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_and_has_examples_that_can_be_typed(typed: OrderSync, name: str) -> None:
    ended = typed(*name.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"Usage: order-sync {name} " in ended.out
    assert max(map(len, ended.out.splitlines())) <= 80
    _, _, shown = ended.out.partition("Example")
    examples = [line for line in shown.splitlines() if f"order-sync {name}" in line]
    assert examples
    for line in examples:
        words = shlex.split(line.partition(" | ")[0])
        arguments = words[words.index("order-sync") + 1 + len(name.split()) :]
        COMMANDS[name].make_context(name, arguments)  # raises for a wrong example


@pytest.mark.parametrize("group", sorted({name.rpartition(" ")[0] for name in COMMANDS}))
def test_a_group_tells_of_each_command_in_a_whole_sentence(typed: OrderSync, group: str) -> None:
    ended = typed(*group.split(), "--help")
    listed = ended.out.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert listed
    assert [line for line in listed if line.endswith("...")] == []
    assert "Example" in ended.out


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    "wrong",
    [["--nope"], ["\udcff"] * 9, ["--json=x", "--yes=x"]],
    ids=["an unknown option", "too many", "flags with values"],
)
def test_wrong_arguments(typed: OrderSync, name: str, wrong: list[str]) -> None:
    ended = typed(*name.split(), *wrong)
    assert (ended.code, ended.out) == (2, "")
    assert "Try 'order-sync" in ended.err
    assert "--help' for help." in ended.err
    assert is_plain(ended)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_misspelling_is_put_right(typed: OrderSync, name: str) -> None:
    *group, last = name.split()
    ended = typed(*group, f"{last[:-1]}_{last[-1]}")
    assert (ended.code, ended.out) == (2, "")
    assert f"Did you mean '{last}'?" in ended.err


@pytest.mark.parametrize("name", OF_SETTINGS)
def test_without_settings(typed: OrderSync, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", "")
    monkeypatch.setenv("ORDER_SYNC_DRIAN", "1")
    ended = typed(*words_of(name))
    assert (ended.code, ended.out) == (2, "")
    assert "ORDER_SYNC_DATABASE_URL: is missing; set it to postgresql://" in ended.err
    assert "did you mean ORDER_SYNC_DRAIN?" in ended.err
    assert is_plain(ended)


@pytest.mark.parametrize("name", OF_SETTINGS)
def test_without_a_database(typed: OrderSync, postgres: str, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    address = urlsplit(with_password(postgres))
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", address._replace(path="/nowhere").geturl())
    ended = typed(*words_of(name))
    assert ended.code == 1
    assert "can't be used: " in ended.text
    assert "order-sync check" in ended.err or (name == "check" and "check that it runs" in ended.out)
    assert is_plain(ended)


@pytest.mark.parametrize("name", OF_SETTINGS)
@pytest.mark.parametrize(("revision", "hint"), [("0000", "run `order-sync migrate`"), ("9999", "update order-sync")])
def test_on_a_schema_of_another_version(
    *, typed: OrderSync, shared: Database, name: str, revision: str, hint: str
) -> None:
    """Fails with the schema's revision before a table is missing."""
    if name == "migrate" and revision < head():
        pytest.skip("it makes it a schema of this version")
    shared.execute("UPDATE alembic_version SET version_num = %s", [revision])
    try:
        ended = typed(*words_of(name))
    finally:
        shared.execute("UPDATE alembic_version SET version_num = %s", [head()])
    assert ended.code == 1
    assert f"at {revision}" in ended.text
    assert head() in ended.text
    assert hint in ended.text
    assert is_plain(ended)


@pytest.mark.usefixtures("order_1")
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in LASTING])
def test_done_without_a_terminal(typed: OrderSync, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    ended = typed(*words_of(name))
    assert ended.code == (1 if name == "check" else 0), ended.err  # the panel is unreachable
    assert ended.out
    assert is_plain(ended)


@pytest.mark.usefixtures("order_1")
@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in LASTING])
def test_into_a_closed_pipe(typed: OrderSync, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    closed = os.fdopen(writing, "w", encoding="utf-8")
    monkeypatch.setattr(sys, "stdout", closed)
    ended = typed(*words_of(name))
    with suppress(BrokenPipeError):
        closed.close()
    assert (ended.code, ended.text) == (1, "")


def test_the_shell_completes_commands_options_and_values(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def completed(words: str) -> list[str]:
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        monkeypatch.setenv("_ORDER_SYNC_COMPLETE", "bash_complete")
        assert cli.execute(cli.cli, []) == 0
        return [line.partition(",")[2] for line in capfd.readouterr().out.splitlines()]

    assert completed("order-sync st") == ["status"]
    assert set(completed("order-sync ")) == set(cli.COMMANDS)
    assert {"list", "show", "retry"} <= set(completed("order-sync orders "))
    assert completed("order-sync orders list --sta") == ["--state"]
    assert completed("order-sync orders list --state re") == ["rejected"]
