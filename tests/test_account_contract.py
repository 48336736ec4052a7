"""The contract's shapes: what fits is read exactly, and one wrong field makes the whole answer faulty."""

import json
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ivr.accounts import contract
from ivr.accounts.contract import ContractFault

VERIFIED = {"member_ref": "r-1", "expires_in": 900, "must_change_pin": False}
BALANCE = {"balance": "20180.05", "as_of": "2026-11-20", "status": "normal"}
YEARS = {"scheme": "employee", "actual_months": 188, "deemed_months": 24, "as_of": "2026-11-20"}
CONTRIBUTION = {"month": "2026-10", "amount": "512.30", "status": "paid"}
CREDIT = {"month": "2026-10", "amount": "110.00"}
TRANSACTION = {"date": "2026-11-17", "amount": "86.40", "kind": "pharmacy"}
COVERAGE = {"scheme": "employee", "status": "active", "as_of": "2026-11-20"}
TRANSFER = {"case_number": "ZY1", "stage": "receiving", "submitted_on": "2026-11-12"}
SHARING = {"enabled": True, "relatives": [{"surname": "李", "relation": "spouse"}]}

OF_NO_TYPE: list[Any] = [None, 12.5, {}, ["x"]]
Reader = Callable[[bytes], Any]
SHAPES: list[tuple[Reader, dict[str, Any], bool]] = [
    (contract.read_verified, VERIFIED, False),
    (contract.read_balance, BALANCE, False),
    (contract.read_years, YEARS, False),
    (contract.read_contributions, CONTRIBUTION, True),
    (contract.read_credits, CREDIT, True),
    (contract.read_transactions, TRANSACTION, True),
    (contract.read_coverage, COVERAGE, False),
    (contract.read_transfers, TRANSFER, True),
    (contract.read_family_sharing, SHARING, False),
    (contract.read_family_sharing, SHARING["relatives"][0], True),  # type: ignore[index]
]


