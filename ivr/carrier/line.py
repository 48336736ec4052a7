"""One call at the carrier: it plays documents on a virtual clock and hands over wherever the caller may act."""

import asyncio
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ivr.carrier import bridge
from ivr.carrier.fields import call_fields, status_fields
from ivr.carrier.gather import KEY_SECONDS, KEYS, collect
from ivr.carrier.say import Say
from ivr.carrier.verbs import (
    Callee,
    Dial,
    Enqueue,
    Gather,
    Hangup,
    Leave,
    Pause,
    Play,
    Prompt,
    Record,
    Redirect,
    Reject,
    Verb,
    seconds_of,
)
from ivr.carrier.violations import CarrierRejected, Violation
from ivr.carrier.vocabulary import Context
from ivr.carrier.webhook import Exchange, read_answer, read_receipt

if TYPE_CHECKING:
    from ivr.carrier.carrier import Carrier

MOST_DOCUMENTS = 60
"""Documents that may follow one another before the caller may act again."""
MOST_INSTANT = 4
"""Documents that may follow one another while no time passes on the call; more are a request storm."""
CARRIER_ERROR = "We are sorry, an application error has occurred. Goodbye."

Waiting = Literal["", "keys", "recording", "queue", "through"]
"""What a call waits for; ``through`` is a whisper that has ended, so that the callee is put through."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the caller hears: words in a voice, or the URL of an audio file."""

    text: str
    lang: str = ""
    voice: str = ""
    slow: bool = False
    audio: str = ""


@dataclass(frozen=True, slots=True)
class Ring:
    """Somebody who is dialled for the caller, how that ends, and how much the caller had heard by then."""

    number: str
    ends: str
    heard: int


@dataclass(slots=True)
class Page:
    """A document that is playing."""

    url: str
    verbs: tuple[Verb, ...]
    context: Context
    position: int = 0


