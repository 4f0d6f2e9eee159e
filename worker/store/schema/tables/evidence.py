"""Declares the tables of evidence: what was asked about a panel's ids, what answered, and what orders cost."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Numeric,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from worker.store.schema.tables.columns import CLOCK, NOW, metadata, timestamp

examinations = Table(
    "examinations",
    metadata,
    Column("order_id", BigInteger, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("verdict", JSONB, comment="the latest, so that a worker reports only a different one"),
    timestamp("at", default=True),
    Column("progress", JSONB, comment="what was asked about so far, and what the worker waits for"),
)

sightings = Table(
    "sightings",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False, comment="the id on the panel"),
    Column(
        "seen_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=CLOCK,
        comment="when the answer that first showed it had come",
    ),
    Column("denied_at", DateTime(timezone=True), comment="when the last call that denied it before was sent"),
    Column("charge", Numeric),
    Column("uncut_charge", Numeric, comment="the first before the panel may have rewritten it"),
    Column("most_remains", BigInteger),
    Column(
        "is_parent",
        Boolean,
        nullable=False,
        server_default=text("false"),
        comment="whether it answers as drip-feeds and subscriptions do",
    ),
    Column("has_spawned", Boolean, nullable=False, server_default=text("false")),
    Column("order_id", BigInteger, comment="the order that it was linked to"),
    Column("explained", Text, comment="known, spawned or disowned: it is no lost order's"),
    CheckConstraint("explained IN ('known', 'spawned', 'disowned')", name="explained"),
    Index(
        "sightings_live_idx",
        "panel",
        "number",
        postgresql_where=text("explained IS NULL AND order_id IS NULL"),
    ),
    Index("sightings_panel_seen_at_idx", "panel", "seen_at"),
)

asked_ids = Table(
    "asked_ids",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("chunk", BigInteger, primary_key=True, autoincrement=False, comment="99 ids: the id divided by 99"),
    Column(
        "sent_at",
        DateTime(timezone=True),
        nullable=False,
        comment="when the newest call was sent that answered for all of them",
    ),
)

prices = Table(
    "prices",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("began_at", DateTime(timezone=True), primary_key=True, comment="when the call of the order began"),
    Column("ended_at", DateTime(timezone=True), nullable=False, comment="when it ended"),
    Column("units", BigInteger, nullable=False),
    Column("charge", Numeric, nullable=False, comment="the first that the panel told"),
    Index("prices_panel_began_at_idx", "panel", "began_at"),
)

catalogue_readings = Table(
    "catalogue_readings",
    metadata,
    Column("panel", Text, primary_key=True),
    Column(
        "read_at",
        DateTime(timezone=True),
        primary_key=True,
        server_default=NOW,
        comment="when the mirror was made equal to it",
    ),
    Column("asked_at", DateTime(timezone=True), nullable=False, comment="when the worker asked for it"),
)

guards = Table(
    "guards",
    metadata,
    Column("panel", Text, primary_key=True),
    Column(
        "searched_at",
        DateTime(timezone=True),
        comment="when the newest ids were last searched for orders that are nobody's",
    ),
    Column("shared_since", DateTime(timezone=True), comment="since when such orders are known"),
    Column("worker_id", Uuid, comment="the worker that examines"),
    Column("examined_until", DateTime(timezone=True), comment="how long it does so"),
)
