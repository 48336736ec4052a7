"""The HTTP edge: who is let in, what a webhook may look like, and that every answer is one that the carrier takes."""

import asyncio
import json
from random import Random
from urllib.parse import urlencode, urlsplit

import httpx2
import pytest
from fuzzing import TIMES
from hotline_under_test import AUTH_TOKEN, UnderTest
from redis.asyncio import Redis
from tampering import (
    BALANCE,
    NUMBER,
    PASSWORD,
    SUM,
    Caller,
    Document,
    everything,
    kept_of,
    read,
    words,
)

from ivr.carrier.carrier import Carrier
from ivr.carrier.signing import sign
from ivr.carrier.webhook import Exchange
from ivr.settings import DEMO_ACCOUNT_SID

OTHER_ACCOUNT = "AC" + "f" * 32


# --- who is let in ---------------------------------------------------------------------------------------------------


def routes(caller: Caller) -> list[str]:
    assert caller.here is not None
    poll = caller.here.next.replace("/turn/", "/poll/")
    return ["/twilio/voice", caller.here.next, poll, "/twilio/fallback", "/twilio/status", "/twilio/turn/x"]


async def forbidden(caller: Caller, redis: Redis, exchange: Exchange, before: object) -> None:
    assert (exchange.status, exchange.body) == (403, b"")
    assert await everything(redis) == before


async def test_unsigned_webhooks_change_nothing(hotline: UnderTest, caller: Caller, redis: Redis) -> None:
    await caller.to_the_password()
    before = await everything(redis)
    form = caller.form(Digits=PASSWORD, CallStatus="completed")
    for url in routes(caller):
        await forbidden(caller, redis, await caller.carrier.post(url, form, sign=False), before)
        for forged in ("", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "A" * 5000):
            headers = {"X-Twilio-Signature": forged}
            await forbidden(caller, redis, await caller.carrier.post(url, form, headers=headers), before)
    assert hotline.accounts.asked == []
    assert SUM in (await caller.keys(PASSWORD)).said


async def test_a_signature_over_anything_else_changes_nothing(caller: Caller, redis: Redis) -> None:
    await caller.to_the_password()
    assert caller.here is not None
    before = await everything(redis)
    form = caller.form(Digits=PASSWORD)
    url, pairs = caller.here.next, list(form.items())
    signatures = {
        "another token": sign("another", url, pairs),
        "another url": sign(AUTH_TOKEN, caller.carrier.route("/twilio/voice"), pairs),
        "another host": sign(AUTH_TOKEN, url.replace("hotline.test", "127.0.0.1"), pairs),
        "another scheme": sign(AUTH_TOKEN, url.replace("http:", "https:"), pairs),
        "a query": sign(AUTH_TOKEN, url + "?a=1", pairs),
        "another password": sign(AUTH_TOKEN, url, [*pairs[:-1], ("Digits", "000000")]),
        "one field less": sign(AUTH_TOKEN, url, pairs[1:]),
        "no field": sign(AUTH_TOKEN, url, []),
    }
    for signature in signatures.values():
        headers = {"X-Twilio-Signature": signature, "Host": "hotline.test", "X-Forwarded-Proto": "https"}
        await forbidden(caller, redis, await caller.carrier.post(url, form, headers=headers), before)


async def test_whatever_is_altered_in_a_signed_webhook_changes_nothing(caller: Caller, redis: Redis) -> None:
    await caller.to_the_password()
    assert caller.here is not None
    before = await everything(redis)
    chance = Random(12333)
    for turn in range(200 * TIMES):
        form = caller.form(Digits=PASSWORD)
        url = chance.choice(routes(caller))
        signature = sign(AUTH_TOKEN, caller.carrier.route(url), list(form.items()))
        signature, form = altered(chance, signature, form)
        exchange = await caller.carrier.post(url, form, headers={"X-Twilio-Signature": signature})
        assert exchange.status == 403
        if turn % 100 == 99:
            assert await everything(redis) == before
    assert SUM in (await caller.keys(PASSWORD)).said


