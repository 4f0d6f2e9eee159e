"""Reads single keys from a terminal, and restores it afterwards."""

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

#: The index of the control characters in the result of `tcgetattr`.
_CHARACTERS = 6


@contextmanager
def single_keys(terminal: int) -> Iterator[None]:
    """Reads keys at once, without echo. Ctrl-C still interrupts. Ctrl-Z is off: it would break the picture."""
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
    """Returns whether there is a terminal to read keys from and to draw on."""
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)) and (
        os.environ.get("TERM") not in {"dumb", "unknown"}
    )
