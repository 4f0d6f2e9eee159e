"""A database in plain SQL, as a producer writes it and an onlooker reads it."""

from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row


class Database:
    """A database, in plain SQL. Every statement is a transaction of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.connection = psycopg.connect(url, autocommit=True, row_factory=namedtuple_row)

    def execute(self, statement: str, parameters: Any = None) -> None:
        self.connection.execute(statement, parameters)

    def all(self, query: str, parameters: Any = None) -> list[Any]:
        return self.connection.execute(query, parameters).fetchall()

    def one(self, query: str, parameters: Any = None) -> Any:
        (row,) = self.all(query, parameters)
        return row

    def scalar(self, query: str, parameters: Any = None) -> Any:
        (value,) = self.one(query, parameters)
        return value

    def insert(self, table: str, **columns: Any) -> int:
        """Insert one row; returns its id."""
        statement = sql.SQL("INSERT INTO {} ({}) VALUES ({}) RETURNING id").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join(map(sql.Placeholder, columns)),
        )
        row = self.connection.execute(statement, columns).fetchone()
        assert row is not None
        return int(row[0])

    def add_order(self, **columns: Any) -> int:
        return self.insert("orders", **{"service": "1", "link": "https://example.com/p", "quantity": 100} | columns)

    def add_submitted(self, panel_order_id: str, **columns: Any) -> int:
        """An order that the panel has, due to be looked at."""
        order_id = self.add_order(**{"state": "submitted", "panel_order_id": panel_order_id} | columns)
        self.execute(
            "INSERT INTO polls SELECT id, panel, now() - interval '1 s', created_at FROM orders WHERE id = %s",
            [order_id],
        )
        return order_id

    def row(self, table: str, row_id: int) -> Any:
        return self.one(f"SELECT * FROM {table} WHERE id = %s", [row_id])  # noqa: S608 - a table of ours

    def order(self, order_id: int) -> Any:
        return self.row("orders", order_id)

    def poll(self, order_id: int) -> Any:
        return self.one("SELECT * FROM polls WHERE order_id = %s", [order_id])

    def submission(self, token: int) -> Any:
        return self.row("submissions", token)

    def events(self, order_id: int) -> list[Any]:
        return self.all("SELECT * FROM order_events WHERE order_id = %s ORDER BY id", [order_id])

    def kinds(self, order_id: int) -> list[str]:
        return [event.kind for event in self.events(order_id)]
