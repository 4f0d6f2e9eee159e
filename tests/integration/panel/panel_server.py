"""Simulates a panel that misbehaves on purpose: a raw socket server that plays a script for each connection."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs


@dataclass
class Request:
    """One request as it arrived."""

    target: str
    headers: dict[str, str]
    form: dict[str, str]


@dataclass
class Panel:
    """The server, and what happened to it. `asked` has every whole request, in order."""

    url: str
    connections: int = 0
    asked: list[Request] = field(default_factory=list)


class Connection:
    """One accepted connection, from the panel's side."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, panel: Panel) -> None:
        self._reader = reader
        self._writer = writer
        self._panel = panel

    async def head(self) -> tuple[str, dict[str, str]]:
        """Reads the request line and the headers, and leaves the body unread."""
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        pairs = (line.split(":", 1) for line in lines)
        return first, {name.strip().lower(): value.strip() for name, value in pairs}

    async def request(self) -> Request:
        first, headers = await self.head()
        body = await self._reader.readexactly(int(headers.get("content-length", "0")))
        form = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        request = Request(first.split()[1], headers, form)
        self._panel.asked.append(request)
        return request

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    async def reply(self, body: bytes, status: str = "200 OK", *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def reset(self) -> None:
        """Closes with RST instead of FIN."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def gone(self) -> None:
        """Waits until the client has closed."""
        with contextlib.suppress(ConnectionError):
            while await self._reader.read(65536):
                pass


Script = Callable[[Connection], Awaitable[None]]


@contextlib.asynccontextmanager
async def serve(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[Panel]:
    """Plays the script for each connection, and closes it when the script ends."""
    panel = Panel("")
    playing: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        panel.connections += 1
        task = asyncio.current_task()
        assert task is not None
        playing.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await script(Connection(reader, writer, panel))
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError, asyncio.CancelledError):
                await writer.wait_closed()
            playing.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    panel.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/api/v2"
    try:
        yield panel
    finally:
        server.close()
        for task in list(playing):
            task.cancel()
        await asyncio.gather(*playing, return_exceptions=True)
        await server.wait_closed()
