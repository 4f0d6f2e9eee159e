"""Tests that a group's help agrees with the help of its commands, and imports none of them."""

import subprocess
import sys

import click
import pytest

from worker.cli import cli
from worker.cli.frame.lazy import LazyGroup
from worker.cli.orders.group import orders


@pytest.mark.parametrize("group", [cli, orders])
def test_a_group_says_what_its_commands_say(group: LazyGroup):
    context = click.Context(group)
    for name, (_, told) in group._targets.items():
        command = group.get_command(context, name)
        assert command is not None
        assert told == command.get_short_help_str(limit=100)


def test_help_imports_no_command():
    heavy = "import sys; from worker.cli import cli; cli.main(['--help'], standalone_mode=False)"
    ended = subprocess.run(
        [sys.executable, "-c", f"{heavy}; print('sqlalchemy' in sys.modules, 'pydantic' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "housekeeping" in ended.stdout
    assert ended.stdout.splitlines()[-1] == "False False"
