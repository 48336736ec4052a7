"""The lint: a hotline without a fault has no problem, and each bad example is told on its line in its words."""

import inspect
from collections.abc import Mapping

import pytest
from lint_examples import (
    AGENT,
    BAD,
    BALANCE,
    EN,
    GOOD,
    HELD,
    HOTLINES,
    IDENTIFY,
    LOOKUPS,
    MAIN,
    PARTING,
    WORLD,
    WRONGS,
    ZH,
    Bad,
    Edit,
    world,
)

from ivr.engine import PHRASES
from ivr.facts import FACTS, SAID_AS
from ivr.library import Library, build, default_dirs, load
from ivr.lint import CALL_RULES, FILE_RULES, WAY_BREAKERS, check, rule_name
from ivr.lint.calls import Calls
from ivr.lint.knowledge import ENTERED_FACTS, TOLD_FACTS
from ivr.lint.plan import HOTLINE_FACTS, QUEUE_FACTS
from ivr.lint.spoken import characters, key_before_option, keys_named
from ivr.lookups import DECLARED
from ivr.policy import GIVEN
from ivr.policyfacts import KINDS
from ivr.problems import Problem
from ivr.prompts import TYPES, Segment


def library_of(texts: Mapping[str, str]) -> Library:
    return build({name: text.encode() for name, text in texts.items()})


def lint(texts: Mapping[str, str], fuse: int = 100) -> list[Problem]:
    return check(library_of(texts), LOOKUPS, phrases=HELD, entry_wrongs=WRONGS, fuse=fuse)


CASES = [pytest.param(rule, bad, id=f"{rule}-{place}") for rule, bads in BAD.items() for place, bad in enumerate(bads)]


def line_of(texts: Mapping[str, str], file: str, snippet: str) -> int:
    """Give the line on which a text stands; 0, the file as a whole, where none is asked for."""
    if not snippet:
        return 0
    lines = texts[file].splitlines()
    return next(number for number, line in enumerate(lines, 1) if snippet in line)


@pytest.mark.parametrize(("rule", "bad"), CASES)
def test_a_fault_is_told_on_its_line(rule: str, bad: Bad) -> None:
    texts = world(*bad.edits)
    problems = lint(texts)
    line = line_of(texts, bad.file, bad.line)
    here = [one for one in problems if (one.rule, one.file, one.line) == (rule, bad.file, line)]
    assert any(bad.words in one.message for one in here), "\n".join(map(str, problems))
    assert {one.rule for one in problems} - bad.also == {rule}, "\n".join(map(str, problems))
    assert all(one.remedy and one.why for one in problems)


def test_a_hotline_without_a_fault_has_no_problem() -> None:
    assert lint(WORLD) == []


@pytest.mark.parametrize("what", GOOD)
def test_what_a_flow_author_may_well_do_is_no_problem(what: str) -> None:
    texts = world(*GOOD[what])
    if "flow: parting" in texts[AGENT]:
        texts["flows/parting.yaml"] = PARTING
    unused = {"unused-prompt", "unreachable-node"}
    assert [str(one) for one in lint(texts) if one.rule not in unused] == []


def test_the_files_of_this_repository_have_no_problem() -> None:
    assert list(map(str, check(load(*default_dirs()), DECLARED))) == []


def test_lookups_declare_no_more_than_they_have() -> None:
    for name, lookup in DECLARED.items():
        assert lookup.outcomes.keys() >= {*lookup.proves, *lookup.forgets, *lookup.refusals, *lookup.rows}, name
        lists = [facts for rows in lookup.rows.values() for facts in rows.values()]
        assert frozenset().union(*lookup.outcomes.values(), *lists) >= lookup.terms.keys(), name
        assert lookup.takes_secret or not lookup.verifies, name


def test_it_is_known_what_every_fact_is() -> None:
    """That lookups bring what the table says is asserted wherever a call script asks one, in engine_caller.py."""
    outcomes = [facts for lookup in DECLARED.values() for facts in lookup.outcomes.values()]
    rows = [
        facts
        for lookup in DECLARED.values()
        for kinds in lookup.rows.values()
        for kind, facts in kinds.items()
        if kind not in KINDS
    ]
    named = HOTLINE_FACTS.union(TOLD_FACTS, QUEUE_FACTS, *ENTERED_FACTS.values(), *GIVEN.values(), *outcomes, *rows)
    assert named | {"dropped", "chosen_by", "city", "score"} == FACTS.keys()
    assert {one for types in SAID_AS.values() for one in types} == TYPES - {"percent"}, "no lookup brings a percentage"


