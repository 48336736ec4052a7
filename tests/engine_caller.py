"""A caller of the engine alone: plays a call script without HTTP or Redis and notes which ways it walked."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from secrets import token_hex
from types import SimpleNamespace

import msgspec
from call_scripts import (
    AGENT_TAKES,
    AGENTS,
    COUNTS_LOST,
    NOTHING_KEPT,
    ONE_COMES,
    ONE_GOES,
    SERVICE_OUT,
    Line,
    Script,
    check_asked,
    check_goes_on,
    check_heard,
)
from scripted_accounts import ScriptedAccounts, known_to_be_out
from scripted_client import ScriptedClient
from scripted_queue import RememberedQueue

from ivr.agents.callbacks import BOOKINGS_A_DAY
from ivr.agents.messages import MESSAGES_A_DAY
from ivr.bookings import Booking, Bookings
from ivr.call import (
    Answered,
    Ask,
    Dial,
    DialEnded,
    Edge,
    End,
    Enqueue,
    Event,
    Hold,
    Keyed,
    Leave,
    Listen,
    ListenMode,
    QueueLeft,
    Record,
    Recorded,
    Session,
    Silence,
    Started,
    Turn,
    Utterance,
    Waited,
)
from ivr.counters import Counters, Refused, Reserved, Window
from ivr.engine import begin, step
from ivr.facts import FACTS, SAID_AS
from ivr.flow import Limits
from ivr.inquiry import Attempt, Desk, Inquiry
from ivr.kept_password import KEPT_MS, KeptPasswords
from ivr.library import Library
from ivr.lookups import DECLARED, Counts
from ivr.messages import Message, Messages
from ivr.policyfacts import KINDS, SPOKEN_AS
from ivr.prompts import TERM
from ivr.redis_line import Command, StoreAway
from ivr.refusal_times import Question, RefusalTimes
from ivr.seals import Seals
from ivr.speech import LANGUAGES, words
from ivr.surveys import Survey, Surveys
from ivr.walk import china_day
from ivr.weakness import weak_reason

BEGAN = 1_795_000_000_000
CALLING = "+8613800138000"
CODE = "4721"
"""What every agent has to say here."""

SECONDS_A_TURN = 3
"""What hearing and keying take on the engine; over HTTP no time passes but what a script says."""


class EngineCaller:
    """Plays one script; the session goes through its stored form after every step.

    `walked` are the edges of all turns, `spoken` the prompts heard and their languages, `weak` why passwords were
    found too simple. In another language than the hotline's first one, a script's literal words are not looked for.
    """

    def __init__(self, library: Library, script: Script, lang: str | None = None) -> None:
        self.library = library
        self.script = script if lang is None else in_other_words(script)
        self.accounts = ScriptedAccounts()
        self.accounts.script(script.service)
        self.now = BEGAN if script.at is None else script.at
        self.accounts.today = lambda: china_day(self.now)
        name, self.hotline = library.hotline_for(script.to)
        self.counters = ScriptedCounters(script, self.hotline.limits)
        self.passwords = RememberedPasswords(lambda: self.now)
        parties = script.from_ or CALLING, script.to
        self.session = msgspec.structs.replace(begin(library, name, self.now), parties=parties)
        if lang is not None:
            self.session = msgspec.structs.replace(self.session, lang=lang)
        self.turn: Turn | None = None
        self.walked: set[Edge] = set()
        self.spoken: set[tuple[str, str]] = set()
        self.weak: set[str] = set()
        self.surveys = RememberedSurveys()
        self.messages = RememberedMessages()
        self.queue = RememberedQueue(script.ahead, offered=script.queue, brisk=script.brisk)
        self.desk = Desk(
            ScriptedClient(self.accounts),
            self.counters,
            Seals([bytes(32)]),
            self.passwords,
            lambda: self.now,
            NoTimes(),
            RememberedBookings(script.booked),
            self.surveys,
            self.messages,
            self.queue,
            SimpleNamespace(takes_entries=True),
        )

    async def plays(self) -> None:
        """Play the whole script. Fails at the first line where something else is heard."""
        for line in self.script.lines:
            if line.passes is not None:
                self.now += line.passes * 1000
            elif line.press == COUNTS_LOST:
                self.counters.lost = True
            elif line.press == NOTHING_KEPT:
                self.passwords.away = self.messages.away = True
            elif line.press == SERVICE_OUT:
                known_to_be_out(self.desk.accounts.breaker)
            elif line.press == ONE_GOES:
                self.queue.goes()
            elif line.press == ONE_COMES:
                self.queue.comes()
            else:
                await self._does(line)
        check_asked(self.script, self.accounts)

    async def _does(self, line: Line) -> None:
        self.now += SECONDS_A_TURN * 1000
        heard = await self._takes(await self._event(line))
        while self.turn is not None and isinstance(self.turn.next, Dial):
            self.now += self.script.rings * 1000
            heard += await self._takes(DialEnded(AGENTS[self.script.agent]))
        while self.turn is not None and isinstance(self.turn.next, Enqueue | Leave):
            heard += await self._takes(await self._in_queue(self.turn.next))
        assert self.turn is not None
        check_heard(self.library, self.script, line, heard)
        check_goes_on(line, ended=isinstance(self.turn.next, End), waits=_waits(self.turn))

    def _dialled(self, session: Session, turn: Turn) -> tuple[Session, Turn]:
        """Ring the numbers of a group, as the driver does where agents cannot be rung for those who wait."""
        if isinstance(turn.next, Enqueue) and not self.queue.offered:
            return msgspec.structs.replace(session, place=None), turn._replace(next=Dial(turn.next.group))
        return session, turn

    async def _in_queue(self, what: Enqueue | Leave) -> Event:
        """Do what the driver and the carrier do: the first turn in the queue follows at once, and so does the end."""
        place = self.session.place
        assert place is not None
        if isinstance(what, Leave):
            return QueueLeft("left")
        self.session = msgspec.structs.replace(self.session, place=msgspec.structs.replace(place, turn=0))
        return await self._waited("")

    async def _waited(self, press: str) -> Waited:
        stands = await self.queue.stands("", self.session, self.library)
        return Waited(press.strip("-"), stands.ahead, stands.minutes)

    async def _event(self, line: Line) -> Event:
        if line.press is None:
            return Started(self.script.dropped, self.script.agents_only)
        assert self.turn is not None
        if isinstance(self.turn.next, Record):
            return _recorded(line)
        if isinstance(self.turn.next, Hold):
            return QueueLeft("answered") if line.press == AGENT_TAKES else await self._waited(line.press)
        assert isinstance(self.turn.next, Listen), f"pressed {line.press!r}, but nobody listens"
        return Silence() if line.press == "-" else gathered(self.turn.next.mode, line.press)

    async def _takes(self, event: Event) -> list[Utterance]:
        heard: list[Utterance] = []
        while True:
            self.session, self.turn = self._dialled(*step(self.library, self.session, event, self.now))
            self.session = msgspec.msgpack.decode(msgspec.msgpack.encode(self.session), type=Session)
            said = self.turn.say + (self.turn.next.then if isinstance(self.turn.next, Hold) else ())
            heard += said
            self.walked.update(self.turn.path)
            self.spoken.update((one.prompt, one.lang) for one in said)
            if not isinstance(self.turn.next, Ask):
                return heard
            event = await self._answer(self.turn.next)

    async def _answer(self, ask: Ask) -> Event:
        """Answer as the driver does: the call's attempt is taken before the question, and given back after some."""
        declared = DECLARED[ask.lookup]
        spent = declared.verifies and self.session.failed >= self.hotline.limits.failed_per_call
        counted = declared.verifies and not spent
        if counted:
            self._count(1)
        until = asyncio.get_running_loop().time() + 5
        inquiry = Inquiry(self.desk, "CA" + "0" * 32, self.session, self.library, until, ask.secret)
        attempt = "spent" if spent else await self._reserved(declared.counts, inquiry)
        inquiry = replace(inquiry, attempt=attempt)
        answered = await declared.answer(inquiry)
        self.counters.settle(inquiry.settles)
        assert answered.outcome in declared.outcomes
        assert declared.outcomes[answered.outcome] <= answered.facts.keys()
        check_forms(self.library, answered)
        if counted:
            self._count(-answered.gives_back)
        self._note_weakness(ask, answered)
        return answered

    async def _reserved(self, counts: Counts | None, inquiry: Inquiry) -> Attempt:
        windows = () if counts is None else counts(inquiry)
        with suppress(StoreAway):
            return await self.counters.reserve(windows, token_hex(8)) if windows else None
        return None

    def _count(self, failed: int) -> None:
        self.session = msgspec.structs.replace(self.session, failed=self.session.failed + failed)

    def _note_weakness(self, ask: Ask, answered: Answered) -> None:
        credential = self.session.credential
        if answered.outcome != "too_simple" or ask.secret is None or credential is None:
            return
        birth = credential.number[6:14] if credential.kind == "id_card" else None
        reason = weak_reason(
            ask.secret, birth=birth, numbers=self.session.tails, listed=self.library.hotlines.weak_passwords
        )
        self.weak.add(reason or "must_change")


