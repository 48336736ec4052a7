"""Legs: what an agent's phone hears before a caller is put through, and that nobody else gets anything out of it."""

from dataclasses import dataclass, field
from secrets import token_hex

import httpx2
import pytest
import pytest_asyncio
from hotline_under_test import AUTH_TOKEN, OUTBOUND_NUMBER
from msgspec.structs import replace
from redis.asyncio import Redis
from starlette.applications import Starlette
from tampering import LIBRARY, PATIENT, SEALS, Caller, everything, kept_of, token_at, words

from ivr.agents.leg_calls import LegCalls
from ivr.agents.legs import Leg, Legs, Stage, new_id
from ivr.agents.outcomes import Outcomes
from ivr.agents.queue import AgentQueue, Waiter
from ivr.agents.ring_limits import RingLimits
from ivr.call_records.stream import RecordStream
from ivr.carrier.carrier import Carrier
from ivr.carrier.say import Say
from ivr.carrier.verbs import Dial, Gather, Hangup, Queue, Verb
from ivr.carrier.vocabulary import Context
from ivr.carrier.webhook import read_answer
from ivr.channels.twilio.legs import leg_routes
from ivr.channels.twilio.routes import Gate
from ivr.counters import Counters
from ivr.metrics import Metrics
from ivr.prompts import speak
from ivr.redis_line import connect
from ivr.settings import DEMO_ACCOUNT_SID

PHONE, AGENT = "+12025550133", "7"
HERE = ("demo", "general")
WHISPER = "已验证，查询过余额，粤语。接听，请按一。"


@dataclass
class Phone:
    """An agent's phone on a leg, webhook by webhook."""

    carrier: Carrier
    legs: Legs
    leg: Leg
    sid: str = field(default_factory=lambda: "CA" + token_hex(16))
    url: str = ""

    def at(self, stage: Stage) -> str:
        return f"/twilio/leg/{self.legs.token(replace(self.leg, stage=stage))}"

    async def post(self, url: str, context: Context = "call", /, **fields: str) -> tuple[Verb, ...]:
        form = {
            "CallSid": self.sid, "AccountSid": DEMO_ACCOUNT_SID, "From": OUTBOUND_NUMBER, "To": PHONE,
            "CallStatus": "in-progress", "ApiVersion": "2010-04-01", "Direction": "outbound-api",
        }  # fmt: skip
        exchange = await self.carrier.post(url, form | fields)
        answer = read_answer(exchange, context)
        assert not answer.violations, [str(one) for one in answer.violations]
        assert answer.verbs is not None
        return answer.verbs

    async def answers(self) -> str:
        return self.heard(await self.post(self.at("answered")))

    async def presses(self, keys: str) -> tuple[Verb, ...]:
        return await self.post(self.url, Digits=keys)

    async def ended(self, status: str, *, stage: Stage = "status", **fields: str) -> int:
        form = {"CallSid": self.sid, "AccountSid": DEMO_ACCOUNT_SID, "CallStatus": status, "CallDuration": "9"}
        return (await self.carrier.post(self.at(stage), form | fields)).status

    def heard(self, verbs: tuple[Verb, ...]) -> str:
        """Give what is said; where a key is waited for, stand there."""
        (gather, *_) = verbs
        if isinstance(gather, Gather):
            assert gather.action is not None
            assert (gather.num_digits, gather.finish_on_key, gather.action_on_empty) == (1, "", True)
            self.url = gather.action
            return "".join(one.text for one in gather.prompts if isinstance(one, Say))
        return "".join(one.text for one in verbs if isinstance(one, Say))


class Office:
    """A caller who waits in the queue, and the agents who are rung for that caller."""

    def __init__(self, caller: Caller, redis: Redis) -> None:
        self.caller = caller
        self.queue = AgentQueue(redis, SEALS, caller.hotline.clock, deadline=PATIENT)
        self.legs = Legs(redis, SEALS, deadline=PATIENT)
        self.records = RecordStream(redis, SEALS, deadline=PATIENT)

    async def waits(self, **card: object) -> None:
        waiter = Waiter(self.caller.sid, *HERE, self.caller.hotline.clock(), lang="yue", verified=True, asked="balance")
        await self.queue.join(replace(waiter, **card))

    async def rings(self, agent: str = AGENT) -> Phone:
        """Have the caller taken by an agent whose phone rings."""
        assert await self.queue.take(*HERE, agent) is not None
        leg = Leg(new_id(), self.caller.sid, *HERE, agent)
        assert (await self.legs.begin(leg)).begun
        return Phone(self.caller.carrier, self.legs, leg)

    async def state(self) -> str:
        card = await self.queue.card(*HERE, self.caller.sid)
        return "" if card is None else card.state


@pytest_asyncio.fixture
async def office(caller: Caller, redis: Redis) -> Office:
    one = Office(caller, redis)
    await one.waits()
    return one


def over(verbs: tuple[Verb, ...]) -> bool:
    return verbs == (Hangup(),)


