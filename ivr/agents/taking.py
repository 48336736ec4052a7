"""Taking: an agent takes whoever is next, or a callback; the agent's phone rings, and an audit entry tells it.

Whatever goes wrong on the way, whoever was taken is back at the head of the queue before the agent is told.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Literal, Protocol

import msgspec

from ivr.agents.callback_list import Callback
from ivr.agents.legs import Ending, Leg, Legs, new_id
from ivr.agents.queue import AgentQueue, Waiter, place_of_callback
from ivr.agents.ring_limits import RingLimits
from ivr.agents.switchboard import NotRung, Switchboard
from ivr.bookings import Booking, Bookings
from ivr.duty.calendar import on_duty
from ivr.flow import AgentGroup
from ivr.library import Library
from ivr.telephones import international
from ivr.walk import china_time

LONGEST_RINGING_S: Final = 40
"""How long an agent's phone rings at most: the queue takes the caller back after 45 s."""

CALLBACKS_S: Final = 3.0
RING_S: Final = 6.0

Why = Literal[
    "phone", "audit", "limit", "carrier", "early", "elsewhere", "off_duty", "unreadable", "database", "not_offered"
]

Rings = Literal["mine", "another's"]

OF_THE_CALLBACK: Final[frozenset[Why]] = frozenset({"early", "elsewhere", "off_duty", "unreadable", "database"})
"""What keeps a callback from being taken, and nobody else."""


class NotTaken(Exception):  # noqa: N818 - named for what has not happened
    """Nobody was taken, though there was somebody; `why` is one word for pages, the text one sentence for the log."""

    def __init__(self, why: Why, sentence: str) -> None:
        super().__init__(sentence)
        self.why = why


class Agent(Protocol):
    """Who takes calls: an account, and the telephone that rings for it."""

    @property
    def id(self) -> int: ...

    @property
    def phone(self) -> str: ...


class Callbacks(Protocol):
    """The list of callbacks; both give None for one that is not open, and raise what the database raises."""

    async def numbered(self, id_: int) -> Callback | None: ...

    async def named(self, name: str) -> Callback | None: ...


