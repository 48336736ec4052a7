"""The client of the account service against one that does everything wrong, on real sockets."""

import asyncio
import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import pytest

from ivr.accounts.client import AccountClient, Outage, ReferenceExpired, Refused
from ivr.accounts.contract import LARGEST_ANSWER, Balance, Verified
from ivr.call import Credential

OWNER: Final = Credential("id_card", "110105198503122173")
PIN: Final = "846275"
TOKEN: Final = "the-token-of-the-hotline"
REF: Final = "r/1 ?#%2e"
BALANCE: Final = {"balance": "20180.05", "as_of": "2026-11-20", "status": "normal"}
VERIFIED: Final = {"member_ref": "r-1", "expires_in": 900, "must_change_pin": False, "birth_year": 1985}
IMPATIENT: Final = 0.2

Answer = bytes | Literal["silence", "hang up", "drip", "late 500"]
Ask = Callable[[AccountClient], Awaitable[object]]


class Heard(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Service:
    """Answers the n-th request with the n-th answer, the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.heard: list[Heard] = []
        self.asked = asyncio.Event()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, path, _ = head[0].split(" ")
            self.heard.append(Heard(method, path, headers, body))
            self.asked.set()
            answer = self.answers[min(len(self.heard), len(self.answers)) - 1]
            if answer == "silence":
                await reader.read()
            elif answer == "late 500":
                await asyncio.sleep(0.4)
                writer.write(http(500))
                await writer.drain()
            elif answer == "drip":
                for byte in ok(BALANCE):
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0.02)
            elif isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def http(status: int, body: bytes = b"", kind: str = "application/json", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ok(value: object, ref: str = REF) -> bytes:
    return http(200, json.dumps(value).encode(), Member_Ref=ref)


def problem(status: int, code: str, kind: str = "application/problem+json") -> bytes:
    return http(status, json.dumps({"status": status, "code": code, "title": "…"}).encode(), kind)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield service
    server.close()


@pytest.fixture
async def client(service: Service) -> AsyncIterator[AccountClient]:
    async with AccountClient(service.url, TOKEN) as client:
        yield client


@pytest.fixture
async def for_fault(service: Service, answer: Answer) -> AsyncIterator[AccountClient]:
    """A client that does not wait long for a service that is not going to answer."""
    service.answers = [answer]
    async with AccountClient(
        service.url, TOKEN, deadline=IMPATIENT if answer in ("silence", "drip") else 9.0
    ) as client:
        yield client


async def verify(client: AccountClient) -> Verified | Refused:
    return await client.verify(OWNER, "pin", PIN, call_id="CA1", region="110000")


async def balance(client: AccountClient) -> Balance:
    return await client.balance(REF, call_id="CA1")


async def change_pin(client: AccountClient) -> str:
    return await client.change_pin(REF, PIN, call_id="CA1")


async def send_message(client: AccountClient) -> None:
    await client.send_message(REF, "余额20180.05元", call_id="CA1", idempotency_key="k1")


async def send_sms_code(client: AccountClient) -> None:
    await client.send_sms_code(OWNER, call_id="CA1", idempotency_key="k1")


HTML = http(200, b"<html>Please log in</html>", "text/html", Member_Ref=REF)
TRUNCATED = ok(BALANCE)[:-5]
NAN = ok(BALANCE).replace(b'"20180.05"', b"NaN       ")
HUGE = ok({**VERIFIED, **BALANCE, "other": "x" * LARGEST_ANSWER})
ENDLESS = b"HTTP/1.1 200 X\r\nMember-Ref: " + REF.encode() + b"\r\n\r\n" + b" " * (4 * LARGEST_ANSWER)
REDIRECT = http(307, Location="/v1/elsewhere")

FAULTS: list[tuple[Answer, str, int]] = [  # answer, reason, how often a read asks
    ("silence", "timeout", 1),
    ("hang up", "connection", 2),
    ("drip", "timeout", 1),
    (b"no HTTP at all\r\n\r\n", "malformed", 1),
    (http(500, b"Internal Server Error", "text/plain"), "http_500", 2),
    (problem(503, "unavailable"), "http_503", 2),
    (problem(500, "reference_expired"), "http_500", 2),
    (problem(418, "teapot"), "http_418", 1),
    (problem(400, "bad_request"), "bad_request", 1),
    (problem(401, "unauthorized"), "unauthorized", 1),
    (problem(401, "something_new"), "unauthorized", 1),
    (http(401, b"<html>", "text/html"), "unauthorized", 1),
    (http(401, b'{"code": "invalid_credentials"}', "application/problem+json"), "unauthorized", 1),
    (HTML, "misfit", 1),
    (TRUNCATED, "truncated", 2),
    (NAN, "misfit", 1),
    (HUGE, "huge", 1),
    (ENDLESS, "huge", 1),
    (REDIRECT, "http_307", 1),
    (ok({}), "misfit", 1),
    (ok(None), "misfit", 1),
    (ok([BALANCE]), "misfit", 1),
    (http(204), "http_204", 1),
]


@pytest.mark.parametrize(("answer", "reason", "reads"), FAULTS)
async def test_every_fault_is_an_outage_and_only_reads_are_asked_again(
    service: Service, for_fault: AccountClient, answer: Answer, reason: str, reads: int
) -> None:
    for ask, times in ((balance, reads), (verify, 1)):
        service.heard.clear()
        with pytest.raises(Outage) as outage:
            await ask(for_fault)
        assert (outage.value.reason, len(service.heard)) == (reason, times)


@pytest.mark.parametrize("ask", [verify, change_pin, send_message, send_sms_code])
@pytest.mark.parametrize(
    ("answer", "reason"), [("hang up", "connection"), ("silence", "timeout"), (problem(503, "unavailable"), "http_503")]
)
async def test_what_changes_something_is_sent_once(
    service: Service, for_fault: AccountClient, ask: Ask, answer: Answer, reason: str
) -> None:
    with pytest.raises(Outage) as outage:
        await ask(for_fault)
    assert (outage.value.reason, len(service.heard)) == (reason, 1)


@pytest.mark.parametrize("first", ["hang up", http(502), TRUNCATED])
async def test_a_read_gets_one_more_try(service: Service, client: AccountClient, first: Answer) -> None:
    service.answers = [first, ok(BALANCE)]
    assert str((await balance(client)).balance) == "20180.05"
    assert len(service.heard) == 2


async def test_both_tries_share_one_deadline(service: Service) -> None:
    """Told by who gives up first: with a deadline of its own the second try would outlast another client's wait."""
    service.answers = ["late 500", "silence"]
    ended: list[str] = []

    async def waits(who: str, deadline: float) -> None:
        async with AccountClient(service.url, TOKEN, deadline=deadline) as client:
            with pytest.raises(Outage, match="timeout"):
                await (balance(client) if who == "both tries" else verify(client))
            ended.append(who)

    both = asyncio.create_task(waits("both tries", 1.0))
    await service.asked.wait()
    await asyncio.gather(both, waits("another", 1.1))
    assert ended == ["both tries", "another"]
    assert len(service.heard) == 3


@pytest.mark.parametrize("ask", [balance, verify, change_pin])
async def test_nobody_listens(ask: Ask) -> None:
    async with AccountClient("http://127.0.0.1:9", TOKEN) as client:
        with pytest.raises(Outage, match="connection"):
            await ask(client)
        assert not await client.healthy()


@pytest.mark.parametrize(
    "answer",
    [
        ok(BALANCE, "r-2"),
        ok(BALANCE, REF.upper()),
        ok(BALANCE, f"{REF}, r-2"),
        http(200, json.dumps(BALANCE).encode()),
        ok(BALANCE).replace(b"\r\n\r\n", b"\r\nMember-Ref: r-2\r\n\r\n"),
        ok(BALANCE, ""),
    ],
)
async def test_an_answer_about_another_member_or_nobody_is_never_used(
    service: Service, client: AccountClient, answer: bytes
) -> None:
    service.answers = [answer]
    with pytest.raises(Outage, match="other_member"):
        await balance(client)
    assert len(service.heard) == 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (problem(401, "invalid_credentials"), Refused(locked=False)),
        (problem(401, "invalid_credentials", "application/json"), Refused(locked=False)),
        (problem(423, "locked"), Refused(locked=True)),
        (problem(423, "new_word_for_it"), Refused(locked=True)),
        (http(423), Refused(locked=True)),
        (problem(403, "locked"), Refused(locked=True)),
    ],
)
async def test_refusals(service: Service, client: AccountClient, answer: bytes, expected: Refused) -> None:
    service.answers = [answer]
    assert await verify(client) == expected


