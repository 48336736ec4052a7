"""The stand-in of the carrier's REST API: the carrier's own client works against it, and it rings phones by script."""

# The carrier's library has no types.
# mypy: disable-error-code="import-untyped"

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from served import served_here
from test_carrier_calls import BASE, SID, TOKEN, Hotline
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from ivr.carrier import Carrier, CarrierRejected
from ivr.carrier.phones import Phones, RingEnds, ScriptedPhone
from ivr.carrier.placed import Order, PlacedCall
from ivr.carrier.rest import CallsApi

OURS, AGENT = "+12025550100", "+12025550133"
LEG, STATUS = "/twilio/leg/abc", "/twilio/leg/status"
WHISPER = '<Gather numDigits="1" finishOnKey="" action="/twilio/leg/key"><Say>x</Say></Gather>'
ALL = ["initiated", "ringing", "answered", "completed"]


class Api:
    """The API over HTTP, with the carrier's own client before it and a scripted hotline behind it."""

    def __init__(self, url: str, api: CallsApi, phones: Phones, hotline: Hotline) -> None:
        self.url, self.api, self.phones, self.hotline = url, api, phones, hotline

    async def ask(self, what: str, *, token: str = TOKEN, sid: str = "", **values: Any) -> Any:
        """Do something with the carrier's client, which blocks, in a thread of its own."""

        def asked() -> Any:
            client = Client(SID, token, http_client=TwilioHttpClient(pool_connections=False))
            client.api.base_url = self.url
            return getattr(client.calls(sid) if sid else client.calls, what)(**values)

        return await asyncio.to_thread(asked)

    async def call(self, **values: Any) -> Any:
        order = {"to": AGENT, "from_": OURS, "url": BASE + LEG, "status_callback": BASE + STATUS}
        return await self.ask("create", **order | {"status_callback_event": ALL} | values)

    def told(self) -> list[str]:
        return [fields["CallStatus"] for fields in self.hotline.asked(STATUS)]


@asynccontextmanager
async def an_api() -> AsyncIterator[Api]:
    hotline = Hotline().on(STATUS, httpx2.Response(204)).on(LEG, WHISPER)
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(hotline.answer)) as client:
        carrier = Carrier(BASE, account_sid=SID, auth_token=TOKEN, client=client)
        ringing = Phones(carrier)
        api = CallsApi(ringing, account_sid=SID, auth_token=TOKEN, numbers=frozenset({OURS}))
        async with served_here(api.app) as url:
            yield Api(url, api, ringing, hotline)
            await ringing.aclose()


async def test_whoever_answers_hears_the_document_and_every_event_is_told_in_order() -> None:
    async with an_api() as api:
        api.hotline.on("/twilio/leg/key", "<Say>x</Say><Hangup/>")
        api.phones.plug_in(AGENT, ScriptedPhone(presses=["1"]))
        created = await api.call(timeout=20)
        assert (created.to, created._from, created.direction) == (AGENT, OURS, "outbound-api")
        assert created.date_created is not None
        await api.phones.settled()
        assert api.told() == ["initiated", "ringing", "in-progress", "completed"]
        assert [one["SequenceNumber"] for one in api.hotline.asked(STATUS)] == ["0", "1", "2", "3"]
        first, key = api.hotline.asked(LEG)[0], api.hotline.asked("/twilio/leg/key")[0]
        assert (first["CallSid"], first["CallStatus"]) == (created.sid, "in-progress")
        assert (first["Direction"], first["From"], first["To"]) == ("outbound-api", OURS, AGENT)
        assert "ParentCallSid" not in first
        assert key["Digits"] == "1"
        fetched = await api.ask("fetch", sid=created.sid)
        assert (fetched.sid, fetched.status) == (created.sid, "completed")
        assert fetched.end_time is not None


@pytest.mark.parametrize("ends", ["busy", "no-answer", "failed"])
async def test_nobody_answers(ends: RingEnds) -> None:
    async with an_api() as api:
        api.phones.plug_in(AGENT, ScriptedPhone(ends))
        created = await api.call()
        await api.phones.settled()
        assert api.told() == ["initiated", "ringing", ends]
        assert api.hotline.asked(LEG) == []
        assert (await api.ask("fetch", sid=created.sid)).status == ends


async def test_only_the_end_is_told_where_no_events_are_named_and_a_number_without_a_phone_fails() -> None:
    async with an_api() as api:
        await api.call(status_callback_event=None)
        await api.phones.settled()
        assert api.told() == ["failed"]


