"""Runs the revisions on the connection that `worker.store.schema.migrate` passes, or on ORDER_SYNC_DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import Connection, create_engine

from worker.store.db.engine import sqlalchemy_url
from worker.store.schema.revision import note
from worker.store.schema.tables import metadata


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, compare_server_default=True)
    with context.begin_transaction():
        context.run_migrations()
        revision = context.get_context().get_current_revision()
        if revision is not None:
            note(connection, context.script.get_revision(revision).module.serves)


given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    with create_engine(sqlalchemy_url(os.environ["ORDER_SYNC_DATABASE_URL"])).begin() as connection:
        migrate(connection)
