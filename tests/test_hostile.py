"""Hostile texts of the account service and hostile bodies: never markup, never an error, never more memory."""

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from tampering import BALANCE, NUMBER, PASSWORD, SHORT, Caller, calling, everything, kept_of, words

HOSTILE = {
    "markup": "<Dial>+12025550199</Dial>",
    "the end of a CDATA section": "王]]><Hangup/>",
    "an attribute": '王" voice="x',
    "an entity": "&#60;Dial&#62;&lt;&amp;&xxe;",
    "control characters": "王\x00\x08\x0b\x1b[2J\x7f\x85",
    "line ends": "王\r\n\t李",
    "direction": "\u202e王\u2066\ufeff",
    "separators": "王\u2028\u2029李",
    "SSML": "<break time='9999s'/><audio src='http://x/'/>",
    "digits and signs": "１２３ 456 ¥9%",
    "a template": "{balance:money} {0} %s ${x}",
    "a long one": "长" * 100,
    "beyond the plane": "\U00020000\U0010ffff\ufffe",
}


@pytest.fixture(scope="module")
def running(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data"), deadlines=SHORT) as under_test:
        yield under_test


@pytest_asyncio.fixture
async def caller(running: UnderTest, redis: Redis) -> AsyncIterator[Caller]:
    running.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    async with calling(running, workers=1) as one:
        yield one


async def asked(caller: Caller, keys: tuple[str, ...], question: str, answer: Any) -> bytes:
    caller.hotline.accounts.script({"verify": ["ok"], question: [answer]})
    await caller.rings()
    for one in (*keys, NUMBER + "#", PASSWORD):
        await caller.keys(one)
    # `read`, by which every answer goes, holds it to the carrier's vocabulary and to its characters.
    body = (await caller.follows()).body
    assert caller.hotline.accounts.unused == {}
    return body


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_a_text_of_the_account_service_is_never_markup(caller: Caller, hostile: str) -> None:
    text = HOSTILE[hostile]
    case = {"case_number": text, "from_region": text, "to_region": text, "stage": "submitted",
            "submitted_on": "2026-11-02", "due_by": "2026-12-20"}  # fmt: skip
    relative = {"surname": text, "relation": "spouse", "bound_on": "2026-11-02"}
    for keys, question, answer in (
        (("4", "2"), "transfers", [case]),
        (("4", "3"), "family-sharing", {"enabled": True, "relatives": [relative]}),
    ):
        one = Caller(caller.hotline, caller.carrier)
        body = await asked(one, keys, question, answer)
        assert body.count(b"<Dial") == body.count(b"<Hangup") == body.count(b"<audio") == body.count(b"<break") == 0
        assert not any(mark in body for mark in (b"\x00", b"\x1b", b"\x7f", b"&xxe", b"2025550199"))


@pytest.mark.parametrize(
    "amount",
    [
        "1e9",
        "NaN",
        "Infinity",
        "-0.001",
        "１２.００",
        "٣.٠٠",
        "1,000.00",
        "9" * 400 + ".00",
        "<Dial>",
        " 1.00",
        "1.00\n",
        1.0,
        None,
    ],
)
async def test_an_amount_that_is_none_is_an_outage(caller: Caller, amount: object) -> None:
    body = await asked(caller, ("1",), "balance", {**BALANCE, "balance": amount})
    assert words("trouble.account") in body.decode()


# --- names that are not quite those of the carrier -------------------------------------------------------------------


@pytest.mark.parametrize(
    "pair",
    [("digits", "1"), ("DIGITS", "1"), ("Digits[]", "1"), ("Digits ", "1"), ("Digits\0", "1"), ("Ｄigits", "1"),
     ("Digits;x", "1"), ("body[Digits]", "1"), ("", "1"), ("__proto__", "1")],
)  # fmt: skip
async def test_another_name_is_no_key(caller: Caller, redis: Redis, pair: tuple[str, str]) -> None:
    menu = await caller.rings()
    await caller.carrier.post(menu.next, [*caller.form().items(), pair])
    session = (await kept_of(redis, caller.sid)).session
    assert (session.silences, session.wrongs) == (1, 0)
    # Beside the true field it changes nothing.
    assert caller.here is not None
    other = Caller(caller.hotline, caller.carrier)
    menu = await other.rings()
    await caller.carrier.post(menu.next, [pair, *other.form(Digits="1").items()])
    assert (await kept_of(redis, other.sid)).session.stack[-1][0] == "number"


# --- large bodies ----------------------------------------------------------------------------------------------------

MEGABYTES = 10


async def _pour(url: str, head: bytes, wrap: bool) -> bytes:
    """Send a body of ten megabytes, as far as it is taken; give the beginning of the answer."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: x\r\n" + head + b"\r\n")
    piece = b"Digits=1&" * 1820 + b"xxxx"
    answer = asyncio.create_task(reader.read(64))
    try:
        for _ in range(MEGABYTES * 64):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if wrap else piece)
            await writer.drain()
            if answer.done():
                break
    except ConnectionError:
        pass
    try:
        async with asyncio.timeout(30):
            return await answer
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("head", "wrap"),
    [(b"Content-Length: 10485760\r\n", False), (b"Transfer-Encoding: chunked\r\n", True)],
    ids=["announced", "in chunks"],
)
async def test_ten_megabytes_are_refused_and_take_no_memory(
    caller: Caller, redis: Redis, head: bytes, wrap: bool
) -> None:
    before = await everything(redis)
    await _pour(caller.hotline.urls[0], head, wrap)  # what is made once is made now
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answers = await asyncio.gather(*(_pour(caller.hotline.urls[0], head, wrap) for _ in range(16)))
    grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 403"}
    assert grown_kb < 16 * 1024  # 160 MB were offered; client and service are one process here
    assert await everything(redis) == before
    assert words("main.long") in (await caller.rings()).said
