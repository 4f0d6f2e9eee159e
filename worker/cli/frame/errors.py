"""How a command fails: one plain line on stderr, and an exit code (README, "Commands")."""

import sys
from typing import IO, Any

import click

from worker.cli.draw.folding import fitting

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130  #: 128 and the number of SIGINT, as shells have it


class CommandError(click.ClickException):
    """Ends a command with exit code 1 and `order-sync: <message>`, once for each line of the message."""

    exit_code = FAILED

    def show(self, file: IO[Any] | None = None) -> None:
        complain(self.message, file)


def complain(message: str, file: IO[Any] | None = None) -> None:
    for line in message.splitlines():
        click.echo(fitting(f"order-sync: {line}", file or sys.stderr), file=file, err=file is None)
