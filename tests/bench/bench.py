"""How fast it is on this machine: `make bench`, or `make bench ARGS="submit --orders 5000"` for one scenario.

Every figure is compared with another of the same run, on the same machine, Postgres and panel. None of it is a test.
"""

import argparse
import asyncio
import signal
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from tests.bench import results, tables
from tests.bench.publish import publish
from tests.bench.scenarios import (
    freshness,
    growth,
    inserts,
    memory,
    pick_up,
    replicas,
    slow_panel,
    statuses,
    submit,
)
from tests.bench.stage import stage, value

SCENARIOS: Mapping[str, Any] = {
    "submit": submit,
    "statuses": statuses,
    "slow-panel": slow_panel,
    "replicas": replicas,
    "pick-up": pick_up,
    "inserts": inserts,
    "freshness": freshness,
    "memory": memory,
    "growth": growth,
}


async def run(name: str, sizes: Any) -> None:
    async with stage() as played_on:
        postgres = value(played_on.postgres, "SHOW server_version")
        outcome = await SCENARIOS[name].run(played_on, sizes)
    print(tables.screen(results.keep(name, outcome, asdict(sizes), postgres)), flush=True)  # noqa: T201


def main() -> None:
    # As Ctrl-C: the database and the processes that are measured go down with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    match vars(_parser().parse_args()):
        case {"scenario": None}:
            for name, scenario in SCENARIOS.items():
                asyncio.run(run(name, scenario.Sizes()))
        case {"scenario": "publish"}:
            publish(SCENARIOS)
        case {"scenario": name, **sizes}:
            asyncio.run(run(name, SCENARIOS[name].Sizes(**sizes)))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    commands = parser.add_subparsers(dest="scenario", metavar="SCENARIO", help="one of them alone, with its own sizes")
    for name, scenario in SCENARIOS.items():
        command = commands.add_parser(name, help=scenario.__doc__.splitlines()[0], description=scenario.__doc__)
        for size in fields(scenario.Sizes):
            command.add_argument(f"--{size.name}", type=size.type, default=size.default, help="%(default)s")
    commands.add_parser("publish", help="puts the last figures into docs/benchmarks.md")
    return parser


if __name__ == "__main__":
    main()
