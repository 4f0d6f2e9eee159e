"""Results wait for the claim that takes them along, if it comes; and are written without one, if it doesn't."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import cast

import pytest
from structlog.testing import capture_logs

from worker.domain.orders.add_request import AddRequest
from worker.domain.orders.changes import Change, OrderRecord
from worker.domain.orders.outcomes import Accepted
from worker.domain.orders.states import OrderState
from worker.domain.orders.submission import Claimed, belongs_to, settled
from worker.jobs.machinery import recorder as recorder_module
from worker.jobs.machinery.recorder import Recorder, Result
from worker.store.queue.settle import OrdersLockedError, Outcomes, Settlements

#: Seconds. Far longer than anything here takes, and never waited for where all is well.
LONG = 10.0


class Table:
    """Keeps what was written without a claim, group by group, once it may write."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_write = asyncio.Event()
        self.may_write.set()
        self.fails = False
        self.locked: set[int] = set()
        self.changes: list[Change] = []

    async def settle(self, outcomes: Outcomes) -> list[Change]:
        await self.may_write.wait()
        if self.fails:
            raise ConnectionError
        tokens = {claimed.token for claimed, _ in outcomes}
        self.groups.append(sorted(tokens - self.locked))
        if held_up := tokens & self.locked:
            raise OrdersLockedError(held_up, [])
        return self.changes


class Deaf:
    def job_succeeded(self, job: str, panel: str) -> None: ...

    def job_failed(self, job: str, panel: str) -> None: ...


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
async def recorder(table: Table) -> AsyncIterator[Recorder]:
    recorder = Recorder("shop", cast("Settlements", table), Deaf())
    running = asyncio.create_task(recorder.run())
    yield recorder
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "PATIENCE", LONG)


def claimed(token: int) -> Claimed:
    return Claimed(token, token, 1, AddRequest("1"))


def put(recorder: Recorder, token: int) -> asyncio.Future[None]:
    return recorder.put(Result("shop", claimed(token), Accepted(str(token)), 0.1))


async def written(*results: asyncio.Future[None]) -> None:
    await asyncio.wait_for(asyncio.gather(*results), LONG / 2)