def altered(chance: Random, signature: str, form: dict[str, str]) -> tuple[str, dict[str, str]]:
    """Change one character, one field or one name of what was signed."""
    name = chance.choice(list(form))
    match chance.randrange(5):
        case 0:
            at = chance.randrange(len(signature) - 2)  # the last sign of base64 does not count whole
            other = chance.choice([sign for sign in "AbZ09+/" if sign != signature[at]])
            return signature[:at] + other + signature[at + 1 :], form
        case 1:
            return signature, {key: value for key, value in form.items() if key != name}
        case 2:
            return signature, form | {name: form[name] + chance.choice("0 #%")}
        case 3:
            return signature, form | {f"{name}x": form[name]}
        case _:
            return signature, {key.swapcase() if key == name else key: value for key, value in form.items()}


async def test_what_is_added_to_the_url_has_to_be_signed(caller: Caller, redis: Redis) -> None:
    await caller.to_the_password()
    assert caller.here is not None
    before = await everything(redis)
    form = caller.form(Digits=PASSWORD)
    headers = caller.carrier.headers(caller.here.next, urlencode(form).encode())
    for added in ("?", "?a=1", "?%FF", "/", "/../voice"):
        url = caller.here.next + added
        if added == "?":
            continue  # an empty query is no query
        exchange = await caller.carrier.post(url, form, headers={"X-Twilio-Signature": headers["X-Twilio-Signature"]})
        assert exchange.status in (403, 404)
        assert await everything(redis) == before


@pytest.mark.parametrize("accounts", [[OTHER_ACCOUNT], [""], [DEMO_ACCOUNT_SID, OTHER_ACCOUNT], [OTHER_ACCOUNT] * 2])
async def test_a_signed_webhook_of_another_account_changes_nothing(
    caller: Caller, redis: Redis, accounts: list[str]
) -> None:
    await caller.rings()
    before = await everything(redis)
    pairs = [(name, value) for name, value in caller.form(Digits="1").items() if name != "AccountSid"]
    pairs += [("AccountSid", account) for account in accounts]
    for url in routes(caller):
        await forbidden(caller, redis, await caller.carrier.post(url, pairs), before)


async def test_a_body_over_64_kb_is_refused_unread(hotline: UnderTest, caller: Caller, redis: Redis) -> None:
    await caller.rings()
    assert caller.here is not None
    before = await everything(redis)
    just_too_large = urlencode(caller.form(Digits="1")).encode() + b"&A=" + b"x" * 65536
    assert (await caller.carrier.post(caller.here.next, just_too_large)).status == 403
    # Announced as ten megabytes, it is answered before any of them was sent; sent in chunks, before they are all there.
    announced = await _raw(hotline, b"Content-Length: 10485760\r\n", b"")
    assert announced.startswith(b"HTTP/1.1 403")
    chunks = b"".join(b"1000\r\n" + b"x" * 0x1000 + b"\r\n" for _ in range(20))
    assert (await _raw(hotline, b"Transfer-Encoding: chunked\r\n", chunks)).startswith(b"HTTP/1.1 403")
    assert await everything(redis) == before


async def _raw(hotline: UnderTest, headers: bytes, body: bytes, target: bytes = b"/twilio/voice") -> bytes:
    address = urlsplit(hotline.urls[0])
    assert address.hostname
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    host = b"" if b"Host:" in headers else b"Host: hotline.test\r\n"
    writer.write(b"POST " + target + b" HTTP/1.1\r\n" + host + b"X-Twilio-Signature: x\r\n" + headers + b"\r\n" + body)
    async with asyncio.timeout(30):
        answer = await reader.read(4096)
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        (b"Host: [\r\n", b"/twilio/voice"),
        (b"Host: \xff\r\n", b"/twilio/voice"),
        (b"Host: a b\r\n", b"/twilio/voice"),
        (b"Content-Type: \xff\xff\r\n", b"/twilio/voice"),
        (b"Content-Type: multipart/form-data\r\n", b"/twilio/turn/x"),
        (b'Content-Type: multipart/form-data; boundary="\r\n', b"/twilio/turn/x"),
        (b"Content-Type: application/json; charset=x\r\n", b"/twilio/voice"),
        (b"Content-Encoding: gzip\r\n", b"/twilio/voice"),
        (b"", b"/twilio/voice?%FF=\xff"),
        (b"", b"/twilio/turn/%FF%00"),
        (b"", b"/twilio/turn/" + b"a" * 8000),
        (b"", b"/twilio/turn//"),
        (b"", b"//twilio/turn/x"),
    ],
)
async def test_odd_requests_are_refused_without_an_error(hotline: UnderTest, headers: bytes, target: bytes) -> None:
    answer = await _raw(hotline, headers + b"Content-Length: 3\r\n", b"a=1", target)
    assert answer.split(b" ")[1] in (b"400", b"403", b"404"), answer


