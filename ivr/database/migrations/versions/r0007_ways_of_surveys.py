"""The way of the caller, beside each answer to the survey: an agent may have written no note."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("surveys", sa.Column("path", sa.String(200), nullable=False, server_default=""))
