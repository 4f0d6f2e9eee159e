"""Whatever ends a command from outside: Ctrl-C, SIGTERM, a terminal that is closed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def raise_interrupts() -> None:
    """Have each of them raise KeyboardInterrupt, so that one way of cleaning up serves all."""
    for number in _heeded():
        signal.signal(number, signal.default_int_handler)


@contextmanager
def held() -> Iterator[None]:
    """Put an interrupt off until the block is done: for what leaves something behind when it is cut off."""
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
    """Those that nobody has set to be ignored, as `nohup` does."""
    return [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
