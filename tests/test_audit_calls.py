"""Calls and their audit entries: what leaves one, what leaves none, and that nothing personal is told without one."""

import asyncio
import os
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hotline_under_test import SECRET_KEY, UnderTest, serving
from redis.asyncio import Redis
from tampering import BALANCE, NUMBER, PASSWORD, SEALS, SUM, calling, kept_of, verifications, words
from test_audit_trail import lines_in

from ivr.audit import chainfile
from ivr.audit.chain import chain_keys
from ivr.audit.chainfile import chain_files
from ivr.audit.ledger import leaves_entry
from ivr.audit.trail import ENTRY_S, AuditTrail
from ivr.call import Answered
from ivr.lookups import DECLARED

YEARS = {
    "scheme": "employee", "actual_months": 24, "deemed_months": 6, "as_of": "2026-11-20", "required_months": 300,
    "required_actual_months": 120,
}  # fmt: skip
MONTHS = [{"month": f"2026-{month:02}", "amount": "512.30", "status": "paid"} for month in (10, 9, 8, 7)]
OK = "verification ok"
KEYS = chain_keys([b64decode(SECRET_KEY)])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def running(valkey_url: str, folder: Path) -> Iterator[UnderTest]:
    with serving(valkey_url, folder, refusal_step=0.01) as under_test:
        yield under_test


def entries_of(folder: Path, sid: str) -> list[str]:
    """Give what was entered of a call, each as field and outcome; all of it about the one member who calls here."""
    lines = [line for path in chain_files(folder / "audit") for line in lines_in(path, KEYS) if line.call == sid]
    assert {line.member for line in lines} <= {SEALS.name("audit", f"id_card:{NUMBER}")}
    return [f"{line.field} {line.outcome}" for line in sorted(lines, key=lambda line: line.at)]


@pytest.mark.parametrize(
    ("service", "keys", "entered"),
    [
        ({}, "6 * 5 * 0", []),
        ({"verify": ["ok"], "balance": [BALANCE]}, "1 N P", [OK, "balance ok"]),
        ({"verify": ["ok"], "balance": [BALANCE]}, "1 N P 9 8", [OK, "balance ok"]),  # hearing again tells nothing new
        ({"verify": ["ok"], "balance": [BALANCE] * 2}, "1 N P * 1", [OK, "balance ok", "balance ok"]),
        ({"verify": ["ok"], "balance": [{**BALANCE, "status": "frozen"}]}, "1 N P", [OK, "balance frozen"]),
        ({"verify": ["ok"], "balance": ["outage"]}, "1 N P", [OK]),
        ({"verify": ["ok"], "balance": ["expired"]}, "1 N P", [OK]),
        ({"verify": ["ok"], "contribution-years": [YEARS]}, "2 N P", [OK, "years short"]),
        ({"verify": ["ok"], "contributions": [MONTHS] * 2}, "3 1 N P 2",
         [OK, "contributions more", "contributions last"]),
        ({"verify": ["outage"]}, "1 N P", ["verification error"]),
        ({"verify": ["wrong", "locked", "wrong"]}, "1 N P P P",
         ["verification refused", "verification refused_again", "verification spent"]),
        ({"verify": ["ok"]}, "1 N 111111", ["verification too_simple"]),
        ({"verify": ["ok"], "balance": [BALANCE], "messages": ["sent"]}, "1 N P 1 1",
         [OK, "balance ok", "text message begun", "text message sent", "text message begun", "text message done"]),
        ({"sms-codes": ["sent"], "verify-code": ["wrong", "ok"], "balance": [BALANCE]}, "1 N # 1 135790 135791",
         ["code request begun", "code request sent", "code verification refused", "code verification ok",
          "balance ok"]),
        ({"verify": ["ok"], "pin": ["changed"]}, "6 1 N P 738215 738215",
         [OK, "password change begun", "password change changed"]),
    ],
)  # fmt: skip
async def test_a_call_leaves_exactly_these_entries(
    running: UnderTest, redis: Redis, folder: Path, service: dict[str, list[Any]], keys: str, entered: list[str]
) -> None:
    running.accounts.script(service)
    async with calling(running) as caller:
        await caller.rings()
        for one in keys.replace("N", NUMBER + "#").replace("P", PASSWORD).split():
            await caller.keys(one)
        assert entries_of(folder, caller.sid) == entered
    assert running.accounts.unused == {}


