"""The look at queues and agents, in a real Valkey: whoever leaves, at any moment, gives back whom the phone rings."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal

import pytest
from redis.asyncio import Redis
from test_queue import HERE, SEALS, Clock, caller

from ivr.agents.accounts import Account, GroupName
from ivr.agents.legs import Ending, Leg, Legs
from ivr.agents.queue import AgentQueue, Waiter
from ivr.web.cases import Case, Cases, Phase
from ivr.web.presence import GONE_MS, Presence, State
from ivr.web.watch import Watch

LIN, WU = (Account(number, name, "agent", (GroupName(*HERE),), "", "", 0) for number, name in ((7, "lin"), (8, "wu")))


class HeldUpQueue(AgentQueue):
    """A queue that is slow to be looked at while a test holds it up."""

    def holds_up(self) -> None:
        self.asked, self.goes_on = asyncio.Event(), asyncio.Event()

    async def waiting(self, hotline: str, group: str) -> list[Waiter]:
        self.asked.set()
        await self.goes_on.wait()
        return await super().waiting(hotline, group)


def watch_of(
    redis: Redis, queue: AgentQueue, clock: Clock, give_back: Callable[[Account, Waiter], Awaitable[None]]
) -> Watch:
    presence, cases = Presence(redis, clock, deadline=5), Cases(redis, SEALS, deadline=5)
    return Watch(queue, presence, cases, clock, give_back, Legs(redis, SEALS, deadline=5).how)


@pytest.mark.parametrize("when", ["amid a look", "between two looks"])
async def test_who_leaves_gives_the_caller_back(redis: Redis, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    monkeypatch.setattr("ivr.web.watch.EVERY_S", 0.01)
    clock, given_back = Clock(), asyncio.Queue[tuple[str, str]]()
    queue = HeldUpQueue(redis, SEALS, clock, deadline=5)
    await queue.join(caller("a", clock))
    await queue.take(*HERE, str(LIN.id))
    queue.holds_up()

    async def give_back(account: Account, waiter: Waiter) -> None:
        await given_back.put((account.name, waiter.call))

    watch = watch_of(redis, queue, clock, give_back)
    page, other = watch.listen(LIN, lambda: LIN.groups), watch.listen(WU, lambda: WU.groups)
    seen = asyncio.ensure_future(anext(page))
    await queue.asked.wait()
    if when == "amid a look":
        seen.cancel()
        await asyncio.gather(seen, return_exceptions=True)
    queue.goes_on.set()
    if when == "between two looks":
        await seen
        await page.aclose()
    for _ in range(3):
        await anext(other)
    clock.later(GONE_MS / 1000)
    assert await asyncio.wait_for(given_back.get(), 10) == ("lin", "CA-a")
    await other.aclose()
    await watch.stop()


async def test_who_comes_amid_a_look_is_not_told_that_there_is_nobody(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look under way is one at the groups of those who were there when it began."""
    monkeypatch.setattr("ivr.web.watch.EVERY_S", 0.01)
    clock = Clock()
    queue = HeldUpQueue(redis, SEALS, clock, deadline=5)
    await queue.join(caller("a", clock))
    queue.holds_up()
    watch = watch_of(redis, queue, clock, _to_nobody)
    early = watch.listen(WU, lambda: (GroupName("demo", "another"),))
    first = asyncio.ensure_future(anext(early))
    await queue.asked.wait()
    late = watch.listen(LIN, lambda: LIN.groups)
    seen = asyncio.ensure_future(anext(late))
    await asyncio.sleep(0)
    queue.goes_on.set()
    await first
    assert [one.call for one in (await seen).waiting[LIN.groups[0]]] == ["CA-a"]
    for page in (early, late):
        await page.aclose()
    await watch.stop()


@pytest.mark.parametrize(
    ("ended", "phase", "state"),
    [
        ("over", "over", "wrap_up"),
        ("unreached", "unreached", "wrap_up"),
        ("limit", "limit", "wrap_up"),
        ("not_taken", "missed", "ready"),
        ("", "over", "wrap_up"),
    ],
)
async def test_a_callback_that_was_taken_from_the_list_is_over_once_the_call_to_the_agent_is(
    redis: Redis, ended: Ending | Literal[""], phase: Phase, state: State
) -> None:
    clock, legs, cases = Clock(), Legs(redis, SEALS, deadline=5), Cases(redis, SEALS, deadline=5)
    presence = Presence(redis, clock, deadline=5)
    watch = watch_of(redis, AgentQueue(redis, SEALS, clock, deadline=5), clock, _to_nobody)
    leg = Leg("a", "CA-a/named", *HERE, str(LIN.id), callback=1)
    await legs.begin(leg, alone=True)
    waiter = Waiter(leg.call, *HERE, clock(), kind="callback")
    await cases.begin(leg.agent, Case(waiter, clock(), clock(), "calling_back", callback=1))
    await presence.set(LIN, "ready")
    seen = await watch.look(LIN.groups, [LIN])
    assert [case and case.phase for case in seen.cases.values()] == ["calling_back"]
    await (legs.finish(leg, ended) if ended else legs.current(leg.call, leg.agent, drop=True))
    seen = await watch.look(LIN.groups, [LIN])
    assert [case and case.phase for case in seen.cases.values()] == [phase]
    assert (await presence.seen([LIN]))[leg.agent].state == state


async def _to_nobody(account: Account, waiter: Waiter) -> None:
    raise AssertionError(f"Nobody is taken, but {waiter.call} was given back for {account.name}.")
