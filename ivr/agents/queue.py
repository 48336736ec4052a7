"""The queues of callers who wait for an agent: first come, first served, in Redis, so that they survive any worker.

Each group of agents of a hotline has one queue; its keys ``ivr:{queue:HOTLINE/GROUP}:…`` lie in one slot, and whatever
happens in it is one script. A caller who has given no sign for 90 s is gone; who steps aside keeps the place for
2 minutes; an agent's phone may ring for 45 s, then the caller is back where the place was.
"""

from collections.abc import Callable
from math import ceil
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine, StoreAway
from ivr.seals import Seals

__all__ = ["AgentQueue", "Standing", "StoreAway", "Waiter", "call_of", "place_of_callback"]

State = Literal["waiting", "aside", "ringing", "speaking"]

ANSWERS_NEEDED: Final = 10
"""So many humans must have answered within half an hour before anybody is told how long it may take."""

_MINUTE_MS: Final = 60_000
_WHAT: Final = "waiter"


class Waiter(Struct, frozen=True, omit_defaults=True):
    """Somebody who waits, and what the agent sees of them: the caller's card. Instants are ms since 1970.

    `call` is the CallSid; that of a callback is the name of its place, as `place_of_callback` gives it. `path` are the
    services that were chosen in the call, `asked` the last of them before the agent, `answered` whether it was given.
    `caller_tail` and `keyed_tail` are the last four of the calling number and of the number that was keyed, each empty
    where there is none. `age_band` is ``60+`` or empty. `booking` names the callback that the place of a caller became,
    as `ivr.bookings` names it. What changes in the queue is `state`, since when, and which `agent` it is about.
    """

    call: str
    hotline: str
    group: str
    joined_at: int
    lang: str = "zh"
    slow: bool = False
    verified: bool = False
    age_band: str = ""
    path: tuple[str, ...] = ()
    asked: str = ""
    answered: bool = False
    repeats: int = 0
    silences: int = 0
    caller_tail: str = ""
    keyed_tail: str = ""
    version: str = ""
    kind: Literal["call", "callback"] = "call"
    booking: str = ""
    state: State = "waiting"
    since: int = 0
    agent: str = ""


class Standing(NamedTuple):
    """Where somebody stands: how many are served before, and in how many minutes it may be their turn, if known.

    `joined_at`, in ms since 1970, is when the place was taken.
    """

    state: State
    joined_at: int
    ahead: int
    minutes: int | None


class _Place(Struct):
    """What the script keeps of a place, beside its card."""

    state: State
    since: float
    joined: float
    kind: Literal["call", "callback"]
    agent: str = ""


