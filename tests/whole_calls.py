"""Whole calls as a state machine: a caller, a carrier that repeats and reorders, and faults of everything behind.

Beside it runs a small model of what must hold whatever happens: whose sum may be heard and until when, how often the
account service may be asked, that turns only go forward, and that after the end there is nothing but a hang-up.
"""

import asyncio
import threading
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import httpx2
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fuzzing import TIMES
from hotline_under_test import AUTH_TOKEN, UnderTest, serving
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from redis.asyncio import Redis
from scripted_accounts import REF, VERIFIED, ScriptedAccounts
from tampering import PATIENT, SEALS, Caller, Document, emptied, token_at
from tcp_proxy import Fault, TcpProxy

from ivr.carrier.carrier import Carrier
from ivr.carrier.verbs import Gather
from ivr.counters import Counters
from ivr.hotline import Deadlines
from ivr.library import Library, build, default_dirs, load
from ivr.redis_line import connect
from ivr.settings import DEMO_ACCOUNT_SID
from ivr.store import CallStore, Ended, Kept

T = TypeVar("T")

QUICK = Deadlines(reply=0.25, work=0.6, claim=0.8, look=0.02)
PATIENCE_S = 2.0 if TIMES == 1 else 0.5
"""A step on Redis: long where Redis never stalls, since a busy machine is no fault of it."""
MINUTE_MS = 60_000
IDLE_MS, VERIFIED_MS = 5 * MINUTE_MS, 15 * MINUTE_MS
TOO_OLD_MS = 4 * 60 * MINUTE_MS
YEAR_MS = 365 * 24 * 60 * MINUTE_MS
MOST_SILENCES = 20


@dataclass(frozen=True)
class Member:
    """Somebody who may call: what is keyed, and what is heard only after it."""

    number: str
    keyed: str
    pin: str
    balance: str
    spoken: tuple[str, ...]

    def is_told(self, document: Document) -> bool:
        """Tell whether the balance is heard, in whatever language."""
        return any(words in document.said for words in self.spoken)


ANN = Member(
    "110105198503122173",
    "110105198503122173#",
    "846275",
    "20180.05",
    ("两万零一百八十元", "twenty thousand one hundred"),
)
BOB = Member(
    "11010519491231002X", "11010519491231002*#", "628404", "7654.32", ("七千六百五十四元", "seven thousand six hundred")
)
MEMBERS = (ANN, BOB)

Trouble = Literal["none", "slow", "stuck", "503", "html", "another member"]
TROUBLES: tuple[Trouble, ...] = ("none", "none", "none", "another member", "slow", "503", "html")
if TIMES > 1:
    TROUBLES += ("stuck",)


@dataclass
class TruthfulAccounts(ScriptedAccounts):
    """An account service that knows two members, and has the trouble that it is told to have."""

    trouble: Trouble = "none"
    verified: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    def app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/healthz")
        async def health() -> Response:
            return Response(status_code=503 if self.trouble == "503" else 200)

        @app.post("/v1/verifications")
        async def verify(request: Request) -> Response:
            body = await request.json()
            self.verified[body["call_id"]] += 1
            if trouble := await self._trouble():
                return trouble
            for member in MEMBERS:
                if (body["credential"]["number"], body["secret"]["value"]) == (member.number, member.pin):
                    return JSONResponse({**VERIFIED, "member_ref": f"{REF}-{member.number}"})
            self.refused[body["call_id"]] += 1
            self.refused[body["credential"]["number"]] += 1
            return JSONResponse({"status": 401, "code": "invalid_credentials"}, 401)

        @app.get("/v1/members/{ref}/balance")
        async def balance(ref: str) -> Response:
            if trouble := await self._trouble():
                return trouble
            mine = [member for member in MEMBERS if ref.endswith(member.number) == (self.trouble != "another member")]
            told = {"balance": mine[0].balance, "as_of": "2026-11-20", "status": "normal"}
            return JSONResponse(told, headers={"Member-Ref": f"{REF}-{mine[0].number}"})

        return app

    async def _trouble(self) -> Response | None:
        await asyncio.sleep({"slow": 0.15, "stuck": 1.0}.get(self.trouble, 0.0))
        if self.trouble == "503":
            return JSONResponse({"status": 503, "code": "unavailable"}, 503)
        return HTMLResponse("<html>") if self.trouble == "html" else None


