"""What is said to the supervisor that started this process: sd_notify(3), over the socket that it names."""

import os
import socket
from collections.abc import Mapping

import structlog

_log = structlog.get_logger()

_MICROSECONDS = 1_000_000


class Supervisor:
    """systemd, or whoever speaks like it. Nobody, and every word is lost, where the environment names none."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` may hold NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID."""
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address  # abstract: no file
        self._failing = False
        self.watchdog = _watchdog(environ) if address else None

    @property
    def listens(self) -> bool:
        return bool(self._address)

    def ready(self) -> None:
        self._say("READY=1")

    def alive(self) -> None:
        """Feed the watchdog. It wants to be fed more often than every `watchdog` seconds (None: there is none)."""
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for whoever asks how the service is."""
        self._say(f"STATUS={' '.join(text.split())}")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def extend(self, seconds: float) -> None:
        """Ask for so many seconds more, from now, before a start or a stop is taken to hang."""
        self._say(f"EXTEND_TIMEOUT_USEC={round(seconds * _MICROSECONDS)}")

    def _say(self, word: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)  # a supervisor that doesn't read must not hold up the work
                channel.connect(self._address)
                channel.send(word.encode())
        except OSError as error:
            if not self._failing:
                _log.warning("supervisor_not_told", error=str(error))
            self._failing = True
        else:
            self._failing = False


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Seconds; None where there is no watchdog, or it watches another process (sd_watchdog_enabled(3))."""
    pid = environ.get("WATCHDOG_PID") or str(os.getpid())
    microseconds = environ.get("WATCHDOG_USEC", "")
    if pid != str(os.getpid()) or not (microseconds.isascii() and microseconds.isdigit()):
        return None
    return int(microseconds) / _MICROSECONDS or None
