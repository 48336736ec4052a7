"""Calls while the account service fails, each fault injected for real: by a TCP proxy before it, or in its answers."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx2
import pytest
import pytest_asyncio
from hotline_under_test import OPERATOR, UnderTest, serving
from redis.asyncio import Redis
from starlette.responses import Response
from tampering import BALANCE, NUMBER, PASSWORD, SUM, Caller, calling, emptied, kept_of, verifications, words
from tcp_proxy import Fault, TcpProxy

from ivr.hotline import Deadlines
from ivr.redis_line import connect

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHORTER = Deadlines(reply=0.4, work=1.0, claim=1.4, look=0.02)

FASTER = 5
"""The breaker's times are divided by this here: a test has no three seconds. That they add up is tested elsewhere."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def proxy() -> AsyncIterator[TcpProxy]:
    async with TcpProxy() as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(
    valkey_url: str, proxy: TcpProxy, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[UnderTest]:
    def through(url: str) -> str:
        proxy.target = url.removeprefix("http://")
        return f"http://{proxy.address}"

    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "breaker.OVERDUE",
            "breaker.SUSPICIOUS",
            "breaker.PROBE_EVERY",
            "client.LOOK",
            "wire.PROBE_WITHIN",
        ):
            module, constant = f"ivr.accounts.{name}".rsplit(".", 1)
            patch.setattr(f"{module}.{constant}", getattr(__import__(module, fromlist=["x"]), constant) / FASTER)
        folder = tmp_path_factory.mktemp("data")
        with serving(valkey_url, folder, refusal_step=0.01, deadlines=SHORTER, accounts_through=through) as under_test:
            yield under_test


@pytest_asyncio.fixture(loop_scope="module")
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    async with connect(valkey_url) as client:
        await emptied(client)
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def hotline(running: UnderTest, proxy: TcpProxy, redis: Redis) -> AsyncIterator[UnderTest]:
    running.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    yield running
    await proxy.becomes("none")


@pytest_asyncio.fixture(loop_scope="module")
async def caller(hotline: UnderTest) -> AsyncIterator[Caller]:
    async with calling(hotline, workers=1) as one:
        yield one


def reads(hotline: UnderTest) -> int:
    return sum(question == "balance" for question, _, _ in hotline.accounts.asked)


async def has_policy_and_agents(caller: Caller) -> None:
    """Policy answers and agents go on from where the caller was told of the outage."""
    assert words("policy.menu") in (await caller.keys("5")).said
    assert (await caller.keys("0")).leads_to_a_human


# --- on the road -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["refused", "cut", "dripping"])
async def test_a_verification_under_a_fault_is_told_in_time_and_costs_no_attempt(
    hotline: UnderTest, proxy: TcpProxy, caller: Caller, redis: Redis, fault: Fault
) -> None:
    await caller.to_the_password()
    await proxy.becomes(fault)
    told = await caller.keys(PASSWORD)
    assert told.seconds < 5
    assert not told.polls or told.said == words("wait")
    told = await caller.follows()
    assert words("trouble.account") in told.said
    assert SUM not in told.said
    kept = await kept_of(redis, caller.sid)
    assert (kept.failed, kept.session.failed, kept.session.member) == (0, 0, None)
    assert [key async for key in redis.scan_iter("ivr:count:*")] == []
    assert verifications(hotline) <= 1
    await has_policy_and_agents(caller)


@pytest.mark.parametrize(("fault", "asked"), [("refused", 0), ("cut", 0), ("dripping", 1)])
async def test_a_record_under_a_fault_is_told_and_not_spoken_in_part(
    hotline: UnderTest, proxy: TcpProxy, caller: Caller, fault: Fault, asked: int
) -> None:
    await caller.verified()
    await caller.keys("*")
    before = reads(hotline)
    hotline.accounts.answers["balance"].append(BALANCE)
    await proxy.becomes(fault)
    await caller.keys("1")
    told = await caller.follows()
    assert words("trouble.account") in told.said
    assert SUM not in told.said
    assert reads(hotline) - before == asked
    await has_policy_and_agents(caller)


