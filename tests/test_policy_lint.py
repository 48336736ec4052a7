"""The lint of policy: each fault in facts, flows or prompts is told on its line, and what nobody may say is refused."""

import inspect
from collections.abc import Iterable
from typing import Final, NamedTuple

import pytest
from policy_hotline import SOURCES

from ivr.library import LibraryError, build
from ivr.lint import check, rule_name
from ivr.lint.rules_policy_spoken import POLICY_CALL_RULES, POLICY_RULES
from ivr.lookups import DECLARED
from ivr.problems import Problem

FACTS, YEARS, ANSWER, POLICY = (
    f"flows/{name}.yaml" for name in ("policy_facts", "policy_years", "policy_answer", "policy")
)
ZH: Final = "prompts/zh.yaml"


class Edit(NamedTuple):
    """A text of a file that is replaced, once; what follows `after`, where it stands more than once."""

    file: str
    old: str
    new: str
    after: str = ""


def files(edits: Iterable[Edit]) -> dict[str, str]:
    texts = dict(SOURCES)
    for edit in edits:
        start = texts[edit.file].index(edit.after)
        before, rest = texts[edit.file][:start], texts[edit.file][start:]
        assert edit.old in rest, f"{edit.old!r} does not follow {edit.after!r}"
        texts[edit.file] = before + rest.replace(edit.old, edit.new, 1)
    return texts


def lint(*edits: Edit) -> list[Problem]:
    return check(build({name: text.encode() for name, text in files(edits).items()}), DECLARED)


def fact(name: str, **fields: str) -> Edit:
    """Give the edit that adds a fact at the head of the file's facts."""
    lines = {
        "scheme": "employee", "effective_from": "unknown", "effective_to": "unknown", "source": "x",
        "source_date": "unknown", "reviewed_on": "2026-10-01", "review_by": "2027-03-31", **fields,
    }  # fmt: skip
    text = "".join(f"    {field}: {value}\n" for field, value in lines.items())
    return Edit(FACTS, "\nfacts:\n", f"\nfacts:\n  {name}:\n{text}")


def place(name: str, region: str) -> list[Edit]:
    """Give the edits that put a place on file, with its name in every language."""
    prompts = [Edit(file, "city.beijing:", f"city.{name}: X\ncity.beijing:") for file in SOURCES if "prompts/" in file]
    return [Edit(FACTS, "places:\n", f'places:\n  {name}: {{region: "{region}"}}\n'), *prompts]


def years_of(city: str) -> Edit:
    return fact("bad", topic="years", kind="years_by_sex", city=city, values="{men: 30, women: 25}")


class Bad(NamedTuple):
    """Edits, the line on which the fault is told, words of the message, and rules that tell what follows from it."""

    edits: list[Edit]
    file: str
    line: str
    words: str
    also: frozenset[str] = frozenset()


GAPS: Final = "  gaps: {kind: lookup, call: policy_topic, give: {topic: gaps}, outcomes: {chosen: answer}}\n"
ENDING: Final = "  ending: {kind: say, say: policy.ending, to: told}\n"
UNOFFERED: Final = frozenset({"policy-place-not-offered"})

