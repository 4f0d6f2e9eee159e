"""What a terminal shows of what a command has written to it, at the end or at some moment before."""

import re
from collections.abc import Callable

import pyte
from pyte.screens import Screen

#: Where a picture that replaces another begins: a line is erased and the cursor goes up, or the cursor goes home.
_NEXT_PICTURE = re.compile(r"(?=\r\x1b\[2K\x1b\[1A|\x1b\[H)")

#: Where a program that had the screen for itself gives it back.
_GIVEN_BACK = "\x1b[?1049l"


def screen(said: str, size: tuple[int, int], when: Callable[[str], bool] = lambda _: False) -> Screen:
    """The screen as it was once `when` was true of its text; else at the end, or before it was given back."""
    columns, lines = size
    shown = Screen(columns, lines)
    stream = pyte.Stream(shown)
    for part in _NEXT_PICTURE.split(said.partition(_GIVEN_BACK)[0]):
        stream.feed(part)
        if when(text(shown)):
            break
    return shown


def text(shown: Screen) -> str:
    return "\n".join(line.rstrip() for line in shown.display)