async def test_a_record_is_asked_for_once_more_where_the_connection_breaks(
    hotline: UnderTest, proxy: TcpProxy, caller: Caller
) -> None:
    await caller.verified()
    await caller.keys("*")
    hotline.accounts.answers["balance"].append(BALANCE)
    await proxy.becomes("cut")  # strikes the connection that is kept for the next read
    proxy.accepts.clear()
    asking = asyncio.create_task(caller.keys("1"))
    await proxy.accepts.wait()
    await proxy.becomes("none")
    await asking
    assert SUM in (await caller.follows()).said


async def test_an_answer_that_comes_when_the_work_has_ended_is_thrown_away(
    hotline: UnderTest, proxy: TcpProxy, caller: Caller, redis: Redis
) -> None:
    await caller.to_the_password()
    await proxy.becomes("stalled")
    await caller.keys(PASSWORD)
    told = await caller.follows()
    assert words("trouble.account") in told.said
    await proxy.becomes("none")
    await asyncio.sleep(0.2)  # what was stalled arrives
    kept = await kept_of(redis, caller.sid)
    assert (kept.session.member, kept.failed, kept.claim) == (None, 0, None)
    assert (await caller.post("/twilio/voice")).body == told.body


# --- in the answers --------------------------------------------------------------------------------------------------


def answer(
    body: object, status: int = 200, ref: str | None = "ref-of-the-test", kind: str = "application/json"
) -> Response:
    text = body if isinstance(body, str) else json.dumps(body)
    return Response(text, status, {} if ref is None else {"Member-Ref": ref}, kind)


WRONG_RECORDS: dict[str, tuple[Response, int]] = {
    # name: the answer, how often it is asked for
    "500": (answer({"status": 500, "code": "unavailable"}, 500), 2),
    "429": (answer({"status": 429, "code": "slow_down"}, 429), 1),
    "HTML": (answer("<html>20180.05</html>", kind="text/html"), 1),
    "NaN": (answer('{"balance": NaN, "as_of": "2026-11-20", "status": "normal"}'), 1),
    "a number for money": (answer({**BALANCE, "balance": 20180.05}), 1),
    "huge": (answer({**BALANCE, "other": "x" * 70_000}), 1),
    "another member": (answer(BALANCE, ref="ref-of-another"), 1),
    "no member": (answer(BALANCE, ref=None), 1),
    "a redirect": (answer("", 307), 1),
    "half of it": (answer(json.dumps(BALANCE)[:-9]), 1),
}


@pytest.mark.parametrize("name", WRONG_RECORDS)
async def test_a_wrong_answer_is_an_outage_and_never_spoken(hotline: UnderTest, caller: Caller, name: str) -> None:
    wrong, times = WRONG_RECORDS[name]
    hotline.accounts.script({"verify": ["ok"], "balance": [wrong] * times})
    told = await caller.verified()
    assert words("trouble.account") in told.said
    assert SUM not in told.said
    assert "两万" not in told.said
    assert reads(hotline) == times
    await has_policy_and_agents(caller)


WRONG_VERIFICATIONS = [
    answer({"status": 500, "code": "unavailable"}, 500),
    answer({"status": 429, "code": "slow_down"}, 429),
    answer("<html>", kind="text/html"),
    answer({"member_ref": "r", "expires_in": "NaN", "must_change_pin": False}),
    answer({"member_ref": "r", "expires_in": 900}),
    answer({"member_ref": "r" * 70_000, "expires_in": 900, "must_change_pin": False}),
    answer("", 307),
    answer("<html>", 401, kind="text/html"),
]


