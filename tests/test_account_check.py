"""`ivr account check`: an honest service passes, and for each rule there is a service that breaks it."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
from argon2 import PasswordHasher
from served import Served
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ivr.__main__ import run
from ivr.accounts.check import READING, WRITING, Finding, Member, Rule, check, sentence
from ivr.accounts.check.members import tells_coverage
from ivr.accounts.check.verification import refuses_in_the_same_time, verifies
from ivr.accounts.check.visit import raised
from ivr.accounts.reference import SAMPLE_MEMBERS, create_reference
from ivr.accounts.reference.members import Transfer

TOKEN: Final = "the-token-of-the-hotline"
# One who has something in every list, so that there is something to be wrong everywhere.
SAMPLE: Final = replace(
    SAMPLE_MEMBERS[0],
    credit="110.00",
    credit_months=24,
    transfers=(Transfer("ZY1", "110000", "120000", "sending_out", 3), Transfer("ZY2", None, None, "done", 90)),
)
CARD: Final = SAMPLE.card_number or ""
MEMBER: Final = Member(SAMPLE.id_number, SAMPLE.pin, CARD)
STRONG: Final = "730518"
ID, PIN = SAMPLE.id_number, SAMPLE.pin
NAME_OF: Final = {sentence(rule): rule.__name__ for rule in READING + WRITING}


@dataclass
class Asked:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    def saying(self, body: object) -> "Asked":
        return replace(self, raw=json.dumps(body).encode())

    def with_header(self, name: str, value: str) -> "Asked":
        return replace(self, headers=self.headers | {name: value})


@dataclass
class Told:
    status: int
    headers: list[tuple[str, str]]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    def saying(self, body: object) -> "Told":
        return replace(self, raw=json.dumps(body).encode())

    def without(self, name: str) -> "Told":
        return replace(self, headers=[header for header in self.headers if header[0] != name])

    def with_header(self, name: str, value: str) -> "Told":
        told = self.without(name)
        return replace(told, headers=[*told.headers, (name, value)])


Service = Callable[[Asked], Awaitable[Told]]
Fault = Callable[[Asked, Service], Awaitable[Told]]


def problem(status: int, code: str) -> Told:
    body = json.dumps({"status": status, "code": code}).encode()
    return Told(status, [("content-type", "application/problem+json")], body)


class Between:
    """Stands before the reference service and spoils what goes in or out."""

    def __init__(self, app: ASGIApp, fault: Fault) -> None:
        self._app, self.fault = app, fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        raw, more = b"", True
        while more:
            message = await receive()
            raw, more = raw + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        asked = Asked(scope["method"], scope["path"], scope["query_string"].decode(), headers, raw)

        async def honest(asked: Asked) -> Told:
            return await self._pass_on(scope, asked)

        told = await self.fault(asked, honest)
        fixed = [(name, value) for name, value in told.headers if name != "content-length"]
        fixed += [("content-length", str(len(told.raw)))] * (told.status not in (202, 204))
        start = [(name.encode(), value.encode("latin-1")) for name, value in fixed]
        await send({"type": "http.response.start", "status": told.status, "headers": start})
        await send({"type": "http.response.body", "body": told.raw})

    async def _pass_on(self, scope: Scope, asked: Asked) -> Told:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in asked.headers.items()]
        inner = {
            **scope,
            "path": asked.path,
            "raw_path": asked.path.encode(),
            "query_string": asked.query.encode(),
            "headers": [header for header in headers if header[0] != b"content-length"],
        }
        told = Told(0, [], b"")

        async def receive() -> Message:
            return {"type": "http.request", "body": asked.raw, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                told.status = message["status"]
                told.headers = [(name.decode(), value.decode("latin-1")) for name, value in message["headers"]]
            else:
                told.raw += message.get("body", b"")

        await self._app(inner, receive, send)
        return told


def service(folder: Path, fault: Fault) -> Served:
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    url = f"sqlite:///{folder / 'accounts.db'}"
    return Served(Between(create_reference(url, TOKEN, hasher=cheap, refusal_step=0.01, samples=(SAMPLE,)), fault))


class Seconds:
    """A clock that stands still but for what a service takes on purpose: a busy machine makes none slow."""

    passed = 0.0

    def __call__(self) -> float:
        return self.passed


SECONDS: Final = Seconds()


def findings(
    url: str,
    rules: tuple[Rule, ...],
    member: Member = MEMBER,
    deadline: float = 9.0,
    clock: Callable[[], float] = SECONDS,
) -> list[Finding]:
    async def collect() -> list[Finding]:
        return [found async for found in check(url, TOKEN, member, rules, deadline=deadline, clock=clock)]

    return asyncio.run(collect())


def failed(found: list[Finding]) -> set[str]:
    return {NAME_OF[one.rule] for one in found if one.verdict == "FAILED"}


def password_holds(url: str) -> bool:
    body = {"credential": {"kind": "id_card", "number": ID}, "secret": {"kind": "pin", "value": PIN}, "call_id": "C"}
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx2.post(f"{url}/v1/verifications", json=body, headers=headers, trust_env=False).status_code == 200


# --- services that are fine ------------------------------------------------------------------------------------------


async def honest(asked: Asked, go: Service) -> Told:
    return await go(asked)


async def tells_more_than_is_asked(asked: Asked, go: Service) -> Told:
    """Fields that the contract does not list, in every object of every answer."""

    def more(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: more(item) for name, item in value.items()} | {"new": {"field": [None, 1.5]}}
        return [more(item) for item in value] if isinstance(value, list) else value

    told = await go(asked)
    return told.saying(more(told.body)) if told.raw else told


async def has_codes_of_its_own(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    if told.status in (400, 422, 429) or (told.status == 401 and b"unauthorized" in told.raw):
        return told.saying(told.body | {"code": f"bureau_{told.status}"})
    return told


@pytest.mark.parametrize("fault", [honest, tells_more_than_is_asked, has_codes_of_its_own])
def test_a_service_that_honours_the_contract_passes(tmp_path: Path, fault: Fault) -> None:
    with service(tmp_path, fault) as served:
        for found in findings(served.url, READING + WRITING):
            assert found.verdict == "passed", str(found)
        assert password_holds(served.url)


# --- services that break a rule --------------------------------------------------------------------------------------


def tells(where: str, change: Callable[[Any], object]) -> Fault:
    """Change what is told at a path that ends so, where it was a 200."""

    async def fault(asked: Asked, go: Service) -> Told:
        told = await go(asked)
        return told.saying(change(told.body)) if asked.path.endswith(where) and told.status == 200 else told

    return fault


def first(**changes: object) -> Callable[[Any], object]:
    return lambda entries: [entries[0] | changes, *entries[1:]]


def answers(when: Callable[[Asked], bool], status: int, code: str) -> Fault:
    async def fault(asked: Asked, go: Service) -> Told:
        told = await go(asked)  # all the same, so that it takes its time
        return problem(status, code) if when(asked) else told

    return fault


def is_let_in(asked: Asked) -> bool:
    return asked.headers.get("authorization") == f"Bearer {TOKEN}"


def is_verification_of(asked: Asked, kind: str, known: bool) -> bool:
    if asked.path != "/v1/verifications" or not is_let_in(asked):
        return False
    try:
        given = asked.body["credential"]
        return given["kind"] == kind and (given["number"] in (ID, CARD)) is known and len(given["number"]) > 9
    except (ValueError, TypeError, KeyError):
        return False


def is_wrong_password(asked: Asked) -> bool:
    return is_verification_of(asked, "id_card", known=True) and asked.body["secret"]["value"] != PIN


async def asks_for_no_token(asked: Asked, go: Service) -> Told:
    return await go(
        asked if "authorization" in asked.headers else asked.with_header("authorization", f"Bearer {TOKEN}")
    )


async def takes_any_token(asked: Asked, go: Service) -> Told:
    return await go(
        asked.with_header("authorization", f"Bearer {TOKEN}") if "authorization" in asked.headers else asked
    )


async def takes_its_token_for_the_callers(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    return problem(401, "invalid_credentials") if b"unauthorized" in told.raw else told


async def wants_no_region(asked: Asked, go: Service) -> Told:
    return problem(400, "bad_request") if b'"region"' in asked.raw else await go(asked)


async def has_the_number_in_its_references(asked: Asked, go: Service) -> Told:
    told = await go(replace(asked, path=asked.path.replace(f"/{ID}-", "/")))
    refs = [value for name, value in told.headers if name == "member-ref"]
    if refs:
        return told.with_header("member-ref", f"{ID}-{refs[0]}")
    if asked.path == "/v1/verifications" and told.status == 200:
        return told.saying(told.body | {"member_ref": f"{ID}-{told.body['member_ref']}"})
    return told


async def has_other_words_for_nobody(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    return told.saying(told.body | {"title": "Unknown"}) if is_verification_of(asked, "id_card", known=False) else told


@dataclass
class NumbersItsRefusals:
    count: int = 0

    async def __call__(self, asked: Asked, go: Service) -> Told:
        self.count += 1
        told = await go(asked)
        return told.saying(told.body | {"instance": self.count}) if told.status == 401 else told


async def is_slower_for_the_known(asked: Asked, go: Service) -> Told:
    SECONDS.passed += 0.12 if is_wrong_password(asked) else 0
    return await go(asked)


async def has_a_status_for_misfits_that_means_weak(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    bad = asked.path == "/v1/verifications" and told.status == 400
    return problem(422, "validation_error") if bad else told


async def tells_misfits_in_html(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    bad = asked.path == "/v1/verifications" and told.status == 400
    return Told(400, [("content-type", "text/html")], b"<h1>Bad Request</h1>") if bad else told


async def tells_misfits_as_plain_json(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    bad = asked.path == "/v1/verifications" and told.status == 400
    return told.with_header("content-type", "application/json") if bad else told


async def has_another_status_in_the_document(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    bad = asked.path == "/v1/verifications" and told.status == 400
    return told.saying(told.body | {"status": 500}) if bad else told


async def sends_codes_for_no_call(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    known = is_let_in(asked)
    return Told(202, [], b"") if asked.path == "/v1/sms-codes" and known and told.status == 400 else told


def names(*refs: str) -> Fault:
    async def fault(asked: Asked, go: Service) -> Told:
        told = (await go(asked)).without("member-ref")
        if told.status != 200 or "/members/" not in asked.path:
            return told
        given = [("member-ref", asked.path.split("/")[3] if ref == "same" else ref) for ref in refs]
        return replace(told, headers=told.headers + given)

    return fault


async def tells_five_unless_asked(asked: Asked, go: Service) -> Told:
    listed = asked.path.endswith(("contributions", "credits", "transactions")) and not asked.query
    return await go(replace(asked, query="limit=5") if listed else asked)


async def knows_one_limit(asked: Asked, go: Service) -> Told:
    return await go(replace(asked, query="limit=24") if asked.query in ("limit=1", "limit=2") else asked)


async def tells_the_oldest(asked: Asked, go: Service) -> Told:
    if asked.query != "limit=1":
        return await go(asked)
    told = await go(replace(asked, query="limit=24"))
    return told.saying(told.body[-1:]) if told.status == 200 else told


async def takes_any_limit(asked: Asked, go: Service) -> Told:
    return await go(replace(asked, query="limit=24") if asked.query in ("limit=0", "limit=25") else asked)


@dataclass
class RemembersCalls:
    """Knows the reference given last and its call, and takes them where another one, or none, is named."""

    without_call: bool = False
    other_call: tuple[str, ...] = ()
    other_ref: bool = False
    calls: dict[str, str] = field(default_factory=dict)

    async def __call__(self, asked: Asked, go: Service) -> Told:
        _, *steps = asked.path.split("/")
        if steps[1:2] == ["members"] and is_let_in(asked) and self.calls:
            if ("call-id" not in asked.headers and self.without_call) or (
                "call-id" in asked.headers and steps[2] in self.calls and steps[3] in self.other_call
            ):
                asked = asked.with_header("call-id", self.calls[steps[2]])
            elif steps[2] not in self.calls and self.other_ref:
                ref, call = next(iter(self.calls.items()))
                asked = replace(asked, path=asked.path.replace(steps[2], ref)).with_header("call-id", call)
        told = await go(asked)
        if asked.path == "/v1/verifications" and told.status == 200:
            self.calls[told.body["member_ref"]] = asked.body["call_id"]
        return told


READ: Final = (
    *("balance", "contribution-years", "contributions", "credits"),
    *("transactions", "coverage", "transfers", "family-sharing"),
)
LISTS: Final = {"tells_the_newest_first", "keeps_to_the_limit"}

BREAKS_READING: Final[list[tuple[str, Fault, set[str]]]] = [
    ("is not healthy", answers(lambda asked: asked.path == "/healthz", 503, "unavailable"), {"is_healthy"}),
    ("asks for no token", asks_for_no_token, {"asks_for_the_token"}),
    ("takes any token", takes_any_token, {"knows_its_token"}),
    ("takes its token for the caller's", takes_its_token_for_the_callers, {"asks_for_the_token", "knows_its_token"}),
    (
        "tells the seconds as text",
        tells("/verifications", lambda told: told | {"expires_in": "900"}),
        {"verifies", "verifies_by_card"},
    ),
    ("wants no region", wants_no_region, {"verifies_with_a_region"}),
    (
        "knows no cards",
        answers(
            lambda asked: is_verification_of(asked, "social_security_card", known=True), 401, "invalid_credentials"
        ),
        {"verifies_by_card"},
    ),
    ("has the number in its references", has_the_number_in_its_references, {"gives_opaque_references"}),
    (
        "says that it is the password",
        answers(is_wrong_password, 403, "wrong_password"),
        {"refuses_a_wrong_password", "refuses_in_the_same_words"},
    ),
    (
        "says that it knows no such number",
        answers(lambda asked: is_verification_of(asked, "id_card", known=False), 404, "not_found"),
        {"refuses_an_unknown_number", "refuses_in_the_same_words", "refuses_malformed_verifications"},
    ),
    (
        "says that it knows no such card",
        answers(lambda asked: is_verification_of(asked, "social_security_card", known=False), 404, "not_found"),
        {"refuses_an_unknown_card", "refuses_in_the_same_words"},
    ),
    ("has other words for nobody", has_other_words_for_nobody, {"refuses_in_the_same_words"}),
    ("numbers its refusals", NumbersItsRefusals(), {"refuses_in_the_same_words"}),
    ("is slower for the known", is_slower_for_the_known, {"refuses_in_the_same_time"}),
    ("422 for misfits", has_a_status_for_misfits_that_means_weak, {"refuses_malformed_verifications"}),
    ("HTML for misfits", tells_misfits_in_html, {"refuses_malformed_verifications"}),
    ("plain JSON for misfits", tells_misfits_as_plain_json, {"refuses_malformed_verifications"}),
    ("another status in the document", has_another_status_in_the_document, {"refuses_malformed_verifications"}),
    ("sends codes for no call", sends_codes_for_no_call, {"refuses_malformed_code_requests"}),
    ("money as a number", tells("/balance", lambda told: told | {"balance": 20180.05}), {"tells_the_balance"}),
    (
        "years of no day",
        tells("/contribution-years", lambda told: told | {"as_of": ""}),
        {"tells_the_years"},
    ),
    ("a month of one digit", tells("/contributions", first(month="2026-1")), {"tells_contributions", *LISTS}),
    ("money of one place", tells("/credits", first(amount="110.0")), {"tells_credits", *LISTS}),
    ("a kind that there is not", tells("/transactions", first(kind="gift")), {"tells_transactions", *LISTS}),
    ("null for a day", tells("/coverage", lambda told: told | {"as_of": None}), {"tells_coverage"}),
    (
        "a day with strokes",
        tells("/transfers", first(submitted_on="2026/11/01")),
        {"tells_transfers", "tells_the_newest_first"},
    ),
    ("no relatives", tells("/family-sharing", lambda told: {"enabled": told["enabled"]}), {"tells_family_sharing"}),
    ("names nobody", names(), {"names_the_member"}),
    ("names somebody else", names("somebody"), {"names_the_member"}),
    ("names the member twice", names("same", "same"), {"names_the_member"}),
    ("the oldest first", tells("/transfers", lambda told: told[::-1]), {"tells_the_newest_first"}),
    ("tells five unless asked", tells_five_unless_asked, {"keeps_to_the_limit"}),
    ("knows one limit", knows_one_limit, {"keeps_to_the_limit"}),
    ("tells the oldest", tells_the_oldest, {"keeps_to_the_limit"}),
    ("takes any limit", takes_any_limit, {"refuses_other_limits"}),
    ("asks for no call", RemembersCalls(without_call=True), {"asks_for_the_call"}),
    ("takes any call", RemembersCalls(other_call=READ), {"refuses_another_call"}),
    ("takes any reference", RemembersCalls(other_ref=True), {"refuses_an_unknown_reference"}),
]


def is_code(asked: Asked) -> bool:
    return asked.path == "/v1/sms-codes" and b'"idempotency_key"' in asked.raw and is_let_in(asked)


def is_change(asked: Asked) -> bool:
    return asked.path.endswith("/pin") and is_let_in(asked)


async def is_slow_to_send(asked: Asked, go: Service) -> Told:
    SECONDS.passed += 0.4 if is_code(asked) and ID.encode() in asked.raw else 0
    return await go(asked)


@dataclass
class TakesNoKeyTwice:
    path: str
    keys: set[str] = field(default_factory=set)

    async def __call__(self, asked: Asked, go: Service) -> Told:
        told = await go(asked)
        if not asked.path.endswith(self.path) or told.status != 202:
            return told
        key = asked.body["idempotency_key"]
        again = key in self.keys
        self.keys.add(key)
        return problem(409, "sent_before") if again else told


async def names_somebody_else_after_texting(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    return told.with_header("member-ref", "x") if asked.path.endswith("/messages") and told.status == 202 else told


async def cuts_long_texts(asked: Asked, go: Service) -> Told:
    if not asked.path.endswith("/messages") or b'"idempotency_key"' not in asked.raw:
        return await go(asked)
    return await go(asked.saying(asked.body | {"text": asked.body["text"][:500]}))


async def pads_passwords(asked: Asked, go: Service) -> Told:
    """Takes what is not six digits as some six digits, and knows the member by either."""
    if is_change(asked) and len(asked.body["new_pin"]) != 6:
        asked = asked.saying({"new_pin": STRONG})
    elif asked.path == "/v1/verifications" and b'"84627' in asked.raw and f'"{PIN}"'.encode() not in asked.raw:
        asked = asked.saying(asked.body | {"secret": {"kind": "pin", "value": STRONG}})
    return await go(asked)


async def takes_weak_passwords(asked: Asked, go: Service) -> Told:
    """The reference service refuses 123456, so another one is kept in its place."""
    return await go(replace(asked, raw=asked.raw.replace(b'"123456"', f'"{STRONG}"'.encode())))


async def says_done_with_200(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    return (
        replace(told, status=200, headers=[("content-type", "application/json")], raw=b"{}")
        if told.status == 204
        else told
    )


async def says_done_and_does_nothing(asked: Asked, go: Service) -> Told:
    told = await go(replace(asked, path="/v1/nowhere") if is_change(asked) and b"123456" not in asked.raw else asked)
    return Told(204, [], b"") if is_change(asked) and told.status == 404 else told


async def keeps_asking_for_a_change(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    verified = asked.path == "/v1/verifications" and told.status == 200
    return told.saying(told.body | {"must_change_pin": True}) if verified else told


async def breaks_down_after_the_change(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    return problem(503, "unavailable") if told.status == 204 else told


BREAKS_WRITING: Final[list[tuple[str, Fault, set[str]]]] = [
    (
        "sends no code to nobody",
        answers(lambda asked: is_code(asked) and ID.encode() not in asked.raw, 404, "not_found"),
        {"sends_codes_alike"},
    ),
    ("is slow to send", is_slow_to_send, {"sends_codes_alike"}),
    ("takes no key of a code twice", TakesNoKeyTwice("/sms-codes"), {"takes_a_code_key_again"}),
    ("takes no key of a text twice", TakesNoKeyTwice("/messages"), {"texts_an_answer"}),
    ("names somebody else after texting", names_somebody_else_after_texting, {"texts_an_answer"}),
    ("cuts long texts", cuts_long_texts, {"refuses_a_long_text"}),
    ("texts in any call", RemembersCalls(other_call=("messages",)), {"texts_in_the_call_alone"}),
    ("pads passwords", pads_passwords, {"refuses_malformed_passwords"}),
    ("takes weak passwords", takes_weak_passwords, {"refuses_weak_passwords"}),
    ("changes in any call", RemembersCalls(other_call=("pin",)), {"changes_in_the_call_alone"}),
    ("says done with 200", says_done_with_200, {"changes_the_password"}),
    (
        "says done and does nothing",
        says_done_and_does_nothing,
        {"changes_the_password", "changes_in_the_call_alone", "refuses_malformed_passwords"},
    ),
    ("keeps asking for a change", keeps_asking_for_a_change, {"changes_the_password"}),
    ("breaks down after the change", breaks_down_after_the_change, {"changes_the_password"}),
]


def test_there_is_a_service_that_breaks_each_rule() -> None:
    reading = set().union(*(rules for _, _, rules in BREAKS_READING))
    writing = set().union(*(rules for _, _, rules in BREAKS_WRITING))
    assert reading == {rule.__name__ for rule in READING}
    assert writing >= {rule.__name__ for rule in WRITING}


def test_every_rule_is_a_sentence_of_its_own() -> None:
    assert len(NAME_OF) == len(READING) + len(WRITING)
    assert all(said.endswith(".") for said in NAME_OF)


def tells_no_secret(found: list[Finding]) -> bool:
    text = "\n".join(str(one) for one in found)
    passwords = {raised(PIN, by) for by in range(10)}
    return not any(secret in text for secret in (TOKEN, ID, CARD, *passwords))


@pytest.fixture(scope="module")
def unspoiled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One service for all checks that change nothing."""
    with service(tmp_path_factory.mktemp("unspoiled"), honest) as served:
        yield served


