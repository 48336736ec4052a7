"""The local switch: calls in real time between phones and a hotline, with time made short."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from urllib.parse import parse_qsl

import httpx2
import pytest

from ivr.carrier.placed import Order
from ivr.exchange.happenings import Key, Said, Skip, Told, Words
from ivr.exchange.phone import Busy, Phone
from ivr.exchange.switch import Switch

CALLER, AGENT = "+8613800000000", "+12025550133"
PACE = 0.005
"""Real seconds that a second of a call takes here: five milliseconds."""


class Hotline:
    """A stand-in hotline: a document by path, and what was posted to it."""

    def __init__(self) -> None:
        self.documents: dict[str, str] = {}
        self.posted: list[tuple[str, dict[str, str]]] = []
        self.held = ""
        """The path whose answer waits until it is `let_go`."""
        self.asked, self.let_go = asyncio.Event(), asyncio.Event()

    async def answer(self, request: httpx2.Request) -> httpx2.Response:
        fields = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        self.posted.append((request.url.path, fields))
        if request.url.path == self.held:
            self.asked.set()
            await self.let_go.wait()
        if "status" in request.url.path:
            return httpx2.Response(204)
        body = self.documents.get(request.url.path, "<Hangup/>")
        return httpx2.Response(200, text=f"<Response>{body}</Response>", headers={"content-type": "text/xml"})

    def fields(self, path: str) -> list[dict[str, str]]:
        return [fields for posted, fields in self.posted if posted == path]


class Ear:
    """Listens to a phone."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.told: list[Told] = []

    async def until(self, kind: str, **expected: object) -> Told:
        """Listen until the phone is told this."""
        looked = len(self.told)
        while True:
            events = await self.phone.events(looked, 10)
            assert events, f"{kind} was not told; what was: {self.told}"
            for number, told in events:
                looked = number
                self.told.append(told)
                if told["kind"] == kind and expected.items() <= told.items():
                    return told

    @property
    def heard(self) -> list[object]:
        return [told["text"] for told in self.told if told["kind"] == "hears"]


@pytest.fixture
def hotline() -> Hotline:
    return Hotline()


@pytest.fixture
async def switch(hotline: Hotline) -> AsyncIterator[Switch]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(hotline.answer)) as client:
        async with Switch(
            "http://hotline.example", account_sid="AC" + "0" * 32, auth_token="t", client=client, pace=PACE
        ) as switch:
            yield switch
        assert not [path for path, _ in hotline.posted if path == "/twilio/fallback"]


def plugged(switch: Switch, number: str = CALLER, *, answers: bool = False, aloud: bool = False) -> tuple[Phone, Ear]:
    phone = Phone(number, answers=answers, aloud=aloud)
    switch.plug_in(phone)
    return phone, Ear(phone)


def gather(action: str, *prompts: str, digits: str = 'numDigits="1" ', timeout: int = 5) -> str:
    said = "".join(f"<Say>{prompt}</Say>" for prompt in prompts)
    return f'<Gather {digits}timeout="{timeout}" actionOnEmptyResult="true" action="{action}">{said}</Gather>'