class AgentQueue:
    """The queues of all groups. Every method raises StoreAway where Redis does not confirm.

    `now` gives milliseconds since 1970.
    """

    def __init__(self, redis: Redis, seals: Seals, now: Callable[[], int], *, deadline: float = PATIENCE) -> None:
        self._seals = seals
        self._now = now
        self._line = RedisLine(redis, deadline=deadline)
        self._script = self._line.script("queue")

    # --- the caller's side ---

    async def join(self, waiter: Waiter) -> Standing:
        """Take a place, or the one that this call has already, which keeps its time; its card is renewed.

        `since` of the waiter is when this wait began, 0 where that was with the place: one that a talk has ended comes
        too late, and takes none.
        """
        joined, began = str(waiter.joined_at), str(waiter.since or waiter.joined_at)
        card = self._card(waiter)
        return self._standing(await self._do("join", waiter.hotline, waiter.group, waiter.call, joined, card, began))

    async def standing(self, hotline: str, group: str, call: str) -> Standing | None:
        """Tell where a caller stands, who thereby has given a sign; None for a place that there is not, or no more."""
        answer = await self._do("look", hotline, group, call)
        return self._standing(answer) if answer else None

    async def step_aside(self, hotline: str, group: str, call: str) -> str | None:
        """Keep a caller's place for 2 minutes, in which no agent can take it; None where there is none to keep.

        Gives the agent whose phone rings for the caller, in vain; empty where none does.
        """
        return _agent(await self._do("aside", hotline, group, call))

    async def to_callback(self, waiter: Waiter, booking: str) -> Standing:
        """Make the place of a caller, who hangs up, that of a callback: it keeps its time. `booking` is its name."""
        card = self._card(replace(waiter, kind="callback", booking=booking))
        joined, own = str(waiter.joined_at), place_of_callback(waiter.call, booking)
        return self._standing(await self._do("callback", waiter.hotline, waiter.group, waiter.call, joined, card, own))

    async def leave(self, hotline: str, group: str, call: str) -> str | None:
        """Give up a place, because its caller hung up or was served; None where there was none.

        Gives the agent whose phone rings for the caller, in vain; empty where none does.
        """
        return _agent(await self._do("leave", hotline, group, call))

    async def done(self, hotline: str, group: str, call: str) -> str:
        """Give up the place of a caller who was served; give the group to which the agent handed over, or nothing."""
        to: bytes = await self._do("done", hotline, group, call)
        return to.decode()

    # --- the agents' side ---

    async def take(
        self, hotline: str, group: str, agent: str, *, call: str | None = None, callbacks: bool = True
    ) -> Waiter | None:
        """Take whoever is next, or this one `call`, for an agent whose phone is to ring; None where there is nobody.

        Of several agents exactly one gets a caller. An agent for whom a phone rings already gets the same caller
        again. Without `callbacks` only those are next who are on the line.
        """
        answer = await self._do("take", hotline, group, call or "", agent, "1" if callbacks else "")
        return self._waiter(hotline, group, answer) if answer else None

    async def keep_ringing(self, hotline: str, group: str, call: str, agent: str) -> bool:
        """Let the agent's phone ring for another 45 s; False where the caller is no more that agent's."""
        return bool(await self._do("keep_ringing", hotline, group, call, agent))

    async def give_back(self, hotline: str, group: str, call: str, agent: str = "") -> bool:
        """Put a caller back whom an agent did not get to speak with: nobody who came later goes first.

        False where no phone rings for the caller (any more), or that of another agent than the one named.
        """
        return bool(await self._do("give_back", hotline, group, call, agent))

    async def bridged(self, hotline: str, group: str, call: str, agent: str = "") -> bool:
        """Note that caller and agent speak, which counts for what the others are told; False where that is known."""
        return bool(await self._do("bridged", hotline, group, call, agent))

    async def hand_over(self, hotline: str, group: str, call: str, to: str) -> bool:
        """Let a caller who speaks with an agent of one group wait for another one, once the agent hangs up.

        There the time at which the caller first came counts. False where they do not speak.
        """
        return bool(await self._do("hand_over", hotline, group, call, to))

    async def waiting(self, hotline: str, group: str) -> list[Waiter]:
        """Give all who wait, the next one first; those are among them who stepped aside or for whom a phone rings."""
        found = [self._waiter(hotline, group, one) for one in await self._do("list", hotline, group, "")]
        return sorted((one for one in found if one.state != "speaking"), key=lambda one: (one.joined_at, one.call))

    async def on_the_line(self, hotline: str, group: str) -> list[Waiter]:
        """Give the callers who wait, the next one first, without those who have hung up and are called back."""
        return [one for one in await self.waiting(hotline, group) if one.kind == "call"]

    async def speaking(self, hotline: str, group: str) -> list[Waiter]:
        """Give all who speak with an agent, who speaks longest first."""
        found = [self._waiter(hotline, group, one) for one in await self._do("list", hotline, group, "")]
        return sorted((one for one in found if one.state == "speaking"), key=lambda one: (one.since, one.call))

    async def card(self, hotline: str, group: str, call: str) -> Waiter | None:
        """Give one caller's card, whatever the state; None for somebody who is not there."""
        answer = await self._do("card", hotline, group, call)
        return self._waiter(hotline, group, answer) if answer else None

    async def _do(self, act: str, hotline: str, group: str, call: str, *more: str | bytes) -> Any:
        keys = [f"ivr:{{queue:{hotline}/{group}}}:{name}" for name in ("order", "due", "states", "cards", "answers")]
        return await self._line.ask(self._script(keys, [act, self._now(), call, *more]))

    def _card(self, waiter: Waiter) -> bytes:
        return self._seals.seal_struct(waiter, call=waiter.call, what=_WHAT)

    def _waiter(self, hotline: str, group: str, answer: list[bytes]) -> Waiter:
        """Join what the script tells with the card; without one that opens there still is somebody who waits."""
        name, told, sealed = answer
        call, place = name.decode(), msgspec.json.decode(told, type=_Place)
        card = self._opened(call_of(call), sealed) or Waiter(call, hotline, group, 0)
        return replace(
            card,
            call=call,
            joined_at=round(place.joined),
            kind=place.kind,
            state=place.state,
            since=round(place.since),
            agent=place.agent,
        )

    def _opened(self, call: str, sealed: bytes) -> Waiter | None:
        return self._seals.open_struct(sealed, Waiter, call=call, what=_WHAT)

    def _standing(self, answer: list[Any]) -> Standing:
        state, joined, ahead, recent, first = answer
        minutes = None
        if recent >= ANSWERS_NEEDED:
            each = (self._now() - int(first)) / recent
            minutes = max(1, ceil(each * (ahead + 1) / _MINUTE_MS))
        return Standing(state.decode(), int(joined), ahead, minutes)


def place_of_callback(call: str, booking: str) -> str:
    """Name the place of the callback that was booked in a call; `booking` is what `ivr.bookings` names it."""
    return f"{call}/{booking}"


def call_of(place: str) -> str:
    """Give the CallSid of a place: the name of a callback's goes on after it."""
    return place.partition("/")[0]


def _agent(told: bytes | None) -> str | None:
    return None if told is None else told.decode()
