"""Shows the progress of long work, only in a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click


@contextmanager
def progress_bar(length: int, label: str = "") -> Iterator[Callable[[int], None]]:
    """Yields a function. The caller passes it how many more of `length` steps are done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar.update


def show_progress(progress: str) -> None:
    """Replaces the terminal's present line with this text; an empty text clears the line."""
    if sys.stderr.isatty():
        click.echo(f"\r{progress:60}" if progress else f"\r{'':60}\r", err=True, nl=False)
