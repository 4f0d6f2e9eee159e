"""The two wires of a worker, to Postgres and to its panel, led through here."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, urlsplit

from tests.chaos.points import CutError, Instant, LateError, Point, Watch, let_pass

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Relay:
    """Passes on what one side sends to the other, and tells `watch` of each point first."""

    def __init__(self) -> None:
        self.url = ""
        self.watch: Watch = let_pass

    async def reached(self, what: str, instant: Instant) -> None:
        await self.watch(Point(what, instant))


Serve = Callable[[Streams, Streams], Awaitable[None]]


@asynccontextmanager
async def _listening(serve: Serve, connect: Callable[[], Awaitable[Streams]]) -> AsyncIterator[int]:
    """A port of the loopback. Each connection to it gets one to the other side, and both end together."""
    serving: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        writers = [writer]
        try:
            with suppress(OSError, EOFError, CutError, asyncio.CancelledError):
                there = await connect()
                writers.append(there[1])
                await serve((reader, writer), there)
        finally:
            for each in writers:
                each.transport.abort()
            serving.discard(task)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=2**24)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(serving):
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()


async def _either(*pumps: Awaitable[None]) -> None:
    """Until one side has ended; what it was that ended it is raised."""
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


_CLAIM = "INSERT INTO submissions"
_SETTLE = "UPDATE submissions s SET"

#: The transactions of the store, told by statements in them. The first of which all are there is it.
TRANSACTIONS = {
    "settle and claim": (_SETTLE, _CLAIM),
    "claim": (_CLAIM,),
    "take-over": ("UPDATE workers SET ended_at = clock_timestamp() WHERE id IN",),
    "settle": (_SETTLE,),
    "look claim": ("UPDATE polls p SET due_at = now() + make_interval(secs => $",),
    "look record": ("UPDATE polls p SET due_at = now() + make_interval(secs => c.seconds)",),
    "refill claim": ("UPDATE refills r SET due_at",),
    "refill record": ("UPDATE refills r SET state = c.state",),
    "cancel claim": ("UPDATE cancels r SET due_at",),
    "cancel record": ("UPDATE cancels r SET state = c.state",),
    "cancel here": ("UPDATE cancels SET state = 'accepted'",),
    "reconcile": ("DELETE FROM examinations",),
    "renewal": ("UPDATE workers SET lease_until",),
    "goodbye": ("UPDATE workers SET ended_at = clock_timestamp() WHERE id = $",),
}


@dataclass
class _Session:
    """One session's prepared statements, and what its transaction has run."""

    prepared: dict[bytes, str] = field(default_factory=dict)
    transaction: list[str] = field(default_factory=list)
    committing: str | None = None

    def heard(self, kind: bytes, payload: bytes) -> None:
        """Take note of Parse, Bind and Query (PostgreSQL's manual, 54.7, "Message Formats")."""
        match kind:
            case b"P":
                name, query, *_ = payload.split(b"\0")
                self.prepared[name] = " ".join(query.decode().split())
            case b"B":
                _, name, *_ = payload.split(b"\0", 2)
                self._run(self.prepared.get(name, ""))
            case b"Q":
                self._run(" ".join(payload[:-1].decode().split()))

    def _run(self, statement: str) -> None:
        match statement:
            case _ if statement.startswith("BEGIN"):  # an isolation level may follow
                self.transaction = []
            case "COMMIT":
                self.committing = self._name()
            case _:
                self.transaction.append(statement)

    def _name(self) -> str | None:
        for name, parts in TRANSACTIONS.items():
            if all(any(part in statement for statement in self.transaction) for part in parts):
                return name
        return None


class PostgresRelay(Relay):
    """To Postgres, whose frontend/backend protocol it reads as far as COMMIT."""

    async def serve(self, worker: Streams, postgres: Streams) -> None:
        session = _Session()
        length = await worker[0].readexactly(4)
        postgres[1].write(length + await worker[0].readexactly(int.from_bytes(length) - 4))  # the startup message
        await _either(
            self._requests(session, worker[0], postgres[1], worker[1].transport.abort),
            self._answers(session, postgres[0], worker[1]),
        )

    async def _requests(
        self, session: _Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: Callable[[], None]
    ) -> None:
        while True:
            kind, message = await _message(reader)
            session.heard(kind, message[5:])
            if session.committing:
                try:
                    await self.reached(session.committing, Instant.ASKED)
                except LateError as late:
                    session.committing = None
                    cut()
                    await late.passed_on.wait()
            writer.write(message)
            await writer.drain()

    async def _answers(self, session: _Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            kind, message = await _message(reader)
            what = session.committing if kind == b"C" and message[5:] == b"COMMIT\0" else None
            if what or kind == b"E" or (kind == b"C" and message[5:] == b"ROLLBACK\0"):
                session.committing = None
            if what:
                await self.reached(what, Instant.DONE)
            writer.write(message)
            await writer.drain()
            if what:
                await self.reached(what, Instant.ANSWERED)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(int.from_bytes(head[1:]) - 4)


@asynccontextmanager
async def postgres_relay(url: str) -> AsyncIterator[PostgresRelay]:
    """`url` is Postgres' own address; the relay's is in its `url`."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    host, port = query.pop("host", parts.hostname or ""), query.pop("port", str(parts.port or 5432))

    async def connect() -> Streams:
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, int(port))

    relay = PostgresRelay()
    async with _listening(relay.serve, connect) as own_port:
        who = parts.netloc.rpartition("@")[0]
        relay.url = f"postgresql://{who}@127.0.0.1:{own_port}{parts.path}?sslmode=disable&gssencmode=disable"
        yield relay


class PanelRelay(Relay):
    """To the panel: requests with a Content-Length, and replies with one, as the sandbox gives them."""

    async def serve(self, worker: Streams, panel: Streams) -> None:
        while True:
            head, body = await _http(worker[0])
            action = parse_qs(body.decode())["action"][0]
            await self.reached(action, Instant.ASKED)
            panel[1].write(head + body[: len(body) // 2])
            await self.reached(action, Instant.HALF_ASKED)
            panel[1].write(body[len(body) // 2 :])
            await panel[1].drain()
            reply = b"".join(await _http(panel[0]))
            await self.reached(action, Instant.DONE)
            worker[1].write(reply[:1])
            await worker[1].drain()
            await self.reached(action, Instant.HALF_ANSWERED)
            worker[1].write(reply[1:])
            await worker[1].drain()
            await self.reached(action, Instant.ANSWERED)


async def _http(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of one HTTP message."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
    )
    return head, await reader.readexactly(length)


@asynccontextmanager
async def panel_relay(url: str) -> AsyncIterator[PanelRelay]:
    """`url` is the panel's own address; the relay's is in its `url`."""
    parts = urlsplit(url)

    async def connect() -> Streams:
        return await asyncio.open_connection(parts.hostname, parts.port)

    relay = PanelRelay()
    async with _listening(relay.serve, connect) as own_port:
        relay.url = f"http://127.0.0.1:{own_port}{parts.path}"
        yield relay
