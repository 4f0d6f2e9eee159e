from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from worker.sandbox.options import SandboxOptions
from worker.sandbox.panel.panel import Panel
from worker.sandbox.panel.validate import RefusedError

KEY = "sandbox-key"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


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
