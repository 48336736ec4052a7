"""The reference service over real HTTP: it honours the contract, and tells a guesser nothing."""

import asyncio
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx2
import pytest
import uvicorn
from argon2 import PasswordHasher
from stdnum.cn import ric

from ivr.accounts.client import AccountClient, Outage, ReferenceExpired, Refused
from ivr.accounts.contract import Verified
from ivr.accounts.reference import SAMPLE_MEMBERS, create_reference
from ivr.accounts.reference.members import Sample
from ivr.accounts.reference.pins import is_weak
from ivr.accounts.reference.records import yuan
from ivr.accounts.reference.seeding import fen, month_before
from ivr.call import Credential
from ivr.library import default_dirs, load

TOKEN: Final = "the-token-of-the-hotline"
STEP: Final = 0.02
BY_STORY: Final = {sample.story: sample for sample in SAMPLE_MEMBERS}
OWNER: Final = SAMPLE_MEMBERS[0]
NOBODY: Final = "110105198503122253"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)  # 04:30 of the 21st in Beijing

    def __call__(self) -> datetime:
        return self.now

    def goes_on(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class CountingHasher(PasswordHasher):
    """A real hasher at the least cost there is, that counts how often something was compared."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.compared = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]  # noqa: A002
        self.compared += 1
        return super().verify(hash, password)


class Reference:
    """A running reference service, and a caller's way to ask it anything."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.hasher = Clock(), CountingHasher()
        self.database = folder / "accounts.db"
        self.start()

    def start(self) -> None:
        app = create_reference(
            f"sqlite:///{self.database}", TOKEN, clock=self.clock, hasher=self.hasher, refusal_step=STEP
        )
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="on", log_config=None))
        self._thread = threading.Thread(target=self._server.run)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.005)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx2.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False, timeout=60
        )

    def stop(self) -> None:
        self.http.close()
        self._server.should_exit = True
        self._thread.join()

    def verify(self, number: str, secret: str, kind: str = "pin", call: str = "CA1") -> httpx2.Response:
        of = "id_card" if len(number) == 18 else "social_security_card"
        asked = {
            "credential": {"kind": of, "number": number},
            "secret": {"kind": kind, "value": secret},
            "call_id": call,
        }
        return self.http.post("/v1/verifications", json=asked)

    def ref(self, sample: Sample = OWNER, call: str = "CA1") -> str:
        answer = self.verify(sample.id_number, sample.pin, call=call)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["member_ref"])

    def get(self, ref: str, what: str, call: str = "CA1") -> httpx2.Response:
        return self.http.get(f"/v1/members/{ref}/{what}", headers={"Call-Id": call})

    def read(self, sample: Sample, what: str) -> Any:
        ref = self.ref(sample)
        answer = self.get(ref, what)
        assert (answer.status_code, answer.headers["member-ref"]) == (200, ref)
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    def send_code(self, number: str, key: str, call: str = "CA1") -> httpx2.Response:
        of = "id_card" if len(number) == 18 else "social_security_card"
        asked = {"credential": {"kind": of, "number": number}, "call_id": call, "idempotency_key": key}
        return self.http.post("/v1/sms-codes", json=asked)

    def outbox(self, after: int = 0) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get("/demo/outbox", params={"after": after}).json()
        return found

    def last_code(self) -> str:
        (code,) = re.findall(r"(?<!\d)\d{6}(?!\d)", self.outbox()[-1]["text"])
        return str(code)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reference]:
    """One service for all tests that change nothing."""
    reference = Reference(tmp_path_factory.mktemp("library"))
    yield reference
    reference.stop()


@pytest.fixture
def reference(tmp_path: Path) -> Iterator[Reference]:
    reference = Reference(tmp_path)
    yield reference
    reference.stop()


def is_problem(answer: httpx2.Response, status: int, code: str) -> bool:
    document = answer.json()
    return (
        answer.headers["content-type"] == "application/problem+json"
        and (answer.status_code, document["status"], document["code"]) == (status, status, code)
        and isinstance(document["title"], str)
    )