class Call:
    """A call as its caller lives it; `Carrier.dial` makes one. ``clock`` is virtual seconds since it rang.

    ``heard``, ``rings`` (who was dialled), ``turns`` (voice webhooks), ``receipts`` (status callbacks), ``violations``,
    ``warnings`` and ``lost`` (keys that nobody read) grow with the call. HTTP takes no virtual time: how long it really
    took is in the turns.
    """

    def __init__(
        self, carrier: "Carrier", from_: str, to: str, *, parent: str | None = None, context: Context = "call"
    ) -> None:
        self.carrier = carrier
        self.from_, self.to = from_, to
        self.sid = "CA" + secrets.token_hex(16)
        self.parent = parent
        self.context: Context = context
        self.clock = 0.0
        self.ended = False
        self.waiting: Waiting = ""
        self.gather: Gather | None = None
        self.recording: Record | None = None
        self.queue: bridge.Queued | None = None
        self.queue_position = 1
        self.heard: list[Heard] = []
        self.rings: list[Ring] = []
        self.turns: list[Exchange] = []
        self.receipts: list[Exchange] = []
        self.legs: list[Call] = []
        self.violations: list[Violation] = []
        self.warnings: list[Violation] = []
        self.lost = ""
        self.page = Page("", (), context)
        self._answer_at = 0.0
        self._requested_at = -1.0
        self._instant = 0
        self._documents = 0

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

    async def repeat_last_webhook(self, times: int = 1, *, at_once: bool = False) -> list[bytes]:
        """Send the last voice webhook again, token and all; return the answers, each held to the rules."""
        exchanges = await self.carrier.replay(self.turns[-1], times, at_once=at_once)
        for exchange in exchanges:
            self.note(read_answer(exchange, self.page.context).violations)
        return [exchange.body for exchange in exchanges]

    # --- how a call goes on ------------------------------------------------------------------------------------------

    def _act(self) -> int:
        if self.ended:
            raise ValueError("The call has ended.")
        self._documents, self._answer_at = 0, self.clock
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
            await bridge.wait_on(self)
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
            if self.page.position == len(self.page.verbs):
                await self._run_out()
                continue
            verb = self.page.verbs[self.page.position]
            self.page.position += 1
            await self._do(verb)
        return self.heard[mark:]

    async def _do(self, verb: Verb) -> None:
        match verb:
            case Say() | Play() | Pause():
                self.hear(verb)
                seconds = seconds_of(verb)
                self.clock += seconds
                if self.carrier.pace:
                    await asyncio.sleep(seconds * self.carrier.pace)
            case Gather():
                # The clock stays where the prompts begin, so that a key may still interrupt them.
                for prompt in verb.prompts:
                    self.hear(prompt)
                self.gather, self.waiting = verb, "keys"
            case Redirect(url=url):
                await self.request(url, {})
            case Hangup():
                await self.end("completed")
            case Reject(reason=reason):
                await self.end("busy" if reason == "busy" else "failed")
            case Leave():
                await bridge.leave(self, "leave")
            case Enqueue():
                await bridge.enqueue(self, verb)
            case Dial(targets=targets):
                if isinstance(targets[0], Callee):
                    self.rings.append(Ring(targets[0].address, self.carrier.agent_answers, len(self.heard)))
                await bridge.dial(self, verb)
            case Record():
                self.recording, self.waiting = verb, "recording"

    async def _run_out(self) -> None:
        match self.page.context:
            case "wait" if self.clock == self._requested_at:
                self.note([Violation("storm", f"{self.page.url}: A wait document takes no time to play.")])
                await self.end("completed")
            case "wait":
                self.waiting = "queue"
            case "whisper" | "queue-url":
                self.waiting = "through"
            case "call":
                self.warnings.append(Violation("ran-out", f"{self.page.url}: The document ran out of verbs."))
                await self.end("completed")

    async def request(self, url: str | None, params: Mapping[str, str], context: Context | None = None) -> None:
        """Ask the hotline for the next document and put it on; None asks for the current one."""
        full = self.carrier.resolve(url, self.page.url) if url is not None else self.page.url
        context = context or self.page.context
        self._documents += 1
        self._instant = self._instant + 1 if self.clock == self._requested_at else 0
        self._requested_at = self.clock
        if self._instant >= MOST_INSTANT or self._documents > MOST_DOCUMENTS:
            self.note([Violation("storm", f"{full}: Documents follow one another and the caller never gets to act.")])
            await self.end("completed")
            return
        exchange, verbs, code = await self.fetch(full, params, context)
        if verbs is None and self.carrier.fallback and context != "whisper":
            fallback = self.carrier.route("/twilio/fallback")
            error = {"ErrorCode": str(code), "ErrorUrl": exchange.url}
            full, context = fallback, "call"
            bridge.forget(self)
            _, verbs, _ = await self.fetch(full, error, context)
        if verbs is None:
            self.heard.append(Heard(CARRIER_ERROR, "en-US"))
            await self.end("completed")
            return
        self.page = Page(full, verbs, context)

    async def fetch(
        self, url: str, params: Mapping[str, str], context: Context
    ) -> tuple[Exchange, tuple[Verb, ...] | None, int]:
        """Post one voice webhook of this call; return it with its verbs, or None and the carrier's error code."""
        status = "in-progress" if self.turns or self.parent else "ringing"
        exchange = await self.carrier.webhook(url, {**call_fields(self, status), **params})
        self.turns.append(exchange)
        answer = read_answer(exchange, context)
        self.warnings.extend(answer.warnings)
        self.note(answer.violations)
        return exchange, answer.verbs, answer.error_code

    async def end(self, status: str) -> None:
        """End the call and tell the hotline, the action of a queue first."""
        if self.ended:
            return
        self.ended, self.waiting, self.gather, self.recording = True, "", None, None
        await bridge.hung_up(self)
        if self.carrier.status_callbacks and self.context == "call":
            await self.report_status(self.carrier.route("/twilio/status"), status)

    async def report_status(self, url: str, status: str) -> None:
        """Post a status callback of this call."""
        exchange = await self.carrier.webhook(url, status_fields(self, status))
        self.receipts.append(exchange)
        self.note(read_receipt(exchange))

    def hear(self, prompt: Prompt) -> None:
        """Keep what the caller hears."""
        if isinstance(prompt, Say):
            self.heard.append(Heard(prompt.text, prompt.lang, prompt.voice, prompt.slow))
        elif isinstance(prompt, Play) and prompt.url:
            self.heard.append(Heard("", audio=self.carrier.resolve(prompt.url, self.page.url)))

    def note(self, violations: Iterable[Violation]) -> None:
        """Keep broken rules; a strict carrier raises them."""
        found = list(violations)
        self.violations.extend(found)
        if found and self.carrier.strict:
            raise CarrierRejected(found)
