"""The wire to the account service: a request out, one reply back within the deadline, whatever the network does."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import aiohttp
import msgspec
from yarl import URL

from ivr.accounts import contract
from ivr.accounts.breaker import PROBE_WITHIN, Breaker
from ivr.deadline import Within

T = TypeVar("T")

CONNECT_WITHIN: Final = 2.0
"""Seconds to reach the service: a host that swallows packets leaves time for the second try."""
KEPT_FOR: Final = 2.0
"""Seconds for which a connection is kept for the next read: less than servers keep theirs, or reads would be lost."""
BETWEEN_TRIES: Final = 0.1

_BY_STATUS: Final = {
    400: "bad_request",
    401: "unauthorized",
    404: "not_found",
    422: "weak_pin",
    423: "locked",
    429: "too_many_codes",
}
# A 401 with any other code is about the hotline's own token.
_CODES_OF_401: Final = frozenset({"invalid_credentials", "reference_expired"})


class Outage(Exception):  # noqa: N818 - named after what has happened
    """The account service did not answer, or not as the contract says.

    ``reason`` is one word for metrics and logs (``timeout``, ``connection``, ``http_500``, ``misfit``, …); with
    ``not_asked`` nothing was sent, because the service is known to be out. Neither it nor the text holds anything of
    a member.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"the account service gave no usable answer: {reason}" + (f" ({detail})" if detail else ""))
        self.reason = reason


class Reply(NamedTuple):
    """What came back, unread; a status of 0 with a fault where nothing came that can be read."""

    status: int
    fault: str = ""  # one word, where nothing came
    again: bool = False  # a second try may do better, and a read may have it
    raw: bytes = b""
    media_type: str = ""
    refs: tuple[str, ...] = ()
    ticket: int = 0  # under which the breaker knows the request

    def __repr__(self) -> str:
        return f"Reply(status={self.status}, fault={self.fault!r})"  # the rest is personal

    def means(self) -> str:
        """Tell in one word what any answer but the expected one says: its code where known, else its status."""
        if not 400 <= self.status < 500:
            return self.fault or f"http_{self.status}"
        try:
            code = contract.read_problem(self.raw).code
        except contract.ContractFault:
            code = ""
        if self.status == 401 and code not in _CODES_OF_401:
            return "unauthorized"
        if code in contract.KNOWN_CODES:
            return code
        return _BY_STATUS.get(self.status, f"http_{self.status}")

    def fit(self, read: Callable[[bytes], T]) -> T:
        """Read the body of a 200.

        Raises:
            Outage: it is not JSON by its type, or does not fit the contract.
        """
        if self.media_type != "application/json":
            raise Outage("misfit", "expected application/json")
        try:
            return read(self.raw)
        except contract.ContractFault as fault:
            detail = str(fault)
        raise Outage("misfit", detail)


async def _sent_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    # aiohttp by itself sends a GET or PUT again when the connection breaks under it. How often a request is sent
    # is decided here alone, so the break is passed on as an error that it does not take for a reason to repeat.
    try:
        return await handler(request)
    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
        pass
    raise aiohttp.ClientConnectionError("the connection broke")


async def _read(answer: aiohttp.ClientResponse) -> bytes | None:
    """Read a whole answer; None where it is larger than any."""
    if (length := answer.content_length) is not None:
        return await answer.read() if length <= contract.LARGEST_ANSWER else None
    raw = b""
    while chunk := await answer.content.read(contract.LARGEST_ANSWER + 1 - len(raw)):
        raw += chunk
        if len(raw) > contract.LARGEST_ANSWER:
            return None
    return raw


class _Straight(aiohttp.TCPConnector):
    """Connections for one request each, to the one address of a service without looking it up as a name once more.

    That look-up is a thread's work in uvloop, for an address as well, and takes longer than the rest of connecting.
    Should aiohttp ever do without the method that is replaced here, the way round through the thread is taken again.
    """

    def __init__(self) -> None:
        super().__init__(force_close=True, limit=256)

    async def _wrap_create_connection(
        self, *args: Any, addr_infos: list[Any], **kwargs: Any
    ) -> tuple[asyncio.Transport, Any]:
        if len(addr_infos) > 1:
            return await super()._wrap_create_connection(*args, addr_infos=addr_infos, **kwargs)
        host, port = addr_infos[0][4][:2]
        return await self._wrap_existing_connection(*args, host=host, port=port, **kwargs)


Observe = Callable[[str, str, float], None]
"""Told of every request: its operation, its result in one word, and how many seconds it took."""


