"""Runs the commands that the guides have a reader type to see how things stand, and what they print."""

import shlex

import pytest

from tests import guides
from tests.integration.cli.conftest import OrderSync, add_unconfirmed
from tests.integration.store.plain_sql import Database

#: `check` asks the panel: tests/acceptance/test_guides_shell.py types it. `accept-account` asks the reader:
#: tests/integration/cli/test_accounts.py answers.
APART = ("order-sync check", "order-sync accept-account")


@pytest.mark.parametrize(
    "guide", ["docs/history.md", "docs/money.md", "docs/panel-trouble.md", "docs/troubleshooting.md"]
)
def test_commands_can_be_typed(guide: str, order_sync: OrderSync, database_url: str) -> None:
    database = Database(database_url)
    add_unconfirmed(database, id=42)
    database.add_order(id=43, state="rejected", error_code="link_refused", error="Bad link")
    database.add_order(id=1041)
    database.connection.close()
    lines = [line for block in guides.shell(guide) for line in block.splitlines()]
    for line in [line for line in lines if line.startswith("order-sync ") and not line.startswith(APART)]:
        _, *words = shlex.split(line, comments=True)
        end = order_sync(*words)
        assert end.code == 0, (line, end)
        assert end.out, line
