"""A strict carrier under our control: it signs and posts webhooks to a hotline and plays its answers on calls."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qsl, urlencode, urljoin
from uuid import uuid4

import httpx2

from ivr.carrier.leg import Leg
from ivr.carrier.line import Call
from ivr.carrier.overrides import Retrying, retrying
from ivr.carrier.signing import sign
from ivr.carrier.webhook import Exchange, send

AgentAnswers = Literal["answered", "busy", "no-answer", "failed", "canceled"]
Form = Mapping[str, str] | Sequence[tuple[str, str]] | bytes


class Carrier:
    """Places calls to the hotline at ``base_url``.

    With several base URLs the attempts go to them in turn, as a load balancer in front of several workers would send
    them. Signatures are made over ``public_url``, the first base URL where none is given. A ``strict`` carrier raises
    CarrierRejected at the first broken rule; another one notes it, and goes on as the real carrier would: fallback
    URL, then an English error and the end of the call.

    ``agent_answers``, ``agent_keys`` (keyed at a whisper) and ``agent_seconds`` (of talk) are the script of those who
    are dialled. ``pace`` is the real seconds that one second of speech takes where nobody is asked for keys (fillers);
    it is 0 because a hotline's polls are expected to wait by themselves. ``extra`` fields go with every webhook.
    """

    def __init__(
        self,
        base_url: str | Sequence[str],
        *,
        account_sid: str,
        auth_token: str,
        client: httpx2.AsyncClient | None = None,
        fallback: bool = True,
        from_: str = "+8613800000000",
        to: str = "12333",
        public_url: str | None = None,
        strict: bool = True,
        status_callbacks: bool = True,
        agent_answers: AgentAnswers = "answered",
        agent_keys: str = "1",
        agent_seconds: float = 60.0,
        pace: float = 0.0,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        bases = [base_url] if isinstance(base_url, str) else list(base_url)
        self._bases: Iterator[str] = itertools.cycle([base.rstrip("/") for base in bases])
        self.public_url = (public_url or bases[0]).rstrip("/")
        self.account_sid = account_sid
        self.auth_token = auth_token
        self._own_client = client is None
        # No proxy from the environment may come between the carrier and a hotline on this host.
        self.client = client or httpx2.AsyncClient(trust_env=False)
        self.fallback = fallback
        self.from_ = from_
        self.to = to
        self.strict = strict
        self.status_callbacks = status_callbacks
        self.agent_answers: AgentAnswers = agent_answers
        self.agent_keys = agent_keys
        self.agent_seconds = agent_seconds
        self.pace = pace
        self.extra = dict(extra or {})
        self.recordings: dict[str, float] = {}
        """Seconds of what was recorded, by its name."""
        self.queues: dict[str, list[Leg]] = {}
        self.began = datetime.now(UTC)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the HTTP client, unless it was handed in."""
        if self._own_client:
            await self.client.aclose()

    async def dial(
        self, *, from_: str | None = None, to: str | None = None, path: str = "/twilio/voice", parent: str | None = None
    ) -> Call:
        """Place a call and play it until the hotline waits for keys or the call ends.

        ``path`` other than the number's voice URL is for legs that the hotline itself has started towards an agent;
        they name the call they belong to as ``parent``.
        """
        call = self.call(from_=from_, to=to, parent=parent)
        await call.ring(path)
        return call

    def call(self, *, from_: str | None = None, to: str | None = None, parent: str | None = None) -> Call:
        """Return a call that has not rung yet; useful where even a rejected call is to be looked at."""
        return Call(self, from_ or self.from_, to or self.to, parent=parent)

    def route(self, path: str) -> str:
        """Return the public URL of one of the hotline's own routes, such as its voice URL; a full URL stays."""
        return self.public_url + path if path.startswith("/") else path

    def resolve(self, url: str, current: str) -> str:
        """Return the full public URL of a URL or relative reference found in the document ``current``."""
        return urljoin(current, url)

    async def post(
        self, url: str, params: Form, *, sign: bool = True, headers: Mapping[str, str] | None = None
    ) -> Exchange:
        """Post anything at all, one attempt for a URL without overrides; nothing is checked.

        ``params`` are fields, pairs (a name may come twice) or the bytes of a body as they go out. ``headers`` replace
        those of the carrier by name; an empty value takes a header away.
        """
        full = self.route(url)
        rules = retrying(full) if "#" in full else Retrying(retries=0)
        form = params if isinstance(params, bytes) else encode(params)
        return await self.exchange(full, form, rules, self.headers(full, form, signed=sign) | dict(headers or {}))

    async def webhook(self, url: str, params: Mapping[str, str]) -> Exchange:
        """Post a signed webhook with the retries that its URL asks for."""
        form = encode(params)
        return await self.exchange(url, form, retrying(url), self.headers(url, form))

    async def replay(self, exchange: Exchange, times: int = 1, *, at_once: bool = False) -> list[Exchange]:
        """Send a webhook again exactly as it was, idempotency token and all, one after the other or at once."""

        async def again() -> Exchange:
            return await self.exchange(exchange.url, exchange.form, Retrying(retries=0), exchange.sent)

        if at_once:
            return list(await asyncio.gather(*(again() for _ in range(times))))
        return [await again() for _ in range(times)]

    def headers(self, url: str, form: bytes, *, signed: bool = True) -> dict[str, str]:
        """Return the carrier's headers of a webhook."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "I-Twilio-Idempotency-Token": str(uuid4()),
        }
        if signed:
            pairs = parse_qsl(form.decode("latin-1"), keep_blank_values=True, errors="replace")
            headers["X-Twilio-Signature"] = sign(self.auth_token, url, pairs)
        return headers

    async def exchange(self, url: str, form: bytes, rules: Retrying, headers: Mapping[str, str]) -> Exchange:
        """Post a body and keep what went out and what came back."""
        url = url.partition("#")[0]
        sent = {name: value for name, value in headers.items() if value}
        status, body, answered, missed, elapsed = await send(self.client, lambda: self._target(url), form, sent, rules)
        fields = dict(parse_qsl(form.decode("latin-1"), keep_blank_values=True, errors="replace"))
        return Exchange(url, fields, status, body, elapsed, form, sent, answered, missed)

    def _target(self, url: str) -> str:
        """Return where a public URL is reached: at the next of the base URLs, if it is the hotline's own."""
        base = next(self._bases)
        path = url.removeprefix(self.public_url)
        return base + path if path != url and path[:1] in ("", "/", "?") else url


def encode(params: Mapping[str, str] | Sequence[tuple[str, str]]) -> bytes:
    """Return a form's body; empty values stay."""
    return urlencode(list(params.items()) if isinstance(params, Mapping) else list(params)).encode("ascii")
