"""How lost answers are settled in worlds that are made up: `make evidence`, by the worker's own rules.

A panel, a shop and a ledger are simulated on a clock of their own. Nothing but the rules of worker/domain/evidence sees
them, as the worker would. The truth is known, so a wrong verdict is seen. It exits with 1 if there is one.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.evidence import misleading, runs, shops, tables
from tests.evidence.adversary import KINDS
from tests.evidence.history import History
from tests.evidence.publish import publish
from tests.evidence.rows import Row, rows
from tests.evidence.runs import Told
from tests.evidence.score import WITHIN, Score, total

#: Where `make evidence` leaves what it finds.
KEPT = Path(__file__).parents[2] / ".cache" / "evidence"

#: Small worlds of each broken premise.
_BROKEN = 500


def table(name: str, seeds: int, processes: int) -> bool:
    """The rows of the table whose name has this in it, beside the specification's figures."""
    wanted = list(rows(name))
    print(tables.line(tables.HEAD))
    jobs = [(row, seed) for row in wanted for seed in range(1, seeds + 1)]
    told = runs.all_of(_run_row, jobs, processes)
    found, scores = [], []
    for row in wanted:
        scores.append(total(next(told).score for _ in range(seeds)))
        found.append(tables.figures(row, scores[-1]))
        print(tables.line(tables.cells(found[-1])), flush=True)
    if not name:
        _keep("table", {"seeds": seeds, "rows": found})
    return _sum_up(scores)


def _run_row(job: tuple[Row, int]) -> Told:
    row, seed = job
    return runs.examined(row.name, row.history(seed), row.premises)


def small(seconds: float, seed: int, processes: int) -> bool:
    """Small worlds that were made to mislead, from a seed on, for so many seconds."""
    return _search("small", runs.small, seconds, seed, processes)


def any_shops(seconds: float, seed: int, processes: int) -> bool:
    """Random worlds of real size, from a seed on, for so many seconds."""
    return _search("random", runs.any_shop, seconds, seed, processes)


def _search(name: str, job: Callable[[int], Told], seconds: float, seed: int, processes: int) -> bool:
    scores = []
    for told in runs.for_seconds(job, seed, seconds, processes):
        scores.append(told.score)
        if told.story:
            print(f"{told.name}\n{told.story}", flush=True)
    _keep(name, {"first_seed": seed, "worlds": len(scores), **_figures(total(scores))})
    return _sum_up(scores)


def night(seeds: int, processes: int) -> bool:
    """The last order before a quiet night is lost, among few or many others, with and without orders cut short."""
    scores = []
    for others in (0.1, 1.0, 5.0, 20.0):
        for cut in (0.0, 0.2):
            jobs = [(seed, others, cut) for seed in range(1, seeds + 1)]
            score = total(told.score for told in runs.all_of(_run_night, jobs, processes))
            shares = " / ".join(f"{share:.0f}" for share in score.shares())
            print(
                f"others {others:>4}/s, cut {cut:3.0%}: {shares} settled, {score.calls_each:.0f} calls each", flush=True
            )
            scores.append(score)
    return _sum_up(scores)


def _run_night(job: tuple[int, float, float]) -> Told:
    seed, others, cut = job
    return runs.examined(f"night {job}", shops.nights(seed, others, cut), shops.PREMISES)


def breaks(seed: int, processes: int) -> bool:
    """What happens where a premise is broken. Wrong verdicts are expected here."""
    for premise in misleading.BREAKS:
        for daily in (False, True):
            job = partial(runs.small, breaks=premise, daily=daily)
            score = total(told.score for told in runs.all_of(job, range(seed, seed + _BROKEN), processes))
            asked = ", newest ids asked about daily" if daily else ""
            print(f"{premise}{asked}: {_text(score)}", flush=True)
    return True


def adversary(examples: int, processes: int) -> bool:
    """Hypothesis searches small worlds for a false verdict, and shows the smallest that it finds."""
    scores: list[Score] = []

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(*KINDS.values()))
    def search(history: History) -> None:
        told = runs.examined("a drawn world", history, misleading.PREMISES, watched=True)
        scores.append(told.score)
        assert not told.story, told.story

    search()
    return _sum_up(scores)


def _sum_up(scores: Iterable[Score]) -> bool:
    score = total(scores)
    print(_text(score))
    return not score.is_bad


def _text(score: Score) -> str:
    shares = " / ".join(f"{share:.0f}" for share in score.shares())
    return (
        f"{score.lost} lost, {len(score.settled)} settled ({shares} % within {' / '.join(WITHIN)}), "
        f"{score.wrong} wrong, {score.doubled} doubled, {score.unbought} said to be bought and not, "
        f"{score.left_out} worlds with a true owner left out, {score.shared} with a shared account"
    )


def _figures(score: Score) -> dict[str, Any]:
    return {
        "lost": score.lost,
        "settled": len(score.settled),
        "wrong": score.wrong,
        "doubled": score.doubled,
        "unbought": score.unbought,
        "left_out": score.left_out,
        "shared": score.shared,
        "open": dict(score.open),
    }


def _keep(name: str, found: dict[str, Any]) -> None:
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    arguments = vars(_parser().parse_args())
    began_at = time.monotonic()
    match arguments:
        case {"command": None, "processes": processes}:
            is_good = table("", 2, processes)
        case {"command": "publish"}:
            publish(KEPT)
            is_good = True
        case {"command": _, "run": run, **others}:
            is_good = run(**others)
    print(f"{time.monotonic() - began_at:.0f} seconds")
    sys.exit(0 if is_good else 1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make evidence", description=__doc__)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="%(default)s")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", help="without one: the whole table")

    def command(name: str, run: Callable[..., bool], **defaults: Any) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=run.__doc__, description=run.__doc__)
        one.set_defaults(run=run)
        for option, default in defaults.items():
            one.add_argument(f"--{option}", type=type(default), default=default, help="%(default)s")
        return one

    command("table", table, seeds=2).add_argument("name", nargs="?", default="", help="a part of the row's name")
    command("small", small, seconds=60.0, seed=1)
    command("random", any_shops, seconds=60.0, seed=1)
    command("night", night, seeds=1)
    command("breaks", breaks, seed=4_000_000)
    command("adversary", adversary, examples=10_000)
    commands.add_parser("publish", help="puts the last whole table into docs/evidence-worlds.md")
    return parser


if __name__ == "__main__":
    main()
