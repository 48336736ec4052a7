"""Queues of several groups: agents hand over from one to another, hours end, and the operator sees who waits."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio
from copied_library import Copied, serving_copy
from hotline_under_test import SECRET_KEY, UnderTest
from msgspec.structs import replace
from redis.asyncio import Redis
from tampering import SEALS, Caller, calling, emptied, kept_of, words

from ivr.__main__ import run
from ivr.agents.queue import AgentQueue, Waiter
from ivr.clock import wall_clock
from ivr.redis_line import connect

MINUTE_MS = 60_000
NUMBERS = '        numbers: ["+12025550135"]'
ENGLISH = """\
      english:
        queue: true
        numbers: ["+12025550136"]
        duty: {working_days: ["09:00-12:00"]}
        hours: {zh: 上午, yue: 上晝, en: in the morning}
  no_agents:
"""


@pytest.fixture(scope="module")
def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    copied = Copied(tmp_path_factory.mktemp("library"))
    copied.edit("flows/hotlines.yaml", ("  no_agents:\n", ENGLISH))
    with serving_copy(copied, valkey_url, tmp_path_factory.mktemp("data"), workers=2, queues=True) as under_test:
        yield under_test


@pytest_asyncio.fixture
async def redis(valkey_url: str) -> AsyncIterator[Redis]:
    async with connect(valkey_url) as client:
        await emptied(client)
        yield client


@pytest_asyncio.fixture
async def caller(running: UnderTest, redis: Redis) -> AsyncIterator[Caller]:
    at(running, "2026-11-18T11:50+08:00")
    async with calling(running) as one:
        one.dialled = "12335"
        await one.rings()
        await one.keys("0")
        await one.waits()
        yield one


@pytest.fixture
def queue(running: UnderTest, redis: Redis) -> AgentQueue:
    return AgentQueue(redis, SEALS, running.clock, deadline=5)


def at(running: UnderTest, moment: str) -> None:
    running.clock.ahead_ms = round(datetime.fromisoformat(moment).timestamp() * 1000) - wall_clock()


async def speaks_and_hands_over(caller: Caller, queue: AgentQueue) -> None:
    await queue.take("queue", "general", "li")
    await queue.bridged("queue", "general", caller.sid)
    assert await queue.hand_over("queue", "general", caller.sid, "english")
    caller.hotline.clock.ahead_ms += 5 * MINUTE_MS


@pytest.mark.parametrize("at_once", [False, True])
async def test_an_agent_hands_over_to_another_group_where_the_first_time_counts(
    caller: Caller, redis: Redis, queue: AgentQueue, at_once: bool
) -> None:
    await queue.join(Waiter("CA-other", "queue", "english", caller.hotline.clock()))
    await speaks_and_hands_over(caller, queue)
    await queue.join(Waiter("CA-other", "queue", "english", caller.hotline.clock()))
    over = await caller.comes_out("bridged")
    assert set(await caller.again(4, at_once=at_once)) == {over.body}
    assert words("queue.next") in (await caller.waits()).said
    assert [one.call for one in await queue.waiting("queue", "english")] == [caller.sid, "CA-other"]
    assert (await kept_of(redis, caller.sid)).session.dials == 1
    await queue.take("queue", "english", "smith")
    await queue.bridged("queue", "english", caller.sid)
    assert words("survey.ask") in (await caller.comes_out("bridged")).said
    assert [one.call for one in await queue.waiting("queue", "english")] == ["CA-other"]


async def test_who_was_handed_over_and_goes_on_waiting_has_the_same_place(caller: Caller, queue: AgentQueue) -> None:
    joined = (await queue.waiting("queue", "general"))[0].joined_at
    await speaks_and_hands_over(caller, queue)
    await caller.comes_out("bridged")
    await caller.waits()
    assert (await caller.keys("1")).leaves
    assert words("callback.confirm") in (await caller.comes_out("leave")).said
    assert words("agent.transfer") not in (await caller.keys("*")).said
    assert words("queue.next") in (await caller.waits()).said
    assert [(one.state, one.joined_at) for one in await queue.waiting("queue", "english")] == [("waiting", joined)]
    assert await queue.waiting("queue", "general") == []
    await caller.keys("*")
    await caller.comes_out("leave")
    await caller.keys("0")
    await caller.waits()
    assert [(one.state, one.joined_at) for one in await queue.waiting("queue", "english")] == [("waiting", joined)]


async def test_agents_serve_who_came_in_time_then_callers_are_told_the_hours(
    running: UnderTest, caller: Caller, queue: AgentQueue
) -> None:
    await speaks_and_hands_over(caller, queue)
    await caller.comes_out("bridged")
    for moment in ("11:59", "12:05", "12:14"):
        at(running, f"2026-11-18T{moment}+08:00")
        assert words("queue.options") in (await caller.waits()).said
    at(running, "2026-11-18T12:15+08:00")
    assert (await caller.waits()).leaves
    after = await caller.comes_out("leave")
    assert words("agent.callback") in after.said
    assert words("callback.confirm_off_duty") in (await caller.keys("1")).said


async def test_who_waits_for_a_group_that_is_taken_out_of_the_flows_is_offered_a_callback(
    valkey_url: str, redis: Redis, tmp_path: Path
) -> None:
    copied = Copied(tmp_path)
    with serving_copy(copied, valkey_url, tmp_path / "data", queues=True) as hotline:
        async with calling(hotline) as caller:
            caller.dialled = "12335"
            await caller.rings()
            await caller.keys("0")
            await caller.waits()
            copied.edit("flows/hotlines.yaml", ("        queue: true\n" + NUMBERS, NUMBERS))
            async with asyncio.timeout(20):
                while not (await caller.waits()).leaves:
                    pass
            assert words("agent.callback") in (await caller.comes_out("leave")).said


async def test_the_operator_sees_who_waits(
    valkey_url: str,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = {"DATA_DIR": str(tmp_path), "REDIS_URL": valkey_url, "SECRET_KEY": SECRET_KEY}
    for name, value in settings.items():
        monkeypatch.setenv(f"IVR_{name}", value)
    now = wall_clock()
    queue = AgentQueue(redis, SEALS, lambda: now, deadline=5)
    assert await in_a_thread(["queue"]) == 0
    assert capsys.readouterr().out == "Nobody waits.\n"
    first = Waiter("CA-1", "queue", "general", now - 5 * MINUTE_MS, verified=True, asked="years", caller_tail="0007")
    await queue.join(first)
    await queue.join(replace(first, call="CA-2", joined_at=now - MINUTE_MS, lang="yue", verified=False, caller_tail=""))
    await queue.take("queue", "general", "7")
    assert await in_a_thread(["queue", "--format", "json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["place"], one["call"], one["minutes"], one["state"], one["agent"]) for one in rows] == [
        (1, "CA-1", 5, "ringing", "7"),
        (2, "CA-2", 1, "waiting", ""),
    ]
    assert [(one["group"], one["language"], one["verified"], one["asked"], one["number"]) for one in rows] == [
        ("queue/general", "Mandarin", True, "years", "…0007"),
        ("queue/general", "Cantonese", False, "years", ""),
    ]
    await queue.to_callback(replace(first, call="CA-2"), "named")
    assert await in_a_thread(["queue", "--format", "json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted((one["call"], one["kind"]) for one in rows) == [("CA-1", "call"), ("CA-2", "callback")]
    assert await in_a_thread(["queue"]) == 0
    assert "Mandarin" in capsys.readouterr().out


async def in_a_thread(command: list[str]) -> int:
    """Run a command, which has an event loop of its own."""
    return await asyncio.to_thread(run, command)