@pytest.mark.parametrize(
    ("fault", "rules"), [row[1:] for row in BREAKS_READING], ids=[row[0] for row in BREAKS_READING]
)
def test_a_broken_rule_is_found(unspoiled: Served, fault: Fault, rules: set[str]) -> None:
    unspoiled.app.fault = fault
    found = findings(unspoiled.url, READING)
    assert failed(found) == rules, "\n".join(str(one) for one in found if one.verdict == "FAILED")
    for one in found:
        if one.verdict == "FAILED":
            assert "xpected" in one.why
            assert "; came " in one.why
            assert one.why.endswith(".")
    assert tells_no_secret(found)


@pytest.mark.parametrize(
    ("fault", "rules"), [row[1:] for row in BREAKS_WRITING], ids=[row[0] for row in BREAKS_WRITING]
)
def test_a_broken_rule_of_writing_is_found_and_the_password_is_as_before(
    tmp_path: Path, fault: Fault, rules: set[str]
) -> None:
    with service(tmp_path, fault) as served:
        found = findings(served.url, (verifies, *WRITING))
        assert failed(found) == rules, "\n".join(str(one) for one in found if one.verdict == "FAILED")
        assert password_holds(served.url)
    assert tells_no_secret(found)


# --- what else can happen --------------------------------------------------------------------------------------------


