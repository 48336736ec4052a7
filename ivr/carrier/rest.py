"""A local stand-in of the carrier's REST API: place a call, look at it, end it; errors as the real one words them."""

import hmac
import re
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ivr.carrier.overrides import wrong_url
from ivr.carrier.placed import OVER, Order, Placed

EVENTS: Final = ("initiated", "ringing", "answered", "completed")

_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
_SIP = re.compile(r"sips?:[A-Za-z0-9._+-]+@[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_LARGEST_BODY: Final = 64 * 1024
_RINGS_LONGEST_S: Final = 600


class Switch(Protocol):
    """Where the calls of the API are rung."""

    def place(self, order: Order) -> Placed: ...

    def find(self, sid: str) -> Placed | None: ...

    async def hang_up(self, sid: str) -> None: ...


class _Refused(Exception):  # noqa: N818 - the carrier refuses; nothing of ours has gone wrong
    """A request that the carrier does not take: HTTP status, its own code, and a sentence."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message

    def told(self) -> JSONResponse:
        more = f"https://www.twilio.com/docs/errors/{self.code}"
        body = {"code": self.code, "message": self.message, "more_info": more, "status": self.status}
        return JSONResponse(body, self.status)


class CallsApi:
    """The part of the API that a hotline needs. ``account_sid`` and ``auth_token`` open it.

    ``numbers`` are those of the account, of which one has to be the caller's; ``too_many`` is for how many of the next
    requests there are too many (HTTP 429). Stricter than the real one, which tells its own error log instead: a wrong
    StatusCallbackEvent is refused.
    """

    def __init__(self, switch: Switch, *, account_sid: str, auth_token: str, numbers: frozenset[str]) -> None:
        self.switch = switch
        self.numbers = numbers
        self.too_many = 0
        self._account_sid = account_sid
        self._auth_token = auth_token
        root = "/2010-04-01/Accounts/{account}/Calls"
        self.app = Starlette(
            routes=[
                Route(f"{root}.json", self._way(self._create), methods=["POST"]),
                Route(f"{root}/{{sid}}.json", self._way(self._fetch), methods=["GET"]),
                Route(f"{root}/{{sid}}.json", self._way(self._update), methods=["POST"]),
            ]
        )

    def _way(self, do: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def way(request: Request) -> Response:
            try:
                self._admit(request)
                return JSONResponse(*await do(request))
            except _Refused as refused:
                return refused.told()

        return way

    def _admit(self, request: Request) -> None:
        expected = f"{self._account_sid}:{self._auth_token}".encode()
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        try:
            credentials = b64decode(given, validate=True) if scheme.lower() == "basic" else b""
        except ValueError:
            credentials = b""
        if not hmac.compare_digest(credentials, expected):
            raise _Refused(401, 20003, "Authenticate")
        if request.path_params["account"] != self._account_sid:
            raise _not_found(request)
        if self.too_many:
            self.too_many -= 1
            raise _Refused(429, 20429, "Too Many Requests")

    async def _create(self, request: Request) -> tuple[Mapping[str, object], int]:
        form = await _form(request)
        leg = self.switch.place(self._order(form))
        return self._resource(leg), 201

    async def _fetch(self, request: Request) -> tuple[Mapping[str, object], int]:
        return self._resource(self._leg(request)), 200

    async def _update(self, request: Request) -> tuple[Mapping[str, object], int]:
        leg = self._leg(request)
        status = _one(await _form(request), "Status")
        if status not in ("completed", "canceled"):
            raise _Refused(400, 20001, "Invalid Status: completed or canceled was expected.")
        # To take a call back is possible only until it is answered; to end one that is over changes nothing.
        if status == "completed" or leg.status in ("queued", "ringing"):
            if leg.status in OVER:
                raise _Refused(400, 21220, "Call is not in-progress. Cannot redirect.")
            await self.switch.hang_up(leg.sid)
        return self._resource(leg), 200

    def _leg(self, request: Request) -> Placed:
        leg = self.switch.find(request.path_params["sid"])
        if leg is None:
            raise _not_found(request)
        return leg

    def _order(self, form: list[tuple[str, str]]) -> Order:
        to, from_, url = _one(form, "To"), _one(form, "From"), _one(form, "Url")
        if not to:
            raise _Refused(400, 21201, "No 'To' number is specified")
        if not (_NUMBER.fullmatch(to) or _SIP.fullmatch(to)):
            raise _Refused(400, 21211, f"The phone number you are attempting to call, {to}, is not valid.")
        if not from_:
            raise _Refused(400, 21213, "No 'From' number is specified")
        if not _NUMBER.fullmatch(from_):
            raise _Refused(400, 21212, f"The source phone number provided, {from_}, is not valid.")
        if from_ not in self.numbers:
            raise _Refused(400, 21210, f"The source phone number provided, {from_}, is not yet verified.")
        if not url or wrong_url(url) or not urlsplit(url).scheme:
            raise _Refused(400, 21205, f"Url is not a valid URL: {url}")
        callback = _one(form, "StatusCallback")
        if callback and (wrong_url(callback) or not urlsplit(callback).scheme):
            raise _Refused(400, 21609, f"The 'StatusCallback' URL {callback} is not a valid URL.")
        events = tuple(value for name, value in form if name == "StatusCallbackEvent")
        if any(event not in EVENTS for event in events):
            raise _Refused(400, 21626, f"Invalid StatusCallbackEvent: {' '.join(EVENTS)} were expected, one by one.")
        for name in ("Method", "StatusCallbackMethod"):
            if _one(form, name) not in ("", "POST"):
                raise _Refused(400, 21209, f"Invalid {name}: only POST is signed with its form.")
        seconds = _one(form, "Timeout") or "60"
        if not re.fullmatch("[0-9]{1,3}", seconds) or not 1 <= int(seconds) <= _RINGS_LONGEST_S:
            raise _Refused(400, 21208, f"Invalid Timeout: {seconds}")
        return Order(to, from_, url, callback, events or ("completed",), int(seconds))

    def _resource(self, leg: Placed) -> Mapping[str, object]:
        root = f"/2010-04-01/Accounts/{self._account_sid}/Calls/{leg.sid}"
        began = leg.status not in ("queued", "ringing")
        return {
            "sid": leg.sid,
            "account_sid": self._account_sid,
            "parent_call_sid": None,
            "to": leg.to,
            "to_formatted": leg.to,
            "from": leg.from_,
            "from_formatted": leg.from_,
            "phone_number_sid": None,
            "status": leg.status,
            "direction": "outbound-api",
            "date_created": _at(leg.created),
            "date_updated": _at(leg.updated),
            "start_time": _at(leg.created) if began else None,
            "end_time": _at(leg.updated) if leg.status in OVER else None,
            "duration": str(round(leg.clock)) if leg.status in OVER else None,
            "price": None,
            "price_unit": "USD",
            "answered_by": None,
            "annotation": None,
            "api_version": "2010-04-01",
            "caller_name": None,
            "forwarded_from": None,
            "group_sid": None,
            "queue_time": "0",
            "trunk_sid": None,
            "uri": f"{root}.json",
            "subresource_uris": {name: f"{root}/{name.title()}.json" for name in ("events", "notifications")},
        }


def _at(when: datetime) -> str:
    return format_datetime(when)


def _one(form: list[tuple[str, str]], name: str) -> str:
    return next((value for given, value in form if given == name), "")


async def _form(request: Request) -> list[tuple[str, str]]:
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise _Refused(415, 20415, "Unsupported Media Type")
    body = await request.body()
    if len(body) > _LARGEST_BODY:
        raise _Refused(413, 20413, "Request Entity Too Large")
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def _not_found(request: Request) -> _Refused:
    return _Refused(404, 20404, f"The requested resource {request.url.path} was not found")
