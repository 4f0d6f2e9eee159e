"""Adds what evidence keeps: which ids were asked about, which answered, and what orders cost at first."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Workers of before settled lost orders by other rules, which were wrong where prices drifted.
serves = "0003"


def upgrade() -> None:
    op.create_table(
        "sightings",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False, comment="the id on the panel"),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="when the answer that first showed it had come",
        ),
        sa.Column(
            "denied_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the last call that denied it before was sent",
        ),
        sa.Column("charge", sa.Numeric(), nullable=True),
        sa.Column(
            "uncut_charge", sa.Numeric(), nullable=True, comment="the first before the panel may have rewritten it"
        ),
        sa.Column("most_remains", sa.BigInteger(), nullable=True),
        sa.Column(
            "is_parent",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether it answers as drip-feeds and subscriptions do",
        ),
        sa.Column("has_spawned", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=True, comment="the order that it was linked to"),
        sa.Column("explained", sa.Text(), nullable=True, comment="known, spawned or disowned: it is no lost order's"),
        sa.CheckConstraint("explained IN ('known', 'spawned', 'disowned')", name=op.f("sightings_explained_check")),
        sa.PrimaryKeyConstraint("panel", "number", name=op.f("sightings_pkey")),
    )
    op.create_index(
        "sightings_live_idx",
        "sightings",
        ["panel", "number"],
        postgresql_where=sa.text("explained IS NULL AND order_id IS NULL"),
    )
    op.create_index("sightings_panel_seen_at_idx", "sightings", ["panel", "seen_at"])
    op.create_table(
        "asked_ids",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column(
            "chunk", sa.BigInteger(), autoincrement=False, nullable=False, comment="99 ids: the id divided by 99"
        ),
        sa.Column(
            "sent_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="when the newest call was sent that answered for all of them",
        ),
        sa.PrimaryKeyConstraint("panel", "chunk", name=op.f("asked_ids_pkey")),
    )
    op.create_table(
        "prices",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False, comment="when the call of the order began"),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False, comment="when it ended"),
        sa.Column("units", sa.BigInteger(), nullable=False),
        sa.Column("charge", sa.Numeric(), nullable=False, comment="the first that the panel told"),
        sa.PrimaryKeyConstraint("panel", "service", "began_at", name=op.f("prices_pkey")),
    )
    op.create_index("prices_panel_began_at_idx", "prices", ["panel", "began_at"])
    op.create_table(
        "catalogue_readings",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column(
            "read_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when the mirror was made equal to it",
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, comment="when the worker asked for it"),
        sa.PrimaryKeyConstraint("panel", "read_at", name=op.f("catalogue_readings_pkey")),
    )
    op.create_table(
        "guards",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column(
            "searched_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the newest ids were last searched for orders that are nobody's",
        ),
        sa.Column(
            "shared_since", sa.DateTime(timezone=True), nullable=True, comment="since when such orders are known"
        ),
        sa.Column("worker_id", sa.Uuid(), nullable=True, comment="the worker that examines"),
        sa.Column("examined_until", sa.DateTime(timezone=True), nullable=True, comment="how long it does so"),
        sa.PrimaryKeyConstraint("panel", name=op.f("guards_pkey")),
    )
    op.create_index(
        "submissions_known_idx",
        "submissions",
        ["panel", "panel_order_id"],
        postgresql_where=sa.text("outcome IN ('accepted', 'accepted_late')"),
    )
    op.drop_index("submissions_accepted_late_idx", table_name="submissions")
    op.drop_index("submissions_lost_idx", table_name="submissions")
    op.create_index(
        "submissions_lost_idx",
        "submissions",
        ["panel", "ended_at"],
        postgresql_where=sa.text("outcome IN ('unknown', 'refuted', 'lease_ended', 'accepted_late')"),
    )
    op.drop_column("examinations", "times")
    op.drop_column("examinations", "due_at")
    op.add_column(
        "examinations",
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.add_column(
        "examinations",
        sa.Column(
            "progress",
            postgresql.JSONB(),
            nullable=True,
            comment="what was asked about so far, and what the worker waits for",
        ),
    )
    op.alter_column(
        "examinations",
        "verdict",
        existing_type=postgresql.JSONB(),
        existing_nullable=True,
        comment="the latest, so that a worker reports only a different one",
    )


def downgrade() -> None:
    op.drop_column("examinations", "progress")
    op.drop_column("examinations", "at")
    op.add_column("examinations", sa.Column("times", sa.Integer(), server_default="1", nullable=False))
    op.add_column(
        "examinations",
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.alter_column("examinations", "due_at", server_default=None)
    op.create_index(
        "submissions_accepted_late_idx",
        "submissions",
        ["panel", "panel_order_id"],
        postgresql_where=sa.text("outcome = 'accepted_late'"),
    )
    op.drop_index("submissions_known_idx", table_name="submissions")
    op.drop_index("submissions_lost_idx", table_name="submissions")
    op.create_index(
        "submissions_lost_idx",
        "submissions",
        ["panel", "ended_at"],
        postgresql_where=sa.text("outcome IN ('unknown', 'refuted')"),
    )
    for table in ("guards", "catalogue_readings", "prices", "asked_ids", "sightings"):
        op.drop_table(table)