async def test_a_body_that_never_arrives_is_not_waited_for(hotline: UnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.channels.twilio.routes.BODY_SECONDS", 0.2)
    assert (await _raw(hotline, b"Content-Length: 100\r\n", b"a=")).startswith(b"HTTP/1.1 403")


async def test_either_auth_token_is_good_while_it_is_changed_and_ports_do_not_matter(caller: Caller) -> None:
    form = caller.form()
    url = caller.carrier.route("/twilio/voice")
    with_port = url.replace("hotline.test", "hotline.test:80")
    headers = {"X-Twilio-Signature": sign(AUTH_TOKEN, with_port, form.items())}
    assert words("main.long") in read(await caller.carrier.post(url, form, headers=headers)).said


# --- what a signed webhook may look like -----------------------------------------------------------------------------


GARBLED: dict[str, list[tuple[str, str]]] = {
    "two values": [("Digits", "1"), ("Digits", "2")],
    "the same value twice": [("Digits", "1"), ("Digits", "1")],
    "Arabic digits": [("Digits", "١")],
    "full-width digits": [("Digits", "１")],
    "65 keys": [("Digits", "1" * 65)],
    "60,000 keys": [("Digits", "1" * 60_000)],
    "a letter": [("Digits", "A")],
    "a blank": [("Digits", "1 ")],
    "a line end": [("Digits", "1\n")],
    "NUL": [("Digits", "1\0")],
    "an escape": [("Digits", "\x1b[2J")],
    "markup": [("Digits", "<Dial>1</Dial>")],
    "a number with a sign": [("Digits", "-1")],
    "a key that is none": [("Digits", "1"), ("FinishedOnKey", "x")],
    "two finishing keys": [("Digits", "1"), ("FinishedOnKey", "##")],
    "a call named twice": [("Digits", "1"), ("From", "+8613900000000")],
}


@pytest.mark.parametrize("garbled", GARBLED)
async def test_a_garbled_entry_is_an_invalid_try(caller: Caller, redis: Redis, garbled: str) -> None:
    menu = await caller.rings()
    pairs = [*caller.form().items(), *GARBLED[garbled]]
    told = read(await caller.carrier.post(menu.next, pairs))
    assert words("key.wrong") in told.said
    kept = await kept_of(redis, caller.sid)
    assert (kept.turn, kept.session.wrongs, kept.session.silences) == (1, 1, 0)
    # Asked again: at the next turn the same caller is understood.
    caller.here = told
    assert words("identify.ask_number") in (await caller.keys("1")).said


@pytest.mark.parametrize("garbled", ["two values", "Arabic digits", "65 keys", "NUL", "markup"])
async def test_a_garbled_password_asks_nobody(hotline: UnderTest, caller: Caller, redis: Redis, garbled: str) -> None:
    here = await caller.to_the_password()
    told = read(await caller.carrier.post(here.next, [*caller.form().items(), *GARBLED[garbled]]))
    assert words("identify.wrong_pin") in told.said
    assert hotline.accounts.asked == []
    assert (await kept_of(redis, caller.sid)).failed == 0


@pytest.mark.parametrize("garbled", GARBLED)
async def test_a_garbled_number_is_asked_again(caller: Caller, redis: Redis, garbled: str) -> None:
    await caller.rings()
    here = await caller.keys("1")
    told = read(await caller.carrier.post(here.next, [*caller.form().items(), *GARBLED[garbled]]))
    assert not told.hangs_up
    session = (await kept_of(redis, caller.sid)).session
    assert (session.wrongs, session.kept, session.credential) == (1, "", None)


async def test_five_thousand_fields_are_read(caller: Caller) -> None:
    menu = await caller.rings()
    pairs = [*caller.form(Digits="1").items(), *((f"F{number}", "") for number in range(5000))]
    assert words("identify.ask_number") in read(await caller.carrier.post(menu.next, pairs)).said


@pytest.mark.parametrize("broken", [b"&FromCity=%FF%FE", b"&FromCity=\xff", b"&%FF=1", b"&Digits=%C0%80"])
async def test_bytes_that_are_no_utf8_are_an_invalid_try(caller: Caller, redis: Redis, broken: bytes) -> None:
    menu = await caller.rings()
    body = urlencode(caller.form()).encode() + broken
    told = read(await caller.carrier.post(menu.next, body))
    assert words("key.wrong") in told.said
    assert (await kept_of(redis, caller.sid)).session.wrongs == 1


async def test_a_caller_from_a_place_in_any_script_is_understood(caller: Caller) -> None:
    for place in ("北京市", "Zürich", "مكة", "\U0001f3d9"):
        caller.sid = Caller(caller.hotline, caller.carrier).sid
        menu = await caller.go("/twilio/voice", FromCity=place, CallerName=place)
        assert words("main.long") in menu.said
        assert words("identify.ask_number") in (await caller.go(menu.next, FromCity=place, Digits="1")).said


@pytest.mark.parametrize("signed", ["its fields", "as a form", "nothing"])
@pytest.mark.parametrize("kind", ["json", "multipart", "text"])
async def test_a_signed_body_of_another_kind_does_not_lose_the_call(
    caller: Caller, redis: Redis, kind: str, signed: str
) -> None:
    menu = await caller.rings()
    form = caller.form(Digits="1")
    body, content_type = _as_kind(form, kind)
    signature = {
        "its fields": sign(AUTH_TOKEN, menu.next, form.items()),
        "as a form": caller.carrier.headers(menu.next, body)["X-Twilio-Signature"],
        "nothing": sign(AUTH_TOKEN, menu.next, []),
    }[signed]
    headers = {"Content-Type": content_type, "X-Twilio-Signature": signature}
    exchange = await caller.carrier.post(menu.next, body, headers=headers)
    if kind == "text" and signed == "its fields":
        assert exchange.status == 403  # there are no fields in it, so nothing was signed that came
        return
    told = read(exchange)
    assert not told.hangs_up
    if signed == "its fields":
        assert words("key.wrong") in told.said
    else:
        # Nobody can tell whose it is: the carrier is sent to where the call stands.
        assert words("trouble.sorry") in told.said
        again = await caller.go(told.next)
        assert again.body == menu.body
    assert (await kept_of(redis, caller.sid)).session.wrongs == (signed == "its fields")


def _as_kind(form: dict[str, str], kind: str) -> tuple[bytes, str]:
    if kind == "json":
        return json.dumps(form).encode(), "application/json"
    if kind == "text":
        return b"hello", "text/plain"
    request = httpx2.Request("POST", "http://x", files={name: (None, value) for name, value in form.items()})
    return request.read(), request.headers["content-type"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"[" * 60_000),
        ("application/json", b'{"CallSid": 1}'),
        ("application/json", b"\xff{}"),
        ("application/json", b"null"),
        ("multipart/form-data", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n" * 10_000),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: x; name="\xff"\r\n\r\n\xff\r\n--x--'),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n" * 500),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"Content-Disposition: " * 2000 + b"\r\n\r\n"),
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"&&&==="),
        ("application/x-www-form-urlencoded", b"%"),
        ("text/html", b"<html>"),
    ],
)
async def test_hostile_bodies_that_are_signed_get_an_answer(caller: Caller, content_type: str, body: bytes) -> None:
    await caller.rings()
    for url in ("/twilio/voice", "/twilio/turn/x", "/twilio/poll/x", "/twilio/fallback"):
        full = caller.carrier.route(url)
        for signature in (sign(AUTH_TOKEN, full, []), caller.carrier.headers(full, body)["X-Twilio-Signature"]):
            headers = {"Content-Type": content_type, "X-Twilio-Signature": signature}
            exchange = await caller.carrier.post(url, body, headers=headers)
            if exchange.status != 403:  # one of the two signatures is over what was not sent
                assert words("trouble.sorry") in read(exchange).said
    done = await caller.carrier.post("/twilio/status", body, headers={"Content-Type": content_type})
    assert (done.status, done.body) == (204, b"")


