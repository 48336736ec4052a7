"""One party's leg of a call at the carrier: its webhooks, the document it is on, and what was heard and found wrong."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ivr.carrier import queues
from ivr.carrier.fields import call_fields, status_fields
from ivr.carrier.say import Say
from ivr.carrier.verbs import (
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


@dataclass(slots=True)
class Page:
    """A document that is playing."""

    url: str
    verbs: tuple[Verb, ...]
    context: Context
    position: int = 0


class Leg(ABC):
    """What is the same for every leg, however it lets time pass: `Call` has a virtual clock, an exchange a real one.

    ``clock`` is seconds since the call rang. ``heard``, ``turns`` (voice webhooks), ``receipts`` (status callbacks),
    ``violations``, ``warnings`` and ``lost`` (keys that nobody read) grow with the call.
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
        self.queue: queues.Queued | None = None
        self.queue_position = 1
        self.heard: list[Heard] = []
        self.turns: list[Exchange] = []
        self.receipts: list[Exchange] = []
        self.violations: list[Violation] = []
        self.warnings: list[Violation] = []
        self.lost = ""
        self.page = Page("", (), context)
        self._requested_at = -1.0
        self._instant = 0
        self._documents = 0

    # --- how a verb takes its time -----------------------------------------------------------------------------------

    @abstractmethod
    async def say(self, prompt: Prompt) -> None:
        """Play a prompt during which keys are lost."""

    @abstractmethod
    async def ask(self, gather: Gather) -> None:
        """Play the prompts of a Gather, and take keys."""

    @abstractmethod
    async def dial(self, verb: Dial) -> None:
        """Dial whom a document names."""

    @abstractmethod
    async def record(self, verb: Record) -> None:
        """Record the caller."""

    @abstractmethod
    async def wait_in_queue(self) -> None:
        """Go on waiting, where the wait document has run out or there is none."""

    # --- what is the same for all ------------------------------------------------------------------------------------

    async def step(self) -> None:
        """Do what the document says next, or what follows where it has run out of verbs."""
        if self.page.position == len(self.page.verbs):
            await self._run_out()
            return
        verb = self.page.verbs[self.page.position]
        self.page.position += 1
        match verb:
            case Say() | Play() | Pause():
                await self.say(verb)
            case Gather():
                await self.ask(verb)
            case Redirect(url=url):
                await self.request(url, {})
            case Hangup():
                await self.end("completed")
            case Reject(reason=reason):
                await self.end("busy" if reason == "busy" else "failed")
            case Leave():
                await queues.leave(self, "leave")
            case Enqueue():
                await queues.enqueue(self, verb)
            case Dial():
                await self.dial(verb)
            case Record():
                await self.record(verb)

    async def _run_out(self) -> None:
        match self.page.context:
            case "wait" if self.clock == self._requested_at:
                self.note([Violation("storm", f"{self.page.url}: A wait document takes no time to play.")])
                await self.end("completed")
            case "wait":
                await self.wait_in_queue()
            case "whisper" | "queue-url":
                self.waiting = "through"
            case "call":
                self.warnings.append(Violation("ran-out", f"{self.page.url}: The document ran out of verbs."))
                await self.end("completed")

    def acted(self) -> None:
        """Note that the party could act: the documents that follow one another are counted anew."""
        self._documents = 0

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
            queues.forget(self)
            _, verbs, _ = await self.fetch(full, error, context)
        if verbs is None:
            self.keep(Heard(CARRIER_ERROR, "en-US"))
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
        self.ended, self.waiting, self.gather = True, "", None
        await queues.hung_up(self)
        if self.carrier.status_callbacks and self.context == "call":
            await self.report_status(self.carrier.route("/twilio/status"), status)

    async def report_status(self, url: str, status: str) -> None:
        """Post a status callback of this call."""
        exchange = await self.carrier.webhook(url, self.status_fields(status))
        self.receipts.append(exchange)
        self.note(read_receipt(exchange))

    def status_fields(self, status: str) -> dict[str, str]:
        """Return the fields of a status callback."""
        return status_fields(self, status)

    async def repeat_last_webhook(self, times: int = 1, *, at_once: bool = False) -> list[bytes]:
        """Send the last voice webhook again, token and all; return the answers, each held to the rules."""
        exchanges = await self.carrier.replay(self.turns[-1], times, at_once=at_once)
        for exchange in exchanges:
            self.note(read_answer(exchange, self.page.context).violations)
        return [exchange.body for exchange in exchanges]

    def heard_of(self, prompt: Prompt) -> Heard | None:
        """Give what the caller hears of a prompt; None of a pause and of keys."""
        if isinstance(prompt, Say):
            return Heard(prompt.text, prompt.lang, prompt.voice, prompt.slow)
        if isinstance(prompt, Play) and prompt.url:
            return Heard("", audio=self.carrier.resolve(prompt.url, self.page.url))
        return None

    def keep(self, heard: Heard) -> None:
        """Keep what the caller hears."""
        self.heard.append(heard)

    def hear(self, prompt: Prompt) -> None:
        """Keep what the caller hears of a prompt."""
        if (heard := self.heard_of(prompt)) is not None:
            self.keep(heard)

    def note(self, violations: Iterable[Violation]) -> None:
        """Keep broken rules; a strict carrier raises them."""
        found = list(violations)
        self.violations.extend(found)
        if found and self.carrier.strict:
            raise CarrierRejected(found)
