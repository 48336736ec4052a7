"""The test carrier over real sockets: retries, idempotency tokens, deadlines and broken connections."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from ivr.carrier import Carrier, CarrierRejected

OK = b"<Response><Hangup/></Response>"
GATHER = b'<Response><Gather numDigits="1" action="/turn%s"/></Response>'
Write = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Wire:
    """A server that answers each connection with the next of its behaviours, and keeps the heads that came."""

    behaviours: list[Write]
    port: int = 0
    heads: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        await reader.readexactly(length)
        self.heads.append(head)
        behave = self.behaviours.pop(0) if self.behaviours else receipt
        try:
            await behave(writer)
            await writer.drain()
        finally:
            writer.close()

    def header(self, name: str) -> list[str]:
        found = [line for head in self.heads for line in head.split("\r\n") if line.lower().startswith(name)]
        return [line.partition(": ")[2] for line in found]


def says(body: bytes, status: str = "200 OK") -> Write:
    async def write(writer: asyncio.StreamWriter) -> None:
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        writer.write(head.encode() + body)

    return write


async def receipt(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")


async def breaks(_writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer, as a killed worker does."""


async def floods(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nConnection: close\r\n\r\n")
    try:
        while True:
            writer.write(b"<" * 65_536)
            await writer.drain()
    except ConnectionError:
        pass


@asynccontextmanager
async def wire(*behaviours: Write) -> AsyncIterator[Wire]:
    line = Wire(list(behaviours))
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    async with server:
        yield line


def carrier_of(line: Wire, strict: bool = True) -> Carrier:
    return Carrier(
        f"http://127.0.0.1:{line.port}", account_sid="AC" + "0" * 32, auth_token="t", strict=strict, fallback=False
    )


@pytest.mark.parametrize("rules", [b"#rc=2&amp;rp=all&amp;rt=5000", b"#rc=1&amp;rp=5xx,rt"])
async def test_a_lost_answer_is_asked_for_again_with_the_same_token(rules: bytes) -> None:
    async with wire(says(GATHER % rules), breaks, says(OK)) as line, carrier_of(line) as carrier:
        call = await carrier.dial()
        await call.press("1")
        assert call.ended
        assert [warning.rule for warning in call.warnings] == ["retried"]
        assert call.turns[1].missed == ("lost",)
        voice, first, second, status = line.header("i-twilio-idempotency-token")
        assert first == second
        assert len({voice, first, status}) == 3
        assert len(set(line.header("x-twilio-signature")[1:3])) == 1


async def test_by_default_only_a_failed_connection_is_tried_again() -> None:
    async with wire(says(GATHER % b""), breaks, says(OK)) as line, carrier_of(line) as carrier:
        call = await carrier.dial()
        with pytest.raises(CarrierRejected, match="broke the connection"):
            await call.press("1")
        assert len(line.heads) == 2


async def test_an_error_that_a_retry_hides_is_still_refused() -> None:
    failing = says(b"", "503 Service Unavailable")
    async with wire(says(GATHER % b"#rc=1&amp;rp=all"), failing, says(OK)) as line, carrier_of(line, False) as carrier:
        call = await carrier.dial()
        await call.press("1")
        assert [violation.rule for violation in call.violations] == ["status"]
        assert [turn.status for turn in call.turns] == [200, 200]


async def test_an_answer_after_the_read_deadline_is_late() -> None:
    given_up = asyncio.Event()

    async def stalls(_writer: asyncio.StreamWriter) -> None:
        await given_up.wait()

    async with wire(says(GATHER % b"#rc=0&amp;rt=300"), stalls) as line, carrier_of(line, False) as carrier:
        call = await carrier.dial()
        async with asyncio.timeout(10):
            await call.press("1")  # which waits for no answer any more, or it would wait for ever
        given_up.set()
        assert [violation.rule for violation in call.violations] == ["late"]
        assert call.heard[-1].lang == "en-US"


async def test_an_endless_answer_is_cut_off() -> None:
    async with wire(floods) as line, carrier_of(line) as carrier:
        call = carrier.call()
        with pytest.raises(CarrierRejected, match="larger than 65536"):
            await call.ring("/twilio/voice")
        assert len(call.turns[0].body) == 65_537


async def test_a_hotline_that_is_not_there_is_a_violation() -> None:
    async with wire() as line:
        port = line.port
    async with Carrier(f"http://127.0.0.1:{port}", account_sid="AC" + "0" * 32, auth_token="t") as carrier:
        call = carrier.call()
        with pytest.raises(CarrierRejected, match="could not be reached"):
            await call.ring("/twilio/voice")
        assert call.turns[0].missed == ("connect", "connect")
