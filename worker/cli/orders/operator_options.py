"""Options of commands that change orders by hand: who does it, why, and whether to ask first."""

import getpass
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from worker.cli.frame.errors import CommandError
from worker.cli.frame.parameters import nonblank

Command = TypeVar("Command", bound=Callable[..., Any])


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def who(command: Command) -> Command:
    """Adds `--who`."""
    option = click.option(
        "--who",
        type=nonblank,
        metavar="NAME",
        default=_login,
        help="Kept in the order's history; by default, the login name.",
    )
    return option(command)


def why(*, required: bool = False) -> Callable[[Command], Command]:
    """Adds `--why`."""
    return click.option("--why", type=nonblank, metavar="TEXT", required=required, help="Kept in the order's history.")


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
