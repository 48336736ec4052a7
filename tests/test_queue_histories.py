"""Histories of callers who wait, while answers are lost, webhooks race and workers die: nobody loses the place."""

import asyncio
import contextlib
from collections.abc import Iterator

import pytest
from fuzzing import examples
from hotline_under_test import UnderTest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis
from tampering import SEALS, Caller, calling, emptied, kept_of, words

from ivr.agents.queue import AgentQueue
from ivr.redis_line import connect

HERE = ("demo", "general")

happenings = st.lists(
    st.sampled_from(["waits", "waits", "position", "lost", "twice", "late", "dies", "fails", "forgotten", "aside"]),
    min_size=3,
    max_size=12,
)
ends = st.sampled_from(["bridged", "bridged twice", "bridged as a round comes", "bridged as the worker dies"])


@pytest.fixture(scope="module")
def bench(valkey_url: str) -> Iterator[tuple[asyncio.Runner, Redis]]:
    with asyncio.Runner() as runner:
        client = connect(valkey_url)
        yield runner, client
        with contextlib.suppress(Exception):
            runner.run(client.aclose())


class History:
    """One caller of whom everything happens that a line and a machine can do."""

    def __init__(self, hotline: UnderTest, caller: Caller, redis: Redis) -> None:
        self.hotline, self.caller, self.redis = hotline, caller, redis
        self.queue = AgentQueue(redis, SEALS, hotline.clock, deadline=5)
        self.earlier: list[str] = []
        self.deaths = 0

    @property
    def url(self) -> str:
        assert self.caller.here is not None
        return self.caller.here.next

    async def begins(self) -> None:
        await self.caller.rings()
        await self.caller.keys("0")
        await self.caller.waits()

    async def happens(self, what: str) -> None:
        caller, url = self.caller, self.url
        match what:
            case "waits":
                await caller.waits()
            case "position":
                assert words("queue.next") in (await caller.keys("0")).said
            case "lost":
                lost = asyncio.create_task(caller.post(url))
                await asyncio.sleep(0.002)
                lost.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await lost
                await caller.waits()
            case "twice":
                answers = await asyncio.gather(*(caller.post(url) for _ in range(3)))
                assert len({one.body for one in answers}) == 1
                caller.here = answers[0]
            case "late":
                late = [one for one in self.earlier if one != url][-2:]  # the awaited round would be none that is late
                await asyncio.gather(*(caller.carrier.post(one, caller.form()) for one in late))
            case "dies":
                self.dies()
                await caller.waits()
            case "fails":
                caller.after = ""
                await caller.go("/twilio/fallback", ErrorCode="11200", ErrorUrl=f"{self.hotline.public_url}{url}")
                await caller.waits()
            case "forgotten":
                await self.redis.delete(f"ivr:{{{caller.sid}}}")
                await caller.waits()
            case "aside":
                assert (await caller.keys("*")).leaves
                menu = await caller.comes_out("leave")
                assert words("main.short") in menu.said or words("main.long") in menu.said
                await caller.keys("0")
                await caller.waits()
        self.earlier.append(url)

    def dies(self) -> None:
        self.hotline.worker_dies(self.deaths % 2)
        self.deaths += 1

    async def ends(self, how: str) -> None:
        caller = self.caller
        await self.queue.take(*HERE, "li")
        await self.queue.bridged(*HERE, caller.sid)
        late, after = self.url, caller.after
        if how == "bridged as the worker dies":
            self.dies()
        if how == "bridged as a round comes":
            form = caller.form()
            await asyncio.gather(
                caller.carrier.post(late, form), caller.carrier.post(after, form | {"QueueResult": "bridged"})
            )
        here = await caller.comes_out("bridged")
        if how == "bridged twice":
            assert set(await caller.again(3, at_once=True)) == {here.body}
        assert here.said == words("survey.ask")
        assert (await caller.carrier.post(late, caller.form())).body == here.body


@examples(8)
@given(happenings, ends)
def test_whatever_happens_the_place_is_kept_until_an_agent_answers(
    running_queues: UnderTest, bench: tuple[asyncio.Runner, Redis], happened: list[str], end: str
) -> None:
    runner, redis = bench

    async def example() -> None:
        await emptied(redis)
        async with calling(running_queues) as caller:
            history = History(running_queues, caller, redis)
            await history.begins()
            joined = [one.joined_at for one in await history.queue.waiting(*HERE)]
            assert len(joined) == 1
            turn = 0
            for what in happened:
                await history.happens(what)
                there = await history.queue.waiting(*HERE)
                assert [(one.call, one.state) for one in there] == [(caller.sid, "waiting")], what
                assert [one.joined_at for one in there] == joined, what
                now = (await kept_of(redis, caller.sid)).turn
                assert now >= turn
                turn = now
            await history.ends(end)
            assert await history.queue.waiting(*HERE) == await history.queue.speaking(*HERE) == []

    runner.run(example())
