"""Bunches that form by themselves, and one bad item among them."""

import asyncio
from collections.abc import Sequence

import pytest

from worker.jobs.machinery.group_commit import Bunches


class Table:
    """What was written, bunch by bunch, as far as they may be. A bunch with a negative number is refused as a whole."""

    def __init__(self) -> None:
        self.bunches: list[list[int]] = []
        self.may_write = asyncio.Semaphore(0)
        self.begun: asyncio.Queue[Sequence[int]] = asyncio.Queue()

    async def write(self, numbers: Sequence[int]) -> int:
        self.begun.put_nowait(numbers)
        await self.may_write.acquire()
        if min(numbers) < 0:
            raise ValueError(numbers)
        self.bunches.append(list(numbers))
        return len(self.bunches)


async def put_all(table: Table, numbers: Sequence[int], at_most: int = 100) -> list[int | BaseException]:
    bunches = Bunches(table.write, at_most)
    senders = [asyncio.ensure_future(bunches.put(number)) for number in numbers]
    await asyncio.sleep(0)
    for _ in range(2 * len(numbers)):
        table.may_write.release()
    return await asyncio.gather(*senders, return_exceptions=True)


async def test_what_arrives_meanwhile_is_written_together() -> None:
    table = Table()
    assert await put_all(table, [1, 2, 3, 4]) == [1, 2, 2, 2]
    assert table.bunches == [[1], [2, 3, 4]]


async def test_a_bunch_holds_no_more_than_it_may() -> None:
    table = Table()
    await put_all(table, [1, 2, 3, 4, 5, 6], at_most=2)
    assert table.bunches == [[1], [2, 3], [4, 5], [6]]


async def test_one_that_can_not_be_written_keeps_no_other_back() -> None:
    table = Table()
    results = await put_all(table, [1, 2, -3, 4])
    assert sorted(number for bunch in table.bunches for number in bunch) == [1, 2, 4]
    assert [isinstance(result, ValueError) for result in results] == [False, False, True, False]


async def test_after_a_write_that_was_given_up_nobody_waits_for_ever() -> None:
    table = Table()
    bunches = Bunches(table.write, 100)
    senders = [asyncio.ensure_future(bunches.put(number)) for number in (1, 2, 3)]
    assert await table.begun.get() == [1]
    table.may_write.release()
    assert await table.begun.get() == [2, 3]
    senders[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(senders[2], 5)
