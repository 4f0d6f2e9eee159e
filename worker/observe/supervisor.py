"""Speaks to the supervisor that started this process: sd_notify(3), over the socket that the supervisor names."""

import os
import socket
from collections.abc import Mapping

import structlog

_log = structlog.get_logger()

_MICROSECONDS = 1_000_000


class Supervisor:
    """systemd, or a program that speaks like it. Without one in the environment, every message is dropped."""

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
        """Feeds the watchdog, which expects that more often than every `watchdog` seconds (None: there is none)."""
        self._say("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Sets the line that the supervisor shows as the service's status."""
        self._say(f"STATUS={' '.join(text.split())}")

    def stopping(self) -> None:
        self._say("STOPPING=1")

    def extend(self, seconds: float) -> None:
        """Asks for so many seconds from now before the supervisor takes a start or a stop to hang."""
        self._say(f"EXTEND_TIMEOUT_USEC={round(seconds * _MICROSECONDS)}")

    def _say(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.setblocking(False)  # a supervisor that doesn't read must not hold up the worker
                channel.connect(self._address)
                channel.send(message.encode())
        except OSError as error:
            if not self._failing:
                _log.warning("supervisor_not_told", error=str(error))
            self._failing = True
        else:
            self._failing = False


def _watchdog(environ: Mapping[str, str]) -> float | None:
    """Returns the watchdog's interval in seconds; None if there is none for this process (sd_watchdog_enabled(3))."""
    pid = environ.get("WATCHDOG_PID") or str(os.getpid())
    microseconds = environ.get("WATCHDOG_USEC", "")
    if pid != str(os.getpid()) or not (microseconds.isascii() and microseconds.isdigit()):
        return None
    return int(microseconds) / _MICROSECONDS or None