@pytest.mark.parametrize(
    "sid", ["", "CA", "CA" + "g" * 32, "CA" + "0" * 33, "ca" + "0" * 32, "CA" + "0" * 31 + "\n", "{x}"]
)
async def test_a_call_without_a_proper_name_is_sorry_and_leaves_nothing(caller: Caller, redis: Redis, sid: str) -> None:
    before = await everything(redis)
    caller.sid = sid
    assert (await caller.rings()).hangs_up
    assert (await caller.post("/twilio/fallback")).hangs_up
    assert not (await caller.post("/twilio/turn/x")).hangs_up
    assert (await caller.carrier.post("/twilio/status", caller.form(CallStatus="completed"))).status == 204
    assert await everything(redis) == before


@pytest.mark.parametrize("to", ["", "12333", "+861012333", "sip:x@y", "１２３３３", "\x00", "x" * 65, "<To>"])
async def test_any_dialled_number_reaches_a_hotline(caller: Caller, to: str) -> None:
    assert words("identify.ask_number") in (await _one_key(caller, to)).said


async def _one_key(caller: Caller, to: str) -> Document:
    greeting = await caller.go("/twilio/voice", To=to)
    return await caller.go(greeting.next, To=to, Digits="1")


# --- what every answer is --------------------------------------------------------------------------------------------


