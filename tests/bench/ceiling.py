"""How many calls a second the panel answers by itself, so that one sees that it isn't what limits."""

import asyncio
import socket
import time
from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from tests.bench.panel import KEY

SECONDS = 1.0

#: Requests that are sent ahead of their answers, on one connection: so the asking costs next to nothing.
AHEAD = 50

_HEAD = b"HTTP/1.1 200 OK\r\n"


async def ceiling(panel_url: str, form: Mapping[str, str]) -> float:
    return await asyncio.to_thread(_answered_a_second, panel_url, form)


def _answered_a_second(panel_url: str, form: Mapping[str, str]) -> float:
    url = urlsplit(panel_url)
    body = urlencode({**form, "key": KEY})
    request = f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    answered = 0
    with socket.create_connection((url.hostname, url.port or 80)) as connection:
        began = time.monotonic()
        while time.monotonic() < began + SECONDS:
            connection.sendall(request * AHEAD)
            _read(connection, AHEAD)
            answered += AHEAD
        return answered / (time.monotonic() - began)


def _read(connection: socket.socket, answers: int) -> None:
    """Each answer ends with a brace, and the last one with the last byte that comes."""
    heads, tail = 0, b""
    while heads < answers or not tail.endswith(b"}"):
        received = tail + connection.recv(1 << 20)
        heads += received.count(_HEAD)
        tail = received[1 - len(_HEAD) :]