# --- verification ---------------------------------------------------------------------------------------------------


def test_a_verification(library: Reference) -> None:
    told = library.verify(OWNER.id_number, OWNER.pin).json()
    assert len(told.pop("member_ref")) >= 32
    assert told == {
        "expires_in": 900,
        "must_change_pin": False,
        "surname": "王",
        "gender": "male",
        "birth_year": 1985,
        "region": "110000",
    }
    assert library.ref() != library.ref()


@pytest.mark.parametrize("sample", SAMPLE_MEMBERS, ids=lambda sample: sample.story)
def test_every_sample_member_by_either_number(reference_of_all: dict[str, list[int]], sample: Sample) -> None:
    expected = 423 if sample.locked else 200 if sample.by_telephone else 401
    assert set(reference_of_all[sample.story]) == {expected}


@pytest.fixture(scope="module")
def reference_of_all(library: Reference) -> dict[str, list[int]]:
    return {
        sample.story: [
            library.verify(number, sample.pin).status_code
            for number in (sample.id_number, sample.card_number)
            if number is not None
        ]
        for sample in SAMPLE_MEMBERS
    }


def test_must_change_pin_and_fields_that_may_be_absent(library: Reference) -> None:
    initial = BY_STORY["initial password, has to change it"]
    assert library.verify(initial.id_number, "123456").json()["must_change_pin"] is True
    barely = next(sample for sample in SAMPLE_MEMBERS if sample.barely_known)
    assert set(library.verify(barely.id_number, barely.pin).json()) == {"member_ref", "expires_in", "must_change_pin"}


def test_refusals_tell_nothing_and_cost_the_same(reference: Reference) -> None:
    unregistered = next(sample for sample in SAMPLE_MEMBERS if not sample.by_telephone)
    locked = next(sample for sample in SAMPLE_MEMBERS if sample.locked)
    cases: list[tuple[str, str, str]] = [
        (NOBODY, OWNER.pin, "pin"),
        (NOBODY, OWNER.pin, "sms_code"),
        ("999999999", OWNER.pin, "pin"),
        (OWNER.id_number, "846270", "pin"),
        (OWNER.id_number, OWNER.pin, "sms_code"),
        (unregistered.id_number, unregistered.pin, "pin"),
        (locked.id_number, locked.pin, "pin"),
        (locked.id_number, "111111", "sms_code"),
    ]
    bodies = set()
    for number, secret, kind in cases:
        before, began = reference.hasher.compared, time.monotonic()
        answer = reference.verify(number, secret, kind)
        assert reference.hasher.compared - before == 1
        assert time.monotonic() - began >= STEP
        if number == locked.id_number:
            assert is_problem(answer, 423, "locked")
            assert int(answer.headers["retry-after"]) > 0
        else:
            assert is_problem(answer, 401, "invalid_credentials")
            bodies.add(answer.text)
    assert len(bodies) == 1


def test_five_failures_lock_for_a_day_and_success_resets(reference: Reference) -> None:
    card = OWNER.card_number or ""
    for _ in range(4):
        assert reference.verify(OWNER.id_number, "846270").status_code == 401
    assert reference.verify(card, OWNER.pin).status_code == 200
    for number in (OWNER.id_number, card, card, OWNER.id_number, card):
        assert reference.verify(number, "846270").status_code == 401
    answer = reference.verify(OWNER.id_number, OWNER.pin)
    assert is_problem(answer, 423, "locked")
    assert answer.headers["retry-after"] == "86400"
    reference.clock.goes_on(86399)
    assert reference.verify(OWNER.id_number, OWNER.pin).headers["retry-after"] == "1"
    reference.clock.goes_on(1)
    assert reference.verify(OWNER.id_number, "846270").status_code == 401
    assert reference.verify(OWNER.id_number, OWNER.pin).status_code == 200