def dialled(verbs: tuple[Verb, ...]) -> tuple[Dial, Queue]:
    (dial,) = verbs
    assert isinstance(dial, Dial)
    (queue,) = dial.targets
    assert isinstance(queue, Queue)
    return dial, queue


# --- the way through -------------------------------------------------------------------------------------------------


async def test_the_agent_hears_who_waits_presses_one_and_gets_the_caller_who_is_warned(office: Office) -> None:
    phone = await office.rings()
    assert await phone.answers() == WHISPER
    dial, queue = dialled(await phone.presses("1"))
    assert queue.name == f"q-{office.caller.sid}"
    assert await office.state() == "ringing"
    # The carrier asks for the warning in the name of the caller who is fetched.
    assert queue.url is not None
    warning = await phone.post(queue.url, "queue-url", CallSid=office.caller.sid, DequeingCallSid=phone.sid)
    (said,) = warning
    assert isinstance(said, Say)
    assert (said.text, said.lang) == (speak(LIBRARY.catalogs, "agent.warning", {}, "yue")[0].text, "yue-CN")
    assert await office.state() == "speaking"
    (record,) = (await office.records.waiting()).values()
    assert record is not None
    assert (record.call, record.agent, record.group, record.outcome) == (office.caller.sid, AGENT, "general", "agent")
    assert dial.action is not None
    assert over(await phone.post(dial.action, DialCallStatus="completed", DialBridged="true", DialCallDuration="60"))
    assert await phone.ended("completed") == 204
    assert await office.state() == "speaking"  # that the talk is over is told by the caller's own call


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ({"verified": False, "asked": "", "lang": "zh"}, "未验证，普通话。接听，请按一。"),
        ({"verified": False, "asked": "policy", "lang": "en"}, "未验证，咨询过政策，英语。接听，请按一。"),
        ({"asked": "heirs", "lang": "zh"}, "已验证，普通话。接听，请按一。"),
    ],
)
async def test_the_whisper_is_one_sentence_of_the_callers_card(
    caller: Caller, redis: Redis, card: dict[str, object], said: str
) -> None:
    office = Office(caller, redis)
    await office.waits(**card)
    assert await (await office.rings()).answers() == said


@pytest.mark.parametrize("keys", ["", "2", "0", "*", "#", "١"])
async def test_a_mailbox_never_gets_a_caller(office: Office, keys: str) -> None:
    phone = await office.rings()
    for _ in range(3):
        assert (await phone.answers() if not phone.url else phone.heard(await phone.presses(keys))) == WHISPER
    assert over(await phone.presses(keys))
    assert await office.state() == "waiting"
    assert over(await phone.presses("1"))


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled", "completed"])
async def test_a_leg_that_ends_before_anybody_was_put_through_gives_the_caller_back(
    office: Office, status: str
) -> None:
    phone = await office.rings()
    if status == "completed":
        await phone.answers()
    for _ in range(3):
        assert await phone.ended(status) == 204
        assert await office.state() == "waiting"
    assert over(await phone.post(phone.at("answered")))


async def test_a_dial_that_fetches_nobody_gives_the_caller_back(office: Office) -> None:
    phone = await office.rings()
    await phone.answers()
    dial, _ = dialled(await phone.presses("1"))
    assert dial.action is not None
    assert over(await phone.post(dial.action, DialCallStatus="failed"))
    assert await office.state() == "waiting"


async def test_who_has_hung_up_meanwhile_is_not_put_through_and_the_agent_is_told(office: Office) -> None:
    phone = await office.rings()
    await phone.answers()
    await office.queue.leave(*HERE, office.caller.sid)
    said, hangup = await phone.presses("1")
    assert isinstance(said, Say)
    assert said.text == words("leg.gone")
    assert over((hangup,))
    later = await office.legs.begin(replace(phone.leg, id=new_id()))
    assert later.begun


# --- again, late, and from the wrong place ---------------------------------------------------------------------------


async def test_webhooks_that_come_again_get_the_same_answer_and_change_nothing(office: Office, redis: Redis) -> None:
    phone = await office.rings()
    await phone.answers()
    await phone.presses("1")
    before = await office.state()
    carrier = office.caller.carrier
    for url, fields in ((phone.at("answered"), {}), (phone.url, {"Digits": "1"})):
        form = {"CallSid": phone.sid, "AccountSid": DEMO_ACCOUNT_SID, "CallStatus": "in-progress"} | fields
        first = await carrier.post(url, form)
        assert {one.body for one in await carrier.replay(first, 4, at_once=True)} == {first.body}
    assert await office.state() == before == "ringing"


async def test_a_late_word_of_an_earlier_leg_takes_nobody_from_the_next_agent(office: Office) -> None:
    early = await office.rings()
    await early.answers()
    assert await office.queue.give_back(*HERE, office.caller.sid)
    for agent in ("8", AGENT):  # of the same agent as well
        late, early = early, await office.rings(agent)
        assert await late.ended("no-answer") == 204
        assert over(await late.presses("1"))
        assert over(await late.post(late.at("dialled"), DialCallStatus="completed"))
        assert await office.state() == "ringing"
        await early.answers()
        await office.queue.give_back(*HERE, office.caller.sid)