BAD: Final[dict[str, list[Bad]]] = {
    "policy-kind": [
        Bad([Edit(FACTS, "years_alike", "years_alik", "years_shanghai:")], FACTS, "years_alik\n", "Did you mean"),
        Bad(
            [Edit(FACTS, "topic: gaps", "topic: credit", "  gaps_late:")],
            FACTS,
            "kind: gaps_late",
            "no sentence about credit",
        ),
    ],
    "policy-city": [
        Bad([Edit(FACTS, "    city: beijing\n", "", "years_beijing:")], FACTS, "  years_beijing:", "names no city"),
        Bad(
            [fact("bad", topic="years", kind="years_by_sex", values="{men: 25, women: 20}")],
            FACTS,
            "  bad:",
            "holds for one city or province only",
        ),
        Bad(
            [Edit(FACTS, "scheme:", "city: beijing\n    scheme:", "  gaps_stop:")],
            FACTS,
            "city: beijing\n    scheme: employee\n    effective_from: unknown\n    effective_to: unknown\n"
            '    source: "Article on gaps',
            "is said of everybody",
        ),
        Bad([years_of("yiyang")], FACTS, "city: yiyang", "'yiyang', which is no place", UNOFFERED),
    ],
    "policy-places-alike": [
        Bad(
            [Edit(FACTS, '"3201"', '"3301"')],
            FACTS,
            "  hangzhou: {",
            "'nanjing' and 'hangzhou'",
            frozenset({"policy-refused"}),
        ),
    ],
    "policy-values": [
        Bad([Edit(FACTS, "{men: 25, women: 20}", "{men: 25}")], FACTS, "values: {men: 25}", "lacks the value 'women'"),
        Bad([Edit(FACTS, "women: 20}", "wimen: 20, women: 20}")], FACTS, "wimen", "no value 'wimen'"),
        Bad([Edit(FACTS, "men: 25", 'men: "25"')], FACTS, 'men: "25"', "expected a whole number"),
        Bad([Edit(FACTS, "2013-12-31", "2013-13-31")], FACTS, "2013-13-31", "'until' cannot be said"),
        Bad([Edit(FACTS, "2013-12-31", "2014-12-31")], FACTS, "2014-12-31", "contradict each other"),
        Bad([Edit(FACTS, "early_actual: 10", "early_actual: 16")], FACTS, "early_actual: 16", "contradict each other"),
        Bad([Edit(FACTS, "actual: 10", "actual: 26", "years_tianjin:")], FACTS, "actual: 26", "contradict each other"),
        Bad([Edit(FACTS, "amount: 111", "amount: 112")], FACTS, "amount: 112", "contradict each other"),
        Bad([Edit(FACTS, "low: 2", "low: 3")], FACTS, "low: 3", "contradict each other"),
        Bad([Edit(FACTS, "old_days: 10", "old_days: 20")], FACTS, "old_days: 20", "contradict each other"),
    ],
    "policy-days": [
        Bad(
            [Edit(FACTS, "review_by: 2027-03-31", "review_by: 2026-03-31")],
            FACTS,
            "2026-03-31",
            "is before reviewed_on",
        ),
        Bad(
            [Edit(FACTS, "source_date: 2025-03", "source_date: 2026-12")],
            FACTS,
            "reviewed_on:",
            "is before source_date",
        ),
        Bad(
            [
                Edit(FACTS, "effective_from: unknown", "effective_from: 2026-01-02"),
                Edit(FACTS, "effective_to: unknown", "effective_to: 2026-01-01"),
            ],
            FACTS,
            "effective_to: 2026-01-01",
            "is before effective_from",
        ),
    ],
    "policy-disagreement": [
        Bad([years_of("beijing")], FACTS, "  years_beijing:", "disagrees with 'bad'"),
        Bad(
            [fact("bad", topic="years", kind="years_alike", city="nanjing", scheme="any", values="{years: 30}")],
            FACTS,
            "  years_nanjing_flexible:",
            "disagrees with 'bad'",
        ),
        Bad(
            [fact("bad", topic="credit", kind="credit_age_alike", city="shanghai")],
            FACTS,
            "  credit_shanghai:",
            "about favour in 'shanghai'",
        ),
        Bad(
            [fact("bad", topic="gaps", kind="gaps_stop", values="{months: 6}", effective_from="2026-01-01")],
            FACTS,
            "  gaps_stop:",
            "in every place",
        ),
    ],
    "policy-refused": [
        Bad([*place("yiyang", "4309"), years_of("yiyang")], FACTS, "  bad:", "no figure for 益阳", UNOFFERED),
        Bad([*place("changji", "6523"), years_of("changji")], FACTS, "  bad:", "no figure for 昌吉", UNOFFERED),
        Bad([*place("hunan", "43"), years_of("hunan")], FACTS, "  bad:", "no figure for 益阳", UNOFFERED),
        Bad(
            [fact("bad", topic="credit", kind="credit_fixed", city="shanghai", values="{amount: 200}")],
            FACTS,
            "  bad:",
            "no monthly amount for 上海",
        ),
        Bad(
            [fact("bad", topic="credit", kind="credit_fixed", city="shenzhen", values="{amount: 250}")],
            FACTS,
            "  bad:",
            "about 250",
            UNOFFERED,
        ),
        Bad(
            [
                *place("ningxia", "64"),
                fact("bad", topic="credit", kind="credit_fixed", city="ningxia", values="{amount: 270}"),
            ],
            FACTS,
            "  bad:",
            "270",
            UNOFFERED,
        ),
        Bad([Edit(FACTS, "high: 3", "high: 4")], FACTS, "  credit_rates:", "contradict the others"),
        Bad([Edit(FACTS, "high: 3", 'high: "3.8"')], FACTS, "  credit_rates:", "contradict the others"),
        Bad(
            [
                fact(
                    "bad",
                    topic="years",
                    kind="years_by_sex",
                    city="nanjing",
                    scheme="flexible",
                    values="{men: 30, women: 25}",
                )
            ],
            FACTS,
            "  bad:",
            "flexible employment in 南京",
            frozenset({"policy-disagreement"}),
        ),
    ],
    "policy-refusal-of-nothing": [
        Bad(
            [Edit(FACTS, "kinds: [credit_rates,", "kinds: [credit_rate,")],
            FACTS,
            "kinds: [credit_rate,",
            "Did you mean",
        ),
    ],
    "policy-words": [
        Bad([Edit(ZH, "男女都是", "男女都是全国最低的")], ZH, "全国最低", "never said"),
        Bad([Edit(ZH, "个人账户属于参保人本人。", "出境定居的，可以提取。")], ZH, "出境定居", "never said"),
        Bad(
            [Edit("prompts/en.yaml", "The personal account is the member’s own.", "Retired people may withdraw.")],
            "prompts/en.yaml",
            "may withdraw",
            "for an agent to say",
        ),
    ],
    "policy-figure-in-text": [
        Bad([Edit(ZH, "年限不够的，", "不到十五年的，")], ZH, "不到十五年", "'十五年'"),
        Bad([Edit(ZH, "补缴有时间限制", "补缴限三个月以内")], ZH, "补缴限三个月", "'三个月'"),
        Bad([Edit(ZH, "个人账户的余额不会过期", "每月二百七十元，余额不会过期")], ZH, "二百七十元", "'二百七十元'"),
        Bad(
            [Edit("prompts/en.yaml", "Late payment is limited in time.", "Late payment ends after ten years.")],
            "prompts/en.yaml",
            "policy.gaps_late:",
            "'ten years'",
        ),
    ],
    "policy-types": [
        Bad(
            [
                Edit(file, "{amount:money}", "{amount:count}", "policy.credit_fixed:")
                for file in SOURCES
                if "prompts/" in file
            ],
            ZH,
            "policy.credit_fixed:",
            "'amount' is money",
        ),
    ],
    "policy-unsaid-value": [
        Bad(
            [
                Edit(ZH, "；有视同缴费的，其中实际缴费不少于{actual:span}", ""),
                Edit("prompts/yue.yaml", "；有視同繳費嘅，其中實際繳費唔可以少過{actual:span}", ""),
                Edit("prompts/en.yaml", " Where some of it is deemed, at least {actual:span} must be paid.", ""),
            ],
            ZH,
            "policy.years_by_sex_actual:",
            "does not say actual",
        ),
    ],
    "policy-without-ending": [
        Bad(
            [Edit(ANSWER, "    to: ending", "    to: told"), Edit(ANSWER, ENDING, "")],
            ANSWER,
            "told: tell",
            "does not end with 'policy.ending'",
        ),
        Bad(
            [Edit(POLICY, "say: policy.ending", "say: [policy.ending, policy.go_on]")],
            POLICY,
            "call: policy_withdrawal",
            "does not end with 'policy.ending'",
        ),
    ],
    "policy-given": [
        Bad([Edit(POLICY, "give: {topic: gaps}", "give: {topic: gap}")], POLICY, "topic: gap}", "the topic 'gap'"),
        Bad(
            [Edit(YEARS, "place: hangzhou}", "place: hangzhu}")],
            YEARS,
            "place: hangzhu}",
            "the place 'hangzhu'",
            UNOFFERED,
        ),
        Bad(
            [Edit(POLICY, "give: {topic: gaps}, ", "")],
            POLICY,
            "  gaps: {kind",
            "takes topic, but the flow gives nothing",
        ),
        Bad(
            [Edit(ANSWER, "call: policy,", "call: policy, give: {topic: gaps},")],
            ANSWER,
            "give: {topic: gaps}",
            "takes nothing, but the flow gives topic",
        ),
    ],
    "policy-place-not-offered": [
        Bad(
            [*place("fujian", "35"), years_of("fujian")],
            FACTS,
            "city: fujian",
            "No menu offers 'fujian' for years",
        ),
    ],
    "policy-without-topic": [
        Bad(
            [Edit(POLICY, GAPS, ""), Edit(POLICY, '"6": gaps', '"6": answer')],
            ANSWER,
            "  ask: {kind: lookup",
            "without a topic",
        ),
    ],
}
"""Rules with the edits that break them."""

