"""A terminal whose keys are read one by one, and that is afterwards as it was."""

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

#: Where `tcgetattr` has the control characters.
_CHARACTERS = 6


@contextmanager
def single_keys(terminal: int) -> Iterator[None]:
    """Keys come at once and unseen. Ctrl-C interrupts as ever; Ctrl-Z does nothing: it would leave the picture."""
    before = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal)
        changed = termios.tcgetattr(terminal)
        changed[_CHARACTERS][termios.VSUSP] = bytes([os.fpathconf(terminal, "PC_VDISABLE")])
        termios.tcsetattr(terminal, termios.TCSANOW, changed)
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)


def has_terminal() -> bool:
    """Whether there is one to read keys from and to draw on."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)) and (
        os.environ.get("TERM") not in {"dumb", "unknown"}
    )
