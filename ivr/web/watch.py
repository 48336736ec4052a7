"""One look at queues and agents a second, for all pages of a worker that are open.

An agent whose browser gives no sign any more is looked for a little longer: for whom the phone rings goes back to the
head of the queue.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from typing import Final, Literal, NamedTuple, Self

from msgspec.structs import replace

from ivr.agents.accounts import Account, GroupName
from ivr.agents.legs import Ending
from ivr.agents.queue import AgentQueue, Waiter
from ivr.redis_line import StoreAway
from ivr.web.cases import Case, Cases, Phase
from ivr.web.presence import GONE_MS, Presence, Present

EVERY_S: Final = 1.0

How = Callable[[str, str], Awaitable[Ending | Literal["goes_on", ""]]]
"""Tells of the call to an agent's phone for somebody how it ended, or that it goes on."""

Groups = Callable[[], tuple[GroupName, ...]]
"""Gives the groups of an account as the hotlines are now."""

GOING_ON: Final[frozenset[Phase]] = frozenset({"ringing", "speaking", "calling_back"})

log = logging.getLogger(__name__)


class Seen(NamedTuple):
    """What was seen in one look: who waits, who is spoken with, who is at the console, and each agent's case.

    `away` says that Redis did not answer: the rest is then as it was.
    """

    waiting: dict[GroupName, list[Waiter]]
    speaking: dict[GroupName, list[Waiter]]
    present: dict[str, Present]
    cases: dict[str, Case | None]
    away: bool = False

    def of(self, groups: Iterable[GroupName]) -> Self:
        """Give what was seen of these groups alone."""
        found = [group for group in groups if group in self.waiting]
        return self._replace(
            waiting={group: self.waiting[group] for group in found},
            speaking={group: self.speaking[group] for group in found},
        )


class _Listener:
    """Somebody who looks at a page: told of every look, the latest of which is what counts."""

    def __init__(self, account: Account, groups: Groups) -> None:
        self.account = account
        self.groups = groups
        self.looked = asyncio.Event()


class Watch:
    """Looks as long as anybody listens. `give_back` lets go of whom an agent's phone rings for; `how` tells of legs."""

    def __init__(
        self,
        queue: AgentQueue,
        presence: Presence,
        cases: Cases,
        now: Callable[[], int],
        give_back: Callable[[Account, Waiter], Awaitable[None]],
        how: How,
    ) -> None:
        self._queue = queue
        self._presence = presence
        self._cases = cases
        self._now = now
        self._give_back = give_back
        self._how = how
        self._listeners: set[_Listener] = set()
        self._leaving: dict[str, tuple[Account, tuple[GroupName, ...], int]] = {}
        self._seen = Seen({}, {}, {}, {})
        self._looking: asyncio.Task[None] | None = None

    async def listen(self, account: Account, groups: Groups) -> AsyncGenerator[Seen, None]:
        """Give what is seen of these groups, look by look, until whoever listens leaves."""
        listener = _Listener(account, groups)
        self._listeners.add(listener)
        self._begin()
        try:
            while True:
                await listener.looked.wait()
                listener.looked.clear()
                yield self._seen.of(groups())
        finally:
            self._listeners.discard(listener)
            self._leaving[str(account.id)] = (account, groups(), self._now())

    async def look(self, groups: Iterable[GroupName], accounts: Iterable[Account] = ()) -> Seen:
        """Look now. Raises StoreAway."""
        waiting, speaking = {}, {}
        for group in sorted(set(groups)):
            waiting[group] = await self._queue.waiting(*group)
            speaking[group] = await self._queue.speaking(*group)
        present = await self._presence.seen(accounts)
        everybody = [one for of in (waiting, speaking) for found in of.values() for one in found]
        cases = {str(account.id): await self._case(str(account.id), everybody) for account in accounts}
        return Seen(waiting, speaking, present, cases)

    async def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def _begin(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._keep_looking())

    async def _keep_looking(self) -> None:
        while self._listeners or self._leaving:
            there = list(self._listeners)
            try:
                await self._round(there)
            except StoreAway:
                self._seen = self._seen._replace(away=True)
            except Exception:
                log.exception("The console could not look at the queues; it tries again.")
            for listener in there:  # who came amid this look may be of groups that it did not look at
                listener.looked.set()
            await asyncio.sleep(EVERY_S)

    async def _round(self, listeners: Sequence[_Listener]) -> None:
        accounts = {one.account.id: one.account for one in listeners}
        groups = [group for one in listeners for group in one.groups()]
        self._seen = await self.look(groups, accounts.values())
        listening = {str(one.account.id) for one in self._listeners}  # by now: some have left amid this look
        for agent, (account, groups_of, since) in list(self._leaving.items()):
            there = self._seen.present.get(agent)
            if agent in listening:
                del self._leaving[agent]
            elif there is None or not there.here:
                if self._now() - since >= GONE_MS:
                    await self._gone(account, groups_of)
                    del self._leaving[agent]
            elif self._now() - since >= 2 * GONE_MS:
                del self._leaving[agent]  # the last sign from here is older than that, so they are at another worker

    async def _gone(self, account: Account, groups: tuple[GroupName, ...]) -> None:
        agent = str(account.id)
        await self._presence.left(agent)
        for group in groups:
            for waiter in await self._queue.waiting(*group):
                if waiter.state == "ringing" and waiter.agent == agent:
                    log.warning("The browser of agent %s is gone, so whom the phone rang for waits again.", agent)
                    with contextlib.suppress(StoreAway):  # the queue takes the caller back by itself, a little later
                        await self._give_back(account, waiter)

    async def _case(self, agent: str, everybody: list[Waiter]) -> Case | None:
        """Give an agent's case as it is now, and note how far it has come."""
        case = await self._cases.of(agent)
        if case is None or case.phase not in GOING_ON:
            return case
        phase: Phase = "over" if case.phase == "calling_back" else _phase(agent, case, everybody)
        if phase == "over" and case.waiter.kind == "callback":
            phase = _of_callback(case.phase, await self._how(case.waiter.call, agent))
        if phase != case.phase:
            case = replace(case, phase=phase, since=self._now())
            await self._cases.change(agent, case)
            if phase not in (*GOING_ON, "missed"):
                await self._presence.wraps_up(agent)
        return case


def _of_callback(phase: Phase, how: Ending | Literal["goes_on", ""]) -> Phase:
    """Tell how far a callback has come whose place in the queue tells nothing."""
    match how:
        case "goes_on":
            return phase
        case "not_taken":
            return "missed"
        case "unreached" | "limit":
            return how
    return "over"


def _phase(agent: str, case: Case, everybody: list[Waiter]) -> Phase:
    """Tell how far a case has come: who does not wait any more has been spoken with, or hung up before that."""
    mine = next((one for one in everybody if one.agent == agent and one.call == case.waiter.call), None)
    if mine is not None and mine.state in ("ringing", "speaking"):
        return "speaking" if mine.state == "speaking" else "ringing"
    waits = any(one.call == case.waiter.call for one in everybody)
    return "missed" if waits and case.phase == "ringing" else "over"
