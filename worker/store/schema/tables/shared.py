"""Declares the tables through which workers share a panel: leases, accounts, budgets, pauses, abilities and jobs."""

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer, Table, Text, Uuid, text

from worker.store.schema.tables.columns import NOW, id_column, metadata, timestamp

workers = Table(
    "workers",
    metadata,
    Column("id", Uuid, primary_key=True, comment="new for every process start"),
    Column("name", Text, nullable=False, comment="host and process, for people"),
    timestamp("started_at", default=True),
    Column("lease_until", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True), comment="when it stopped, or other workers took over its calls"),
    Index("workers_living_idx", "lease_until", postgresql_where=text("ended_at IS NULL")),
)

accounts = Table(
    "accounts",
    metadata,
    id_column(),
    Column("panel", Text, nullable=False, comment="a panel name; its newest row says what it leads to"),
    Column("account", BigInteger, nullable=False, comment="the same number for every name and key of one account"),
    Column("address", Text, nullable=False, comment="without query, default port and trailing slash"),
    Column("salt", Text, nullable=False),
    Column("key_hash", Text, nullable=False, comment="of the key, with this row's salt"),
    timestamp("noted_at", default=True),
    Index("accounts_panel_idx", "panel", "id"),
)

budgets = Table(
    "budgets",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("next_at", DateTime(timezone=True), nullable=False, comment="the first free slot"),
)

pauses = Table(
    "pauses",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("scope", Text, primary_key=True, comment="add, or all"),
    Column("reason", Text, primary_key=True),
    Column("detail", Text),
    timestamp("since", default=True),
    Column("until", DateTime(timezone=True), nullable=False, comment="when one call may probe the panel"),
    Column("failures", Integer, nullable=False, server_default="1"),
)

panel_abilities = Table(
    "panel_abilities",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("action", Text, primary_key=True),
    Column("most_ids", Integer, nullable=False, comment="of one batch; 0: it takes no batch, one id at a time alone"),
    timestamp("found_at", default=True),
    Column(
        "tried_at",
        DateTime(timezone=True),
        nullable=False,
        server_default=NOW,
        comment="when a larger batch was last tried",
    ),
)

periodic_jobs = Table(
    "periodic_jobs",
    metadata,
    Column("panel", Text, primary_key=True),
    Column("job", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("succeeded_at", DateTime(timezone=True)),
)
