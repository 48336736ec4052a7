"""The webhooks of legs, the calls that the hotline places to its agents: nothing there is a turn of the caller."""

import logging
import time
from collections.abc import Awaitable, Callable

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from structlog.contextvars import bind_contextvars

from ivr.agents.leg_calls import REACH_S, Fetch, GoOn, LegCalls, LegTurn, Reach, Told
from ivr.agents.legs import Leg, Legs
from ivr.agents.queue import call_of
from ivr.agents.switchboard import Switchboard
from ivr.call import End, Listen, Turn
from ivr.channels.twilio.form import Form
from ivr.channels.twilio.routes import Gate, Webhook
from ivr.channels.twilio.twiml import HANG_UP, document, link, said, write
from ivr.first_use import FirstUse
from ivr.metrics import Metrics
from ivr.redis_line import StoreAway
from ivr.settings import Settings

LONGEST_TALK_S = 4 * 3600

log = logging.getLogger(__name__)


def leg_url(root: str, legs: Legs) -> Callable[[Leg], str]:
    """Give the function that gives the URL of a leg's webhook, under the public one."""
    return lambda leg: f"{root.rstrip('/')}/twilio/leg/{legs.token(leg)}"


def switchboard_of(settings: Settings, legs: Legs) -> Callable[[], Awaitable[Switchboard]] | None:
    """Give what gives a switchboard when it is first needed; None where the hotline places no calls."""
    if not settings.outbound_number:
        return None

    def make() -> Switchboard:
        from ivr.channels.twilio.calling_out import CarrierSwitchboard

        return CarrierSwitchboard(
            account_sid=settings.twilio_account_sid,
            auth_token=settings.auth_tokens[0],
            api_url=settings.carrier_api,
            number=settings.outbound_number,
            url=leg_url(settings.public_url, legs),
        )

    return FirstUse(make).get


def write_leg(turn: LegTurn, url: Callable[[Leg], str], caller_id: str) -> bytes:
    """Write what happens on a leg as a TwiML document; `caller_id` is who calls a member back."""
    after = url(turn.leg)
    match turn.next:
        case Listen() | End() as heard:
            return write(Turn(turn.say, heard), after)
        case Fetch(queue):
            warning = link(url(replace(turn.leg, stage="warning")))
            rings = f'<Queue url="{warning}" method="POST">{queue}</Queue>'
            options = f'timeout="5" timeLimit="{LONGEST_TALK_S}"'
        case Reach(number):
            told = link(url(replace(turn.leg, stage="member")))
            callback = f'statusCallback="{told}" statusCallbackMethod="POST" statusCallbackEvent="completed"'
            rings = f"<Number {callback}>{number}</Number>"
            options = f'timeout="{REACH_S}" timeLimit="{LONGEST_TALK_S}" callerId="{caller_id}"'
        case GoOn():
            return document(said(turn.say))
    return document(f'{said(turn.say)}<Dial action="{link(after)}" method="POST" {options}>{rings}</Dial>')


def leg_routes(calls: LegCalls, gate: Gate, metrics: Metrics, *, caller_id: str) -> list[Route]:
    """Build the route of all webhooks of legs.

    Those that want a document get 200 with TwiML: ``<Hangup/>`` where the token does not open. Status callbacks get
    204. What the carrier did not sign gets 403. Where Redis is away a leg ends: its caller comes back to the queue.
    """
    url = leg_url(gate.root, calls.legs)

    async def leg(request: Request) -> Response:
        arrived = time.monotonic()
        got, response = await answered(request)
        metrics.webhook("leg", got, time.monotonic() - arrived)
        return response

    async def answered(request: Request) -> tuple[str, Response]:
        form = await gate.admit(request)
        if form is None:
            return "forbidden", Response(status_code=403)
        opened, told = calls.legs.opened(request.path_params["token"]), _told(form)
        if opened is None:
            return "stranger", _twiml(HANG_UP)
        bind_contextvars(call=call_of(opened.call))
        nothing = Response(status_code=204) if opened.stage in ("status", "member") else _twiml(HANG_UP)
        if told is None:
            return "nameless", nothing
        try:
            if nothing.status_code == 204:
                await calls.note(opened, told)
                return "noted", nothing
            return "answer", _twiml(write_leg(await calls.answer(opened, told), url, caller_id))
        except StoreAway as away:
            log.warning("An agent's leg ends, its caller comes back to the queue: %s", away)
            return "trouble", nothing
        except Exception:
            log.exception("A webhook of an agent's leg could not be answered as it should.")
            return "trouble", nothing

    return [Route("/twilio/leg/{token:path}", Webhook(leg), methods=["POST"])]


def _told(form: Form) -> Told | None:
    """Read what a webhook tells of a leg; None where it names no call or is garbled."""
    sid, values = form.call_sid, form.values
    if sid is None or not form.clean:
        return None
    dialled = "DialCallStatus" in values
    lasted = values.get("DialCallDuration" if dialled else "CallDuration", "")
    return Told(
        sid=sid,
        parent=values.get("ParentCallSid", ""),
        keys=values.get("Digits", ""),
        status=values.get("DialCallStatus" if dialled else "CallStatus", ""),
        seconds=int(lasted) if lasted.isascii() and lasted.isdecimal() and len(lasted) < 8 else 0,
    )


def _twiml(written: bytes) -> Response:
    return Response(written, media_type="text/xml")
