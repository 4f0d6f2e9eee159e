"""A panel that answers at once, in a process of its own, so that it isn't what is measured.

It knows as much HTTP as the clients of the benches need, takes every order, and has every order that it is asked about.
Under `/bench/` it tells what it has seen, with the times of the system's monotonic clock, which all processes share.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

SERVICES = json.dumps(
    [
        {
            "service": 1,
            "name": "Followers",
            "type": "Default",
            "category": "Bench",
            "rate": "0.90",
            "min": "50",
            "max": "10000",
            "refill": True,
            "cancel": True,
        }
    ]
)

KEY = "bench-key"

BALANCE = '{"balance": "1000000", "currency": "USD"}'

#: What each order is said to be, unless something else is asked for.
CHARGE, START_COUNT, STATUS, CURRENCY, REMAINS = "0.09", 10, "In progress", "USD", 60

Reply = Callable[[str], None]


class Panel:
    """What is counted, and what the next replies are like."""

    def __init__(self) -> None:
        self._newest_id = 0
        self._waiting: list[tuple[str, int, Reply]] = []
        self.latency = 0.0  #: seconds
        self.reset()

    def reset(self) -> None:
        """Ids go on from where they were: a panel never gives one twice."""
        self.seen: Counter[str] = Counter()
        self.first_at: dict[str, float] = {}
        self.last_at: dict[str, float] = {}
        self.say(REMAINS)

    def say(self, remains: int) -> None:
        self._status = (
            f'{{"charge":"{CHARGE}","start_count":"{START_COUNT}","status":"{STATUS}",'
            f'"remains":"{remains}","currency":"{CURRENCY}"}}'
        )

    def answer(self, form: dict[str, str]) -> str:
        action = form.get("action", "")
        now = time.monotonic()
        self.seen[action] += 1
        self.first_at.setdefault(action, now)
        self.last_at[action] = now
        if self._waiting:
            self._tell_reached()
        match action:
            case "add":
                self._newest_id += 1
                return f'{{"order":{self._newest_id}}}'
            case "status":
                return "{" + ",".join(f'"{one}":{self._status}' for one in form["orders"].split("%2C")) + "}"
            case "services":
                return SERVICES
            case "balance":
                return BALANCE
            case _:
                return '{"error": "Incorrect request"}'

    def told(self) -> str:
        return json.dumps({"seen": self.seen, "first_at": self.first_at, "last_at": self.last_at})

    def when_reached(self, action: str, count: int, reply: Reply) -> None:
        self._waiting.append((action, count, reply))
        self._tell_reached()

    def _tell_reached(self) -> None:
        reached = [one for one in self._waiting if self.seen[one[0]] >= one[1]]
        self._waiting = [one for one in self._waiting if one not in reached]
        for _, _, reply in reached:
            reply(self.told())


class Connection(asyncio.Protocol):
    """One client's connection: requests one after the other, answered in their order."""

    def __init__(self, panel: Panel) -> None:
        self._panel = panel
        self._received = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            mark = head.find(b"content-length:")
            length = int(head[mark + 15 :].split(b"\r\n", 1)[0]) if mark >= 0 else 0
            if len(self._received) < end + 4 + length:
                return
            body = self._received[end + 4 : end + 4 + length].decode()
            target = self._received.split(b" ", 2)[1].decode()
            self._received = self._received[end + 4 + length :]
            if target.startswith("/bench/"):
                self._control(target)
            else:
                self._call(body)

    def _call(self, body: str) -> None:
        answer = self._panel.answer(dict(field.split("=", 1) for field in body.split("&")))
        if self._panel.latency:
            asyncio.get_running_loop().call_later(self._panel.latency, self._reply, answer)
        else:
            self._reply(answer)

    def _control(self, target: str) -> None:
        url = urlsplit(target)
        values = {name: value for name, (value, *_) in parse_qs(url.query).items()}
        match url.path.removeprefix("/bench/"):
            case "reset":
                self._panel.reset()
                self._panel.latency = float(values["latency"])
                self._panel.say(int(values["remains"]))
                self._reply("{}")
            case "reached":
                self._panel.when_reached(values["action"], int(values["count"]), self._reply)
            case _:
                self._reply(self._panel.told())

    def _reply(self, text: str) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            body = text.encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )


async def main() -> None:
    """Serve until the process is ended; the first line printed is the port."""
    panel = Panel()
    server = await asyncio.get_running_loop().create_server(lambda: Connection(panel), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - whoever started it reads this
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
