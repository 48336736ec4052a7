"""A leg of a call in real time: what is said takes as long as saying it, and keys, words and others come in between."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ivr.carrier import queues
from ivr.carrier.gather import Entry
from ivr.carrier.leg import Heard, Leg
from ivr.carrier.verbs import Dial, Gather, Prompt, Record, seconds_of
from ivr.carrier.violations import Violation
from ivr.carrier.vocabulary import Context
from ivr.exchange import joining
from ivr.exchange.happenings import HangsUp, Happening, Key, Nudge, Said, Skip, Told

if TYPE_CHECKING:
    from ivr.exchange.phone import Phone
    from ivr.exchange.switch import Switch

LONGEST_CALL_S = 2 * 3600.0
"""Seconds after which a call is ended, whatever goes on; nobody waits so long on a demo."""
SLOWEST_VOICE = 3.0
"""A phone's own voice may take so many times as long as we think, and a bit; then the call goes on without it."""
MOST_UNREAD = 200
"""Happenings that wait to be looked at; whoever presses more keys than that is not heard."""


class HungUp(Exception):  # noqa: N818 - it is no error: somebody has hung up
    """This party has hung up, or was hung up on; ``by`` is whose doing it was."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class Taken(Exception):  # noqa: N818 - it is no error: somebody picks up a caller who waits
    """An agent's leg takes this caller out of the queue."""


