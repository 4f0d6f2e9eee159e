"""Builds the first schema: the producers' tables, the worker's own, and the triggers that wake workers up."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# The oldest revision whose workers can go on over this schema.
serves = "0001"

# Sends one NOTIFY for each statement, however many rows it inserts. It only shortens the wait: everything works
# without.
WAKE_UP = """
CREATE FUNCTION order_sync_wake_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('order_sync_work', TG_TABLE_NAME);
    RETURN NULL;
END $$
"""

# Events get their ids under a lock that lasts until the commit, so that they become visible in the order of their ids:
# a consumer that reads `WHERE id > $last` misses nothing.
EVENTS_IN_ORDER = """
CREATE FUNCTION order_sync_events_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7957688057596965731);
    RETURN NULL;
END $$
"""

ANNOUNCE_EVENTS = """
CREATE FUNCTION order_sync_announce_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('order_sync_events', '');
    RETURN NULL;
END $$
"""

# Postgres commits transactions with notifications one after the other. So when many transactions insert orders at once,
# only the first within some milliseconds notifies; a worker that hears it claims once more a little later
# (`worker.daemon`). The sequence holds a value outside of any transaction: the time of the last notification, in
# milliseconds since the epoch.
#
# The function runs with its owner's rights, so it qualifies every name, even of operators, and takes nothing from the
# caller's search path. A search path of its own would cost each insert a tenth of its time. A query of the sequence
# would cost a twentieth, so the function calls what the view pg_sequences calls.
WAKE_UP_FOR_ORDERS = """
CREATE FUNCTION order_sync_wake_up_for_orders() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    now_ms bigint := extract(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000;
    -- NULL before the first notification.
    since bigint := now_ms OPERATOR(pg_catalog.-) pg_catalog.pg_sequence_last_value('{schema}.orders_announced_at');
BEGIN
    IF since OPERATOR(pg_catalog.>=) 0 AND since OPERATOR(pg_catalog.<=) 5 THEN
        RETURN NULL;
    END IF;
    PERFORM
        pg_catalog.setval('{schema}.orders_announced_at', now_ms),
        pg_catalog.pg_notify('order_sync_work', TG_TABLE_NAME);
    RETURN NULL;
END $$
"""

#: The tables into which producers insert, each with the function that then wakes workers up.
FED_BY_PRODUCERS = {
    "orders": "order_sync_wake_up_for_orders",
    "refills": "order_sync_wake_up",
    "cancels": "order_sync_wake_up",
}

EVENT = "id, order_id, at, kind, state_before, state_after, panel_status, charge, remains, start_count, detail"
SUBMISSION = (
    "id, order_id, panel, worker_id, began_at, ended_at, expected_charge, units, is_parent, replied, outcome, "
    "panel_order_id"
)

# Moves history to the archive: whoever calls it needs no right to delete. It leaves behind what evidence about other
# orders may read at any time: open calls, calls that a panel accepted late, and calls for orders that spawn others.
ARCHIVE = f"""
CREATE FUNCTION order_sync_archive(order_ids bigint[], before timestamptz, OUT events bigint, OUT submissions bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {{schema}}, pg_temp AS $$
BEGIN
    WITH moved AS (
        DELETE FROM order_events e WHERE e.order_id = ANY(order_ids) AND e.at < before RETURNING e.*
    )
    INSERT INTO order_events_archive ({EVENT}) SELECT {EVENT} FROM moved;
    GET DIAGNOSTICS events = ROW_COUNT;
    WITH moved AS (
        DELETE FROM submissions s
        WHERE s.order_id = ANY(order_ids) AND s.ended_at < before AND s.outcome <> 'accepted_late' AND NOT s.is_parent
        RETURNING s.*
    )
    INSERT INTO submissions_archive ({SUBMISSION}) SELECT {SUBMISSION} FROM moved;
    GET DIAGNOSTICS submissions = ROW_COUNT;
END $$
"""  # noqa: S608 - names of ours

VIEWS = {
    "order_events_all": f"SELECT {EVENT} FROM order_events UNION ALL SELECT {EVENT} FROM order_events_archive",  # noqa: S608 - names of ours
    "submissions_all": f"SELECT {SUBMISSION} FROM submissions UNION ALL SELECT {SUBMISSION} FROM submissions_archive",  # noqa: S608 - names of ours
}

STORAGE = {
    "orders": (
        "fillfactor = 75, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, "
        "vacuum_index_cleanup = on"
    ),
    "polls": (
        "fillfactor = 75, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000, "
        "vacuum_index_cleanup = on"
    ),
    "submissions": "autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000",
}


def upgrade() -> None:
    op.create_table(
        "audits",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False, comment="time of the first balance reading"),
        sa.Column(
            "closed_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="time of the last balance reading: the next audit begins there",
        ),
        sa.Column("opening", sa.Numeric(), nullable=False),
        sa.Column("charges", sa.Numeric(), nullable=False),
        sa.Column("refunds", sa.Numeric(), nullable=False),
        sa.Column("top_ups", sa.Numeric(), nullable=False),
        sa.Column("unexplained", sa.Numeric(), nullable=False, comment="never above 0"),
        sa.Column("closing", sa.Numeric(), nullable=False),
        sa.Column(
            "missing",
            sa.Numeric(),
            nullable=False,
            comment="the smallest amount that is certainly missing",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("audits_pkey")),
    )
    op.create_index("audits_panel_closed_at_idx", "audits", ["panel", "closed_at"], unique=False)
    op.create_table(
        "balances",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("balance", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column(
            "asked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when the worker asked: the balance held at some time from then to at",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("balances_pkey")),
    )
    op.create_index("balances_panel_at_idx", "balances", ["panel", "at"], unique=False)
    op.create_table(
        "budgets",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False, comment="the first free slot"),
        sa.PrimaryKeyConstraint("panel", name=op.f("budgets_pkey")),
    )
    op.create_table(
        "order_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state_before", sa.Text(), nullable=True),
        sa.Column("state_after", sa.Text(), nullable=False),
        sa.Column("panel_status", sa.Text(), nullable=True),
        sa.Column("charge", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("remains", sa.BigInteger(), nullable=True),
        sa.Column("start_count", sa.BigInteger(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("order_events_pkey")),
    )
    op.create_index("order_events_order_id_idx", "order_events", ["order_id", "id"], unique=False)
    op.create_index(
        "order_events_at_idx",
        "order_events",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "orders",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("panel", sa.Text(), server_default="default", nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("link", sa.Text(), nullable=True),
        sa.Column("quantity", sa.BigInteger(), nullable=True),
        sa.Column("runs", sa.Integer(), nullable=True),
        sa.Column("interval_minutes", sa.Integer(), nullable=True),
        sa.Column("params", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("not_before", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("max_charge", sa.Numeric(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("panel_order_id", sa.Text(), nullable=True),
        sa.Column("panel_status", sa.Text(), nullable=True),
        sa.Column("charge", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("start_count", sa.BigInteger(), nullable=True),
        sa.Column("remains", sa.BigInteger(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "retry_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="the worker's own: the earliest time of the next attempt",
        ),
        sa.CheckConstraint("jsonb_typeof(params) = 'object'", name=op.f("orders_params_check")),
        sa.CheckConstraint("max_charge >= 0 AND max_charge <> 'NaN'", name=op.f("orders_max_charge_check")),
        sa.CheckConstraint("panel <> ''", name=op.f("orders_panel_check")),
        sa.CheckConstraint("service <> ''", name=op.f("orders_service_check")),
        sa.CheckConstraint(
            "state IN ('pending', 'submitting', 'unconfirmed', 'submitted', "
            "'completed', 'partial', 'canceled', 'rejected')",
            name=op.f("orders_state_check"),
        ),
        sa.CheckConstraint(
            "state NOT IN ('submitted', 'completed', 'partial') OR panel_order_id IS NOT NULL",
            name=op.f("orders_panel_order_id_check"),
        ),
        sa.CheckConstraint("(runs IS NULL) = (interval_minutes IS NULL)", name=op.f("orders_drip_feed_check")),
        sa.CheckConstraint("interval_minutes > 0", name=op.f("orders_interval_minutes_check")),
        sa.CheckConstraint("quantity > 0", name=op.f("orders_quantity_check")),
        sa.CheckConstraint("runs > 0", name=op.f("orders_runs_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("orders_pkey")),
        sa.UniqueConstraint("reference", name=op.f("orders_reference_key")),
    )
    op.create_index("orders_panel_order_id_key", "orders", ["panel", "panel_order_id"], unique=True)
    op.create_index(
        "orders_pending_idx",
        "orders",
        ["panel", sa.literal_column("priority DESC"), "not_before", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "orders_unconfirmed_idx",
        "orders",
        ["panel", "id"],
        unique=False,
        postgresql_where=sa.text("state = 'unconfirmed'"),
    )
    op.create_index(
        "orders_sought_idx",
        "orders",
        ["state", "id", "panel"],
        unique=False,
        postgresql_where=sa.text("state IN ('submitting', 'submitted', 'rejected')"),
    )
    op.create_index("orders_created_at_idx", "orders", ["created_at"], unique=False, postgresql_using="brin")
    op.create_table(
        "paces",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column(
            "closes",
            sa.Double(),
            nullable=False,
            comment="how many closed orders the sums hold, older ones counting less",
        ),
        sa.Column(
            "log_sum", sa.Double(), nullable=False, comment="sum of the logarithms of the seconds that each order took"
        ),
        sa.Column("log_squares", sa.Double(), nullable=False, comment="sum of the squares of these logarithms"),
        sa.PrimaryKeyConstraint("panel", "service", name=op.f("paces_pkey")),
    )
    op.create_table(
        "pauses",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False, comment="add, or all"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False, comment="when one call may probe the panel"),
        sa.Column("failures", sa.Integer(), server_default="1", nullable=False),
        sa.PrimaryKeyConstraint("panel", "scope", "reason", name=op.f("pauses_pkey")),
    )
    op.create_table(
        "periodic_jobs",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("job", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("succeeded_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("panel", "job", name=op.f("periodic_jobs_pkey")),
    )
    op.create_table(
        "service_changes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False, comment="rate, min, max, name, removed or returned"),
        sa.Column("value_before", sa.Text(), nullable=True),
        sa.Column("value_after", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("service_changes_pkey")),
    )
    op.create_index("service_changes_panel_service_idx", "service_changes", ["panel", "service", "id"], unique=False)
    op.create_index("service_changes_at_idx", "service_changes", ["at"], unique=False)
    op.create_table(
        "services",
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("type", sa.Text(), nullable=True),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("rate", sa.Numeric(), nullable=True),
        sa.Column("min", sa.BigInteger(), nullable=True),
        sa.Column("max", sa.BigInteger(), nullable=True),
        sa.Column("refill", sa.Boolean(), nullable=True),
        sa.Column("cancel", sa.Boolean(), nullable=True),
        sa.Column("dripfeed", sa.Boolean(), nullable=True),
        sa.Column("raw", postgresql.JSONB(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("panel", "service", name=op.f("services_pkey")),
    )
    op.create_table(
        "submissions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="the token of the claim"),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column(
            "began_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
            comment="before the first byte was sent",
        ),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="after the last byte was received, or awaited",
        ),
        sa.Column("expected_charge", sa.Numeric(), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=True, comment="the quantity that remains counts down from"),
        sa.Column(
            "is_parent", sa.Boolean(), nullable=False, comment="whether it spawns other orders, with ids of their own"
        ),
        sa.Column(
            "replied",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether the panel had finished with the call",
        ),
        sa.Column("outcome", sa.Text(), nullable=True, comment="null while the call is open"),
        sa.Column("panel_order_id", sa.Text(), nullable=True),
        sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name=op.f("submissions_ended_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("submissions_pkey")),
    )
    op.create_index(
        "submissions_open_key", "submissions", ["order_id"], unique=True, postgresql_where=sa.text("outcome IS NULL")
    )
    op.create_index(
        "submissions_open_worker_idx",
        "submissions",
        ["worker_id"],
        unique=False,
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index(
        "submissions_accepted_idx",
        "submissions",
        ["panel", "began_at"],
        unique=False,
        postgresql_where=sa.text("outcome = 'accepted'"),
    )
    op.create_index(
        "submissions_accepted_late_idx",
        "submissions",
        ["panel", "panel_order_id"],
        unique=False,
        postgresql_where=sa.text("outcome = 'accepted_late'"),
    )
    op.create_index(
        "submissions_lost_idx",
        "submissions",
        ["panel", "ended_at"],
        unique=False,
        postgresql_where=sa.text("outcome IN ('unknown', 'refuted')"),
    )
    op.create_index(
        "submissions_parents_idx",
        "submissions",
        ["panel"],
        unique=False,
        postgresql_where=sa.text("is_parent"),
    )
    op.create_index("submissions_order_id_idx", "submissions", ["order_id", "id"], unique=False)
    op.create_table(
        "workers",
        sa.Column("id", sa.Uuid(), nullable=False, comment="new for every process start"),
        sa.Column("name", sa.Text(), nullable=False, comment="host and process, for people"),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it stopped, or other workers took over its calls",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("workers_pkey")),
    )
    op.create_index(
        "workers_living_idx", "workers", ["lease_until"], unique=False, postgresql_where=sa.text("ended_at IS NULL")
    )
    op.create_table(
        "cancels",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="the worker's own: when a worker handles this row next",
        ),
        sa.CheckConstraint("state IN ('pending', 'accepted', 'rejected')", name=op.f("cancels_state_check")),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("cancels_order_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("cancels_pkey")),
        sa.UniqueConstraint("reference", name=op.f("cancels_reference_key")),
    )
    op.create_index(op.f("cancels_order_id_idx"), "cancels", ["order_id"], unique=False)
    op.create_index(
        "cancels_pending_idx", "cancels", ["due_at"], unique=False, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index(
        "cancels_waiting_for_order_idx",
        "cancels",
        ["order_id"],
        unique=False,
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_table(
        "examinations",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "verdict",
            postgresql.JSONB(),
            nullable=True,
            comment="the latest, so that a worker reports only a different one",
        ),
        sa.ForeignKeyConstraint(
            ["order_id"], ["orders.id"], name=op.f("examinations_order_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("order_id", name=op.f("examinations_pkey")),
    )
    op.create_table(
        "polls",
        sa.Column("order_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="the next poll; the worker that polls moves it ahead, as a lease",
        ),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False, comment="when the order last changed"),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="when the latest poll began in which the panel reported the order",
        ),
        sa.Column(
            "settling",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether the order is closed",
        ),
        sa.Column("begun_with", sa.BigInteger(), nullable=True, comment="the highest remains seen"),
        sa.Column(
            "begun_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when a poll last saw the highest remains",
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("polls_order_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("order_id", name=op.f("polls_pkey")),
    )
    op.create_index(
        "polls_moving_idx", "polls", ["panel", "due_at"], unique=False, postgresql_where=sa.text("NOT settling")
    )
    op.create_index(
        "polls_settling_idx", "polls", ["panel", "due_at"], unique=False, postgresql_where=sa.text("settling")
    )
    op.create_table(
        "refills",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), server_default="pending", nullable=False),
        sa.Column("panel_refill_id", sa.Text(), nullable=True),
        sa.Column("panel_status", sa.Text(), nullable=True),
        sa.Column("error_code", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "due_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="the worker's own: when a worker handles this row next",
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'submitted', 'completed', 'rejected')", name=op.f("refills_state_check")
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name=op.f("refills_order_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("refills_pkey")),
        sa.UniqueConstraint("reference", name=op.f("refills_reference_key")),
    )
    op.create_index(op.f("refills_order_id_idx"), "refills", ["order_id"], unique=False)
    op.create_index(
        "refills_pending_idx", "refills", ["due_at"], unique=False, postgresql_where=sa.text("state = 'pending'")
    )
    op.create_index(
        "refills_submitted_idx", "refills", ["due_at"], unique=False, postgresql_where=sa.text("state = 'submitted'")
    )
    _archive()
    _wake_up()
    op.execute(EVENTS_IN_ORDER)
    op.execute(
        "CREATE TRIGGER order_events_in_order BEFORE INSERT ON order_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION order_sync_events_in_order()"
    )
    op.execute(ANNOUNCE_EVENTS)
    op.execute(
        "CREATE TRIGGER order_events_announce AFTER INSERT ON order_events "
        "FOR EACH STATEMENT EXECUTE FUNCTION order_sync_announce_events()"
    )


def _wake_up() -> None:
    op.execute(WAKE_UP)
    op.execute("CREATE SEQUENCE orders_announced_at")
    op.execute(WAKE_UP_FOR_ORDERS.format(schema=_schema()))
    for table, function in FED_BY_PRODUCERS.items():
        op.execute(
            f"CREATE TRIGGER {table}_wake_up AFTER INSERT ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
        )


def _archive() -> None:
    op.create_table(
        "order_events_archive",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state_before", sa.Text(), nullable=True),
        sa.Column("state_after", sa.Text(), nullable=False),
        sa.Column("panel_status", sa.Text(), nullable=True),
        sa.Column("charge", sa.Numeric(precision=20, scale=8), nullable=True),
        sa.Column("remains", sa.BigInteger(), nullable=True),
        sa.Column("start_count", sa.BigInteger(), nullable=True),
        sa.Column("detail", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("order_events_archive_pkey")),
    )
    op.create_index("order_events_archive_order_id_idx", "order_events_archive", ["order_id", "id"], unique=False)
    op.create_index(
        "order_events_archive_at_idx",
        "order_events_archive",
        ["at"],
        unique=False,
        postgresql_using="brin",
        postgresql_with={"autosummarize": "on"},
    )
    op.create_table(
        "submissions_archive",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("order_id", sa.BigInteger(), nullable=False),
        sa.Column("panel", sa.Text(), nullable=False),
        sa.Column("worker_id", sa.Uuid(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("expected_charge", sa.Numeric(), nullable=True),
        sa.Column("units", sa.BigInteger(), nullable=True),
        sa.Column("is_parent", sa.Boolean(), nullable=False),
        sa.Column("replied", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("panel_order_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("submissions_archive_pkey")),
    )
    op.create_index("submissions_archive_order_id_idx", "submissions_archive", ["order_id", "id"], unique=False)
    for view, query in VIEWS.items():
        op.execute(f"CREATE VIEW {view} AS {query}")
    op.execute(ARCHIVE.format(schema=_schema()))
    op.execute("REVOKE EXECUTE ON FUNCTION order_sync_archive FROM PUBLIC")
    for table, parameters in STORAGE.items():
        op.execute(f"ALTER TABLE {table} SET ({parameters})")


def _schema() -> str:
    return str(op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())")))


def downgrade() -> None:
    op.execute("DROP FUNCTION order_sync_archive")
    for view in VIEWS:
        op.execute(f"DROP VIEW {view}")
    op.drop_table("submissions_archive")
    op.drop_table("order_events_archive")
    op.drop_table("refills")
    op.drop_table("polls")
    op.drop_table("examinations")
    op.drop_table("cancels")
    op.drop_table("workers")
    op.drop_table("submissions")
    op.drop_table("services")
    op.drop_table("service_changes")
    op.drop_table("periodic_jobs")
    op.drop_table("pauses")
    op.drop_table("paces")
    op.drop_table("orders")
    op.drop_table("order_events")
    op.drop_table("budgets")
    op.drop_table("balances")
    op.drop_table("audits")
    for function in (
        *sorted(set(FED_BY_PRODUCERS.values())),
        "order_sync_events_in_order",
        "order_sync_announce_events",
    ):
        op.execute(f"DROP FUNCTION {function}()")
    op.execute("DROP SEQUENCE orders_announced_at")
