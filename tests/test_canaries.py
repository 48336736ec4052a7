"""No secret of a member leaves the process in any spelling; and what is planted is found, wherever it is."""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from hashlib import md5, sha1, sha256
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from canaries import Leak, Monitor, Scan, leaks
from canary_calls import CALLS, MEMBERS, Watched, fuzz, watched
from hotline_under_test import UnderTest, serving
from logging_to import logging_to
from redis.asyncio import Redis
from tampering import SHORT, Caller

from ivr.accounts.client import AccountClient
from ivr.hotline import Hotline

PIN = "905172"
NUMBER = "31010619740823957X"


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(
        valkey_url, tmp_path_factory.mktemp("data"), workers=2, deadlines=SHORT, outbound_number=""
    ) as under_test:
        yield under_test


@pytest_asyncio.fixture
async def watching(hotline: UnderTest, tmp_path: Path) -> AsyncIterator[Watched]:
    with logging_to(tmp_path / "log") as logged:
        async with watched(hotline, logged) as one:
            yield one


# --- nothing leaks ---------------------------------------------------------------------------------------------------


async def test_whole_calls_leave_no_canary_anywhere(watching: Watched) -> None:
    calls: list[tuple[str, Caller]] = []
    for member, (keys, answers) in zip(cycle(MEMBERS), CALLS.values(), strict=False):
        calls.append((member.spoken, await watching.call(member, keys, answers)))
    await watching.look()
    assert watching.scan.leaks == []
    # Each channel was really looked at, and the calls went as far as they should.
    assert set(watching.scan.seen) == {"TwiML", "headers", "URLs", "Redis", "MONITOR", "metrics"} | {"log"}
    told = {name: spoken.encode() in b"".join(watching.carrier.heard[caller.sid])
            for name, (spoken, caller) in zip(CALLS, calls, strict=True)}  # fmt: skip
    assert [name for name, one in told.items() if not one] == [
        "three wrong passwords", "an initial password", "an outage"
    ]  # fmt: skip
    # What is said of one member is heard in no call of another.
    for spoken, caller in calls:
        others = {other.spoken.encode() for other in MEMBERS if other.spoken != spoken}
        assert not any(other in body for body in watching.carrier.heard[caller.sid] for other in others)


async def test_errors_in_the_middle_of_a_verification_leave_no_canary(
    watching: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*args: Any, **named: Any) -> None:
        raise RuntimeError(f"{args} {named}") from ValueError(args[-1])

    monkeypatch.setattr(AccountClient, "verify", breaks)
    member = MEMBERS[1]
    await watching.call(member, "1 {number}# {pin} {pin}", {})
    monkeypatch.setattr(Hotline, "turn", breaks)
    caller = Caller(watching.hotline, watching.carrier)
    await caller.go((await caller.rings()).next, Digits=member.pin)
    await watching.look()
    assert watching.logged.text.count("RuntimeError") >= 2
    assert watching.scan.leaks == []


async def test_a_thousand_fuzzed_steps_leave_no_canary(watching: Watched) -> None:
    await fuzz(watching, 1000, seed=20261126)
    await watching.look()
    assert watching.scan.leaks == []


# --- what is planted is found ----------------------------------------------------------------------------------------

