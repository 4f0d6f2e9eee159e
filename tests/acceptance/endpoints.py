"""What a worker tells of itself over HTTP."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.daemon import Daemon

#: The setting with which a worker listens where nobody else does.
ANY_PORT = {"LISTEN": "127.0.0.1:0"}


@dataclass(frozen=True)
class Scrape:
    """The samples of one scrape: those of a name by their other labels, as `label=value`."""

    text: str

    def __call__(self, name: str, **labels: str) -> dict[str, float]:
        return {
            ",".join(
                f"{label}={value}" for label, value in sorted(sample.labels.items() - labels.items())
            ): sample.value
            for family in text_string_to_metric_families(self.text)
            for sample in family.samples
            if sample.name == f"order_sync_{name}" and labels.items() <= sample.labels.items()
        }

    @property
    def metrics(self) -> set[str]:
        """The names, also of those that have no sample yet."""
        return {line.split()[2] for line in self.text.splitlines() if line.startswith("# TYPE ")}

    def sum(self, name: str, **labels: str) -> float:
        return sum(self(name, **labels).values())


class Endpoints:
    """Those of a daemon that was started with ANY_PORT."""

    def __init__(self, address: str) -> None:
        self._address = address

    @classmethod
    async def of(cls, daemon: Daemon) -> "Endpoints":
        (address,) = (await daemon.said("health_served"))["addresses"]
        return cls(address)

    async def get(self, path: str) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(f"http://{self._address}{path}") as answer:
            return answer.status, await answer.text()

    async def asked(self, path: str) -> tuple[int, dict[str, Any]]:
        status, text = await self.get(path)
        return status, json.loads(text)

    async def scrape(self) -> Scrape:
        status, text = await self.get("/metrics")
        assert status == 200
        return Scrape(text)

    async def ready(self, *, why: str | None, seconds: float = 30) -> None:
        """Return once /readyz says this; alive it is all the time."""
        expected = (200 if why is None else 503, {"ok": why is None, "why": why})
        async with asyncio.timeout(seconds):
            while (now := await self.asked("/readyz")) != expected:
                assert (await self.asked("/healthz"))[0] == 200, now
                await asyncio.sleep(0.05)

    async def scraped(self, wanted: Callable[[Scrape], bool], seconds: float = 20) -> Scrape:
        """The first scrape that is as it should be."""
        async with asyncio.timeout(seconds):
            while not wanted(scrape := await self.scrape()):  # noqa: ASYNC110 - it changes in another process
                await asyncio.sleep(0.1)
            return scrape