async def test_guesses_that_come_all_at_once_get_no_more_than_five(reference: Reference) -> None:
    async with AccountClient(reference.url, TOKEN) as client:
        owner = Credential("id_card", OWNER.id_number)
        guesses = (client.verify(owner, "pin", f"{n:06d}", call_id="CA1", region=None) for n in range(20))
        answers = await asyncio.gather(*guesses)
    assert sorted(answer.locked for answer in answers if isinstance(answer, Refused)) == [False] * 5 + [True] * 15


# --- references -----------------------------------------------------------------------------------------------------


def test_a_reference_is_good_for_one_call_and_fifteen_minutes(reference: Reference) -> None:
    ref = reference.ref()
    assert is_problem(reference.get(ref, "balance", "CA2"), 410, "reference_expired")
    assert is_problem(reference.get(ref[:-1], "balance"), 410, "reference_expired")
    assert is_problem(reference.http.get(f"/v1/members/{ref}/balance"), 400, "bad_request")
    assert is_problem(reference.get(ref, "balance", ""), 400, "bad_request")
    reference.clock.goes_on(899)
    assert reference.get(ref, "balance").status_code == 200
    reference.clock.goes_on(1)
    assert is_problem(reference.get(ref, "balance"), 410, "reference_expired")


def test_everything_outlives_a_restart_and_nothing_is_seeded_twice(reference: Reference) -> None:
    ref = reference.ref()
    reference.verify(OWNER.id_number, "846270")
    reference.stop()
    reference.clock.goes_on(60)
    reference.start()
    assert reference.get(ref, "balance").json()["as_of"] == "2026-11-20"
    with sqlite3.connect(reference.database) as db:
        assert db.execute("SELECT count(*), sum(failures) FROM members").fetchone() == (len(SAMPLE_MEMBERS), 1)
        rows = [str(row) for table in ("members", "member_references") for row in db.execute(f"SELECT * FROM {table}")]
    db.close()
    assert not any(ref in row or OWNER.pin in row for row in rows)


# --- what is known of a member --------------------------------------------------------------------------------------


def story(part: str) -> Sample:
    (found,) = [sample for sample in SAMPLE_MEMBERS if part in sample.story]
    return found


def test_balances(library: Reference) -> None:
    assert library.read(OWNER, "balance") == {"balance": "20180.05", "as_of": "2026-11-20", "status": "normal"}
    told = {
        sample.story: library.read(sample, "balance")
        for sample in SAMPLE_MEMBERS
        if sample.by_telephone and not sample.locked
    }
    assert {one["status"] for one in told.values()} == {"normal", "frozen", "closed", "none"}
    assert {"-12.30", "0.00", "0.05", "10100.00", "1234567.89"} <= {one["balance"] for one in told.values()}
    assert told[story("no personal account").story] == {"balance": "0.00", "as_of": "2026-11-20", "status": "none"}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            "short of the required years",
            {"scheme": "employee", "actual_months": 188, "deemed_months": 0, "first_month": "2011-03",
             "last_month": "2026-10", "as_of": "2026-11-20", "required_months": 300, "required_actual_months": None},
        ),
        (
            "the actual ones are not",
            {"scheme": "employee", "actual_months": 122, "deemed_months": 190, "first_month": "2016-09",
             "last_month": "2026-10", "as_of": "2026-11-20", "required_months": 300, "required_actual_months": 180},
        ),
        (
            "nothing yet",
            {"scheme": "employee", "actual_months": 0, "deemed_months": 0, "as_of": "2026-11-20",
             "required_months": None, "required_actual_months": None},
        ),
    ],
)  # fmt: skip
def test_contribution_years(library: Reference, part: str, expected: dict[str, Any]) -> None:
    assert library.read(story(part), "contribution-years") == expected


def test_coverage(library: Reference) -> None:
    assert library.read(OWNER, "coverage") == {
        "scheme": "employee",
        "status": "active",
        "since": "2024-11",
        "retired": False,
        "as_of": "2026-11-20",
    }
    assert library.read(story("over 60"), "coverage")["retired"] is True
    assert library.read(story("barely"), "coverage") == {
        "scheme": "employee",
        "status": "active",
        "as_of": "2026-11-20",
    }
    told = {sample.coverage for sample in SAMPLE_MEMBERS}
    assert told == {"active", "suspended", "overdue", "transferred_out", "none"}


