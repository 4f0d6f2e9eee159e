"""Handles the signals that end a command: Ctrl-C, SIGTERM, and a closed terminal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def raise_interrupts() -> None:
    """Makes each signal raise KeyboardInterrupt, so that one way of cleaning up is enough."""
    for number in _heeded():
        signal.signal(number, signal.default_int_handler)


@contextmanager
def held() -> Iterator[None]:
    """Delays an interrupt until the block has ended, for work that must not stop half-way."""
    came = False

    def note(_: int, __: FrameType | None) -> None:
        nonlocal came
        came = True

    before = {number: signal.signal(number, note) for number in _heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def _heeded() -> list[signal.Signals]:
    """Returns the signals that aren't ignored; `nohup` ignores one."""
    return [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
