"""`order-sync run`: runs the daemon, with its own Postgres if asked."""

import asyncio
import shlex
from contextlib import ExitStack
from pathlib import Path

import click

from worker import daemon
from worker.cli.frame.database import check_schema
from worker.cli.frame.errors import CommandError
from worker.cli.frame.examples import examples
from worker.cli.frame.interrupts import held, raise_interrupts
from worker.cli.frame.migration import bring_to_head
from worker.observe.logs import configure
from worker.settings.model import load
from worker.store.schema.embedded import EmbeddedError, embedded_postgres


@click.command(epilog=examples("order-sync run", "order-sync run --embedded ./data"))
@click.option(
    "--embedded",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Keep a Postgres of its own in DIR, for a machine without a database server.",
)
def run(embedded: Path | None) -> None:
    """Run the worker until SIGTERM or Ctrl-C.

    Settings come from ORDER_SYNC_... variables, or the TOML file that ORDER_SYNC_CONFIG names.
    """
    with ExitStack() as stack:
        if embedded is None:
            settings = load()
        else:
            raise_interrupts()  # until the daemon handles signals: the database must stop in any case
            settings = load(need_database=False)  # report a wrong setting before a database is made
            url = _start_postgres(embedded, stack)
            settings = settings.with_database(url)
            bring_to_head(url)
            click.echo(f"Insert orders at {url}")
            click.echo(f"Other commands find it by: export ORDER_SYNC_DATABASE_URL={shlex.quote(url)}")
        configure(settings.log.format, settings.log.level, settings.secrets())
        check_schema(settings)
        if unwritten := asyncio.run(daemon.run(settings)):
            raise CommandError(
                f"{unwritten} results could not be written to the database: each is in the log as result_not_written"
            )


def _start_postgres(directory: Path, stack: ExitStack) -> str:
    try:
        with held():  # an interrupted start would leave Postgres running
            return stack.enter_context(embedded_postgres(directory))
    except EmbeddedError as error:
        raise CommandError(str(error)) from error
