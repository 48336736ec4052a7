"""The look at queues and agents, in a real Valkey: whoever leaves, at any moment, gives back whom the phone rings."""

import asyncio

import pytest
from redis.asyncio import Redis
from test_queue import HERE, SEALS, Clock, caller

from ivr.agents.accounts import Account, GroupName
from ivr.agents.queue import AgentQueue, Waiter
from ivr.web.cases import Cases
from ivr.web.presence import GONE_MS, Presence
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

    watch = Watch(queue, Presence(redis, clock, deadline=5), Cases(redis, SEALS, deadline=5), clock, give_back)
    page, other = watch.listen(LIN, LIN.groups), watch.listen(WU, WU.groups)
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
    watch = Watch(queue, Presence(redis, clock, deadline=5), Cases(redis, SEALS, deadline=5), clock, _to_nobody)
    early = watch.listen(WU, (GroupName("demo", "another"),))
    first = asyncio.ensure_future(anext(early))
    await queue.asked.wait()
    late = watch.listen(LIN, LIN.groups)
    seen = asyncio.ensure_future(anext(late))
    await asyncio.sleep(0)
    queue.goes_on.set()
    await first
    assert [one.call for one in (await seen).waiting[LIN.groups[0]]] == ["CA-a"]
    for page in (early, late):
        await page.aclose()
    await watch.stop()


async def _to_nobody(account: Account, waiter: Waiter) -> None:
    raise AssertionError(f"Nobody is taken, but {waiter.call} was given back for {account.name}.")
