"""How far long work is, told on a terminal and nowhere else."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(length: int, label: str = "") -> Iterator[Callable[[int], None]]:
    """A function that is told how much more of `length` is done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar.update


def tell(progress: str) -> None:
    """On the terminal's line, in place of what was told before; an empty text clears it."""
    if sys.stderr.isatty():
        click.echo(f"\r{progress:60}" if progress else f"\r{'':60}\r", err=True, nl=False)