def test_every_rule_has_a_bad_example_and_says_why() -> None:
    names = [rule_name(rule) for rule in (*FILE_RULES, *CALL_RULES)]
    assert sorted(names) == sorted(BAD), "each rule stands in the table, each example belongs to a rule"
    assert {rule_name(rule) for rule in FILE_RULES} >= WAY_BREAKERS
    for rule in (*FILE_RULES, *CALL_RULES):
        reason = inspect.getdoc(rule) or ""
        assert reason.endswith("."), f"{rule_name(rule)} does not say why"


def test_a_problem_reads_as_a_person_would_tell_it() -> None:
    [problem] = lint(world(Edit(MAIN, '"1": balance', '"1": balanse')))
    assert str(problem) == (
        "flows/main.yaml:13:12: Key 1 of menu 'menu' leads to 'balanse', which is no node of flow 'main'. "
        "Did you mean 'balance'?\n"
        "    Why: A call that comes here would break off, because there is nowhere to go.\n"
        "    Remedy: The nodes are menu, balance and agent."
    )


def test_problems_of_all_files_are_told_at_once_and_in_order() -> None:
    edits = [Edit(MAIN, "lost: agent", "lost: x"), Edit(AGENT, "busy: busy", "busy: y"), Edit(ZH, "您好", "您好12333")]
    problems = lint(world(*edits))
    assert [(one.file, one.rule) for one in problems] == [
        (AGENT, "unknown-node"), (MAIN, "unknown-node"), (ZH, "figures"),
    ]  # fmt: skip


def test_a_broken_way_does_not_drag_everything_behind_it_along() -> None:
    assert {one.rule for one in lint(world(Edit(MAIN, '"1": balance', '"1": balanse')))} == {"unknown-node"}


@pytest.mark.parametrize(("fuse", "told"), [(5, []), (4, ["long-walk"])])
def test_no_step_walks_more_nodes_than_the_fuse_holds(fuse: int, told: list[str]) -> None:
    chain = "".join(
        f"  tell{n}: {{kind: say, say: goodbye, to: {to}}}\n" for n, to in ((2, "tell3"), (3, "tell4"), (4, "after"))
    )
    edits = [
        Edit(BALANCE, "balance.tell, to: after", "balance.tell, to: tell2"),
        Edit(BALANCE, "  trouble:", chain + "  trouble:"),
    ]
    problems = lint(world(*edits), fuse)
    assert [one.rule for one in problems] == told
    if told:
        assert (problems[0].file, problems[0].line) == (BALANCE, 6)
        assert "From node 'tell' a call walks 5 nodes without a wait; 4 is the most." in problems[0].message


def test_flows_that_call_without_measure_are_told_instead_of_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.lint.calls.MAX_STACKS", 10)
    [problem] = lint(WORLD)
    assert (problem.file, problem.line, problem.rule) == (HOTLINES, 1, "endless-nesting")


def test_a_verification_that_has_just_ended_cannot_hold_at_the_gate() -> None:
    """expired leads to who, and from there by a gate that still held to the same lookup: no call can do that."""
    assert "expired: who" in WORLD[BALANCE]
    assert "verified: done" in WORLD[IDENTIFY]
    assert lint(WORLD) == []
    ungated = lint(world(Edit(BALANCE, "expired: who", "expired: fetch")))
    assert {one.rule for one in ungated} == {"deaf-circle", "personal-before-verification"}


def test_what_a_lookup_is_given_can_be_said_afterwards() -> None:
    says_season = [
        Edit(ZH, "您的支付是这些", "您的支付是这些，{season:text}"),
        Edit(EN, "These are your payments", "These are your payments, {season:text},"),
    ]
    assert {one.rule for one in lint(world(*says_season))} == {"unknown-fact"}
    give = Edit(BALANCE, "call: payments,", "call: payments, give: {season: x},")
    assert lint(world(give, *says_season)) == []


