"""`order-sync housekeeping`: does the daemon's hourly housekeeping now, all of it."""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime

import click

from worker.cli.draw.output import print_json, print_lines
from worker.cli.draw.progress import progress_bar
from worker.cli.frame.database import on_database
from worker.cli.frame.examples import examples
from worker.cli.frame.parameters import json_option
from worker.settings.model import load
from worker.store.records.archive import Archive, Step, Tidied

#: Steps of the progress bar.
_WHOLE = 1000

#: Gets the share of the work that is done, from 0 to 1.
Progress = Callable[[float], None]


@click.command(epilog=examples("order-sync housekeeping --dry-run"))
@click.option("--dry-run", is_flag=True, help="Only count what it would move and delete.")
@json_option("{dry_run, retention_days, orders, events, submissions, workers, examinations}.")
def housekeeping(*, dry_run: bool, as_json: bool) -> None:
    """Move the history of long-closed orders to the archive.

    ORDER_SYNC_RETENTION__DAYS says how long. The orders themselves stay. It also deletes rows that nobody needs again.
    A running worker does the same every ORDER_SYNC_SCHEDULE__HOUSEKEEPING seconds; both may run at once. After an
    interrupt, the next call continues.
    """
    settings = load(need_panels=False)
    days = settings.retention.days
    with progress_bar(_WHOLE, "counting" if dry_run else "moving") as advance:
        shown = 0

        def progress(share: float) -> None:
            nonlocal shown
            advance(int(share * _WHOLE) - shown)
            shown = int(share * _WHOLE)

        tidied = on_database(settings, lambda engine: _walk(Archive(engine, days), progress, dry_run=dry_run))
    if as_json:
        print_json({"dry_run": dry_run, "retention_days": days, **asdict(tidied)}, settings)
    else:
        print_lines(_lines(tidied, days, dry_run=dry_run), settings)


async def _walk(archive: Archive, progress: Progress, *, dry_run: bool) -> Tidied:
    tidied = await archive.sweep(dry_run=dry_run)
    began: datetime | None = None
    after: int | None = 0
    while after is not None:
        step = await archive.step(after, dry_run=dry_run)
        began = began or step.began
        progress(_share(began, step))
        tidied += step.tidied
        after = step.after
    return tidied


def _share(began: datetime | None, step: Step) -> float:
    """Returns the share that is done of the way from the oldest event to the first that is too young."""
    if step.after is None or began is None or step.reached is None or step.before is None:
        return 1.0
    return (step.reached - began) / (step.before - began) if step.before > began else 1.0


def _lines(tidied: Tidied, days: int, *, dry_run: bool) -> Iterator[str]:
    would = "would be " if dry_run else ""
    if days:
        yield (
            f"{would}moved to the archive: {tidied.events} events and {tidied.submissions} submissions "
            f"of {tidied.orders} orders that closed more than {days} days ago"
        )
    else:
        yield "ORDER_SYNC_RETENTION__DAYS is 0: all history stays where it is"
    yield f"{would}deleted: {tidied.workers} workers that ended long ago, {tidied.examinations} examinations"
    if dry_run and tidied:
        yield "nothing was changed; to do it: order-sync housekeeping"
