"""Catalogs: what a prompt file may hold, and what a caller hears of it."""

from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.call import Utterance
from ivr.library import default_dirs, load
from ivr.problems import Problem
from ivr.prompts import Catalog, MissingFact, read_catalog, speak
from ivr.speech import TYPES
from ivr.yamlfile import read

ZH = """\
goodbye: 感谢您的来电，再见。
balance.tell: 您的余额为{balance:money}，截至{as_of:date}。
main.long:
  - 您好。人工服务，请按零。
  - {en: "For English, press eight."}
  - {yue: 廣東話，請按七。}
  - 查余额，请按一。
code.tell:
  - 尾号{tail:digits}。
  - {en: "Ending in {tail:digits}."}
"""


def catalog(text: str, lang: str = "zh") -> tuple[Catalog, list[Problem]]:
    file, problems = read(f"prompts/{lang}.yaml", text.encode())
    assert file is not None, problems
    assert problems == []
    return read_catalog(file, lang)


@pytest.fixture(scope="module")
def catalogs() -> dict[str, Catalog]:
    zh, problems = catalog(ZH)
    assert problems == []
    return {"zh": zh}


def test_a_prompt_is_one_utterance(catalogs: dict[str, Catalog]) -> None:
    assert speak(catalogs, "goodbye", {}, "zh") == (Utterance("goodbye", "zh", "感谢您的来电，再见。", False),)


def test_facts_are_said_in_words(catalogs: dict[str, Catalog]) -> None:
    facts = {"balance": "12034.50", "as_of": "2026-10-31", "more": "than needed"}
    [said] = speak(catalogs, "balance.tell", facts, "zh", slow=True)
    assert said.text == "您的余额为一万二千零三十四元五角，截至二零二六年十月三十一日。"
    assert said.slow


def test_each_voice_says_facts_in_its_own_language(catalogs: dict[str, Catalog]) -> None:
    said = speak(catalogs, "code.tell", {"tail": "1102"}, "zh")
    assert [(one.lang, one.text) for one in said] == [("zh", "尾号幺幺零二。"), ("en", "Ending in one one zero two.")]


@pytest.mark.parametrize(
    ("offered", "voices"),
    [
        (("zh", "yue", "en"), ["zh", "en", "yue", "zh"]),
        (("zh", "en"), ["zh", "en", "zh"]),
        (("zh",), ["zh", "zh"]),
        ((), ["zh", "zh"]),
    ],
)
def test_a_language_that_is_not_offered_is_not_announced(
    catalogs: dict[str, Catalog], offered: tuple[str, ...], voices: list[str]
) -> None:
    assert [one.lang for one in speak(catalogs, "main.long", {}, "zh", offered=offered)] == voices


def test_a_prompt_without_variables_is_rendered_once_for_each_pace_and_set_of_languages(
    catalogs: dict[str, Catalog],
) -> None:
    first = speak(catalogs, "main.long", {}, "zh", offered=("zh",))
    assert speak(catalogs, "main.long", {"any": "fact"}, "zh", offered=("zh",)) is first
    slow = speak(catalogs, "main.long", {}, "zh", slow=True, offered=("zh",))
    assert [one.slow for one in slow] == [True, True]
    assert len(speak(catalogs, "main.long", {}, "zh", offered=("zh", "en"))) == 3


def test_a_prompt_knows_its_variables(catalogs: dict[str, Catalog]) -> None:
    prompts = catalogs["zh"].prompts
    assert prompts["balance.tell"].variables == {("balance", "money"), ("as_of", "date")}
    assert prompts["code.tell"].variables == {("tail", "digits")}
    assert prompts["goodbye"].variables == frozenset()


def test_a_missing_fact_is_a_sentence(catalogs: dict[str, Catalog]) -> None:
    with pytest.raises(MissingFact) as told:
        speak(catalogs, "balance.tell", {"balance": "1.00", "tail": "1102"}, "zh")
    assert str(told.value) == (
        "Prompt 'balance.tell' (zh) says {as_of:date}, but the fact 'as_of' is not known here; "
        "known are balance and tail."
    )
    assert "1.00" not in str(told.value), "a member's fact has no place in an error"


