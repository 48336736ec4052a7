"""Legs: the calls to agents' phones, what their URLs tell, and which of them is going on for a caller.

A leg belongs to the caller in whose name an agent is rung. Its URLs seal everything that is known of it beforehand; its
own CallSid, which only the carrier knows, is bound to it by the first word of it that arrives.
"""

import re
from secrets import token_hex
from typing import Any, Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import Struct
from redis.asyncio import Redis

from ivr.redis_line import PATIENCE, RedisLine
from ivr.seals import Seals

Stage = Literal["answered", "keyed", "dialled", "warning", "member", "status"]
"""Which of a leg's webhooks a URL is for: the first one, the key after the whisper, what became of the dial, the
document for the caller who is fetched from the queue, and the callbacks of the member's leg and of its own."""

Ending = Literal["not_taken", "over", "unreached", "limit"]
"""How a leg has ended: nobody took the call, or it was put through; or the member's phone could not be rung at all,
or so often nobody is called back in a day."""
ENDED_MS: Final = 60_000
"""How long it is known how a leg has ended."""

RINGING_MS: Final = 43_000
"""How long a leg is current that nobody has answered: it is forgotten just before the queue takes its caller back."""
TALKING_MS: Final = 4 * 3600_000

_URL: Final = "leg 1"
_KEPT: Final = "leg"


class Leg(
    Struct,
    frozen=True,
    omit_defaults=True,
    forbid_unknown_fields=True,
    rename={
        "id": "i", "call": "c", "hotline": "h", "group": "g", "agent": "a", "callback": "b", "attempt": "n",
        "stage": "s", "tries": "t",
    },
):  # fmt: skip
    """What a URL of a leg tells: for whom which agent is rung, and which of its webhooks this is.

    `call` is the CallSid of the caller: who waits in the queue, or who booked the callback of which `callback` is the
    number in the list, and `attempt` how many attempts went before. Nothing of it is personal.
    """

    id: str
    call: str
    hotline: str
    group: str
    agent: str
    callback: int = 0
    attempt: int = 0
    stage: Stage = "answered"
    tries: int = 0


class Begun(NamedTuple):
    """Whether a leg has begun, and of the one that was going on for the same caller, if any, the CallSid and agent."""

    begun: bool
    before: str
    agent_before: str


class Legs:
    """The legs that are going on, in Redis. Methods that wait raise StoreAway where it does not confirm."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float = PATIENCE) -> None:
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)
        self._script = self._line.script("leg")

    def token(self, leg: Leg) -> str:
        """Seal a leg for a URL; the same leg always gives the same token."""
        return self._seals.seal_text(msgspec.msgpack.encode(leg), what=_URL)

    def opened(self, token: str) -> Leg | None:
        """Open a token; None for anything that is none of a leg's."""
        data = self._seals.open_text(token, what=_URL)
        try:
            return None if data is None else msgspec.msgpack.decode(data, type=Leg)
        except msgspec.MsgspecError:
            return None

    async def begin(self, leg: Leg, *, alone: bool = False, kept: bytes = b"") -> Begun:
        """Begin to ring; never twice at once for the same caller and agent, and `alone` not for two agents either.

        `kept` is sealed, and given to whoever binds the leg.
        """
        sealed = self._seals.seal(kept, call=leg.call, what=_KEPT) if kept else b""
        begun, before, of = await self._do("begin", leg, leg.agent, "1" if alone else "", sealed, RINGING_MS)
        return Begun(bool(begun), before.decode(), of.decode())

    async def bind(self, leg: Leg, sid: str, *, for_ms: int = RINGING_MS) -> bytes | None:
        """Give what was kept for a leg; None where it is not the current one, or not that of this CallSid.

        Whoever binds it for a talk has been put through.
        """
        sealed = await self._do("bind", leg, sid, for_ms, "1" if for_ms == TALKING_MS else "")
        if sealed is None:
            return None
        return self._seals.open(sealed, call=leg.call, what=_KEPT) if sealed else b""

    async def finish(self, leg: Leg, how: Ending | Literal[""] = "") -> bool:
        """End a leg; tell whether it was the current one, which it is to exactly one who ends it."""
        return bool(await self._do("finish", leg, how, ENDED_MS))

    async def how(self, call: str, agent: str) -> Ending | Literal["goes_on", ""]:
        """Tell how this agent's leg for a caller ended, or that it goes on; empty where neither is known (any more)."""
        told = (await self._line.ask(self._script([_key(call)], ["how", "", agent]))).decode()
        return told if told in ("goes_on", *get_args(Ending)) else ""

    async def current(self, call: str, agent: str, *, drop: bool = False) -> str:
        """Give the CallSid of the leg that goes on for a caller and this agent, which may `drop` it; empty for none."""
        args = ["of", "", agent, "1" if drop else ""]
        sid: bytes = await self._line.ask(self._script([_key(call)], args))
        return sid.decode()

    async def _do(self, act: str, leg: Leg, *more: str | bytes | int) -> Any:
        return await self._line.ask(self._script([_key(leg.call)], [act, leg.id, *more]))


def new_id() -> str:
    """Make an id for a leg that nobody can guess."""
    return token_hex(8)


def queue_name(call: str) -> str:
    """Give the name of the carrier's queue in which one caller waits alone; agents' legs dial it."""
    return f"q-{call}"


def _key(call: str) -> str:
    return f"ivr:leg:{{{re.sub('[^0-9A-Za-z]', '', call)}}}"
