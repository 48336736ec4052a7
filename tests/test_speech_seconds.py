"""`ivr seconds` counts what a caller really hears, and tells in a sentence where there is nothing to count."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from copied_library import Copied
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from tampering import BALANCE, LIBRARY, NUMBER, PASSWORD, emptied, words

from ivr.__main__ import run
from ivr.carrier.line import Heard
from ivr.clock import wall_clock
from ivr.commands.seconds import Listening, listened

COUNTED = re.compile(r"[\u3400-\u9fff]|[A-Za-z]+(?:[’'-][A-Za-z]+)*")

SUMS = {
    "zh": "两万零一百八十元零五分",
    "yue": "兩萬零一百八十元零五分",
    "en": "twenty thousand one hundred eighty yuan and five fen",
}


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data")) as under_test:
        yield under_test


def test_the_count_of_this_test_is_that_of_the_ear() -> None:
    assert len(COUNTED.findall("您好，幺二三三三。For English, press eight.")) == 7 + 4
    assert len(COUNTED.findall("residents’ twenty-two fen, please.")) == 4


@pytest.mark.parametrize(("lang", "key"), [("zh", None), ("yue", "7"), ("en", "8")])
async def test_it_counts_what_a_caller_hears_over_http(
    lang: str, key: str | None, hotline: UnderTest, redis: Redis
) -> None:
    await emptied(redis)
    hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        for keys in filter(None, (key, "1", NUMBER + "#")):
            await call.press(keys)
        before = counted(call.heard)
        answer = said(await call.press(PASSWORD))
    practised = len(COUNTED.findall(answer[: answer.index(SUMS[lang]) + len(SUMS[lang])]))
    assert listened(LIBRARY, "12333", lang, wall_clock()) == Listening(lang, practised, before + practised)


def counted(heard: list[Heard]) -> int:
    return sum(len(COUNTED.findall(one.text)) for one in heard)


def said(heard: list[Heard]) -> str:
    return "".join(one.text for one in heard)


def test_it_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["seconds"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    title, head, *rows = out.splitlines()
    assert "'demo'" in title
    assert head.split() == ["language", "caller", "120", "a", "minute", "180", "a", "minute"]
    table = {(lang, caller): (float(slow), float(fast)) for lang, caller, slow, fast in map(str.split, rows[:-2])}
    assert [*table] == [(lang, who) for lang in ("zh", "yue", "en") for who in ("practised", "first-time")]
    for lang in ("zh", "yue", "en"):
        one = listened(LIBRARY, "12333", lang, wall_clock())
        assert table[lang, "practised"] == (round(one.practised / 2, 1), round(one.practised / 3, 1))
        assert table[lang, "first-time"] == (round(one.first_time / 2, 1), round(one.first_time / 3, 1))
        assert one.practised < one.first_time


def test_another_hotline_has_its_own_languages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["seconds", "--to", "12393"]) == 0
    out = capsys.readouterr().out
    assert "'no_agents'" in out
    assert [line.split()[0] for line in out.splitlines()[2:-2]] == ["zh", "zh", "en", "en"]


def test_what_is_added_to_the_greeting_is_heard_by_those_alone_who_call_for_the_first_time(tmp_path: Path) -> None:
    copied = Copied(tmp_path).edit(
        "flows/main.yaml", ("[main.long, announcements, main.rest]", "[main.long, main.rest, main.short]")
    )
    before, after = (listened(library, "12333", "zh", wall_clock()) for library in (LIBRARY, copied.load()))
    added = len(COUNTED.findall(words("main.short")))
    assert after == Listening("zh", before.practised, before.first_time + added)


def test_a_wrong_call_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["seconds", "--to", "hotline"]) == 2
    sentence = "--to hotline: expected a telephone number, digits and perhaps + before them.\n"
    assert capsys.readouterr() == ("", sentence)


def exchanged(key: str, flow: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Put another flow at key 1 of the main menu, and the balance at its key."""
    return ('      "1": balance\n', f'      "1": {flow}\n'), (f'      "{key}": {flow}\n', f'      "{key}": balance\n')


@pytest.mark.parametrize(
    ("edits", "sentence"),
    [
        ([('"1": balance\n', '"1": balanse\n')], "Did you mean 'balance'?"),
        (exchanged("5", "policy"), "Hotline 'demo' does not listen for a number where it should"),
        (exchanged("2", "years"), "A call for the balance asks 'years', which leads to no sum."),
    ],
    ids=["a fault", "policy", "years"],
)
def test_flows_without_a_sum_are_told_in_a_sentence(
    edits: list[tuple[str, str]],
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Copied(tmp_path).edit("flows/main.yaml", *edits)
    monkeypatch.setenv("IVR_FLOWS_DIR", str(tmp_path / "flows"))
    monkeypatch.setenv("IVR_PROMPTS_DIR", str(tmp_path / "prompts"))
    assert run(["seconds"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert "Traceback" not in err
    assert err.endswith("Nothing is counted until that is put right.\n")
