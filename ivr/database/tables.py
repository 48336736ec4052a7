"""The tables of the hotline's own database. Whoever changes one writes a migration, and names it in `REVISION`."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint

REVISION = "0007"
"""The newest migration: a database that is there is used as it is."""

VERSION_TABLE = "hotline_version"
"""Where the migration of a database is noted: under a name of our own, since others may keep tables beside ours."""

LONGEST_PATH = 200
"""Characters of the services that a caller chose, with blanks between."""

METADATA = MetaData()

# Instants are milliseconds since 1970.
AUDIT_CHAINS = Table(
    "audit_chains",
    METADATA,
    Column("chain", String(16), primary_key=True),
    Column("worker", String(255), nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("mac", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("pruned_at", BigInteger, nullable=True),
)
"""The head of each chain of audit entries: how far it had come when it was last looked at."""

CALLBACKS = Table(
    "callbacks",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(22), nullable=False),
    Column("call", String(34), nullable=False),
    Column("booked_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    UniqueConstraint("name", "call", "booked_at"),
)
"""Callbacks, the open ones (with no outcome) and those that are done: `name` stands for the number, `sealed` has it."""

MESSAGES = Table(
    "messages",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("recording", String(34), nullable=False, unique=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("done_by", String(80), nullable=False),
    Column("done_at", BigInteger, nullable=True),
    Column("deleted", Boolean, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""Spoken messages: `sealed` has what is known of each, `deleted` tells that the carrier has the recording no more."""

SURVEYS = Table(
    "surveys",
    METADATA,
    Column("call", String(34), primary_key=True),
    Column("hotline", String(40), nullable=False),
    Column("lang", String(8), nullable=False),
    Column("asked", String(40), nullable=False),
    Column("score", String(16), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("handled_at", BigInteger, nullable=True),
    Column("handled_by", String(32), nullable=True),
    Column("path", String(LONGEST_PATH), nullable=False, server_default=""),
)
"""What callers thought of the human they spoke with, once for each call, and who has looked into it.

`path` are the services chosen, as in the notes."""

AGENTS = Table(
    "agents",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(32), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("groups", String(1000), nullable=False),
    Column("phone", String(80), nullable=False),
    Column("password", String(200), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled_at", BigInteger, nullable=True),
    Column("sample", Boolean, nullable=False),
)
"""Who may sign in to the console: `groups` are ``hotline/group`` with blanks between, `password` is an Argon2 hash."""

NOTES = Table(
    "notes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("call", String(34), nullable=False, index=True),
    Column("hotline", String(40), nullable=False),
    Column("group", String(40), nullable=False),
    Column("agent", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("path", String(LONGEST_PATH), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
"""What agents noted after they spoke with a caller: `path` are the services chosen, `sealed` has the words."""

CALL_RECORDS = Table(
    "call_records",
    METADATA,
    Column("call", String(34), primary_key=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("hotline", String(40), nullable=False),
    Column("version", String(64), nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("ending", String(8), nullable=False),
    Column("caller", String(8), nullable=False),
    Column("languages", String(20), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("answered_after", BigInteger, nullable=True),
    Column("verified", Boolean, nullable=False),
    Column("spoke", Boolean, nullable=False),
    Column("agent", String(64), nullable=False),
    Column("agent_group", String(40), nullable=False),
    Column("age", String(8), nullable=False),
    Column("slow", Boolean, nullable=False),
    Column("silences", Integer, nullable=False),
    Column("wrong_keys", Integer, nullable=False),
    Column("whole", Boolean, nullable=False),
    Column("path", LargeBinary, nullable=False),
)
"""What became of each call: `at` is when it started, or ended where that is all that is known; `path` is packed."""
