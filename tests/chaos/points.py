"""Where a worker can be killed, frozen or cut off: every instant at which that could make a difference.

What a worker has done is what it has told Postgres and the panel, and what it knows is what they have told it: all else
dies with the process. So the instants that matter lie on its two wires, and are these: a message is on its way and
hasn't taken effect; it has taken effect and the answer isn't had; the answer is had and nothing has come of it. Relays
on the wires hold a message back while something is done to the worker. They hit each instant exactly, and nothing in
the worker knows of them.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Instant(StrEnum):
    ASKED = "asked"  #: sent, and not passed on: the other side never gets it
    HALF_ASKED = "half asked"  #: the head and half of the body have been passed on
    DONE = "done"  #: it has taken effect, and nothing of the answer has been passed on
    HALF_ANSWERED = "half answered"  #: one byte of the answer has been passed on
    ANSWERED = "answered"  #: the answer lies in the worker's socket


@dataclass(frozen=True, slots=True)
class Point:
    """`what` is one of the store's transactions, at its COMMIT, or an action of the panel."""

    what: str
    instant: Instant

    def __str__(self) -> str:
        return f"{self.what} {self.instant}"


class CutError(Exception):
    """Raised by a watch: both sides of the relay are to be cut off."""


class LateError(Exception):
    """Raised by a watch of a COMMIT that is asked for: the worker is cut off at once, and it is passed on later."""

    def __init__(self) -> None:
        self.lost = asyncio.Event()
        self.passed_on = asyncio.Event()


#: Told of each point as it is reached; the message is held back until it returns.
Watch: TypeAlias = Callable[[Point], Awaitable[None]]


async def let_pass(_: Point) -> None:
    """Watches nothing."""
