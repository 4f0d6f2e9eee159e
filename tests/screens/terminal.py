"""Replays a command's output on a terminal, up to a moment, and returns the screen."""

import re
from collections.abc import Callable

import pyte
from pyte.screens import Screen

#: The beginning of a picture that replaces another: it erases a line and moves the cursor up, or moves it home.
_NEXT_PICTURE = re.compile(r"(?=\r\x1b\[2K\x1b\[1A|\x1b\[H)")

#: Sent by a program that gives the whole screen back.
_GIVEN_BACK = "\x1b[?1049l"


def screen(said: str, size: tuple[int, int], when: Callable[[str], bool] = lambda _: False) -> Screen:
    """Returns the screen when `when` is first true of its text, or else the last before the program gives it back."""
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
