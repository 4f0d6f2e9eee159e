"""What a contender is told on its command line, and the two statements that those with a database share."""

import argparse
from dataclasses import dataclass

PENDING = "SELECT id, service, link, quantity FROM orders WHERE state = 'pending' ORDER BY id"

#: One row, in a transaction of its own. The values are the panel's id and the row's.
WRITE = """
    UPDATE orders SET state = 'submitted', panel_order_id = %s, submitted_at = now(), updated_at = now() WHERE id = %s
"""


@dataclass(frozen=True)
class Given:
    """`database` is empty where there is none; `orders` counts then."""

    module: str
    panel: str
    concurrency: int
    database: str
    orders: int
    client: str


def given() -> Given:
    parser = argparse.ArgumentParser()
    parser.add_argument("module")
    parser.add_argument("--panel", required=True)
    parser.add_argument("--concurrency", type=int, required=True)
    parser.add_argument("--database", default="")
    parser.add_argument("--orders", type=int, default=0)
    parser.add_argument("--client", choices=["panel", "httpx"], default="panel")
    return Given(**vars(parser.parse_args()))
