"""Every call script, run on the engine, over HTTP through the carrier, and over HTTP on two workers in turn."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import redis as sync_redis

from call_scripts import VOICE_LANGUAGES, Line, Script, check_heard, keys_of, scripts
from hotline_under_test import UnderTest, serving
from ivr.call import Ask, Dial, DialEnded, DialOutcome, End, Event, Keyed, Session, Silence, Started, Turn, Utterance
from ivr.carrier.line import Heard
from ivr.counters import Counters
from ivr.engine import begin, step
from ivr.inquiry import Desk, Inquiry
from ivr.library import Library, default_dirs, load
from ivr.lookups import DECLARED
from ivr.redis_line import connect
from ivr.seals import Seals
from scripted_accounts import ScriptedAccounts
from scripted_client import ScriptedClient

SCRIPTS = list(scripts())
LIBRARY = load(*default_dirs())
BEGAN = 1_795_000_000_000


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.call)
async def test_on_the_engine(script: Script) -> None:
    caller = EngineCaller(LIBRARY, script)
    for line in script.lines:
        check_heard(LIBRARY, line, await caller.does(line))
    assert not caller.accounts.unused, "the script has answers that nobody asked for"


class EngineCaller:
    """A caller of the engine alone; the session goes through its stored form after every step."""

    def __init__(self, library: Library, script: Script) -> None:
        self.library = library
        self.script = script
        self.accounts = ScriptedAccounts()
        self.accounts.script(script.service)
        self.now = BEGAN
        name, self.hotline = library.hotline_for(script.to)
        self.session = begin(library, name, self.now)
        self.turn: Turn | None = None
        self.desk = Desk(
            ScriptedClient(self.accounts),
            AlwaysConfirmed(),  # type: ignore[arg-type]
            Seals([bytes(32)]),
            lambda: self.now,
            frozenset(library.hotlines.weak_passwords),
        )

    async def does(self, line: Line) -> list[Utterance]:
        if line.press is not None and line.press.startswith("wait "):
            self.now += int(line.press.removeprefix("wait ")) * 1000
            return []
        self.now += 3000
        heard = await self.takes(self._event(line))
        while self.turn is not None and isinstance(self.turn.next, Dial):
            heard += await self.takes(DialEnded(_outcome(self.script.agent)))
        return heard

    def _event(self, line: Line) -> Event:
        if line.press is None:
            return Started()
        if line.press == "-":
            return Silence()
        assert self.turn is not None
        if getattr(self.turn.next, "mode", "") == "key":
            return Keyed(line.press)
        return Keyed(*keys_of(line.press))

    async def takes(self, event: Event) -> list[Utterance]:
        heard: list[Utterance] = []
        while True:
            self.session, self.turn = step(self.library, self.session, event, self.now)
            self.session = msgspec.msgpack.decode(msgspec.msgpack.encode(self.session), type=Session)
            heard += self.turn.say
            if not isinstance(self.turn.next, Ask):
                return heard
            event = await self._answer(self.turn.next)

    async def _answer(self, ask: Ask) -> Event:
        declared = DECLARED[ask.lookup]
        if declared.verifies:
            self.session = msgspec.structs.replace(self.session, failed=self.session.failed + 1)
        until = asyncio.get_running_loop().time() + 5
        inquiry = Inquiry(self.desk, "CA" + "0" * 32, self.session, self.hotline, until, ask.secret)
        answered = await declared.answer(inquiry)
        assert answered.outcome in declared.outcomes
        assert declared.outcomes[answered.outcome] <= answered.facts.keys()
        if answered.outcome in declared.gives_back:
            self.session = msgspec.structs.replace(self.session, failed=self.session.failed - 1)
        return answered


class AlwaysConfirmed:
    """Counters that never refuse: what they do is tested where they are real."""

    async def epoch_confirmed(self) -> bool:
        return True

    async def reserve(self, *_: object, **__: object) -> object:
        from ivr.counters import Reserved

        return Reserved(1)

    async def give_back(self, *_: object, **__: object) -> None:
        return


def _outcome(agent: str) -> DialOutcome:
    outcomes: dict[str, DialOutcome] = {"busy": "busy", "no-answer": "no_answer", "failed": "failed"}
    return outcomes.get(agent, "answered")


@pytest.fixture(scope="module")
def one_worker(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    confirm(valkey_url)
    with serving(valkey_url, tmp_path_factory.mktemp("data")) as under_test:
        yield under_test


@pytest.fixture(scope="module")
def two_workers(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    confirm(valkey_url)
    with serving(valkey_url, tmp_path_factory.mktemp("data"), workers=2) as under_test:
        yield under_test


def confirm(valkey_url: str) -> None:
    async def run() -> None:
        async with connect(valkey_url) as client:
            await client.flushall()
            await Counters(client, Seals([bytes(32)])).confirm_epoch()

    asyncio.run(run())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.call)
async def test_over_http(script: Script, one_worker: UnderTest) -> None:
    await call_through(script, one_worker)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.call)
async def test_on_two_workers(script: Script, two_workers: UnderTest) -> None:
    await call_through(script, two_workers)


async def call_through(script: Script, hotline: UnderTest) -> None:
    hotline.accounts.script(script.service)
    hotline.clock.ahead_ms = 0
    _fresh_counts(hotline)
    async with hotline.carrier(agent=script.agent) as carrier:
        call = carrier.call(to=script.to)
        for line in script.lines:
            if line.press is None:
                heard = await call.ring("/twilio/voice")
            elif line.press == "-":
                heard = await call.silence()
            elif line.press.startswith("wait "):
                hotline.clock.ahead_ms += int(line.press.removeprefix("wait ")) * 1000
                heard = []
            else:
                heard = await call.press(line.press)
            check_heard(LIBRARY, line, [_utterance(one) for one in heard])
        if not call.ended:
            await call.hang_up()
        assert call.violations == []
    assert not hotline.accounts.unused, "the script has answers that nobody asked for"


def _utterance(heard: Heard) -> Utterance:
    return Utterance("", VOICE_LANGUAGES[heard.lang], heard.text, heard.slow)


def _fresh_counts(hotline: UnderTest) -> None:
    """Forget the attempts of earlier scripts: each begins with an account that nobody has tried."""
    client = sync_redis.Redis.from_url(hotline.redis_url)
    for key in client.scan_iter("ivr:count:*"):
        client.delete(key)
    client.close()
