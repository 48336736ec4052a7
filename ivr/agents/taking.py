"""Taking: an agent takes whoever is next, or a callback; the agent's phone rings, and an audit entry tells it.

Whatever goes wrong on the way, whoever was taken is back at the head of the queue before the agent is told.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Literal, Protocol

import msgspec

from ivr.agents.callback_list import Callback
from ivr.agents.legs import Leg, Legs, new_id
from ivr.agents.queue import AgentQueue, Waiter
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

Why = Literal["phone", "audit", "limit", "carrier", "early", "off_duty", "unreadable", "database", "not_offered"]

OF_THE_CALLBACK: Final[frozenset[Why]] = frozenset({"early", "off_duty", "unreadable", "database"})
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
            if waiter.kind == "callback":
                callback = await self._found(lambda: self._callbacks.named(waiter.booking))
                if callback is None:
                    raise await self._not_listed(waiter)
                leg, booking = self._of_callback(leg, callback)
                await self._ring(agent, leg, booking)
            else:
                await self._ring(agent, leg, None)
        except BaseException:
            await self._queue.give_back(waiter.hotline, waiter.group, waiter.call, leg.agent)
            raise
        return waiter

    async def _not_listed(self, waiter: Waiter) -> NotTaken:
        """Give up the place of a callback that is done; one that the database does not have yet keeps it."""
        if waiter.booking not in await self._bookings.waiting():
            await self._queue.leave(waiter.hotline, waiter.group, waiter.call)
        return NotTaken("early", "The callback is not in the list.")

    async def take_callback(self, agent: Agent, hotline: str, group: str, id_: int) -> Callback | None:
        """Take a callback that is due and ring the agent's phone; None where another agent has it, or it is done."""
        self._allowed(agent, hotline, group)
        callback = await self._found(lambda: self._callbacks.numbered(id_))
        if callback is None:
            return None
        if callback.due_at > self._now():
            raise NotTaken("early", "The callback is not due yet.")
        call = "" if callback.booking is None else callback.booking.call
        place = await self._queue.place_of_callback(hotline, group, call)
        leg, booking = self._of_callback(Leg(new_id(), place or call, hotline, group, str(agent.id)), callback)
        if booking.hotline != hotline:
            return None
        # Where it has a place in the queue, the place is taken with it.
        if place is not None:
            taken = await self._queue.take(hotline, group, str(agent.id), call=place)
            if taken is None or taken.call != place:  # another agent has it, or this agent somebody else
                return None
        try:
            rung = await self._ring(agent, leg, booking)
        except BaseException:
            if place is not None:
                await self._queue.give_back(hotline, group, place, str(agent.id))
            raise
        return callback if rung else None

    async def let_go(self, agent: Agent, hotline: str, group: str, call: str) -> None:
        """Give back whom an agent's phone rings for, and let it ring no more; nothing where both speak already."""
        if not await self._queue.give_back(hotline, group, call, str(agent.id)):
            return
        if sid := await self._legs.current(call, str(agent.id), drop=True):
            await self._hang_up(sid)

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

    async def _ring(self, agent: Agent, leg: Leg, booking: Booking | None) -> bool:
        """Ring the agent's phone, once for all who ask at once; False where another agent's rings for it already."""
        group = self._allowed(agent, leg.hotline, leg.group)
        kept = b"" if booking is None else msgspec.msgpack.encode(booking)
        began, before = await self._legs.begin(leg, alone=booking is not None, kept=kept)
        if not began:
            return booking is None
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
        return True

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

    def _of_callback(self, leg: Leg, callback: Callback) -> tuple[Leg, Booking]:
        """Give the leg of a callback with its booking; one that is readable, and only within the group's hours."""
        booking = callback.booking
        if booking is None or international(booking.number) is None:
            raise NotTaken("unreadable", "The callback's number cannot be read.")
        library = self._library()
        duty = library.hotlines.hotlines[leg.hotline].agents[leg.group].duty
        if not on_duty(duty, library.working_days, china_time(self._now())):
            raise NotTaken("off_duty", "Nobody is called back outside the hours of the group.")
        return msgspec.structs.replace(leg, callback=callback.id, attempt=callback.attempts), booking