DIGITS = {
    "plain": PIN,
    "blanks": " ".join(PIN),
    "blanks and commas": ", ".join(PIN),
    "a list of texts": str(list(PIN)),
    "pairs": "90-51-72",
    "Chinese": "九零五一七二",
    "Chinese on the telephone": "九 〇 五 幺 七 两",
    "full width": "９０５１７２",
    "Arabic": "٩٠٥١٧٢",
    "mixed": "九０5幺 七2",
    "within others": "1234" + PIN + "5678",
}
OTHERS: dict[str, bytes] = {
    "reversed": b"271509",
    "hexadecimal": b"393035313732",
    "percent": b"%39%30%35%31%37%32",
    "JSON escapes": rb"\u0039\u0030\u0035\u0031\u0037\u0032",
    "XML references": b"&#57;&#48;&#53;&#49;&#55;&#50;",
    "UTF-16": PIN.encode("utf-16-be") + b"\0",
    "base64": b64encode(PIN.encode()),
    "base64 within": b64encode(b'{"pin":"905172"}'),
    "base64url within": urlsafe_b64encode(b"\xff\xffpin=905172&"),
    "MD5": md5(PIN.encode()).hexdigest().encode(),
    "SHA-1": sha1(PIN.encode()).hexdigest().upper().encode(),
    "SHA-256": sha256(PIN.encode()).hexdigest().encode(),
    "SHA-256 bytes": sha256(PIN.encode()).digest(),
    "SHA-256 base64": b64encode(sha256(PIN.encode()).digest()),
    "SHA-1 base64url": urlsafe_b64encode(sha1(PIN.encode()).digest()),
}


@pytest.mark.parametrize("spelling", [*DIGITS, *OTHERS])
def test_a_password_is_found_in_every_spelling(spelling: str) -> None:
    planted = DIGITS[spelling].encode() if spelling in DIGITS else OTHERS[spelling]
    for around in (planted, b"a\xff " + planted + b" z", b'"' + planted + b'"'):
        assert {leak.secret for leak in leaks("here", around, [PIN, "846275"])} == {PIN}


@pytest.mark.parametrize("told", [NUMBER, NUMBER.lower(), NUMBER[:-1] + "*", f"{NUMBER[:6]} {NUMBER[6:]}"])
def test_an_id_number_is_found_with_whatever_stands_for_its_x(told: str) -> None:
    assert [leak.secret for leak in leaks("here", told, [NUMBER])] == [NUMBER]


def test_a_time_is_no_secret() -> None:
    for secret in (PIN, PIN[::-1]):  # the other one stands in there backwards
        assert list(leaks("here", "1764905172123 1764905172.905172", [secret])) == []


async def test_what_is_planted_in_redis_is_found(redis: Redis, valkey_url: str) -> None:
    async def planted(*command: str | bytes) -> list[str]:
        scan = Scan((PIN,))
        async with Monitor(valkey_url) as monitor:
            await redis.execute_command(*command)  # type: ignore[no-untyped-call]
            await scan.saw_redis(redis)
            scan.saw("MONITOR", *await monitor.heard(redis))
        await redis.flushall()
        return sorted({leak.where for leak in scan.leaks})

    for hidden in (PIN.encode(), *OTHERS.values(), "九零五一七二".encode()):
        assert await planted("SET", b"key", hidden) == ["MONITOR", "Redis"]
        assert await planted("SET", hidden, b"value") == ["MONITOR", "Redis"]
        assert await planted("HSET", b"key", b"field", hidden) == ["MONITOR", "Redis"]
        assert await planted("HSET", b"key", hidden, b"value") == ["MONITOR", "Redis"]
        assert await planted("ZADD", b"key", b"1", hidden) == ["MONITOR", "Redis"]
        # What was there only for a moment, from within a script.
        script = b"redis.call('SET', KEYS[1], ARGV[1]); redis.call('DEL', KEYS[1])"
        assert await planted("EVAL", script, b"1", b"key", hidden) == ["MONITOR"]


async def test_what_is_planted_in_a_log_or_a_document_is_found(
    watching: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = MEMBERS[0]
    watching.logged.sink.put(f'{{"event": "{member.pin}"}}')
    caller = Caller(watching.hotline, watching.carrier)
    await caller.rings()
    await caller.go("/twilio/turn/" + member.pin)
    await watching.redis.set("x", member.number, ex=60)
    await watching.look()
    assert set(watching.scan.leaks) == {
        Leak(member.pin, "log", "digits"),
        Leak(member.pin, "URLs", "digits"),
        Leak(member.number, "MONITOR", "digits"),
        Leak(member.number, "Redis", "digits"),
    }
