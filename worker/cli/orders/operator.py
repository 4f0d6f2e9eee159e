"""What commands that change something by hand have in common: who does it and why, and asking first."""

import getpass
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from worker.cli.frame.errors import CommandError
from worker.cli.frame.parameters import words

Command = TypeVar("Command", bound=Callable[..., Any])


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        return f"uid {os.getuid()}"


def who(command: Command) -> Command:
    option = click.option(
        "--who", type=words, metavar="NAME", default=_login, help="Kept too; the login name if not given."
    )
    return option(command)


def why(*, required: bool = False) -> Callable[[Command], Command]:
    return click.option("--why", type=words, metavar="TEXT", required=required, help="Kept in the order's history.")


def ask_first(command: Command) -> Command:
    return click.option("--yes", is_flag=True, help="Don't ask; needed where there is no terminal to ask on.")(command)


def must_be_able_to_ask(*, yes: bool) -> None:
    """Raises UsageError where a question would find nobody to answer it."""
    if not (yes or (sys.stdin and sys.stdin.isatty())):
        raise click.UsageError("There is no terminal to ask for confirmation on: give --yes.")


def confirm(question: str, *, yes: bool) -> None:
    """Raises CommandError for a no."""
    if not (yes or click.confirm(question, err=True)):
        raise CommandError("nothing was changed")
