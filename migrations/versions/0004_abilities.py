"""Adds what panels can't do: the actions for which they take fewer ids than the document says."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Workers of before know nothing of the new table, and need not.
serves = "0003"


def upgrade() -> None:
    op.create_table(
        "panel_abilities",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column(
            "most_ids",
            sa.Integer(),
            nullable=False,
            comment="of one batch; 0: it takes no batch, one id at a time alone",
        ),
        sa.Column("found_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "tried_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when a larger batch was last tried",
        ),
        sa.PrimaryKeyConstraint("panel", "action", name=op.f("panel_abilities_pkey")),
    )


def downgrade() -> None:
    op.drop_table("panel_abilities")
