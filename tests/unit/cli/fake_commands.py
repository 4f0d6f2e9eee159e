"""Fake commands that end in every possible way."""

import click

from worker.cli.frame.errors import CommandError
from worker.settings.model import load


@click.command()
def fine() -> None:
    """Say a word."""
    click.echo("fine")


@click.command()
def failing() -> None:
    raise CommandError("the database is away\ntry again")


@click.command()
def unset() -> None:
    load({"ORDER_SYNC_DRAIN": "0"})


@click.command()
def interrupted() -> None:
    raise KeyboardInterrupt


@click.command()
@click.pass_context
def leaving(context: click.Context) -> None:
    context.exit(1)


@click.command()
def endless() -> None:
    while True:
        click.echo("x" * 1000)
