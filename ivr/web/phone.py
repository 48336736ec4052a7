"""The page `/phone`: a telephone in the browser, whose line goes through the worker to the exchange."""

import asyncio
import re
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from typing import Final

import aiohttp
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ivr.door import Door
from ivr.library import Library
from ivr.settings import Settings
from ivr.web.parts import Parts
from ivr.web.writing import Pages

_LETTERS: Final = ("", "ABC", "DEF", "GHI", "JKL", "MNO", "PQRS", "TUV", "WXYZ", "", "", "")
KEYS: Final = tuple(zip("123456789*0#", _LETTERS, strict=True))

DEADLINE_S: Final = 20.0
"""For so long the exchange is waited for: a webhook that it repeats may take its time."""
STREAM_S: Final = 60.0
"""A stream is ended after so many seconds, and the browser comes again: a worker that leaves waits for no listener."""
BEAT_S: Final = 30.0
LARGEST_BODY: Final = 4096
DOES: Final = frozenset({"dial", "hang-up", "keys", "pick-up", "repeat", "said", "skip", "slow", "unplug", "words"})

_AGAIN: Final = b"retry: 200\n\n"
_TIMEOUT: Final = aiohttp.ClientTimeout(total=DEADLINE_S)
_PHONE: Final = re.compile("[A-Za-z0-9_-]{1,64}")


class PhonePage:
    """The page, and the line of its telephones; there is neither where no exchange runs.

    In a demo everybody may call; where the hotline is a real one, whoever may see what is for operators alone.
    """

    def __init__(self, pages: Pages, parts: Parts) -> None:
        self._pages = pages
        self._settings = parts.settings
        self._versions = parts.versions
        self._door = Door(parts.settings)
        self._session: aiohttp.ClientSession | None = None

    def routes(self) -> list[Route]:
        """Give the routes."""
        if not self._settings.exchange_url:
            return []
        return [
            Route("/phone", self._page, methods=["GET"]),
            Route("/phone/line", self._plug_in, methods=["POST"]),
            Route("/phone/line/{phone}/events", self._events, methods=["GET"]),
            Route("/phone/line/{phone}/{does}", self._do, methods=["POST"]),
        ]

    async def stop(self) -> None:
        """Let go of the connections to the exchange."""
        if self._session is not None:
            await self._session.close()

    async def _page(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        library = self._versions.current
        return self._pages.page(
            request,
            "phone.html",
            keys=KEYS,
            numbers=list(numbers_of(library)),
            agents=agents_of(library),
            can_be_slow="account_url" in self._settings.stand_ins,
            members=_members(self._settings),
        )

    async def _plug_in(self, request: Request) -> Response:
        return await self._ask(request, "POST", "/phones")

    async def _do(self, request: Request) -> Response:
        path, does = _path(request), request.path_params["does"]
        if does not in DOES:
            raise HTTPException(404)
        if does == "unplug":
            return await self._ask(request, "DELETE", path)
        return await self._ask(request, "POST", f"{path}/{does}")

    async def _ask(self, request: Request, method: str, path: str) -> Response:
        """Hand a request on. Another site's page cannot send JSON here, so nobody else uses the visitor's browser."""
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"error": "JSON was expected."}, 415)
        body = await request.body()
        if len(body) > LARGEST_BODY:
            return JSONResponse({"error": f"At most {LARGEST_BODY} bytes were expected."}, 413)
        headers = {"Content-Type": "application/json"}
        try:
            async with self._line().request(method, path, data=body, headers=headers, timeout=_TIMEOUT) as answer:
                told = await answer.read()
                return Response(told, answer.status, media_type="application/json" if told else None)
        except (aiohttp.ClientError, TimeoutError):
            return _away()

    async def _events(self, request: Request) -> Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        after = request.headers.get("last-event-id", "0")
        path = f"{_path(request)}/events"
        timeout = aiohttp.ClientTimeout(sock_connect=DEADLINE_S, sock_read=BEAT_S)
        try:
            answer = await self._line().get(path, headers={"Last-Event-ID": after}, timeout=timeout)
        except (aiohttp.ClientError, TimeoutError):
            return _away()
        if answer.status != 200:
            answer.release()
            raise HTTPException(404)
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        return StreamingResponse(
            _passed_on(answer), media_type="text/event-stream", headers=headers, background=BackgroundTask(answer.close)
        )

    def _refusal(self, request: Request) -> Response | None:
        if "twilio_auth_token" in self._settings.stand_ins:
            return None
        return self._door.refusal(request)

    def _line(self) -> aiohttp.ClientSession:
        if self._session is None:
            shown = f"{self._settings.twilio_account_sid}:{self._settings.auth_tokens[0]}".encode()
            headers = {"Authorization": f"Basic {b64encode(shown).decode('ascii')}"}
            self._session = aiohttp.ClientSession(self._settings.exchange_url, headers=headers)
        return self._session


def _away() -> Response:
    return JSONResponse({"error": "The exchange does not answer."}, 503)


def _path(request: Request) -> str:
    phone = request.path_params["phone"]
    if not _PHONE.fullmatch(phone):
        raise HTTPException(404)
    return f"/phones/{phone}"


async def _passed_on(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    now = asyncio.get_running_loop().time
    ends = now() + STREAM_S
    yield _AGAIN
    try:
        while (left := ends - now()) > 0:
            async with asyncio.timeout(left):
                event = await answer.content.readuntil(b"\n\n")
            if not event:
                return
            yield event
    except (TimeoutError, aiohttp.ClientError):
        return
    finally:
        answer.close()


def numbers_of(library: Library) -> Iterator[tuple[str, str]]:
    """Give the numbers that may be dialled, each with the name of its hotline."""
    hotlines = library.hotlines
    for number, name in hotlines.numbers.items():
        yield number, next(iter(hotlines.hotlines[name].name.values()), "")


def agents_of(library: Library) -> list[str]:
    """Give the numbers at which agents are rung."""
    groups = (group for hotline in library.hotlines.hotlines.values() for group in hotline.agents.values())
    return sorted({number for group in groups for number in group.numbers})


def _members(settings: Settings) -> list[object]:
    """Give the sample members, where the account service is the demo's own."""
    if "account_url" not in settings.stand_ins:
        return []
    from ivr.accounts.reference.members import SAMPLE_MEMBERS

    return list(SAMPLE_MEMBERS)