def test_lists_come_newest_first_up_to_the_limit(library: Reference) -> None:
    months = library.read(OWNER, "contributions?limit=24")
    assert months[0] == {"month": "2026-10", "amount": "512.30", "status": "paid"}
    assert [one["month"] for one in months] == [month_before(date(2026, 11, 21), back) for back in range(1, 25)]
    assert library.read(OWNER, "contributions") == months[:3]
    assert library.read(OWNER, "contributions?limit=1") == months[:1]
    assert library.read(OWNER, "transactions?limit=24")[2] == {
        "date": "2026-10-22",
        "amount": "-35.20",
        "kind": "refund",
    }
    assert {one["kind"] for one in library.read(OWNER, "transactions?limit=24")} == {
        *("pharmacy", "outpatient", "inpatient", "family", "refund", "other")
    }
    assert library.read(story("over 60"), "credits?limit=2") == [
        {"month": "2026-10", "amount": "110.00", "credited_on": "2026-10-15"},
        {"month": "2026-09", "amount": "110.00", "credited_on": "2026-09-15"},
    ]
    assert library.read(story("barely"), "credits")[0] == {"month": "2026-10", "amount": "3.21"}
    overdue = library.read(story("overdrawn"), "contributions?limit=4")
    assert [one["status"] for one in overdue] == ["overdue", "overdue", "overdue", "paid"]
    assert library.read(story("suspended"), "contributions?limit=1")[0]["month"] == "2026-05"
    for what in ("contributions", "credits", "transactions", "transfers"):
        assert library.read(story("nothing yet"), what) == []
    ref = library.ref()
    for limit in ("0", "25", "-1", "three", "1.5", ""):
        assert is_problem(library.get(ref, f"credits?limit={limit}"), 400, "bad_request")


def test_transfers_and_family_sharing(library: Reference) -> None:
    assert library.read(story("an open transfer"), "transfers") == [
        {
            "case_number": "ZY2026431100274",
            "from_region": "430900",
            "to_region": "440100",
            "stage": "receiving",
            "submitted_on": "2026-11-12",
            "due_by": "2026-11-27",
            "balance_arrived": False,
        }
    ]
    stages = [one["stage"] for one in library.read(story("every stage"), "transfers")]
    assert stages == ["submitted", "accepted", "sending_out", "receiving", "done", "rejected"]
    assert library.read(story("is done"), "transfers")[0]["amount"] == "45210.66"
    assert library.read(story("spouse, parent and child"), "family-sharing") == {
        "enabled": True,
        "relatives": [
            {"surname": "吴", "relation": "spouse", "bound_on": "2026-01-05"},
            {"surname": "郑", "relation": "parent", "bound_on": "2026-01-15"},
            {"surname": "吴", "relation": "child"},
        ],
    }
    assert library.read(story("nobody is bound"), "family-sharing") == {"enabled": True, "relatives": []}
    assert library.read(story("suspended"), "family-sharing") == {"enabled": False, "relatives": []}


async def test_the_client_can_read_everything_of_every_member(library: Reference) -> None:
    async with AccountClient(library.url, TOKEN) as client:
        assert await client.healthy()
        for sample in SAMPLE_MEMBERS:
            credential = Credential("id_card", sample.id_number)
            known = await client.verify(credential, "pin", sample.pin, call_id="CA9", region="110000")
            if sample.locked or not sample.by_telephone:
                assert known == Refused(locked=sample.locked)
                continue
            assert isinstance(known, Verified)
            ref = known.member_ref
            assert str((await client.balance(ref, call_id="CA9")).balance) == sample.balance
            assert (await client.years(ref, call_id="CA9")).actual_months == sample.actual
            assert (await client.coverage(ref, call_id="CA9")).status == sample.coverage
            assert len(await client.contributions(ref, 24, call_id="CA9")) == sample.contribution_months
            assert len(await client.credits(ref, 24, call_id="CA9")) == sample.credit_months
            assert len(await client.transactions(ref, 24, call_id="CA9")) == len(sample.payments)
            assert {one.case_number for one in await client.transfers(ref, call_id="CA9")} == {
                case.number for case in sample.transfers
            }
            assert len((await client.family_sharing(ref, call_id="CA9")).relatives) == len(sample.relatives)
        with pytest.raises(ReferenceExpired):
            await client.balance(ref, call_id="CA10")
    async with AccountClient(library.url, TOKEN + "x") as stranger:
        with pytest.raises(Outage, match="unauthorized"):
            await stranger.verify(credential, "pin", "846275", call_id="CA9", region=None)


