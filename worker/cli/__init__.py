"""The command line: finds the command that was typed, runs it, and exits with its code."""

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
    "sandbox": ("worker.cli.sandbox:sandbox", "Run a panel to develop and test against."),
    "check": ("worker.cli.check:check", "Find what is wrong with the set-up, and say how to mend it."),
    "status": ("worker.cli.status:status", "Show open orders, rates, pauses and balances."),
    "top": ("worker.cli.top:top", "Show open orders, rates, pauses and balances, live."),
    "orders": ("worker.cli.orders.group:orders", "List orders, show their history, and change them by hand."),
    "services": ("worker.cli.services:services", "Search the panels' catalogues, and show what changed."),
    "balance": ("worker.cli.balance:balance", "Show each panel's balance, and how long it will last."),
    "audit": ("worker.cli.audit:audit", "Explain each panel's balance, and find missing money."),
    "accept-account": (
        "worker.cli.accept_account:accept_account",
        "Say that a panel's new address or key leads to the same account.",
    ),
    "housekeeping": (
        "worker.cli.housekeeping:housekeeping",
        "Move the history of long-closed orders to the archive.",
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
    """Run and control the worker between an order table in Postgres and the API of an SMM panel."""


def main() -> None:
    """Runs the command that `sys.argv` names, and exits with its code. This is the console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a character that the terminal can't show ends no command
            stream.reconfigure(errors="backslashreplace")
    sys.exit(execute(cli))


def execute(group: click.Group, args: list[str] | None = None) -> int:
    """Runs one command from `args`, or from `sys.argv`. Returns 0, 1, 2 or 130, and prints the reason on stderr."""
    code = _run(group, args)
    if not all([_flush(sys.stdout), _flush(sys.stderr)]):  # a list, so that both are flushed
        return code or FAILED
    return code


def _run(group: click.Group, args: list[str] | None) -> int:
    try:
        result = group.main(args, prog_name="order-sync", standalone_mode=False)
    except click.ClickException as error:
        if isinstance(error, click.UsageError) and error.ctx is None:  # so that the message says where to find help
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
    except SystemExit as end:  # click ends like this for a closed pipe, and after a shell's completion
        return end.code if isinstance(end.code, int) else FAILED
    return result if isinstance(result, int) else 0


def _flush(stream: TextIO | None) -> bool:
    """Flushes, and returns whether it worked. If the reader is gone, the interpreter must not try again at exit."""
    if stream is None:
        return True
    try:
        stream.flush()
    except (OSError, ValueError):
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True
