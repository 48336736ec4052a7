"""Who calls: members who want their balance, and all the others who dial a hotline."""

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from soak.members import Member

from ivr.carrier.carrier import Carrier
from ivr.carrier.line import CARRIER_ERROR, Call
from ivr.carrier.webhook import IN_TIME
from ivr.library import Library, default_dirs, load
from ivr.prompts import speak

VOICE_URL = "/twilio/voice#rc=2&rp=all&rt=4800"
"""The number's voice URL, with the retries that the README tells operators to ask for."""
MOST_KEYS = 40
"""Prompts after which a caller who still has not got anywhere gives up: the call is lost."""
THINKS_S: Final = (0.1, 0.9)
"""How long a caller takes before each key, in seconds: from, to."""

_SUM = re.compile(r"余额为(.+?)，截至")
UNREACHED = frozenset({"unreachable-hotline", "late"})
"""Rules of the carrier that a fault may break for one webhook without a call being lost."""


@dataclass
class Heard:
    """What became of a call. `outcome` is told, agent, public, goodbye, hung up, or `lost` with the reason in `why`."""

    kind: str
    outcome: str
    sid: str = ""
    why: str = ""
    began: float = 0.0
    turns: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    answered: bool = False
    late: int = 0
    unequal: int = 0
    retried: int = 0
    fallbacks: int = 0
    quarantined: int = 0


class Lost(Exception):  # noqa: N818 - reads as what happened
    """A caller who did not get what the hotline is there for; the message says why."""


class Caller:
    """One person with a phone, a number and a password."""

    def __init__(self, carrier: Carrier, member: Member, kind: str) -> None:
        self.member = member
        self.call: Call = carrier.call(from_=f"+86138{member.order:08}")
        self.heard = Heard(kind, "", self.call.sid, began=time.monotonic())
        self.dice = random.Random(member.order)
        self.said = ""

    async def calls(self) -> Heard:
        """Make the whole call."""
        try:
            await self._does(lambda: self.call.ring(VOICE_URL))
            self.heard.outcome = await KINDS[self.heard.kind](self)
        except Lost as lost:
            self.heard.outcome, self.heard.why = "lost", str(lost)
        await self.call.hang_up()
        self._look_back()
        return self.heard

    async def key(self, keys: str) -> None:
        """Think, key, and listen until the hotline waits again."""
        await asyncio.sleep(self.dice.uniform(*THINKS_S))
        await self._does(lambda: self.call.press(keys) if keys else self.call.silence())

    async def again(self) -> None:
        """Have the carrier send the last webhook again, twice at once; the answers have to be the same."""
        answer = self.call.turns[-1].body
        for body in await self.call.repeat_last_webhook(2, at_once=True):
            # One that the fault swallowed is no answer, and a duplicate may still get the filler of its work. Where
            # Redis was away for one of the two, nothing is kept that could be given again.
            if body and body != answer and not any(b"/twilio/poll/" in one for one in (body, answer)):
                self.heard.unequal += 1

    async def asks(self, *, password: str | None = None) -> str:
        """Do at each prompt what a member does who wants the balance; give how that ends."""
        twice = self.heard.kind == "duplicates"
        for _ in range(MOST_KEYS):
            if self.member.spoken in self._sums():
                return "told"
            if self.call.rings or self.call.waiting == "queue":
                return "agent"
            if self._hears("public.mode") or self._hears("trouble.account"):
                return "public"
            stands = self._stands()
            await self.key(self._at_this_prompt(password))
            password = None if stands == "password" else password  # a wrong one is keyed once
            if twice:
                await self.again()
        raise Lost(f"After {MOST_KEYS} prompts the caller still has not heard the sum.")

    def _at_this_prompt(self, password: str | None) -> str:
        match self._stands():
            case "number":
                return self.member.keys
            case "password":
                return password or self.member.password
            case _:
                main = self._hears("main.rest") or self._hears("main.short") or self._hears("main.long")
                return "1" if main else "9"

    def _stands(self) -> str:
        gather = self.call.gather
        if gather is None:
            return ""
        return "number" if gather.num_digits is None else "password" if gather.num_digits == 6 else "menu"

    def _hears(self, prompt: str) -> bool:
        return said(prompt) in self.said

    def _sums(self) -> list[str]:
        return _SUM.findall(self.said)

    async def _does(self, act: Callable[[], Awaitable[object]]) -> None:
        mark, began = len(self.call.heard), time.monotonic()
        await act()
        self.heard.pauses.append(time.monotonic() - began)
        self.said = "".join(one.text for one in self.call.heard[mark:])
        self.heard.wrong += [f"Another sum: {one}" for one in self._sums() if one != self.member.spoken]
        if CARRIER_ERROR in self.said:
            raise Lost("The caller heard the carrier's own error.")
        if self.call.ended and not self._may_end():
            raise Lost(f"The hotline hung up after saying: {self.said[-60:]}")

    def _may_end(self) -> bool:
        return bool(self.call.rings) or (self.heard.kind in ("silence", "wanders") and self._hears("goodbye"))

    def _look_back(self) -> None:
        heard, call = self.heard, self.call
        heard.turns = [one.elapsed for one in call.turns]
        heard.answered = any(one.body for one in call.turns)
        heard.retried = sum(bool(one.missed) for one in call.turns)
        heard.fallbacks = sum("/twilio/fallback" in one.url for one in call.turns)
        heard.quarantined = sum(said("trouble.sorry") in one.text for one in call.heard)
        late = sum(one.elapsed > IN_TIME for one in call.receipts)
        heard.late = late + sum(one.rule == "late" for one in call.violations)
        # A status callback that meets a killed worker is lost, as the carrier does not send it again.
        lost = UNREACHED | ({"status-callback"} if late or any(one.failed for one in call.receipts) else set())
        heard.broken = [str(one) for one in call.violations if one.rule not in lost]


