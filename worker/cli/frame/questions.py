"""Asks before a command changes something, on a terminal, or takes `--yes` for an answer."""

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from worker.cli.frame.errors import CommandError

Command = TypeVar("Command", bound=Callable[..., Any])


def ask_first(command: Command) -> Command:
    """Adds `--yes`, for a command that asks first."""
    return click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal to ask on.")(command)


def must_be_able_to_ask(*, yes: bool) -> None:
    """Raises UsageError if there is no terminal to ask on, unless `yes` makes the question unnecessary."""
    if not (yes or (sys.stdin and sys.stdin.isatty())):
        raise click.UsageError("There is no terminal to ask for confirmation on: give --yes.")


def confirm(question: str, *, yes: bool) -> None:
    """Asks, unless `yes`. Raises CommandError if the answer is no."""
    if not (yes or click.confirm(question, err=True)):
        raise CommandError("nothing was changed")
