"""Declares the tables of records: catalogues, balances, events and audits."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Identity,
    Index,
    Numeric,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from worker.store.schema.tables.columns import CLOCK, id_column, metadata, timestamp

services = Table(
    "services",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("name", Text),
    Column("type", Text),
    Column("category", Text),
    Column("rate", Numeric),
    Column("min", BigInteger),
    Column("max", BigInteger),
    Column("refill", Boolean),
    Column("cancel", Boolean),
    Column("dripfeed", Boolean),
    Column("raw", JSONB, nullable=False),
    timestamp("created_at", default=True),
    timestamp("updated_at", default=True),
    timestamp("removed_at"),
)

service_changes = Table(
    "service_changes",
    metadata,
    id_column(),
    Column("panel", Text, nullable=False),
    Column("service", Text, nullable=False),
    timestamp("at", default=True),
    Column("kind", Text, nullable=False, comment="rate, min, max, name, removed or returned"),
    Column("value_before", Text),
    Column("value_after", Text),
    Index("service_changes_panel_service_idx", "panel", "service", "id"),
    Index("service_changes_at_idx", "at"),
)

balances = Table(
    "balances",
    metadata,
    id_column(),
    Column("panel", Text, nullable=False),
    timestamp("at", default=True),
    Column("balance", Numeric, nullable=False),
    Column("currency", Text),
    Column(
        "asked_at",
        DateTime(timezone=True),
        comment="when the worker asked: the balance held at some time from then to at",
    ),
    Index("balances_panel_at_idx", "panel", "at"),
)

order_events = Table(
    "order_events",
    metadata,
    id_column(),
    Column("order_id", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=CLOCK),
    Column("kind", Text, nullable=False),
    Column("state_before", Text),
    Column("state_after", Text, nullable=False),
    Column("panel_status", Text),
    Column("charge", Numeric(20, 8)),
    Column("remains", BigInteger),
    Column("start_count", BigInteger),
    Column("detail", JSONB, nullable=False, server_default=text("'{}'")),
    Index("order_events_order_id_idx", "order_id", "id"),
    Index("order_events_at_idx", "at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
)

audits = Table(
    "audits",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("panel", Text, nullable=False),
    timestamp("at", default=True),
    Column("currency", Text),
    Column("opened_at", DateTime(timezone=True), nullable=False, comment="time of the first balance reading"),
    Column(
        "closed_at",
        DateTime(timezone=True),
        nullable=False,
        comment="time of the last balance reading: the next audit begins there",
    ),
    Column("opening", Numeric, nullable=False),
    Column("charges", Numeric, nullable=False),
    Column("refunds", Numeric, nullable=False),
    Column("top_ups", Numeric, nullable=False),
    Column("unexplained", Numeric, nullable=False, comment="never above 0"),
    Column("closing", Numeric, nullable=False),
    Column("missing", Numeric, nullable=False, comment="the smallest amount that is certainly missing"),
    Index("audits_panel_closed_at_idx", "panel", "closed_at"),
)