# --- the ways of a call ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def calls() -> Calls:
    return Calls(library_of(WORLD))


AFTER = (("main", "balance"), ("balance", "after"))
PIN = (("main", "balance"), ("balance", "who"), ("identify", "pin"))


@pytest.mark.parametrize(
    ("stack", "label", "target"),
    [
        (AFTER, "3", (("main", "balance"), ("balance", "another"))),
        (AFTER, "0", (("main", "agent"),)),
        (AFTER, "9", AFTER),
        (AFTER, "wrong", AFTER),
        (AFTER, "silence", AFTER),
        (AFTER, "lost", (("main", "agent"),)),
        (PIN, "entered", (*PIN[:2], ("identify", "verify"))),
        (PIN, "0#", (("main", "agent"),)),
        (PIN, "lost", (("main", "agent"),)),
        ((("main", "balance"),), "call", (("main", "balance"), ("balance", "who"))),
        ((*PIN[:2], ("identify", "done")), "done", (("main", "balance"), ("balance", "fetch"))),
        ((("main", "agent"), ("agent", "busy")), "lost", (("main", "agent"), ("agent", "goodbye"))),
        ((("main", "agent"), ("agent", "busy")), "9", (("main", "agent"), ("agent", "busy"))),
    ],
)
def test_a_call_goes_where_the_engine_would_go(
    calls: Calls, stack: tuple[tuple[str, str], ...], label: str, target: tuple[tuple[str, str], ...]
) -> None:
    assert target in {edge.target for edge in calls.edges[stack] if edge.label == label}


def test_each_hotline_begins_where_its_flow_starts(calls: Calls) -> None:
    assert calls.starts() == {(("main", "menu"),): ["main", "small"]}


# --- what is heard ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "text", "keys"),
    [
        ("zh", "查余额，请按一；年限，请按二。人工，请按零。", "120"),
        ("zh", "返回，请按星号键；结束，按井号键。要人工，请按零，再按井号键。", "*#0#"),
        ("zh", "请按一下键盘，按三个数字。请您按提示操作。", ""),
        ("yue", "返去，請按星號鍵；再聽，撳九。", "*9"),
        ("en", "For your balance, press one. To go back, the star key. Staff, zero.", "1*0"),
        ("en", "Press one and then the pound key. Ten and the star key are two things.", "1#"),
        ("en", "Press zero, then the pound key. The one two three line, one of many.", "0#"),
        ("en", "Please press Nine to hear this again.", "9"),
    ],
)
def test_keys_are_heard_in_sentences(lang: str, text: str, keys: str) -> None:
    assert "".join(mention.key for mention in keys_named(Segment(lang, (text,)))) == keys


@pytest.mark.parametrize(
    ("lang", "text", "fault"),
    [
        ("zh", "余额，请按一；年限，请按二。", None),
        ("zh", "请按一，查余额。", "请按一，查余额"),
        ("zh", "余额，请按一；请按二，查年限。", "请按二，查年限"),
        ("zh", "没有通过验证。要人工服务，请按零，再按井号键。", None),
        ("zh", "账户不能使用，请按零，由工作人员为您核实。", None),
        ("yue", "請按一，查餘額。", "請按一，查餘額"),
        ("en", "It cannot be used. Please press zero, and a member of staff will look into it.", None),
        ("en", "Hello. Press one for your balance.", "Press one for your balance"),
        ("en", "If you have questions, press zero for a member of staff.", None),
    ],
)
def test_the_option_comes_before_its_key(lang: str, text: str, fault: str | None) -> None:
    assert key_before_option(Segment(lang, (text,))) == fault


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("您好，请按零。", 5),
        ("For English, press eight.", 4),
        ("余额{balance:money}。", 22),
        ("", 0),
        ("X 键 don't", 3),
    ],
)
def test_what_takes_time_to_say_is_counted(text: str, length: int) -> None:
    assert characters(text) == length


def test_the_phrases_of_the_engine_are_those_that_are_checked_by_default() -> None:
    library = library_of(WORLD)
    missing = {one.message.split("'")[1] for one in check(library, LOOKUPS) if one.rule == "missing-phrase"}
    assert missing == set(PHRASES) - set(library.catalogs["zh"].prompts)
