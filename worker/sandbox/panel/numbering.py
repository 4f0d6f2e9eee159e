"""Gives out the ids of orders: one sequence for all customers, unless it is told to misbehave."""

from collections.abc import Collection

from worker.sandbox.chance import Chance
from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel.clock import Clock
from worker.sandbox.panel.others import Others

#: Ids that don't increase lie anywhere within so many.
_WIDTH = 1_000_000


class Numbering:
    """The sequence of ids. `last` is the last id that was given out to this account, or was jumped to.

    `taken` holds this account's ids: none of them is given out twice. `increasing`: whether ids increase. After every
    `jump_every` orders, the sequence jumps ahead by `jump_by`; after every `restart_every` it starts anew at 1.
    """

    def __init__(self, options: SandboxOptions, clock: Clock, chance: Chance, taken: Collection[int]) -> None:
        self.last = options.first_order_id - 1
        self.increasing = True
        self.jump_every: int | None = None
        self.jump_by = 1_000_000
        self.restart_every: int | None = None
        self.others = Others(clock, chance, options.others, options.others_by_day, options.quiet_nights)
        self.first = options.first_order_id
        self._foreign = options.foreign
        self._clock = clock
        self._chance = chance
        self._taken = taken
        self._counted_at = clock.now()

    def next(self) -> int:
        """Gives out an id to an order of this account."""
        count = len(self._taken)
        self.given_out()
        self.last += 1 + self._chance.gap(self._foreign, "foreign", count)
        if count and self.jump_every and count % self.jump_every == 0:
            self.last += self.jump_by
        if count and self.restart_every and count % self.restart_every == 0:
            self.last = 1
        number = self.last if self.increasing else self.first + self._chance.whole(0, _WIDTH, "id", count)
        while number in self._taken:
            number += 1
        if self.increasing:
            self.last = number
        return number

    def given_out(self) -> int:
        """Returns the last id of the sequence that was given out to anybody by now."""
        now = self._clock.now()
        self.last += self.others.between(self._counted_at, now)
        self._counted_at = now
        return self.last

    def change_others(self, *, rate: float | None, by_day: bool | None, quiet_nights: bool | None) -> None:
        """Changes the given values from now on."""
        self.given_out()
        others = self.others
        others.rate = others.rate if rate is None else rate
        others.by_day = others.by_day if by_day is None else by_day
        others.quiet_nights = others.quiet_nights if quiet_nights is None else quiet_nights
