"""`order-sync top`: shows what `status` shows, live."""

import asyncio
import os
import signal
import sys

import click
from rich.console import Console
from rich.live import Live
from sqlalchemy.ext.asyncio import AsyncEngine

from worker.cli.draw.keyboard import has_terminal, single_keys
from worker.cli.draw.top import Chosen, picture
from worker.cli.frame.database import on_database
from worker.cli.frame.examples import examples
from worker.domain.redaction import Redactor
from worker.settings.model import Settings, load
from worker.store.db.errors import DatabaseError
from worker.store.views.overview import Overview, overview


@click.command(epilog=examples("order-sync top", "order-sync top --every 5"))
@click.option(
    "--every", type=click.FloatRange(0.2, 3600), default=2.0, show_default=True, help="Seconds between two updates."
)
def top(*, every: float) -> None:
    """Show open orders, rates, pauses and balances, live.

    It shows what `status` shows, and keeps it up to date.

    Keys: q or Ctrl-C quits. s sorts the panels by the next column, r reverses the order. p shows one panel, then the
    next; a shows all.
    """
    if not has_terminal():
        raise click.UsageError("top needs a terminal; `order-sync status` shows the same once, also to a file or pipe.")
    settings = load(need_panels=False)
    on_database(settings, lambda engine: _watch(engine, settings, every))


async def _watch(engine: AsyncEngine, settings: Settings, every: float) -> None:
    stands = await overview(engine, settings.panels)  # a failure here ends the command
    with single_keys(sys.stdin.fileno()), Live(console=Console(), screen=True, auto_refresh=False) as live:
        await _Top(engine, settings, every, live, stands).run()


class _Top:
    """Keeps the picture up to date, as time passes, keys are pressed, and the terminal changes its size."""

    def __init__(self, engine: AsyncEngine, settings: Settings, every: float, live: Live, stands: Overview) -> None:
        self._engine = engine
        self._settings = settings
        self._every = every
        self._live = live
        self._stands = stands
        self._redact = Redactor(settings.secrets()).text
        self._trouble = ""
        self._chosen = Chosen()
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Draws until a key or a signal ends it."""
        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin.fileno(), self._key)
        loop.add_signal_handler(signal.SIGWINCH, self._draw)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._over.set)
        updating = asyncio.create_task(self._update())
        try:
            self._draw()
            await self._over.wait()
        finally:
            updating.cancel()
            loop.remove_reader(sys.stdin.fileno())

    async def _update(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            try:
                self._stands = await overview(self._engine, self._settings.panels)
                self._trouble = ""
            except DatabaseError as error:
                self._trouble = f"no news: {error.headline}"
            self._draw()

    def _key(self) -> None:
        keys = os.read(sys.stdin.fileno(), 64)
        if not keys or b"q" in keys.lower():  # no bytes: the terminal is gone
            self._over.set()
            return
        for key in keys.decode(errors="ignore").lower():
            self._chosen = self._chosen.after(key, [panel.panel for panel in self._stands.panels])
        self._draw()

    def _draw(self) -> None:
        size, trouble = self._live.console.size, self._redact(self._trouble)
        shown = picture(self._stands, self._chosen, self._settings.reconcile, size, trouble)
        self._live.update(shown, refresh=True)