class LiveLeg(Leg):
    """A leg that takes its time; `live` plays it from the first webhook to the end, `happens` steers it meanwhile.

    ``phone`` hears it, where there is one. ``clock`` counts the seconds of what is played and waited for; HTTP takes
    none of them. ``partner`` is the leg that this one talks with, or is about to; both name each other.
    """

    def __init__(
        self, carrier: "Switch", from_: str, to: str, *, parent: str | None = None, context: Context = "call"
    ) -> None:
        super().__init__(carrier, from_, to, parent=parent, context=context)
        self.switch = carrier
        self.phone: Phone | None = None
        self.partner: LiveLeg | None = None
        self.warned_by = ""
        """The URL of what a queued caller hears before an agent is put through."""
        self.is_ready = False
        """Whether this leg has heard what it had to hear before it talks with its partner."""
        self.talking = False
        self._happenings: asyncio.Queue[Happening] = asyncio.Queue(MOST_UNREAD)

    # --- from outside ------------------------------------------------------------------------------------------------

    def happens(self, happening: Happening) -> None:
        """Let something happen on this leg."""
        if not self._happenings.full():
            self._happenings.put_nowait(happening)
        elif isinstance(happening, HangsUp):
            self._happenings.get_nowait()
            self._happenings.put_nowait(happening)

    async def live(self, url: str) -> None:
        """Play the call until it ends, or until a whisper has let the callee through."""
        by = "carrier"
        try:
            async with asyncio.timeout(LONGEST_CALL_S):
                await self.request(self.carrier.route(url), {}, self.context)
                while not self.ended and self.waiting != "through":
                    await self.step()
                by = "hotline"
        except HungUp as hung_up:
            by = hung_up.by
        except TimeoutError:
            pass
        finally:
            if self.waiting != "through":
                await self.finish(by)

    async def finish(self, by: str) -> None:
        """End the call where it has not ended yet, and tell the phone by whom."""
        self.part()
        try:
            await self.end("completed")
        finally:
            for warning in self.warnings:
                self.tell({"kind": "odd", "text": str(warning)})
            self.tell({"kind": "ended", "by": by})

    # --- two legs ----------------------------------------------------------------------------------------------------

    def join(self, other: "LiveLeg") -> None:
        """Belong together from now on."""
        self.partner, other.partner = other, self
        other.happens(Nudge())

    def part(self) -> None:
        """Belong to nobody any more; the other party notices."""
        other, self.partner = self.partner, None
        self.is_ready = False
        if other is not None and other.partner is self:
            other.partner = None
            other.happens(Nudge())

    # --- time --------------------------------------------------------------------------------------------------------

    async def next(self, seconds: float) -> Happening | None:
        """Wait, for so many seconds of the call, for what happens next; None where nothing does.

        Raises HungUp, and Taken while the caller waits in a queue.
        """
        if self._is_taken:
            raise Taken
        began = asyncio.get_running_loop().time()
        happening: Happening | None = None
        try:
            async with asyncio.timeout(seconds * self.carrier.pace):
                happening = await self._happenings.get()
        except TimeoutError:
            self.clock += seconds
        else:
            self.clock += min(seconds, (asyncio.get_running_loop().time() - began) / self.carrier.pace)
        self.acted()
        if isinstance(happening, HangsUp):
            raise HungUp(happening.by)
        if self._is_taken:
            raise Taken
        return happening

    @property
    def _is_taken(self) -> bool:
        return self.queue is not None and self.partner is not None and not self.talking

    async def step(self) -> None:
        """Do what the document says next; an agent may take the caller out of a queue meanwhile."""
        self._lose_keys()
        try:
            await super().step()
        except Taken:
            await joining.be_taken(self)
        if self.queue is None and self.partner is not None and self.context == "call" and not self.talking:
            # The caller left the queue just before the agent came.
            self.part()

    def _lose_keys(self) -> None:
        """Lose the keys that were pressed while nobody listened: while the hotline was asked what comes next."""
        unread = [self._happenings.get_nowait() for _ in range(self._happenings.qsize())]
        self.lose("".join(one.key for one in unread if isinstance(one, Key)))
        for happening in unread:
            if not isinstance(happening, Key | Skip | Said):
                self._happenings.put_nowait(happening)

    def lose(self, keys: str) -> None:
        """Tell that keys were pressed which nobody read."""
        if keys:
            self.lost += keys
            self.tell({"kind": "lost", "keys": keys})

    # --- verbs -------------------------------------------------------------------------------------------------------

    async def say(self, prompt: Prompt) -> None:
        """Say a prompt to its end; keys are lost."""
        await self.play(prompt, gives_way=False)

    async def play(self, prompt: Prompt, *, gives_way: bool = True) -> Key | Skip | None:
        """Say a prompt; a key interrupts it where it ``gives_way``, and is given back."""
        seconds, number = seconds_of(prompt), len(self.heard)
        heard = self.heard_of(prompt)
        if heard is not None:
            self.keep(heard, seconds)
        spoken = self.phone is not None and self.phone.aloud and heard is not None
        until = self.clock + (SLOWEST_VOICE * seconds + 5 if spoken else seconds)
        while (left := until - self.clock) > 0:
            match await self.next(left):
                case Said(number=said) if spoken and said == number:
                    return None
                case Key() as key if gives_way:
                    self.tell({"kind": "stops"})
                    return key
                case Key(key=key):
                    self.lose(key)
                case Skip() as skip:
                    self.tell({"kind": "stops"})
                    return skip
        return None

    async def ask(self, gather: Gather) -> None:
        """Say the prompts of a Gather and take keys; the wait begins anew with each of them."""
        entry = Entry(gather)
        for prompt in gather.prompts:
            happening = await self.play(prompt, gives_way=gather.barge_in)
            if happening is not None and gather.barge_in:
                break
        else:
            self.tell({"kind": "listens", "seconds": gather.timeout})
            happening = await self._key(gather.timeout)
        while isinstance(happening, Key) and not entry.take(happening.key):
            happening = await self._key(gather.timeout)
        if entry.requests_action:
            keyed = {"Digits": entry.digits, "FinishedOnKey": entry.finished_on_key}
            await self.request(gather.action, keyed)

    async def _key(self, seconds: float) -> Key | Skip | None:
        until = self.clock + seconds
        while (left := until - self.clock) > 0:
            happening = await self.next(left)
            if isinstance(happening, Key | Skip):
                return happening
        return None

    async def dial(self, verb: Dial) -> None:
        """Dial whom a document names, and go on when they have talked or cannot be had."""
        await joining.dial(self, verb)

    async def record(self, verb: Record) -> None:
        """Record what the caller says."""
        await joining.record(self, verb)

    async def wait_in_queue(self) -> None:
        """Ask for the wait document again, or play the carrier's own music where there is none."""
        if self.queue is None or self.queue.verb.wait_url is not None:
            await queues.wait_on(self)
            return
        while True:
            self.tell({"kind": "waits"})
            self.lose("".join(key.key for key in await self.keys_within(queues.MUSIC_S)))

    async def keys_within(self, seconds: float) -> list[Key]:
        """Let so many seconds pass; give the keys that were pressed meanwhile."""
        until, keys = self.clock + seconds, []
        while (left := until - self.clock) > 0:
            happening = await self.next(left)
            if isinstance(happening, Key):
                keys.append(happening)
        return keys

    # --- what the phone is told --------------------------------------------------------------------------------------

    def tell(self, told: Told) -> None:
        """Let the phone know."""
        if self.phone is not None:
            self.phone.tell(told)

    def keep(self, heard: Heard, seconds: float = 0.0) -> None:
        """Keep what is heard, and let the phone hear it."""
        told: Told = {"kind": "hears", "number": len(self.heard), "lang": heard.lang, "slow": heard.slow}
        super().keep(heard)
        words = {"audio": heard.audio} if heard.audio else {"text": heard.text}
        self.tell({**told, **words, "seconds": round(seconds, 2)})

    def note(self, violations: Iterable[Violation]) -> None:
        """Keep broken rules, and tell the phone what a real carrier would have rejected."""
        found = list(violations)
        for violation in found:
            self.tell({"kind": "rejected", "text": str(violation)})
        super().note(found)
