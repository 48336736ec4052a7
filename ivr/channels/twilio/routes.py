"""The carrier's routes: check who posts, read what happened, hand it to the hotline, and answer valid TwiML always."""

import logging
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from ivr.call import End, Turn, Utterance, Wait
from ivr.channels.twilio.form import LARGEST_BODY, Form, read_event, read_form, read_pairs, read_queue_end
from ivr.channels.twilio.signature import holds
from ivr.channels.twilio.strays import stray_pairs
from ivr.channels.twilio.twiml import HANG_UP, Queue, write
from ivr.crashes.quarantine import Quarantine
from ivr.deadline import Within
from ivr.hotline import Call, Hotline, Page
from ivr.metrics import Metrics
from ivr.pages import AnotherCall
from ivr.prompts import speak

BODY_SECONDS = 3.0
"""A body that takes longer to arrive is not waited for; the carrier would not wait for the answer."""

log = logging.getLogger(__name__)

Answer = Callable[[Form, Call], Awaitable[bytes]]
Way = Callable[[Request], Awaitable[Response]]


def page_writer(public_url: str) -> Callable[[Page], bytes]:
    """Give the function that writes a hotline's pages as TwiML, with URLs under the public one."""
    root = public_url.rstrip("/")

    def written(page: Page) -> bytes:
        queue = page.queue and Queue(page.queue.name, f"{root}/twilio/queue/{page.queue.token}")
        return write(page.turn, f"{root}/twilio/{page.kind}/{page.token}", page.group, queue)

    return written


class Gate:
    """What stands before every webhook: its size, its signature, its account, its grammar."""

    def __init__(self, *, public_url: str, account_sid: str, auth_tokens: tuple[str, ...]) -> None:
        self.root = public_url.rstrip("/")
        self._ours = (b"AccountSid", account_sid.encode())
        self._tokens = auth_tokens

    async def admit(self, request: Request) -> Form | None:
        """Give the form of a webhook that the carrier signed for this account, else None."""
        headers = dict(reversed(request.scope["headers"]))  # of one that comes twice the first counts
        signature = headers.get(b"x-twilio-signature", b"").decode("latin-1")
        if not signature:
            return None
        body = await _body(request, headers.get(b"content-length", b"0"))
        if body is None:
            return None
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        is_form = content_type.partition(";")[0].strip().lower() in ("application/x-www-form-urlencoded", "")
        readings = [read_pairs(body)] if is_form else [stray_pairs(body, content_type), read_pairs(body), ()]
        url = self._signed_url(request)
        pairs = next((pairs for pairs in readings if holds(self._tokens, url, pairs, signature)), None)
        if pairs is None or next(zip(*pairs, strict=True), ()).count(b"AccountSid") != pairs.count(self._ours):
            return None
        return read_form(pairs, is_form=is_form)

    def _signed_url(self, request: Request) -> str:
        """Give the public URL of a request, of which the request itself is believed nothing but path and query."""
        path, query = (request.scope[part].decode("latin-1") for part in ("raw_path", "query_string"))
        return f"{self.root}{path}{f'?{query}' if query else ''}"


async def _body(request: Request, length: bytes) -> bytes | None:
    """Read the body up to the largest that is read at all; None where it is larger, or does not arrive."""
    if not length.isdigit() or len(length) > 9 or int(length) > LARGEST_BODY:
        return None
    body = bytearray()
    try:
        with Within(BODY_SECONDS):
            more = True
            while more:
                message = await request.receive()
                body += message.get("body", b"")
                if message["type"] == "http.disconnect" or len(body) > LARGEST_BODY:
                    return None
                more = message.get("more_body", False)
    except TimeoutError:
        return None
    return bytes(body)


