"""An account service under the tests' control: it answers each question with the next scripted answer."""

import asyncio
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

REF = "ref-of-the-test"

VERIFIED = {"member_ref": REF, "expires_in": 900, "must_change_pin": False, "birth_year": 1985, "region": "110105"}

VERIFICATIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "ok": (200, VERIFIED),
    "ok for 60 s": (200, {**VERIFIED, "expires_in": 60}),
    "must_change": (200, {**VERIFIED, "must_change_pin": True}),
    "wrong": (401, {"status": 401, "code": "invalid_credentials"}),
    "locked": (423, {"status": 423, "code": "locked"}),
    "bad token": (401, {"status": 401, "code": "unauthorized"}),
    "outage": (503, {"status": 503, "code": "unavailable"}),
}

OUTAGE = "outage"
EXPIRED = "expired"


@dataclass
class ScriptedAccounts:
    """Answers by question: ``verify``, ``balance``, ``contribution-years`` … Unused answers stay in `answers`."""

    answers: dict[str, deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    asked: list[tuple[str, str, dict[str, Any] | None]] = field(default_factory=list)
    delay: float = 0.0
    retried: set[str] = field(default_factory=set)

    def script(self, service: dict[str, list[Any]]) -> None:
        """Take the answers of a call script, forgetting what went before."""
        self.answers.clear()
        self.asked.clear()
        self.delay = 0.0
        for question, answers in service.items():
            self.answers[question] = deque(answers)

    @property
    def unused(self) -> dict[str, list[Any]]:
        return {question: list(answers) for question, answers in self.answers.items() if answers}

    def app(self) -> FastAPI:
        """Give the service itself."""
        app = FastAPI(openapi_url=None)

        @app.post("/v1/verifications")
        async def verify(request: Request) -> Response:
            body = await request.json()
            self.asked.append(("verify", body["call_id"], body))
            await asyncio.sleep(self.delay)
            status, answer = VERIFICATIONS[self._next("verify")]
            return JSONResponse(answer, status)

        @app.get("/v1/members/{ref}/{what}")
        async def read(request: Request, ref: str, what: str) -> Response:
            self.asked.append((what, request.headers.get("call-id", ""), None))
            await asyncio.sleep(self.delay)
            if what in self.retried:  # an outage lasts for the one retry that reads are allowed
                self.retried.remove(what)
                return JSONResponse({"status": 503, "code": "unavailable"}, 503)
            answer = self._next(what)
            if answer == OUTAGE:
                self.retried.add(what)
                return JSONResponse({"status": 503, "code": "unavailable"}, 503)
            if answer == EXPIRED:
                return JSONResponse({"status": 403, "code": "reference_expired"}, 403)
            return JSONResponse(answer, headers={"Member-Ref": ref})

        return app

    def _next(self, question: str) -> Any:
        if not self.answers[question]:
            raise AssertionError(f"The account service was asked for '{question}' once more than the script says.")
        return self.answers[question].popleft()
