"""The tables of the reference service: members and what is known of them, references, codes, the outbox."""

from datetime import date

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Money is kept in fen and instants in seconds since 1970, both whole: SQLite has neither decimals nor time zones.

Sessions = async_sessionmaker[AsyncSession]


class Base(DeclarativeBase):
    """What all tables share: whole numbers of 64 bits."""

    type_annotation_map = {int: BigInteger().with_variant(Integer(), "sqlite")}  # noqa: RUF012 - as SQLAlchemy reads it


class MemberRow(Base):
    """A member with everything that there is once; ``failures`` counts wrong secrets in a row."""

    __tablename__ = "members"
    id: Mapped[int] = mapped_column(primary_key=True)
    id_number: Mapped[str] = mapped_column(String(18), unique=True)
    card_number: Mapped[str | None] = mapped_column(String(19), unique=True)
    by_telephone: Mapped[bool]
    pin_hash: Mapped[str]
    pin_is_initial: Mapped[bool]
    failures: Mapped[int]
    locked_until: Mapped[int | None]
    mobile: Mapped[str | None]
    surname: Mapped[str | None]
    gender: Mapped[str | None]
    birth_year: Mapped[int | None]
    region: Mapped[str | None]
    scheme: Mapped[str]
    account_status: Mapped[str]
    balance_fen: Mapped[int]
    as_of: Mapped[date]
    actual_months: Mapped[int]
    deemed_months: Mapped[int]
    first_month: Mapped[str | None]
    last_month: Mapped[str | None]
    required_months: Mapped[int | None]
    required_actual_months: Mapped[int | None]
    coverage: Mapped[str]
    covered_since: Mapped[str | None]
    retired: Mapped[bool | None]
    family_sharing: Mapped[bool]


class _OfMember:
    id: Mapped[int] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), index=True)


class ContributionRow(_OfMember, Base):
    """One month's contribution."""

    __tablename__ = "contributions"
    month: Mapped[str]
    fen: Mapped[int]
    status: Mapped[str]


class CreditRow(_OfMember, Base):
    """One month's credit to the personal account."""

    __tablename__ = "credits"
    month: Mapped[str]
    fen: Mapped[int]
    credited_on: Mapped[date | None]


class TransactionRow(_OfMember, Base):
    """A payment from the personal account, or with a negative sum a refund."""

    __tablename__ = "transactions"
    date: Mapped[date]
    fen: Mapped[int]
    kind: Mapped[str]


class TransferRow(_OfMember, Base):
    """A case of moving the insurance between regions."""

    __tablename__ = "transfers"
    case_number: Mapped[str]
    from_region: Mapped[str | None]
    to_region: Mapped[str | None]
    stage: Mapped[str]
    submitted_on: Mapped[date]
    due_by: Mapped[date | None]
    balance_arrived: Mapped[bool | None]
    fen: Mapped[int | None]


class RelativeRow(_OfMember, Base):
    """Somebody bound for family mutual aid."""

    __tablename__ = "relatives"
    surname: Mapped[str]
    relation: Mapped[str]
    bound_on: Mapped[date | None]


class ReferenceRow(Base):
    """A member reference that was handed out: its hash, and the one call for which it is good."""

    __tablename__ = "member_references"
    ref_hash: Mapped[str] = mapped_column(primary_key=True)
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"))
    call_id: Mapped[str]
    expires_at: Mapped[int] = mapped_column(index=True)


class CodeRow(Base):
    """The member's code that is good now; a newer one takes its place."""

    __tablename__ = "codes"
    member_id: Mapped[int] = mapped_column(ForeignKey("members.id"), primary_key=True, autoincrement=False)
    code: Mapped[str]
    expires_at: Mapped[int]


class CodeRequestRow(Base):
    """A request for a code that was taken, whether or not the number is anybody's."""

    __tablename__ = "code_requests"
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str]
    at: Mapped[int] = mapped_column(index=True)
    __table_args__ = (Index("code_requests_of_a_subject", "subject", "at"),)


class OutboxRow(Base):
    """A text message that a gateway would send; the numbering only grows."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[int]
    call_id: Mapped[str]
    kind: Mapped[str]
    mobile: Mapped[str]
    text: Mapped[str]
    idempotency_key: Mapped[str] = mapped_column(unique=True)
    __table_args__ = ({"sqlite_autoincrement": True},)


async def create_tables(engine: AsyncEngine) -> None:
    """Create the tables that are missing."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