async def test_a_leg_belongs_to_the_call_that_comes_first(office: Office) -> None:
    phone = await office.rings()
    await phone.answers()
    stranger = Phone(phone.carrier, phone.legs, phone.leg)
    assert over(await stranger.post(phone.at("answered")))
    assert over(await stranger.post(phone.url, Digits="1"))
    assert over(await stranger.post(phone.at("warning")))  # which only the caller is to hear
    assert await stranger.ended("completed") == 204
    assert await office.state() == "ringing"
    dialled(await phone.presses("1"))


async def test_a_leg_of_another_call_is_told_nothing(office: Office) -> None:
    phone = await office.rings()
    for fields in ({"ParentCallSid": "CA" + "9" * 32}, {"ParentCallSid": "x"}):
        assert over(await phone.post(phone.at("answered"), **fields))
    assert phone.heard(await phone.post(phone.at("answered"), ParentCallSid=office.caller.sid)) == WHISPER


async def test_urls_that_are_none_of_a_leg_hang_up_and_change_nothing(office: Office, redis: Redis) -> None:
    phone = await office.rings()
    here = await office.caller.rings()
    token = phone.at("answered").rpartition("/")[2]
    turned = token_at(office.caller.sid, here.token, kind="leg")
    before = await everything(redis)
    for wrong in ("", "x", token[:-2], token + "A", here.token, turned, f"{token}/", f"/{token}"):
        assert over(await phone.post(f"/twilio/leg/{wrong}", Digits="1")), wrong
    # And a leg's token is none of a call's.
    told = await office.caller.post(f"/twilio/turn/{token}", Digits="1")
    assert told.body == here.body
    assert await everything(redis) == before


async def test_what_the_carrier_did_not_sign_changes_nothing(office: Office, redis: Redis) -> None:
    phone = await office.rings()
    before = await everything(redis)
    form = {"CallSid": phone.sid, "AccountSid": DEMO_ACCOUNT_SID, "CallStatus": "completed"}
    for stage in ("answered", "keyed", "dialled", "warning", "member", "status"):
        assert (await office.caller.carrier.post(phone.at(stage), form, sign=False)).status == 403
        other = form | {"AccountSid": "AC" + "0" * 32}
        assert (await office.caller.carrier.post(phone.at(stage), other)).status == 403
    assert await everything(redis) == before


async def test_a_leg_is_no_turn_of_its_caller_and_its_end_not_the_callers(office: Office, redis: Redis) -> None:
    caller = office.caller
    await caller.rings()
    before = await kept_of(redis, caller.sid)
    phone = await office.rings()
    await phone.answers()
    dial, _ = dialled(await phone.presses("1"))
    await phone.post(phone.at("warning"), "queue-url", CallSid=caller.sid)
    assert dial.action is not None
    await phone.post(dial.action, DialCallStatus="completed")
    await phone.ended("completed")
    leg = {"CallSid": phone.sid, "ParentCallSid": caller.sid, "CallStatus": "completed"}
    assert (await caller.carrier.post("/twilio/status", caller.form() | leg)).status == 204
    after = await kept_of(redis, caller.sid)
    assert (after.turn, after.session, after.reply) == (before.turn, before.session, before.reply)
    assert words("identify.ask_number") in (await caller.keys("1")).said


async def test_every_key_of_a_leg_ends_by_itself(office: Office, redis: Redis) -> None:
    phone = await office.rings()
    await phone.answers()
    await phone.presses("1")
    keys = [key async for key in redis.scan_iter("ivr:leg:*")]
    assert len(keys) == 1
    assert 0 < await redis.pttl(keys[0]) <= 4 * 3600_000


async def test_without_redis_every_leg_ends_and_nothing_is_worse_than_that() -> None:
    redis, metrics = connect("unix:///nowhere/at/all.sock"), Metrics(0)
    legs = Legs(redis, SEALS)
    calls = LegCalls(
        legs,
        AgentQueue(redis, SEALS, lambda: 0),
        Outcomes(redis),
        RingLimits(Counters(redis, SEALS)),
        library=lambda: LIBRARY,
        now=lambda: 0,
        speaks=_nobody_notes,
    )
    public = "http://hotline.test"
    gate = Gate(public_url=public, account_sid=DEMO_ACCOUNT_SID, auth_tokens=(AUTH_TOKEN,))
    app = Starlette(routes=leg_routes(calls, gate, metrics, caller_id=OUTBOUND_NUMBER))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
        carrier = Carrier(public, account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN, client=client)
        phone = Phone(carrier, legs, Leg(new_id(), "CA" + "1" * 32, *HERE, AGENT))
        documents: tuple[Stage, ...] = ("answered", "keyed", "dialled", "warning")
        for stage in documents:
            sid = phone.leg.call if stage == "warning" else phone.sid
            assert over(await phone.post(phone.at(stage), Digits="1", CallSid=sid))
        assert await phone.ended("completed") == 204
        assert await phone.ended("completed", stage="member") == 204


async def _nobody_notes(_call: str, _agent: str, _group: str) -> None: ...
