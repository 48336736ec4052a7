"""Calls that the hotline places: through the carrier's library, once, within a deadline, saying what went wrong."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from served import served_here
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from test_carrier_calls import BASE, SID, TOKEN
from test_carrier_rest import AGENT, OURS, Api, Patient, an_api

from ivr.agents.legs import Leg
from ivr.agents.switchboard import NotRung
from ivr.carrier.phones import ScriptedPhone
from ivr.carrier.placed import PlacedCall
from ivr.channels.twilio.calling_out import CarrierSwitchboard

LEG = Leg("0011223344556677", "CA" + "1" * 32, "demo", "general", "7")


def url(leg: Leg) -> str:
    return f"{BASE}/twilio/leg/{'status' if leg.stage == 'status' else 'abc'}"


def switchboard(api_url: str, *, token: str = TOKEN, number: str = OURS, within: float = 4.0) -> CarrierSwitchboard:
    return CarrierSwitchboard(account_sid=SID, auth_token=token, api_url=api_url, number=number, url=url, within=within)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    async with an_api() as one:
        yield one


async def test_a_phone_is_rung_and_only_the_end_of_its_leg_is_told(api: Api) -> None:
    api.hotline.on("/twilio/leg/key", "<Hangup/>")
    phone = ScriptedPhone()
    api.phones.plug_in(AGENT, phone)
    sid = await switchboard(api.url).ring(AGENT, LEG, 20)
    (leg,) = await api.phones.settled()
    assert (leg.sid, leg.order.timeout, phone.rung) == (sid, 20, 1)
    assert (leg.from_, leg.to) == (OURS, AGENT)
    assert api.told() == ["completed"]


async def test_a_phone_that_rings_rings_no_more_and_what_is_over_stays_so(api: Api) -> None:
    api.phones.plug_in(AGENT, Patient())
    calls = switchboard(api.url)
    sid = await calls.ring(AGENT, LEG, 20)
    for _ in range(2):
        await calls.hang_up(sid)
    await calls.hang_up("CA" + "0" * 32)
    assert [leg.status for leg in await api.phones.settled()] == ["canceled"]
    assert api.told() == ["canceled"]


async def test_what_is_called_off_rings_no_more_unless_it_was_answered(api: Api) -> None:
    api.phones.plug_in(AGENT, Patient())
    calls = switchboard(api.url)
    sid = await calls.ring(AGENT, LEG, 20)
    for _ in range(2):
        await calls.call_off(sid)
    assert [leg.status for leg in await api.phones.settled()] == ["canceled"]

    class Answered(ScriptedPhone):
        async def talks(self, leg: PlacedCall, /) -> None:
            await calls.call_off(leg.sid)
            assert leg.status == "in-progress"
            await leg.hang_up()

    api.hotline.on("/twilio/leg/key", "<Hangup/>")
    api.hotline.on("/twilio/leg/abc", "<Gather/>")
    api.phones.plug_in(AGENT, Answered())
    await calls.ring(AGENT, LEG, 20)
    assert [leg.status for leg in await api.phones.settled()] == ["canceled", "completed"]


async def test_what_the_carrier_refuses_is_told_by_its_code_and_names_no_number(api: Api) -> None:
    for calls, phone, code in (
        (switchboard(api.url, token="another"), AGENT, "401, error 20003"),
        (switchboard(api.url, number="+12025550199"), AGENT, "400, error 21210"),
        (switchboard(api.url), "110", "400, error 21211"),
    ):
        with pytest.raises(NotRung, match=code) as refused:
            await calls.ring(phone, LEG, 20)
        assert phone not in str(refused.value)
    api.api.too_many = 1
    with pytest.raises(NotRung, match="429"):
        await switchboard(api.url).ring(AGENT, LEG, 20)
    assert await api.phones.settled() == []


BROKEN = {
    "nothing": Response(""),
    "no JSON": Response("<html>", 201),
    "another redirects": Response("", 302, {"Location": "http://127.0.0.1:1/"}),
    "an error without a body": Response("", 503),
    "JSON of another kind": Response("[1]", 201),
    "a page that is too long": Response(b"x" * 100_000, 201),
}


@pytest.mark.parametrize("what", BROKEN)
async def test_an_answer_that_is_none_is_no_call(what: str) -> None:
    asked = []

    async def broken(request: Request) -> Response:
        asked.append(await request.body())
        return BROKEN[what]

    async with served_here(Starlette(routes=[Route("/{path:path}", broken, methods=["POST"])])) as url_:
        with pytest.raises(NotRung):
            await switchboard(url_).ring(AGENT, LEG, 20)
    assert len(asked) == 1


async def test_nobody_waits_for_a_carrier_that_does_not_answer() -> None:
    async def silent(request: Request) -> Response:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response()

    async with served_here(Starlette(routes=[Route("/{path:path}", silent, methods=["POST"])])) as url_:
        with pytest.raises(NotRung, match="did not answer"):
            await switchboard(url_, within=0.2).ring(AGENT, LEG, 20)


async def test_a_carrier_that_cannot_be_reached_is_no_call() -> None:
    with pytest.raises(NotRung, match="could not be asked"):
        await switchboard("http://127.0.0.1:9").ring(AGENT, LEG, 20)
