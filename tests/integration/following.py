"""Ten writers, one follower that is left alone and one that is killed: what either missed or was told twice is counted.

By hand, in its long form: `python -m tests.integration.following --events 100000 --kills 50`.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice, pairwise
from pathlib import Path

import psycopg

from tests.plans import plan_of_options
from worker.events import follow
from worker.store.schema.embedded import embedded_postgres
from worker.store.schema.migrate import migrate

WRITE = """
    INSERT INTO order_events (order_id, kind, state_after) SELECT 1, 'status', 'submitted' FROM generate_series(1, %s)
    RETURNING id
"""

#: The last event: it is about another order. Whoever comes to it has been told of all that was committed before.
OVER = "INSERT INTO order_events (order_id, kind, state_after) VALUES (2, 'status', 'submitted')"

#: A consumer that does two things about each event: one elsewhere (a line that it prints), one in the transaction that
#: moves its bookmark.
CONSUMER = """
import sys
import psycopg
from worker.events import Bookmark, follow
url, at_most = sys.argv[1:]
with psycopg.connect(url, autocommit=True) as connection:
    bookmark = Bookmark(connection, "consumer")
    for event in follow(connection, after=bookmark.position, at_most=int(at_most)):
        if event.order_id == 2:
            break
        print(event.id, flush=True)
        with connection.transaction():
            connection.execute("INSERT INTO consumed (id) VALUES (%s)", [event.id])
            bookmark.move(event.id)
