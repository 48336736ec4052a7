"""Answers to the survey after a talk with a human."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "surveys",
        sa.Column("call", sa.String(34), primary_key=True),
        sa.Column("hotline", sa.String(40), nullable=False),
        sa.Column("lang", sa.String(8), nullable=False),
        sa.Column("asked", sa.String(40), nullable=False),
        sa.Column("score", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
    )
