"""The contract's own file against the types made by it: both take and refuse the same, field by field."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import jsonschema_rs
import pytest
from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML

from ivr.accounts import contract
from ivr.accounts.check.members import MOST, READS, USUAL

CONTRACT: Final[dict[str, Any]] = YAML(typ="safe").load(
    Path(contract.__file__).with_name("account-service.openapi.yaml").read_text("utf-8")
)
SCHEMAS: Final[dict[str, Any]] = CONTRACT["components"]["schemas"]
PATHS: Final[dict[str, Any]] = CONTRACT["paths"]
MEMBER: Final = "/v1/members/{member_ref}"


class Shape(NamedTuple):
    """One object of the contract: its schema in the file, its type, how it is read, and a whole example."""

    name: str
    schema: dict[str, Any]
    model: type[BaseModel]
    read: Callable[[Any], object]
    example: dict[str, Any]


def body_of(path: str, method: str = "post") -> dict[str, Any]:
    found: dict[str, Any] = PATHS[path][method]["requestBody"]["content"]["application/json"]["schema"]
    return found


def answer(name: str, model: type[BaseModel], read: Callable[[bytes], object], example: dict[str, Any]) -> Shape:
    return Shape(name, SCHEMAS[name], model, lambda value: read(json.dumps(value).encode()), example)


def entry(name: str, model: type[BaseModel], read: Callable[[bytes], object], example: dict[str, Any]) -> Shape:
    return Shape(name, SCHEMAS[name], model, lambda value: read(json.dumps([value]).encode()), example)


def request(name: str, schema: dict[str, Any], model: type[BaseModel], example: dict[str, Any]) -> Shape:
    return Shape(name, schema, model, model.model_validate, example)


CREDENTIAL: Final = {"kind": "id_card", "number": "11010519491231002X"}
SECRET: Final = {"kind": "pin", "value": "846275"}
RELATIVE: Final = {"surname": "李", "relation": "spouse", "bound_on": "2026-05-04"}

SHAPES: Final = (
    answer("Problem", contract.Problem, contract.read_problem, {"status": 401, "code": "unauthorized"}),
    answer(
        "Verification",
        contract.Verified,
        contract.read_verified,
        {"member_ref": "r-1", "expires_in": 900, "must_change_pin": False, "surname": "王", "gender": "male",
         "birth_year": 1985, "region": "110000"},
    ),
    answer(
        "Balance",
        contract.Balance,
        contract.read_balance,
        {"balance": "20180.05", "as_of": "2026-11-20", "status": "normal"},
    ),
    answer(
        "ContributionYears",
        contract.ContributionYears,
        contract.read_years,
        {"scheme": "employee", "actual_months": 188, "deemed_months": 24, "first_month": "2009-03",
         "last_month": "2026-10", "as_of": "2026-11-20", "required_months": 300, "required_actual_months": None},
    ),
    answer(
        "Coverage",
        contract.Coverage,
        contract.read_coverage,
        {"scheme": "employee", "status": "active", "since": "2024-11", "retired": False, "as_of": "2026-11-20"},
    ),
    answer(
        "FamilySharing",
        contract.FamilySharing,
        contract.read_family_sharing,
        {"enabled": True, "relatives": [RELATIVE]},
    ),
    entry(
        "Contribution",
        contract.Contribution,
        contract.read_contributions,
        {"month": "2026-10", "amount": "512.30", "status": "paid"},
    ),
    entry(
        "Credit",
        contract.Credit,
        contract.read_credits,
        {"month": "2026-10", "amount": "110.00", "credited_on": "2026-10-15"},
    ),
    entry(
        "Transaction",
        contract.Transaction,
        contract.read_transactions,
        {"date": "2026-11-17", "amount": "-35.20", "kind": "refund"},
    ),
    entry(
        "TransferCase",
        contract.TransferCase,
        contract.read_transfers,
        {"case_number": "ZY1", "from_region": "110000", "to_region": "120000", "stage": "done",
         "submitted_on": "2026-11-12", "due_by": "2026-11-27", "balance_arrived": True, "amount": "1.00"},
    ),
    Shape(
        "relative",
        SCHEMAS["FamilySharing"]["properties"]["relatives"]["items"],
        contract.Relative,
        lambda value: contract.read_family_sharing(json.dumps({"enabled": True, "relatives": [value]}).encode()),
        RELATIVE,
    ),
    request("Credential", SCHEMAS["Credential"], contract.Credential, CREDENTIAL),
    request("secret", SCHEMAS["VerificationRequest"]["properties"]["secret"], contract.Secret, SECRET),
    request(
        "VerificationRequest",
        SCHEMAS["VerificationRequest"],
        contract.VerificationRequest,
        {"credential": CREDENTIAL, "secret": SECRET, "region": "110105", "call_id": "CA1"},
    ),
    request(
        "request for a code",
        body_of("/v1/sms-codes"),
        contract.SmsCodeRequest,
        {"credential": CREDENTIAL, "call_id": "CA1", "idempotency_key": "k"},
    ),
    request("new password", body_of(f"{MEMBER}/pin", "put"), contract.PinChange, {"new_pin": "730518"}),
    request(
        "text message",
        body_of(f"{MEMBER}/messages"),
        contract.ResultMessage,
        {"text": "余额20180.05元", "idempotency_key": "k"},
    ),
)  # fmt: skip

WORDS: Final = sorted({word for shape in SHAPES for part in shape.schema["properties"].values()
                       for word in part.get("enum", ())})  # fmt: skip
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 1.5, [], {}, ["x"], [{}], "", "x", "王", "x" * 501),
    *("0.00", "-12.30", "12.3", "12.300", "+1.00", "1,000.00", ".50", "1" * 12 + ".00", "1" * 13 + ".00", "１２.30"),
    *(
        "2026-11",
        "2026-13",
        "2026-00",
        "26-11",
        "2026-11-20",
        "2026-02-30",
        "2026-1-2",
        "20261120",
        "2026-11-20T00:00Z",
    ),
    *(
        "110105",
        "11010",
        "１１０１０５",
        "123456789",
        "12345678",
        "1" * 16,
        "1" * 17,
        "1" * 18,
        "1" * 19,
        "1" * 17 + "x",
    ),
    *WORDS,
)

STRICTER: Final[dict[tuple[str, str], set[Any]]] = {
    # A reference goes into a URL and has to come back in a header.
    ("Verification", "member_ref"): {"", "王", "１２.30", "１１０１０５"},
    # A year is one in which somebody can be born.
    ("Verification", "birth_year"): {0, -1},
    # Text that nobody wants to hear to its end.
    ("Verification", "surname"): {"x" * 501},
    ("relative", "surname"): {"x" * 501},
    ("TransferCase", "case_number"): {"x" * 501},
    ("TransferCase", "from_region"): {"x" * 501},
    ("TransferCase", "to_region"): {"x" * 501},
}
"""What the file allows and the hotline does not take, by schema and field."""

LENIENT: Final[dict[tuple[str, str], set[Any]]] = {("VerificationRequest", "region"): {None}}
"""A request may say that it has no region: the hotline itself leaves it out."""


def holds(shape: Shape, value: Any) -> bool:
    whole = shape.schema | {"components": CONTRACT["components"]}
    return jsonschema_rs.Draft202012Validator(whole, validate_formats=True).is_valid(value)


def is_taken(shape: Shape, value: Any) -> bool:
    try:
        shape.read(value)
    except (contract.ContractFault, ValidationError):
        return False
    return True


def test_every_schema_of_the_file_has_a_type() -> None:
    assert set(SCHEMAS) - {"Money", "Month"} <= {shape.name for shape in SHAPES}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_type_has_the_fields_of_the_file(shape: Shape) -> None:
    fields = shape.model.model_fields
    # A problem's title is for people; the hotline never reads it.
    assert set(fields) == set(shape.schema["properties"]) - ({"title"} if shape.name == "Problem" else set())
    assert {name for name, field in fields.items() if field.is_required()} == set(shape.schema["required"])


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_same_values_are_taken_and_refused(shape: Shape) -> None:
    assert holds(shape, shape.example)
    assert is_taken(shape, shape.example)
    for field in shape.model.model_fields:
        without = {name: value for name, value in shape.example.items() if name != field}
        assert holds(shape, without) == is_taken(shape, without) == (field not in shape.schema["required"])
        unlike = {repr(value) for value in VALUES
                  if holds(shape, changed := shape.example | {field: value}) != is_taken(shape, changed)}  # fmt: skip
        expected = STRICTER.get((shape.name, field), set()) | LENIENT.get((shape.name, field), set())
        assert unlike == {repr(value) for value in expected}, field


def test_the_codes_and_the_reads_are_those_of_the_file() -> None:
    assert set(SCHEMAS["Problem"]["properties"]["code"]["examples"]) == contract.KNOWN_CODES
    reads = {
        path.removeprefix(f"{MEMBER}/") for path, ways in PATHS.items() if path.startswith(MEMBER) if "get" in ways
    }
    assert set(READS) == reads
    limit = CONTRACT["components"]["parameters"]["Limit"]["schema"]
    assert (limit["maximum"], limit["default"]) == (MOST, USUAL)
