"""Several hotlines in one service: each has its own number, menu, languages, humans, limits and region."""

from collections.abc import Iterator
from typing import Any

import pytest
from copied_library import Copied, serving_copy
from hotline_under_test import UnderTest
from redis.asyncio import Redis
from tampering import BALANCE, NUMBER, PASSWORD, emptied, words

from ivr.carrier.line import Call, Heard
from ivr.library import Library

OURS, HARBOUR = "12333", "12345"
CALLING = "+8613912345678"

DATA = """\
  harbour:
    name: {yue: 港區熱線, en: harbour hotline}
    region: "440100"
    languages: [yue, en]
    flow: harbour
    agents:
      general:
        numbers: ["+12025550177"]
        ring_seconds: 15
        hours: {yue: 朝早九點到十二點, en: nine to twelve in the morning}
    limits: {silences: 2, wrong_keys: 2, failed_per_call: 1, failed_per_account_a_day: 2}
"""
FLOW = """\
flow: harbour
start: came
lost: agent
keys: {"0": agent, "9": again}
nodes:
  came: {kind: lookup, call: dropped, outcomes: {no: menu, yes: cut_off}}
  cut_off: {kind: menu, say: harbour.dropped, keys: {"1": go_on, "*": menu}, silent: menu}
  go_on:
    kind: lookup
    call: go_on
    outcomes: {balance: balance, years: menu, details: menu, status: status_again}
  menu: {kind: menu, say: harbour.menu, keys: {"1": balance}}
  balance: {kind: call, flow: balance, returns: {back: menu}}
  status: {kind: call, flow: status, returns: {back: menu}}
  status_again: {kind: call, flow: identify, returns: {done: status, back: menu}}
  agent: {kind: call, flow: agent, returns: {back: menu}}
"""
PROMPTS = {
    "zh": """
harbour.menu: 您好，这里是{hotline:text}。人工服务，请按零。查个人账户余额，请按一。重听，请按九。
harbour.dropped: 您好。人工服务，请按零。刚才断线了。接着办理，请按一；从头开始，请按星号键。
""",
    "yue": """
harbour.menu:
  - 你好，呢度係{hotline:text}。搵人工服務，請按零。
  - en: For English, press eight.
  - 查個人賬戶餘額，請按一。想再聽一次，請按九。
harbour.dropped:
  - 你好。搵人工服務，請按零。
  - en: For English, press eight.
  - 頭先斷咗線。想繼續，請按一；由頭開始，請按星號鍵。
""",
    "en": """
harbour.menu:
  - Hello, this is the {hotline:text}. For a member of staff, press zero.
  - yue: 廣東話，請按七。
  - For your account balance, press one. To hear this again, press nine.
harbour.dropped:
  - Hello. For a member of staff, press zero.
  - yue: 廣東話，請按七。
  - Your last call was cut off. To go on, press one. To start from the beginning, press the star key.
""",
}
GREETING = (
    "你好，呢度係港區熱線。搵人工服務，請按零。",
    "For English, press eight.",
    "查個人賬戶餘額，請按一。想再聽一次，請按九。",
)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Copied:
    copied = Copied(tmp_path_factory.mktemp("library"))
    for lang, prompts in PROMPTS.items():
        copied.add(f"prompts/{lang}.yaml", prompts)
    copied.edit("flows/hotlines.yaml", ('  "12393": no_agents\n', f'  "12393": no_agents\n  "{HARBOUR}": harbour\n'))
    return copied.add("flows/hotlines.yaml", DATA).add("flows/harbour.yaml", FLOW)


@pytest.fixture(scope="module")
def library(copied: Copied) -> Library:
    return copied.load()


