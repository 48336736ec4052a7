"""Check a library before anybody calls: one small function a rule, and all problems at once."""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

from ivr.engine import PHRASES
from ivr.entries import ENTRY_OUTCOMES, ENTRY_WRONGS
from ivr.library import Library
from ivr.lint import (
    rules_answers,
    rules_calls,
    rules_days,
    rules_facts,
    rules_fixed_keys,
    rules_hotlines,
    rules_keys,
    rules_lists,
    rules_members,
    rules_names,
    rules_outcomes,
    rules_policy_spoken,
    rules_queues,
    rules_wording,
    rules_written,
)
from ivr.lint.plan import Found, Plan, Promise
from ivr.problems import Problem
from ivr.walk import FUSE

Rule = Callable[[Plan], Iterator[Found]]

FILE_RULES: Final[tuple[Rule, ...]] = (
    rules_names.unknown_node,
    rules_names.unknown_prompt,
    rules_names.unknown_lookup,
    rules_names.unknown_flow,
    rules_names.unknown_group,
    rules_names.missing_phrase,
    rules_names.unused_prompt,
    rules_outcomes.lookup_outcomes,
    rules_outcomes.transfer_outcomes,
    rules_outcomes.record_outcomes,
    rules_outcomes.entry_outcomes,
    rules_outcomes.entry_wrongs,
    rules_outcomes.call_returns,
    rules_outcomes.return_to_nobody,
    rules_calls.bare_hang_up,
    rules_calls.recursion,
    rules_calls.endless_nesting,
    rules_members.secret_goes_astray,
    rules_members.lookup_without_secret,
    rules_lists.silent_say,
    rules_lists.list_unsaid,
    rules_lists.rows_without_list,
    rules_answers.day_before_sum,
    rules_days.days_out_of_order,
    rules_days.long_announcement,
    rules_days.announcements_out_of_place,
    rules_facts.fact_as_another_type,
    rules_facts.given_in_place_of_a_fact,
    rules_facts.given_what_is_not_taken,
    rules_written.undeclared_term,
    rules_written.unknown_term,
    rules_written.text_of_nothing,
    rules_written.text_with_other_facts,
    rules_written.text_spoken,
    rules_written.link_in_text,
    rules_hotlines.language_without_prompts,
    rules_hotlines.hotline_text_missing,
    rules_hotlines.prompt_of_some_languages,
    rules_hotlines.variables_of_some_languages,
    rules_hotlines.text_in_a_foreign_voice,
    rules_wording.figures,
    rules_wording.invisible_characters,
    rules_wording.long_utterance,
    rules_wording.unit_twice,
    rules_wording.number_before_measure,
    rules_wording.key_words,
    rules_keys.option_first,
    rules_keys.language_key_taken,
    rules_queues.queue_for_nobody,
    rules_queues.language_key_in_queue,
    rules_fixed_keys.again_key_taken,
    rules_fixed_keys.star_key_astray,
)
"""Rules that look at each place by itself."""

WAY_BREAKERS: Final = frozenset(
    {
        "unknown-node",
        "unknown-lookup",
        "unknown-flow",
        "lookup-outcomes",
        "transfer-outcomes",
        "entry-outcomes",
        "call-returns",
        "return-to-nobody",
        "recursion",
        "endless-nesting",
    }
)
"""After these the ways of a call are not known, and rules about whole calls would only tell what follows from them."""

CALL_RULES: Final[tuple[Rule, ...]] = (
    rules_calls.unreachable_flow,
    rules_calls.unreachable_node,
    rules_calls.deaf_circle,
    rules_calls.long_walk,
    rules_calls.no_way_when_lost,
    rules_calls.no_agent_key,
    rules_fixed_keys.agent_key_astray,
    rules_fixed_keys.unconfirmed_code,
    rules_calls.again_in_entry,
    rules_members.personal_before_verification,
    rules_members.choice_named_before_verification,
    rules_members.unknown_fact,
    rules_answers.answer_without_its_day,
    rules_answers.refusal_that_tells,
    rules_days.offer_key_taken,
    rules_days.announcements_unsaid,
    rules_hotlines.hours_of_nobody,
    rules_queues.queue_in_silence,
    rules_queues.unnamed_key_in_queue,
    rules_keys.language_key_unnamed,
    rules_keys.dead_key,
    rules_keys.unspoken_key,
    rules_keys.other_keys_for_seniors,
    rules_keys.late_key,
    rules_keys.wrong_count,
)
"""Rules that walk every way a call can take."""


def check(
    library: Library,
    declared: Mapping[str, Promise],
    *,
    phrases: Collection[str] = PHRASES,
    entry_outcomes: Mapping[str, Collection[str]] = ENTRY_OUTCOMES,
    entry_wrongs: Mapping[str, Collection[str]] = ENTRY_WRONGS,
    fuse: int = FUSE,
) -> list[Problem]:
    """Give everything that is wrong with a library, sorted by file and line; an empty list means it may take calls.

    ``declared`` are the lookups by name, ``phrases`` the prompts that the hotline says by itself, ``entry_outcomes``
    and ``entry_wrongs`` the ways in which each kind of entry ends or is refused, ``fuse`` the nodes a step may walk.
    """
    plan = Plan(library, declared, phrases, entry_outcomes, entry_wrongs, fuse)
    file_rules = (*FILE_RULES, *rules_policy_spoken.POLICY_RULES)
    problems = [problem for rule in file_rules for problem in _apply(rule, plan)]
    if WAY_BREAKERS.isdisjoint(problem.rule for problem in problems):
        call_rules = (*CALL_RULES, *rules_policy_spoken.POLICY_CALL_RULES)
        problems += [problem for rule in call_rules for problem in _apply(rule, plan)]
    return sorted(set(problems))


def rule_name(rule: Rule) -> str:
    """Give the name under which a rule's problems are told: ``unknown-node``."""
    return rule.__name__.replace("_", "-")


def _apply(rule: Rule, plan: Plan) -> Iterator[Problem]:
    why = " ".join((inspect.getdoc(rule) or "").split())
    for found in rule(plan):
        yield Problem(found.file, found.line, found.column, rule_name(rule), found.message, why, found.remedy)