def raw(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def wrap(read: Reader, fields: dict[str, Any], listed: bool) -> bytes:
    if read is contract.read_family_sharing and listed:
        return raw({"enabled": True, "relatives": [fields]})
    return raw([fields] if listed else fields)


@pytest.mark.parametrize(("read", "fields", "listed"), SHAPES)
def test_required_fields_are_enough_and_unknown_ones_are_ignored(
    read: Reader, fields: dict[str, Any], listed: bool
) -> None:
    assert read(wrap(read, fields, listed)) == read(wrap(read, {**fields, "new_in_2027": {"x": [None]}}, listed))


@pytest.mark.parametrize(
    ("read", "fields", "listed", "name"), [(*shape, name) for shape in SHAPES for name in shape[1]]
)
def test_every_required_field_must_be_there_and_of_its_type(
    read: Reader, fields: dict[str, Any], listed: bool, name: str
) -> None:
    without = {key: value for key, value in fields.items() if key != name}
    for wrong in (without, *({**fields, name: value} for value in OF_NO_TYPE)):
        with pytest.raises(ContractFault, match=name):
            read(wrap(read, wrong, listed))


@pytest.mark.parametrize(
    ("read", "fields", "listed", "optional"),
    [
        (contract.read_verified, VERIFIED, False, {"surname": "王"}),
        (contract.read_verified, VERIFIED, False, {"gender": "female"}),
        (contract.read_verified, VERIFIED, False, {"birth_year": 1949}),
        (contract.read_verified, VERIFIED, False, {"region": "110000"}),
        (contract.read_years, YEARS, False, {"first_month": "2009-03"}),
        (contract.read_years, YEARS, False, {"last_month": "2026-10"}),
        (contract.read_credits, CREDIT, True, {"credited_on": "2026-10-15"}),
        (contract.read_coverage, COVERAGE, False, {"since": "2024-11"}),
        (contract.read_coverage, COVERAGE, False, {"retired": True}),
        (contract.read_transfers, TRANSFER, True, {"from_region": "430900"}),
        (contract.read_transfers, TRANSFER, True, {"to_region": "440100"}),
        (contract.read_transfers, TRANSFER, True, {"due_by": "2026-11-27"}),
        (contract.read_transfers, TRANSFER, True, {"balance_arrived": False}),
        (contract.read_transfers, TRANSFER, True, {"amount": "45210.66"}),
    ],
)
def test_an_optional_field_is_left_out_or_of_its_type(
    read: Reader, fields: dict[str, Any], listed: bool, optional: dict[str, Any]
) -> None:
    name: str = next(iter(optional))
    value: Any = optional[name]
    assert read(wrap(read, {**fields, name: value}, listed)) != read(wrap(read, fields, listed))
    for wrong in (None, 12.5, [value]):
        with pytest.raises(ContractFault, match=name):
            read(wrap(read, {**fields, name: wrong}, listed))


@pytest.mark.parametrize("name", ["required_months", "required_actual_months"])
def test_required_months_may_be_null(name: str) -> None:
    assert contract.read_years(raw({**YEARS, name: None})) == contract.read_years(raw(YEARS))
    assert getattr(contract.read_years(raw({**YEARS, name: 300})), name) == 300
    with pytest.raises(ContractFault):
        contract.read_years(raw({**YEARS, name: "300"}))


@pytest.mark.parametrize("text", ["0.00", "0.05", "-12.30", "20180.05", "999999999999.99", "00.10"])
def test_money_is_read_exactly(text: str) -> None:
    assert contract.read_balance(raw({**BALANCE, "balance": text})).balance == Decimal(text)


def test_minus_nothing_is_nothing() -> None:
    assert str(contract.read_balance(raw({**BALANCE, "balance": "-0.00"})).balance) == "0.00"


@pytest.mark.parametrize(
    "wrong",
    [20180.05, 20180, "20180", "20180.5", "20180.050", "+1.00", " 1.00", "1.00\n", ".50", "1e3", "NaN", "Infinity", "-",
     "1,000.00", "١٢.٠٠", "１２.００", "1000000000000.00", "--1.00", "", True],
)  # fmt: skip
def test_what_is_not_money(wrong: object) -> None:
    with pytest.raises(ContractFault, match="balance"):
        contract.read_balance(raw({**BALANCE, "balance": wrong}))


@pytest.mark.parametrize(
    "wrong",
    ["2026-02-30", "2026-13-01", "2026-1-1", "20261120", "2026-11-20T00:00:00", "1700000000", 1700000000, "2026-W47-5",
     "２０２６-11-20", "2026-11-20\n", "0000-01-01"],
)  # fmt: skip
def test_what_is_not_a_date(wrong: object) -> None:
    with pytest.raises(ContractFault, match="as_of"):
        contract.read_balance(raw({**BALANCE, "as_of": wrong}))
    assert contract.read_balance(raw(BALANCE)).as_of == date(2026, 11, 20)


@pytest.mark.parametrize("wrong", ["2026-00", "2026-13", "2026-1", "2026-10-01", "202610", "٢٠٢٦-10", "2026-10\n"])
def test_what_is_not_a_month(wrong: str) -> None:
    with pytest.raises(ContractFault, match="month"):
        contract.read_contributions(raw([{**CONTRIBUTION, "month": wrong}]))


@pytest.mark.parametrize(
    ("read", "fields"),
    [
        (contract.read_balance, {**BALANCE, "status": "Normal"}),
        (contract.read_years, {**YEARS, "scheme": "rural"}),
        (contract.read_years, {**YEARS, "actual_months": -1}),
        (contract.read_years, {**YEARS, "actual_months": True}),
        (contract.read_years, {**YEARS, "actual_months": "188"}),
        (contract.read_years, {**YEARS, "actual_months": 10**30}),
        (contract.read_verified, {**VERIFIED, "expires_in": 0}),
        (contract.read_verified, {**VERIFIED, "must_change_pin": "false"}),
        (contract.read_verified, {**VERIFIED, "must_change_pin": 0}),
        (contract.read_verified, {**VERIFIED, "member_ref": ""}),
        (contract.read_verified, {**VERIFIED, "member_ref": ".."}),
        (contract.read_verified, {**VERIFIED, "member_ref": "a\r\nX-Evil: 1"}),
        (contract.read_verified, {**VERIFIED, "member_ref": "r" * 513}),
        (contract.read_verified, {**VERIFIED, "surname": "王" * 101}),
        (contract.read_verified, {**VERIFIED, "region": "1100"}),
    ],
)
def test_values_outside_their_bounds(read: Reader, fields: dict[str, Any]) -> None:
    with pytest.raises(ContractFault):
        read(raw(fields))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"20180.05"',
        b"<html><body>Bad Gateway</body></html>",
        raw(BALANCE)[:-1],
        raw(BALANCE) + b"{}",
        raw(BALANCE).replace(b'"20180.05"', b"NaN"),
        raw(BALANCE)[:-1] + b', "other": NaN}',
        raw(BALANCE)[:-1] + b', "other": "\\ud800"}',
        raw(BALANCE)[:-1] + b', "other": "\xff"}',
        json.dumps(BALANCE).encode("utf-16"),
        b"\xef\xbb\xbf" + raw(BALANCE),
        b"[" * 60_000,
        raw({**BALANCE, "other": "x" * contract.LARGEST_ANSWER}),
    ],
)
def test_what_is_not_an_answer_at_all(body: bytes) -> None:
    with pytest.raises(ContractFault):
        contract.read_balance(body)


