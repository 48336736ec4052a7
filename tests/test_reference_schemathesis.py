"""The contract's own file against the reference service: whatever is asked, the answers are as the file says."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from argon2 import PasswordHasher
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, CheckFunction, GenerationMode, Response
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from served import Served
from starlette import responses as starlette
from starlette.applications import Starlette
from starlette.routing import Mount

from ivr.accounts.reference import SAMPLE_MEMBERS, Sample, create_reference

CONTRACT: Final = Path(__file__).parent.parent / "ivr" / "accounts" / "account-service.openapi.yaml"
# Statuses that a schema cannot know of: a refusal, a locked account, too many codes, a weak password; and a reference
# that is not good, which is looked at before the rest of a request.
CONFIG: Final = schemathesis.Config.from_dict(
    {
        # The token is the session's; what the door says to others is tested by itself.
        "generation": {"with-security-parameters": False, "allow-extra-parameters": False},
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ["2xx", "401", "422", "423", "429"]},
            "negative_data_rejection": {"expected-statuses": ["400", "410"]},
        },
    }
)
SCHEMA: Final = schemathesis.openapi.from_path(CONTRACT, config=CONFIG)
OPERATIONS: Final = {found.ok().label: found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)}
OF_MEMBERS: Final = [label for label in OPERATIONS if "{member_ref}" in label]
WITH_INPUT: Final = [label for label, operation in OPERATIONS.items() if operation.body or operation.query]
VERIFY: Final = "POST /v1/verifications"

DONE: Final = {
    VERIFY: {401},  # of numbers that nobody has
    "POST /v1/sms-codes": {202},
    "PUT /v1/members/{member_ref}/pin": {204, 422},
    "POST /v1/members/{member_ref}/messages": {202},
}
"""What requests that fit are answered, where it is not 200 alone."""

TOKEN: Final = "the-token-of-the-hotline"
CALL: Final = "CA1"
# His password is changed again and again, so he is none of those who are verified later.
OWNER: Final = replace(SAMPLE_MEMBERS[0], id_number="110105198503122253", card_number=None)
EXAMPLES: Final = 20

# The same examples on every machine and at every run; none are kept.
LIMITS: Final = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@dataclass
class Reference:
    """The running service, and a verified member there."""

    url: str
    session: requests.Session
    ref: str = ""

    def ask(self, case: Case[Any], excluded: Sequence[CheckFunction] = ()) -> Response:
        """Send a case, and hold the answer against the contract by all checks that there are but those excluded."""
        answer = case.call_and_validate(
            base_url=self.url, session=self.session, excluded_checks=list(excluded), timeout=60
        )
        assert answer.status_code < 500
        return answer

    def ask_all(
        self, label: str, mode: GenerationMode, excluded: Sequence[CheckFunction] = (), **fixed: Any
    ) -> set[int]:
        """Make up requests of an operation, and give the statuses of their answers."""
        seen: set[int] = set()

        @LIMITS
        @given(case=OPERATIONS[label].as_strategy(mode, **fixed))
        def ask(case: Case[Any]) -> None:
            seen.add(self.ask(case, excluded).status_code)

        ask()
        return seen

    def about_the_member(self) -> dict[str, Any]:
        """Fix what makes a request one about the verified member."""
        return {"path_parameters": {"member_ref": self.ref}, "headers": {"Call-Id": CALL}}


def verification(number: str, pin: str) -> dict[str, Any]:
    return {
        "credential": {"kind": "id_card", "number": number},
        "secret": {"kind": "pin", "value": pin},
        "call_id": CALL,
    }


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    folder = tmp_path_factory.mktemp("reference")
    app = create_reference(
        f"sqlite:///{folder / 'accounts.db'}", TOKEN, hasher=cheap, refusal_step=0, samples=(OWNER, *SAMPLE_MEMBERS)
    )
    with Served(app) as served, requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        asked = verification(OWNER.id_number, OWNER.pin)
        ref = session.post(f"{served.url}/v1/verifications", json=asked, timeout=60).json()["member_ref"]
        yield Reference(served.url, session, ref)


@pytest.mark.parametrize("label", OPERATIONS)
def test_requests_that_fit_are_answered_as_the_contract_says(reference: Reference, label: str) -> None:
    fixed = reference.about_the_member() if label in OF_MEMBERS else {}
    assert reference.ask_all(label, GenerationMode.POSITIVE, **fixed) == DONE.get(label, {200})


@pytest.mark.parametrize("label", WITH_INPUT)
def test_requests_that_do_not_fit_are_refused_as_the_contract_says(reference: Reference, label: str) -> None:
    fixed = reference.about_the_member() if label in OF_MEMBERS else {}
    assert reference.ask_all(label, GenerationMode.NEGATIVE, **fixed) == {400}


@pytest.mark.parametrize("label", OF_MEMBERS)
def test_references_that_were_never_given_are_worth_nothing(reference: Reference, label: str) -> None:
    fixed = {"headers": {"Call-Id": CALL}}
    assert reference.ask_all(label, GenerationMode.POSITIVE, [positive_data_acceptance], **fixed) == {410}


@pytest.mark.parametrize("sample", SAMPLE_MEMBERS, ids=lambda sample: sample.story)
def test_every_sample_member_is_told_as_the_contract_says(reference: Reference, sample: Sample) -> None:
    body = verification(sample.id_number, sample.pin)
    answer = reference.ask(OPERATIONS[VERIFY].Case(body=body, media_type="application/json"))
    if answer.status_code != 200:
        assert (answer.status_code, sample.locked, sample.by_telephone) in {(423, True, True), (401, False, False)}
        return
    path = {"member_ref": answer.json()["member_ref"]}
    for label in OF_MEMBERS:
        if label.startswith("GET "):
            query = {"limit": 24} if label in WITH_INPUT else {}
            case = OPERATIONS[label].Case(path_parameters=path, headers={"Call-Id": CALL}, query=query)
            assert reference.ask(case).status_code == 200


RIGHT: Final = b'{"balance": "1.00", "as_of": "2026-11-20", "status": "normal"}'
NAMED: Final = {"Member-Ref": "r"}


@pytest.mark.parametrize(
    "wrong",
    [
        starlette.Response(RIGHT.replace(b'"1.00"', b"1.00"), 200, NAMED, "application/json"),
        starlette.Response(RIGHT.replace(b"11-20", b"11-31"), 200, NAMED, "application/json"),
        starlette.Response(RIGHT, 200, NAMED, "text/html"),
        starlette.Response(RIGHT, 200, {}, "application/json"),
        starlette.Response(b'{"status": 410}', 410, {}, "application/problem+json"),
        starlette.Response(b'{"status": 503, "code": "unavailable"}', 503, {}, "application/problem+json"),
    ],
    ids=["number for money", "no such day", "HTML", "no Member-Ref", "problem without code", "5xx"],
)
def test_answers_that_are_not_as_the_contract_says_would_be_found(wrong: starlette.Response) -> None:
    right = starlette.Response(RIGHT, 200, NAMED, "application/json")
    balance = OPERATIONS["GET /v1/members/{member_ref}/balance"]
    case = balance.Case(path_parameters={"member_ref": "r"}, headers={"Call-Id": CALL})
    # Whoever answers everybody alike asks for no token, which is not what this is about.
    with answering(right) as reference:
        reference.ask(case, [ignored_auth])
    with answering(wrong) as reference, pytest.raises(FailureGroup):
        reference.ask(case, [ignored_auth])


@contextmanager
def answering(answer: starlette.Response) -> Iterator[Reference]:
    """Serve one answer to every request."""
    with Served(Starlette(routes=[Mount("/", answer)])) as served, requests.Session() as session:
        session.trust_env = False
        yield Reference(served.url, session)
