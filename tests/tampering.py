"""A caller under the tests' control, below the carrier: every webhook of it can be repeated, reordered and forged."""

from base64 import b64decode
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from secrets import token_hex

import httpx2
from hotline_under_test import AUTH_TOKEN, SECRET_KEY, UnderTest
from msgspec.structs import replace
from redis.asyncio import Redis

from ivr.carrier.carrier import Carrier
from ivr.carrier.say import Say
from ivr.carrier.verbs import Dial, Enqueue, Gather, Hangup, Leave, Redirect, Verb
from ivr.carrier.vocabulary import Context
from ivr.carrier.webhook import Exchange, read_answer
from ivr.counters import Counters
from ivr.hotline import Deadlines
from ivr.library import default_dirs, load
from ivr.prompts import speak
from ivr.seals import Position, Seals
from ivr.settings import DEMO_ACCOUNT_SID
from ivr.store import CallStore, Kept
from ivr.validators import check_character

LIBRARY = load(*default_dirs())
SEALS = Seals([b64decode(SECRET_KEY)])

SHORT = Deadlines(reply=0.6, work=1.5, claim=1.9, look=0.02)
"""The deadlines of the service, shrunk: a test has no ten seconds."""

UNHURRIED = Deadlines(reply=3.0, work=5.0, claim=6.0, look=0.02)
"""Where nothing is said of deadlines: a busy machine may hold up a webhook for some time."""

PATIENT = 10.0
"""Seconds that the tests' own steps on Redis may take: a busy machine is no fault."""

NUMBER = "110105198503122173"
PASSWORD = "846275"
BALANCE = {"balance": "20180.05", "as_of": "2026-11-20", "status": "normal"}
SUM = "两万零一百八十元零五分"


def words(prompt: str) -> str:
    """Give what a prompt without facts says on the hotline that is called here."""
    _, hotline = LIBRARY.hotline_for("12333")
    return "".join(one.text for one in speak(LIBRARY.catalogs, prompt, {}, "zh", offered=hotline.languages))


@dataclass(frozen=True)
class Document:
    """An answer that was held to the carrier's rules."""

    body: bytes
    verbs: tuple[Verb, ...]
    seconds: float

    @property
    def said(self) -> str:
        prompts = [one for verb in self.verbs for one in (verb.prompts if isinstance(verb, Gather) else (verb,))]
        return "".join(one.text for one in prompts if isinstance(one, Say))

    @property
    def next(self) -> str:
        """Where the carrier goes on, without the overrides of its retries."""
        last = self.verbs[-1]
        url = last.action if isinstance(last, Gather | Dial) else last.url if isinstance(last, Redirect) else None
        url = last.wait_url if isinstance(last, Enqueue) else url
        assert url is not None, self.body
        return url.partition("#")[0]

    @property
    def token(self) -> str:
        return self.next.rpartition("/")[2]

    @property
    def polls(self) -> bool:
        return isinstance(self.verbs[-1], Redirect) and "/twilio/poll/" in self.next

    @property
    def hangs_up(self) -> bool:
        return isinstance(self.verbs[-1], Hangup)

    @property
    def queue(self) -> str:
        """Where the carrier goes on after the queue into which this puts the caller."""
        last = self.verbs[-1]
        assert isinstance(last, Enqueue), self.body
        assert last.action is not None
        return last.action.partition("#")[0]

    @property
    def leaves(self) -> bool:
        return isinstance(self.verbs[-1], Leave)

    @property
    def dials(self) -> bool:
        return isinstance(self.verbs[-1], Dial)

    @property
    def leads_to_a_human(self) -> bool:
        """Tell whether humans are rung, or the caller waits for one."""
        return isinstance(self.verbs[-1], Dial | Enqueue)


def read(exchange: Exchange, context: Context = "call") -> Document:
    """Hold an answer to every rule of the carrier."""
    answer = read_answer(exchange, context)
    assert not answer.violations, [str(one) for one in answer.violations]
    assert answer.verbs
    assert exchange.headers["content-type"].startswith("text/xml")
    assert exchange.status == 200
    assert len(exchange.body) < 64 * 1024
    return Document(exchange.body, answer.verbs, exchange.elapsed)


