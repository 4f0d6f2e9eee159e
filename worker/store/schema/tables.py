"""The tables. Alembic's revisions in `migrations/` build them; a test holds the two together."""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from worker.domain.orders.states import CancelState, OrderState, RefillState

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    }
)

_NOW = text("now()")
_CLOCK = text("clock_timestamp()")


def _id() -> Column[int]:
    return Column("id", BigInteger, Identity(always=False), primary_key=True)


def _at(name: str, *, default: bool = False) -> Column[object]:
    return Column(name, DateTime(timezone=True), nullable=not default, server_default=_NOW if default else None)


def _due_at() -> Column[object]:
    return Column(
        "due_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=_NOW,
        comment="the worker's own: when it is next seen to",
    )


def _one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


orders = Table(
    "orders",
    metadata,
    _id(),
    Column("panel", Text, nullable=False, server_default="default"),
    Column("service", Text, nullable=False),
    Column("link", Text),
    Column("quantity", BigInteger),
    Column("runs", Integer),
    Column("interval_minutes", Integer),
    Column("params", JSONB, nullable=False, server_default=text("'{}'")),
    Column("reference", Text, unique=True),
    Column("priority", SmallInteger, nullable=False, server_default="0"),
    _at("not_before", default=True),
    Column("max_charge", Numeric),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("panel_order_id", Text),
    Column("panel_status", Text),
    Column("charge", Numeric(20, 8)),
    Column("currency", Text),
    Column("start_count", BigInteger),
    Column("remains", BigInteger),
    Column("error_code", Text),
    Column("error", Text),
    Column("attempts", Integer, nullable=False, server_default="0"),
    _at("created_at", default=True),
    _at("submitted_at"),
    _at("checked_at"),
    _at("finished_at"),
    _at("updated_at", default=True),
    Column("retry_at", DateTime(timezone=True), comment="the worker's own: not tried again before"),
    CheckConstraint("quantity > 0", name="quantity"),
    CheckConstraint("runs > 0", name="runs"),
    CheckConstraint("interval_minutes > 0", name="interval_minutes"),
    CheckConstraint("(runs IS NULL) = (interval_minutes IS NULL)", name="drip_feed"),
    CheckConstraint("jsonb_typeof(params) = 'object'", name="params"),
    CheckConstraint("max_charge >= 0 AND max_charge <> 'NaN'", name="max_charge"),
    CheckConstraint("panel <> ''", name="panel"),
    CheckConstraint("service <> ''", name="service"),
    _one_of("state", OrderState),
    CheckConstraint(
        "state NOT IN ('submitted', 'completed', 'partial') OR panel_order_id IS NOT NULL", name="panel_order_id"
    ),
    Index("orders_panel_order_id_key", "panel", "panel_order_id", unique=True),
    Index(
        "orders_pending_idx",
        "panel",
        text("priority DESC"),
        "not_before",
        "id",
        postgresql_where=text("state = 'pending'"),
    ),
    Index("orders_unconfirmed_idx", "panel", "id", postgresql_where=text("state = 'unconfirmed'")),
    # For people: the other states that are looked for, and counted where they are open.
    Index(
        "orders_sought_idx",
        "state",
        "id",
        "panel",
        postgresql_where=text("state IN ('submitting', 'submitted', 'rejected')"),
    ),
    Index("orders_created_at_idx", "created_at", postgresql_using="brin"),
)

refills = Table(
    "refills",
    metadata,
    _id(),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    Column("reference", Text, unique=True),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("panel_refill_id", Text),
    Column("panel_status", Text),
    Column("error_code", Text),
    Column("error", Text),
    _at("created_at", default=True),
    _at("submitted_at"),
    _at("checked_at"),
    _at("finished_at"),
    _at("updated_at", default=True),
    _due_at(),
    _one_of("state", RefillState),
    Index("refills_pending_idx", "due_at", postgresql_where=text("state = 'pending'")),
    Index("refills_submitted_idx", "due_at", postgresql_where=text("state = 'submitted'")),
)

