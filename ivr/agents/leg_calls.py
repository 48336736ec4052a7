"""What happens on a leg: the agent hears a whisper, presses one, and is put through to the caller; else nobody is.

Every answer follows from what the URL tells, from the leg that is current, and from the place of the caller in the
queue, so the same webhook again gets the same answer and changes nothing more.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from ivr.agents.legs import TALKING_MS, Ending, Leg, Legs, queue_name
from ivr.agents.outcomes import Ended, Outcomes
from ivr.agents.queue import AgentQueue, Waiter
from ivr.agents.ring_limits import RingLimits
from ivr.bookings import Booking
from ivr.call import End, Listen, Utterance
from ivr.library import Library
from ivr.prompts import speak
from ivr.telephones import international
from ivr.whispers import GONE, WARNING, about_a_callback, about_a_caller

TAKES: Final = "1"
"""The key that takes a call. A mailbox presses none, so that it never gets a caller."""
WAIT_S: Final = 6
TRIES: Final = 3

REACH_S: Final = 30
"""How long the phone of a member rings who is called back."""
REACHED_S: Final = 15
"""Whoever stays on the line for so long was reached; a mailbox, to which nobody says much, was not."""


class Fetch(NamedTuple):
    """Connect the agent with the caller who waits in this queue of the carrier."""

    queue: str


class Reach(NamedTuple):
    """Dial a member who is called back."""

    number: str


class GoOn(NamedTuple):
    """Nothing more: what comes then is the carrier's."""


class LegTurn(NamedTuple):
    """Say things on a leg, then do one thing; `leg` is what the URL tells where the carrier goes on."""

    say: tuple[Utterance, ...]
    next: Listen | Fetch | Reach | GoOn | End
    leg: Leg


class Told(NamedTuple):
    """What a webhook of a leg tells: whose it is, of which other call, the keys, how a call or a dial ended.

    `status` is that of the call itself or of the one that was dialled, in the carrier's words; `seconds` how long that
    one lasted.
    """

    sid: str
    parent: str = ""
    keys: str = ""
    status: str = ""
    seconds: int = 0


