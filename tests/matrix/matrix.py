"""The tests on every supported Python, against every supported Postgres: `make matrix`.

It runs what this machine has or can get, says what it didn't run and why, and writes docs/matrix.md. A run of other
tests (`make matrix ARGS="--python 3.14 --tests tests/integration"`) only prints its table.
"""

import argparse
import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from tests.matrix import interpreters, servers
from tests.matrix.binaries import CACHE, ROOT, MissingError

PAGE = ROOT / "docs/matrix.md"

#: What no Postgres changes runs once for each Python; what speaks to one, for each pair.
UNIT = ["tests/unit"]
STORE = ["tests/integration/store"]


def run(python: Path, tests: Sequence[str], log: str, postgres: str = "") -> tuple[bool, str]:
    """Runs tests, keeps their output in `.cache/matrix`, and returns whether they passed, and pytest's count."""
    environment = {**os.environ, "ORDER_SYNC_TEST_POSTGRES": postgres} if postgres else os.environ
    command = [python, "-m", "pytest", "--quiet", "-n", "2", "--dist", "worksteal", *tests]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    kept = CACHE / f"{log}.log"
    kept.write_text(done.stdout + done.stderr)
    counts = re.findall(r"^(\d.*) in [\d.]+s", done.stdout, re.MULTILINE)
    passed = done.returncode == 0 and bool(counts)
    say = counts[-1] if passed else f"{counts[-1] if counts else 'no test ran'}; see {kept}"
    print(f"{log}: {say}", flush=True)
    return passed, f"{counts[-1]}" if passed else "**failed**"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", nargs="+", choices=interpreters.SUPPORTED, default=interpreters.SUPPORTED)
    parser.add_argument("--postgres", nargs="+", choices=servers.SUPPORTED, default=servers.SUPPORTED)
    parser.add_argument("--tests", nargs="+", default=STORE, help="what runs on each pair [tests/integration/store]")
    chosen = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    # As Ctrl-C: the servers go down with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    missing = {
        f"Python {version}": "not asked for" for version in interpreters.SUPPORTED if version not in chosen.python
    }
    missing |= {f"Postgres {major}": "not asked for" for major in servers.SUPPORTED if major not in chosen.postgres}
    passed = True
    with ExitStack() as running:
        addresses: dict[str, str] = {}
        for major in chosen.postgres:
            try:
                address = running.enter_context(servers.server(major))
            except MissingError as error:
                missing[f"Postgres {major}"] = str(error)
            else:
                addresses[f"Postgres {servers.full_version(address)}"] = address
        rows = [["", f"`{UNIT[0]}`", *addresses]]
        for version in chosen.python:
            try:
                python = interpreters.environment(version)
            except MissingError as error:
                missing[f"Python {version}"] = str(error)
                continue
            name = f"Python {interpreters.full_version(python)}"
            results = [run(python, UNIT, f"{name}, unit")]
            results += [run(python, chosen.tests, f"{name}, {key}", url) for key, url in addresses.items()]
            rows.append([name, *(count for _, count in results)])
            passed = passed and all(ok for ok, _ in results)

    table = report(rows, chosen.tests, missing)
    print(table)
    if chosen.tests == STORE:
        PAGE.write_text(f"{HEAD}\n{table}", encoding="utf-8")
    sys.exit(not passed)


HEAD = """# Pythons and Postgres versions

`make matrix` runs the unit tests on every supported Python that the machine has or can get, and the tests of
`worker/store/` on each pair of a Python and a Postgres. Then it writes this page. `make test` runs all other tests,
on one Python and on Postgres 18; `make matrix ARGS="--tests tests/integration tests/acceptance"` runs more of them on
each pair, but a test that starts a server of its own always starts Postgres 18.
"""


def report(rows: list[list[str]], tests: Sequence[str], missing: dict[str, str]) -> str:
    """Returns the table, with what was run when and where, and what wasn't to be had."""
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    when = f"The last run: {datetime.now(UTC):%-d %B %Y}, on {system}, {platform.machine()}."
    ran = f"On each Postgres it ran {', '.join(f'`{one}`' for one in tests)}."
    table = [f"| {' | '.join(row)} |" for row in [rows[0], ["---"] * len(rows[0]), *rows[1:]]]
    left = [f"- Not run: {what} ({why})." for what, why in missing.items()] or ["Nothing was missing."]
    return "\n".join([f"{when} {ran}", "", *table, "", *left, ""])


if __name__ == "__main__":
    main()