async def test_a_refusal_of_our_own_count_is_entered_like_any_other(
    running: UnderTest, redis: Redis, folder: Path
) -> None:
    running.accounts.script({"verify": ["wrong"] * 5})
    for _ in range(2):
        async with calling(running) as caller:
            await caller.to_the_password()
            for _ in range(3):
                await caller.keys(PASSWORD)
            entered = entries_of(folder, caller.sid)
            assert entered == ["verification refused", "verification refused_again", "verification spent"]
    assert verifications(running) == 5


async def test_one_entry_however_often_the_webhook_comes(running: UnderTest, redis: Redis, folder: Path) -> None:
    running.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    async with calling(running) as caller:
        here = await caller.to_the_password()
        told = await asyncio.gather(*(caller.post(here.next, Digits=PASSWORD) for _ in range(5)))
        assert all(SUM in one.said for one in told)
        assert entries_of(folder, caller.sid) == [OK, "balance ok"]


async def test_no_file_names_the_member_or_a_password(running: UnderTest, redis: Redis, folder: Path) -> None:
    running.accounts.script({"verify": ["wrong", "ok"], "balance": [BALANCE]})
    async with calling(running) as caller:
        await caller.to_the_password()
        await caller.keys("735182")
        await caller.keys(PASSWORD)
    written = "".join(path.read_text() for path in chain_files(folder / "audit"))
    for personal in (NUMBER, PASSWORD, "735182", "20180", "ref-of-the-test", NUMBER[-4:] + '"'):
        assert personal not in written