CASES = [pytest.param(rule, bad, id=f"{rule}-{at}") for rule, bads in BAD.items() for at, bad in enumerate(bads)]


@pytest.mark.parametrize(("rule", "bad"), CASES)
def test_a_fault_is_told_on_its_line(rule: str, bad: Bad) -> None:
    problems = lint(*bad.edits)
    text = files(bad.edits)[bad.file]
    line = text[: text.index(bad.line)].count("\n") + 1
    told = [one for one in problems if (one.rule, one.file.rpartition("/")[2]) == (rule, bad.file.rpartition("/")[2])]
    assert any(one.line == line and bad.words in one.message for one in told), "\n".join(map(str, problems))
    assert {one.rule for one in problems} - bad.also == {rule}, "\n".join(map(str, problems))
    assert all(one.why and one.remedy for one in problems)


def test_every_rule_has_a_bad_example_and_says_why() -> None:
    rules = (*POLICY_RULES, *POLICY_CALL_RULES)
    assert sorted(map(rule_name, rules)) == sorted(BAD)
    assert all((inspect.getdoc(rule) or "").endswith(".") for rule in rules)


def test_without_an_edit_there_is_no_problem() -> None:
    assert lint() == []


def test_facts_that_follow_each_other_do_not_disagree() -> None:
    ends = Edit(FACTS, "effective_to: unknown", "effective_to: 2026-12-31", "years_beijing:")
    then = fact(
        "then",
        topic="years",
        kind="years_by_sex",
        city="beijing",
        effective_from="2027-01-01",
        values="{men: 30, women: 25}",
    )
    assert lint(ends, then) == []


