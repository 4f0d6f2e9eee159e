"""Adds the accounts that panel names lead to."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# The oldest revision whose workers can go on over this schema.
serves = "0001"


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("panel", sa.Text(), nullable=False, comment="a panel name; its newest row says what it leads to"),
        sa.Column(
            "account", sa.BigInteger(), nullable=False, comment="the same number for every name and key of one account"
        ),
        sa.Column("address", sa.Text(), nullable=False, comment="without query, default port and trailing slash"),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False, comment="of the key, with this row's salt"),
        sa.Column("noted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("accounts_pkey")),
    )
    op.create_index("accounts_panel_idx", "accounts", ["panel", "id"], unique=False)


def downgrade() -> None:
    op.drop_table("accounts")