def voice_routes(hotline: Hotline, gate: Gate, metrics: Metrics, quarantine: Quarantine | None = None) -> list[Route]:
    """Build the routes of the voice webhooks. They answer 200 with TwiML, or 403 where the carrier did not sign.

    `quarantine` answers those that have killed workers before.

    They are plain routes, beside those of the application: nothing in a webhook is for FastAPI to validate, and what it
    would do around each one (parameters, exit stacks, an included router) costs as much as a trip to Redis.
    """
    voice_url = f"{gate.root}/twilio/voice"

    async def answer(request: Request, kind: str, make: Answer, *, again: str | None = None) -> Response:
        arrived = time.monotonic()
        got, response = await made(request, make, again)
        metrics.webhook(kind, got, time.monotonic() - arrived)
        return response

    async def made(request: Request, make: Answer, again: str | None) -> tuple[str, Response]:
        form = await gate.admit(request)
        if form is None:
            return "forbidden", Response(status_code=403)
        try:
            sid = form.call_sid
            if sid is None:
                return "nameless", _twiml(_sorry(hotline, again))
            bind_contextvars(call=sid)  # every line of the log that is about this call names it
            call = _call(form, sid)
            if form.completed:
                if form.recorded:  # whoever hangs up after a message has left it
                    await make(form, call)
                await hotline.endings.note(call, form.spoke)
                return "ended", _twiml(HANG_UP)
            if quarantine is None:
                return "answer", _twiml(await make(form, call))
            path = request.scope["path"].removeprefix("/twilio/")
            got, document = await quarantine.answer(call, path, lambda: make(form, call))
            return got, _twiml(document)
        except AnotherCall:
            log.warning("A webhook names a call of other parties: it is told nothing, and changes nothing.")
            return "stranger", _twiml(_sorry(hotline))
        except Exception:
            log.exception("A webhook of the carrier could not be answered as it should.")
            return "trouble", _twiml(_sorry(hotline))

    async def voice(request: Request) -> Response:
        return await answer(request, "voice", lambda _, call: hotline.started(call))

    async def turn(request: Request) -> Response:
        token = request.path_params["token"]

        async def stepped(form: Form, call: Call) -> bytes:
            document = await hotline.turn(call, token, read_event(form))
            if form.dropped:
                await hotline.endings.dropped(call, form.dropped)
            return document

        return await answer(request, "turn", stepped, again=voice_url)

    async def queue(request: Request) -> Response:
        token = request.path_params["token"]

        def left(form: Form, call: Call) -> Awaitable[bytes]:
            return hotline.left(call, token, read_queue_end(form))

        return await answer(request, "queue", left, again=voice_url)

    async def poll(request: Request) -> Response:
        token = request.path_params["token"]
        return await answer(request, "poll", lambda _, call: hotline.poll(call, token), again=voice_url)

    async def fallback(request: Request) -> Response:
        return await answer(request, "fallback", lambda form, call: hotline.fallback(call, failed_token(form)))

    async def status(request: Request) -> Response:
        form = await gate.admit(request)
        if form is None:
            return Response(status_code=403)
        try:
            if form.completed and form.call_sid is not None:
                await hotline.endings.note(_call(form, form.call_sid), form.spoke)
        except AnotherCall:
            log.warning("A status callback names a call of other parties: it changes nothing.")
        except Exception:
            log.exception("A status callback of the carrier could not be noted.")
        return Response(status_code=204)

    # No route may redirect, not even to the same URL without a slash: the keys would be lost on the way.
    whole = {"voice": voice, "fallback": fallback, "status": status}
    ways: list[tuple[str, Way]] = [
        ("turn/{token:path}", turn),
        ("poll/{token:path}", poll),
        ("queue/{token:path}", queue),
        *((name + slash, way) for name, way in whole.items() for slash in ("", "/")),
    ]
    return [Route(f"/twilio/{path}", Webhook(way), methods=["POST"]) for path, way in ways]


class Webhook:
    """A route's application, without what Starlette puts around functions: no HTTP exception is ever raised in one."""

    def __init__(self, way: Way) -> None:
        self._way = way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._way(Request(scope, receive))
        await response(scope, receive, send)


def failed_token(form: Form) -> str:
    """Give the token of the URL that failed, where the carrier tells it."""
    return form.values.get("ErrorUrl", "").partition("#")[0].rpartition("/")[2]


def _call(form: Form, sid: str) -> Call:
    return Call(sid, form.party("To"), form.party("From"))


def _twiml(document: bytes) -> Response:
    return _Twiml(document)


class _Twiml(Response):
    """A response that is always of the same kind, without what Starlette looks up to find that out each time."""

    def __init__(self, document: bytes) -> None:
        self.status_code = 200
        self.background = None
        self.body = document
        self.raw_headers = [(b"content-length", b"%d" % len(document)), _XML]


_XML = (b"content-type", b"text/xml; charset=utf-8")


def _sorry(hotline: Hotline, again: str | None = None) -> bytes:
    """Say that something is amiss, with nothing but the process itself; then go on at a URL, or hang up."""
    if again is not None:
        return write(Turn(_said(hotline, "trouble.sorry"), Wait()), again)
    return write(Turn((*_said(hotline, "trouble.sorry"), *_said(hotline, "goodbye")), End()), "")


def _said(hotline: Hotline, prompt: str) -> tuple[Utterance, ...]:
    library = hotline.stepping.versions.current
    return speak(library.catalogs, prompt, {}, library.hotlines.hotlines[library.hotlines.default].languages[0])
