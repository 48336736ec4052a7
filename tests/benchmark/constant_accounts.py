"""An account service that knows everybody and always gives the same answers, at the least possible cost."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from benchmark.calls import BALANCE

REF = "ref-of-the-benchmark"

_JSON = (b"content-type", b"application/json")
_VERIFIED = json.dumps(
    {"member_ref": REF, "expires_in": 900, "must_change_pin": False, "birth_year": 1950, "region": "110105"}
).encode()
_BALANCE = json.dumps({"balance": BALANCE, "as_of": "2026-10-31", "status": "normal"}).encode()

Message = MutableMapping[str, Any]


class ConstantAccounts:
    """The ASGI application: a verification and a balance, without a framework that would cost more than they do."""

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        verifies = scope["path"] == "/v1/verifications"
        body = _VERIFIED if verifies else _BALANCE
        headers = [_JSON, (b"content-length", b"%d" % len(body))]
        if not verifies:
            headers.append((b"member-ref", REF.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _live(receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]) -> None:
    for phase in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{phase}.complete"})
