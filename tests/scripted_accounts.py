"""An account service under the tests' control: it answers each question with the next scripted answer."""

import asyncio
import re
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from ivr.accounts.breaker import ENOUGH, Breaker
from ivr.walk import china_day

REF = "ref-of-the-test"

VERIFIED = {"member_ref": REF, "expires_in": 900, "must_change_pin": False, "birth_year": 1985, "region": "110105"}

VERIFICATIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "ok": (200, VERIFIED),
    "ok for 60 s": (200, {**VERIFIED, "expires_in": 60}),
    "must_change": (200, {**VERIFIED, "must_change_pin": True}),
    "must_change for 60 s": (200, {**VERIFIED, "must_change_pin": True, "expires_in": 60}),
    "wrong": (401, {"status": 401, "code": "invalid_credentials"}),
    "locked": (423, {"status": 423, "code": "locked"}),
    "bad token": (401, {"status": 401, "code": "unauthorized"}),
    "outage": (503, {"status": 503, "code": "unavailable"}),
}

UNAVAILABLE = (503, {"status": 503, "code": "unavailable"})

SMS_CODES: dict[str, tuple[int, dict[str, Any] | None]] = {
    "sent": (202, None),
    "too many": (429, {"status": 429, "code": "too_many_codes"}),
    "outage": UNAVAILABLE,
}

PASSWORD_CHANGES: dict[str, tuple[int, dict[str, Any] | None]] = {
    "changed": (204, None),
    "weak": (422, {"status": 422, "code": "weak_pin"}),
    "expired": (403, {"status": 403, "code": "reference_expired"}),
    "outage": UNAVAILABLE,
}

MESSAGES: dict[str, tuple[int, dict[str, Any] | None]] = {
    "sent": (202, None),
    "expired": (403, {"status": 403, "code": "reference_expired"}),
    "outage": UNAVAILABLE,
}

OUTAGE = "outage"
EXPIRED = "expired"

_DAYS_FROM_TODAY = re.compile(r"today([+-][0-9]+)")


@dataclass
class ScriptedAccounts:
    """Answers by question: ``verify``, ``balance``, ``contribution-years`` … Unused answers stay in `answers`.

    A check of an SMS code is the question ``verify-code``; ``sms-codes``, ``pin`` and ``messages`` are those of these
    paths. In an answer ``today+30`` is the day that many days after `today`. While `out`, it says so on every path.
    Each answer takes `delay` seconds, and comes no sooner than it is `held` no longer.
    An answer may also be a whole `Response`, with everything that is wrong with it.
    `on_script` is called where new answers are scripted: what went wrong before has nothing to do with them.
    """

    answers: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    asked: list[tuple[str, str, dict[str, Any] | None]] = field(default_factory=list)
    delay: float = 0.0
    held: bool = False
    today: Callable[[], date] = lambda: china_day(time.time_ns() // 1_000_000)
    retried: set[str] = field(default_factory=set)
    out: bool = False
    on_script: Callable[[], None] = lambda: None

    def script(self, service: dict[str, list[Any]]) -> None:
        """Take the answers of a call script, forgetting what went before."""
        self.answers.clear()
        self.asked.clear()
        self.delay = 0.0
        self.held = self.out = False
        self.on_script()
        for question, answers in service.items():
            self.answers[question] = deque(answers)

    @property
    def unused(self) -> dict[str, list[Any]]:
        return {question: list(answers) for question, answers in self.answers.items() if answers}

    def app(self) -> FastAPI:
        """Give the service itself."""
        app = FastAPI(openapi_url=None)

        @app.middleware("http")
        async def unless_out(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
            return _answer(*UNAVAILABLE) if self.out else await answer(request)

        @app.post("/v1/verifications")
        async def verify(request: Request) -> Response:
            body = await request.json()
            question = verification(body["secret"]["kind"])
            self.asked.append((question, body["call_id"], body))
            await self._takes_its_time()
            told = self._next(question)
            return told if isinstance(told, Response) else _answer(*VERIFICATIONS[told])

        @app.post("/v1/sms-codes")
        async def send_code(request: Request) -> Response:
            body = await request.json()
            self.asked.append(("sms-codes", body["call_id"], body))
            await self._takes_its_time()
            return _answer(*SMS_CODES[self._next("sms-codes")])

        @app.put("/v1/members/{ref}/pin")
        async def change(request: Request, ref: str) -> Response:
            self.asked.append(("pin", request.headers.get("call-id", ""), await request.json()))
            await self._takes_its_time()
            return _answer(*PASSWORD_CHANGES[self._next("pin")])

        @app.post("/v1/members/{ref}/messages")
        async def send_message(request: Request, ref: str) -> Response:
            self.asked.append(("messages", request.headers.get("call-id", ""), await request.json()))
            await self._takes_its_time()
            return _answer(*MESSAGES[self._next("messages")])

        @app.get("/v1/members/{ref}/{what}")
        async def read(request: Request, ref: str, what: str) -> Response:
            self.asked.append((what, request.headers.get("call-id", ""), None))
            await self._takes_its_time()
            if what in self.retried:  # an outage lasts for the one retry that reads are allowed
                self.retried.remove(what)
                return JSONResponse({"status": 503, "code": "unavailable"}, 503)
            answer = self._next(what)
            if answer == OUTAGE:
                self.retried.add(what)
                return JSONResponse({"status": 503, "code": "unavailable"}, 503)
            if answer == EXPIRED:
                return JSONResponse({"status": 403, "code": "reference_expired"}, 403)
            return answer if isinstance(answer, Response) else JSONResponse(answer, headers={"Member-Ref": ref})

        return app

    async def until_asked(self, question: str) -> None:
        """Wait until a question has come; for ten seconds at most."""
        async with asyncio.timeout(10):
            while not any(asked == question for asked, _, _ in self.asked):  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0.005)

    async def _takes_its_time(self) -> None:
        await asyncio.sleep(self.delay)
        while self.held:  # noqa: ASYNC110 - it is let go from another thread
            await asyncio.sleep(0.005)

    def _next(self, question: str) -> Any:
        if not self.answers[question]:
            raise AssertionError(f"The account service was asked for '{question}' once more than the script says.")
        return self._dated(self.answers[question].popleft())

    def _dated(self, answer: Any) -> Any:
        if isinstance(answer, dict):
            return {name: self._dated(value) for name, value in answer.items()}
        if isinstance(answer, list):
            return [self._dated(value) for value in answer]
        days = _DAYS_FROM_TODAY.fullmatch(answer) if isinstance(answer, str) else None
        return (self.today() + timedelta(days=int(days[1]))).isoformat() if days else answer


def known_to_be_out(breaker: Breaker) -> None:
    """Let a breaker know of so many failures that it is open."""
    ticket = breaker.asks()
    assert ticket is not None
    breaker.back(ticket)
    breaker.failed(ticket, ENOUGH)


def verification(secret_kind: str) -> str:
    """Name the question by what is checked: a password or an SMS code."""
    return {"pin": "verify", "sms_code": "verify-code"}[secret_kind]


def _answer(status: int, answer: dict[str, Any] | None) -> Response:
    return Response(status_code=status) if answer is None else JSONResponse(answer, status)