@pytest.mark.parametrize("wrong", WRONG_VERIFICATIONS, ids=lambda one: f"{one.status_code} {one.body[:30]!r}")
async def test_a_wrong_verification_is_asked_for_once_and_costs_no_attempt(
    hotline: UnderTest, caller: Caller, redis: Redis, wrong: Response
) -> None:
    hotline.accounts.script({"verify": [wrong]})
    told = await caller.verified()
    assert words("trouble.account") in told.said
    kept = await kept_of(redis, caller.sid)
    assert (kept.failed, kept.session.member, verifications(hotline)) == (0, None, 1)


# --- the breaker -----------------------------------------------------------------------------------------------------


async def ready(hotline: UnderTest) -> list[str]:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        told = await client.get(f"{hotline.urls[0]}/readyz")
    assert told.status_code == 200
    assert told.json()["degraded"] == bool(told.json()["reasons"])
    reasons: list[str] = told.json()["reasons"]
    return reasons


async def out(hotline: UnderTest) -> bool:
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        text = (await client.get(f"{hotline.urls[0]}/metrics", headers=OPERATOR)).text
    return "\nivr_account_out 1.0" in text


async def until(hotline: UnderTest, *, is_out: bool) -> None:
    """Wait until the service is known to be out, or to be there again."""
    for _ in range(500):
        if bool(await ready(hotline)) == is_out:
            return
        await asyncio.sleep(0.02)
    raise AssertionError("The breaker has not moved for ten seconds.")


@pytest.mark.parametrize("fault", ["stalled", "refused"])
async def test_an_outage_is_known_before_the_next_caller_and_over_without_one(
    hotline: UnderTest, proxy: TcpProxy, caller: Caller, redis: Redis, fault: Fault
) -> None:
    assert (await ready(hotline), await out(hotline)) == ([], False)
    await caller.to_the_password()
    async with calling(hotline, workers=1) as keyed_already, calling(hotline, workers=1) as next_one:
        await keyed_already.to_the_password()
        await proxy.becomes(fault)
        await caller.keys(PASSWORD)
        await until(hotline, is_out=True)
        assert await out(hotline)
        (reason,) = await ready(hotline)
        assert "account service" in reason

        # Nobody is asked for a number in vain; whoever has keyed it is told at once, and keeps the attempt.
        asked = len(hotline.accounts.asked)
        await next_one.rings()
        assert words("trouble.account") in (await next_one.keys("1")).said
        told = await keyed_already.keys(PASSWORD)
        assert words("trouble.account") in told.said
        assert (await kept_of(redis, keyed_already.sid)).failed == 0
        assert len(hotline.accounts.asked) == asked
        await has_policy_and_agents(next_one)

        await proxy.becomes("none")
        await until(hotline, is_out=False)
        hotline.accounts.answers["verify"].append("ok")  # what was stalled may have used up the first ones
        hotline.accounts.answers["balance"].append(BALANCE)
        await keyed_already.keys("*")
        await keyed_already.keys("1")
        await keyed_already.keys(NUMBER + "#")
        await keyed_already.keys(PASSWORD)
        assert SUM in (await keyed_already.follows()).said
    await caller.follows()
    assert not await out(hotline)


@pytest.mark.parametrize("refusal", ["wrong", "locked"])
async def test_refusals_are_answers_and_open_nothing(hotline: UnderTest, redis: Redis, refusal: str) -> None:
    hotline.accounts.script({"verify": [refusal] * 12})
    for _ in range(4):
        await emptied(redis)
        async with calling(hotline, workers=1) as caller:
            await caller.to_the_password()
            for _ in range(3):
                await caller.keys(PASSWORD)
    assert verifications(hotline) == 12
    assert await ready(hotline) == []


async def test_a_code_that_was_not_asked_for_is_not_counted(
    hotline: UnderTest, proxy: TcpProxy, caller: Caller, redis: Redis
) -> None:
    await caller.to_the_password()
    await proxy.becomes("refused")
    async with calling(hotline, workers=1) as other:
        await other.to_the_password()
        await caller.keys(PASSWORD)
        await until(hotline, is_out=True)
        await other.keys("#")
        assert words("trouble.account") in (await other.keys("1")).said
    assert [key async for key in redis.scan_iter("ivr:count:*")] == []
