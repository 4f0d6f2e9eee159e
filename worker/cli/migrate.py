"""`order-sync migrate`."""

import click

from worker.cli.database import UPDATE
from worker.cli.errors import CommandError
from worker.settings import load
from worker.store.engine import DatabaseUnreachableError
from worker.store.migrate import NewerSchemaError
from worker.store.migrate import migrate as bring_to_head


@click.command()
def migrate() -> None:
    """Bring the database's schema to head.

    Safe to run from many places at once. Example: ORDER_SYNC_DATABASE_URL=postgresql://... order-sync migrate
    """
    settings = load(need_panels=False)
    try:
        before, after = bring_to_head(settings.database_url.get_secret_value())
    except DatabaseUnreachableError as error:
        raise CommandError(f"the database that ORDER_SYNC_DATABASE_URL names can't be used: {error}") from error
    except NewerSchemaError as error:
        raise CommandError(f"{error}: {UPDATE}") from error
    if before == after:
        click.echo(f"The schema is at head already ({after}).")
    else:
        click.echo(f"The schema went from {before or 'nothing'} to {after}.")