# --- the sink is broken ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["in the way", "full", "hanging"])
def broken(
    valkey_url: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[UnderTest]:
    """Serve a hotline whose audit folder is a file, whose disk is full, or whose disk does not answer; no other."""
    data = tmp_path_factory.mktemp("data")
    pipe = data / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    open_new = chainfile.open_new

    def no_space(path: Path) -> int:
        return os.open("/dev/full", os.O_WRONLY) if path.is_relative_to(data) else open_new(path)

    def full_pipe(path: Path) -> int:
        if not path.is_relative_to(data):
            return open_new(path)
        descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        os.write(descriptor, b"x" * 65536)
        os.set_blocking(descriptor, True)
        return descriptor

    with pytest.MonkeyPatch.context() as patch:
        match request.param:
            case "in the way":
                (data / "audit").write_text("no folder")
            case "full":
                patch.setattr(chainfile, "open_new", no_space)
            case _:
                patch.setattr(chainfile, "open_new", full_pipe)
                patch.setattr("ivr.app.AUDIT_STOPS_SECONDS", 0.01)
        with serving(valkey_url, data, refusal_step=0.01, entry_patience=ENTRY_S) as under_test:
            yield under_test
            os.close(reader)  # who writes to a pipe without a reader is woken up


@pytest.fixture
def unaware(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the trail fail just as an entry is due: at the gate nobody knows of it yet."""
    monkeypatch.setattr(AuditTrail, "takes_entries", True)


async def test_while_the_trail_is_known_to_fail_nobody_is_asked_for_a_number_in_vain(
    broken: UnderTest, redis: Redis
) -> None:
    broken.accounts.script({"verify": ["ok"]})
    async with calling(broken, workers=1) as caller:
        trail = broken.served[0].app.state.hotline.stepping.desk.trail
        if trail.takes_entries:  # a disk that hangs shows when the first entry is due
            await caller.verified()
            await caller.keys("*")
        assert not trail.takes_entries
        before = len(broken.accounts.asked)
        if not before:
            await caller.rings()
        for way in ("1", "6 2"):
            for one in way.split():
                told = await caller.keys(one)
            assert told.said == words("public.mode")
            await caller.keys("*")
        assert (await caller.keys("0")).leads_to_a_human
        assert len(broken.accounts.asked) == before


@pytest.mark.usefixtures("unaware")
async def test_without_the_trail_nothing_personal_is_told_and_all_else_goes_on(broken: UnderTest, redis: Redis) -> None:
    broken.accounts.script({"verify": ["ok"] * 2})
    async with calling(broken, workers=1) as caller:
        await caller.rings()
        for _ in range(2):
            await caller.keys("1")
            await caller.keys(NUMBER + "#")
            assert (await caller.keys(PASSWORD)).said == words("trouble.account")
            session = (await kept_of(redis, caller.sid)).session
            assert (session.member, session.failed) == (None, 0), "it does not verify, and gives the attempt back"
            await caller.keys("*")
        assert words("policy.menu") in (await caller.keys("5")).said
        assert (await caller.keys("0")).leads_to_a_human
    assert [question for question, _, _ in broken.accounts.asked] == ["verify", "verify"]


@pytest.mark.usefixtures("unaware")
async def test_without_the_trail_wrong_passwords_cannot_be_tried_more_often_nor_told_apart(
    broken: UnderTest, redis: Redis
) -> None:
    broken.accounts.script({"verify": ["wrong"] * 5})
    heard: list[str] = []
    for _ in range(3):
        async with calling(broken, workers=1) as caller:
            await caller.rings()
            for _ in range(2):
                await caller.keys("1")
                await caller.keys(NUMBER + "#")
                heard.append((await caller.keys(PASSWORD)).said)
                await caller.keys("*")
    assert set(heard) == {words("trouble.account")}
    assert verifications(broken) == 5


@pytest.mark.usefixtures("unaware")
async def test_without_the_trail_no_code_and_no_message_is_sent(
    running: UnderTest, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up in the middle of a call, behind the first answer."""
    running.accounts.script({"verify": ["ok"], "balance": [BALANCE]})

    def full(self: object, entries: object) -> int:
        raise OSError(28, "No space left on device")

    async with calling(running) as caller:
        assert SUM in (await caller.verified()).said
        monkeypatch.setattr(chainfile.ChainFile, "write", full)
        assert words("texted.error") in (await caller.keys("1")).said
        assert SUM in (await caller.keys("9")).said, "what was told with its entry may be heard again"
        await caller.keys("3")
        await caller.keys(NUMBER + "#")
        await caller.keys("#")
        assert words("trouble.account") in (await caller.keys("1")).said
    assert [question for question, _, _ in running.accounts.asked] == ["verify", "balance"]


@pytest.mark.usefixtures("unaware")
async def test_readiness_tells_that_the_trail_cannot_be_written(broken: UnderTest, redis: Redis) -> None:
    broken.accounts.script({"verify": ["ok"]})
    async with calling(broken, workers=1) as caller:
        await caller.verified()
        answer = await caller.carrier.client.get(f"{broken.urls[0]}/readyz")
    assert answer.status_code == 200
    assert "The audit trail cannot be written" in answer.text


# --- by declaration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_every_lookup_that_verifies_tells_a_record_or_acts_leaves_an_entry_and_can_fail(name: str) -> None:
    declared = DECLARED[name]
    told = leaves_entry(declared, Answered("any", personal=True))
    assert told == (declared.verifies or declared.acts or (declared.personal and declared.remote))
    if told:
        assert "error" in declared.outcomes, "where there is no entry, this is what the caller gets"


async def test_what_is_personal_but_not_remote_only_sorts_facts_whose_disclosure_is_entered() -> None:
    inside = {name for name, one in DECLARED.items() if one.personal and not one.remote}
    assert inside == {"deemed", "gap", "paid"}, "a new one: does it tell what no entry tells?"