@pytest.mark.parametrize(
    "answer", [problem(423, "unavailable"), problem(429, "slow_down"), problem(410, "reference_expired")]
)
async def test_what_is_no_refusal(service: Service, client: AccountClient, answer: bytes) -> None:
    service.answers = [answer]
    with pytest.raises(Outage):
        await verify(client)


async def test_a_verification_of_two_members_is_of_none(service: Service, client: AccountClient) -> None:
    told = json.dumps(VERIFIED).encode()
    service.answers = [http(200, told, Member_Ref="r-2"), http(200, told, Member_Ref="r-1")]
    with pytest.raises(Outage, match="other_member"):
        await verify(client)
    assert isinstance(await verify(client), Verified)


async def test_what_a_verification_says_and_hears(service: Service, client: AccountClient) -> None:
    service.answers = [http(200, json.dumps(VERIFIED).encode(), "application/json; charset=utf-8")]
    known = await verify(client)
    assert isinstance(known, Verified)
    assert (known.member_ref, known.expires_in, known.must_change_pin, known.birth_year) == ("r-1", 900, False, 1985)
    assert known.surname is None
    (asked,) = service.heard
    assert (asked.method, asked.path) == ("POST", "/v1/verifications")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["content-type"] == "application/json"
    assert json.loads(asked.body) == {
        "credential": {"kind": "id_card", "number": OWNER.number},
        "secret": {"kind": "pin", "value": PIN},
        "region": "110000",
        "call_id": "CA1",
    }
    await client.verify(
        Credential("social_security_card", "204718365"), "sms_code", "1" * 6, call_id="CA1", region=None
    )
    assert json.loads(service.heard[1].body) == {
        "credential": {"kind": "social_security_card", "number": "204718365"},
        "secret": {"kind": "sms_code", "value": "111111"},
        "call_id": "CA1",
    }


