"""The script that everybody writes first: one order after the other, with requests and psycopg."""

import psycopg
import requests

from tests.bench.contenders.given import PENDING, WRITE, Given
from tests.bench.panel import KEY


def main(told: Given) -> None:
    with psycopg.connect(told.database, autocommit=True) as connection, requests.Session() as http:
        for order_id, service, link, quantity in connection.execute(PENDING).fetchall():
            form = {"key": KEY, "action": "add", "service": service, "link": link, "quantity": quantity}
            reply = http.post(told.panel, data=form, timeout=30)
            connection.execute(WRITE, [str(reply.json()["order"]), order_id])
