"""What a worker may begin, and under which id, as its lease is lost."""

from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

import pytest

from worker.jobs.machinery.lease import Lease

if TYPE_CHECKING:
    from worker.store.shared.leases import Workers


class Registry:
    """Has ended every lease."""

    def __init__(self) -> None:
        self.away = False

    async def begin(self) -> UUID:
        if self.away:
            raise ConnectionError
        return uuid4()

    async def renew(self, _worker: UUID) -> bool:
        return False


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
async def lease(registry: Registry) -> Lease:
    lease = Lease(cast("Workers", registry))
    await lease.begin()
    return lease


async def test_a_lease_that_was_lost_is_begun_anew(lease: Lease) -> None:
    before = lease.current()
    assert before is not None
    await lease.renew()
    assert lease.current() not in (None, before)
    assert not lease.holds(before)


async def test_a_lease_is_lost_as_soon_as_that_is_known(lease: Lease, registry: Registry) -> None:
    """Though by our own clock it would last, and a new one can't be had."""
    before = lease.current()
    assert before is not None
    registry.away = True
    with pytest.raises(ConnectionError):
        await lease.renew()
    assert not lease.holds(before)
    assert lease.current() is None
    registry.away = False
    await lease.renew()
    assert lease.current() not in (None, before)