def test_a_second_source_that_agrees_is_no_disagreement() -> None:
    assert lint(fact("second", topic="years", kind="years_by_sex", city="beijing", values="{men: 25, women: 20}")) == []


def test_every_place_has_a_name_in_every_language() -> None:
    problems = lint(Edit("prompts/en.yaml", "city.gansu: Gansu\n", ""))
    assert {one.rule for one in problems} >= {"unknown-term"}
    assert any("city.gansu" in one.message for one in problems)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("effective_from: unknown", "effective_from: never", "expected a day such as 2026-10-01, or unknown"),
        ("effective_to: unknown", "effective_to: 2026-13-01", "expected a day such as 2026-10-01, or unknown"),
        ("source_date: 2025-03", "source_date: March", "a month such as 2025-03, or unknown"),
        ("reviewed_on: 2026-10-01", "reviewed_on: unknown", "expected a day such as 2026-10-01, or never"),
        ("review_by: 2027-03-31", "review_by: never", "expected a day such as 2027-03-31"),
        ("    review_by: 2027-03-31\n", "", "lacks the field 'review_by'"),
        ("men: 25", "men: 2.5", "expected a whole number, or anything else in quotes"),
        ("men: 25", "men: true", "expected a whole number, or anything else in quotes"),
        ('region: "11"', "region: 11", "digits of a division code in quotes"),
        ('region: "11"', 'region: "110"', "digits of a division code in quotes"),
        ("scheme: employee", "scheme: employees", "Did you mean 'employee'?"),
        ("    topic: years\n", "    topic: year\n", "Did you mean 'years'?"),
        ("    kind: years_by_sex\n", "    kind: years_by_sex\n    colour: red\n", "has no field 'colour'"),
    ],
)
def test_a_file_of_facts_that_cannot_be_read_is_told_in_a_sentence(old: str, new: str, words: str) -> None:
    edit = Edit(FACTS, old, new)
    with pytest.raises(LibraryError) as refused:
        build({name: text.encode() for name, text in files([edit]).items()})
    [problem] = refused.value.problems
    assert problem.file == FACTS
    assert problem.line
    assert words.casefold() in f"{problem.message} {problem.remedy}".casefold()