# --- codes, messages, passwords -------------------------------------------------------------------------------------


def test_a_code_opens_once_within_five_minutes(reference: Reference) -> None:
    assert reference.send_code(OWNER.id_number, "k1").status_code == 202
    (sent,) = reference.outbox()
    assert (sent["id"], sent["call_id"], sent["kind"], sent["to"]) == (1, "CA1", "code", "139****0007")
    code = reference.last_code()
    assert reference.verify(OWNER.id_number, f"{(int(code) + 1) % 10**6:06d}", "sms_code").status_code == 401
    assert reference.verify(OWNER.id_number, code).status_code == 401  # it is no password
    reference.clock.goes_on(299)
    assert reference.verify(OWNER.card_number or "", code, "sms_code").status_code == 200
    assert is_problem(reference.verify(OWNER.id_number, code, "sms_code"), 401, "invalid_credentials")
    reference.send_code(OWNER.id_number, "k2")
    reference.clock.goes_on(300)
    assert reference.verify(OWNER.id_number, reference.last_code(), "sms_code").status_code == 401


def test_a_newer_code_takes_the_place_of_the_last_and_a_key_sends_once(reference: Reference) -> None:
    reference.send_code(OWNER.id_number, "k1")
    first = reference.last_code()
    for number in (OWNER.id_number, OWNER.card_number or "", NOBODY):
        assert reference.send_code(number, "k1").status_code == 202
    assert len(reference.outbox()) == 1
    while reference.last_code() == first:
        reference.send_code(OWNER.id_number, f"k{len(reference.outbox()) + 1}")
    assert reference.verify(OWNER.id_number, first, "sms_code").status_code == 401
    assert reference.verify(OWNER.id_number, reference.last_code(), "sms_code").status_code == 200


@pytest.mark.parametrize(
    ("first", "second", "sent"),
    [
        (OWNER.id_number, OWNER.card_number, 3),
        (NOBODY, NOBODY, 0),
        (story("but no mobile").id_number, story("but no mobile").card_number, 0),
    ],
)
def test_three_codes_a_day_for_anybody_and_nobody(reference: Reference, first: str, second: str, sent: int) -> None:
    began = time.monotonic()
    for number, status in ((first, 202), (second, 202), (first, 202), (second, 429), (first, 429)):
        answer = reference.send_code(number, f"k{time.monotonic_ns()}")
        assert answer.status_code == status
        assert status == 202 or is_problem(answer, 429, "too_many_codes")
    assert time.monotonic() - began >= 5 * STEP
    assert len(reference.outbox()) == sent
    reference.clock.goes_on(86400)
    assert reference.send_code(first, "tomorrow").status_code == 202


def test_an_answer_is_texted_once(reference: Reference) -> None:
    def text(sample: Sample, key: str, words: str = "余额20180.05元，截至2026-11-20") -> int:
        url = f"/v1/members/{reference.ref(sample)}/messages"
        body = {"text": words, "idempotency_key": key}
        return reference.http.post(url, headers={"Call-Id": "CA1"}, json=body).status_code

    other = story("spouse, parent and child")
    assert [text(OWNER, "k1"), text(OWNER, "k1"), text(other, "k1"), text(OWNER, "k2", "x" * 500)] == [202] * 4
    assert text(story("but no mobile"), "k1") == 202
    assert text(OWNER, "k3", "x" * 501) == 400
    sent = reference.outbox()
    assert [one["to"] for one in sent] == ["139****0007", "139****0147", "139****0007"]
    assert sent[0] == {
        "id": 1,
        "at": int(reference.clock.now.timestamp()),
        "call_id": "CA1",
        "kind": "answer",
        "to": "139****0007",
        "text": "余额20180.05元，截至2026-11-20",
    }
    assert [one["id"] for one in reference.outbox(after=2)] == [sent[2]["id"]]


