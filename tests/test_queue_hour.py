"""An hour of call time on the virtual clock: 50 callers, 5 agents, every document held to the carrier's rules."""

import heapq
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

import httpx2
from hotline_under_test import AUTH_TOKEN, UnderTest
from redis.asyncio import Redis
from tampering import SEALS

from ivr.agents.queue import AgentQueue
from ivr.carrier.carrier import Carrier
from ivr.carrier.line import Call
from ivr.carrier.verbs import seconds_of
from ivr.settings import DEMO_ACCOUNT_SID

CALLERS, AGENTS, HOUR_S = 50, 5, 3600
HERE = ("queue", "general")
LOOKS_S = 1.0
"""How soon an agent sees that somebody waits."""


@dataclass
class Caller:
    """One caller: when the call came, when the human answered, and what else happened in between."""

    name: int
    call: Call
    came: float
    patience: str = "waits"
    answered: float | None = None
    gone: bool = False
    round: int = 0
    heard: list[str] = field(default_factory=list)


class Hour:
    """Lets everything happen one after the other at its own time; the service's clock goes along."""

    def __init__(self, hotline: UnderTest, carrier: Carrier, queue: AgentQueue, random: Random) -> None:
        self.hotline, self.carrier, self.queue, self.random = hotline, carrier, queue, random
        self.now = 0.0
        self.began_ms = hotline.clock.ahead_ms
        self.callers: dict[str, Caller] = {}
        self.order: list[Caller] = []
        self.not_answered = 0
        self.idle: list[str] = []
        self._number = itertools.count()
        self._coming: list[tuple[float, int, Callable[[], Awaitable[None]]]] = []

    def at(self, when: float, what: Callable[[], Awaitable[None]]) -> None:
        heapq.heappush(self._coming, (when, next(self._number), what))

    async def passes(self) -> None:
        """Let the hour pass, and what began in it come to its end."""
        while self._coming:
            self.now, _, what = heapq.heappop(self._coming)
            self.hotline.clock.ahead_ms = self.began_ms + round(self.now * 1000)
            await what()

    # --- callers ---

    async def comes(self, name: int) -> None:
        call = await self.carrier.dial(to="12335", from_=f"+861390000{name:04d}")
        caller = Caller(name, call, self.now, patience=("leaves", "hangs up")[name % 2] if name % 5 == 0 else "waits")
        self.callers[call.sid] = caller
        caller.heard += [one.text for one in await call.press("0")]
        self.goes_on(caller)

    def goes_on(self, caller: Caller) -> None:
        """Come to the end of the round that is being heard now, unless an agent comes first."""
        self.wakes()
        gather = caller.call.gather
        assert gather is not None
        lasts = sum(seconds_of(prompt) for prompt in gather.prompts) + gather.timeout
        caller.round += 1
        this = caller.round
        self.at(self.now + lasts, partial(self.ends_round, caller, this))

    async def ends_round(self, caller: Caller, this: int) -> None:
        if caller.round != this or caller.answered is not None or caller.gone:
            return
        if this == 3 and caller.patience == "hangs up":
            caller.gone = True
            await caller.call.hang_up()
            return
        if this == 2 and caller.patience == "leaves":
            caller.heard += [one.text for one in await caller.call.press("*")]
            caller.round += 1
            self.at(self.now + 60, partial(self.comes_back, caller))
            return
        caller.heard += [one.text for one in await caller.call.silence()]
        self.goes_on(caller)

    async def comes_back(self, caller: Caller) -> None:
        caller.heard += [one.text for one in await caller.call.press("0")]
        self.goes_on(caller)

    # --- agents ---

    def wakes(self) -> None:
        """Let agents without a caller look for one."""
        for agent in self.idle:
            self.at(self.now + LOOKS_S, partial(self.looks, agent))
        self.idle.clear()

    async def looks(self, agent: str) -> None:
        before = [one.call for one in await self.queue.waiting(*HERE) if one.state == "waiting"]
        taken = await self.queue.take(*HERE, agent)
        assert (taken and taken.call) == (before[0] if before else None)
        if taken is None:
            self.idle.append(agent)
            return
        caller = self.callers[taken.call]
        if self.random.random() < 0.1:  # the agent's phone rings in vain
            self.not_answered += 1
            self.at(self.now + 20, partial(self.gives_back, agent, taken.call))
            return
        self.at(self.now + 5, partial(self.answers, agent, caller))

    async def gives_back(self, agent: str, call: str) -> None:
        caller = self.callers[call]
        assert await self.queue.give_back(*HERE, call, agent) or caller.gone or caller.patience == "leaves"
        self.wakes()
        self.at(self.now + LOOKS_S, partial(self.looks, agent))

    async def answers(self, agent: str, caller: Caller) -> None:
        if not await self.queue.keep_ringing(*HERE, caller.call.sid, agent):  # hung up, or back in self-service
            self.at(self.now + LOOKS_S, partial(self.looks, agent))
            return
        assert await self.queue.bridged(*HERE, caller.call.sid, agent)
        caller.answered = self.now
        self.order.append(caller)
        self.at(self.now + self.random.uniform(120, 420), partial(self.hangs_up, agent, caller))

    async def hangs_up(self, agent: str, caller: Caller) -> None:
        caller.heard += [one.text for one in await caller.call.agent_takes(self.now - (caller.answered or 0))]
        await caller.call.press("1")
        assert caller.call.ended
        self.at(self.now + 10, partial(self.looks, agent))


async def test_nobody_is_lost_in_an_hour_and_who_came_first_is_answered_first(
    running_queues: UnderTest, redis: Redis
) -> None:
    random = Random(12333)
    queue = AgentQueue(redis, SEALS, running_queues.clock, deadline=5)
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        carrier = Carrier(
            running_queues.urls,
            public_url=running_queues.public_url,
            account_sid=DEMO_ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            client=client,
        )
        hour = Hour(running_queues, carrier, queue, random)
        for name, when in enumerate(sorted(random.uniform(0, HOUR_S) for _ in range(CALLERS))):
            hour.at(when, partial(hour.comes, name))
        for agent in range(AGENTS):
            hour.at(float(agent), partial(hour.looks, f"agent {agent}"))
        await hour.passes()
    callers = list(hour.callers.values())
    assert len(callers) == CALLERS
    assert [one.name for one in callers if not (one.answered or one.gone)] == [], "they wait to this day"
    assert [one.call.violations for one in callers if one.call.violations] == []
    assert await queue.waiting(*HERE) == await queue.speaking(*HERE) == []
    assert carrier.queues.keys() == {f"q-{one.call.sid}" for one in callers}
    assert not any(carrier.queues.values())
    # Others pass whose agent answers while another agent's phone rings in vain; nobody falls behind for long.
    steady = [one for one in hour.order if one.patience != "leaves"]
    passed = [sum(other.came > one.came for other in steady[:place]) for place, one in enumerate(steady)]
    assert max(passed) <= hour.not_answered
    assert hour.not_answered > 0
    waits = sorted(one.answered - one.came for one in hour.order if one.answered is not None)
    assert waits[-1] < 20 * 60
    assert any("您前面还有" in text for one in callers for text in one.heard), "nobody ever had to wait"
    assert any("分钟左右" in text for one in callers for text in one.heard), "nobody was told how long it may take"
