"""The page on which agents sign in, and how they sign out."""

import asyncio
import contextlib
from collections.abc import Sequence
from secrets import token_urlsafe
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ivr.agents.accounts import Account, Accounts
from ivr.agents.passwords import PasswordTrials
from ivr.audit.trail import AuditAwayError, AuditTrail
from ivr.seals import Seals
from ivr.web.guard import LOG_IN, Guard, Visit, comes_from_here, form_of
from ivr.web.lockout import Lockout, address_of
from ivr.web.writing import Pages

TRIAL_S: Final = 5.0
"""Seconds for which somebody waits for a password to be tried, behind others."""

FIRST: Final = "/console"
"""Where those are led who signed in without being on the way to another page."""

WRONG: Final = "账号或密码不对。"
BUSY: Final = "现在登录的人太多，请稍候再试。"
EXPIRED: Final = "登录页面已经过期，请再试一次。"


class LogIn:
    """Signs in and out. Whether a name exists shows neither in words nor in time, and a lock is one for all names."""

    def __init__(
        self, guard: Guard, lockout: Lockout, pages: Pages, seals: Seals, trail: AuditTrail, *, samples: bool
    ) -> None:
        self._guard = guard
        self._lockout = lockout
        self._pages = pages
        self._seals = seals
        self._trail = trail
        self._samples = samples
        self._trials = PasswordTrials()
        self._cookie = "__Host-entry" if guard.secure else "entry"

    def routes(self) -> Sequence[Route]:
        """Give the routes of signing in and out."""
        return (
            Route(LOG_IN, self._show, methods=["GET"]),
            Route(LOG_IN, self._enter, methods=["POST"]),
            self._guard.act("/log-out", self._leave),
        )

    def stop(self) -> None:
        """End the thread that tries passwords."""
        self._trials.stop()

    async def _show(self, request: Request) -> Response:
        return self._page(request, to=request.query_params.get("to", ""))

    async def _enter(self, request: Request) -> Response:
        form = await form_of(request)
        entry = request.cookies.get(self._cookie, "")
        to = form.get("to", "")
        if not entry or not comes_from_here(request, form, self._token(entry)):
            return self._page(request, EXPIRED, to=to, status=403)
        name, address = form.get("name", "").strip().lower(), address_of(request)
        if locked := await self._lockout.try_counts(name, address):
            return self._page(request, locked, to=to, name=name, status=429)
        account = await self._fitting(name, form.get("password", ""))
        if account is None:
            return self._page(request, WRONG, to=to, name=name, status=403)
        await self._lockout.succeeded(name, address)
        answer = RedirectResponse(to if to in self._pages.paths else FIRST, 303)
        self._set(answer, self._guard.cookie, await self._guard.sessions.begin(account))
        answer.delete_cookie(self._cookie, secure=self._guard.secure, httponly=True, samesite="strict")
        await self._entered(account, "signed in")
        return answer

    async def _leave(self, visit: Visit) -> Response:
        await self._guard.sessions.end(visit.request.cookies[self._guard.cookie])
        answer = RedirectResponse(LOG_IN, 303)
        answer.delete_cookie(self._guard.cookie, secure=self._guard.secure, httponly=True, samesite="strict")
        await self._entered(visit.account, "signed out")
        return answer

    async def _fitting(self, name: str, password: str) -> Account | None:
        """Give the account of this name and password; whether there is one takes the same steps."""
        account = await self._guard.database.ask(lambda engine: Accounts(engine).named(name))
        usable = account is not None and account.disabled_at is None and (self._samples or not account.sample)
        kept = account.password if account is not None and usable else None
        try:
            async with asyncio.timeout(TRIAL_S):
                fits = await self._trials.fits(password, kept)
        except TimeoutError:
            raise HTTPException(503, BUSY) from None
        return account if fits else None

    async def _entered(self, account: Account, what: str) -> None:
        with contextlib.suppress(AuditAwayError):  # it discloses nothing
            await self._trail.enter("", "", "console", f"{what} {account.name}")

    def _page(self, request: Request, told: str = "", *, to: str, name: str = "", status: int = 200) -> Response:
        entry = request.cookies.get(self._cookie) or token_urlsafe(24)  # of two pages that are open, both work
        token = self._token(entry)
        answer = self._pages.page(request, "log_in.html", status=status, wrong=told, to=to, name=name, token=token)
        self._set(answer, self._cookie, entry)
        return answer

    def _token(self, entry: str) -> str:
        return self._seals.name("form of the entry", entry)

    def _set(self, answer: Response, name: str, value: str) -> None:
        answer.set_cookie(name, value, secure=self._guard.secure, httponly=True, samesite="strict")
