"""Options of commands that change orders by hand: who does it, and why."""

import getpass
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

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
