"""A later release of this very tree: a copy of it, with one more revision."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from worker.store.schema.revision import directory, head

_REVISION = """
import sqlalchemy as sa
from alembic import op

from worker.store.schema.tables import metadata

revision = "{number}"
down_revision = "{before}"
branch_labels = None
depends_on = None
serves = "{serves}"


def upgrade() -> None:
    for table in metadata.tables:
        op.add_column(table, sa.Column("added", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("counted", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_index("orders_added_idx", "orders", ["added"], postgresql_where=sa.text("added IS NOT NULL"))
    op.create_table(
        "of_the_next_version",
        sa.Column("order_id", sa.BigInteger(), sa.ForeignKey("orders.id"), primary_key=True),
    )


def downgrade() -> None:
    op.drop_table("of_the_next_version")
    op.drop_index("orders_added_idx")
    for table in metadata.tables:
        op.drop_column(table, "counted")
        op.drop_column(table, "added")
"""


#: Its revision.
NEXT = f"{int(head()) + 1:04}"


@dataclass(frozen=True)
class Release:
    """Its program is run by `command`, with `environment` beside the settings."""

    tree: Path

    @property
    def environment(self) -> dict[str, str]:
        # Its coverage isn't that of the tree.
        nobody_counts = {"COVERAGE_PROCESS_START": "", "COVERAGE_PROCESS_CONFIG": ""}
        return {"PYTHONPATH": str(self.tree), **nobody_counts}

    def command(self, name: str) -> tuple[str, ...]:
        """For `launched`. `-P`: not the tree in which the tests are run."""
        return "-P", "-m", "worker", name


def next_release(tree: Path, *, serves: str) -> Release:
    """One whose revision adds to every table, and one more, and says that it serves workers from `serves` on."""
    ours = Path(__file__).parents[2]
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ours / "worker", tree / "worker", ignore=unwanted)
    shutil.copytree(directory(), tree / "migrations", ignore=unwanted)
    revision = _REVISION.format(number=NEXT, before=head(), serves=serves)
    (tree / "migrations" / "versions" / f"{NEXT}_next.py").write_text(revision)
    return Release(tree)