def test_changing_the_password(reference: Reference) -> None:
    member = story("has to change it")

    def change(pin: str) -> httpx2.Response:
        url = f"/v1/members/{ref}/pin"
        return reference.http.put(url, headers={"Call-Id": "CA1"}, json={"new_pin": pin})

    ref = reference.ref(member)
    for weak in ("123456", "666666", "951020", "020005"):
        assert is_problem(change(weak), 422, "weak_pin")
    for wrong in ("12345", "1234567", "١٢٣٤٥٦", "abcdef"):
        assert is_problem(change(wrong), 400, "bad_request")
    answer = change("582914")
    assert (answer.status_code, answer.content) == (204, b"")
    assert reference.verify(member.id_number, "123456").status_code == 401
    assert reference.verify(member.id_number, "582914").json()["must_change_pin"] is False


@pytest.mark.parametrize(
    ("pin", "weak"),
    [
        ("000000", True), ("123456", True), ("987654", True), ("123123", True), ("121212", True), ("850312", True),
        ("120385", True), ("031285", True), ("198503", True), ("122173", True), ("756391", True), ("112233", True),
        ("846275", False), ("135790", False), ("850313", False), ("123455", False), ("890123", False),
    ],
)  # fmt: skip
def test_weak_passwords(pin: str, weak: bool) -> None:
    assert is_weak(pin, birth="19850312", numbers=(OWNER.id_number, OWNER.card_number or "")) is weak


# --- at the door ----------------------------------------------------------------------------------------------------

VERIFY: Final = {
    "credential": {"kind": "id_card", "number": NOBODY},
    "secret": {"kind": "pin", "value": "846275"},
    "call_id": "C",
}


@pytest.mark.parametrize(
    "header", ["", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer", TOKEN, f"Bearer {TOKEN[:-1]}", "Bearer é"]
)
def test_without_the_token_there_is_nothing(library: Reference, header: str) -> None:
    headers = {b"Authorization": header.encode(), b"Call-Id": b"CA1"}
    for method, path in (
        ("POST", "/v1/verifications"),
        ("GET", "/v1/members/r/balance"),
        ("GET", "/nowhere"),
        ("GET", "/demo/outbox"),
        ("PUT", "/demo/delay"),
    ):
        answer = library.http.request(method, path, headers=headers, content=b"{")
        assert is_problem(answer, 401, "unauthorized")
    assert library.http.get("/healthz", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body | {"credential": {"kind": "passport", "number": NOBODY}},
        lambda body: body | {"credential": {"kind": "id_card", "number": "11010519850312225x"}},
        lambda body: body | {"credential": {"kind": "id_card", "number": NOBODY + "\n"}},
        lambda body: body | {"secret": {"kind": "pin", "value": 846275}},
        lambda body: body | {"secret": {"kind": "pin", "value": "84627"}},
        lambda body: body | {"call_id": None},
        lambda body: {key: value for key, value in body.items() if key != "secret"},
        lambda body: [body],
    ],
)  # fmt: skip
def test_a_request_that_does_not_fit(library: Reference, change: Callable[[dict[str, Any]], object]) -> None:
    answer = library.http.post("/v1/verifications", json=change(dict(VERIFY)))
    assert is_problem(answer, 400, "bad_request")
    assert "84627" not in answer.text
    assert NOBODY not in answer.text


