"""Decides how many ids a panel is asked about in one call, by what it refused and answered so far (docs/panels.md).

Some panels know one id at a time, some take fewer ids than the document says, and some answer for the first ones only.
What a panel can do shows in its answers about the same ids: in a large batch, in a smaller one, alone. Trouble that
passes may look the same, so one such answer is a suspicion, and the next one a finding.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

#: Most ids of one call, by the document.
BATCH = 100

#: A panel whose batches have worked may take them no more: after so many refusals in a row of single ids in the form of
#: a batch, nobody knows.
FORGOTTEN_AFTER = 3


class Action(StrEnum):
    """The calls that are about ids, by their names in the panel API."""

    STATUS = "status"
    REFILL = "refill"
    REFILL_STATUS = "refill_status"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Ability:
    """How many ids a panel takes in one call of an action.

    `most`: the largest batch that it is asked about; 0: one id at a time, in the form for one id; None: no limit is
    known. `suspected` is what one answer has shown, as `most`. `reached`: the ids up to the last one that a batch was
    answered for, at most. `refused_alone` counts the refusals since then of single ids in the form of a batch.
    """

    most: int | None = None
    suspected: int | None = None
    reached: int = 0
    refused_alone: int = 0

    @property
    def size(self) -> int:
        """The ids of one call."""
        return BATCH if self.most is None else max(self.most, 1)

    @property
    def takes_batches(self) -> bool:
        """Whether the panel is known to understand the form of a batch."""
        return self.most != 0 and self.reached > 0 and self.refused_alone < FORGOTTEN_AFTER

    def with_most(self, most: int | None) -> "Ability":
        """Returns the ability with another limit, which somebody has found or lifted."""
        return self if most == self.most else replace(self, most=most, suspected=None)

    def answered(self, reached: int) -> "Ability":
        """Returns the ability after an answer to a batch, in which so many ids lead up to the last one with news."""
        if not reached:
            return self
        refuted = self.suspected is not None and reached > self.suspected
        return replace(
            self,
            suspected=None if refuted else self.suspected,
            reached=max(self.reached, reached),
            refused_alone=0,
        )

    def refused(self) -> "Ability":
        """Returns the ability after the refusal of one id in the form of a batch."""
        return replace(self, refused_alone=self.refused_alone + 1)

    def shown(self, most: int, before: "Ability") -> "Ability":
        """Returns the ability after the panel has shown, by a larger batch that failed, that it takes `most` ids.

        `before`: the ability when that batch was sent. Where it was suspected by then, this is the second sign.
        """
        if self.most is not None and most >= self.most:
            return self
        if before.suspected is None or self.suspected is None:
            return replace(self, suspected=most if self.suspected is None else max(most, self.suspected))
        return replace(self, most=max(most, self.suspected), suspected=None)
