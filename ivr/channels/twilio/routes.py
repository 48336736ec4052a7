"""The carrier's routes: check who posts, read what happened, hand it to the hotline, and answer valid TwiML always."""

import logging
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from ivr.call import End, Turn
from ivr.channels.twilio.form import LARGEST_BODY, Form, read_event, read_form, read_pairs
from ivr.channels.twilio.signature import holds
from ivr.channels.twilio.twiml import HANG_UP, write
from ivr.hotline import Call, Hotline, Page
from ivr.prompts import speak

log = logging.getLogger(__name__)

Answer = Callable[[Form, Call], Awaitable[bytes]]


def page_writer(public_url: str) -> Callable[[Page], bytes]:
    """Give the function that writes a hotline's pages as TwiML, with URLs under the public one."""
    root = public_url.rstrip("/")
    return lambda page: write(page.turn, f"{root}/twilio/{page.kind}/{page.token}", page.group)


class Gate:
    """What stands before every webhook: its size, its signature, its account, its grammar."""

    def __init__(self, *, public_url: str, account_sid: str, auth_tokens: tuple[str, ...]) -> None:
        self._root = public_url.rstrip("/")
        self._account_sid = account_sid
        self._tokens = auth_tokens

    async def admit(self, request: Request) -> Form | None:
        """Give the form of a webhook that the carrier signed for this account, else None."""
        signature = request.headers.get("x-twilio-signature", "")
        if not signature:
            return None
        body = await _body(request)
        if body is None:
            return None
        is_form = request.headers.get("content-type", "").partition(";")[0].strip().lower() in (
            "application/x-www-form-urlencoded",
            "",
        )
        pairs = read_pairs(body) if is_form else ()
        query = request.url.query
        url = f"{self._root}{request.scope['raw_path'].decode('latin-1')}{f'?{query}' if query else ''}"
        if not holds(self._tokens, url, pairs, signature):
            return None
        form = read_form(pairs)
        return form if form.values.get("AccountSid", self._account_sid) == self._account_sid else None


async def _body(request: Request) -> bytes | None:
    """Read the body up to the largest that is read at all."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > LARGEST_BODY:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            return None
    return bytes(body)


def voice_router(hotline: Hotline, gate: Gate) -> APIRouter:
    """Build the routes of the voice webhooks. They answer 200 with TwiML, or 403 where the carrier did not sign."""
    router = APIRouter(prefix="/twilio")

    async def answer(request: Request, make: Answer) -> Response:
        form = await gate.admit(request)
        if form is None:
            return Response(status_code=403)
        try:
            sid = form.call_sid
            if sid is None:
                return _twiml(_sorry(hotline))
            if form.completed:
                await hotline.ended(sid)
                return _twiml(HANG_UP)
            return _twiml(await make(form, Call(sid, form.party("To"))))
        except Exception:
            log.exception("A webhook of the carrier could not be answered as it should.")
            return _twiml(_sorry(hotline))

    @router.post("/voice")
    async def voice(request: Request) -> Response:
        return await answer(request, lambda _, call: hotline.started(call))

    @router.post("/turn/{token}")
    async def turn(request: Request, token: str) -> Response:
        return await answer(request, lambda form, call: hotline.turn(call, token, read_event(form)))

    @router.post("/poll/{token}")
    async def poll(request: Request, token: str) -> Response:
        return await answer(request, lambda _, call: hotline.poll(call, token))

    @router.post("/fallback")
    async def fallback(request: Request) -> Response:
        return await answer(request, lambda form, call: hotline.fallback(call, failed_token(form)))

    @router.post("/status")
    async def status(request: Request) -> Response:
        form = await gate.admit(request)
        if form is None:
            return Response(status_code=403)
        try:
            if form.completed and form.call_sid is not None:
                await hotline.ended(form.call_sid)
        except Exception:
            log.exception("A status callback of the carrier could not be noted.")
        return Response(status_code=204)

    return router


def failed_token(form: Form) -> str:
    """Give the token of the URL that failed, where the carrier tells it."""
    return form.values.get("ErrorUrl", "").partition("#")[0].rpartition("/")[2]


def _twiml(document: bytes) -> Response:
    return Response(document, media_type="text/xml")


def _sorry(hotline: Hotline) -> bytes:
    """Say that something is amiss, with nothing but the process itself."""
    library = hotline.library
    lang = library.hotlines.hotlines[library.hotlines.default].languages[0]
    say = (*speak(library.catalogs, "trouble.sorry", {}, lang), *speak(library.catalogs, "goodbye", {}, lang))
    return write(Turn(say, End()), "")