async def test_what_is_said_takes_its_time_and_silence_is_told(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = "<Say>welcome</Say>" + gather("/turn", "press one", "or two")
    phone, ear = plugged(switch)
    switch.call_hotline(phone, "12333")
    await ear.until("ended", by="hotline")
    assert ear.heard == ["welcome", "press one", "or two"]
    assert [told["kind"] for told in ear.told] == ["dials", "hears", "hears", "hears", "listens", "ended"]
    assert hotline.fields("/turn")[0]["Digits"] == ""
    assert [fields["CallStatus"] for fields in hotline.fields("/twilio/status")] == ["completed"]


async def test_a_key_interrupts_and_keys_that_nobody_listens_to_are_lost(hotline: Hotline, switch: Switch) -> None:
    long = "word " * 400
    welcome = "welcome to all of you " * 10  # a key comes in the middle of it, on a busy machine too
    hotline.documents["/twilio/voice"] = f"<Say>{welcome}</Say>" + gather("/turn", long, "never heard")
    phone, ear = plugged(switch)
    switch.call_hotline(phone, "12333")
    await ear.until("hears", text=welcome.strip())
    phone.happens(Key("9"))
    await ear.until("lost", keys="9")
    await ear.until("hears", text=long.strip())
    phone.happens(Key("1"))
    await ear.until("stops")
    await ear.until("ended")
    assert "never heard" not in ear.heard
    assert hotline.fields("/turn")[0]["Digits"] == "1"


async def test_keys_are_lost_while_the_hotline_is_asked_what_comes_next(hotline: Hotline, switch: Switch) -> None:
    hotline.documents |= {
        "/twilio/voice": gather("/turn", "one", timeout=600),
        "/turn": gather("/next", "two"),
        "/next": "<Hangup/>",
    }
    hotline.held = "/turn"
    phone, ear = plugged(switch)
    switch.call_hotline(phone, "12333")
    await ear.until("hears", text="one")
    phone.happens(Key("1"))
    await hotline.asked.wait()
    phone.happens(Key("2"))
    hotline.let_go.set()
    await ear.until("lost", keys="2")
    await ear.until("ended")
    assert hotline.fields("/next")[0]["Digits"] == ""


async def test_a_prompt_that_does_not_give_way_is_heard_to_its_end(hotline: Hotline, switch: Switch) -> None:
    asks = gather("/turn", "word " * 40, "to the end").replace("<Gather ", '<Gather bargeIn="false" ')
    hotline.documents["/twilio/voice"] = asks
    phone, ear = plugged(switch)
    switch.call_hotline(phone, "12333")
    await ear.until("hears")
    phone.happens(Key("1"))
    await ear.until("lost", keys="1")
    await ear.until("hears", text="to the end")
    await ear.until("ended")
    assert hotline.fields("/turn")[0]["Digits"] == ""


async def test_an_entry_ends_with_its_key_and_the_next_wait_begins_with_each(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = gather("/turn", "your number", digits="", timeout=600)
    phone, ear = plugged(switch)
    switch.call_hotline(phone, "12333")
    await ear.until("listens", seconds=600)
    for key in "12#":
        phone.happens(Key(key))
    await ear.until("ended")
    assert (hotline.fields("/turn")[0]["Digits"], hotline.fields("/turn")[0]["FinishedOnKey"]) == ("12", "#")


async def test_skipping_is_silence_at_once(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = gather("/turn", "word " * 4000, timeout=600)
    phone, ear = plugged(switch)
    switch.call_hotline(phone, "12333")
    await ear.until("hears")
    phone.happens(Skip())
    await ear.until("ended")
    assert hotline.fields("/turn")[0]["Digits"] == ""


async def test_a_phone_with_a_voice_of_its_own_sets_the_pace(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = f"<Say>{'word ' * 4000}</Say>"
    phone, ear = plugged(switch, aloud=True)
    switch.call_hotline(phone, "12333")
    number = (await ear.until("hears"))["number"]
    assert isinstance(number, int)
    phone.happens(Said(number + 1))
    phone.happens(Said(number))
    await ear.until("ended")


async def test_a_slow_voice_is_waited_for(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = f"<Say>{'word ' * 200}</Say><Say>two</Say>"
    phone, ear = plugged(switch, aloud=True)
    switch.call_hotline(phone, "12333")
    number = (await ear.until("hears"))["number"]
    # Longer than it would take at the usual pace, but a voice may take three times as long.
    assert await phone.events(len(ear.told), 1.5 * 80 * PACE) == []
    assert isinstance(number, int)
    phone.happens(Said(number))
    await ear.until("hears", text="two")
    phone.hang_up()
    await ear.until("ended")


async def test_hanging_up_is_told_and_leaves_the_phone_free(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = gather("/turn", "word " * 4000)
    phone, ear = plugged(switch)
    for _ in range(2):
        switch.call_hotline(phone, "12333")
        await ear.until("hears")
        with pytest.raises(Busy, match="on a call already"):
            switch.call_hotline(phone, "12333")
        phone.hang_up()
        await ear.until("ended", by="phone")
        with pytest.raises(Busy, match="not on a call"):
            phone.happens(Key("1"))
    assert len(hotline.fields("/twilio/status")) == 2


async def test_a_webhook_is_repeated_exactly(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = gather("/turn", "word " * 4000)
    phone, ear = plugged(switch)
    with pytest.raises(Busy, match="not on a call"):
        await switch.repeat_last_webhook(phone)
    switch.call_hotline(phone, "12333")
    await ear.until("hears")
    await switch.repeat_last_webhook(phone)
    await ear.until("repeated", same=True)
    first, second = hotline.fields("/twilio/voice")
    assert first == second


async def test_what_a_real_carrier_would_reject_is_told(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = "<Fax/><Say>well</Say>"
    phone, ear = plugged(switch)
    switch.call_hotline(phone, "12333")
    told = await ear.until("rejected")
    assert "<Fax> in line 1 is unknown to the carrier" in str(told["text"])
    await ear.until("hears", text="well")
    hotline.documents.clear()


# --- agents ----------------------------------------------------------------------------------------------------------

QUEUED = '<Enqueue waitUrl="/wait" action="/after">q-1</Enqueue>'
WHISPER = gather("/bridge", "a caller, press one", timeout=600)
BRIDGE = '<Dial action="/leg-over"><Queue url="/warning">q-1</Queue></Dial>'


def queueing(hotline: Hotline) -> None:
    hotline.documents |= {
        "/twilio/voice": QUEUED,
        "/wait": '<Gather numDigits="1" timeout="20" action="/key"><Say>please wait</Say></Gather>'
        "<Redirect>/wait</Redirect>",
        "/key": "<Leave/>",
        "/after": "<Say>goodbye</Say><Hangup/>",
        "/leg": WHISPER,
        "/bridge": BRIDGE,
        "/warning": "<Say>nobody asks for your password</Say>",
    }


ORDER = Order(AGENT, "+12025550100", "http://hotline.example/leg", "http://hotline.example/leg-status")


async def test_a_queued_caller_and_an_agent_are_joined_and_talk(hotline: Hotline, switch: Switch) -> None:
    queueing(hotline)
    caller, hears = plugged(switch)
    agent, rings = plugged(switch, AGENT, answers=True)
    switch.call_hotline(caller, "12333")
    await hears.until("hears", text="please wait")
    leg = switch.ringing.place(ORDER)
    assert (await rings.until("rings"))["from"] == "+12025550100"
    with pytest.raises(Busy, match="not on a call"):
        agent.happens(Key("1"))
    agent.pick_up()
    await rings.until("hears", text="a caller, press one")
    agent.happens(Key("1"))
    await rings.until("connected")
    await hears.until("hears", text="nobody asks for your password")
    await hears.until("connected")
    agent.happens(Words("您好"))
    await hears.until("words", text="您好")
    caller.happens(Words("你好"))
    await rings.until("words", text="你好")
    agent.hang_up()
    await rings.until("ended", by="phone")
    await hears.until("parted")
    await hears.until("hears", text="goodbye")
    await hears.until("ended")
    assert hotline.fields("/after")[0]["QueueResult"] == "bridged"
    assert leg.status == "completed"
    assert [fields["CallStatus"] for fields in hotline.fields("/leg-status")] == ["completed"]
    assert {fields["Direction"] for fields in hotline.fields("/bridge")} == {"outbound-api"}


async def test_a_caller_who_hangs_up_leaves_the_agent_free(hotline: Hotline, switch: Switch) -> None:
    queueing(hotline)
    hotline.documents["/leg-over"] = "<Say>the caller has gone</Say>"
    caller, hears = plugged(switch)
    agent, rings = plugged(switch, AGENT, answers=True)
    switch.call_hotline(caller, "12333")
    await hears.until("hears", text="please wait")
    switch.ringing.place(ORDER)
    await rings.until("rings")
    agent.pick_up()
    await rings.until("hears", text="a caller, press one")
    agent.happens(Key("1"))
    await hears.until("connected")
    caller.hang_up()
    await rings.until("hears", text="the caller has gone")
    await rings.until("ended", by="hotline")
    over = hotline.fields("/leg-over")[0]
    assert (over["DialCallStatus"], over["DialBridged"]) == ("completed", "true")


async def test_a_key_leaves_the_queue_before_the_agent_comes(hotline: Hotline, switch: Switch) -> None:
    queueing(hotline)
    hotline.documents["/bridge"] = BRIDGE.replace("<Dial ", '<Dial timeout="5" ')
    caller, hears = plugged(switch)
    agent, rings = plugged(switch, AGENT, answers=True)
    switch.call_hotline(caller, "12333")
    await hears.until("hears", text="please wait")
    caller.happens(Key("1"))
    await hears.until("hears", text="goodbye")
    assert hotline.fields("/after")[0]["QueueResult"] == "leave"
    switch.ringing.place(ORDER)
    await rings.until("rings")
    agent.pick_up()
    await rings.until("hears", text="a caller, press one")
    agent.happens(Key("1"))
    await rings.until("ended", by="hotline")
    assert hotline.fields("/leg-over")[0]["DialCallStatus"] == "no-answer"


async def test_a_caller_who_leaves_in_the_moment_in_which_the_agent_comes_is_not_had(
    hotline: Hotline, switch: Switch
) -> None:
    queueing(hotline)
    hotline.documents["/after"] = gather("/turn", "word " * 4000)
    hotline.held = "/key"
    caller, hears = plugged(switch)
    agent, rings = plugged(switch, AGENT, answers=True)
    switch.call_hotline(caller, "12333")
    await hears.until("hears", text="please wait")
    caller.happens(Key("1"))
    await hotline.asked.wait()
    switch.ringing.place(ORDER)
    await rings.until("rings")
    agent.pick_up()
    await rings.until("hears", text="a caller, press one")
    agent.happens(Key("1"))
    for _ in range(2000):
        if not switch.queues["q-1"]:  # the agent has taken the caller, who does not know of it yet
            break
        await asyncio.sleep(0.002)
    hotline.let_go.set()
    await rings.until("ended", by="hotline")
    assert caller.leg is not None, "the caller's own call goes on"
    caller.hang_up()
    await hears.until("ended", by="phone")
    assert hotline.fields("/after")[0]["QueueResult"] == "leave"
    assert hotline.fields("/leg-over")[0]["DialCallStatus"] == "no-answer"


@pytest.mark.parametrize("ends", ["rejected", "nobody", "busy", "taken back"])
async def test_an_agent_who_is_not_had(hotline: Hotline, switch: Switch, ends: str) -> None:
    hotline.documents["/twilio/voice"] = gather("/turn", "word " * 4000)
    statuses: Mapping[str, str] = {"rejected": "busy", "nobody": "failed", "busy": "busy", "taken back": "canceled"}
    if ends != "nobody":
        agent, rings = plugged(switch, AGENT, answers=True)
        if ends == "busy":
            switch.call_hotline(agent, "12333")
            await rings.until("hears")
    leg = switch.ringing.place(ORDER)
    if ends in ("rejected", "taken back"):
        await rings.until("rings")
        if ends == "rejected":
            agent.hang_up()
        else:
            await switch.ringing.hang_up(leg.sid)
        await rings.until("ended")
        with pytest.raises(Busy, match="does not ring"):
            agent.pick_up()
    await switch.ringing.settled()
    assert leg.status == statuses[ends]
    assert [fields["CallStatus"] for fields in hotline.fields("/leg-status")] == [statuses[ends]]


@pytest.mark.parametrize("whispered", [False, True])
async def test_a_number_is_rung_and_put_through_after_its_whisper(
    hotline: Hotline, switch: Switch, whispered: bool
) -> None:
    whisper = ' url="/whisper"' if whispered else ""
    hotline.documents["/twilio/voice"] = f'<Dial action="/after"><Number{whisper}>{AGENT}</Number></Dial>'
    hotline.documents["/whisper"] = "<Say>a caller</Say>"
    caller, hears = plugged(switch)
    agent, rings = plugged(switch, AGENT, answers=True)
    switch.call_hotline(caller, "12333")
    await hears.until("calls", number=AGENT)
    await rings.until("rings")
    agent.pick_up()
    if whispered:
        await rings.until("hears", text="a caller")
    await rings.until("connected")
    await hears.until("connected")
    caller.happens(Words("hello"))
    await rings.until("words", text="hello")
    caller.hang_up() if whispered else agent.hang_up()
    await hears.until("ended", by="phone" if whispered else "hotline")
    await rings.until("ended", by="hotline" if whispered else "phone")
    if not whispered:
        assert hotline.fields("/after")[0]["DialBridged"] == "true"


async def test_a_phone_rings_no_more_when_the_caller_has_hung_up(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = f'<Dial action="/after"><Number>{AGENT}</Number></Dial>'
    caller, hears = plugged(switch)
    agent, rings = plugged(switch, AGENT, answers=True)
    switch.call_hotline(caller, "12333")
    await rings.until("rings")
    caller.hang_up()
    await hears.until("ended", by="phone")
    await rings.until("ended", by="hotline")
    assert agent.leg is None


async def test_a_number_without_a_phone_fails(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = f'<Dial action="/after"><Number>{AGENT}</Number></Dial>'
    taken_away, _ = plugged(switch, AGENT, answers=True)
    switch.unplug(taken_away)
    caller, hears = plugged(switch)
    switch.call_hotline(caller, "12333")
    await hears.until("ended")
    assert hotline.fields("/after")[0]["DialCallStatus"] == "failed"


@pytest.mark.parametrize(("says", "recorded"), [(True, True), (False, False)])
async def test_what_is_said_after_the_beep_is_recorded(
    hotline: Hotline, switch: Switch, says: bool, recorded: bool
) -> None:
    hotline.documents["/twilio/voice"] = '<Record action="/recorded" timeout="30" maxLength="120"/><Say>nothing</Say>'
    caller, hears = plugged(switch)
    switch.call_hotline(caller, "12333")
    await hears.until("records", seconds=120)
    if says:
        caller.happens(Words("please call me"))
    await hears.until("ended")
    assert bool(hotline.fields("/recorded")) == recorded
    assert hears.heard == ([] if recorded else ["nothing"])


async def test_a_listener_goes_on_where_it_was(hotline: Hotline, switch: Switch) -> None:
    hotline.documents["/twilio/voice"] = "<Say>one</Say><Say>two</Say>"
    phone, ear = plugged(switch)
    switch.call_hotline(phone, "12333")
    await ear.until("ended")
    assert [told for _, told in await phone.events(1, 0)] == ear.told[1:]
    assert await phone.events(len(ear.told), 0) == []
