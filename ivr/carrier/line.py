"""One call at the carrier: it plays documents on a virtual clock and hands over wherever the caller may act."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.carrier import bridge, queues
from ivr.carrier.gather import KEY_SECONDS, KEYS, collect
from ivr.carrier.leg import CARRIER_ERROR, Heard, Leg
from ivr.carrier.verbs import Callee, Dial, Gather, Prompt, Record, seconds_of
from ivr.carrier.vocabulary import Context

if TYPE_CHECKING:
    from ivr.carrier.carrier import Carrier

__all__ = ["CARRIER_ERROR", "Call", "Heard", "Ring"]


@dataclass(frozen=True, slots=True)
class Ring:
    """Somebody who is dialled for the caller, how that ends, and how much the caller had heard by then."""

    number: str
    ends: str
    heard: int


class Call(Leg):
    """A call as its caller lives it; `Carrier.dial` makes one. ``clock`` is virtual seconds since it rang.

    HTTP takes no virtual time: how long it really took is in the turns. ``rings`` (who was dialled) grows with the
    call.
    """

    def __init__(
        self, carrier: "Carrier", from_: str, to: str, *, parent: str | None = None, context: Context = "call"
    ) -> None:
        super().__init__(carrier, from_, to, parent=parent, context=context)
        self.recording: Record | None = None
        self.rings: list[Ring] = []
        self.legs: list[Call] = []
        self._answer_at = 0.0

    # --- what the caller does ----------------------------------------------------------------------------------------

    async def ring(self, path: str) -> list[Heard]:
        """Post the first webhook and play the call until it waits for the caller."""
        mark = self._act()
        await self.request(self.carrier.route(path), {}, self.context)
        return await self._play_on(mark)

    async def press(self, keys: str, *, at: float | None = None) -> list[Heard]:
        """Press keys at a steady pace, then pause; return what is heard until the call waits again.

        The pause is not waited for where ``#`` or the number of digits has ended the entry. ``at`` is when the first
        key falls, in seconds since the last webhook's answer began to play: keys during speech outside a Gather are
        lost, keys during a Gather's own prompts interrupt them. Left out, the caller hears the prompts to their end.
        """
        if not keys or not KEYS.issuperset(keys):
            raise ValueError(f"A keypad has the keys 0-9 * #, not {keys!r}.")
        return await self._key(keys, at)

    async def silence(self) -> list[Heard]:
        """Press nothing until the carrier stops waiting; return what is heard then."""
        return await self._key("", None)

    async def speak(self, seconds: float, keys: str = "") -> list[Heard]:
        """Speak to a recording, ended by a key or by a pause; return what is heard afterwards."""
        mark = self._act()
        if self.waiting != "recording" or self.recording is None:
            raise ValueError("Nothing is being recorded on this call.")
        verb, self.recording, self.waiting = self.recording, None, ""
        await bridge.record(self, verb, seconds, keys)
        return await self._play_on(mark)

    async def agent_takes(self, seconds: float | None = None) -> list[Heard]:
        """Let an agent take the call out of its queue and talk; return what is heard when the agent has hung up."""
        return await self.taken_by_agent(self.carrier.agent_seconds if seconds is None else seconds)

    async def taken_by_agent(self, seconds: float, url: str | None = None) -> list[Heard]:
        """Let an agent take the call out of its queue, after the document at ``url`` has played to the caller."""
        mark = self._act()
        await bridge.taken(self, seconds, url)
        return await self._play_on(mark)

    async def hang_up(self) -> None:
        """Hang up; a call that has ended already stays as it is."""
        if not self.ended:
            await self.end("completed")

    # --- how a call goes on ------------------------------------------------------------------------------------------

    def _act(self) -> int:
        if self.ended:
            raise ValueError("The call has ended.")
        self.acted()
        self._answer_at = self.clock
        return len(self.heard)

    async def _key(self, keys: str, at: float | None) -> list[Heard]:
        spoken_at = self._answer_at
        if self.ended:
            raise ValueError("The call has ended.")
        if self.waiting == "recording":
            seconds = KEY_SECONDS if keys else 0.0
            return await self.speak(seconds, keys[:1])
        if self.waiting == "queue":
            mark = self._act()
            self.lost += keys
            self.waiting = ""
            await queues.wait_on(self)
            return await self._play_on(mark)
        gather = self.gather
        if self.waiting != "keys" or gather is None:
            raise ValueError("The call has not rung yet.")
        prompts = sum(seconds_of(prompt) for prompt in gather.prompts)
        first = prompts + KEY_SECONDS if at is None else spoken_at + at - self.clock
        collected = collect(gather, keys, first, prompts)
        self.clock += collected.seconds
        self.lost += collected.lost
        mark = self._act()
        self.gather, self.waiting = None, ""
        if collected.requests_action:
            params = {"Digits": collected.digits, "FinishedOnKey": collected.finished_on_key}
            await self.request(gather.action, params)
        return await self._play_on(mark)

    async def _play_on(self, mark: int) -> list[Heard]:
        """Play until the caller may act; return what was heard since ``mark``."""
        while not self.ended and not self.waiting:
            await self.step()
        return self.heard[mark:]

    async def say(self, prompt: Prompt) -> None:
        """Let the clock run on while a prompt is said."""
        self.hear(prompt)
        seconds = seconds_of(prompt)
        self.clock += seconds
        if self.carrier.pace:
            await asyncio.sleep(seconds * self.carrier.pace)

    async def ask(self, gather: Gather) -> None:
        """Hand over to the caller; the clock stays where the prompts begin, so that a key may still interrupt them."""
        for prompt in gather.prompts:
            self.hear(prompt)
        self.gather, self.waiting = gather, "keys"

    async def dial(self, verb: Dial) -> None:
        """Go on as the carrier's script says of those who are dialled."""
        if isinstance(verb.targets[0], Callee):
            self.rings.append(Ring(verb.targets[0].address, self.carrier.agent_answers, len(self.heard)))
        await bridge.dial(self, verb)

    async def record(self, verb: Record) -> None:
        """Hand over to the caller, who speaks or is silent."""
        self.recording, self.waiting = verb, "recording"

    async def wait_in_queue(self) -> None:
        """Hand over to the caller, who goes on waiting or does not."""
        if self.queue is not None and self.queue.verb.wait_url is None:
            self.clock += queues.MUSIC_S
        self.waiting = "queue"

    async def end(self, status: str) -> None:
        """End the call and tell the hotline."""
        self.recording = None
        await super().end(status)
