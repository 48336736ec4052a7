"""Calls in the queues: what the queue is told of each step of a call."""

from collections.abc import Callable

from ivr.agents.calling_off import CallingOff
from ivr.agents.cards import card_of
from ivr.agents.queue import AgentQueue, Standing, Waiter
from ivr.call import Session
from ivr.library import Library


class Places:
    """The places of calls in the queues of their groups. Every method raises StoreAway where Redis does not confirm.

    `now` gives milliseconds since 1970. Where calls to agents are not `offered`, nobody is to wait: the numbers of a
    group are rung as those of a group without a queue, and callbacks are a list that agents work off by hand.
    """

    def __init__(self, queue: AgentQueue, now: Callable[[], int], *, offered: bool, calling_off: CallingOff) -> None:
        self._queue = queue
        self._now = now
        self.offered = offered
        self.calling_off = calling_off

    async def stands(self, call: str, session: Session, library: Library) -> Standing:
        """Tell where a caller stands in the queue, who comes into it where no place is kept."""
        return await self._queue.join(self.waiter(call, session, library))

    async def aside(self, call: str, session: Session) -> None:
        """Keep the place of a caller who has left the carrier's queue by a key."""
        if session.place is not None:
            self._has_left(call, await self._queue.step_aside(session.hotline, session.place.group, call))

    async def gone(self, call: str, session: Session) -> None:
        """Give up the place of a caller who hung up."""
        if session.place is not None:
            self._has_left(call, await self._queue.leave(session.hotline, session.place.group, call))

    def _has_left(self, call: str, agent: str | None) -> None:
        if agent:
            self.calling_off.begin(call, agent)

    async def served(self, call: str, session: Session) -> str:
        """Note that the caller has spoken with an agent; give the group to which that one handed over, if to any."""
        if session.place is None:
            return ""
        here = (session.hotline, session.place.group, call)
        await self._queue.bridged(*here)
        return await self._queue.done(*here)

    async def speaks(self, call: str, session: Session) -> bool:
        """Tell whether an agent speaks, or spoke last, with a caller who is thought to wait."""
        if session.place is None:
            return False
        card = await self._queue.card(session.hotline, session.place.group, call)
        return card is not None and card.state == "speaking"

    async def to_callback(self, call: str, session: Session, library: Library, booking: str) -> None:
        """Let a callback of this name, just booked, have the place of its caller, where there is one."""
        if session.place is None or not session.place.kept(self._now()):
            return
        if self.offered:
            await self._queue.to_callback(self.waiter(call, session, library), booking)
        else:
            await self.gone(call, session)

    def waiter(self, call: str, session: Session, library: Library) -> Waiter:
        """Make a caller's card."""
        return card_of(call, session, library, self._now())
