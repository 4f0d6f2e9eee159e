"""What it costs a producer that its inserts wake the worker: single rows, with the trigger and without."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.bench.results import Figure, Outcome, Runs
from tests.bench.scenarios.pick_up import INSERT
from tests.bench.stage import Stage
from worker.store.schema import embedded


@dataclass(frozen=True)
class Sizes:
    """`seconds`: of each way of inserting, in turn, so that what else the machine does strikes both."""

    producers: str = "1,8"
    seconds: int = 3
    rounds: int = 3


async def run(stage: Stage, sizes: Sizes) -> Outcome:
    script = stage.directory / "insert.sql"
    script.write_text(INSERT)
    runs = Runs()
    figures: list[Figure] = []
    for producers in map(int, sizes.producers.split(",")):
        connections = f"{producers} connection{'s' * (producers > 1)}"
        without, woken = f"{connections}, without", f"{connections}, with the wake-up"
        with stage.database() as url, psycopg.connect(url, autocommit=True) as listener:
            listener.execute("LISTEN order_sync_work")
            for _ in range(sizes.rounds):
                for name, does in ((without, "DISABLE"), (woken, "ENABLE")):
                    listener.execute(f"ALTER TABLE orders {does} TRIGGER orders_wake_up")
                    runs.add(name, {"rate": _inserts_a_second(url, script, producers, sizes.seconds)})
                    listener.execute("SELECT")  # takes what has been announced
        ratio = runs.median(woken) / runs.median(without)
        figures += [
            Figure(without, runs.median(without), "rows/s", ours=False),
            Figure(woken, runs.median(woken), "rows/s", ratio),
        ]
    return Outcome("Single-row inserts", figures, "to inserts without", runs)


def _inserts_a_second(url: str, script: Path, producers: int, seconds: int) -> float:
    pgbench = str(embedded._find_binaries() / "pgbench")
    about = ("--no-vacuum", f"--file={script}", "--protocol=prepared", f"--client={producers}", f"--time={seconds}")
    ended = subprocess.run([pgbench, *about, url], check=True, capture_output=True, text=True)
    found = re.search(r"^tps = ([0-9.]+)", ended.stdout, re.MULTILINE)
    if not found:
        raise RuntimeError(ended.stdout)
    return float(found[1])