class Taking:
    """The agents' side of the queue. Every method raises `NotTaken`, and StoreAway where Redis does not confirm.

    `switchboard` gives what rings phones, or is None where the hotline places no calls. `enter` writes an audit entry
    ("card") of a call and an agent, and tells whether it is written.
    """

    def __init__(
        self,
        queue: AgentQueue,
        legs: Legs,
        limits: RingLimits,
        callbacks: Callbacks,
        bookings: Bookings,
        *,
        switchboard: Callable[[], Awaitable[Switchboard]] | None,
        enter: Callable[[str, str], Awaitable[bool]],
        library: Callable[[], Library],
        now: Callable[[], int],
    ) -> None:
        self._queue = queue
        self._legs = legs
        self._limits = limits
        self._callbacks = callbacks
        self._bookings = bookings
        self._switchboard = switchboard
        self._enter = enter
        self._library = library
        self._now = now

    @property
    def offered(self) -> bool:
        """Whether the hotline places calls: else nobody can be taken here."""
        return self._switchboard is not None

    async def take_next(self, agent: Agent, hotline: str, group: str, *, call: str | None = None) -> Waiter | None:
        """Take whoever is next in a queue, or this one, and ring the agent's phone; None where there is nobody.

        An agent whose phone rings already gets the same caller again, and no second ringing.
        """
        self._allowed(agent, hotline, group)
        waiter = await self._queue.take(hotline, group, str(agent.id), call=call)
        if waiter is None:
            return None
        try:
            return await self._taken(agent, waiter)
        except NotTaken as not_taken:
            if waiter.kind == "call" or call is not None or not_taken.why not in OF_THE_CALLBACK:
                raise
            # A callback that cannot be made now holds up nobody who is on the line.
            waiter = await self._queue.take(hotline, group, str(agent.id), callbacks=False)
            if waiter is None:
                raise
        return await self._taken(agent, waiter)

    async def _taken(self, agent: Agent, waiter: Waiter) -> Waiter:
        """Ring the agent's phone for somebody who was taken, or put that one back."""
        leg = Leg(new_id(), waiter.call, waiter.hotline, waiter.group, str(agent.id))
        try:
            group = self._allowed(agent, waiter.hotline, waiter.group)
            if waiter.kind == "callback":
                callback = await self._listed(waiter)
                booking = self._readable(callback)
                self._on_duty(group)
                if await self._ring(agent, _of_callback(leg, callback), booking, group) == "another's":
                    raise NotTaken("elsewhere", "Another agent's phone rings for this callback.")
            else:
                await self._ring(agent, leg, None, group)
        except BaseException:
            await self._queue.give_back(waiter.hotline, waiter.group, waiter.call, leg.agent)
            raise
        return waiter

    async def _listed(self, waiter: Waiter) -> Callback:
        """Give the callback of a place; one that the database does not have yet keeps the place, and is not taken.

        The place of one that is done is given up, as is that of one that was tried meanwhile: that waits in the list.
        """
        comes = waiter.booking in await self._bookings.waiting()
        callback = await self._found(lambda: self._callbacks.named(waiter.booking))
        if callback is not None and callback.due_at <= self._now():
            return callback
        if callback is not None or not comes:
            await self._queue.leave(waiter.hotline, waiter.group, waiter.call)
        raise NotTaken("early", "The callback is not due, or not in the list.")

    async def take_callback(self, agent: Agent, groups: Sequence[tuple[str, str]], id_: int) -> Callback | None:
        """Take a callback that is due and ring the agent's phone; None where another agent has it, or it is done.

        It is made for whichever of the agent's `groups` may make it now. Where it has a place in a queue, also in that
        of another group to which its caller was handed over, the place is taken with it.
        """
        allowed = self._all_allowed(agent, groups)
        callback = await self._found(lambda: self._callbacks.numbered(id_))
        if callback is None:
            return None
        if callback.due_at > self._now():
            raise NotTaken("early", "The callback is not due yet.")
        booking = self._readable(callback)
        ours = {name: group for (hotline, name), group in allowed.items() if hotline == booking.hotline}
        if not ours:
            return None
        name = next((name for name, one in ours.items() if self._is_on_duty(one)), next(iter(ours)))
        self._on_duty(ours[name])
        call = place_of_callback(booking.call, callback.name)
        place = await self._place(booking.hotline, call)
        if place is not None:
            taken = await self._queue.take(booking.hotline, place, str(agent.id), call=call)
            if taken is None or taken.call != call:  # another agent has it, or this agent somebody else
                return None
        rings: Rings = "another's"
        try:
            leg = Leg(new_id(), call, booking.hotline, place or name, str(agent.id))
            rings = await self._ring(agent, _of_callback(leg, callback), booking, ours[name])
        finally:
            if rings == "another's" and place is not None:
                await self._queue.give_back(booking.hotline, place, call, str(agent.id))
        return None if rings == "another's" else callback

    async def tried(self, callback: Callback) -> None:
        """Note that a callback was tried by hand: it waits in the list alone, or no more.

        An agent keeps the place whose phone rings for it.
        """
        if callback.booking is None:
            return
        hotline, call = callback.booking.hotline, place_of_callback(callback.booking.call, callback.name)
        place = await self._place(hotline, call, "waiting")
        if place is not None:
            await self._queue.leave(hotline, place, call)

    async def _place(self, hotline: str, call: str, *states: str) -> str | None:
        """Name the group in whose queue a callback has a place, in one of these states where any are named."""
        there = self._library().hotlines.hotlines.get(hotline)
        for name in () if there is None else there.agents:
            card = await self._queue.card(hotline, name, call)
            if card is not None and (not states or card.state in states):
                return name
        return None

    async def let_go(self, agent: Agent, hotline: str, group: str, call: str) -> None:
        """Give back whom an agent's phone rings for, and let it ring no more; nothing where both speak already."""
        if not await self._queue.give_back(hotline, group, call, str(agent.id)):
            return
        if sid := await self._legs.current(call, str(agent.id), drop=True):
            await self._hang_up(sid)

    async def how(self, call: str, agent: str) -> Ending | Literal["goes_on", ""]:
        """Tell how the call to an agent's phone for somebody ended, or that it goes on; empty where nobody knows."""
        return await self._legs.how(call, agent)

    # --- how a phone is rung ---

    def _allowed(self, agent: Agent, hotline: str, group: str) -> AgentGroup:
        """Give the group where the agent's phone is one of its numbers; nothing else is ever rung."""
        if self._switchboard is None:
            raise NotTaken("not_offered", "The hotline places no calls: IVR_OUTBOUND_NUMBER is not set.")
        there = self._library().hotlines.hotlines.get(hotline)
        found = None if there is None else there.agents.get(group)
        if found is None or agent.phone not in found.numbers:
            raise NotTaken("phone", f"The phone of agent {agent.id} is no number of the group {hotline}/{group}.")
        return found

    def _all_allowed(self, agent: Agent, groups: Sequence[tuple[str, str]]) -> dict[tuple[str, str], AgentGroup]:
        """Give those groups of which the agent's phone is one of the numbers; raises where it is of none."""
        found, refused = {}, NotTaken("phone", f"Agent {agent.id} has no group.")
        for hotline, group in groups:
            try:
                found[hotline, group] = self._allowed(agent, hotline, group)
            except NotTaken as not_taken:
                refused = not_taken
        if not found:
            raise refused
        return found

    async def _ring(self, agent: Agent, leg: Leg, booking: Booking | None, group: AgentGroup) -> Rings:
        """Ring the agent's phone, once for all who ask at once; tell whose rings now."""
        kept = b"" if booking is None else msgspec.msgpack.encode(booking)
        began, before, agent_before = await self._legs.begin(leg, alone=booking is not None, kept=kept)
        if not began:
            return "mine" if agent_before == leg.agent else "another's"
        try:
            if before:
                await self._hang_up(before)
            if not await self._enter(leg.call, leg.agent):
                raise NotTaken("audit", "The audit trail cannot be written, so no card is opened.")
            if not await self._limits.may_ring(leg, self._library()):
                raise NotTaken("limit", "So often nobody is rung in a day.")
            await self._rung(agent.phone, leg, min(group.ring_seconds, LONGEST_RINGING_S))
        except BaseException:
            await self._legs.finish(leg)
            raise
        return "mine"

    async def _rung(self, phone: str, leg: Leg, seconds: int) -> None:
        if self._switchboard is None:
            raise NotTaken("not_offered", "The hotline places no calls.")
        try:
            async with asyncio.timeout(RING_S):
                sid = await (await self._switchboard()).ring(phone, leg, seconds)
        except (NotRung, TimeoutError) as error:
            raise NotTaken("carrier", str(error) or "The carrier did not answer.") from None
        await self._legs.bind(leg, sid)

    async def _hang_up(self, sid: str) -> None:
        """Let a phone ring no more, where that can be done: otherwise whoever answers is told that nobody is there."""
        if self._switchboard is None:
            return
        try:
            async with asyncio.timeout(RING_S):
                await (await self._switchboard()).hang_up(sid)
        except (NotRung, TimeoutError):
            return

    # --- callbacks ---

    async def _found(self, ask: Callable[[], Awaitable[Callback | None]]) -> Callback | None:
        try:
            async with asyncio.timeout(CALLBACKS_S):
                return await ask()
        except Exception as error:  # every driver raises its own
            raise NotTaken("database", f"The list of callbacks cannot be read: {type(error).__name__}.") from None

    def _readable(self, callback: Callback) -> Booking:
        booking = callback.booking
        if booking is None or international(booking.number) is None:
            raise NotTaken("unreadable", "The callback's number cannot be read.")
        return booking

    def _is_on_duty(self, group: AgentGroup) -> bool:
        return on_duty(group.duty, self._library().working_days, china_time(self._now()))

    def _on_duty(self, group: AgentGroup) -> None:
        if not self._is_on_duty(group):
            raise NotTaken("off_duty", "Nobody is called back outside the hours of the group.")


def _of_callback(leg: Leg, callback: Callback) -> Leg:
    return msgspec.structs.replace(leg, callback=callback.id, attempt=callback.attempts)
