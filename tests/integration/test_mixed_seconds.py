"""Whole numbers and fractions of seconds go together in one statement."""

import psycopg

from worker.domain.orders.changes import Change, EventKind, OrderRecord
from worker.domain.orders.refills_and_cancels import RefillOrCancelChange
from worker.domain.orders.states import OrderState, RefillState
from worker.store.db.engine import make_engine
from worker.store.db.transactions import Transactions
from worker.store.queue.changes import write_changes
from worker.store.queue.refills_and_cancels import Requests

TWO_ORDERS = """
    INSERT INTO orders (service, link, state, panel_order_id) VALUES
        ('1', 'https://example.com', 'submitted', '7'), ('1', 'https://example.com', 'submitted', '8')
    RETURNING id
"""


async def test_refills_that_end_and_that_go_on_are_recorded_together(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as producer:
        for (order_id,) in producer.execute(TWO_ORDERS).fetchall():
            producer.execute("INSERT INTO refills (order_id) VALUES (%s)", [order_id])
        engine = make_engine(database_url, pool_size=1)
        requests = Requests(engine, "refills", lease=60)
        ended, goes_on = await requests.claim("default", RefillState.PENDING, 10)
        recorded = await requests.record(
            [ended, goes_on],
            [
                RefillOrCancelChange(ended.request_id, RefillState.REJECTED, 0, error_code="refused"),
                RefillOrCancelChange(goes_on.request_id, RefillState.SUBMITTED, 0.5, panel_refill_id="1"),
            ],
        )
        await engine.dispose()
        states = producer.execute("SELECT id, state FROM refills").fetchall()
    assert recorded == {ended.request_id, goes_on.request_id}
    assert dict(states) == {ended.request_id: "rejected", goes_on.request_id: "submitted"}


async def test_orders_that_wait_for_long_and_for_a_moment_are_written_together(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as producer:
        producer.execute("INSERT INTO orders (service, state) VALUES ('1', 'submitting'), ('1', 'submitting')")
        ids = [order_id for (order_id,) in producer.execute("SELECT id FROM orders ORDER BY id").fetchall()]
        before, after = OrderRecord(OrderState.SUBMITTING), OrderRecord(OrderState.PENDING)
        engine = make_engine(database_url, pool_size=1)
        async with Transactions(engine).begin() as transaction:
            changes = [
                Change(order_id, EventKind.REQUEUED, before, after, retry_in=seconds)
                for order_id, seconds in zip(ids, (3600, 1.5), strict=True)
            ]
            await write_changes(transaction, changes)
        await engine.dispose()
        states = producer.execute("SELECT DISTINCT state FROM orders WHERE retry_at > now()").fetchall()
    assert states == [("pending",)]
