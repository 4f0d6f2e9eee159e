"""The commands that there are, found in their tree."""

from collections.abc import Iterator

import click

from worker import cli


def _found(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _found(command, *path, name)
        else:
            yield " ".join([*path, name]), command


#: Each command that does something, by the words that name it.
COMMANDS = dict(_found(cli.cli))


def with_option(option: str) -> set[str]:
    """The commands that have this option."""
    return {name for name, command in COMMANDS.items() if any(option in given.opts for given in command.params)}
