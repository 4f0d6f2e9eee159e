import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from worker.sandbox.misbehaviour.quirks import Call, Quirks, Reply
from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.validate import RefusedError

KEY = "sandbox-key"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


class Real:
    """The real time, which a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def real() -> Real:
    return Real()


@pytest.fixture
def make_panel() -> Callable[..., Panel]:
    """Makes a panel whose clock only a test moves."""

    def make(**options: Any) -> Panel:
        return Panel(SandboxOptions(**{"speed": 0.0, "epoch": EPOCH, **options}))

    return make


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Answers a request with the right key, as JSON would show it."""

    def ask(panel: Panel, action: str, **fields: object) -> Any:
        form = {"key": KEY, "action": action} | {name: str(value) for name, value in fields.items()}
        try:
            return panel.answer(panel.validator.read(form))
        except RefusedError as refused:
            return {"error": refused.text}

    return ask


class Quirky:
    """A panel with quirks, asked as a client does."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.quirks = Quirks(panel)

    def ask(self, action: str, **fields: object) -> Any:
        """Returns the body of the reply, as JSON would show it."""
        form = {"key": KEY, "action": action} | {name: str(value) for name, value in fields.items()}
        parsed = self.panel.validator.read(self.quirks.incoming(form))
        try:
            reply = Reply(self.panel.answer(parsed))
        except RefusedError as refused:
            reply = Reply({"error": refused.text})
        self.quirks.apply(reply, Call(parsed, self.panel, KEY))
        return json.loads(reply.encode())


@pytest.fixture
def quirky(make_panel: Callable[..., Panel]) -> Callable[..., Quirky]:
    """Makes a panel with these quirks on, whose clock only a test moves."""

    def make(*quirks: str, **options: Any) -> Quirky:
        it = Quirky(make_panel(**options))
        it.quirks.on(*quirks)
        return it

    return make