def check_forms(library: Library, answered: Answered) -> None:
    """Fail where a lookup brings something else than the table of facts says, or than a policy value measures."""
    for kind, facts in (("", answered.facts), *answered.rows):
        measures = KINDS[kind].needs if kind in KINDS else {}
        for name, value in facts.items():
            types = SPOKEN_AS[measures[name]] if name in measures else SAID_AS[FACTS[name]]
            for lang in (lang for lang in LANGUAGES if types):
                for type_ in types:
                    if type_ == TERM:
                        assert value in library.catalogs[lang].prompts, f"{name}: {value!r} is no prompt"
                    else:
                        assert words(value, type_, lang)


SENT_AT_ONCE: Mapping[ListenMode, int] = {"six": 6, "eight": 8, "four": 4}
"""After so many keys the carrier waits for no ``#``."""


def in_other_words(script: Script) -> Script:
    """Give a script whose prompts are the same, but not their words."""
    lines = tuple(replace(line, spoken=None) for line in script.lines)
    return replace(script, texts=None, lines=lines)


def _recorded(line: Line) -> Event:
    """Give what the carrier makes of a message: a star that ended it drops it."""
    if line.speaks is None:
        return Silence()
    seconds, key = line.speaks
    return Keyed("*") if key == "*" else Recorded("RE" + "0" * 32, seconds, ended=key == "#")