class Wire:
    """Send requests to ``base_url``; nothing here raises, so that no exception carries a request about.

    Nothing is sent while the breaker is open; what an answer is worth is for its reader to tell the breaker.
    Redirects are not followed; proxies of the environment and cookies are not used.

    Raises:
        ValueError: a setting is not what it should be; the text does not repeat it, it may hold a secret.
    """

    def __init__(self, base_url: str, token: str, deadline: float, observe: Observe, breaker: Breaker) -> None:
        self._observe = observe
        self._breaker = breaker
        try:
            url = URL(base_url)
        except ValueError:
            url = URL()
        extra = url.query_string or url.fragment or url.user or url.password
        if url.scheme not in {"http", "https"} or not url.host or extra:
            raise ValueError("IVR_ACCOUNT_URL: expected a URL such as https://accounts.example:8100, nothing after it")
        if not token or not all("!" <= sign <= "~" for sign in token):
            raise ValueError("IVR_ACCOUNT_TOKEN: expected visible ASCII characters without blanks")
        self._base = str(url).rstrip("/")
        self._token = token
        self._deadline = deadline
        self._session: aiohttp.ClientSession | None = None
        self._kept: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make ready to ask; called on the event loop that will ask."""
        if self._session is not None:
            return
        # A connection for each request: an answer can never be taken for another request's, and a verification
        # is never lost on a connection that the service has just closed for idleness.
        self._session = self._opened(_Straight())
        # But a read that may be tried again goes first over a kept connection: reaching the service anew takes a
        # sixth of the processor time of the whole turn. Its second try has a connection of its own.
        self._kept = self._opened(aiohttp.TCPConnector(keepalive_timeout=KEPT_FOR, limit=256))

    def _opened(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Accept": "application/json, application/problem+json",
                "Accept-Encoding": "identity",
            },
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_WITHIN),
            auto_decompress=False,  # 64 kB on the wire are 64 kB in memory
            trust_env=False,
        )

    async def close(self) -> None:
        """Let go of the connections; what is still being asked ends in an `Outage`."""
        sessions = (self._session, self._kept)
        self._session = self._kept = None
        for session in sessions:
            if session is not None:
                await session.close()

    async def healthy(self) -> bool:
        """Tell whether the service is there: it answers within 1.8 s, and with no 5xx."""
        try:
            with Within(PROBE_WITHIN):
                return 0 < (await self._once("GET", "/healthz", {}, None)).status < 500
        except TimeoutError:
            return False

    async def send(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        call_id: str | None = None,
        tries: int = 1,
    ) -> Reply:
        """Send a request up to ``tries`` times, the further ones only after a broken connection or a 5xx."""
        ticket = self._breaker.asks()
        if ticket is None:
            self._observe(operation, "not_asked", 0.0)
            return Reply(0, "not_asked")
        began = time.monotonic()
        try:
            reply = await self._tried(method, path, body, call_id, tries)
        finally:
            self._breaker.back(ticket)
        self._observe(operation, "ok" if 200 <= reply.status < 300 else reply.means(), time.monotonic() - began)
        return reply._replace(ticket=ticket)

    async def _tried(
        self, method: str, path: str, body: dict[str, Any] | None, call_id: str | None, tries: int
    ) -> Reply:
        headers = {} if call_id is None else {"Call-Id": call_id}
        reply = Reply(0, "timeout")
        try:
            with Within(self._deadline):
                for rest in reversed(range(tries)):
                    reply = await self._once(method, path, headers, body, kept=rest > 0)
                    if not (rest and reply.again):
                        break
                    await asyncio.sleep(BETWEEN_TRIES)
        except TimeoutError:
            return Reply(0, "timeout")
        return reply

    async def _once(
        self, method: str, path: str, headers: dict[str, str], body: dict[str, Any] | None, *, kept: bool = False
    ) -> Reply:
        session = self._kept if kept else self._session
        if session is None:
            return Reply(0, "closed")
        try:
            url = URL(self._base + path, encoded=True)
            data = None
            if body is not None:
                data, headers = msgspec.json.encode(body), {**headers, "Content-Type": "application/json"}
            once = () if method == "POST" else (_sent_once,)  # a POST is never repeated
            async with session.request(
                method, url, headers=headers, data=data, allow_redirects=False, middlewares=once
            ) as answer:
                if (raw := await _read(answer)) is None:
                    return Reply(0, "huge")
                return Reply(
                    answer.status,
                    again=answer.status >= 500,
                    raw=raw,
                    media_type=answer.content_type,
                    refs=tuple(answer.headers.getall("Member-Ref", ())),
                )
        except aiohttp.ClientPayloadError:
            return Reply(0, "truncated", again=True)
        except aiohttp.ClientConnectionError:
            return Reply(0, "connection", again=True)
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError):
            # Not HTTP, a call id that no header can carry, or a session closed in the middle.
            return Reply(0, "malformed")
