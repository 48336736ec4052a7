"""Policy answers: what is said of each place and topic, from facts that may be spoken, and nothing of the traps."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final, get_args

import msgspec
import pytest
from call_scripts import scripts
from engine_caller import BEGAN, EngineCaller

from ivr.call import Answered, Member, Rows, Session
from ivr.flow import LookupNode, SayNode
from ivr.inquiry import Inquiry
from ivr.library import Library, build, default_dirs, load
from ivr.lookups import DECLARED
from ivr.policy import CHOSEN_BY, PLACE, TOPIC, WITHDRAWAL_ROWS, rows_about
from ivr.policyfacts import KINDS, PLACED, PolicyFacts, Topic
from ivr.prompts import Segment, speak

LIBRARY: Final = load(*default_dirs())
FACTS: Final = LIBRARY.policy
TODAY: Final = date(2026, 11, 20)
LAST_DAY: Final = date(2027, 3, 31)
TOPICS: Final[tuple[Topic, ...]] = get_args(Topic)

YIYANG, CHANGJI, NINGXIA = "430902", "652301", "640104"
REGIONS: Final = [place.region for place in FACTS.places.values()] + [YIYANG, CHANGJI, NINGXIA, "440106", "999999"]

PROMPTS: Final[Mapping[str, str]] = {
    kind: prompt
    for flow in LIBRARY.flows.values()
    for node in flow.nodes.values()
    if isinstance(node, LookupNode) and node.call in ("policy", "policy_withdrawal")
    for target in node.outcomes.values()
    if isinstance(say := flow.nodes[target], SayNode)
    for kind, prompt in say.rows.items()
}


def spoken(rows: Rows, lang: str = "zh") -> list[str]:
    return [one.text for kind, facts in rows for one in speak(LIBRARY.catalogs, PROMPTS[kind], facts, lang)]


def answer(topic: Topic, region: str, lang: str = "zh", today: date = TODAY) -> str:
    return "".join(spoken(rows_about(FACTS, topic, region, today), lang))


def kinds(rows: Rows) -> list[str]:
    return [kind for kind, _ in rows]


# --- what is said ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("110105", "北京职工医保的规定，要终身享受医保，累计缴费年限男性为二十五年，女性为二十年。"),
        ("310101", "上海职工医保的规定，要终身享受医保，累计缴费年限男女都是十五年。"),
        ("120101", "男性为三十年，女性为二十五年；有视同缴费的，其中实际缴费不少于十年。"),
        ("500101", "男性为三十年，女性为二十五年；有视同缴费的，其中实际缴费不少于十年。"),
        ("440304", "到二零二二年十二月三十一日为止，累计缴费年限为十五年，其中实际缴费不少于十年；"),
        ("440304", "从二零二四年一月一日起，累计缴费年限为二十五年，其中实际缴费不少于十五年。"),
        ("440106", "到二零一三年十二月三十一日为止已经参保的，累计缴费年限为十年；"),
        ("440106", "从二零一四年一月一日起参保的，为十五年。"),
        ("330102", "累计缴费年限为二十年；退休后不足二十年的，差额可以一次补缴。"),
        ("320102", "南京职工医保的规定，要终身享受医保，累计缴费年限男性为三十年，女性为二十五年。"),
        ("320102", "南京的灵活就业人员，实际缴费不少于十年；累计年限这里没有登记，请按零咨询。"),
    ],
)
def test_the_years_of_a_city(region: str, words: str) -> None:
    said = answer("years", region)
    assert words in said
    assert "已经达到年限但还没有退休的，仍需继续缴费。" in said


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("110105", "北京每月划入固定金额，不到七十岁的，一百元；超过七十岁的，一百一十元。"),
        ("620102", "甘肃每月划入固定金额一百二十元。"),
        ("310101", "上海每月划入，年龄大的有照顾；具体金额这里没有登记，请按零咨询。"),
        ("500101", "重庆每月划入，年龄大的有照顾"),
        ("370102", "山东每月划入，年龄大的有照顾"),
        ("340104", "安徽每月划入，不因为年龄大而多划"),
        ("410102", "河南每月划入，不因为年龄大而多划"),
        ("440304", "深圳每月划入的金额，这里没有登记，请按零，由工作人员为您解答。"),
        (YIYANG, "您的参保地每月划入的金额，这里没有登记，请按零，由工作人员为您解答。"),
    ],
)
def test_the_credit_of_a_place(region: str, words: str) -> None:
    said = answer("credit", region)
    assert words in said
    assert said.startswith("每月划入，只有按职工医保办完退休手续的人员才有。")


@pytest.mark.parametrize("region", REGIONS)
def test_the_general_rates_are_said_only_where_a_place_has_no_sum_of_its_own(region: str) -> None:
    said = answer("credit", region)
    has_sum = region.startswith(("11", "62"))
    assert ("按当地平均养老金的百分之二到百分之三划入" in said) is not has_sum
    assert ("平均养老金为三千七百元，按百分之三划入，就是一百一十一元" in said) is not has_sum


@pytest.mark.parametrize("region", [YIYANG, CHANGJI, NINGXIA, "620102"])
def test_a_place_without_a_figure_is_not_on_file_and_an_agent_is_offered(region: str) -> None:
    rows = rows_about(FACTS, "years", region, TODAY)
    assert kinds(rows)[0] == "years_missing"
    assert "这里没有登记，请按零，由工作人员为您解答。" in spoken(rows)[0]


def test_withdrawals_have_two_sentences() -> None:
    rows = rows_about(FACTS, "withdrawal", "110105", TODAY)
    assert kinds(rows) == ["withdrawal_own", "withdrawal_liability", "as_of"] == list(WITHDRAWAL_ROWS)
    assert spoken(rows)[:2] == ["个人账户属于参保人本人。", "违法提取，可能要承担法律责任。"]


def test_the_residents_scheme_has_no_retirement_entitlement_and_no_credit() -> None:
    assert "居民医保没有退休待遇，需要每年缴费，部分老年人可以免缴。" in answer("years", "110105")
    assert "居民医保没有个人账户，也没有每月划入。" in answer("credit", "110105")


def test_every_policy_sentence_has_a_prompt_and_every_answer_its_day() -> None:
    assert PROMPTS.keys() == {*KINDS, *PLACED.values(), "withheld", "as_of"}
    for topic in TOPICS:
        for region in REGIONS:
            assert kinds(rows_about(FACTS, topic, region, TODAY))[-1] == "as_of"


# --- the traps -------------------------------------------------------------------------------------------------------

TRAPS: Final[Mapping[str, str]] = {
    # Superlatives; places and sums without support; rates and days that contradict each other.
    r"全国最|全國最|最低年限|最短年限|lowest|shortest": "上海的十五年是全国最低的",
    r"益阳|益陽|昌吉|宁夏|寧夏|Yiyang|Changji|Ningxia": "昌吉的缴费年限为二十五年",
    r"二百七十元|二百五十元|two hundred (seventy|fifty) yuan": "深圳每月划入二百五十元",
    r"百分之(二点八|三点八|四)|(two|three) point eight percent|four (point five )?percent": "按百分之三点八划入",
    r"每月[零一二三四五六七八九十]+[日号號]|on the \w+ of (each|every) month": "每月五号到账",
    r"连续实际缴费|連續實際繳費|consecutive years": "其中连续实际缴费满十年",
    # Withdrawal: who may, which diseases, which deadlines.
    r"出境|出国|出國|移民|定居|emigra|abroad": "出境定居的，可以一次领取",
    r"可以(提取|取现|取出)|允许提取|(may|can) withdraw|疾病|癌|disease|cancer": "患重大疾病的，可以提取",
    # Exactly 70, and the year 2023, are not defined.
    r"满七十|滿七十|七十[岁歲](以上|及)|seventy (or|and) (over|older|above)": "七十岁以上的，一百一十元",
    r"二零二三年|twenty twenty-three": "二零二三年参保的",
    # Initial passwords, and what nobody of the hotline asks for.
    r"一二三四五六|幺二三四五六|六六六六六六|one two three four five six": "初始密码是一二三四五六",
    r"(请输入|請輸入|key in|告诉).{0,12}(银行卡|銀行卡|bank card)": "请输入您的银行卡密码",
}
"""What must never be heard, and a sentence that would say it."""


def everything() -> Iterator[tuple[str, str]]:
    """Give every sentence that can be spoken: all prompts, and every answer of every place on days that matter."""
    for lang, catalog in LIBRARY.catalogs.items():
        for prompt in catalog.prompts.values():
            yield from ((segment.lang, prose(segment)) for segment in prompt.segments)
        for topic in TOPICS:
            for region in REGIONS:
                for today in (TODAY, LAST_DAY, LAST_DAY + timedelta(days=1)):
                    yield from ((lang, text) for text in spoken(rows_about(FACTS, topic, region, today), lang))


def prose(segment: Segment) -> str:
    return "".join(piece for piece in segment.pieces if isinstance(piece, str))


SENTENCES: Final = sorted(set(everything()))


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_is_heard_nowhere(trap: str) -> None:
    assert re.search(trap, TRAPS[trap]), "the pattern would miss it"
    assert [text for _, text in SENTENCES if re.search(trap, text, re.IGNORECASE)] == []


DURATIONS: Final[Mapping[str, str]] = {
    "zh": "[二三四]?十[一二三四五]?年",
    "yue": "[二三四]?十[一二三四五]?年",
    "en": r"\b(ten|fifteen|twenty|thirty)\S* years",
}


@pytest.mark.parametrize("lang", LIBRARY.catalogs)
def test_no_figure_is_said_without_its_place(lang: str) -> None:
    names = {
        segment.text for place in FACTS.places for segment in LIBRARY.catalogs[lang].prompts[f"city.{place}"].segments
    }
    told = [text for spoken_lang, text in SENTENCES if spoken_lang == lang and re.search(DURATIONS[lang], text)]
    assert told
    assert [text for text in told if not any(name in text for name in names)] == []


@pytest.mark.parametrize("region", ["310101", "440304", YIYANG, CHANGJI, NINGXIA])
@pytest.mark.parametrize("lang", LIBRARY.catalogs)
def test_no_amount_is_said_of_a_place_that_has_none(region: str, lang: str) -> None:
    rows = tuple(row for row in rows_about(FACTS, "credit", region, TODAY) if row[0] != "credit_example")
    assert not re.search("元|蚊|yuan", "".join(spoken(rows, lang)))


@pytest.mark.parametrize("lang", LIBRARY.catalogs)
def test_a_moved_balance_is_said_with_an_agent_offered(lang: str) -> None:
    key = {"zh": "请按零", "yue": "請按零", "en": "press zero"}[lang]
    words = {"zh": "自动划转", "yue": "自動劃轉", "en": "moved automatically"}[lang]
    told = [text for spoken_lang, text in SENTENCES if spoken_lang == lang and words in text]
    assert told
    assert all(key in text for text in told)


# --- when a fact may be spoken ---------------------------------------------------------------------------------------

BASE: Final[dict[str, Any]] = {
    "scheme": "employee",
    "effective_from": "unknown",
    "effective_to": "unknown",
    "source": "a source",
    "source_date": "2025-03-20",
    "reviewed_on": "2026-10-01",
    "review_by": "2027-03-31",
}
GO_ON: Final = {"topic": "years", "kind": "go_on"}
CITY: Final = {"topic": "years", "kind": "years_alike", "city": "here", "values": {"years": 15}}


def facts(*changed: dict[str, Any], places: Mapping[str, str] | None = None) -> PolicyFacts:
    regions = {"here": "4401", "province": "44"} if places is None else places
    return PolicyFacts.model_validate(
        {
            "places": {name: {"region": region} for name, region in regions.items()},
            "facts": {f"fact{n}": BASE | one for n, one in enumerate(changed)},
        }
    )


def told(*changed: dict[str, Any], today: date = TODAY) -> list[str]:
    return kinds(rows_about(facts(*changed), "years", "440106", today))


@pytest.mark.parametrize(
    ("days", "today", "heard"),
    [
        ({}, TODAY, True),
        ({}, LAST_DAY, True),
        ({}, LAST_DAY + timedelta(days=1), False),
        ({"source_date": "unknown"}, TODAY, True),
        ({"reviewed_on": "never"}, TODAY, True),
        ({"source_date": "unknown", "reviewed_on": "never"}, TODAY, False),
        ({"reviewed_on": "never", "review_by": "2026-11-19"}, TODAY, False),
    ],
)
def test_a_fact_is_spoken_until_its_review_and_only_if_dated_or_reviewed(
    days: dict[str, str], today: date, heard: bool
) -> None:
    expected = ["go_on", "as_of"] if heard else ["withheld"]
    assert told(GO_ON | days, today=today)[-len(expected) :] == expected


def test_a_withheld_fact_of_a_place_names_the_place_and_offers_an_agent() -> None:
    rows = rows_about(FACTS, "credit", "360102", TODAY)
    assert kinds(rows)[:2] == ["credit_who", "withheld"]
    assert spoken(rows)[1] == "江西有的规定正在重新核对，这里不能播报，请按零，由工作人员为您解答。"


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("region", ["110105", YIYANG])
def test_past_their_review_no_facts_are_spoken_at_all(topic: Topic, region: str) -> None:
    rows = rows_about(FACTS, topic, region, LAST_DAY + timedelta(days=1))
    assert set(kinds(rows)) <= {"withheld", "years_missing", "credit_missing"}
    assert "withheld" in kinds(rows)


@pytest.mark.parametrize(
    ("bounds", "heard"),
    [
        ({"effective_from": "2026-11-20"}, True),
        ({"effective_from": "2026-11-21"}, False),
        ({"effective_to": "2026-11-20"}, True),
        ({"effective_to": "2026-11-19"}, False),
    ],
)
def test_a_rule_is_spoken_while_it_is_in_force(bounds: dict[str, str], heard: bool) -> None:
    assert ("years_alike" in told(GO_ON, CITY | bounds)) is heard
    assert ("years_missing" in told(GO_ON, CITY | bounds)) is not heard


def test_the_years_are_not_said_without_the_sentence_that_keeps_people_paying() -> None:
    assert told(GO_ON, CITY) == ["years_alike", "go_on", "as_of"]
    assert told(CITY) == ["withheld"]
    assert told(GO_ON | {"review_by": "2026-11-01", "reviewed_on": "2026-10-01"}, CITY) == ["withheld"]


def test_the_smallest_place_that_has_facts_counts() -> None:
    province = CITY | {"city": "province", "values": {"years": 30}}
    assert rows_about(facts(GO_ON, CITY, province), "years", "440106", TODAY)[0][1] == {
        "years": "180", "city": "city.here",
    }  # fmt: skip
    assert rows_about(facts(GO_ON, province), "years", "440106", TODAY)[0][1]["city"] == "city.province"
    assert rows_about(facts(GO_ON), "years", "440106", TODAY)[0] == ("years_missing", {"city": "city.here"})


def test_what_two_sources_say_alike_is_said_once_and_one_of_them_may_be_stale() -> None:
    stale = {"review_by": "2026-11-01", "reviewed_on": "2026-10-01"}
    assert told(GO_ON, CITY, CITY) == ["years_alike", "go_on", "as_of"]
    assert told(GO_ON, CITY | stale, CITY) == ["years_alike", "go_on", "as_of"]


def test_what_is_withheld_of_a_place_comes_after_what_is_said_of_it() -> None:
    flexible = CITY | {"kind": "years_flexible", "scheme": "flexible", "values": {"actual": 10}}
    assert told(GO_ON, CITY, flexible | {"review_by": "2026-11-01"}) == ["years_alike", "withheld", "go_on", "as_of"]


def test_an_answer_is_as_old_as_its_oldest_fact() -> None:
    older = {"reviewed_on": "never", "source_date": "2025-03"}
    rows = rows_about(facts(GO_ON, CITY | older), "years", "440106", TODAY)
    assert rows[-1] == ("as_of", {"as_of": "2025-03-01"})


def test_a_topic_without_any_fact_offers_an_agent() -> None:
    assert kinds(rows_about(PolicyFacts(), "gaps", "110105", TODAY)) == ["withheld"]


# --- which place is meant --------------------------------------------------------------------------------------------

MEMBER: Final = Member("ref", BEGAN, BEGAN + 900_000, region="440106")
OF_NOWHERE: Final = msgspec.structs.replace(MEMBER, region=None)


@pytest.mark.parametrize(
    ("given", "member", "place", "personal"),
    [
        ({}, None, "city.beijing", False),
        ({PLACE: "shanghai", CHOSEN_BY: "caller"}, None, "city.shanghai", False),
        ({}, MEMBER, "city.guangzhou", True),
        ({PLACE: "shanghai", CHOSEN_BY: "caller"}, MEMBER, "city.guangzhou", True),
        ({PLACE: "shanghai", CHOSEN_BY: "member"}, MEMBER, "city.shanghai", False),
        ({}, OF_NOWHERE, "city.beijing", False),
        ({PLACE: "shanghai", CHOSEN_BY: "caller"}, OF_NOWHERE, "city.shanghai", False),
        ({}, msgspec.structs.replace(MEMBER, region=YIYANG), "city.unnamed", True),
        ({PLACE: "nowhere", CHOSEN_BY: "caller"}, None, "city.beijing", False),
    ],
)
def test_the_place_is_the_members_then_the_chosen_then_the_hotlines(
    given: dict[str, str], member: Member | None, place: str, personal: bool
) -> None:
    answered = asked("policy", {TOPIC: "years", **given}, member)
    assert answered.rows[0][1]["city"] == place
    assert answered.personal is personal


def test_a_topic_that_is_the_same_everywhere_tells_nothing_of_the_member() -> None:
    assert not asked("policy", {TOPIC: "gaps"}, MEMBER).personal


@pytest.mark.parametrize(("member", "who"), [(None, "caller"), (MEMBER, "member")])
def test_a_choice_is_remembered_with_who_made_it(member: Member | None, who: str) -> None:
    assert asked("policy_city", {TOPIC: "years", PLACE: "shanghai"}, member).facts == {CHOSEN_BY: who}


def asked(lookup: str, given: dict[str, str], member: Member | None) -> Answered:
    """Ask a lookup as the driver does, in a call of the default hotline."""
    caller = EngineCaller(LIBRARY, next(script for script in scripts() if script.to == "12333"))
    session: Session = msgspec.structs.replace(caller.session, facts=given, member=member)

    async def run() -> Answered:
        inquiry = Inquiry(caller.desk, "CA" + "0" * 32, session, LIBRARY, float("inf"))
        return await DECLARED[lookup].answer(inquiry)

    return asyncio.run(run())


# --- the file --------------------------------------------------------------------------------------------------------


def rebuilt(text: str | None) -> Library:
    sources = dict(LIBRARY.sources)
    if text is None:
        del sources["flows/policy_facts.yaml"]
    else:
        sources["flows/policy_facts.yaml"] = text.encode()
    return build(sources)


def test_the_facts_are_part_of_the_version() -> None:
    text = LIBRARY.sources["flows/policy_facts.yaml"].decode()
    assert rebuilt(text).version == LIBRARY.version
    assert rebuilt(text.replace("men: 25", "men: 26")).version != LIBRARY.version


def test_without_the_file_there_are_no_facts() -> None:
    assert rebuilt(None).policy == PolicyFacts()
