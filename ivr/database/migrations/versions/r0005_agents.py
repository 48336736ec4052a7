"""Who signs in to the console, what agents note, and who looked into an unhappy survey."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "agents",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(32), nullable=False, unique=True),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("groups", sa.String(1000), nullable=False),
        sa.Column("phone", sa.String(80), nullable=False),
        sa.Column("password", sa.String(200), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("disabled_at", sa.BigInteger, nullable=True),
        sa.Column("sample", sa.Boolean, nullable=False),
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("call", sa.String(34), nullable=False, index=True),
        sa.Column("hotline", sa.String(40), nullable=False),
        sa.Column("group", sa.String(40), nullable=False),
        sa.Column("agent", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("path", sa.String(200), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
    )
    op.add_column("surveys", sa.Column("handled_at", sa.BigInteger, nullable=True))
    op.add_column("surveys", sa.Column("handled_by", sa.String(32), nullable=True))