cancels = Table(
    "cancels",
    metadata,
    _id(),
    Column("order_id", BigInteger, ForeignKey("orders.id"), nullable=False, index=True),
    Column("reference", Text, unique=True),
    Column("state", Text, nullable=False, server_default="pending"),
    Column("error_code", Text),
    Column("error", Text),
    _at("created_at", default=True),
    _at("finished_at"),
    _at("updated_at", default=True),
    _due_at(),
    _one_of("state", CancelState),
    Index("cancels_pending_idx", "due_at", postgresql_where=text("state = 'pending'")),
    Index("cancels_waiting_for_order_idx", "order_id", postgresql_where=text("state = 'pending'")),
)

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
    _at("created_at", default=True),
    _at("updated_at", default=True),
    _at("removed_at"),
)

service_changes = Table(
    "service_changes",
    metadata,
    _id(),
    Column("panel", Text, nullable=False),
    Column("service", Text, nullable=False),
    _at("at", default=True),
    Column("kind", Text, nullable=False, comment="rate, min, max, name, removed or returned"),
    Column("value_before", Text),
    Column("value_after", Text),
    Index("service_changes_panel_service_idx", "panel", "service", "id"),
    Index("service_changes_at_idx", "at"),
)

balances = Table(
    "balances",
    metadata,
    _id(),
    Column("panel", Text, nullable=False),
    _at("at", default=True),
    Column("balance", Numeric, nullable=False),
    Column("currency", Text),
    Column("asked_at", DateTime(timezone=True), comment="it was that much at some time between then and at"),
    Index("balances_panel_at_idx", "panel", "at"),
)

order_events = Table(
    "order_events",
    metadata,
    _id(),
    Column("order_id", BigInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False, server_default=_CLOCK),
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

# What follows is the worker's private affair.

workers = Table(
    "workers",
    metadata,
    Column("id", Uuid, primary_key=True, comment="new for every process start"),
    Column("name", Text, nullable=False, comment="host and process, for people"),
    _at("started_at", default=True),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True), comment="it said goodbye, or was taken over"),
    Index("workers_living_idx", "lease_until", postgresql_where=text("ended_at IS NULL")),
)

submissions = Table(
    "submissions",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True, comment="the token of the claim"),
    Column("order_id", BigInteger, nullable=False),
    Column("panel", Text, nullable=False),
    Column("worker_id", Uuid, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False, server_default=_CLOCK, comment="before the first byte"),
    Column("ended_at", DateTime(timezone=True), comment="after the last"),
    Column("expected_charge", Numeric),
    Column("units", BigInteger, comment="those that remains counts down from"),
    Column("is_parent", Boolean, nullable=False, comment="it spawns other orders, with ids of their own"),
    Column("replied", Boolean, nullable=False, server_default=text("false"), comment="the panel had done with it"),
    Column("outcome", Text, comment="null while the call is open"),
    Column("panel_order_id", Text),
    CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended"),
    Index("submissions_order_id_idx", "order_id", "id"),
    Index("submissions_accepted_idx", "panel", "began_at", postgresql_where=text("outcome = 'accepted'")),
    Index(
        "submissions_accepted_late_idx",
        "panel",
        "panel_order_id",
        postgresql_where=text("outcome = 'accepted_late'"),
    ),
    Index("submissions_lost_idx", "panel", "ended_at", postgresql_where=text("outcome IN ('unknown', 'refuted')")),
    Index("submissions_parents_idx", "panel", postgresql_where=text("is_parent")),
    Index("submissions_open_key", "order_id", unique=True, postgresql_where=text("outcome IS NULL")),
    Index("submissions_open_worker_idx", "worker_id", postgresql_where=text("outcome IS NULL")),
)

