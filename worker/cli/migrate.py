"""`order-sync migrate`: brings the database's schema to head."""

import click

from worker.cli.frame.examples import examples
from worker.cli.frame.migration import bring_to_head
from worker.settings.model import load


@click.command(epilog=examples("ORDER_SYNC_DATABASE_URL=postgresql://shop@localhost/shop order-sync migrate"))
def migrate() -> None:
    """Bring the database's schema to head. Safe to run from many places at once."""
    settings = load(need_panels=False)
    before, after = bring_to_head(settings.database_url.get_secret_value())
    if before == after:
        click.echo(f"The schema is at head already ({after}).")
    else:
        click.echo(f"The schema went from {before or 'nothing'} to {after}.")
