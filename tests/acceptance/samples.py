"""Orders of every kind, as a shop would insert them, for the services of the sandbox."""

import json
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import psycopg

Row = dict[str, Any]


def _names(dice: random.Random, least: int, most: int) -> list[str]:
    return [f"user{dice.randrange(10_000)}" for _ in range(dice.randint(least, most))]


#: For each service of the sandbox, what an order of it asks for beside a link.
KINDS: dict[int, Callable[[random.Random], Row]] = {
    1: lambda d: {"quantity": d.randint(50, 5000)},
    2: lambda d: {"quantity": d.randint(10, 900), "runs": d.randint(2, 4), "interval_minutes": d.choice([5, 10])},
    3: lambda d: {"quantity": d.randint(100, 9999)},
    4: lambda d: {"quantity": d.randint(100, 9999)},
    5: lambda _: {},
    6: lambda d: {"params": {"comments": _names(d, 1, 20)}},
    7: lambda d: {"params": {"comments": "\r\n".join(_names(d, 1, 5))}},
    8: lambda d: {"params": {"username": "someone", "comments": _names(d, 1, 9)}},
    9: lambda d: {"quantity": d.randint(20, 900), "params": {"usernames": _names(d, 1, 9)}},
    10: lambda d: {
        "quantity": d.randint(20, 900),
        "params": {"usernames": _names(d, 1, 3), "hashtags": ["one", " two ", ""]},
    },
    11: lambda d: {"params": {"usernames": _names(d, 1, 30)}},
    12: lambda d: {"quantity": d.randint(20, 900), "params": {"hashtag": "sun"}},
    13: lambda d: {"quantity": d.randint(20, 900), "params": {"username": "someone"}},
    14: lambda d: {"quantity": d.randint(20, 900), "params": {"media": "https://example.com/p/1"}},
    15: lambda d: {"quantity": d.randint(10, 900), "params": {"username": "someone"}},
    16: lambda d: {"quantity": d.randint(10, 900), "params": {"answer_number": d.randint(1, 4)}},
    17: lambda d: {"quantity": d.randint(50, 900), "params": {"groups": ["https://example.com/g/1"]}},
    18: lambda d: {"quantity": d.randint(10, 900), "params": {"keywords": ["shoes", "red shoes"]}},
    19: lambda d: {
        "quantity": d.randint(500, 9000),
        "params": {"country": "WW", "device": 1, "type_of_traffic": 1, "google_keyword": "shoes"},
    },
    20: lambda _: {"link": None, "params": {"username": "someone", "min": 10, "max": 20, "posts": 2, "delay": 0}},
}


def orders(count: int, seed: int, services: Iterable[int] = KINDS) -> Iterator[Row]:
    """So many rows, of all services in turn."""
    dice = random.Random(seed)
    choice = list(services)
    for number in range(count):
        service = choice[number % len(choice)]
        row = {"service": str(service), "link": f"https://example.com/{seed}/{number}", "reference": f"{seed}-{number}"}
        yield row | KINDS[service](dice)


def insert(database_url: str, rows: Iterable[Row]) -> list[int]:
    """Insert rows by plain SQL, in one transaction; returns their ids."""
    ids = []
    with psycopg.connect(database_url) as connection:
        for row in rows:
            columns = ", ".join(row)
            values = [json.dumps(value) if isinstance(value, dict) else value for value in row.values()]
            marks = ", ".join(["%s"] * len(row))
            inserted = connection.execute(f"INSERT INTO orders ({columns}) VALUES ({marks}) RETURNING id", values)  # noqa: S608 - columns of ours
            ids.append(inserted.fetchone()[0])
    return ids
