"""The commands: parse, call, print. This is their frame; each lives in a module of its own."""

import io
import os
import sys
from contextlib import suppress
from typing import TextIO

import click

from worker import __version__
from worker.cli.frame.errors import FAILED, INTERRUPTED, WRONG_USAGE, complain
from worker.cli.frame.examples import examples
from worker.cli.frame.lazy import LazyGroup
from worker.settings.sources import SettingsError

__all__ = ["cli", "main"]

COMMANDS = {
    "migrate": ("worker.cli.migrate:migrate", "Bring the database's schema to head."),
    "run": ("worker.cli.run:run", "Run the worker until SIGTERM or Ctrl-C."),
    "demo": ("worker.cli.demo.command:demo", "See it work, on this machine and without settings."),
    "sandbox": ("worker.cli.sandbox:sandbox", "A panel to develop and test against."),
    "check": ("worker.cli.check:check", "Say what is wrong with the set-up, and how to mend it."),
    "status": ("worker.cli.status:status", "How things stand: open orders, rates, pauses, balances."),
    "top": ("worker.cli.top:top", "How things stand, live."),
    "orders": ("worker.cli.orders.group:orders", "Look at orders, and change them by hand."),
    "services": ("worker.cli.services:services", "What the panels sell, and what became of it."),
    "balance": ("worker.cli.balance:balance", "Each panel's balance, and how long it lasts."),
    "audit": ("worker.cli.audit:audit", "Is the money right? Each panel's balance, explained."),
    "housekeeping": (
        "worker.cli.housekeeping:housekeeping",
        "Move the history of what closed long ago to the archive.",
    ),
}


@click.group(
    cls=LazyGroup,
    targets=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("order-sync check", "order-sync orders list --help"),
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """The worker between an order table in Postgres and an SMM panel's API."""


def main() -> None:
    """The console script: runs the command that `sys.argv` names, and exits with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the terminal doesn't have ends no command
            stream.reconfigure(errors="backslashreplace")
    sys.exit(execute(cli))


def execute(group: click.Group, args: list[str] | None = None) -> int:
    """One command from `args` (`sys.argv` without them). Returns 0, 1, 2 or 130; says on stderr why it isn't 0."""
    code = _run(group, args)
    if not all([_flush(sys.stdout), _flush(sys.stderr)]):  # a list: both, whatever becomes of the first
        return code or FAILED
    return code


def _run(group: click.Group, args: list[str] | None) -> int:
    try:
        result = group.main(args, prog_name="order-sync", standalone_mode=False)
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx is None:  # so that it shows where there is help
            error.ctx = click.Context(group, info_name="order-sync")
        error.show()
        return error.exit_code
    except SettingsError as error:
        complain(str(error))
        return WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        return FAILED
    except SystemExit as end:  # how click ends for a reader that is gone, and once a shell has its completions
        return end.code if isinstance(end.code, int) else FAILED
    return result if isinstance(result, int) else 0


def _flush(stream: TextIO | None) -> bool:
    """Whether all that was written got out. If the reader is gone, the interpreter must not try again at its exit."""
    if stream is None:
        return True
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True
