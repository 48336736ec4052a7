"""One webhook over HTTP: the request with its retries, and what the carrier makes of the answer."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import httpx2

from ivr.carrier.overrides import Miss, Retrying
from ivr.carrier.twiml import read_document
from ivr.carrier.verbs import Verb
from ivr.carrier.violations import Violation
from ivr.carrier.vocabulary import Context

LARGEST = 64 * 1024
"""Bytes of a document; a hotline's answer over it is thrown away."""
IN_TIME = 5.0
"""Seconds within which a hotline has to answer."""
_MISSED: dict[Miss, str] = {
    "connect": "could not be reached",
    "read-timeout": "did not answer in time",
    "lost": "broke the connection before it had answered",
    "4xx": "refused",
    "5xx": "failed",
}


@dataclass(frozen=True, slots=True)
class Exchange:
    """A webhook and its answer. ``status`` is 0 where no answer came; ``elapsed`` is real seconds, retries included.

    ``missed`` lists the attempts that brought no answer; ``url`` is the one that was signed, without its fragment.
    """

    url: str
    params: Mapping[str, str]
    status: int
    body: bytes
    elapsed: float
    form: bytes = b""
    sent: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    missed: tuple[Miss, ...] = ()

    @property
    def failed(self) -> bool:
        return self.status == 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says: its verbs, or None and the carrier's error code; the rules it broke, and what is odd."""

    verbs: tuple[Verb, ...] | None
    error_code: int
    violations: tuple[Violation, ...]
    warnings: tuple[Violation, ...] = ()


async def send(
    client: httpx2.AsyncClient,
    target: Callable[[], str],
    form: bytes,
    headers: Mapping[str, str],
    rules: Retrying,
) -> tuple[int, bytes, Mapping[str, str], tuple[Miss, ...], float]:
    """Post a form with the retries of ``rules``; ``target`` gives the URL of each attempt.

    Returns status, body (cut after the largest that is allowed, plus one byte), headers, missed attempts and seconds.
    """
    began = time.monotonic()
    missed: list[Miss] = []
    while True:
        left = rules.total - (time.monotonic() - began)
        status, body, answered = 0, b"", httpx2.Headers()
        miss: Miss | None
        try:
            async with asyncio.timeout(min(rules.read, left)):
                status, body, answered = await _attempt(client, target(), form, headers, rules)
            miss = "5xx" if status >= 500 else "4xx" if status >= 400 else None
        except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
            miss = "connect"
        except (TimeoutError, httpx2.TimeoutException):
            miss = "read-timeout"
        except httpx2.HTTPError:
            miss = "lost"
        if miss is not None:
            missed.append(miss)
        used = time.monotonic() - began
        if miss not in rules.misses or len(missed) > rules.retries or used >= rules.total:
            return status, body, dict(answered), tuple(missed), used


async def _attempt(
    client: httpx2.AsyncClient, url: str, form: bytes, headers: Mapping[str, str], rules: Retrying
) -> tuple[int, bytes, httpx2.Headers]:
    waits = httpx2.Timeout(rules.read, connect=rules.connect)
    request = client.build_request("POST", url, content=form, headers=dict(headers), timeout=waits)
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        async for part in response.aiter_bytes():
            body += part
            if len(body) > LARGEST:
                break
    finally:
        await response.aclose()
    return response.status_code, bytes(body[: LARGEST + 1]), response.headers


def read_answer(exchange: Exchange, context: Context = "call") -> Answer:
    """Hold an answer to a voice webhook to the carrier's rules."""
    violations: list[Violation] = []
    shown = exchange.body[:4000].decode("utf-8", "replace")

    def report(rule: str, detail: str) -> None:
        violations.append(Violation(rule, f"{exchange.url}: {detail}", shown))

    code = _http_fault(exchange, report)
    verbs = None if code else read_document(exchange.body, report, context)
    warnings = tuple(
        Violation("retried", f"{exchange.url} {_MISSED[miss]}; the webhook was sent again.")
        for miss in exchange.missed
        if miss in ("connect", "lost") and not exchange.failed
    )
    return Answer(verbs, 0 if verbs is not None else code or 12100, tuple(violations), warnings)


def _http_fault(exchange: Exchange, report: Callable[[str, str], None]) -> int:
    """Report what is wrong with the answer as HTTP; return the carrier's error code where it is not read at all."""
    late = exchange.elapsed > IN_TIME or "read-timeout" in exchange.missed
    if late:
        report("late", f"The hotline took {exchange.elapsed:.1f} s; an answer within {IN_TIME:.0f} s was expected.")
    for miss in exchange.missed:
        if miss in ("4xx", "5xx") and exchange.status < 400:
            report("status", f"The hotline {_MISSED[miss]} before it answered; HTTP 200 was expected at once.")
    if exchange.failed:
        if not late:
            report("unreachable-hotline", f"The hotline {_MISSED[exchange.missed[-1]]}.")
        return 11205 if exchange.missed[-1] == "connect" else 11200
    if 300 <= exchange.status < 400:
        report("redirected", f"The hotline answered with the redirect {exchange.status}, which loses the keys.")
        return 11200
    if exchange.status != 200:
        report("status", f"The hotline answered HTTP {exchange.status}; 200 was expected.")
    if exchange.status >= 400:
        return 11200
    if len(exchange.body) > LARGEST:
        report("size", f"The document is larger than {LARGEST} bytes.")
        return 11750
    media, _, parameters = exchange.headers.get("content-type", "").partition(";")
    if media.strip().lower() != "text/xml":
        report("content-type", f"The content type is {media.strip() or 'missing'}; text/xml was expected.")
        return 12300
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if charset not in ("", "utf-8"):
        report("content-type", f"The content type names {parameters.strip()}; utf-8 was expected.")
    if not exchange.body.startswith(b"<"):
        report("first-byte", f"The document begins with {exchange.body[:8]!r}; '<' was expected as its first byte.")
        return 12100
    return 0


def read_receipt(exchange: Exchange) -> tuple[Violation, ...]:
    """Hold the answer to a status callback to the carrier's rules."""
    if exchange.status == 204 and exchange.elapsed <= IN_TIME:
        return ()
    came = f"HTTP {exchange.status}" if exchange.status else f"nothing ({exchange.missed[-1]})"
    detail = f"{exchange.url}: A status callback got {came} after {exchange.elapsed:.1f} s; 204 was expected."
    return (Violation("status-callback", detail, exchange.body[:4000].decode("utf-8", "replace")),)
