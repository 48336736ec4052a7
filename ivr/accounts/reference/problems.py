"""What the reference service says when it cannot answer: problem documents, and the gate that asks for the token."""

import asyncio
import hmac
from collections.abc import Mapping
from typing import Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_REQUEST: Final = 64 * 1024
BODY_WITHIN: Final = 10.0
"""Seconds within which a request's body has to arrive."""


class Problem(Exception):  # noqa: N818 - named as in the contract
    """An answer other than the one asked for: an HTTP status and one of the contract's codes."""

    def __init__(self, status: int, code: str, title: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(title)
        self.status, self.code, self.title, self.headers = status, code, title, headers

    def document(self) -> JSONResponse:
        """Write the problem as RFC 9457 asks."""
        content = {"status": self.status, "code": self.code, "title": self.title}
        return JSONResponse(content, self.status, self.headers, "application/problem+json")


async def _as_it_says(_: Request, problem: Exception) -> JSONResponse:
    assert isinstance(problem, Problem)  # noqa: S101 - registered for nothing else
    return problem.document()


async def _bad_request(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
    # Only where and what kind: what was sent may be a password.
    where = {".".join(str(step) for step in one["loc"]) + ": " + one["type"] for one in error.errors()}
    return Problem(400, "bad_request", "; ".join(sorted(where))[:500]).document()


async def _by_status(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    code = "not_found" if error.status_code == 404 else "bad_request"
    return Problem(error.status_code, code, "There is no such resource or method.", error.headers).document()


async def _unavailable(_: Request, __: Exception) -> JSONResponse:
    return Problem(503, "unavailable", "The service cannot answer now.").document()


def answer_with_problems(app: FastAPI) -> None:
    """Make every failure of ``app`` a problem document."""
    app.add_exception_handler(Problem, _as_it_says)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(HTTPException, _by_status)
    app.add_exception_handler(SQLAlchemyError, _unavailable)
    app.add_exception_handler(Exception, _unavailable)


class Gate:
    """Let in who has the token, with a body of at most 64 kB; ``/healthz`` is open to all."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/healthz":
            await self._app(scope, receive, send)
            return
        if not self._knows(dict(scope["headers"]).get(b"authorization", b"")):
            challenge = {"WWW-Authenticate": "Bearer"}
            problem = Problem(401, "unauthorized", "The bearer token is missing or wrong.", challenge)
            await problem.document()(scope, receive, send)
            return
        body = await _whole_body(receive)
        if body is None:
            await Problem(413, "bad_request", "The body is too large or too slow.").document()(scope, receive, send)
            return
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return messages.pop() if messages else await receive()

        await self._app(scope, again, send)

    def _knows(self, authorization: bytes) -> bool:
        scheme, _, token = authorization.partition(b" ")
        return hmac.compare_digest(token.strip(), self._token) and scheme.lower() == b"bearer"


async def _whole_body(receive: Receive) -> bytes | None:
    body = b""
    try:
        async with asyncio.timeout(BODY_WITHIN):
            while len(body) <= LARGEST_REQUEST:
                message = await receive()
                body += message.get("body", b"")
                if not message.get("more_body", False):
                    return body if len(body) <= LARGEST_REQUEST else None
    except TimeoutError:
        pass
    return None