"""

#: Seconds for anything here to come to its end.
PATIENCE = 3600


@dataclass(frozen=True)
class Plan:
    """`kills` of the consumer are spread over the events. `at_most` are read by either at once."""

    events: int = 5_000
    writers: int = 10
    kills: int = 4
    at_most: int = 50
    seed: int = 1


@dataclass
class Figures:
    """`told`, `missed` and `doubled` are those of the follower that was left alone, `consumed` and so on the other's.

    `repeated` are events that the consumer printed more than once: it was killed between that and its commit.
    """

    events: int = 0
    rolled_back: int = 0
    told: int = 0
    missed: int = 0
    doubled: int = 0
    out_of_order: int = 0
    behind: int = 0  #: events that weren't told yet when the last was written
    kills: int = 0
    consumed: int = 0
    consumed_missed: int = 0
    consumed_doubled: int = 0
    printed_missed: int = 0
    repeated: int = 0
    most_repeated: int = 0  #: times that one event was printed
    seconds_writing: float = 0.0
    seconds_following: float = 0.0
    seconds_consuming: float = 0.0

    @property
    def told_per_second(self) -> float:
        return self.told / max(self.seconds_following, 0.001)

    def __str__(self) -> str:
        told = asdict(self) | {"told_per_second": round(self.told_per_second)}
        return "\n".join(f"{name.replace('_', ' '):>17}  {value}" for name, value in told.items())


def write_beside_others(url: str, number: int, seed: int) -> tuple[set[int], int]:
    """The ids of so many events, written in transactions of several statements; and how many were rolled back."""
    dice, written, rolled_back = random.Random(seed), set[int](), 0
    with psycopg.connect(url) as connection:
        while len(written) < number:
            left = number - len(written)
            parts = [dice.randint(1, 10) for _ in range(dice.randint(1, 3))]
            if sum(parts) > left:
                parts = [left]
            ids = {row[0] for part in parts for row in connection.execute(WRITE, [part]).fetchall()}
            if dice.random() < 0.1:
                connection.rollback()
                rolled_back += len(ids)
            else:
                connection.commit()
                written |= ids
    return written, rolled_back


class Reader:
    """Follows in a thread of its own, to the end."""

    def __init__(self, url: str, at_most: int) -> None:
        self._url = url
        self._at_most = at_most
        self.seen: list[int] = []

    def read(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            for event in follow(connection, after=0, at_most=self._at_most):
                if event.order_id != 1:
                    return
                self.seen.append(event.id)


class Consumer:
    """CONSUMER, in a process at a time; each is killed but the last."""

    def __init__(self, url: str, plan: Plan) -> None:
        self._url = url
        self._plan = plan
        self.printed: list[int] = []

    def live(self) -> None:
        """All its lives, one after the other."""
        dice = random.Random(self._plan.seed)
        share = max(self._plan.events // (self._plan.kills + 1), 1)
        for _ in range(self._plan.kills):
            self._live(dice.randint(share // 2, share))
        self._live(None)

    def _live(self, events: int | None) -> None:
        """One of them. It is killed after so many events; None: it isn't, and ends by itself."""
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        command = [sys.executable, "-c", CONSUMER, self._url, str(self._plan.at_most)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            try:
                self.printed += map(int, islice(process.stdout, events))
                if events is not None:
                    process.send_signal(signal.SIGKILL)
                    self.printed += map(int, process.stdout)  # what it said before it died
                code = process.wait(PATIENCE)
            finally:
                process.kill()
        assert code == (0 if events is None else -signal.SIGKILL)


def run(url: str, plan: Plan) -> Figures:
    """One run, in a migrated database that has no events."""
    figures = Figures(plan.events, kills=plan.kills)
    reader, consumer = Reader(url, plan.at_most), Consumer(url, plan)
    with closing(psycopg.connect(url, autocommit=True)) as connection:
        connection.execute("CREATE TABLE consumed (number bigint GENERATED ALWAYS AS IDENTITY, id bigint NOT NULL)")
        began = time.monotonic()
        with ThreadPoolExecutor(plan.writers + 2) as pool:
            reading = pool.submit(_timed, reader.read, began)
            consuming = pool.submit(_timed, consumer.live, began)
            shares = pairwise(plan.events * number // plan.writers for number in range(plan.writers + 1))
            writers = [pool.submit(write_beside_others, url, end - first, plan.seed + end) for first, end in shares]
            try:
                done = [writer.result(PATIENCE) for writer in writers]
                figures.behind = plan.events - len(reader.seen)
                figures.seconds_writing = round(time.monotonic() - began, 1)
            finally:
                connection.execute(OVER)
            figures.seconds_following = reading.result(PATIENCE)
            figures.seconds_consuming = consuming.result(PATIENCE)
        consumed = [row[0] for row in connection.execute("SELECT id FROM consumed ORDER BY number")]
    written = set[int]().union(*(ids for ids, _ in done))
    assert len(written) == plan.events
    figures.rolled_back = sum(number for _, number in done)
    figures.told = len(reader.seen)
    figures.missed, figures.doubled = _missed(written, reader.seen), _doubled(reader.seen)
    figures.out_of_order = sum(later <= earlier for earlier, later in pairwise(reader.seen))
    figures.consumed = len(consumed)
    figures.consumed_missed, figures.consumed_doubled = _missed(written, consumed), _doubled(consumed)
    figures.printed_missed, figures.repeated = _missed(written, consumer.printed), _doubled(consumer.printed)
    figures.most_repeated = max(Counter(consumer.printed).values())
    return figures


def _timed(work: Callable[[], None], began: float) -> float:
    work()
    return round(time.monotonic() - began, 1)


def _missed(written: set[int], seen: list[int]) -> int:
    """Those that weren't told; and those that were, and never written."""
    return len(written ^ set(seen))


def _doubled(seen: list[int]) -> int:
    return len(seen) - len(set(seen))


def main() -> None:
    plan = plan_of_options(Plan(events=100_000, kills=50, at_most=1000), __doc__)
    with (
        tempfile.TemporaryDirectory(prefix="order_sync_following_") as directory,
        embedded_postgres(Path(directory) / "postgres") as url,
    ):
        migrate(url)
        print(run(url, plan))  # noqa: T201


if __name__ == "__main__":
    main()