def gathered(mode: ListenMode, press: str) -> Keyed:
    """Give what the carrier makes of keys: one, so many, or all up to ``#``; what follows is lost, as it is there."""
    if mode == "key":
        return Keyed(press[0])
    keys, hash_, _ = press.partition("#")
    most = SENT_AT_ONCE.get(mode, len(keys) + 1)
    return Keyed(keys[:most]) if len(keys) >= most else Keyed(keys, bool(hash_))


def _waits(turn: Turn) -> int | None:
    """Give the one wait that the carrier has: for the first key and between keys."""
    if isinstance(turn.next, Hold):
        return turn.next.wait
    if not isinstance(turn.next, Listen):
        return None
    listen = turn.next
    return listen.first_wait if listen.mode == "key" else max(listen.first_wait, listen.key_wait)


class RememberedPasswords(KeptPasswords):
    """The first entries of new passwords, in memory; where they really lie is tested with the store."""

    def __init__(self, now: Callable[[], int]) -> None:
        self.away = False
        self._now = now
        self._kept: dict[str, tuple[str, int]] = {}

    async def keep(self, call: str, digits: str) -> None:
        self._reach()
        self._kept[call] = digits, self._now() + KEPT_MS

    async def take(self, call: str) -> str | None:
        self._reach()
        digits, until = self._kept.pop(call, ("", 0))
        return digits if self._now() < until else None

    async def drop(self, call: str) -> None:
        self._reach()
        self._kept.pop(call, None)

    def _reach(self) -> None:
        if self.away:
            raise StoreAway("The script says that nothing is kept.")


