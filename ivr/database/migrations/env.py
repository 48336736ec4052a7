"""What alembic runs: the migrations, on the connection and in the transaction of whoever upgrades."""

from alembic import context

from ivr.database.tables import METADATA, VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
