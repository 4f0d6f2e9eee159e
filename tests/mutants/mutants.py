"""The share of small changes to the code that the unit tests notice: `make mutants`.

Cosmic Ray changes one token of `worker/domain/` or `worker/panel/` in a copy of the tree. The unit tests that run the
changed line decide: if they all still pass, the change survives. `explained.toml` lists survivors that change nothing,
each with its reason; they don't count. If the tests notice less than 90 %, the exit code is 1.
"""

import argparse
import multiprocessing
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from pathlib import Path

from cosmic_ray.commands import init
from cosmic_ray.modules import find_modules
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import use_db
from cosmic_ray.work_item import MutationSpec, WorkerOutcome
from coverage import CoverageData

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache/mutants"
EXPLAINED = Path(__file__).with_name("explained.toml")

ROOMS = ["worker/domain", "worker/panel"]
#: The unit tests of these rooms and of the jobs that decide by them. Those of the client need a socket on loopback.
TESTS = ["tests/unit/domain", "tests/unit/panel", "tests/unit/jobs", "tests/integration/panel"]
ENOUGH = 0.9

#: Tests that read code without running it.
READERS = ["tests/unit/domain/test_frozen_values.py"]

#: One likely slip for each token. Cosmic Ray knows others that no test can miss, such as `int << None` for a type.
SLIPS = re.compile(
    r"core/(NumberReplacer|AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd"
    r"|ReplaceUnaryOperator_(Delete_Not|USub_UAdd)|ExceptionReplacer|ZeroIterationForLoop"
    r"|ReplaceContinueWithBreak|ReplaceBreakWithContinue"
    r"|ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is)"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|Mod_Div|FloorDiv_Div|Pow_Mul))"
)

PYTEST = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:randomly", "--hypothesis-seed=0"]

#: Seconds after which the tests of a change count as failed: it may have them run for ever.
PATIENCE = 300

#: The names of the tests that run a line, by module and line.
Map = dict[str, dict[int, set[str]]]


def every_change() -> list[MutationSpec]:
    """Returns all slips that can be made in these rooms, always in the same order."""
    with use_db(":memory:") as database:
        init(sorted(find_modules([Path(room) for room in ROOMS])), database, {})
        changes = [change for item in database.work_items for change in item.mutations]
    wanted = [change for change in changes if SLIPS.fullmatch(change.operator_name) and not _is_star(change)]
    return sorted(wanted, key=lambda change: (str(change.module_path), change.operator_name, change.occurrence))


def _is_star(change: MutationSpec) -> bool:
    """Says whether the token is the star of a signature or call, which Cosmic Ray takes for a multiplication."""
    row, column = change.start_pos
    before = change.module_path.read_text(encoding="utf-8").splitlines()[row - 1][:column].rstrip()
    return "Operator_Mul_" in change.operator_name and (not before or before[-1] in "([{,")


def map_tests() -> Map:
    """Runs the tests without a change, and returns which of them run which line."""
    rooms = [f"--cov={room}" for room in ROOMS]
    subprocess.run([*PYTEST, "-n", "2", *rooms, "--cov-context=test", "--cov-report=", *TESTS], check=True)
    data = CoverageData(".cache/coverage/data")
    data.read()
    return {
        str(Path(file).relative_to(Path.cwd())): {
            line: {context.partition("[")[0].partition("|")[0] for context in contexts if context}
            for line, contexts in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }


def tests_of(change: MutationSpec, ran: Map) -> list[str]:
    """Returns the tests of a changed line: of one that runs on import, such as a constant's, all those of its module.

    A test that runs little of the code comes first: it is quick, and likely meant for this line.
    """
    lines = ran.get(str(change.module_path), {})
    found = set(chain.from_iterable(lines.get(row, ()) for row in range(change.start_pos[0], change.end_pos[0] + 1)))
    readers = [] if found else READERS
    found = found or set(chain.from_iterable(lines.values()))
    reach = Counter(test for module in ran.values() for tests in module.values() for test in tests if test in found)
    return [*readers, *sorted(found, key=lambda test: (reach[test], test))]


def start(copies: "multiprocessing.SimpleQueue[str]") -> None:
    os.chdir(copies.get())


def survives(change: MutationSpec, tests: Sequence[str]) -> str:
    """Makes a change in this process's copy, and returns its diff if no test notices it."""
    command = [*PYTEST, "--exitfirst", "-p", "no:xdist", "-p", "no:cov", *tests] if tests else ["true"]
    result = mutate_and_test([change], shlex.join(command), PATIENCE)
    if result.worker_outcome is not WorkerOutcome.NORMAL:
        raise RuntimeError(result.output)
    return "" if result.is_killed else str(result.diff)


def lines_of(diff: str) -> tuple[str, str, str]:
    """Returns the module of a diff, and its line before and after the change, without white space."""
    module, before, after = (re.findall(rf"^{mark}(.*)", diff, re.MULTILINE)[-1] for mark in (r"\+\+\+ b/", "-", r"\+"))
    return module, _squeezed(before), _squeezed(after)


def explained() -> set[tuple[str, str, str]]:
    changes = tomllib.loads(EXPLAINED.read_text(encoding="utf-8"))["equivalent"]
    return {(one["module"], _squeezed(one["before"]), _squeezed(one["after"])) for one in changes}


def _squeezed(line: str) -> str:
    return "".join(line.split())


def run(changes: Sequence[MutationSpec], processes: int) -> Iterator[str]:
    """Tries each change in one of some copies of the tree, and yields the diff of each that survives, else ""."""
    copies: multiprocessing.SimpleQueue[str] = multiprocessing.SimpleQueue()
    for number in range(processes):
        copy = CACHE / f"copy-{number}"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "*.egg-info"))
        copies.put(str(copy))
    os.chdir(copy)
    ran = map_tests()
    with ProcessPoolExecutor(processes, initializer=start, initargs=(copies,)) as pool:
        yield from pool.map(survives, changes, [tests_of(change, ran) for change in changes])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=300, help="how many changes, chosen by chance [300]")
    parser.add_argument("--seed", type=int, default=1, help="which ones [1]")
    parser.add_argument("--all", action="store_true", help="every change instead. It takes hours")
    parser.add_argument("--only", default="", metavar="PATH", help="of modules whose path begins like this")
    parser.add_argument("--processes", type=int, default=2, help="at a time [2]")
    chosen = parser.parse_args()

    os.chdir(ROOT)
    changes = [change for change in every_change() if str(change.module_path).startswith(chosen.only)]
    if not chosen.all:
        changes = random.Random(chosen.seed).sample(changes, min(chosen.sample, len(changes)))
    known = explained()
    counts = Counter[str]()
    for number, diff in enumerate(run(changes, chosen.processes), 1):
        outcome = "noticed" if not diff else "explained" if lines_of(diff) in known else "survived"
        counts[outcome] += 1
        if outcome == "survived":
            print(f"\n{number}. {diff.partition(chr(10))[2]}", flush=True)
    share = counts["noticed"] / (counts["noticed"] + counts["survived"])
    print(f"\n{counts['noticed']} noticed, {counts['survived']} survived, {counts['explained']} explained: {share:.1%}")
    sys.exit(share < ENOUGH)


if __name__ == "__main__":
    main()
