"""The guard before pages: who is signed in, whether they may, and whether a form comes from a page of ours."""

import hmac
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ivr.agents.accounts import Account, Accounts, Role
from ivr.channels.twilio.form import read_form, read_pairs
from ivr.database.line import DatabaseAwayError, DatabaseLine
from ivr.door import Door
from ivr.redis_line import StoreAway
from ivr.web.sessions import Sessions

LOG_IN: Final = "/log-in"
LARGEST_FORM: Final = 32 * 1024
"""Bytes; a note of 2,000 Chinese characters takes 18,000 of them."""
KNOWN_FOR_S: Final = 5.0
"""For so long an account is taken as it was: so long somebody who is disabled may still have a page open."""


class Visit(NamedTuple):
    """A request of somebody who is signed in. `form_token` is what the forms of the answer must carry."""

    request: Request
    account: Account
    form_token: str
    form: Mapping[str, str]


Handler = Callable[[Visit], Awaitable[Response]]
Onlooker = Callable[[Request, Visit | None], Awaitable[Response]]


class Guard:
    """Makes routes that only those reach who are signed in, and whose role is the one that is asked for, or higher.

    Who is not signed in is sent to the log-in page. `now_s` is a clock that only goes forward.
    """

    def __init__(self, sessions: Sessions, database: DatabaseLine, now_s: Callable[[], float], *, secure: bool) -> None:
        self.sessions = sessions
        self.database = database
        self.secure = secure
        self.cookie = "__Host-desk" if secure else "desk"
        self._now_s = now_s
        self._known: dict[str, tuple[float, Account | None]] = {}

    def page(self, path: str, handler: Handler, *, role: Role = "agent") -> Route:
        """Give the route of something to look at."""
        return Route(path, partial(self._looking, handler, role), methods=["GET"])

    def act(self, path: str, handler: Handler, *, role: Role = "agent") -> Route:
        """Give the route of something that is done by a form."""
        return Route(path, partial(self._acting, handler, role), methods=["POST"])

    def seen(self, path: str, handler: Onlooker, door: Door) -> Route:
        """Give the route of something about nobody in person: those see it whom the door lets in, or who signed in."""
        return Route(path, partial(self._passing, handler, door), methods=["GET"])

    async def visitor(self, request: Request, *, uses: bool = True) -> tuple[Account, str] | None:
        """Give who is signed in and the token of the session, or None. Raises StoreAway, DatabaseAwayError."""
        token = request.cookies.get(self.cookie, "")
        session = await self.sessions.of(token, uses=uses) if token else None
        if session is None:
            return None
        account = await self._account(session.name)
        return (account, token) if account is not None and self.sessions.holds(session, account) else None

    async def stays(self, visit: Visit) -> bool:
        """Tell whether whoever has a page open may go on to look at it; what cannot be asked now ends no look."""
        try:
            return await self.visitor(visit.request, uses=False) is not None
        except (StoreAway, DatabaseAwayError):
            return True

    async def _looking(self, handler: Handler, role: Role, request: Request) -> Response:
        streams = "text/event-stream" in request.headers.get("accept", "")
        found = await self.visitor(request, uses=not streams)
        if found is None:
            return self._away(request)
        account, token = found
        _must_be(account, role)
        return await handler(Visit(request, account, self.sessions.form_token(token), {}))

    async def _passing(self, handler: Onlooker, door: Door, request: Request) -> Response:
        comes_in = door.refusal(request) is None
        try:
            found = await self.visitor(request, uses=False)
        except (StoreAway, DatabaseAwayError):
            if not comes_in:
                raise
            found = None
        if found is None and not comes_in:
            return self._away(request)
        visit = None if found is None else Visit(request, found[0], self.sessions.form_token(found[1]), {})
        return await handler(request, visit)

    async def _acting(self, handler: Handler, role: Role, request: Request) -> Response:
        form = await form_of(request)
        found = await self.visitor(request)
        if found is None:
            return self._away(request)
        account, token = found
        expected = self.sessions.form_token(token)
        if not comes_from_here(request, form, expected):
            raise HTTPException(403, "这个页面已经过期，请重新打开再试。")
        _must_be(account, role)
        return await handler(Visit(request, account, expected, form))

    def _away(self, request: Request) -> Response:
        if "hx-request" in request.headers:
            return Response(status_code=401, headers={"HX-Redirect": LOG_IN})
        if request.method != "GET" or "text/event-stream" in request.headers.get("accept", ""):
            return Response(status_code=401)
        return RedirectResponse(f"{LOG_IN}?to={quote(request.url.path, safe='/')}", 303)

    async def _account(self, name: str) -> Account | None:
        now = self._now_s()
        until, account = self._known.get(name, (0.0, None))
        if now < until:
            return account
        try:
            account = await self.database.ask(lambda engine: Accounts(engine).named(name))
        except DatabaseAwayError:
            if account is None:
                raise
        self._known[name] = (now + KNOWN_FOR_S, account)
        return account


def _must_be(account: Account, role: Role) -> None:
    if role == "supervisor" and account.role != "supervisor":
        raise HTTPException(403, "这个页面只有班长能看。")


async def form_of(request: Request) -> Mapping[str, str]:
    """Read a form. One that is too large, or no form, is refused with an HTTPException."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_FORM:
            raise HTTPException(413)
    is_form = request.headers.get("content-type", "").partition(";")[0] == "application/x-www-form-urlencoded"
    form = read_form(read_pairs(body), is_form=is_form)
    if not form.clean:
        raise HTTPException(400)
    return form.values


def comes_from_here(request: Request, form: Mapping[str, str], expected: str) -> bool:
    """Tell whether a form was sent by a page of ours: by what the browser says of it, and by what only ours carry."""
    origin = request.headers.get("origin")
    here = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
    site = request.headers.get("sec-fetch-site", "same-origin")
    shown = form.get("token", "").encode("utf-8", "replace")
    return here and site == "same-origin" and hmac.compare_digest(shown, expected.encode())
