"""Ends commands that fail: with one line on stderr and an exit code (docs/reference/commands.md)."""

import sys
from typing import IO, Any

import click

from worker.cli.draw.folding import fitting

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130  #: 128 + SIGINT, as shells do


class CommandError(click.ClickException):
    """Ends a command with exit code 1 and `order-sync: <message>`, once for each line of the message."""

    exit_code = FAILED

    def show(self, file: IO[Any] | None = None) -> None:
        complain(self.message, file)


def complain(message: str, file: IO[Any] | None = None) -> None:
    """Prints each line of the message on stderr, or to `file`."""
    for line in message.splitlines():
        click.echo(fitting(f"order-sync: {line}", file or sys.stderr), file=file, err=file is None)
