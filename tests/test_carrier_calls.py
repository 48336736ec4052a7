"""Calls of the test carrier, played against a scripted stand-in for a hotline."""

# The carrier's library has no types.
# mypy: disable-error-code="import-untyped"

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
from twilio.request_validator import RequestValidator

from ivr.carrier import Carrier, CarrierRejected, Heard

BASE = "https://hotline.example"
SID = "AC" + "0" * 32
TOKEN = "12345"
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Reply = str | httpx2.Response | Callable[[dict[str, str]], str]

MENU = (
    '<Gather numDigits="1" finishOnKey="" actionOnEmptyResult="true" timeout="8" action="/turn/{}">'
    "<Say>menu</Say></Gather>"
)


class Hotline:
    """Answers each path with its reply, each of a list once and the last one again and again; keeps what came."""

    def __init__(self) -> None:
        self.replies: dict[str, list[Reply]] = {"/twilio/status": [httpx2.Response(204)]}
        self.came: list[tuple[str, dict[str, str], httpx2.Headers]] = []

    def on(self, path: str, *replies: Reply) -> "Hotline":
        self.replies[path] = list(replies)
        return self

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        fields = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        self.came.append((str(request.url), fields, request.headers))
        replies = self.replies.get(request.url.path, [httpx2.Response(404)])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if callable(reply):
            reply = reply(fields)
        if isinstance(reply, httpx2.Response):
            return httpx2.Response(reply.status_code, content=reply.content, headers=reply.headers)
        return httpx2.Response(200, text=f"<Response>{reply}</Response>", headers={"content-type": "text/xml"})

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the fields of each webhook that came to a path."""
        return [fields for url, fields, _ in self.came if httpx2.URL(url).path == path]

    def paths(self) -> list[str]:
        return [httpx2.URL(url).path for url, _, _ in self.came]


@pytest.fixture
def hotline() -> Hotline:
    return Hotline()


@pytest.fixture
async def carrier(hotline: Hotline) -> AsyncIterator[Carrier]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(hotline.answer)) as client:
        yield Carrier(BASE, account_sid=SID, auth_token=TOKEN, client=client)


def texts(heard: list[Heard]) -> list[str]:
    return [sentence.text or sentence.audio for sentence in heard]


# --- webhooks --------------------------------------------------------------------------------------------------------


async def test_webhooks_carry_the_carriers_fields_and_a_valid_signature(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", MENU.format("1#rc=2&amp;rp=all&amp;rt=5000")).on("/turn/1", "<Hangup/>")
    carrier.extra = {"StirVerstat": "TN-Validation-Passed-A"}
    call = await carrier.dial(from_="anonymous")
    await call.press("1")
    statuses = [fields["CallStatus"] for _, fields, _ in hotline.came]
    assert statuses == ["ringing", "in-progress", "completed"]
    tokens = {headers["i-twilio-idempotency-token"] for _, _, headers in hotline.came}
    assert len(tokens) == 3
    for url, fields, headers in hotline.came:
        assert RequestValidator(TOKEN).validate(url, fields, headers["x-twilio-signature"])
        assert re.fullmatch("CA[0-9a-f]{32}", fields["CallSid"])
        assert fields["CallSid"] == call.sid
        assert (fields["AccountSid"], fields["Direction"], fields["ApiVersion"]) == (SID, "inbound", "2010-04-01")
        assert (fields["From"], fields["Caller"], fields["To"], fields["Called"]) == ("anonymous",) * 2 + ("12333",) * 2
        assert {fields[f"{end}{part}"] for end in ("From", "To") for part in ("City", "State", "Zip", "Country")} == {
            ""
        }
        assert fields["StirVerstat"] == "TN-Validation-Passed-A"
    # The fragment is neither sent nor signed.
    assert hotline.came[1][0] == f"{BASE}/turn/1"
    assert call.turns[1].params["Digits"] == "1"


async def test_a_signature_is_made_over_the_public_url(hotline: Hotline) -> None:
    hotline.on("/twilio/voice", "<Redirect>https://public.example/ivr/next</Redirect>").on("/next", "<Hangup/>")
    hotline.on("/status", httpx2.Response(204))
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(hotline.answer)) as client:
        carrier = Carrier(
            BASE, account_sid=SID, auth_token=TOKEN, client=client, public_url="https://public.example/ivr"
        )
        carrier.status_callbacks = False
        await carrier.dial()
    assert [url for url, _, _ in hotline.came] == [f"{BASE}/twilio/voice", f"{BASE}/next"]
    _, fields, headers = hotline.came[1]
    assert RequestValidator(TOKEN).validate("https://public.example/ivr/next", fields, headers["x-twilio-signature"])


async def test_the_carrier_drives_an_application_in_process() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        voice = scope["path"] == "/twilio/voice"
        head = {
            "type": "http.response.start",
            "status": 200 if voice else 204,
            "headers": [(b"content-type", b"text/xml")],
        }
        await send(head)
        await send({"type": "http.response.body", "body": b"<Response><Hangup/></Response>" if voice else b""})

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app)) as client:
        assert (await Carrier(BASE, account_sid=SID, auth_token=TOKEN, client=client).dial()).ended


async def test_several_workers_are_asked_in_turn(hotline: Hotline) -> None:
    hotline.on("/twilio/voice", MENU.format("1")).on("/turn/1", "<Hangup/>")
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(hotline.answer)) as client:
        workers = ["http://one.example", "http://two.example"]
        carrier = Carrier(workers, account_sid=SID, auth_token=TOKEN, client=client, public_url=BASE)
        await (await carrier.dial()).press("1")
    assert [httpx2.URL(url).host for url, _, _ in hotline.came] == ["one.example", "two.example", "one.example"]


async def test_anything_can_be_posted(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/turn/1", httpx2.Response(403))
    exchange = await carrier.post("/turn/1", [("Digits", "1"), ("Digits", "2")], sign=False, headers={"Accept": ""})
    assert (exchange.status, exchange.form) == (403, b"Digits=1&Digits=2")
    assert "x-twilio-signature" not in hotline.came[0][2]
    await carrier.post("/turn/1", b'{"Digits": 1}', headers={"Content-Type": "application/json"})
    assert hotline.came[1][2]["content-type"] == "application/json"
    assert "x-twilio-signature" in hotline.came[1][2]


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_a_call_is_played_and_keyed(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", '<Say language="cmn-CN" voice="Polly.Zhiyu">您好</Say>' + MENU.format("1"))
    hotline.on("/turn/1", "<Say>one two three four five</Say><Hangup/>")
    call = await carrier.dial()
    assert call.heard == [Heard("您好", "cmn-CN", "Polly.Zhiyu"), Heard("menu", "en-US")]
    assert texts(await call.press("12")) == ["one two three four five"]
    assert call.ended
    assert call.lost == "2"
    # Greeting 2 characters, menu one word, the hand, the answer's five words.
    assert call.clock == pytest.approx(2 / 3 + 0.4 + 0.4 + 2.0)
    assert hotline.asked("/turn/1")[0]["Digits"] == "1"


async def test_silence_takes_no_real_time(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", MENU.format("1")).on("/turn/1", MENU.format("2"))
    call = await carrier.dial()
    async with asyncio.timeout(1):
        assert texts(await call.silence()) == ["menu"]
    assert call.clock == pytest.approx(0.4 + 8)
    fields = hotline.asked("/turn/1")[0]
    assert (fields["Digits"], fields["FinishedOnKey"]) == ("", "")


async def test_the_finishing_key_is_told_and_not_among_the_digits(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", '<Gather actionOnEmptyResult="true" action="/turn/1"/>')
    hotline.on("/turn/1", '<Gather actionOnEmptyResult="true" action="/turn/1"/>')
    call = await carrier.dial()
    for keys in ("12#34", "#", "12"):
        await call.press(keys)
    asked = [(fields["Digits"], fields["FinishedOnKey"]) for fields in hotline.asked("/turn/1")]
    assert asked == [("12", "#"), ("", "#"), ("12", "")]
    assert call.lost == "34"


@pytest.mark.parametrize("keys", ["", "#"])
async def test_without_a_digit_the_document_goes_on(hotline: Hotline, carrier: Carrier, keys: str) -> None:
    hotline.on("/twilio/voice", '<Gather action="/turn/1"/><Say>goodbye</Say><Hangup/>')
    call = await carrier.dial()
    assert texts(await (call.press(keys) if keys else call.silence())) == ["goodbye"]
    assert hotline.asked("/turn/1") == []


async def test_the_default_action_is_the_current_document(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", "<Redirect>/deep/er/first?a=1</Redirect>")
    hotline.on("/deep/er/first", "<Gather/>", '<Gather action="second"/>').on("/deep/er/second", "<Hangup/>")
    call = await carrier.dial()
    await call.press("1#")
    await call.press("2#")
    assert hotline.paths() == ["/twilio/voice", "/deep/er/first", "/deep/er/first", "/deep/er/second", "/twilio/status"]
    assert call.turns[2].url.endswith("/deep/er/first?a=1")


async def test_after_an_action_the_old_document_is_dead(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", MENU.format("1") + "<Say>old</Say>").on("/turn/1", "<Say>new</Say><Hangup/>")
    assert texts(await (await carrier.dial()).press("1")) == ["new"]


async def test_keys_during_speech_outside_a_gather_are_lost(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", "<Pause length='10'/>" + MENU.format("1")).on("/turn/1", "<Hangup/>")
    call = await carrier.dial()
    await call.press("5", at=4.0)
    assert (call.lost, hotline.asked("/turn/1")[0]["Digits"]) == ("5", "")


async def test_keys_during_nested_prompts_interrupt_them(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on(
        "/twilio/voice", '<Pause length="10"/><Gather numDigits="1" action="/turn/1"><Pause length="60"/></Gather>'
    )
    hotline.on("/turn/1", "<Hangup/>")
    call = await carrier.dial()
    await call.press("5", at=11.0)
    assert (call.lost, call.clock, hotline.asked("/turn/1")[0]["Digits"]) == ("", 11.0, "5")


async def test_a_phone_has_twelve_keys_and_an_ended_call_has_none(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", MENU.format("1"))
    call = await carrier.dial()
    for keys in ("A", "", "１", "1 2"):
        with pytest.raises(ValueError, match="A keypad has the keys"):
            await call.press(keys)
    await call.hang_up()
    await call.hang_up()
    for act in (call.press("1"), call.silence()):
        with pytest.raises(ValueError, match="The call has ended"):
            await act
    receipts = hotline.asked("/twilio/status")
    assert [(fields["CallStatus"], fields["SequenceNumber"]) for fields in receipts] == [("completed", "0")]


async def test_a_filler_is_followed_to_the_answer(hotline: Hotline, carrier: Carrier) -> None:
    filler = "<Say>looking it up</Say><Redirect>/poll</Redirect>"
    hotline.on("/twilio/voice", MENU.format("1")).on("/turn/1", filler).on("/poll", filler, "<Say>here</Say><Hangup/>")
    call = await carrier.dial()
    assert texts(await call.press("1")) == ["looking it up", "looking it up", "here"]


async def test_duplicates_are_exact_and_their_answers_returned(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", MENU.format("1")).on("/turn/1", MENU.format("2"))
    call = await carrier.dial()
    await call.press("1")
    assert await call.repeat_last_webhook(2) == [call.turns[-1].body] * 2
    assert await call.repeat_last_webhook(3, at_once=True) == [call.turns[-1].body] * 3
    came = hotline.came[1:]
    assert len(came) == 6
    assert len({(url, str(fields), str(headers.raw)) for url, fields, headers in came}) == 1
    assert len(call.turns) == 2
    hotline.on("/turn/1", "<Fax/>")
    with pytest.raises(CarrierRejected, match="Fax"):
        await call.repeat_last_webhook()


# --- failures --------------------------------------------------------------------------------------------------------

FAILURES: Mapping[str, tuple[httpx2.Response, str]] = {
    "error": (httpx2.Response(500), "11200"),
    "redirect": (httpx2.Response(307, headers={"location": "/turn/1/"}), "11200"),
    "type": (httpx2.Response(200, text="<Response/>", headers={"content-type": "text/html"}), "12300"),
    "xml": (httpx2.Response(200, text="<Response>", headers={"content-type": "text/xml"}), "12100"),
    "size": (httpx2.Response(200, text="<" * 65_537, headers={"content-type": "text/xml"}), "11750"),
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_a_failure_calls_the_fallback_url(hotline: Hotline, carrier: Carrier, failure: str) -> None:
    response, code = FAILURES[failure]
    hotline.on("/twilio/voice", MENU.format("1#rc=0")).on("/turn/1", response).on("/twilio/fallback", MENU.format("2"))
    hotline.on("/turn/2", "<Say>saved</Say><Hangup/>")
    carrier.strict = False
    call = await carrier.dial()
    assert texts(await call.press("1")) == ["menu"]
    fields = hotline.asked("/twilio/fallback")[0]
    assert (fields["ErrorCode"], fields["ErrorUrl"], fields["CallSid"]) == (code, f"{BASE}/turn/1", call.sid)
    assert texts(await call.press("1")) == ["saved"]
    assert len(call.violations) == 1


@pytest.mark.parametrize("fallback", [True, False])
async def test_without_a_working_fallback_the_caller_hears_english(
    hotline: Hotline, carrier: Carrier, fallback: bool
) -> None:
    carrier.strict, carrier.fallback = False, fallback
    call = await carrier.dial()
    assert texts(call.heard) == ["We are sorry, an application error has occurred. Goodbye."]
    assert call.ended
    assert hotline.paths() == ["/twilio/voice", *(["/twilio/fallback"] if fallback else []), "/twilio/status"]


async def test_a_strict_carrier_raises_at_once_and_names_rule_and_document(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", "<Fax>x</Fax>")
    with pytest.raises(CarrierRejected, match=r"<Fax> in line 1 .*\[element\]") as rejected:
        await carrier.dial()
    assert [violation.rule for violation in rejected.value.violations] == ["element"]
    assert rejected.value.violations[0].document == "<Response><Fax>x</Fax></Response>"


async def test_a_status_callback_not_answered_with_204_is_refused(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", MENU.format("1")).on("/twilio/status", httpx2.Response(200))
    call = await carrier.dial()
    with pytest.raises(CarrierRejected, match="status-callback"):
        await call.hang_up()
    assert call.ended


async def test_a_document_that_runs_out_of_verbs_hangs_up_with_a_warning(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", "<Say>hello</Say>")
    call = await carrier.dial()
    assert call.ended
    assert [warning.rule for warning in call.warnings] == ["ran-out"]
    assert call.violations == []


@pytest.mark.parametrize(
    "loop", ["<Redirect>/twilio/voice</Redirect>", "<Say>on</Say><Redirect>/twilio/voice</Redirect>"]
)
async def test_a_request_storm_is_refused(hotline: Hotline, carrier: Carrier, loop: str) -> None:
    hotline.on("/twilio/voice", loop)
    with pytest.raises(CarrierRejected, match="storm"):
        await carrier.dial()
    assert len(hotline.came) == (4 if loop.startswith("<Redirect") else 60)


async def test_reject_ends_the_call_as_busy(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", '<Reject reason="busy"/>')
    assert (await carrier.dial()).ended
    assert hotline.asked("/twilio/status")[0]["CallStatus"] == "busy"


# --- agents, queues, recordings --------------------------------------------------------------------------------------

DIAL = (
    '<Dial action="/done" timeout="20"><Number url="/whisper">+861012333</Number></Dial>'
    "<Say>fell through</Say><Hangup/>"
)


async def test_an_agent_who_takes_the_call_is_bridged(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", DIAL).on("/done", "<Say>thanks</Say><Hangup/>")
    hotline.on("/whisper", '<Gather numDigits="1" action="/accept"><Say>press one</Say></Gather><Hangup/>')
    hotline.on("/accept", "<Say>connecting</Say>")
    call = await carrier.dial()
    assert texts(call.heard) == ["thanks"]
    assert texts(call.legs[0].heard) == ["press one", "connecting"]
    done, accept = hotline.asked("/done")[0], hotline.asked("/accept")[0]
    assert (done["DialCallStatus"], done["DialBridged"], done["DialCallDuration"]) == ("completed", "true", "60")
    assert (accept["ParentCallSid"], accept["CallSid"], accept["Digits"]) == (call.sid, call.legs[0].sid, "1")
    assert done["CallSid"] == call.sid != accept["CallSid"]
    assert len(hotline.asked("/twilio/status")) == 1


async def test_a_mailbox_at_a_whisper_is_completed_but_not_bridged(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", DIAL).on("/done", "<Hangup/>")
    hotline.on("/whisper", '<Gather numDigits="1" action="/accept"/><Hangup/>')
    carrier.agent_keys = ""
    await carrier.dial()
    done = hotline.asked("/done")[0]
    assert (done["DialCallStatus"], done["DialBridged"]) == ("completed", "false")


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "failed", "canceled"])
async def test_an_agent_who_does_not_answer_is_told_to_the_action(
    hotline: Hotline, carrier: Carrier, outcome: str
) -> None:
    hotline.on("/twilio/voice", DIAL).on("/done", "<Hangup/>")
    carrier.agent_answers = outcome  # type: ignore[assignment]
    await carrier.dial()
    done = hotline.asked("/done")[0]
    assert (done["DialCallStatus"], done["DialBridged"]) == (outcome, "false")
    assert hotline.asked("/whisper") == []


async def test_dial_without_an_action_falls_through(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", "<Dial><Number>12333</Number></Dial><Say>fell through</Say><Hangup/>")
    call = await carrier.dial()
    assert texts(call.heard) == ["fell through"]
    assert call.clock > 60


async def test_a_whisper_may_not_dial(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", DIAL).on("/whisper", "<Dial><Number>12333</Number></Dial>")
    with pytest.raises(CarrierRejected, match="nesting"):
        await carrier.dial()


QUEUE = '<Enqueue action="/left" waitUrl="/wait">desk</Enqueue><Say>after</Say><Hangup/>'
WAIT = '<Gather numDigits="1" action="/choice" timeout="5"><Say>please wait</Say></Gather><Redirect>/wait</Redirect>'


async def test_a_key_leaves_the_queue(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", QUEUE).on("/wait", WAIT).on("/left", "<Say>left</Say><Hangup/>")
    hotline.on("/choice", lambda fields: "<Leave/>" if fields["Digits"] == "1" else "<Redirect>/wait</Redirect>")
    call = await carrier.dial()
    call.queue_position = 3
    assert texts(await call.silence()) == ["please wait"]
    assert texts(await call.press("5")) == ["please wait"]
    assert texts(await call.press("1")) == ["left"]
    first, left = hotline.asked("/wait")[0], hotline.asked("/left")[0]
    fields = {"QueuePosition", "QueueTime", "AvgQueueTime", "CurrentQueueSize", "MaxQueueSize", "QueueSid"}
    assert fields <= first.keys()
    assert (left["QueueResult"], left["QueueSid"]) == ("leave", first["QueueSid"])
    assert carrier.queues == {"desk": []}


async def test_a_wait_document_is_requested_again_when_it_runs_out(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", QUEUE).on("/wait", "<Say>please wait</Say>").on("/left", "<Hangup/>")
    call = await carrier.dial()
    for _ in range(3):
        await call.silence()
    assert len(hotline.asked("/wait")) == 4
    await call.agent_takes(30)
    left = hotline.asked("/left")[0]
    assert (left["QueueResult"], left["QueueTime"], call.ended) == ("bridged", "33", True)


async def test_an_instant_wait_document_is_a_storm(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", QUEUE).on("/wait", "")
    with pytest.raises(CarrierRejected, match="storm"):
        await carrier.dial()


async def test_hanging_up_in_a_queue_is_told_to_its_action(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", QUEUE).on("/wait", WAIT).on("/left", "<Hangup/>")
    call = await carrier.dial()
    await call.hang_up()
    left = hotline.asked("/left")[0]
    assert (left["QueueResult"], left["CallStatus"]) == ("hangup", "completed")
    assert hotline.paths()[-2:] == ["/left", "/twilio/status"]


async def test_a_full_queue_and_one_without_action_go_on(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", '<Enqueue maxQueueSize="0" action="/left">desk</Enqueue>').on("/left", "<Hangup/>")
    await carrier.dial()
    assert hotline.asked("/left")[0]["QueueResult"] == "queue-full"
    hotline.on("/twilio/voice", "<Enqueue>desk</Enqueue><Say>after</Say><Hangup/>")
    assert texts(await (await carrier.dial()).agent_takes()) == ["after"]


async def test_an_agents_leg_takes_the_first_of_a_queue(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", QUEUE).on("/wait", WAIT).on("/left", "<Say>survey</Say><Hangup/>")
    hotline.on("/leg", '<Dial action="/leg/done"><Queue url="/warn">desk</Queue></Dial>').on("/leg/done", "<Hangup/>")
    hotline.on("/warn", "<Say>an agent is coming</Say>")
    caller = await carrier.dial()
    leg = await carrier.dial(path="/leg", parent=caller.sid)
    assert texts(caller.heard) == ["please wait", "an agent is coming", "survey"]
    assert (hotline.asked("/warn")[0]["CallSid"], hotline.asked("/leg")[0]["ParentCallSid"]) == (caller.sid,) * 2
    assert hotline.asked("/leg/done")[0]["DialBridged"] == "true"
    assert caller.ended
    assert leg.ended


async def test_a_recording_goes_to_its_action_or_to_the_current_document(hotline: Hotline, carrier: Carrier) -> None:
    hotline.on("/twilio/voice", '<Record maxLength="20"/><Say>nothing said</Say><Hangup/>', "<Hangup/>")
    call = await carrier.dial()
    await call.speak(30, "#")
    again = hotline.asked("/twilio/voice")[1]
    assert (again["RecordingDuration"], again["Digits"]) == ("20", "#")
    assert again["RecordingUrl"].startswith(f"{BASE}/recordings/RE")
    hotline.on("/twilio/voice", '<Record action="/kept"/><Say>nothing said</Say><Hangup/>')
    assert texts(await (await carrier.dial()).silence()) == ["nothing said"]
    assert hotline.asked("/kept") == []
