"""The exchange over HTTP: for phones to be plugged in and used, and for the hotline the carrier's own API."""

import asyncio
import contextlib
import hmac
import json
import re
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ivr.carrier.gather import KEYS
from ivr.carrier.recordings import recording_routes
from ivr.carrier.rest import CallsApi
from ivr.exchange.demo import DemoAccounts
from ivr.exchange.happenings import Key, Said, Skip, Words
from ivr.exchange.phone import TELEPHONE, Busy, Phone
from ivr.exchange.switch import Switch

LARGEST_BODY: Final = 4096
LONGEST_WORDS: Final = 500
MOST_KEYS: Final = 64
SLOWEST_S: Final = 10.0

LOOKS_EVERY_S: Final = 1.0
BEATS_EVERY_S: Final = 10.0
"""A stream in which nothing happens says so, else whoever stands between ends it."""
STREAM_S: Final = 3600.0
"""A stream ends after so many seconds; its listener comes again."""
FORGOTTEN_S: Final = 20.0
"""A phone to which nobody has listened for so long is hung up and taken away."""

Body = Mapping[str, Any]


class Refused(Exception):  # noqa: N818 - it is no error of ours
    """A request that no phone can mean; the text is a sentence."""


class PhonesApi:
    """The phones of a switch. Whoever shows the account's name and token may plug in one and use it by its name."""

    def __init__(self, switch: Switch, accounts: DemoAccounts | None = None) -> None:
        self._switch = switch
        self._accounts = accounts
        shown = b64encode(f"{switch.account_sid}:{switch.auth_token}".encode())
        self._expected = b"Basic " + shown
        self._unheard: dict[str, float] = {}
        self._does: Mapping[str, Callable[[Phone, Body], Awaitable[None]]] = {
            "dial": self._dial,
            "keys": self._keys,
            "words": self._words,
            "said": self._said,
            "skip": self._skip,
            "pick-up": self._pick_up,
            "hang-up": self._hang_up,
            "repeat": self._repeat,
            "slow": self._slow,
        }
        self.routes = [
            Route("/phones", self._plug_in, methods=["POST"]),
            Route("/phones/{id}", self._unplug, methods=["DELETE"]),
            Route("/phones/{id}/events", self._events, methods=["GET"]),
            Route("/phones/{id}/{does}", self._do, methods=["POST"]),
        ]

    async def watch(self) -> None:
        """Take phones away that nobody holds any more, and let callers read what the demo's accounts text them."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._forget())
            if self._accounts is not None:
                group.create_task(self._accounts.watch(self._switch.phones))

    async def _forget(self) -> None:
        while True:
            await asyncio.sleep(LOOKS_EVERY_S)
            now = time.monotonic()
            for phone in list(self._switch.phones.values()):
                since = self._unheard.setdefault(phone.id, now)
                if phone.listeners:
                    self._unheard[phone.id] = now
                elif now - since > FORGOTTEN_S:
                    self._switch.unplug(phone)
            self._unheard = {name: at for name, at in self._unheard.items() if name in self._switch.phones}

    # --- requests ----------------------------------------------------------------------------------------------------

    async def _plug_in(self, request: Request) -> Response:
        if not self._admits(request):
            return Response(status_code=401)
        try:
            body = await _body(request)
            number = _text(body, "number", 16)
            if not TELEPHONE.fullmatch(number):
                raise Refused(f"{number} is no telephone number: expected digits and perhaps + before them.")
            phone = Phone(number, answers=body.get("answers") is True, aloud=body.get("aloud") is True)
            self._switch.plug_in(phone)
        except (Refused, Busy) as error:
            return _refusal(error)
        return JSONResponse({"phone": phone.id}, 201)

    async def _unplug(self, request: Request) -> Response:
        phone = self._phone(request)
        if phone is not None:
            self._switch.unplug(phone)
        return Response(status_code=204 if phone is not None else 404)

    async def _events(self, request: Request) -> Response:
        phone = self._phone(request)
        if phone is None:
            return Response(status_code=404)
        after = request.headers.get("last-event-id") or request.query_params.get("after", "0")
        place = int(after) if re.fullmatch("[0-9]{1,9}", after) else 0
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(self._stream(request, phone, place), media_type="text/event-stream", headers=headers)

    async def _stream(self, request: Request, phone: Phone, after: int) -> AsyncIterator[bytes]:
        phone.listeners += 1
        began = beat = time.monotonic()
        try:
            yield b": listening\n\n"
            while time.monotonic() - began < STREAM_S and not request.app.state.draining:
                events = await phone.events(after, LOOKS_EVERY_S)
                if events or time.monotonic() - beat > BEATS_EVERY_S:
                    beat = time.monotonic()
                    yield (
                        b"".join(
                            b"id: %d\ndata: %s\n\n" % (number, json.dumps(told, ensure_ascii=False).encode())
                            for number, told in events
                        )
                        or b": beat\n\n"
                    )
                after = events[-1].number if events else after
                if phone.id not in self._switch.phones:
                    return
        finally:
            phone.listeners -= 1

    async def _do(self, request: Request) -> Response:
        phone, does = self._phone(request), self._does.get(request.path_params["does"])
        if phone is None or does is None:
            return Response(status_code=404)
        try:
            await does(phone, await _body(request))
        except (Refused, Busy) as error:
            return _refusal(error)
        return Response(status_code=204)

    def _phone(self, request: Request) -> Phone | None:
        return self._switch.phones.get(request.path_params["id"]) if self._admits(request) else None

    def _admits(self, request: Request) -> bool:
        shown = request.headers.get("authorization", "").encode("utf-8", "replace")
        return hmac.compare_digest(shown, self._expected)

    # --- what a phone does -------------------------------------------------------------------------------------------

    async def _dial(self, phone: Phone, body: Body) -> None:
        number = _text(body, "to", 16)
        if not TELEPHONE.fullmatch(number):
            raise Refused(f"{number} is no telephone number: expected digits and perhaps + before them.")
        self._switch.call_hotline(phone, number)

    async def _keys(self, phone: Phone, body: Body) -> None:
        keys = _text(body, "keys", MOST_KEYS)
        if not keys or not KEYS.issuperset(keys):
            raise Refused(f"A keypad has the keys 0-9 * #, not {keys!r}.")
        for key in keys:
            phone.happens(Key(key))

    async def _words(self, phone: Phone, body: Body) -> None:
        phone.happens(Words(_text(body, "text", LONGEST_WORDS)))

    async def _said(self, phone: Phone, body: Body) -> None:
        number = body.get("number")
        if not isinstance(number, int):
            raise Refused("number was expected: that of the sentence which was said.")
        with contextlib.suppress(Busy):  # the call may have ended while it was said
            phone.happens(Said(number))

    async def _skip(self, phone: Phone, _: Body) -> None:
        phone.happens(Skip())

    async def _pick_up(self, phone: Phone, _: Body) -> None:
        phone.pick_up()

    async def _hang_up(self, phone: Phone, _: Body) -> None:
        phone.hang_up()

    async def _repeat(self, phone: Phone, _: Body) -> None:
        await self._switch.repeat_last_webhook(phone)

    async def _slow(self, _: Phone, body: Body) -> None:
        seconds = body.get("seconds")
        if not isinstance(seconds, int | float) or not 0 <= seconds <= SLOWEST_S:
            raise Refused(f"seconds from 0 to {SLOWEST_S:g} were expected.")
        if self._accounts is None or not await self._accounts.slow(seconds):
            raise Busy("The account service is not the demo's own, so it cannot be made slow from here.")


def create_exchange(
    switch: Switch, *, numbers: frozenset[str] = frozenset(), accounts: DemoAccounts | None = None
) -> Starlette:
    """Build the exchange's application. ``numbers`` are those as which the hotline may call somebody."""
    phones = PhonesApi(switch, accounts)
    opened = {"account_sid": switch.account_sid, "auth_token": switch.auth_token}
    api = CallsApi(switch.ringing, numbers=numbers, **opened)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watching = asyncio.create_task(phones.watch())
        yield
        watching.cancel()
        await switch.aclose()
        if accounts is not None:
            await accounts.aclose()

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    health = Route("/healthz", healthz, methods=["GET"])
    routes = [health, *phones.routes, *recording_routes(switch.recordings, **opened), *api.app.routes]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.state.draining = False
    return app


async def _body(request: Request) -> Body:
    """Read a request's JSON object; none is an empty one. Raises Refused."""
    data = bytearray()
    async for part in request.stream():
        data += part
        if len(data) > LARGEST_BODY:
            raise Refused(f"At most {LARGEST_BODY} bytes were expected.")
    try:
        body = json.loads(data or b"{}")
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused("A JSON object was expected.")
    return body


def _text(body: Body, name: str, longest: int) -> str:
    text = body.get(name)
    if not isinstance(text, str) or not text.strip() or len(text) > longest:
        raise Refused(f"{name} was expected: text of at most {longest} characters.")
    return text.strip()


def _refusal(error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 409 if isinstance(error, Busy) else 400)