async def turns() -> None:
    """Time for all that can go on by itself."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_without_a_claim_results_are_written_at_once(recorder: Recorder, table: Table, patient: None) -> None:
    await written(put(recorder, 1), put(recorder, 2))
    assert table.groups == [[1, 2]]


async def test_what_arrives_meanwhile_is_written_together(recorder: Recorder, table: Table) -> None:
    table.may_write.clear()
    first = put(recorder, 1)
    await turns()
    later = [put(recorder, token) for token in (2, 3)]
    table.may_write.set()
    await written(first, *later)
    assert table.groups == [[1], [2, 3]]


async def test_a_claim_takes_along_what_waits(recorder: Recorder, table: Table, patient: None) -> None:
    with recorder.claim_to_come():
        results = [put(recorder, token) for token in (1, 2)]
        await turns()
        async with recorder.group() as group:
            late = put(recorder, 3)
            assert [claimed.token for claimed, _ in group.outcomes] == [1, 2]
        await written(*results)
        assert not late.done()
        assert [result.claimed.token for result in recorder.unwritten] == [3]
    assert table.groups == []


async def test_a_claim_that_does_not_come_is_not_waited_for_long(recorder: Recorder, table: Table) -> None:
    with recorder.claim_to_come():
        await written(put(recorder, 1))
    assert table.groups == [[1]]


async def test_each_result_is_left_for_claims_as_long_as_the_first(
    recorder: Recorder, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "PATIENCE", 1.0)
    with recorder.claim_to_come():
        for token in (1, 2, 3):
            result = put(recorder, token)
            await asyncio.sleep(0.6)
            assert await _tokens(recorder) == [token]
            await written(result)
    assert table.groups == []


async def test_a_claim_that_takes_long_leaves_the_rest_to_the_next(
    recorder: Recorder, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "PATIENCE", 0.5)
    with recorder.claim_to_come():
        put(recorder, 1)
        async with recorder.group() as group:
            assert len(group.outcomes) == 1
            put(recorder, 2)
            await asyncio.sleep(1.0)
        await turns()
        assert await _tokens(recorder) == [2]
    assert table.groups == []


async def test_what_a_claim_could_not_write_is_written_without_it(recorder: Recorder, table: Table) -> None:
    result = put(recorder, 1)
    with pytest.raises(ConnectionError):
        await _failing_claim(recorder)
    assert not result.done()
    await written(result)
    assert table.groups == [[1]]


async def _failing_claim(recorder: Recorder) -> None:
    async with recorder.group() as group:
        assert len(group.outcomes) == 1
        raise ConnectionError


async def test_no_result_is_in_two_hands(recorder: Recorder, table: Table) -> None:
    """While one is being written with a claim, the loop leaves it alone; and the claim what the loop is writing."""
    result = put(recorder, 1)
    async with recorder.group() as group:
        assert len(group.outcomes) == 1
        await asyncio.sleep(2 * recorder_module.PATIENCE)
    await written(result)
    table.may_write.clear()
    other = put(recorder, 2)
    await turns()
    claim = asyncio.create_task(_tokens(recorder))
    await turns()
    assert not claim.done()
    table.may_write.set()
    assert await asyncio.wait_for(claim, LONG / 2) == []
    await written(other)
    assert table.groups == [[2]]


async def _tokens(recorder: Recorder) -> list[int]:
    async with recorder.group() as group:
        return [claimed.token for claimed, _ in group.outcomes]


async def test_whoever_waits_no_more_keeps_no_other_waiting(recorder: Recorder, table: Table) -> None:
    table.may_write.clear()
    results = [put(recorder, token) for token in (1, 2)]
    await turns()
    results[0].cancel()
    table.may_write.set()
    await written(results[1])
    assert recorder.unwritten == []
    assert table.groups == [[1, 2]]


async def test_what_is_held_up_is_put_off_and_holds_up_no_other(recorder: Recorder, table: Table) -> None:
    table.locked = {1}
    held_up = put(recorder, 1)
    await written(put(recorder, 2))
    assert not held_up.done()
    assert [result.claimed.token for result in recorder.unwritten] == [1]
    assert await _tokens(recorder) == []  # a claim goes on without it
    table.locked = set()
    await written(held_up)
    assert table.groups == [[2], [1]]
    assert recorder.unwritten == []


async def test_what_stays_held_up_is_tried_less_and_less_often(
    recorder: Recorder, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[int] = []
    monkeypatch.setattr(recorder_module, "back_off", lambda count, **_: failures.append(count) or 0.0)
    table.locked = {1}
    held_up = put(recorder, 1)
    await turns()
    table.locked = set()
    await written(held_up)
    assert len(failures) > 1
    assert failures == list(range(1, len(failures) + 1))


async def test_what_can_not_be_written_is_kept(
    recorder: Recorder, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "back_off", lambda *_, **__: 0.0)
    table.fails = True
    results = [put(recorder, token) for token in (1, 2)]
    await turns()
    assert [result.claimed.token for result in recorder.unwritten] == [1, 2]
    table.fails = False
    await written(*results)
    assert table.groups == [[1, 2]]
    assert recorder.unwritten == []


async def test_the_log_names_the_order_that_has_the_id_already(recorder: Recorder, table: Table) -> None:
    table.changes = [settled(claimed(7), belongs_to(Accepted("7"), 5), OrderRecord(OrderState.SUBMITTING))]
    with capture_logs() as logged:
        await written(put(recorder, 7))
    (line,) = logged
    assert (line["event"], line["log_level"], line["error_code"]) == ("order_unconfirmed", "warning", "duplicate_id")
    assert (line["order_id"], line["panel_order_id"], line["held_by"]) == (7, "7", 5)
