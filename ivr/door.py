"""The door before what is for operators alone: `/metrics`, and the pages on which they look at calls."""

import base64
import binascii
import hmac
import ipaddress

from starlette.requests import Request
from starlette.responses import Response

from ivr.settings import Settings

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


class Door:
    """Lets in who shows an operator token, as a bearer token or as the password of basic authentication (any name).

    Where no token is set, whoever sits at this very machine comes in, but in production nobody does: behind a proxy
    all the world seems to sit there.
    """

    def __init__(self, settings: Settings) -> None:
        self._tokens = tuple(token.encode() for token in settings.operator_tokens)
        self._here = not settings.production

    def refusal(self, request: Request) -> Response | None:
        """Give the answer to who may not come in, or None: 401 asks for the token, 404 tells nothing at all."""
        if not self._tokens:
            return None if self._here and _is_local(request) else Response(status_code=404)
        shown = _shown(request.headers.get("authorization", ""))
        # Every token is compared, so that the time does not tell which one was nearly right.
        if sum(hmac.compare_digest(shown, token) for token in self._tokens):
            return None
        return Response(status_code=401, headers={"WWW-Authenticate": 'Basic realm="operators", charset="UTF-8"'})


def _shown(authorization: str) -> bytes:
    scheme, _, value = authorization.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip().encode("utf-8", "replace")
        case "basic":
            try:
                return base64.b64decode(value.strip(), validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return b""
    return b""


def _is_local(request: Request) -> bool:
    """Tell whether a request comes from this machine, as far as anybody can: none that a proxy has marked does."""
    if request.client is None or any(name in request.headers for name in _FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
