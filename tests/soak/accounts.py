"""The account service of the run: it knows every member, and gives each reference its own member's balance."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from types import SimpleNamespace
from typing import Any

from soak.members import member, member_of

Message = MutableMapping[str, Any]
_REFUSED = {"type": "about:blank", "title": "Unauthorized", "status": 401, "code": "invalid_credentials"}


class SoakAccounts:
    """The ASGI application: verifications by ID number and password, and balances."""

    def __init__(self) -> None:
        self.state = SimpleNamespace()

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "lifespan":
            for phase in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{phase}.complete"})
            return
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return  # whoever asked was killed in the middle of it
            body += message.get("body", b"")
            more = message.get("more_body", False)
        ref, answer = "", dict[str, Any]()
        if scope["path"] == "/healthz":
            status = 200
        elif scope["path"] == "/v1/verifications":
            status, answer = _verified(json.loads(body))
        elif scope["path"] == "/v1/sms-codes":
            status = 202
        else:
            ref = str(scope["path"]).split("/")[3]
            found = member(int(ref.removeprefix("member-")))
            status, answer = 200, {"balance": found.balance, "as_of": "2026-10-31", "status": "normal"}
        headers = [(b"content-type", b"application/json" if status < 400 else b"application/problem+json")]
        if ref:
            headers.append((b"member-ref", ref.encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


def _verified(asked: Any) -> tuple[int, dict[str, Any]]:
    found = member_of(asked["credential"]["number"])
    if found is None or asked["secret"]["value"] != found.password:
        return 401, _REFUSED
    ref = f"member-{found.order}"
    return 200, {"member_ref": ref, "expires_in": 900, "must_change_pin": False, "birth_year": 1950, "region": "110105"}