async def takes_no_old_password(asked: Asked, go: Service) -> Told:
    return problem(422, "weak_pin") if is_change(asked) and asked.body["new_pin"] == PIN else await go(asked)


def test_a_password_that_cannot_be_changed_back_is_told_in_words(tmp_path: Path) -> None:
    with service(tmp_path, takes_no_old_password) as served:
        found = findings(served.url, READING + WRITING)
    (one,) = [one for one in found if one.verdict == "FAILED"]
    assert one.why.startswith(
        "The password was not changed back: the member's may now be the one given with every digit raised by 1"
    )
    assert "status 204; came status 422 with application/problem+json and the code weak_pin." in one.why
    assert tells_no_secret(found)


def test_a_weak_password_is_not_changed(tmp_path: Path) -> None:
    weak = replace(SAMPLE, pin="121212")
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    url = f"sqlite:///{tmp_path / 'accounts.db'}"
    with Served(create_reference(url, TOKEN, hasher=cheap, refusal_step=0.01, samples=(weak,))) as served:
        found = findings(served.url, READING + WRITING, Member(ID, "121212"))
    left_out = {NAME_OF[one.rule]: one.why for one in found if one.verdict == "not checked"}
    assert failed(found) == set()
    assert left_out.pop("verifies_by_card") == "No card number is given."
    assert set(left_out) == {
        *("refuses_malformed_passwords", "refuses_weak_passwords"),
        *("changes_in_the_call_alone", "changes_the_password"),
    }
    assert set(left_out.values()) == {
        "The password is one that services refuse as weak, so it could not be changed back."
    }


