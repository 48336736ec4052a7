"""Every call script, run on the engine, over HTTP through the carrier, and over HTTP on two workers in turn."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncIterator, Iterator, Mapping

import httpx2
import pytest
import pytest_asyncio
from call_scripts import (
    AGENT_TAKES,
    COUNTS_LOST,
    NOTHING_KEPT,
    ONE_COMES,
    ONE_GOES,
    SERVICE_KEYS,
    SERVICE_OUT,
    VOICE_LANGUAGES,
    Line,
    Script,
    check_asked,
    check_goes_on,
    check_heard,
    scripts,
)
from engine_caller import BEGAN, EngineCaller
from hotline_under_test import AUTH_TOKEN, SECRET_KEY, UnderTest, serving
from redis.asyncio import Redis
from scripted_accounts import known_to_be_out
from scripted_queue import OthersInQueue
from tampering import PATIENT

from ivr.agents.callbacks import BOOKINGS_A_DAY
from ivr.agents.messages import MESSAGES_A_DAY
from ivr.bookings import Booking, Bookings
from ivr.call import Utterance
from ivr.carrier.carrier import Carrier
from ivr.carrier.line import Call, Heard
from ivr.carrier.webhook import Exchange
from ivr.clock import wall_clock
from ivr.counters import EPOCHS, Counters, Reserved, Window
from ivr.library import default_dirs, load
from ivr.redis_line import connect
from ivr.seals import Seals
from ivr.settings import DEMO_ACCOUNT_SID
from ivr.store import new_password_key
from ivr.walk import china_day

SCRIPTS = scripts()
LIBRARY = load(*default_dirs())
CALLING_FROM = {script.call: f"+861390{place:07d}" for place, script in enumerate(SCRIPTS)}
"""Each script has a calling number of its own, so that none goes on with what another one has left."""

DAY_SECONDS = 24 * 3600
REFUSAL_STEP = 0.01
"""Seconds; that refusals keep to a step is tested elsewhere, here many of them have to be fast."""

ALL_AT_ONCE = 100_000
"""Keys to look at in one step on Redis, which holds those of all earlier scripts as well."""

every_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.call)
in_one_loop = pytest.mark.asyncio(loop_scope="module")
"""The connections to the workers and to Redis are made once for all scripts, so these have one event loop."""


def test_every_call_script_has_a_name_of_its_own() -> None:
    names = [script.call for script in SCRIPTS]
    assert len(names) == len(set(names))


@every_script
@in_one_loop
async def test_on_the_engine(script: Script) -> None:
    await EngineCaller(LIBRARY, script).plays()


@pytest.fixture(scope="module", autouse=True)
def _lost_counts_are_noticed_at_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.counters.LATELY_S", 0.001, raising=False)
        yield


@pytest.fixture(scope="module")
def one_worker(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    emptied(valkey_url)
    with serving(valkey_url, tmp_path_factory.mktemp("data"), refusal_step=REFUSAL_STEP) as under_test:
        yield under_test


@pytest.fixture(scope="module")
def two_workers(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    emptied(valkey_url)
    with serving(valkey_url, tmp_path_factory.mktemp("data"), workers=2, refusal_step=REFUSAL_STEP) as under_test:
        yield under_test


def emptied(valkey_url: str) -> None:
    async def run() -> None:
        async with connect(valkey_url) as client:
            await client.flushall()

    asyncio.run(run())


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def kept_redis(valkey_url: str) -> AsyncIterator[Redis]:
    async with connect(valkey_url, patience=PATIENT) as client:
        yield client
        await may_all(client)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    # Certificates take longer to load than a call to play, and there are none on the loopback interface.
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        yield client


@every_script
@in_one_loop
async def test_over_http(script: Script, one_worker: UnderTest, kept_redis: Redis, http: httpx2.AsyncClient) -> None:
    await call_through(script, one_worker, kept_redis, http)


@every_script
@in_one_loop
async def test_on_two_workers(
    script: Script, two_workers: UnderTest, kept_redis: Redis, http: httpx2.AsyncClient
) -> None:
    await call_through(script, two_workers, kept_redis, http)


async def call_through(script: Script, hotline: UnderTest, redis: Redis, http: httpx2.AsyncClient) -> None:
    hotline.accounts.script(script.service)
    # Facts of policy have days: without a moment of its own a script runs at the same one for ever.
    hotline.accounts.today = lambda: china_day(hotline.clock())
    hotline.clock.ahead_ms = (BEGAN if script.at is None else script.at) - wall_clock()
    for queues in hotline.queues:
        queues.offered = script.queue
    async with ScriptedCarrier(script, hotline, http) as carrier:
        await count_afresh(redis, script)
        hotline.goes_to_agents_only(*([LIBRARY.hotline_for(script.to)[0]] if script.agents_only else []))
        await break_off(carrier, script)
        call = carrier.call(to=script.to)
        others = OthersInQueue(redis, LIBRARY.hotline_for(script.to)[0], hotline.clock)
        await others.are(script.ahead, brisk=script.brisk)
        before: tuple[str, ...] = ()
        for line in script.lines:
            if line.passes is not None:
                hotline.clock.ahead_ms += line.passes * 1000
                await age(redis, call.sid, line.passes * 1000)
                continue
            if line.press == COUNTS_LOST:
                await redis.delete(*EPOCHS)
                continue
            if line.press == NOTHING_KEPT:
                await redis.acl_setuser("default", enabled=True, commands=["-set", "-getdel", "-hsetnx"])
                continue
            await others.stay()
            if line.press in (ONE_GOES, ONE_COMES):
                await (others.goes() if line.press == ONE_GOES else others.comes())
                continue
            if line.press == SERVICE_OUT:
                hotline.accounts.out = True
                for breaker in hotline.breakers:
                    known_to_be_out(breaker)
                continue
            heard = await does(call, line)
            check_heard(LIBRARY, script, line, [_utterance(one) for one in heard])
            check_goes_on(line, ended=call.ended, waits=call.gather.timeout if call.gather else None)
            if line.press == "3" or (line.press == "*" and "password.ask_again" in before):
                assert not await redis.exists(new_password_key(call.sid)), f"{line}: half a new password is still kept"
            before = line.hears
        await call.hang_up()
        assert call.violations == []
        assert not await redis.exists(new_password_key(call.sid)), "half a new password is kept after the call"
    check_asked(script, hotline.accounts)


async def break_off(carrier: Carrier, script: Script) -> None:
    """Make the call that broke off just before, where the script says that there was one."""
    if script.dropped:
        call = await carrier.dial(to=script.to)
        await call.press(SERVICE_KEYS[script.dropped])
        await call.hang_up()
        assert call.violations == []


async def does(call: Call, line: Line) -> list[Heard]:
    if line.press is None:
        return await call.ring("/twilio/voice")
    if line.speaks is not None:
        return await call.speak(*line.speaks)
    if line.press == AGENT_TAKES:
        return await call.agent_takes()
    return await (call.silence() if line.press == "-" else call.press(line.press))


class ScriptedCarrier(Carrier):
    """The strict carrier, on which a dial takes as long as the script says."""

    def __init__(self, script: Script, hotline: UnderTest, http: httpx2.AsyncClient) -> None:
        super().__init__(
            hotline.urls,
            public_url=hotline.public_url,
            account_sid=DEMO_ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            agent_answers=script.agent,  # type: ignore[arg-type]
            from_=script.from_ or CALLING_FROM[script.call],
            client=http,
        )
        self._rings_ms = script.rings * 1000
        self._clock = hotline.clock

    async def webhook(self, url: str, params: Mapping[str, str]) -> Exchange:
        if "DialCallStatus" in params:
            self._clock.ahead_ms += self._rings_ms
        return await super().webhook(url, params)


def _utterance(heard: Heard) -> Utterance:
    return Utterance("", VOICE_LANGUAGES[heard.lang], heard.text, heard.slow)


async def age(redis: Redis, sid: str, ms: int) -> None:
    """Let time pass for what the store keeps of a call, too: it has a clock of its own."""
    async for key in redis.scan_iter(f"ivr:{{{sid}}}*", count=ALL_AT_ONCE):
        left = await redis.pttl(key)
        assert left > 0, f"{key!r} is kept without an end"
        await redis.pexpire(key, left - ms)


async def may_all(redis: Redis) -> None:
    """Let everybody do everything again, after a script in which nothing is kept."""
    await redis.acl_setuser("default", enabled=True, categories=["+@all"])


async def count_afresh(redis: Redis, script: Script) -> None:
    """Forget the attempts and the broken calls of earlier scripts; take the attempts that this one says are taken."""
    await may_all(redis)
    for name in ("ivr:count:*", "ivr:dropped:*", "ivr:{callbacks}:*", "ivr:{queue:*"):
        async for key in redis.scan_iter(name, count=ALL_AT_ONCE):
            await redis.delete(key)
    seals = Seals([b64decode(SECRET_KEY)])
    counters = Counters(redis, seals, deadline=PATIENT)
    await counters.confirm_epoch()
    limits = LIBRARY.hotline_for(script.to)[1].limits
    for kind, number in script.used_up:
        account = Window("account", f"{kind}:{number}", limits.failed_per_account_a_day, DAY_SECONDS)
        for attempt in range(account.limit):
            assert await counters.reserve([account], f"earlier-{attempt}") == Reserved(attempt + 1)
    for kind, number in script.codes_used_up:
        codes = Window("code", f"{kind}:{number}", limits.codes_per_account_a_day, DAY_SECONDS)
        for code in range(codes.limit):
            assert await counters.reserve([codes], f"earlier-{code}") == Reserved(code + 1)
    for number in script.booked:
        earlier = Booking("CA" + "f" * 32, "demo", number, "0000", "zh", "", verified=False, slow=False, at=BEGAN)
        assert await Bookings(redis, seals, deadline=PATIENT).book(earlier) == earlier
    if script.messages_used_up:
        messages = Window("message", CALLING_FROM[script.call], MESSAGES_A_DAY, DAY_SECONDS)
        for left in range(MESSAGES_A_DAY):
            assert await counters.reserve([messages], f"earlier-{left}") == Reserved(left + 1)
    if script.callbacks_used_up:
        callbacks = Window("callback", CALLING_FROM[script.call], BOOKINGS_A_DAY, DAY_SECONDS)
        for booked in range(BOOKINGS_A_DAY):
            assert await counters.reserve([callbacks], f"earlier-{booked}") == Reserved(booked + 1)
