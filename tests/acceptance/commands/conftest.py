"""A panel, and the settings for it."""

from collections.abc import AsyncIterator

import pytest

from tests.acceptance.commands.command import KEY
from worker.sandbox import Sandbox, SandboxOptions


@pytest.fixture
async def panel() -> AsyncIterator[Sandbox]:
    """A sandbox whose key is a secret."""
    async with Sandbox(SandboxOptions(key=KEY)) as sandbox:
        yield sandbox


@pytest.fixture
def settings(database_url: str, panel: Sandbox) -> dict[str, str]:
    """The settings of a worker for the test's database and panel, by names without the prefix."""
    return {
        "DATABASE_URL": database_url,
        "PANELS__DEFAULT__URL": panel.url,
        "PANELS__DEFAULT__KEY": KEY,
        "LISTEN": "",
    }
