"""The contract with the bureau's core system in types: what may be asked, and what an answer must look like."""

import json
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import core_schema

LARGEST_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read at most; no answer of the contract comes near."""

KNOWN_CODES: Final = frozenset(
    {
        "invalid_credentials",
        "unauthorized",
        "locked",
        "too_many_codes",
        "weak_pin",
        "reference_expired",
        "bad_request",
        "not_found",
        "unavailable",
    }
)
"""The problem codes of the contract; a problem with any other code is read by its status."""

_FROM_THE_WIRE: Final = {"wire": True}
_MONEY = re.compile(r"-?[0-9]{1,12}\.[0-9]{2}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

T = TypeVar("T")


class ContractFault(ValueError):  # noqa: N818 - a fault of theirs, not an error of ours
    """An answer that does not fit the contract. Its text names the field and the kind of fault, never the value."""


def _money(value: object) -> Decimal:
    # Only the text form is money: a JSON number has already been through a float somewhere.
    if not isinstance(value, str | Decimal) or not _MONEY.fullmatch(str(value)):
        raise ValueError("expected yuan with two places as a string, such as 20180.05")
    return Decimal(str(value)) + 0  # -0.00 is nothing, not a debt


def _day(value: object) -> date:
    # pydantic would take timestamps and date-times as well; the contract has days only.
    if type(value) is date:
        return value
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        raise ValueError("expected a date as a string, such as 2026-11-20")
    return date.fromisoformat(value)


def _not_null(value: object, info: core_schema.ValidationInfo) -> object:
    # An optional field may be left out; null is not one of its types (only the required months may be null).
    if value is None and info.context == _FROM_THE_WIRE:
        raise ValueError("expected the field to be left out rather than null")
    return value


def _travels(ref: str) -> str:
    # The path segments . and .. would be resolved away on the road and ask for somebody else's resource.
    if ref in {".", ".."}:
        raise ValueError("expected a reference that survives in a URL")
    return ref


def _is_none(value: object) -> bool:
    return value is None


Money = Annotated[Decimal, BeforeValidator(_money)]
Day = Annotated[date, BeforeValidator(_day)]
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]
Months = Annotated[int, Field(ge=0, le=99_999)]
Region = Annotated[str, Field(pattern=r"^[0-9]{6}$")]
Text = Annotated[str, Field(max_length=100)]
"""Free text of the service: it may hold markup and control characters, so escape it where it is used."""

MemberRef = Annotated[str, Field(pattern=r"^[!-~]{1,512}$"), AfterValidator(_travels)]
"""Visible ASCII only, since it has to come back in a header."""

Absent = Annotated[T | None, BeforeValidator(_not_null), Field(exclude_if=_is_none)]
"""A field that may be left out, read as None; it is left out again when the reference service writes it."""

Scheme = Literal["employee", "flexible", "resident"]
AccountStatus = Literal["normal", "frozen", "closed", "none"]
ContributionStatus = Literal["paid", "pending", "overdue"]
TransactionKind = Literal["pharmacy", "outpatient", "inpatient", "family", "refund", "other"]
CoverageStatus = Literal["active", "suspended", "overdue", "transferred_out", "none"]
TransferStage = Literal["submitted", "accepted", "sending_out", "receiving", "done", "rejected"]
Relation = Literal["spouse", "parent", "child"]


class _Shape(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    def __repr_args__(self) -> list[tuple[str | None, object]]:
        # Nearly every value here is personal or secret, and a repr is how such things come into a log.
        return []


# --- what the hotline asks ------------------------------------------------------------------------------------------


class Credential(_Shape):
    """A number that identifies a member."""

    kind: Literal["id_card", "social_security_card"]
    number: Annotated[str, Field(pattern=r"^([0-9]{17}[0-9X]|[0-9]{9,16}|[0-9]{19})$")]


class Secret(_Shape):
    """What proves that the caller is the member: the password, or a code sent to the registered mobile."""

    kind: Literal["pin", "sms_code"]
    value: Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class VerificationRequest(_Shape):
    """POST /v1/verifications. ``region`` is the division code of the hotline that was dialled."""

    credential: Credential
    secret: Secret
    region: str | None = None
    call_id: str


class SmsCodeRequest(_Shape):
    """POST /v1/sms-codes. The same key never sends a second code."""

    credential: Credential
    call_id: str
    idempotency_key: str


class PinChange(_Shape):
    """PUT …/pin."""

    new_pin: Annotated[str, Field(pattern=r"^[0-9]{6}$")]


class ResultMessage(_Shape):
    """POST …/messages: an answer just spoken, as text of at most 500 characters."""

    text: Annotated[str, Field(max_length=500)]
    idempotency_key: str


# --- what the service answers ---------------------------------------------------------------------------------------


class Problem(_Shape):
    """An RFC 9457 problem document; its title is for people and never read."""

    status: int
    code: str


class Verified(_Shape):
    """The member is known (the contract's Verification). ``expires_in`` is in seconds."""

    member_ref: MemberRef
    expires_in: Annotated[int, Field(ge=1, le=10**9)]
    must_change_pin: bool
    surname: Absent[Text] = None
    gender: Absent[Literal["female", "male"]] = None
    birth_year: Absent[Annotated[int, Field(ge=1, le=9999)]] = None
    region: Absent[Region] = None


class Balance(_Shape):
    """The personal account. Status ``none``: a resident-scheme member, who has no account (not an empty one)."""

    balance: Money
    as_of: Day
    status: AccountStatus


class ContributionYears(_Shape):
    """Contribution time in months. The required months are None where the rule does not apply or is not told."""

    scheme: Scheme
    actual_months: Months
    deemed_months: Months
    first_month: Absent[Month] = None
    last_month: Absent[Month] = None
    as_of: Day
    required_months: Months | None = None
    required_actual_months: Months | None = None


class Contribution(_Shape):
    """One month's contribution."""

    month: Month
    amount: Money
    status: ContributionStatus


class Credit(_Shape):
    """One month's credit to the personal account."""

    month: Month
    amount: Money
    credited_on: Absent[Day] = None


class Transaction(_Shape):
    """A payment from the personal account; a negative amount is a refund."""

    date: Day
    amount: Money
    kind: TransactionKind


class Coverage(_Shape):
    """Whether the member is insured, in which scheme, and since when."""

    scheme: Scheme
    status: CoverageStatus
    since: Absent[Month] = None
    retired: Absent[bool] = None
    as_of: Day


class TransferCase(_Shape):
    """One case of moving the insurance relation between regions."""

    case_number: Text
    from_region: Absent[Text] = None
    to_region: Absent[Text] = None
    stage: TransferStage
    submitted_on: Day
    due_by: Absent[Day] = None
    balance_arrived: Absent[bool] = None
    amount: Absent[Money] = None


class Relative(_Shape):
    """Somebody bound to the account for family mutual aid."""

    surname: Text
    relation: Relation
    bound_on: Absent[Day] = None


class FamilySharing(_Shape):
    """Whether family mutual aid is on, and who is bound."""

    enabled: bool
    relatives: list[Relative]


def _once(pairs: list[tuple[str, object]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ContractFault("expected each name once in an object")


_PAIRS: Final = json.JSONDecoder(object_pairs_hook=_once, parse_int=str, parse_float=str)
"""Looks at the names alone: of a number with any digits it makes nothing."""


def _each_name_once(raw: bytes, values: object) -> None:
    """Refuse an answer in which a name stands twice in one object: of two balances neither is beyond doubt.

    msgspec keeps the last one. A colon follows every name, so where there are no more colons than names were kept,
    none was lost: that is quick, and only an answer with colons in its texts is read a second time.
    """
    kept, waiting = 0, [values]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            kept += len(value)
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    if raw.count(b":") > kept:
        _PAIRS.decode(raw.decode())


def _reader(shape: TypeAdapter[T]) -> Callable[[bytes], T]:
    def read(raw: bytes) -> T:
        fault = ""
        if len(raw) > LARGEST_ANSWER:
            raise ContractFault(f"expected at most {LARGEST_ANSWER} bytes")
        try:
            # msgspec is strict where the standard library is not: no NaN, no lone surrogate, UTF-8 only.
            values = msgspec.json.decode(raw)
            _each_name_once(raw, values)
            return shape.validate_python(values, context=_FROM_THE_WIRE)
        except ValidationError as problem:
            first = problem.errors(include_input=False, include_context=False, include_url=False)[0]
            where = ".".join(str(step) for step in first["loc"])
            fault = f"{where or 'the answer'}: {first['type']}"
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            fault = "expected JSON"
        except ContractFault as twice:
            fault = str(twice)
        # Raised out here so that no exception with the caller's data in it hangs on to this one.
        raise ContractFault(fault)

    return read


read_problem = _reader(TypeAdapter(Problem))
read_verified = _reader(TypeAdapter(Verified))
read_balance = _reader(TypeAdapter(Balance))
read_years = _reader(TypeAdapter(ContributionYears))
read_contributions = _reader(TypeAdapter(list[Contribution]))
read_credits = _reader(TypeAdapter(list[Credit]))
read_transactions = _reader(TypeAdapter(list[Transaction]))
read_coverage = _reader(TypeAdapter(Coverage))
read_transfers = _reader(TypeAdapter(list[TransferCase]))
read_family_sharing = _reader(TypeAdapter(FamilySharing))
