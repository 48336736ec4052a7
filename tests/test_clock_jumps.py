"""A clock that jumps by a year, either way: locks never shorten, sessions never lengthen, every call is answered."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from tampering import BALANCE, NUMBER, PASSWORD, SUM, Caller, calling, emptied, kept_of, verifications, words

YEAR_MS = 365 * 24 * 3600_000
MINUTE_MS = 60_000
WRONG = "730192"

jumps = pytest.mark.parametrize("jump", [pytest.param(YEAR_MS, id="ahead"), pytest.param(-YEAR_MS, id="back")])


@pytest.fixture(scope="module")
def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data")) as hotline:
        yield hotline


@pytest_asyncio.fixture
async def hotline(running: UnderTest, redis: Redis) -> AsyncIterator[UnderTest]:
    await emptied(redis)
    running.clock.ahead_ms = 0
    running.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    yield running


async def fails(caller: Caller, times: int) -> None:
    await caller.to_the_password()
    for _ in range(times):
        await caller.keys(WRONG)
        await caller.follows()


@jumps
async def test_a_verification_ends_at_a_jump(hotline: UnderTest, redis: Redis, jump: int) -> None:
    async with calling(hotline, workers=1) as caller:
        assert SUM in (await caller.verified()).said
        hotline.clock.ahead_ms = jump
        assert SUM not in (await caller.keys("9")).said
        assert (await kept_of(redis, caller.sid)).session.member is None
        hotline.clock.ahead_ms = 0
        assert SUM not in (await caller.keys("9")).said
        assert (await kept_of(redis, caller.sid)).session.member is None


async def test_a_verification_is_no_longer_for_small_steps_of_the_clock(hotline: UnderTest, redis: Redis) -> None:
    async with calling(hotline, workers=1) as caller:
        await caller.verified()
        for minutes in (4, 8, 12):
            hotline.clock.ahead_ms = minutes * MINUTE_MS
            await caller.keys("9")
            assert (await kept_of(redis, caller.sid)).session.member is not None
        hotline.clock.ahead_ms = 16 * MINUTE_MS
        await caller.keys("9")
        assert (await kept_of(redis, caller.sid)).session.member is None


@jumps
async def test_a_locked_account_stays_locked(hotline: UnderTest, jump: int) -> None:
    hotline.accounts.script({"verify": ["wrong"] * 5})
    async with calling(hotline, workers=1) as one, calling(hotline, workers=1) as other:
        await fails(one, 3)
        await fails(other, 2)
    asked = verifications(hotline)
    hotline.clock.ahead_ms = jump
    async with calling(hotline, workers=1) as owner:
        await owner.verified()
        assert SUM not in (await owner.follows()).said
    assert verifications(hotline) == asked


@jumps
async def test_a_lost_call_of_another_year_is_over_and_a_kept_one_goes_on(
    hotline: UnderTest, redis: Redis, jump: int
) -> None:
    async with calling(hotline, workers=1) as kept, calling(hotline, workers=1) as lost:
        for caller in (kept, lost):
            await caller.rings()
            await caller.keys("6")
        await redis.delete(f"ivr:{{{lost.sid}}}")
        hotline.clock.ahead_ms = jump
        assert (await lost.keys("1")).hangs_up
        for _ in range(3):
            assert (await kept.keys("9")).said.startswith(words("password.menu"))


async def test_a_call_that_begins_in_another_year_is_like_any_other(hotline: UnderTest) -> None:
    hotline.clock.ahead_ms = -YEAR_MS
    async with calling(hotline, workers=1) as caller:
        assert (await caller.rings()).said.startswith(words("main.long"))
        await caller.keys("1")
        await caller.keys(NUMBER + "#")
        assert SUM in (await caller.keys(PASSWORD)).said
