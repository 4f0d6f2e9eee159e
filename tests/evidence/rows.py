"""Names the worlds of the table, and has the specification's own figures of each."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.evidence.history import History
from tests.evidence.shops import PREMISES, Shop, history, nights
from worker.domain.evidence.questions import Premises

SPECIFIED = Path(__file__).with_name("specified.json")

_PACES = {"1/s": 1.0, "1/10s": 0.1, "1/min": 1 / 60, "1/30min": 1 / 1800}

#: Shares below those of the specification's simulator by more points than this are marked.
TOLERANCE = 3.0

_STEADY = Shop(own=1.0)
_SOMEWHAT_ALIKE = replace(_STEADY, alike=0.3)
_RARE = replace(_STEADY, loss=0.01, lost=30)

_SHOPS: Mapping[str, Shop] = {
    **{f"others {pace}/s": replace(_STEADY, others=pace) for pace in (0.1, 1, 5, 20)},
    "loss 1 %": _RARE,
    "outage of 60 s": replace(_STEADY, loss=None, hangs=True, lost=25),
    "cut 20 %": replace(_SOMEWHAT_ALIKE, cut=0.2),
    "cut 20 %, alike .5, loss 1 %": replace(_RARE, alike=0.5, cut=0.2),
    "rate drift": replace(_SOMEWHAT_ALIKE, prices="drift"),
    "discount 10 %": replace(_SOMEWHAT_ALIKE, prices="discount"),
    "discount starts": replace(_SOMEWHAT_ALIKE, prices="discount starts"),
    "2 decimals": replace(_SOMEWHAT_ALIKE, decimals=2),
    "drip-feeds 5 %": replace(_SOMEWHAT_ALIKE, parents=0.05),
    "alike .5": replace(_STEADY, alike=0.5),
    "alike .9": replace(_STEADY, alike=0.9),
    "alike .9, distinct quantities": replace(_STEADY, alike=0.9, distinct=40),
    "alike .9, late 120 s": replace(_STEADY, alike=0.9),
    "alike .5, loss 1 %": replace(_RARE, alike=0.5),
}
_NIGHTS = {"quiet night, others 1/s": (1.0, 0.0), "quiet night, others 5/s": (5.0, 0.0)} | {
    "quiet night, cut 20 %, others 1/s": (1.0, 0.2)
}


@dataclass(frozen=True, slots=True)
class Row:
    """A world of the table. `specified`: the specification's figures, as the file explains them."""

    world: str
    own: str
    specified: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.world}, own {self.own}"

    @property
    def premises(self) -> Premises:
        return replace(PREMISES, late=120.0) if "late 120 s" in self.world else PREMISES

    def history(self, seed: int) -> History:
        if self.world in _NIGHTS:
            others, cut = _NIGHTS[self.world]
            return nights(seed, others, cut)
        return history(replace(_SHOPS[self.world], own=_PACES[self.own]), seed)


def rows(part_of_name: str = "") -> Iterator[Row]:
    for row in json.loads(SPECIFIED.read_text(encoding="utf-8"))["rows"]:
        one = Row(row["world"], row["own"], row)
        if part_of_name in one.name:
            yield one