def test_other_ways_to_ask_wrongly(library: Reference) -> None:
    post, headers = library.http.post, {"Content-Type": "application/json"}
    for body in (b"", b"{", b"\xff", b"[" * 50_000, b'{"a": NaN}'):
        assert is_problem(post("/v1/verifications", content=body, headers=headers), 400, "bad_request")
    assert is_problem(post("/v1/verifications", content=b" " * 70_000, headers=headers), 413, "bad_request")
    assert is_problem(library.http.get("/v1/nowhere"), 404, "not_found")
    assert is_problem(library.http.get("/openapi.json"), 404, "not_found")
    assert is_problem(library.http.get("/v1/verifications"), 405, "bad_request")
    assert is_problem(library.http.get("/demo/outbox?after=x"), 400, "bad_request")


def test_without_its_database_it_says_unavailable(reference: Reference) -> None:
    with sqlite3.connect(reference.database) as db:
        db.execute("ALTER TABLE members RENAME TO gone")
    db.close()
    answer = reference.verify(OWNER.id_number, OWNER.pin)
    assert is_problem(answer, 503, "unavailable")
    assert OWNER.id_number not in answer.text


def test_a_token_is_needed() -> None:
    with pytest.raises(ValueError, match="expected a token"):
        create_reference("sqlite://", "")


# --- the sample members ---------------------------------------------------------------------------------------------


def test_sample_numbers_are_valid_and_their_passwords_are_not_weak() -> None:
    as_issued = load(*default_dirs()).hotlines.issued_with_another_check
    for sample in SAMPLE_MEMBERS:
        computes = ric.calc_check_digit(sample.id_number) == sample.id_number[-1]
        assert computes is (sample.id_number not in as_issued), sample.story
        assert date.fromisoformat(sample.id_number[6:14]) > date(1900, 1, 1)
        numbers = [sample.id_number]
        if sample.card_number is not None:
            assert re.fullmatch(r"[0-9]{9,16}|[0-9]{19}", sample.card_number), sample.story
            numbers.append(sample.card_number)
        assert is_weak(sample.pin, birth=sample.id_number[6:14], numbers=numbers) is sample.pin_is_initial, sample.story


def test_no_two_samples_share_a_number_or_a_password() -> None:
    numbers = [
        n for sample in SAMPLE_MEMBERS for n in (sample.id_number, sample.card_number, sample.pin) if n is not None
    ]
    twice = {number for number in numbers if numbers.count(number) > 1}
    assert twice == {OWNER.pin}, "only the first sample and the one whose number does not compute share a password"
    for pin in (sample.pin for sample in SAMPLE_MEMBERS if not sample.pin_is_initial):
        assert not any(pin in number for number in numbers if number != pin)


def test_the_sample_members_that_are_promised() -> None:
    assert (OWNER.id_number, OWNER.pin, OWNER.balance) == ("110105198503122173", "846275", "20180.05")
    ids = {sample.id_number for sample in SAMPLE_MEMBERS}
    assert {"11010519491231002X", "430902198503122172"} <= ids
    assert {"81", "82", "83"} <= {number[:2] for number in ids}
    assert any(number.startswith("9") for number in ids)


@pytest.mark.parametrize(("text", "whole"), [("-12.30", -1230), ("0.05", 5), ("-0.05", -5), ("20180.05", 2018005)])
def test_money_to_fen_and_back(text: str, whole: int) -> None:
    assert (fen(text), yuan(whole)) == (whole, text)


@pytest.mark.parametrize(("back", "expected"), [(0, "2026-01"), (1, "2025-12"), (12, "2025-01"), (25, "2023-12")])
def test_months_before(back: int, expected: str) -> None:
    assert month_before(date(2026, 1, 31), back) == expected


def test_a_lever_makes_it_slow_and_quick_again(library: Reference) -> None:
    def seconds() -> float:
        began = time.monotonic()
        assert library.get("nobody", "balance").status_code == 410
        return time.monotonic() - began

    assert library.http.put("/demo/delay", json={"seconds": 0.3}).status_code == 204
    assert seconds() >= 0.3
    assert library.http.put("/demo/delay", json={"seconds": 0}).status_code == 204
    assert is_problem(library.http.put("/demo/delay", json={"seconds": 11}), 400, "bad_request")
    assert library.outbox() is not None
