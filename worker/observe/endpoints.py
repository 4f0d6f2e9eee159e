"""Answers `/healthz`, `/readyz` and `/metrics` over HTTP (docs/reference/metrics.md)."""

import errno
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from worker.observe.liveness import Liveness, Readiness
from worker.observe.metrics import Metrics

#: Seconds that answers in flight get when the worker ends.
SHUTDOWN = 1.0


class CannotListenError(Exception):
    """Raised if the worker can't listen at an address. The text is the system's reason."""


@asynccontextmanager
async def serve(
    host: str | None, port: int, *, liveness: Liveness, readiness: Readiness, metrics: Metrics
) -> AsyncIterator[list[str]]:
    """Serves the endpoints meanwhile, and yields their addresses, `host:port`.

    Without a host it listens on every interface, with port 0 on any free one. Raises CannotListenError.
    """

    async def healthz(_: web.Request) -> web.Response:
        stuck = liveness.hearts.standing_still()
        return _json(
            ok=not stuck,
            stuck=stuck,
            event_loop_lag_seconds=_rounded(liveness.lag.worst),
            seconds_since_sign_of_life={name: _rounded(age) for name, age in liveness.hearts.silences().items()},
        )

    async def readyz(_: web.Request) -> web.Response:
        obstacle = readiness.obstacle
        return _json(ok=obstacle is None, why=obstacle)

    async def scrape(_: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", scrape)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise CannotListenError(_reason(error)) from error
        yield [_address(address) for address in runner.addresses]
    finally:
        await runner.cleanup()


def _json(*, ok: bool, **more: Any) -> web.Response:
    body: Mapping[str, Any] = {"ok": ok, **more}
    status = HTTPStatus.OK if ok else HTTPStatus.SERVICE_UNAVAILABLE
    return web.json_response(body, status=status, dumps=lambda value: json.dumps(value) + "\n")


def _reason(error: OSError) -> str:
    """Returns the system's reason without the address, which asyncio adds.

    Where a name can't be resolved, the error has no number of the system. Since Python 3.13 it has neither a number nor
    a text where the address is another machine's.
    """
    if error.errno is None:
        return os.strerror(errno.EADDRNOTAVAIL).lower()
    return os.strerror(error.errno).lower() if error.errno > 0 else str(error.strerror)


def _rounded(seconds: float) -> float:
    return round(seconds, 3)


def _address(address: Any) -> str:
    """Returns a socket's name as a person writes it."""
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
