"""The line to Redis: bad URLs are told in a sentence, and nobody ever hears the answer to another's question."""

import asyncio
import random

import pytest
from redis.asyncio import Redis

from ivr.redis_line import RedisLine, StoreAway, connect


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "IVR_REDIS_URL is not a Redis URL"),
        ("http://:geheim@host/0", "IVR_REDIS_URL is not a Redis URL"),
        ("redis://:geheim@host:port", "IVR_REDIS_URL is not a Redis URL"),
        ("redis+sentinel://:geheim@a:1,b:2/main/0", "redis\\+sentinel:// cannot be used yet"),
        ("redis+cluster://:geheim@a:1,b:2", "redis\\+cluster:// cannot be used yet"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as told:
        connect(url)
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize("url", ["redis://:geheim@host:1/2", "rediss://host", "unix:///a%20b?db=3"])
async def test_known_urls_make_a_client_whose_waits_are_bounded(url: str) -> None:
    async with connect(url + ("&" if "?" in url else "?") + "socket_timeout=900&decode_responses=yes") as redis:
        options = redis.connection_pool.connection_kwargs
        assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.25
        assert options["decode_responses"] is False


async def test_nobody_listening_is_told_within_the_deadline() -> None:
    async with connect("redis://127.0.0.1:1") as redis:
        async with asyncio.timeout(0.5):
            with pytest.raises(StoreAway, match="Redis did not do what it was asked"):
                await RedisLine(redis).ask(redis.exists("ivr:epoch"))


async def test_cancelled_requests_never_leak_answers_to_others(valkey_url: str) -> None:
    """The incident of 2023: a request cancelled half-way left its answer in the connection for the next caller."""
    async with connect(valkey_url, connections=4) as redis:
        await redis.flushall()
        line = RedisLine(redis, deadline=5)
        for number in range(50):
            await redis.set(f"k{number}", str(number) * 50, ex=60)
        dice = random.Random(12333)

        async def read(number: int) -> None:
            assert await line.ask(redis.get(f"k{number}")) == str(number).encode() * 50

        for _ in range(20):
            tasks = [asyncio.create_task(read(number)) for number in range(50)]
            for task in tasks:
                if dice.random() < 0.5:
                    asyncio.get_running_loop().call_later(dice.random() / 100, task.cancel)
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(answer) for answer in answers} <= {type(None), asyncio.CancelledError}
            assert any(answer is None for answer in answers)
        await asyncio.gather(*(read(number) for number in range(50)))


async def test_a_late_answer_is_not_heard_by_the_next(valkey_url: str) -> None:
    async with connect(valkey_url, connections=4) as redis:
        line = RedisLine(redis, deadline=0.05)
        for number in range(20):
            await redis.set(f"k{number}", str(number), ex=60)
        await redis.client_pause(200)
        late = await asyncio.gather(
            *(line.ask(redis.get(f"k{number}")) for number in range(20)), return_exceptions=True
        )
        assert {type(answer) for answer in late} == {StoreAway}
        assert str(late[0]) == "Redis did not answer within 0.05 s."
        await asyncio.sleep(0.25)
        patient = RedisLine(redis, deadline=5)
        heard = await asyncio.gather(*(patient.ask(redis.get(f"k{number}")) for number in range(20)))
        assert heard == [str(number).encode() for number in range(20)]


async def test_a_script_that_the_server_forgot_is_sent_again(redis: Redis) -> None:
    line = RedisLine(redis)
    look = line.script("look")
    for _ in range(2):
        await redis.script_flush()
        assert await line.ask(look(keys=["ivr:{CA}", "ivr:{CA}:end"])) == [b"none", 0]