async def asks(caller: Caller) -> str:
    """Want the balance."""
    return await caller.asks()


async def mistypes(caller: Caller) -> str:
    """Key a wrong password first."""
    return await caller.asks(password=caller.member.wrong_password)


async def keeps_silent(caller: Caller) -> str:
    """Say nothing until the call is over, or a human is rung."""
    for _ in range(MOST_KEYS):
        if caller.call.ended or caller.call.rings or caller.call.queue is not None:
            return "agent" if not caller.call.ended or caller.call.rings else "goodbye"
        await caller.key("")
    raise Lost("A caller who says nothing does not come to an end.")


async def hangs_up(caller: Caller) -> str:
    """Hang up in the middle."""
    for _ in range(caller.dice.randrange(4)):
        await caller.key(caller._at_this_prompt(None))
    return "hung up"


async def wants_an_agent(caller: Caller) -> str:
    """Press 0 until a human is rung."""
    for _ in range(MOST_KEYS):
        if caller.call.rings or caller.call.queue is not None:
            return "agent"
        await caller.key("0" if caller._stands() == "menu" else "0#")
    raise Lost("A caller who wants a human does not get one.")


async def wanders(caller: Caller) -> str:
    """Key anything at all for a while, then hang up."""
    for _ in range(caller.dice.randrange(3, 12)):
        if caller.call.ended or caller.call.waiting != "keys":
            break
        await caller.key("".join(caller.dice.choices("123456789*#", k=caller.dice.choice((1, 1, 1, 1, 7)))))
    return "hung up"


KINDS: Final[dict[str, Callable[[Caller], Awaitable[str]]]] = {
    "asks": asks,
    "mistypes": mistypes,
    "duplicates": asks,
    "agent": wants_an_agent,
    "wanders": wanders,
    "hangs up": hangs_up,
    "silence": keeps_silent,
}
SHARES: Final = {"asks": 10, "mistypes": 2, "duplicates": 2, "agent": 2, "wanders": 2, "hangs up": 2, "silence": 1}
MIX: Final = [kind for kind, share in SHARES.items() for _ in range(share)]


@cache
def _library() -> Library:
    return load(*default_dirs())


@cache
def said(prompt: str) -> str:
    """Give what a prompt without facts says first on the hotline that is called."""
    library = _library()
    _, hotline = library.hotline_for("12333")
    return speak(library.catalogs, prompt, {}, "zh", offered=hotline.languages)[0].text
