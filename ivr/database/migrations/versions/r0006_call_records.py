"""The records of calls."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "call_records",
        sa.Column("call", sa.String(34), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
        sa.Column("hotline", sa.String(40), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("started", sa.BigInteger, nullable=False),
        sa.Column("ended", sa.BigInteger, nullable=False),
        sa.Column("ending", sa.String(8), nullable=False),
        sa.Column("caller", sa.String(8), nullable=False),
        sa.Column("languages", sa.String(20), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("answered_after", sa.BigInteger, nullable=True),
        sa.Column("verified", sa.Boolean, nullable=False),
        sa.Column("spoke", sa.Boolean, nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("agent_group", sa.String(40), nullable=False),
        sa.Column("age", sa.String(8), nullable=False),
        sa.Column("slow", sa.Boolean, nullable=False),
        sa.Column("silences", sa.Integer, nullable=False),
        sa.Column("wrong_keys", sa.Integer, nullable=False),
        sa.Column("whole", sa.Boolean, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
    )
