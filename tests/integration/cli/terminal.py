"""Runs a command on a terminal of its own, types answers, and collects its output."""

import asyncio
import fcntl
import os
import pty
import struct
import sys
import termios
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.acceptance.commands.command import LONGEST

#: The keys to type, or a function that returns them when it is time.
Answer = bytes | Callable[[], bytes]


@dataclass(frozen=True)
class Conversation:
    """The whole output, the exit code, and whether the command restored the terminal's mode."""

    said: str
    code: int
    restored: bool


async def on_a_terminal(
    arguments: list[str],
    settings: Mapping[str, str],
    *answers: tuple[bytes, Answer],
    size: tuple[int, int] = (80, 24),
    environment: Mapping[str, str] | None = None,
) -> Conversation:
    """Runs a command. Types each answer after its question, which must come after the answer before."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    before = termios.tcgetattr(theirs)
    own = ("ORDER_SYNC_", "COLUMNS", "LINES", "NO_COLOR")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    given = {f"ORDER_SYNC_{name}": value for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker", *arguments),
        env=inherited | {"TERM": "xterm-256color"} | given | dict(environment or {}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=_take_the_terminal,
    )
    reading = asyncio.create_task(asyncio.to_thread(_converse, ours, list(answers)))
    try:
        async with asyncio.timeout(LONGEST):
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        after = termios.tcgetattr(theirs)
        os.close(theirs)
        said = (await reading).decode()
    return Conversation(said, code, restored=before == after)


def _take_the_terminal() -> None:
    """Makes the terminal the controlling one, so that a typed Ctrl-C interrupts the command."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _converse(terminal: int, answers: list[tuple[bytes, Answer]]) -> bytes:
    said = unanswered = b""
    with open(terminal, "r+b", buffering=0) as stream:
        while True:
            try:
                some = stream.read(65536)
            except OSError:  # on Linux: the other side is closed
                some = b""
            if not some:
                return said
            said += some
            unanswered += some
            if answers and answers[0][0] in unanswered:
                _, answer = answers.pop(0)
                unanswered = b""
                stream.write(answer() if callable(answer) else answer)