@dataclass
class Caller:
    """One call, webhook by webhook. `here` is the last document; `last` is the webhook that brought it."""

    hotline: UnderTest
    carrier: Carrier
    sid: str = field(default_factory=lambda: "CA" + token_hex(16))
    last: Exchange | None = None
    here: Document | None = None
    calling: str = "+8613800000000"
    dialled: str = "12333"
    after: str = ""
    """Where the carrier goes on after the queue in which the call is."""
    last_in: Context = "call"

    def form(self, **fields: str) -> dict[str, str]:
        status = "in-progress" if self.last else "ringing"
        known = {"CallSid": self.sid, "AccountSid": DEMO_ACCOUNT_SID, "From": self.calling, "To": self.dialled}
        return known | {"CallStatus": status, "ApiVersion": "2010-04-01", "Direction": "inbound"} | fields

    async def post(self, url: str, **fields: str) -> Document:
        """Send a webhook of this call to any URL; where the caller stands does not change."""
        return read(await self.carrier.post(url, self.form(**fields)), self.context)

    async def go(self, url: str, **fields: str) -> Document:
        """Send a webhook and stand where its answer leads."""
        self.last, self.last_in = await self.carrier.post(url, self.form(**fields)), self.context
        self.here = read(self.last, self.last_in)
        if isinstance(self.here.verbs[-1], Enqueue):
            self.after = self.here.queue
        return self.here

    async def waits(self) -> Document:
        """Hear the next round of the wait in the queue, in which nothing is keyed."""
        assert self.here is not None
        return await self.go(self.here.next)

    async def comes_out(self, result: str) -> Document:
        """Be out of the carrier's queue, and go on with what comes after it."""
        url, self.after = self.after, ""
        return await self.go(url, QueueResult=result)

    @property
    def context(self) -> Context:
        return "wait" if self.after else "call"

    async def rings(self) -> Document:
        return await self.go("/twilio/voice")

    async def keys(self, keys: str) -> Document:
        """Key what the present document asks for; ``-`` is silence, ``#`` at the end is the finishing key."""
        assert self.here is not None
        gather = self.here.verbs[-1]
        one_key = isinstance(gather, Gather) and not gather.finish_on_key
        if keys == "-":
            return await self.go(self.here.next, Digits="", FinishedOnKey="")
        if one_key or not keys.endswith("#"):
            return await self.go(self.here.next, Digits=keys)
        return await self.go(self.here.next, Digits=keys[:-1], FinishedOnKey="#")

    async def follows(self) -> Document:
        """Follow fillers until there is a reply."""
        assert self.here is not None
        while self.here.polls:
            await self.go(self.here.next)
        return self.here

    async def reply_after(self, document: Document) -> Document:
        """Follow fillers from a document to its reply; where the caller stands does not change."""
        while document.polls:
            document = await self.post(document.next)
        return document

    async def to_the_password(self, number: str = NUMBER) -> Document:
        await self.rings()
        await self.keys("1")
        return await self.keys(number.replace("X", "*") + "#")

    async def verified(self) -> Document:
        """Be verified; a busy machine may let the filler be heard before the answer."""
        await self.to_the_password()
        await self.keys(PASSWORD)
        return await self.follows()

    async def again(self, times: int, *, at_once: bool) -> list[bytes]:
        """Send the last webhook again, token and all."""
        assert self.last is not None
        return [read(one, self.last_in).body for one in await self.carrier.replay(self.last, times, at_once=at_once)]


@asynccontextmanager
async def calling(hotline: UnderTest, *, workers: int = 2) -> AsyncIterator[Caller]:
    """Give a caller whose webhooks go to so many of the workers in turn."""
    urls = hotline.urls[:workers]
    # Certificates take longer to load than a call to play, and there are none on the loopback interface.
    async with httpx2.AsyncClient(trust_env=False, verify=False) as client:
        carrier = Carrier(
            urls, public_url=hotline.public_url, account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN, client=client
        )
        yield Caller(hotline, carrier)


async def emptied(redis: Redis, *, confirmed: bool = True) -> None:
    """Empty a Redis, and vouch for its counters."""
    await redis.flushall()
    if confirmed:
        await Counters(redis, SEALS, deadline=PATIENT).confirm_epoch()


async def kept_of(redis: Redis, sid: str) -> Kept:
    kept = await CallStore(redis, SEALS, deadline=PATIENT).load(sid)
    assert isinstance(kept, Kept)
    return kept


async def everything(redis: Redis) -> Mapping[bytes, bytes | None]:
    """Give all that is in a Redis, as it lies there, but for what workers write by themselves.

    These are the flow versions, records of calls that are over on their way to the database, and what those are told
    who watch calls.
    """
    keys = [key async for key in redis.scan_iter()]
    by_themselves = (b"ivr:flows:", b"ivr:{records}:", b"ivr:{live}:")
    calls = [key for key in keys if not key.startswith(by_themselves) and not key.endswith(b":left")]
    return {key: await redis.dump(key) for key in calls}


def numbers() -> Iterator[str]:
    """Give ID numbers without end, each of somebody else; none ends a password of the tests."""
    for day in count():
        for order in range(100, 1000):
            first17 = f"110105{date(1950, 1, 1) + timedelta(days=day):%Y%m%d}{order}"
            yield first17 + check_character(first17)


def token_at(sid: str, token: str, *, kind: str = "turn", **changes: object) -> str:
    """Seal the position of a token again, somewhere else: what an earlier life of the service may have handed out."""
    position = SEALS.open_token("turn", sid, token)
    assert isinstance(position, Position)
    return SEALS.seal_token(kind, sid, replace(position, **changes))


def verifications(hotline: UnderTest) -> int:
    return sum(question == "verify" for question, _, _ in hotline.accounts.asked)
