"""A call is that of its caller: bound at its first webhook, over at its end, and no URL of it tells anything alone."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from hotline_under_test import UnderTest
from redis.asyncio import Redis
from tampering import BALANCE, PASSWORD, SUM, Caller, Document, calling, emptied, everything, kept_of, words

OTHERS = {"another caller": {"From": "+8613900000000"}, "another number dialled": {"To": "12393"}}
KINDS = ("/twilio/voice", "/twilio/fallback", "turn", "poll")


@pytest_asyncio.fixture
async def caller(running: UnderTest, redis: Redis) -> AsyncIterator[Caller]:
    running.accounts.script({"verify": ["ok"] * 2, "balance": [BALANCE] * 2})
    async with calling(running) as one:
        yield one


def url_of(kind: str, here: Document) -> str:
    return kind if kind.startswith("/") else here.next.replace("/turn/", f"/{kind}/")


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_webhook_of_other_parties_hears_nothing_of_the_call_and_moves_nothing(
    caller: Caller, redis: Redis, kind: str, other: str
) -> None:
    here = await caller.verified()
    before = await everything(redis)
    for digits in ("9", "", "1"):
        told = await caller.post(url_of(kind, here), Digits=digits, **OTHERS[other])
        assert (told.said, told.hangs_up) == (words("trouble.sorry") + words("goodbye"), True)
    assert await everything(redis) == before
    # The call itself goes on as if nothing had been.
    assert SUM in (await caller.keys("9")).said


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("url", ["/twilio/status", "/twilio/voice"])
async def test_other_parties_cannot_end_a_call(caller: Caller, redis: Redis, url: str, other: str) -> None:
    await caller.verified()
    before = await everything(redis)
    form = caller.form(CallStatus="completed") | OTHERS[other]
    assert (await caller.carrier.post(url, form)).status in (200, 204)
    assert await everything(redis) == before
    assert SUM in (await caller.keys("9")).said


PERSONAL = [*"12", *("31", "32", "33"), *("41", "42", "43")]
"""Keys from the main menu to whatever is told of a member."""


@pytest.mark.parametrize("over", [False, True], ids=["while the member calls", "after the member's call"])
async def test_a_spoofed_caller_id_opens_nothing(caller: Caller, over: bool) -> None:
    """The incident of 2020: whoever called with a customer's caller ID was told the latest transactions."""
    accounts = caller.hotline.accounts
    await caller.verified()
    if over:
        await caller.carrier.post("/twilio/status", caller.form(CallStatus="completed"))
    asked = list(accounts.asked)
    for keys in PERSONAL:
        spoofed = Caller(caller.hotline, caller.carrier)
        assert spoofed.form()["From"] == caller.form()["From"]
        told = [await spoofed.rings(), *[await spoofed.keys(key) for key in keys]]
        assert told[-1].said.startswith(words("identify.ask_number"))
        assert not any(SUM in one.said for one in told)
    assert accounts.asked == asked, "nothing is asked about a member for a caller ID"


async def test_a_call_is_bound_by_the_claim_of_its_first_work_as_well(caller: Caller, redis: Redis) -> None:
    """Where Redis has lost a call, the webhook that begins it anew may be one with work of its own."""
    here = await caller.to_the_password()
    await redis.flushall()
    await emptied(redis)
    await caller.go(here.next, Digits=PASSWORD)
    assert (await kept_of(redis, caller.sid)).session.parties == ("+8613800000000", "12333")


@pytest.mark.parametrize("fields", [{"From": ""}, {"To": ""}, {"From": "", "To": ""}])
async def test_what_the_carrier_leaves_out_is_no_other_party(caller: Caller, fields: dict[str, str]) -> None:
    await caller.rings()
    assert words("identify.ask_number") in (await caller.go(caller.here.next, Digits="1", **fields)).said  # type: ignore[union-attr]


@pytest.mark.parametrize("withheld", ["anonymous", "+266696687", "Restricted"])
async def test_a_withheld_number_binds_like_any_other(caller: Caller, withheld: str) -> None:
    menu = await caller.go("/twilio/voice", From=withheld)
    assert (await caller.post(menu.next, Digits="1")).hangs_up
    assert words("identify.ask_number") in (await caller.go(menu.next, Digits="1", From=withheld)).said


# --- no URL tells anything by itself ---------------------------------------------------------------------------------


async def handed_out(caller: Caller) -> list[str]:
    """Go through a verified call, and give every URL that was handed out on the way."""
    urls = [(await caller.rings()).next]
    for keys in ("1", "110105198503122173#", PASSWORD, "9", "1", "9"):
        await caller.keys(keys)
        urls.append((await caller.follows()).next)
    assert caller.here is not None
    return urls + [url.replace("/turn/", "/poll/") for url in urls]


async def test_no_url_of_a_verified_call_discloses_anything_to_another_call(caller: Caller, redis: Redis) -> None:
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE], "messages": ["sent"]})
    urls = await handed_out(caller)
    for url in urls:
        for digits in ("", "1", "9"):
            stranger = Caller(caller.hotline, caller.carrier)
            assert SUM not in (await stranger.post(url, Digits=digits)).said
            assert SUM not in (await stranger.post("/twilio/fallback", ErrorUrl=url)).said
    assert len(caller.hotline.accounts.asked) == 3


async def test_no_url_discloses_anything_once_the_session_is_lost(caller: Caller, redis: Redis) -> None:
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE], "messages": ["sent"]})
    for url in await handed_out(caller):
        await emptied(redis)
        for digits in ("9", "1", ""):
            told = await caller.post(url, Digits=digits)
            assert SUM not in told.said
            assert SUM not in (await caller.post(told.next, Digits="9")).said if not told.hangs_up else True
    assert len(caller.hotline.accounts.asked) == 3


async def test_after_the_end_every_url_hangs_up(caller: Caller, redis: Redis) -> None:
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE], "messages": ["sent"]})
    urls = await handed_out(caller)
    await caller.carrier.post("/twilio/status", caller.form(CallStatus="completed"))
    before = await everything(redis)
    for url in (*urls, "/twilio/voice", "/twilio/fallback"):
        told = await caller.post(url, Digits="9")
        assert (told.said, told.hangs_up) == ("", True)
    assert await everything(redis) == before
    assert len(caller.hotline.accounts.asked) == 3


async def test_an_earlier_url_gets_the_last_reply_of_its_own_call_and_nothing_else_happens(
    caller: Caller, redis: Redis
) -> None:
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE], "messages": ["sent"]})
    urls = await handed_out(caller)
    assert caller.here is not None
    before = await everything(redis)
    for url in urls:
        if url not in (caller.here.next, caller.here.next.replace("/turn/", "/poll/")):
            assert (await caller.post(url, Digits="3")).body == caller.here.body
    assert await everything(redis) == before


async def test_what_was_told_is_told_no_more_after_another_number_was_asked_for(caller: Caller) -> None:
    caller.hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE], "messages": ["sent"]})
    urls = await handed_out(caller)
    await caller.keys("3")
    for url in urls:
        assert SUM not in (await caller.post(url, Digits="9")).said