@pytest.mark.parametrize(
    ("lang", "written", "spoken"),
    [
        ("zh", "a: >-\n  您好，\n  请按零。\n", "您好，请按零。"),
        ("zh", "a: |\n  您好。\n\n  请按零。\n", "您好。请按零。"),
        ("zh", "a: >-\n  余额为\n  {n:count}\n  元。\n", "余额为两元。"),
        ("zh", "a: 请按 X 键\n", "请按 X 键"),
        ("en", "a: >-\n  Hello,\n  press   zero.\n", "Hello, press zero."),
        ("yue", "a: '  你好 。 '\n", "你好。"),
    ],
)
def test_a_line_break_in_the_file_is_no_pause(lang: str, written: str, spoken: str) -> None:
    one, problems = catalog(written, lang)
    assert problems == []
    assert [said.text for said in speak({lang: one}, "a", {"n": "2"}, lang)] == [spoken]


BAD = {
    "no type": ("a: 余额{balance}。", 1, "{balance} has no type"),
    "unknown type": ("a: b\nc: 余额{balance:mony}。", 2, "Did you mean 'money'?"),
    "attribute": ("a: 余额{x.y:money}。", 1, "{x.y:money} is not a plain name"),
    "index": ("a: 余额{x[0]:money}。", 1, "{x[0]:money} is not a plain name"),
    "conversion": ("a: 余额{x!r:money}。", 1, "{x!r:money} is not a plain name"),
    "nested": ("a: 余额{x:{y}}。", 1, "is not a plain name"),
    "number": ("a: 余额{0:money}。", 1, "is not a plain name"),
    "no name": ("a: 余额{:money}。", 1, "is not a plain name"),
    "capitals": ("a: 余额{Balance:money}。", 1, "is not a plain name"),
    "not closed": ("a: 余额{balance:money。", 1, "has no partner"),
    "not opened": ("a: 余额balance:money}。", 1, "has no partner"),
    "doubled": ("a: 余额{{balance:money}}。", 1, "doubled brace"),
    "empty": ("a: ''", 1, "is empty"),
    "nothing": ("a:\nb: x", 1, "is empty"),
    "blank": ("a: '  '", 1, "is empty"),
    "only stops": ("a:\n  - 您好\n  - 。…", 3, "is empty"),
    "a number": ("a: 12333", 1, "is not a text"),
    "empty list": ("a: []", 1, "is an empty list"),
    "unknown voice": ("a:\n  - 您好\n  - {fr: Bonjour}", 3, "'fr' in prompt 'a' is no language"),
    "two voices in one": ("a:\n  - 您好\n  - {en: Hello, yue: 你好}", 3, "has 2 languages"),
    "no voice": ("a:\n  - {}", 2, "has 0 languages"),
    "a list in a list": ("a:\n  - [x]", 2, "is not a text"),
    "a mapping": ("a: {zh: x}", 1, "is not a text"),
    "wrong id": ("a: b\nBalance.Tell: x", 2, "'Balance.Tell' cannot be the id"),
    "dots": ("a..b: x", 1, "cannot be the id"),
    "a list of prompts": ("- a\n- b", 1, "list of lines 'id: text'"),
    "an empty file": ("# nothing\n", 1, "list of lines 'id: text'"),
}


@pytest.mark.parametrize(("written", "line", "words"), BAD.values(), ids=BAD.keys())
def test_what_a_prompt_file_may_not_hold(written: str, line: int, words: str) -> None:
    _, problems = catalog(written)
    assert [(one.file, one.line) for one in problems] == [("prompts/zh.yaml", line)]
    assert words in problems[0].message
    assert problems[0].remedy


def test_all_problems_of_a_file_are_told_at_once_and_every_id_is_known() -> None:
    one, problems = catalog("a: {x}\nb: 好\nc: '{y}'\nD: ''\n")
    assert [problem.line for problem in problems] == [1, 3, 4, 4]
    assert set(one.prompts) == {"a", "b", "c", "D"}


@given(st.text(alphabet="{}:![].ab_0 money余", max_size=30))
def test_no_text_breaks_the_reader_or_says_a_brace(text: str) -> None:
    file, _ = read("prompts/zh.yaml", f"a: '{text}'".encode())
    assert file is not None
    one, problems = read_catalog(file, "zh")
    for name, kind in one.prompts["a"].variables:
        assert name.isidentifier()
        assert kind in TYPES
    if not problems:
        said = [literal for literal, *_ in Formatter().parse(text)]
        assert not any("{" in literal or "}" in literal for literal in said)


def test_the_sentences_of_cantonese_are_no_mandarin() -> None:
    """What is spoken has 你 and 嘅 where what is written has 您 and 的."""
    spoken = load(*default_dirs()).catalogs["yue"].prompts.values()
    own = [
        (one.id, segment.text)
        for one in spoken
        for segment in one.segments
        if segment.lang == "yue" and not one.id.startswith("text.")
    ]
    assert len(own) > 200
    assert [prompt for prompt, text in own if set(text) & set("您的们們沒这這什么麼")] == []
