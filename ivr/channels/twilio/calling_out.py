"""The carrier's REST API: place calls and end them, with the carrier's own library over the HTTP client of this one.

The library's own asynchronous client is not used: it cannot send a list of values, logs every request, and brings a
retrying client along that would place a call twice. Reading the library takes a fifth of a second and 11 MB, so it is
read at the first call, in a thread.
"""

# The carrier's library has no types.
# mypy: disable-error-code="import-untyped,misc"

import asyncio
import logging
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from msgspec.structs import replace
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client
from yarl import URL

from ivr.agents.legs import Leg
from ivr.agents.switchboard import NotRung
from ivr.channels.twilio.form import CALL_SID

WITHIN_S: Final = 4.0
"""What one request may take in all, from connecting to the end of the answer."""
LARGEST: Final = 64 * 1024

_OVER: Final = (404, 21220)
"""What the carrier says of a call that cannot be ended: it is over, or never was."""

log = logging.getLogger(__name__)


class Carrier(AsyncHttpClient):
    """Sends what the carrier's library has put together: once, within a deadline, following no redirect."""

    def __init__(self, within: float = WITHIN_S) -> None:
        super().__init__(log, True, None)
        self._within = within

    async def request(
        self,
        method: str,
        url: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's own signature; the deadline is one for all
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request, and give the answer whatever its status."""
        body = urlencode(dict(data or {}), doseq=True)
        query = urlencode(dict(params or {}), doseq=True)
        target = URL(f"{url}?{query}" if query else url, encoded=True)
        shown = b64encode(":".join(auth or ()).encode()).decode("ascii")
        sent = {**(headers or {}), "Authorization": f"Basic {shown}"}
        # A connection of its own for each: an agent takes a call every few minutes.
        async with (
            asyncio.timeout(min(self._within, timeout or self._within)),
            aiohttp.ClientSession() as session,
            session.request(method, target, data=body, headers=sent, allow_redirects=allow_redirects) as answer,
        ):
            read = bytearray()
            async for part in answer.content.iter_any():
                read += part
                if len(read) > LARGEST:
                    raise aiohttp.ClientPayloadError("the answer is too long")
            return Response(answer.status, read.decode("utf-8", "replace"), answer.headers)


class CarrierSwitchboard:
    """Places calls through the carrier. `url` gives the URL of a leg's webhook; `number` is who calls."""

    def __init__(
        self,
        *,
        account_sid: str,
        auth_token: str,
        api_url: str,
        number: str,
        url: Callable[[Leg], str],
        within: float = WITHIN_S,
    ) -> None:
        # An edge or region of the environment would rewrite the host of a URL that an operator has set.
        client = Client(
            account_sid, auth_token, http_client=Carrier(within), environment={"TWILIO_EDGE": "", "TWILIO_REGION": ""}
        )
        client.api.base_url = api_url
        self._calls = client.api.v2010.account.calls
        self._number = number
        self._url = url

    async def ring(self, phone: str, leg: Leg, seconds: int) -> str:
        """Ring a phone for so many seconds, for a leg; give the CallSid. Raises `NotRung`."""
        placed = await _asked(
            self._calls.create_async,
            to=phone,
            from_=self._number,
            url=self._url(leg),
            status_callback=self._url(_status_of(leg)),
            status_callback_event=["completed"],
            timeout=seconds,
        )
        if not isinstance(placed.sid, str) or not CALL_SID.fullmatch(placed.sid):
            raise NotRung("The carrier did not tell which call it placed.")
        return placed.sid

    async def hang_up(self, sid: str) -> None:
        """End a call, also one that still rings; one that is over already stays so. Raises `NotRung`."""
        await self._end(sid, "completed")

    async def call_off(self, sid: str) -> None:
        """Let a phone ring no more; a call that has been answered goes on. Raises `NotRung`."""
        await self._end(sid, "canceled")

    async def _end(self, sid: str, status: str) -> None:
        try:
            await _asked(self._calls(sid).update_async, status=status)
        except _Refused as refused:
            if not {refused.status, refused.code} & {*_OVER}:
                raise


class _Refused(NotRung):
    def __init__(self, error: TwilioRestException) -> None:
        # Its own words are the carrier's, and name telephone numbers.
        super().__init__(f"The carrier refused the call: HTTP {error.status}, error {error.code}.")
        self.status, self.code = error.status, error.code


async def _asked(ask: Callable[..., Any], **values: object) -> Any:
    try:
        return await ask(**values)
    except TwilioRestException as error:
        raise _Refused(error) from None
    except TimeoutError:
        raise NotRung(f"The carrier did not answer within {WITHIN_S:g} s.") from None
    except (aiohttp.ClientError, OSError, TwilioException, ValueError, LookupError, TypeError, AttributeError) as error:
        # The last ones are what the library raises over an answer of another form.
        raise NotRung(f"The carrier could not be asked: {type(error).__name__}.") from None


def _status_of(leg: Leg) -> Leg:
    return replace(leg, stage="status")