async def test_no_route_answers_with_a_redirect(hotline: UnderTest, caller: Caller) -> None:
    """A redirect on an action URL loses what was keyed."""
    menu = await caller.rings()
    for url in ("/twilio/voice/", "/twilio/fallback/", f"{menu.next}/", "/twilio/turn/", "/twilio/poll/"):
        assert read(await caller.carrier.post(url, caller.form())).body == menu.body, url
    assert (await caller.carrier.post("/twilio/status/", caller.form(CallStatus="ringing"))).status == 204
    for url in ("/twilio", "/twilio/", "/twilio//voice", "/twilio/turn", "/Twilio/voice", "/healthz/", "/readyz/"):
        assert (await caller.carrier.post(url, caller.form())).status in (404, 405), url


async def test_every_answer_of_a_call_is_a_document_of_the_carrier(caller: Caller) -> None:
    """`read` holds each to the strict reader, the content type and the size."""
    await caller.rings()
    heard = [await caller.keys(keys) for keys in ("-", "9", "*", "1", "12#", NUMBER + "#", "12", PASSWORD, "9")]
    assert SUM in heard[-1].said
    assert all(one.seconds < 5 for one in heard)


async def test_dial_outcomes_that_nobody_knows_are_a_failure(caller: Caller) -> None:
    for status in ("", "exploded", "١", "x" * 1000):
        caller.sid = Caller(caller.hotline, caller.carrier).sid
        await caller.rings()
        dial = await caller.keys("0")
        assert words("agent.failed") in (await caller.go(dial.next, DialCallStatus=status)).said


@pytest.mark.parametrize(("bridged", "heard"), [("true", "survey.ask"), ("false", "agent.busy"), ("", "agent.busy")])
async def test_a_dial_that_completed_was_answered_only_where_it_was_bridged(
    caller: Caller, bridged: str, heard: str
) -> None:
    await caller.rings()
    dial = await caller.keys("0")
    told = await caller.go(dial.next, DialCallStatus="completed", DialBridged=bridged)
    assert words(heard) in told.said


async def test_what_the_caller_keys_is_never_dialled(caller: Caller) -> None:
    await caller.rings()
    dial = await caller.keys("0")
    assert b"+12025550133" in dial.body
    assert b"13800000000" not in dial.body


async def test_many_calls_at_once_do_not_hear_each_other(hotline: UnderTest) -> None:
    balances = [{**BALANCE, "balance": f"{number}.00"} for number in range(1, 5)]
    hotline.accounts.script({"verify": ["ok"] * 4, "balance": balances})
    async with Carrier(
        hotline.urls, public_url=hotline.public_url, account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN
    ) as carrier:
        callers = [Caller(hotline, carrier) for _ in balances]
        await asyncio.gather(*(one.verified() for one in callers))
        told = await asyncio.gather(*(one.follows() for one in callers))
        again = await asyncio.gather(*(one.keys("9") for one in callers))
    sums = [next(word for word in "一两三四" if f"余额为{word}元" in one.said) for one in told]
    assert sorted(sums) == sorted("一两三四")
    assert [f"余额为{word}元" in one.said for word, one in zip(sums, again, strict=True)] == [True] * 4