AS_OF = raw(BALANCE["as_of"])


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (contract.read_balance, raw(BALANCE).replace(AS_OF, AS_OF + b', "balance": "1.00"')),
        (contract.read_balance, raw(BALANCE).replace(AS_OF, AS_OF + b', "bal\\u0061nce": "1.00"')),
        (contract.read_balance, raw(BALANCE).replace(AS_OF, AS_OF + b', "other": "\\u003a::", "balance": "20180.05"')),
        (contract.read_balance, raw(BALANCE).replace(AS_OF, AS_OF + b', "other": [[{"x": 1, "x": {}}]]')),
        (contract.read_contributions, raw([CONTRIBUTION, CONTRIBUTION]).replace(b"}]", b', "month": "2026-09"}]')),
        (contract.read_problem, b'{"status": 401, "code": "invalid_credentials", "code": "locked"}'),
    ],
)
def test_of_two_values_for_one_name_neither_is_taken(read: Reader, body: bytes) -> None:
    with pytest.raises(ContractFault, match="expected each name once in an object"):
        read(body)


@pytest.mark.parametrize("more", [{}, {"other": "::"}, {"a:b": ":", "a": {"balance": [{"balance": 10**30}, None]}}])
def test_a_name_may_stand_in_several_objects_and_colons_in_texts(more: dict[str, Any]) -> None:
    assert contract.read_balance(raw({**BALANCE, **more})) == contract.read_balance(raw(BALANCE))


def test_hostile_text_is_kept_as_it_is() -> None:
    text = "</Say><Hangup/>{balance:money}\r\n\u0000\u202e"
    assert contract.read_transfers(raw([{**TRANSFER, "case_number": text}]))[0].case_number == text


def test_neither_faults_nor_reprs_tell_what_was_in_the_answer() -> None:
    told = raw({**VERIFIED, "member_ref": "r-7F3A", "surname": "欧阳", "birth_year": "1949"})
    with pytest.raises(ContractFault) as fault:
        contract.read_verified(told)
    assert fault.value.__context__ is None
    known = contract.read_verified(raw({**VERIFIED, "member_ref": "r-7F3A", "surname": "欧阳"}))
    for text in (str(fault.value), repr(known), str(known)):
        assert not any(secret in text for secret in ("r-7F3A", "欧阳", "1949"))
