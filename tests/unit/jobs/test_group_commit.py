"""Groups that form by themselves, and one bad item among them."""

import asyncio
from collections.abc import Sequence

import pytest

from worker.jobs.machinery.group_commit import Entry, GroupWriter, WriteQueue


class Table:
    """Keeps what was written, group by group, once it may write. Refuses a group with a negative number as a whole."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.may_write = asyncio.Semaphore(0)
        self.begun: asyncio.Queue[Sequence[int]] = asyncio.Queue()

    async def write(self, numbers: Sequence[int]) -> int:
        self.begun.put_nowait(numbers)
        await self.may_write.acquire()
        if min(numbers) < 0:
            raise ValueError(numbers)
        self.groups.append(list(numbers))
        return len(self.groups)


async def put_all(table: Table, numbers: Sequence[int], at_most: int = 100) -> list[int | BaseException]:
    writer = GroupWriter(table.write, at_most)
    senders = [asyncio.ensure_future(writer.write(number)) for number in numbers]
    await asyncio.sleep(0)
    for _ in range(2 * len(numbers)):
        table.may_write.release()
    return await asyncio.gather(*senders, return_exceptions=True)


async def test_what_arrives_meanwhile_is_written_together() -> None:
    table = Table()
    assert await put_all(table, [1, 2, 3, 4]) == [1, 2, 2, 2]
    assert table.groups == [[1], [2, 3, 4]]


async def test_a_group_holds_no_more_than_it_may() -> None:
    table = Table()
    await put_all(table, [1, 2, 3, 4, 5, 6], at_most=2)
    assert table.groups == [[1], [2, 3], [4, 5], [6]]


async def test_one_that_can_not_be_written_keeps_no_other_back() -> None:
    table = Table()
    results = await put_all(table, [1, 2, -3, 4])
    assert sorted(number for group in table.groups for number in group) == [1, 2, 4]
    assert [isinstance(result, ValueError) for result in results] == [False, False, True, False]


async def test_another_sender_writes_what_a_cancelled_one_left() -> None:
    table = Table()
    writer = GroupWriter(table.write, 100)
    senders = [asyncio.ensure_future(writer.write(number)) for number in (1, 2, 3)]
    assert await table.begun.get() == [1]
    table.may_write.release()
    assert await table.begun.get() == [2, 3]
    senders[1].cancel()
    assert await table.begun.get() == [3]
    table.may_write.release()
    assert await asyncio.wait_for(senders[2], 5) == 2
    assert table.groups == [[1], [3]]


async def test_a_sender_that_is_cancelled_keeps_no_other_waiting() -> None:
    table = Table()
    writer = GroupWriter(table.write, 100)
    senders = [asyncio.ensure_future(writer.write(number)) for number in (1, 2, 3)]
    assert await table.begun.get() == [1]
    table.may_write.release()
    assert await table.begun.get() == [2, 3]
    senders[2].cancel()
    table.may_write.release()
    assert await asyncio.wait_for(senders[1], 5) == 2
    with pytest.raises(asyncio.CancelledError):
        await senders[2]


async def test_a_cancelled_sender_of_a_bad_item_keeps_no_other_waiting() -> None:
    table = Table()
    writer = GroupWriter(table.write, 100)
    senders = [asyncio.ensure_future(writer.write(number)) for number in (1, 2, -3)]
    assert await table.begun.get() == [1]
    table.may_write.release()
    assert await table.begun.get() == [2, -3]
    senders[2].cancel()
    for _ in range(3):
        table.may_write.release()
    assert await asyncio.wait_for(senders[1], 5) == 2


async def test_a_group_whose_writer_fails_goes_on_waiting() -> None:
    queue: WriteQueue[int, None] = WriteQueue()
    queue.append(Entry(1))
    with pytest.raises(ConnectionError):
        await _failing(queue)
    assert [entry.item for entry in queue] == [1]
    async with queue.group() as group:
        queue.append(Entry(2))
        assert [entry.item for entry in group] == [1]
    assert [entry.item for entry in queue] == [2]


async def _failing(queue: WriteQueue[int, None]) -> None:
    async with queue.group():
        raise ConnectionError


async def test_whoever_waits_for_items_waits_until_one_arrives() -> None:
    queue: WriteQueue[int, None] = WriteQueue()
    for number in (1, 2):
        filled = asyncio.ensure_future(queue.filled())
        await asyncio.sleep(0)
        assert not filled.done()
        queue.append(Entry(number))
        await asyncio.wait_for(filled, 5)
        async with queue.group():
            pass


async def test_nobody_is_held_back_before_too_many_items_wait() -> None:
    table = Table()
    writer = GroupWriter(table.write, 100)
    senders = [asyncio.ensure_future(writer.write(number)) for number in (1, 2, 3)]
    await table.begun.get()
    await asyncio.wait_for(writer.caught_up(3), 5)
    held_back = asyncio.ensure_future(writer.caught_up(2))
    table.may_write.release()
    await table.begun.get()
    assert not held_back.done()
    table.may_write.release()
    await asyncio.wait_for(held_back, 5)
    assert await asyncio.gather(*senders) == [1, 2, 2]
