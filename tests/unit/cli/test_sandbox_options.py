"""Tests the command line of `order-sync sandbox`: everything that a sandbox can do is reached from its help."""

from dataclasses import fields
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from worker.cli.sandbox import sandbox
from worker.sandbox import SandboxOptions
from worker.sandbox.misbehaviour.faults import FaultKind
from worker.sandbox.misbehaviour.quirks import ALL
from worker.sandbox.panel import cheats


def typed(*words):
    return CliRunner().invoke(sandbox, words, prog_name="order-sync sandbox")


def words_of(text):
    return set(text.replace(",", " ").replace("[", " ").split())


def test_every_option_of_a_sandbox_can_be_typed():
    untouched = sandbox.make_context("sandbox", []).params

    assert untouched.keys() == {field.name for field in fields(SandboxOptions)}
    assert SandboxOptions(**untouched) == SandboxOptions(port=8080)
    assert sandbox.make_context("sandbox", ["--epoch", "2026-01-01"]).params["epoch"] == datetime(
        2026, 1, 1, tzinfo=UTC
    )


@pytest.mark.parametrize("option", ["--help", "--list"])
def test_the_help_names_every_quirk_cheat_and_fault(option):
    told = typed(option)

    assert told.exit_code == 0
    assert {*ALL, *cheats.ALL, *FaultKind} <= words_of(told.output)
    assert max(map(len, told.output.splitlines())) <= 80


def test_the_help_has_every_option_once():
    first_words = [line.split()[0] for line in typed("--help").output.splitlines() if line.startswith("  --")]

    assert sorted(first_words) == sorted([*(parameter.opts[0] for parameter in sandbox.params), "--help"])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--balance", "much"], "--balance"),
        (["--balance", "-1"], "--balance"),
        (["--speed", "-1"], "--speed"),
        (["--epoch", "soon"], "--epoch"),
        (["--quirck", "x"], "--quirk"),
        (["--quirk", "price_facto"], "the nearest are price_factor"),
        (["--quirk", "bonus_units=x"], "bonus_units takes PERCENT: a whole number from 1 upwards, not 'x'"),
        (["--cheat", "overcharg"], "the nearest are overcharge"),
        (["--fault", "errors"], "the nearest are error"),
        (["--fault", "error,sttus=500"], "the nearest are status"),
        (["--fault", "error,status=5"], "status: Input should be greater"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_what_would_be_right(words, told):
    ended = typed(*words)

    assert ended.exit_code == 2
    assert told in ended.output