class Patient(ScriptedPhone):
    """A phone that rings until nobody wants it to ring any more."""

    async def rings(self, _leg: PlacedCall, /) -> RingEnds:
        await asyncio.Event().wait()
        raise AssertionError("The phone went on ringing.")


async def test_it_rings_no_longer_than_was_asked_for() -> None:
    async with an_api() as api:
        api.phones.plug_in(AGENT, Patient())
        api.phones.place(Order(AGENT, OURS, BASE + LEG, BASE + STATUS, timeout=0))
        await api.phones.settled()
        assert api.told() == ["no-answer"]


@pytest.mark.parametrize("status", ["completed", "canceled"])
async def test_a_call_that_rings_is_taken_back(status: str) -> None:
    async with an_api() as api:
        api.phones.plug_in(AGENT, Patient())
        created = await api.call()
        assert (await api.ask("update", sid=created.sid, status=status)).status == "canceled"
        assert api.told()[-1] == "canceled"
        with pytest.raises(TwilioRestException) as refused:
            await api.ask("update", sid=created.sid, status="completed")
        assert (refused.value.status, refused.value.code) == (400, 21220)


async def test_an_agent_is_joined_with_the_queued_caller_of_the_same_carrier() -> None:
    async with an_api() as api:
        api.hotline.on("/twilio/voice", '<Enqueue action="/after" waitUrl="/wait">q-1</Enqueue>')
        api.hotline.on("/wait", '<Gather numDigits="1" action="/wait"><Pause length="30"/></Gather>')
        api.hotline.on("/after", "<Say>survey</Say><Hangup/>")
        api.hotline.on("/twilio/leg/key", '<Dial action="/done"><Queue url="/warning">q-1</Queue></Dial>')
        api.hotline.on("/warning", "<Say>warned</Say>").on("/done", "<Hangup/>")
        caller = await api.phones.carrier.dial()
        api.phones.plug_in(AGENT, ScriptedPhone())
        await api.call()
        await api.phones.settled()
        assert [one.text for one in caller.heard[-2:]] == ["warned", "survey"]
        assert caller.ended
        assert api.hotline.asked("/warning")[0]["CallSid"] == caller.sid
        assert api.hotline.asked("/after")[0]["QueueResult"] == "bridged"
        assert api.hotline.asked("/done")[0]["DialCallStatus"] == "completed"


async def test_the_strict_rules_hold_for_what_an_agent_hears() -> None:
    async with an_api() as api:
        api.hotline.on(LEG, "<Say>x</Say><Leave/>")
        api.phones.plug_in(AGENT, ScriptedPhone())
        await api.call()
        with pytest.raises(CarrierRejected):
            await api.phones.settled()


REFUSED: dict[str, tuple[dict[str, object], int]] = {
    "nobody to ring": ({"to": ""}, 21201),
    "no number": ({"to": "110"}, 21211),
    "a number put together": ({"to": "sip:a b@c"}, 21211),
    "nobody who rings": ({"from_": ""}, 21213),
    "a caller id that is no number": ({"from_": "12333"}, 21212),
    "a caller id of somebody else": ({"from_": "+12025550199"}, 21210),
    "no document": ({"url": ""}, 21205),
    "a document that cannot be asked for": ({"url": "/twilio/leg/abc"}, 21205),
    "an event that does not exist": ({"status_callback_event": ["busy"]}, 21626),
    "a method that is not signed with its form": ({"method": "GET"}, 21209),
    "a year of ringing": ({"timeout": 601}, 21208),
}


async def test_what_the_carrier_does_not_take_is_refused_with_its_code() -> None:
    async with an_api() as api:
        for what, (values, code) in REFUSED.items():
            with pytest.raises(TwilioRestException) as refused:
                await api.call(**values)
            assert (refused.value.status, refused.value.code) == (400, code), what
        assert await api.phones.settled() == []


async def test_a_stranger_an_unknown_call_and_too_many_requests_are_refused() -> None:
    async with an_api() as api:
        for token, status, code in (("another", 401, 20003), (TOKEN, 404, 20404)):
            with pytest.raises(TwilioRestException) as refused:
                await api.ask("fetch", sid="CA" + "0" * 32, token=token)
            assert (refused.value.status, refused.value.code) == (status, code)
        api.api.too_many = 1
        with pytest.raises(TwilioRestException) as refused:
            await api.call()
        assert (refused.value.status, refused.value.code) == (429, 20429)
        await api.call()
