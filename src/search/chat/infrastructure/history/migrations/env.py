"""What Alembic runs: the steps, on the connection that it was given."""

from alembic import context

from search.chat.infrastructure.history.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="chat_schema",
    # SQLite cannot change a column in place.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