examinations = Table(
    "examinations",
    metadata,
    Column("order_id", BigInteger, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("times", Integer, nullable=False, server_default="1"),
    Column("verdict", JSONB, comment="the last, so that the same isn't told twice"),
)

polls = Table(
    "polls",
    metadata,
    Column("order_id", BigInteger, ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("panel", Text, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False, comment="pushed ahead by whoever looks: a lease"),
    Column("changed_at", DateTime(timezone=True), nullable=False, comment="when the order last had news"),
    Column(
        "seen_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=_NOW,
        comment="when the last look began at which the panel said anything of it",
    ),
    Column("settling", Boolean, nullable=False, server_default=text("false"), comment="the order is closed"),
    Column("begun_with", BigInteger, comment="the most that ever remained of it"),
    Column("begun_at", DateTime(timezone=True), comment="when that much was last seen to remain"),
    Index("polls_moving_idx", "panel", "due_at", postgresql_where=text("NOT settling")),
    Index("polls_settling_idx", "panel", "due_at", postgresql_where=text("settling")),
)

paces = Table(
    "paces",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("service", Text, primary_key=True),
    Column("closes", Double, nullable=False, comment="of its orders that closed, how many count"),
    Column("log_sum", Double, nullable=False, comment="of the logarithms of the seconds that each took"),
    Column("log_squares", Double, nullable=False, comment="of their squares"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("next_at", DateTime(timezone=True), nullable=False, comment="the first slot that nobody has taken"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("scope", Text, primary_key=True, comment="add, or all"),
    Column("reason", Text, primary_key=True),
    Column("detail", Text),
    _at("since", default=True),
    Column("until", DateTime(timezone=True), nullable=False, comment="then one call may try"),
    Column("failures", Integer, nullable=False, server_default="1"),
)

periodic_jobs = Table(
    "periodic_jobs",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("job", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("succeeded_at", DateTime(timezone=True)),
)

audits = Table(
    "audits",
    metadata,
    Column("id", BigInteger, Identity(always=False), primary_key=True),
    Column("panel", Text, nullable=False),
    _at("at", default=True),
    Column("currency", Text),
    Column("opened_at", DateTime(timezone=True), nullable=False, comment="the first reading's time"),
    Column("closed_at", DateTime(timezone=True), nullable=False, comment="the last one's: the next audit begins there"),
    Column("opening", Numeric, nullable=False),
    Column("charges", Numeric, nullable=False),
    Column("refunds", Numeric, nullable=False),
    Column("top_ups", Numeric, nullable=False),
    Column("unexplained", Numeric, nullable=False, comment="never above 0"),
    Column("closing", Numeric, nullable=False),
    Column("missing", Numeric, nullable=False, comment="the least that is certainly gone without an explanation"),
    Index("audits_panel_closed_at_idx", "panel", "closed_at"),
)


def _archive_of(table: Table) -> Table:
    """The same columns, filled by `order_sync_archive` alone, and found by order."""
    name = f"{table.name}_archive"
    columns = (
        Column(column.name, column.type, primary_key=column.primary_key, autoincrement=False, nullable=column.nullable)
        for column in table.columns
    )
    return Table(name, metadata, *columns, Index(f"{name}_order_id_idx", "order_id", "id"))


order_events_archive = _archive_of(order_events)
submissions_archive = _archive_of(submissions)
Index(
    "order_events_archive_at_idx",
    order_events_archive.c.at,
    postgresql_using="brin",
    postgresql_with={"autosummarize": "on"},
)

#: How Postgres keeps what is rewritten most. News of an order that changes no state finds room on the row's own page,
#: and touches no index; and `orders_pending_idx`, from whose head every claim reads, is rid of what has gone after so
#: many changes, however long the history: not after a fifth of it.
STORAGE: Mapping[str, frozenset[str]] = {
    "orders": frozenset(
        {
            "fillfactor=75",
            "autovacuum_vacuum_scale_factor=0.01",
            "autovacuum_vacuum_threshold=5000",
            "vacuum_index_cleanup=on",
        }
    ),
    "polls": frozenset(
        {
            "fillfactor=75",
            "autovacuum_vacuum_scale_factor=0.02",
            "autovacuum_vacuum_threshold=5000",
            "vacuum_index_cleanup=on",
        }
    ),
    "submissions": frozenset({"autovacuum_vacuum_scale_factor=0.02", "autovacuum_vacuum_threshold=5000"}),
}