async def repeats_secrets(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    if told.status in (400, 401):
        return problem(403, PIN).with_header("content-type", f"application/{TOKEN}")
    return told.without("member-ref").with_header("content-type", f"text/{ID}")


def test_a_service_that_repeats_secrets_gets_them_into_no_sentence(tmp_path: Path) -> None:
    with service(tmp_path, repeats_secrets) as served:
        found = findings(served.url, READING + WRITING)
    assert "asks_for_the_token" in failed(found)
    assert any("text/…" in one.why for one in found)
    assert tells_no_secret(found)


async def sleeps(asked: Asked, go: Service) -> Told:
    await asyncio.sleep(2.5 if asked.path.endswith("/coverage") else 0)
    return await go(asked)


async def tells_too_much(asked: Asked, go: Service) -> Told:
    told = await go(asked)
    return replace(told, raw=b" " * 65_537) if asked.path.endswith("/coverage") and told.status == 200 else told


async def leads_elsewhere(asked: Asked, go: Service) -> Told:
    if asked.path.endswith("/coverage") and is_let_in(asked):
        return Told(307, [("location", "/v1/elsewhere")], b"")
    return await go(asked)


@pytest.mark.parametrize(
    ("fault", "came"),
    [(sleeps, "came none within 2 s."), (tells_too_much, "came more."), (leads_elsewhere, "came status 307.")],
)
def test_slow_huge_and_redirected_answers_are_none(tmp_path: Path, fault: Fault, came: str) -> None:
    with service(tmp_path, fault) as served:
        found = findings(served.url, (verifies, tells_coverage), deadline=2)
    assert [one.verdict for one in found] == ["passed", "FAILED"]
    assert came in found[1].why


async def sleeps_where_the_password_is_wrong(asked: Asked, go: Service) -> Told:
    await asyncio.sleep(0.3 if is_wrong_password(asked) else 0)
    return await go(asked)


def test_answers_are_timed_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    with service(tmp_path, sleeps_where_the_password_is_wrong) as served:
        found = findings(served.url, (verifies, refuses_in_the_same_time), clock=time.monotonic)
    assert failed(found) == {"refuses_in_the_same_time"}


@pytest.fixture
def without_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("IVR_ACCOUNT_URL", "IVR_ACCOUNT_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with service(tmp_path, honest) as served:
        yield served.url


OPTIONS: Final = ["account", "check", "--id-number", ID, "--password", PIN, "--card-number", CARD]


@pytest.mark.usefixtures("without_settings")
def test_the_command_prints_a_line_for_each_rule(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run([*OPTIONS, "--url", f"{url}/", "--token", TOKEN]) == 0
    *lines, summary = capsys.readouterr().out.splitlines()
    assert lines == [f"passed:      {sentence(rule)}" for rule in READING]
    assert summary == f"{len(READING)} passed, 0 FAILED, 0 not checked."
    # By the settings, where the options are left out.
    monkeypatch.setenv("IVR_ACCOUNT_URL", url)
    monkeypatch.setenv("IVR_ACCOUNT_TOKEN", "another-token")
    assert run(OPTIONS) == 1
    out = capsys.readouterr().out
    assert f"FAILED:      {sentence(READING[3])} Expected status 200" in out
    assert "not checked: " in out


@pytest.mark.usefixtures("without_settings")
def test_where_nothing_answers_one_rule_fails_and_nothing_else_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*OPTIONS, "--url", "http://127.0.0.1:9", "--token", TOKEN, "--writing"]) == 1
    first_line, *others, summary = capsys.readouterr().out.splitlines()
    assert first_line.endswith("came none: the connection could not be made, or it broke.")
    assert all(line.startswith("not checked: ") and line.endswith(" Nothing answers there.") for line in others)
    assert summary == f"0 passed, 1 FAILED, {len(READING) + len(WRITING) - 1} not checked."


@pytest.mark.usefixtures("without_settings")
@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({}, "--url and --token are missing: expected them, since IVR_ACCOUNT_URL is not set."),
        ({"--url": "http://x"}, "--token is missing: expected both or neither, since --url is given."),
        ({"--token": "t"}, "--url is missing: expected both or neither, since --token is given."),
        ({"--url": "x", "--token": "t"}, "--url is wrong: expected http://HOST or https://HOST"),
        ({"--url": "http://x", "--token": "a b"}, "--token is wrong: expected visible ASCII"),
        ({"--url": "http://x", "--token": "t", "--id-number": "1"}, "--id-number is wrong: expected 18 digits"),
        ({"--url": "http://x", "--token": "t", "--card-number": "1"}, "--card-number is wrong: expected 9 to 16"),
        ({"--url": "http://x", "--token": "t", "--password": "12345"}, "--password is wrong: expected six digits."),
    ],
)
def test_a_wrong_call_of_the_command(wrong: dict[str, str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"--id-number": ID, "--password": PIN} | wrong
    assert run(["account", "check", *(word for option in options.items() for word in option)]) == 2
    told = capsys.readouterr()
    assert told.err.startswith(sentence)
    assert (told.out, told.err.count("\n")) == ("", 1)


@pytest.mark.usefixtures("without_settings")
def test_without_a_password_it_asks_only_at_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert run(["account", "check", "--id-number", ID, "--url", "http://x", "--token", "t"]) == 2
    assert capsys.readouterr().err.startswith(
        "--password is missing: expected it, since standard input is no terminal."
    )