class LegCalls:
    """Answers the webhooks of legs. Methods raise StoreAway where Redis does not confirm."""

    def __init__(
        self,
        legs: Legs,
        queue: AgentQueue,
        outcomes: Outcomes,
        limits: RingLimits,
        *,
        library: Callable[[], Library],
        now: Callable[[], int],
        speaks: Callable[[str, str, str], Awaitable[None]],
    ) -> None:
        """`speaks` is told which call is put through to which agent of which group."""
        self.legs = legs
        self._queue = queue
        self._outcomes = outcomes
        self._limits = limits
        self._library = library
        self._now = now
        self._speaks = speaks

    async def answer(self, leg: Leg, told: Told) -> LegTurn:
        """Answer a webhook that wants a document."""
        # Of a call that another one has dialled, the carrier names that one: it must be the leg's caller.
        if told.parent and told.parent != leg.call:
            return _over(leg)
        match leg.stage:
            case "answered":
                return await self._whisper(leg, told)
            case "keyed":
                return await self._keyed(leg, told)
            case "warning":
                return await self._warn(leg, told)
            case "dialled":
                if await self.legs.bind(leg, told.sid) is not None:
                    await self._ended(leg, told)
                return _over(leg)
        return _over(leg)

    async def note(self, leg: Leg, told: Told) -> None:
        """Take note of a status callback, of the leg itself or of the member that it dialled."""
        if leg.stage == "member" and leg.callback:
            # The agent's own leg may be over by now; while it is not, this must be a call that it has dialled.
            if told.parent in ("", await self.legs.current(leg.call, leg.agent) or told.parent):
                await self._note_outcome(leg, told)
        elif leg.stage == "status" and await self.legs.bind(leg, told.sid) is not None:
            await self._let_go(leg)

    # --- before anybody is put through ---

    async def _whisper(self, leg: Leg, told: Told) -> LegTurn:
        kept = await self.legs.bind(leg, told.sid)
        if kept is None:
            return _over(leg)
        say = await self._about(leg, kept)
        if say is None:
            return await self._gone(leg)
        return LegTurn(say, Listen("key", WAIT_S, WAIT_S), replace(leg, stage="keyed"))

    async def _about(self, leg: Leg, kept: bytes) -> tuple[Utterance, ...] | None:
        """Say what the agent has to know; None where there is nobody any more to be put through to."""
        lang = self._lang(leg)
        catalogs = self._library().catalogs
        if leg.callback:
            about = msgspec.msgpack.decode(kept, type=Booking)
            await self._queue.keep_ringing(leg.hotline, leg.group, leg.call, leg.agent)
            return about_a_callback(
                catalogs, lang, verified=about.verified, asked=about.asked, speaks=about.lang, code=about.code
            )
        waiter = await self._waiter(leg)
        if waiter is None or not await self._queue.keep_ringing(leg.hotline, leg.group, leg.call, leg.agent):
            return None
        return about_a_caller(catalogs, lang, verified=waiter.verified, asked=waiter.asked, speaks=waiter.lang)

    async def _keyed(self, leg: Leg, told: Told) -> LegTurn:
        kept = await self.legs.bind(leg, told.sid)
        if kept is None:
            return _over(leg)
        if told.keys == TAKES:
            return await (self._reach(leg, told, kept) if leg.callback else self._fetch(leg, told))
        if leg.tries + 1 >= TRIES:
            await self._let_go(leg)
            return _over(leg)
        say = await self._about(leg, kept)
        if say is None:
            return await self._gone(leg)
        return LegTurn(say, Listen("key", WAIT_S, WAIT_S), replace(leg, tries=leg.tries + 1))

    async def _fetch(self, leg: Leg, told: Told) -> LegTurn:
        waiter = await self._waiter(leg)
        if waiter is None:
            return await self._gone(leg)
        await self._queue.keep_ringing(leg.hotline, leg.group, leg.call, leg.agent)
        await self.legs.bind(leg, told.sid, for_ms=TALKING_MS)
        return LegTurn((), Fetch(queue_name(leg.call)), replace(leg, stage="dialled"))

    async def _warn(self, leg: Leg, told: Told) -> LegTurn:
        """Speak to the caller who is fetched from the queue: this webhook is the caller's own."""
        if told.sid != leg.call:
            return _over(leg)
        waiter = await self._queue.card(leg.hotline, leg.group, leg.call)
        if waiter is not None and waiter.agent == leg.agent:
            await self._queue.bridged(leg.hotline, leg.group, leg.call, leg.agent)
            await self._speaks(leg.call, leg.agent, leg.group)
        lang, slow = (waiter.lang, waiter.slow) if waiter is not None else (self._lang(leg), False)
        return LegTurn(speak(self._library().catalogs, WARNING, {}, lang, slow=slow), GoOn(), leg)

    async def _reach(self, leg: Leg, told: Told, kept: bytes) -> LegTurn:
        """Dial the number of the booking, in the mainland's form; nothing that anybody keyed as it stands."""
        number = international(msgspec.msgpack.decode(kept, type=Booking).number)
        if number is None or not await self._limits.may_reach(leg, number, self._library()):
            await self._queue.leave(leg.hotline, leg.group, leg.call)  # or it would be rung for again and again
            await self.legs.finish(leg, "limit")
            return _over(leg)
        await self._queue.bridged(leg.hotline, leg.group, leg.call, leg.agent)
        await self.legs.bind(leg, told.sid, for_ms=TALKING_MS)
        return LegTurn((), Reach(number), replace(leg, stage="dialled"))

    async def _gone(self, leg: Leg) -> LegTurn:
        """Tell an agent that the caller has hung up meanwhile."""
        await self._let_go(leg)
        return LegTurn(speak(self._library().catalogs, GONE, {}, self._lang(leg)), End(), leg)

    # --- afterwards ---

    async def _ended(self, leg: Leg, told: Told) -> None:
        if leg.callback:
            await self._note_outcome(leg, told)
        await self._let_go(leg, "unreached" if leg.callback and told.status == "failed" else "")

    async def _note_outcome(self, leg: Leg, told: Told) -> None:
        """Note by itself how a callback ended. What the carrier could not dial, or took back, was no attempt."""
        spoke = told.status in ("completed", "answered") and told.seconds >= REACHED_S
        if spoke or told.status in ("completed", "answered", "busy", "no-answer"):
            outcome = Ended(leg.callback, leg.attempt, "reached" if spoke else "no_answer", self._now())
            await self._outcomes.note(outcome)

    async def _let_go(self, leg: Leg, how: Ending | Literal[""] = "") -> None:
        """End a leg: who waits and was not put through is at the head again; a callback waits in the list alone."""
        if not await self._queue.give_back(leg.hotline, leg.group, leg.call, leg.agent) and leg.callback:
            place = await self._queue.card(leg.hotline, leg.group, leg.call)
            if place is not None and (place.state, place.agent) == ("speaking", leg.agent):
                await self._queue.leave(leg.hotline, leg.group, leg.call)
        await self.legs.finish(leg, how)

    async def _waiter(self, leg: Leg) -> Waiter | None:
        """Give the caller, where the leg's agent is the one whose call it is."""
        waiter = await self._queue.card(leg.hotline, leg.group, leg.call)
        mine = waiter is not None and waiter.agent == leg.agent and waiter.state in ("ringing", "speaking")
        return waiter if mine else None

    def _lang(self, leg: Leg) -> str:
        hotlines = self._library().hotlines
        return hotlines.hotlines.get(leg.hotline, hotlines.hotlines[hotlines.default]).languages[0]


def _over(leg: Leg) -> LegTurn:
    return LegTurn((), End(), leg)