@pytest.fixture(scope="module")
def hotline(copied: Copied, valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving_copy(copied, valkey_url, tmp_path_factory.mktemp("data")) as under_test:
        yield under_test


def said(heard: list[Heard]) -> str:
    return "".join(one.text for one in heard)


def prompt(library: Library, lang: str, *prompts: str) -> str:
    """Give what prompts without facts say."""
    return "".join(library.catalogs[lang].prompts[one].segments[0].text for one in prompts)


async def test_each_number_has_its_greeting_menu_and_languages(
    library: Library, hotline: UnderTest, redis: Redis
) -> None:
    await emptied(redis)
    async with hotline.carrier() as carrier:
        ours, unlisted, harbour = [await carrier.dial(to=to) for to in (OURS, "+861099999999", HARBOUR)]
        assert said(ours.heard) == said(unlisted.heard) == words("main.long") + words("main.rest")
        assert tuple(one.text for one in harbour.heard) == GREETING
        assert [one.lang for one in harbour.heard] == ["yue-CN", "en-US", "yue-CN"]
        english = await harbour.press("8")
        assert said(english).startswith("Hello, this is the harbour hotline. ")
        assert said(await harbour.press("8")).startswith(prompt(library, "en", "key.wrong"))  # no Mandarin is offered
        assert said(await harbour.press("7")) == "".join(GREETING)
        assert said(await harbour.press("2")) == prompt(library, "yue", "key.wrong") + "".join(
            GREETING
        )  # no years in this menu
        assert said(await ours.press("2")) == words("identify.ask_number")


async def test_the_account_service_is_told_the_region_of_the_hotline(hotline: UnderTest, redis: Redis) -> None:
    for number, region in ((OURS, "110105"), (HARBOUR, "440100")):
        await emptied(redis)
        hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
        async with hotline.carrier() as carrier:
            call = await carrier.dial(to=number)
            await proves(call)
        [(_, sid, body)] = [one for one in hotline.accounts.asked if one[0] == "verify"]
        assert body is not None
        assert (body["region"], body["call_id"]) == (region, sid) == (region, call.sid)


async def proves(call: Call) -> str:
    await call.press("1")
    await call.press(NUMBER + "#")
    return said(await call.press(PASSWORD))


async def test_each_has_its_own_humans(hotline: UnderTest, redis: Redis) -> None:
    await emptied(redis)
    async with hotline.carrier() as carrier:
        rung: dict[str, Any] = {}
        for number in (OURS, HARBOUR):
            call = await carrier.dial(to=number)
            await call.press("0")
            rung[number] = [ring.number for ring in call.rings]
        assert rung == {OURS: ["+12025550133"], HARBOUR: ["+12025550177"]}


async def test_each_has_its_own_limits_for_silence_and_wrong_keys(
    library: Library, hotline: UnderTest, redis: Redis
) -> None:
    await emptied(redis)
    async with hotline.carrier(agent="busy") as carrier:
        for number, key, lang, tries in ((OURS, "-", "zh", 3), (HARBOUR, "-", "yue", 2), (HARBOUR, "5", "yue", 2)):
            call = await carrier.dial(to=number)
            spent = prompt(library, lang, "silence.spent" if key == "-" else "key.spent")
            for attempt in range(1, tries + 1):
                heard = said(await (call.silence() if key == "-" else call.press(key)))
                assert heard.startswith(spent + prompt(library, lang, "agent.transfer")) == (attempt == tries)


async def test_each_has_its_own_limits_for_passwords(library: Library, hotline: UnderTest, redis: Redis) -> None:
    await emptied(redis)
    hotline.accounts.script({"verify": ["wrong", "wrong", "wrong"]})
    async with hotline.carrier() as carrier:
        assert await proves(await carrier.dial(to=OURS)) == words("identify.not_verified")
        assert await proves(await carrier.dial(to=HARBOUR)) == prompt(library, "yue", "identify.too_many")
        # The harbour allows two attempts a day on one account: the third is not even asked about.
        assert await proves(await carrier.dial(to=HARBOUR)) == prompt(library, "yue", "identify.too_many")
        assert len(hotline.accounts.asked) == 2
        assert await proves(await carrier.dial(to=OURS)) == words("identify.not_verified")
        assert len(hotline.accounts.asked) == 3


@pytest.mark.parametrize(
    ("first", "key", "then", "offered"),
    [
        (OURS, "1", HARBOUR, True),  # the balance is in both menus
        (OURS, "2", HARBOUR, False),  # the harbour's flow leads nowhere but to its menu
        (OURS, "4", HARBOUR, False),  # its flow could go on with it, but no key of its menu leads there
        (OURS, "5", HARBOUR, False),
        (HARBOUR, "1", OURS, True),
        (OURS, "4", "12393", True),
    ],
)
async def test_who_was_cut_off_at_one_is_offered_at_another_only_what_that_one_has(
    first: str, key: str, then: str, offered: bool, library: Library, hotline: UnderTest, redis: Redis
) -> None:
    await emptied(redis)
    async with hotline.carrier() as carrier:
        call = await carrier.dial(from_=CALLING, to=first)
        await call.press(key)
        await call.hang_up()
        call = await carrier.dial(from_=CALLING, to=then)
        if then == HARBOUR:
            assert said(call.heard).endswith(GREETING[-1]) != offered
        else:
            assert ("刚才断线了" in said(call.heard)) == offered
        if offered:
            went_on, lang = ("1", "yue") if then == HARBOUR else ("#", "zh")
            assert said(await call.press(went_on)) == prompt(library, lang, "identify.ask_number")
        assert [name async for name in redis.scan_iter("ivr:dropped:*")] == []
