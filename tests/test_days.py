"""Offers and announcements of some days: they appear and vanish by themselves while the service runs."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from copied_library import Copied, serving_copy
from hotline_under_test import UnderTest
from redis.asyncio import Redis
from tampering import emptied, words

from ivr.carrier.line import Heard
from ivr.clock import wall_clock

PROMPTS = {
    "zh": {"holiday": "元旦照常服务。", "fair": "周末有咨询会。", "offer": "查家庭共济，请按四。"},
    "yue": {"holiday": "元旦照常服務。", "fair": "週末有諮詢會。", "offer": "查家庭共濟，請按四。"},
    "en": {"holiday": "Open on New Year.", "fair": "Fair this weekend.", "offer": "For family sharing, press four."},
}

ANNOUNCED = """\
    announcements:
      - {say: days.holiday, first: 2026-12-30, last: 2027-01-01}
      - {say: days.fair, last: 2026-12-30}
"""
OFFERED = (
    '  menu: {kind: menu, say: password.menu, keys: {"1": change, "2": forgotten, "*": back}}\n',
    """\
  menu:
    kind: menu
    say: password.menu
    keys: {"1": change, "2": forgotten, "*": back}
    offers:
      - {key: "4", to: family, say: days.offer, first: 2026-12-30, last: 2027-01-01}
  family: {kind: call, flow: family, returns: {back: menu}}
""",
)


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    copied = Copied(tmp_path_factory.mktemp("library"))
    for lang, prompts in PROMPTS.items():
        copied.add(f"prompts/{lang}.yaml", "\n" + "".join(f"days.{name}: {text}\n" for name, text in prompts.items()))
    copied.edit("flows/hotlines.yaml", ("  demo:\n", "  demo:\n" + ANNOUNCED))
    copied.edit("flows/password.yaml", OFFERED)
    with serving_copy(copied, valkey_url, tmp_path_factory.mktemp("data")) as under_test:
        yield under_test


def passes_to(hotline: UnderTest, moment: str) -> None:
    """Let the service's clock stand at a moment in China."""
    hotline.clock.ahead_ms = round(datetime.fromisoformat(f"{moment}+08:00").timestamp() * 1000) - wall_clock()


def said(heard: list[Heard]) -> str:
    return "".join(one.text for one in heard)


@pytest.mark.parametrize(
    ("moment", "announced"),
    [
        ("2026-12-01T12:00", ["fair"]),
        ("2026-12-29T23:59:50", ["fair"]),
        ("2026-12-30T00:00:01", ["holiday", "fair"]),
        ("2026-12-30T23:59:50", ["holiday", "fair"]),
        ("2026-12-31T00:00:01", ["holiday"]),
        ("2027-01-01T23:59:50", ["holiday"]),
        ("2027-01-02T00:00:01", []),
        ("2027-12-30T12:00", []),
    ],
)
async def test_announcements_are_heard_after_key_1_on_their_days(
    moment: str, announced: list[str], hotline: UnderTest, redis: Redis
) -> None:
    await emptied(redis)
    passes_to(hotline, moment)
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        today = "".join(PROMPTS["zh"][name] for name in announced)
        assert said(call.heard) == words("main.long") + today + words("main.rest")
        switched = said(await call.press("8"))
        assert all((PROMPTS["en"][name] in switched) == (name in announced) for name in ("holiday", "fair"))
        assert said(await call.press("8")) == words("main.long") + today + words("main.rest")
        await call.press("6")
        assert said(await call.press("*")) == words("main.short")  # repeats are short, without announcements
        other = await carrier.dial(to="12393")
        assert PROMPTS["zh"]["holiday"] not in said(other.heard)  # it belongs to the hotline that has it


@pytest.mark.parametrize(
    ("moment", "offered"),
    [
        ("2026-12-29T23:59:50", False),
        ("2026-12-30T00:00:01", True),
        ("2027-01-01T23:59:50", True),
        ("2027-01-02T00:00:01", False),
    ],
)
async def test_an_offer_is_heard_and_its_key_taken_on_its_days(
    moment: str, offered: bool, hotline: UnderTest, redis: Redis
) -> None:
    await emptied(redis)
    passes_to(hotline, moment)
    offer = PROMPTS["zh"]["offer"] if offered else ""
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        assert said(await call.press("6")) == words("password.menu") + offer
        assert said(await call.press("9")) == words("password.menu") + offer
        menu = words("key.wrong") + words("password.menu") if not offered else words("identify.ask_number")
        assert said(await call.press("4")) == menu


async def test_an_offer_begins_and_ends_at_midnight_under_a_call(hotline: UnderTest, redis: Redis) -> None:
    await emptied(redis)
    offer = PROMPTS["zh"]["offer"]
    async with hotline.carrier() as carrier:
        passes_to(hotline, "2026-12-29T23:59:30")
        call = await carrier.dial()
        assert said(await call.press("6")) == words("password.menu")
        passes_to(hotline, "2026-12-30T00:00:05")
        assert said(await call.press("4")) == words("identify.ask_number")
        assert said(await call.press("*")) == words("password.menu") + offer
        passes_to(hotline, "2027-01-01T23:59:30")
        call = await carrier.dial()
        assert said(await call.press("6")) == words("password.menu") + offer
        passes_to(hotline, "2027-01-02T00:00:05")
        assert said(await call.press("4")) == words("key.wrong") + words("password.menu")


async def test_silence_says_an_offer_again(hotline: UnderTest, redis: Redis) -> None:
    await emptied(redis)
    passes_to(hotline, "2026-12-31T12:00")
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        await call.press("6")
        menu = words("password.menu") + PROMPTS["zh"]["offer"] + words("silence.agent")
        assert said(await call.silence()) == words("silence.first") + menu