@pytest.mark.parametrize("answer", [http(202), problem(429, "too_many_codes"), http(429)])
async def test_a_request_for_a_code_tells_nothing(service: Service, client: AccountClient, answer: bytes) -> None:
    service.answers = [answer]
    await send_sms_code(client)
    (asked,) = service.heard
    assert (asked.method, asked.path) == ("POST", "/v1/sms-codes")
    assert json.loads(asked.body) == {
        "credential": {"kind": "id_card", "number": OWNER.number},
        "call_id": "CA1",
        "idempotency_key": "k1",
    }


@pytest.mark.parametrize(
    ("answer", "expected"),
    [(http(204), "changed"), (problem(422, "weak_pin"), "weak"), (problem(422, "too_simple"), "weak")],
)
async def test_changing_the_password(service: Service, client: AccountClient, answer: bytes, expected: str) -> None:
    service.answers = [answer]
    assert await change_pin(client) == expected
    (asked,) = service.heard
    assert (asked.method, asked.path) == ("PUT", "/v1/members/r%2F1%20%3F%23%252e/pin")
    assert (asked.headers["call-id"], json.loads(asked.body)) == ("CA1", {"new_pin": PIN})


async def test_texting_an_answer(service: Service, client: AccountClient) -> None:
    service.answers = [http(202), http(202, Member_Ref="r-2"), http(200)]
    await send_message(client)
    assert json.loads(service.heard[0].body) == {"text": "余额20180.05元", "idempotency_key": "k1"}
    for _ in range(2):
        with pytest.raises(Outage):
            await send_message(client)


@pytest.mark.parametrize("ask", [balance, change_pin, send_message])
@pytest.mark.parametrize("status", [400, 401, 404, 410])
async def test_an_expired_reference_is_no_outage(
    service: Service, client: AccountClient, ask: Ask, status: int
) -> None:
    service.answers = [problem(status, "reference_expired")]
    with pytest.raises(ReferenceExpired):
        await ask(client)
    assert len(service.heard) == 1


YEARS = {"scheme": "resident", "actual_months": 0, "deemed_months": 0, "as_of": "2026-11-20", "required_months": None}
MONTHS: list[dict[str, Any]] = [
    {"month": f"2026-{month:02d}", "amount": "1.00", "status": "paid"} for month in (9, 10, 8)
]


