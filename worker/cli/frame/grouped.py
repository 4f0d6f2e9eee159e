"""Shows the options of a command under headings."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import click

#: Pairs of a name and what it means.
Rows: TypeAlias = Sequence[tuple[str, str]]


class GroupedCommand(click.Command):
    """A command whose help shows its options in groups: `groups` has their names by heading, in the order of the help.

    Options that no group names come under the last heading. `more` returns further sections for the end of the help.
    """

    def __init__(
        self,
        *args: Any,
        groups: Mapping[str, Sequence[str]],
        more: Callable[[], Iterable[tuple[str, Rows]]] = tuple,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self._groups = groups
        self._more = more

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {option.name or "": option.get_help_record(ctx) for option in self.get_params(ctx)}
        last = list(self._groups)[-1]
        grouped = {name for names in self._groups.values() for name in names}
        for heading, names in self._groups.items():
            shown = [*names, *(name for name in records if heading == last and name not in grouped)]
            write_section(formatter, heading, [record for name in shown if (record := records[name])])
        for heading, rows in self._more():
            write_section(formatter, heading, rows)


def write_section(formatter: click.HelpFormatter, heading: str, rows: Rows) -> None:
    """Writes rows in two columns, below a heading."""
    with formatter.section(heading):
        formatter.write_dl(rows)
