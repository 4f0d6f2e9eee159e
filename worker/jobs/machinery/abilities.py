"""Keeps what a panel can do: in memory what its answers show, in the database what is certain."""

import asyncio
import math

import structlog

from worker.domain.orders.abilities import Ability, Action
from worker.store.shared.abilities import Abilities

_log = structlog.get_logger()

#: Seconds until a worker reads again what other workers have found out.
READ_EVERY = 60.0


class PanelAbilities:
    """What one panel can do, as far as this worker knows."""

    def __init__(self, panel: str, abilities: Abilities) -> None:
        self._panel = panel
        self._abilities = abilities
        self._known = {action: Ability() for action in Action}
        self._try_at = dict.fromkeys(Action, math.inf)
        self._read_at = -math.inf

    def of(self, action: Action) -> Ability:
        return self._known[action]

    def note(self, action: Action, ability: Ability) -> None:
        """Keeps what an answer has shown, which is less than a finding."""
        self._known[action] = ability

    async def read(self) -> None:
        """Learns what other workers have found out, now and then."""
        now = asyncio.get_running_loop().time()
        if now < self._read_at + READ_EVERY:
            return
        self._read_at = now
        limits = await self._abilities.known()
        for action in Action:
            most, try_in = limits.get(action, (None, math.inf))
            self._known[action] = self._known[action].with_most(most)
            self._try_at[action] = now + try_in

    def try_is_due(self, action: Action) -> bool:
        """Tells whether it is time to try a larger batch than the panel took."""
        return asyncio.get_running_loop().time() >= self._try_at[action]

    async def claim_try(self, action: Action) -> bool:
        """Returns whether this worker is to try a larger batch now: one of all workers is."""
        if not self.try_is_due(action):
            return False
        self._try_at[action] = math.inf
        self._read_at = -math.inf
        return await self._abilities.claim_try(action)

    async def found(self, action: Action, most: int) -> None:
        """Notes that the panel takes so many ids at most."""
        if await self._abilities.found(action, most):
            _log.warning("panel_takes_fewer_ids", panel=self._panel, action=action, most_ids=most)

    async def lifted(self, action: Action) -> None:
        """Notes that the panel takes larger batches than it did."""
        self._known[action] = self._known[action].with_most(None)
        self._try_at[action] = math.inf
        if await self._abilities.lifted(action):
            _log.info("panel_takes_more_ids", panel=self._panel, action=action)