@pytest.mark.parametrize(
    ("ask", "path", "body"),
    [
        (lambda client: client.balance("r", call_id="CA1"), "balance", BALANCE),
        (lambda client: client.years("r", call_id="CA1"), "contribution-years", YEARS),
        (lambda client: client.contributions("r", call_id="CA1"), "contributions?limit=3", MONTHS),
        (lambda client: client.credits("r", 24, call_id="CA1"), "credits?limit=24", MONTHS),
        (lambda client: client.transactions("r", 1, call_id="CA1"), "transactions?limit=1", []),
        (
            lambda client: client.coverage("r", call_id="CA1"),
            "coverage",
            {"scheme": "employee", "status": "none", "as_of": "2026-11-20"},
        ),
        (lambda client: client.transfers("r", call_id="CA1"), "transfers", []),
        (
            lambda client: client.family_sharing("r", call_id="CA1"),
            "family-sharing",
            {"enabled": False, "relatives": []},
        ),
    ],
)
async def test_every_question(service: Service, client: AccountClient, ask: Ask, path: str, body: object) -> None:
    service.answers = [ok(body, "r"), ok({"no": 1}, "r")]
    await ask(client)
    (asked,) = service.heard
    assert (asked.method, asked.path) == ("GET", f"/v1/members/r/{path}")
    assert (asked.headers["call-id"], asked.headers["authorization"]) == ("CA1", f"Bearer {TOKEN}")
    with pytest.raises(Outage, match="misfit"):
        await ask(client)


async def test_lists_come_newest_first_and_no_longer_than_asked(service: Service, client: AccountClient) -> None:
    service.answers = [ok(MONTHS)]
    assert [one.month for one in await client.contributions(REF, 2, call_id="CA1")] == ["2026-10", "2026-09"]


async def test_answers_do_not_get_mixed_up(service: Service, client: AccountClient) -> None:
    """A question that is given up on leaves no answer behind for the next one (the incident of 2023)."""
    service.answers = ["silence", ok(BALANCE)]
    first = asyncio.create_task(client.balance("r-first", call_id="CA1"))
    await service.asked.wait()
    first.cancel()
    assert (await client.balance(REF, call_id="CA2")).status == "normal"
    assert [heard.headers["call-id"] for heard in service.heard] == ["CA1", "CA2"]


async def test_cookies_proxies_and_call_ids_out_of_line(
    service: Service, client: AccountClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    service.answers = [ok(BALANCE).replace(b"\r\n\r\n", b"\r\nSet-Cookie: member=1; Path=/\r\n\r\n")]
    await balance(client)
    await balance(client)
    assert all("cookie" not in heard.headers for heard in service.heard)
    with pytest.raises(Outage, match="malformed"):
        await client.balance(REF, call_id="CA1\r\nX-Evil: 1")
    assert len(service.heard) == 2


async def test_a_base_url_may_have_a_path(service: Service) -> None:
    service.answers = [http(200)]
    async with AccountClient(f"{service.url}/core/", TOKEN) as client:
        assert await client.healthy()
    assert service.heard[0].path == "/core/healthz"


async def test_before_it_is_open_and_after_it_is_closed(service: Service) -> None:
    client = AccountClient(service.url, TOKEN)
    for _ in range(2):
        with pytest.raises(Outage, match="closed"):
            await verify(client)
        await client.open()
        await client.open()
        await client.close()


@pytest.mark.parametrize("ask", [verify, change_pin, send_sms_code])
@pytest.mark.parametrize(
    "answer", ["silence", "hang up", b"no HTTP\r\n\r\n", HTML, HUGE, problem(400, PIN), ok({}), http(500)]
)
async def test_the_secret_is_in_no_exception_and_no_log(
    for_fault: AccountClient, ask: Ask, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Outage) as outage:
        await ask(for_fault)
    assert outage.value.__context__ is None
    shown = traceback.TracebackException.from_exception(outage.value, capture_locals=True)
    ours = [frame for frame in shown.stack if Path(frame.filename).parent.name == "accounts"]
    assert len(ours) >= 1
    text = "".join([repr(outage.value), caplog.text, *(str(frame.locals) for frame in ours)])
    assert not any(secret in text for secret in (PIN, TOKEN, OWNER.number))


@pytest.mark.parametrize(
    "url",
    ["", "accounts.example", "ftp://accounts.example", "http://", "http://u:846275@h", "http://h/?a=1", "http://h:x"],
)
def test_a_wrong_url_is_told_in_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match=r"^IVR_ACCOUNT_URL: expected a URL") as wrong:
        AccountClient(url, TOKEN)
    assert "846275" not in str(wrong.value)


@pytest.mark.parametrize("token", ["", "two words", "line\n", "令牌"])
def test_a_wrong_token_is_told_in_a_sentence(token: str) -> None:
    with pytest.raises(ValueError, match=r"^IVR_ACCOUNT_TOKEN: expected visible ASCII characters without blanks$"):
        AccountClient("http://127.0.0.1:8100", token)