@dataclass
class World:
    """Two workers on a Valkey and an account service, each behind a proxy; `run` runs on the loop of the proxies."""

    hotline: UnderTest
    accounts: TruthfulAccounts
    redis: Redis
    before_redis: TcpProxy
    carrier: Carrier
    loop: asyncio.AbstractEventLoop

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, self.loop).result(30)


@contextmanager
def world(valkey_url: str, folder: Path) -> Iterator[World]:
    """Start everything; the loop has a thread of its own, so that work goes on between the steps of the machine."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(doing: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(doing, loop).result(30)

    accounts = TruthfulAccounts()
    proxy = TcpProxy(valkey_url.removeprefix("unix://"))
    run(proxy.__aenter__())
    redis = connect(valkey_url)
    try:
        with serving(
            f"redis://{proxy.address}",
            folder,
            workers=2,
            refusal_step=0.01,
            deadlines=QUICK,
            patience=PATIENCE_S,
            accounts=accounts,
            outbound_number="",
        ) as hotline:
            carrier = run(_carrier(hotline))
            yield World(hotline, accounts, redis, proxy, carrier, loop)
            run(carrier.client.aclose())
    finally:
        run(redis.aclose())
        run(proxy.__aexit__())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _carrier(hotline: UnderTest) -> Carrier:
    # Certificates take longer to load than a call to play, and there are none on the loopback interface.
    client = httpx2.AsyncClient(trust_env=False, verify=False)
    public_url, auth_token = hotline.public_url, AUTH_TOKEN
    return Carrier(
        hotline.urls, public_url=public_url, account_sid=DEMO_ACCOUNT_SID, auth_token=auth_token, client=client
    )


def versions() -> list[Library]:
    """Give flows and prompts as they are, and another version that says the same."""
    now = load(*default_dirs())
    revised = now.sources["prompts/zh.yaml"] + b"# revised\n"
    return [now, build({**now.sources, "prompts/zh.yaml": revised})]


ONE_KEY = [*"1111123589*#0", "-"]
SIX = [ANN.pin, ANN.pin, BOB.pin, "975318", "123456", "#", "-", "*", "12#"]
NUMBERS = [ANN.keyed, ANN.keyed, BOB.keyed, "11010519850312", "12345678#", "#", "-", "*"]
VERSIONS = versions()
DIALS = ["completed", "busy", "no-answer"]

chances = st.integers(0, 13)
"""What there is to choose from depends on where the call stands, now and then on the clock; the draw must not."""


class WholeCalls(RuleBasedStateMachine):
    """One call after another on the same hotline; `proved` is when whose number and password were both keyed.

    `began`, `moved_at` and `verified_at` are when the call came in, when the last webhook came that was new, and when a
    number and its password were keyed the last time, if ever.
    """

    world: World

    def __init__(self) -> None:
        super().__init__()
        world = self.world
        self.caller = Caller(world.hotline, world.carrier)
        self.posts: list[tuple[str, dict[str, str]]] = []
        self.legitimate: set[bytes] = set()
        self.keyed_numbers: set[str] = set()
        self.proved: dict[Member, int] = {}
        self.last_at = 0
        self.turn = -1
        self.version = ""
        self.serving = VERSIONS[0]
        self.may_ask = 0
        self.calm = True
        self.whole = True
        self.began = self.moved_at = 0
        self.verified_at: int | None = None

    def now(self) -> int:
        return self.world.hotline.clock()

    # --- the call ---

    @initialize()
    def everything_is_well(self) -> None:
        world = self.world
        world.accounts.trouble = "none"
        world.accounts.on_script()
        world.accounts.verified.clear()
        world.accounts.refused.clear()
        world.hotline.clock.ahead_ms = 0
        world.run(world.before_redis.becomes("none"))
        world.run(emptied(world.redis))
        self.every_worker_serves(VERSIONS[0])
        self.whole = True
        self.rings()

    def rings(self) -> None:
        self.caller = Caller(self.world.hotline, self.world.carrier)
        self.posts.clear()
        self.legitimate.clear()
        self.keyed_numbers.clear()
        self.proved.clear()
        self.turn, self.may_ask, self.version = -1, 0, ""
        self.calm = self.world.before_redis.fault == "none"
        self.last_at = self.began = self.now()
        self.verified_at = None
        self.takes(self.sends("/twilio/voice", {}))

    def sends(self, url: str, fields: dict[str, str], *, again: bool = False) -> Document:
        """Post a webhook; only one that is new, or that Redis may have lost, may ask the account service."""
        self.may_ask += not again or not self.calm
        if self.now() - self.last_at >= IDLE_MS or self.now() < self.last_at:
            self.proved.clear()
        self.last_at = self.now()
        if (pin := fields.get("Digits", "")) and not again:
            for member in MEMBERS:
                if pin == member.pin and member.number in self.keyed_numbers:
                    self.proved[member] = self.verified_at = self.now()
        self.moved_at = self.moved_at if again else self.now()
        document = self.world.run(self.caller.post(url, **fields))
        if document.polls:  # the filler says nothing of anybody; what follows is the reply
            document = self.world.run(self._polled(document))
        self.may_be_heard(document)
        return document

    async def _polled(self, document: Document) -> Document:
        for _ in range(20):
            if not document.polls:
                break
            document = await self.caller.post(document.next)
        return document

    def may_be_heard(self, document: Document) -> None:
        """No sum but of a member whose number and password were keyed in this call, and not for longer than allowed."""
        if document.body in self.legitimate:
            return
        for member in MEMBERS:
            if member.is_told(document):
                assert member in self.proved, "somebody else's sum is told"
                assert 0 <= self.now() - self.proved[member] < VERIFIED_MS, "a sum is told after the verification ended"
        self.legitimate.add(document.body)

    def takes(self, document: Document) -> None:
        """Stand where the answer leads; a call that has ended is followed by another one."""
        self.caller.here = document
        if document.hangs_up:
            self.over()

    def over(self) -> None:
        # A call that began too long ago is hung up on as well, but its end was not committed.
        ended = self.calm and isinstance(
            self.world.run(CallStore(self.world.redis, SEALS, deadline=PATIENT).load(self.caller.sid)), Ended
        )
        for url, fields in self.posts[-3:-1] if ended else ():
            document = self.world.run(self.caller.post(url, **fields))
            assert document.hangs_up
            assert not any(member.is_told(document) for member in MEMBERS)
        self.rings()

    @property
    def here(self) -> Document:
        assert self.caller.here is not None
        return self.caller.here

    # --- the caller ---

    @rule(chance=chances)
    def keys(self, chance: int) -> None:
        self.takes(self.sends(*self.next_webhook(chance)))

    @rule(member=st.sampled_from(MEMBERS), trouble=st.sampled_from(TROUBLES))
    def asks_for_the_balance(self, member: Member, trouble: Trouble) -> None:
        """Go the short way to a sum, as far as the call lets one: menu, number, password, whatever the service does."""
        self.world.accounts.trouble = trouble
        if trouble == "none":
            self.world.accounts.on_script()
        for keys in ("*", "1", member.keyed, member.pin):
            last = self.here.verbs[-1]
            if isinstance(last, Gather) and bool(last.finish_on_key) == (len(keys) > 1):
                self.takes(self.sends(*self.webhook(keys)))

    def next_webhook(self, chance: int) -> tuple[str, dict[str, str]]:
        last = self.here.verbs[-1]
        if not isinstance(last, Gather):
            status = DIALS[chance % len(DIALS)]
            self.posts.append((self.here.next, {"DialCallStatus": status, "DialBridged": "true"}))
            return self.posts[-1]
        choices = ONE_KEY if not last.finish_on_key else SIX if last.num_digits == 6 else NUMBERS
        return self.webhook(choices[chance % len(choices)])

    def webhook(self, keys: str) -> tuple[str, dict[str, str]]:
        self.keyed_numbers |= {member.number for member in MEMBERS if keys == member.keyed}
        alone = keys == "#" and not getattr(self.here.verbs[-1], "finish_on_key", "")
        ended = keys.endswith("#") and not alone
        fields = {"Digits": "" if keys == "-" else keys.removesuffix("#") if ended else keys}
        self.posts.append((self.here.next, fields | ({"FinishedOnKey": "#"} if ended else {})))
        return self.posts[-1]

    @rule()
    def hangs_up(self) -> None:
        done = self.world.run(self.caller.carrier.post("/twilio/status", self.caller.form(CallStatus="completed")))
        assert (done.status, done.body) == (204, b"")
        self.over()

    # --- the carrier ---

    @rule(times=st.integers(1, 3))
    def repeats_the_last_webhook(self, times: int) -> None:
        for url, fields in self.posts[-1:] * times:
            told = self.sends(url, fields, again=True)
            assert self.stands(told) or not self.calm
            self.here_is(told)

    @rule(chance=chances)
    def sends_a_webhook_twice_at_once(self, chance: int) -> None:
        url, fields = self.next_webhook(chance)
        first = asyncio.run_coroutine_threadsafe(self._answered(url, fields), self.world.loop)
        told = self.sends(url, fields)
        other = first.result(30)
        assert other.body == told.body or not self.calm
        self.takes(told)

    async def _answered(self, url: str, fields: dict[str, str]) -> Document:
        return await self._polled(await self.caller.post(url, **fields))

    @rule(chance=chances, digits=st.sampled_from(["1", "0", "9", ANN.pin, ""]))
    def sends_an_old_webhook(self, chance: int, digits: str) -> None:
        old = [url for url, _ in self.posts[:-1] if url != self.here.next]
        if not old:
            return
        url = old[chance % len(old)]
        told = self.sends(url, {"Digits": digits}, again=True)
        assert self.stands(told) or not self.calm
        self.here_is(told)

    def stands(self, told: Document) -> bool:
        """Tell whether an answer leaves the call where it was: the same again; once a verification is over, a way to
        the awaited turn without a word; hours after the call began, when its URLs lead nowhere any more, its end."""
        if told.body == self.here.body:
            return True
        if told.hangs_up:
            return abs(self.now() - self.began) >= TOO_OLD_MS
        return told.said == "" and told.next == self.here.next and self.verification_is_over()

    def verification_is_over(self) -> bool:
        """Tell whether there was a verification in this call and it has ended, idle or as a whole."""
        if self.verified_at is None:
            return False
        return self.now() - self.moved_at >= IDLE_MS or self.now() - self.verified_at >= VERIFIED_MS

    def here_is(self, told: Document) -> None:
        """Without Redis a repeated webhook moves the call, and the carrier goes on from the answer that it got."""
        if not self.calm:
            self.takes(told)

    @rule(ahead=st.integers(2, 9), version=st.sampled_from([None, "gone"]))
    def comes_back_from_a_time_that_redis_has_lost(self, ahead: int, version: str | None) -> None:
        if "/twilio/turn/" not in self.here.next:
            return
        changes = {"turn": self.turn + ahead} | ({} if version is None else {"version": version})
        token = token_at(self.caller.sid, self.here.token, **changes)  # type: ignore[arg-type]
        self.proved.clear()
        self.keyed_numbers.clear()
        self.version = ""
        self.posts.append((f"/twilio/turn/{token}", {"Digits": "9"}))
        self.takes(self.sends(*self.posts[-1]))

    # --- faults ---

    @rule(fault=st.sampled_from(["none", "none", "refused", "cut", *(["stalled"] if TIMES > 1 else [])]))
    def redis_has(self, fault: Fault) -> None:
        self.calm = self.calm and fault == "none"
        self.world.run(self.world.before_redis.becomes(fault))

    @rule(confirmed=st.booleans())
    def redis_is_empty(self, confirmed: bool) -> None:
        self.calm = self.whole = False
        self.world.run(emptied(self.world.redis, confirmed=confirmed))
        self.turn = -1

    @rule()
    def an_operator_confirms_the_counters(self) -> None:
        self.world.run(Counters(self.world.redis, SEALS, deadline=PATIENT).confirm_epoch())

    @rule(ms=st.sampled_from([MINUTE_MS, 4 * MINUTE_MS, 6 * MINUTE_MS, 16 * MINUTE_MS, YEAR_MS, -YEAR_MS]))
    def time_passes(self, ms: int) -> None:
        self.world.hotline.clock.ahead_ms += ms
        self.proved = {member: at for member, at in self.proved.items() if 0 <= self.now() - at < VERIFIED_MS}

    @rule()
    def a_worker_dies_with_a_claim(self) -> None:
        """Nobody is left to finish what was begun: the next webhook is told so, whatever it keyed."""
        kept = self.kept()
        if self.calm and kept is not None and kept.claim is None:
            store = CallStore(self.world.redis, SEALS, claim_s=0.02, deadline=PATIENT)
            claim = store.claim(
                self.caller.sid, expected=kept.turn, claim_id="0" * 16, worker="dead", session=kept.session, ttl_s=60
            )
            self.world.run(claim)

    @rule(place=st.integers(0, 1), chance=chances)
    def a_worker_dies_amid_a_webhook(self, place: int, chance: int) -> None:
        """Whatever has become of it, the carrier sends the webhook again, to a worker that lives."""
        if TIMES == 1 and chance > 2:
            return  # to start a worker takes as long as many calls
        url, fields = self.next_webhook(chance)
        first = asyncio.run_coroutine_threadsafe(self._answered(url, fields), self.world.loop)
        self.world.hotline.worker_dies(place)
        self.every_worker_serves(self.serving)
        with suppress(httpx2.HTTPError):
            first.result(30)
        self.takes(self.sends(url, fields))

    @rule(version=st.sampled_from(VERSIONS))
    def every_worker_serves(self, version: Library) -> None:
        """Let new calls begin with a version of the flows; calls under way stay on theirs."""
        for known in (*VERSIONS, version):
            self.world.hotline.new_calls_begin_with(known)
        self.serving = version

    # --- what holds ---

    def kept(self) -> Kept | None:
        kept = self.world.run(CallStore(self.world.redis, SEALS, deadline=PATIENT).load(self.caller.sid))
        return kept if isinstance(kept, Kept) else None

    @invariant()
    def turns_only_go_forward_and_attempts_are_limited(self) -> None:
        kept = self.kept()
        if kept is not None:
            assert self.version in ("", kept.session.version) or not self.calm, "a call under way is on other flows"
            self.version = kept.session.version
            assert kept.turn >= self.turn
            assert kept.failed <= 3
            self.turn = kept.turn
        accounts = self.world.accounts
        assert accounts.verified[self.caller.sid] <= self.may_ask, "a webhook asked more than once"
        if self.whole:
            assert accounts.refused[self.caller.sid] <= 3
            assert all(accounts.refused[member.number] <= 5 for member in MEMBERS)

    def teardown(self) -> None:
        """Whoever says nothing any more reaches an end."""
        if self.caller.here is None:
            return
        for _ in range(MOST_SILENCES):
            if self.here.hangs_up:
                break
            last = self.here.verbs[-1]
            silence = {"Digits": ""} if isinstance(last, Gather) else {"DialCallStatus": "busy"}
            self.caller.here = self.sends(self.here.next, silence)
        assert self.here.hangs_up