class RememberedBookings(Bookings):
    """The open callbacks, in memory, with a code that a script can know; where they really lie is tested there."""

    def __init__(self, booked: Collection[str]) -> None:
        self._open: dict[str, Booking | None] = dict.fromkeys(booked)

    async def is_booked(self, number: str) -> bool:
        return number in self._open

    def names(self, number: str) -> tuple[str, ...]:
        return (number,)

    async def book(self, booking: Booking) -> Booking | None:
        return self._open.setdefault(booking.number, msgspec.structs.replace(booking, code=CODE))


class RememberedSurveys(Surveys):
    """What callers answered, in memory."""

    def __init__(self) -> None:
        self.noted: list[Survey] = []

    async def note(self, survey: Survey) -> None:
        self.noted.append(survey)


class RememberedMessages(Messages):
    """What callers said, in memory."""

    def __init__(self) -> None:
        self.noted: list[Message] = []
        self.away = False

    async def note(self, message: Message) -> None:
        if self.away:
            raise StoreAway("The script says that nothing is kept.")
        self.noted.append(message)


class ScriptedCounters(Counters):
    """Counts of one call, on top of those that its script begins with; the real ones are tested where they are."""

    def __init__(self, script: Script, limits: Limits) -> None:
        self.lost = False
        self._reserved: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for kind, number in script.used_up:
            self._reserved["account", f"{kind}:{number}"] = {
                f"earlier-{attempt}" for attempt in range(limits.failed_per_account_a_day)
            }
        for kind, number in script.codes_used_up:
            earlier = {f"earlier-{code}" for code in range(limits.codes_per_account_a_day)}
            self._reserved["code", f"{kind}:{number}"] = earlier
        if script.messages_used_up:
            self._reserved["message", CALLING] = {f"earlier-{left}" for left in range(MESSAGES_A_DAY)}
        if script.callbacks_used_up:
            self._reserved["callback", CALLING] = {f"earlier-{booked}" for booked in range(BOOKINGS_A_DAY)}

    async def epoch_confirmed(self) -> bool:
        return not self.lost

    async def lately_free(self, counter: Window) -> bool:  # noqa: ARG002 - one call never fills a hotline's counter
        return not self.lost

    async def reserve(self, counters: Sequence[Window], reservation: str) -> Reserved | Refused:
        if self.lost:
            raise StoreAway("The script says that the counts are lost.")
        for counter in counters:
            assert counter.window_s > 0, "no call is as long as a window"
            taken = self._reserved[counter.kind, counter.value]
            if reservation not in taken and len(taken) >= counter.limit:
                return Refused(len(taken), counter.kind)
        for counter in counters:
            self._reserved[counter.kind, counter.value].add(reservation)
        back = tuple(self.giving_back(counters, reservation))
        return Reserved(len(self._reserved[counters[0].kind, counters[0].value]), reservation, back)

    def giving_back(self, counters: Sequence[Window], reservation: str) -> list[Command]:
        return [Command((counter.kind, counter.value, reservation)) for counter in counters]

    def settle(self, steps: Sequence[Command]) -> None:
        """Make the steps of a turn, as its commit does."""
        for one in steps:
            kind, value, reservation = one.words
            self._reserved[kind, value].discard(reservation)


class NoTimes(RefusalTimes):
    """Nobody has refused anything yet, and nobody waits."""

    def __init__(self) -> None:
        pass

    async def note(self, question: Question, seconds: float) -> None:
        pass

    async def recent(self, question: Question) -> float:  # noqa: ARG002 - the same for all
        return 0.0
