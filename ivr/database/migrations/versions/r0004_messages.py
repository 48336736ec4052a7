"""Spoken messages that callers left."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("recording", sa.String(34), nullable=False, unique=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("done_by", sa.String(80), nullable=False),
        sa.Column("done_at", sa.BigInteger, nullable=True),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
