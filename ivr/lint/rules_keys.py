"""Rules about the keys that prompts name: they work, they come in time, and what they are for is said first."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

from ivr.flow import ANNOUNCEMENTS, LANGUAGE_KEYS, CollectNode, MenuNode
from ivr.lint.calls import Stack
from ivr.lint.heard import Ear, Heard, ears, first_menus, heard, listener, of_a_day, takes, why_dead
from ivr.lint.plan import Found, Plan
from ivr.lint.spoken import CHARACTERS_A_SECOND, characters, key_before_option, keys_named
from ivr.problems import listed
from ivr.yamlfile import Path

LATEST: Final = {"0": 10, "1": 20}
"""Seconds within which a key is named in the main menu, at slow pace."""

LANGUAGE_SWITCHES: Final = frozenset(key for keys in LANGUAGE_KEYS.values() for key in keys)

UNSPOKEN: Final = LANGUAGE_SWITCHES | frozenset("9*#")
"""Keys that hold in every menu and are not told in each: the languages, hear again, back and goodbye."""

MAX_COUNTED: Final = 6
_NAME: Final = "{hotline:text}"
_COUNT = re.compile(r"共有?([一二两兩三四五六七八九十]+)[项項]")
_COUNTED: Final = {**{figure: n for n, figure in enumerate("零一二三四五六七八九十")}, "两": 2, "兩": 2}


def option_first(plan: Plan) -> Iterator[Found]:
    """Callers wait for what they want and only then need the key; a key said first is forgotten when they need it."""
    for voice in plan.voices():
        if sentence := key_before_option(voice.segment):
            message = f"The prompt '{voice.prompt.id}' names a key before its option: '{sentence}'."
            yield plan.in_catalog(voice.lang, voice.path, message, "Option first, key last: 查余额，请按一.")


def language_key_taken(plan: Plan) -> Iterator[Found]:
    """7 and 8 switch the language in every menu, keeping the place; a menu that uses them takes that away."""
    remedy = "Give the option another key."
    for flow in plan.library.flows.values():
        for key in sorted(LANGUAGE_SWITCHES & set(flow.keys)):
            message = f"Flow '{flow.flow}' uses key {key}, which switches the language."
            yield plan.in_flow(flow.flow, ("keys", key), message, remedy, key=True)
        for name, node in flow.nodes.items():
            if not isinstance(node, MenuNode):
                continue
            used: list[tuple[str, Path]] = [(key, ("nodes", name, "keys", key)) for key in node.keys]
            used += [(one.key, ("nodes", name, "offers", place)) for place, one in enumerate(node.offers)]
            for key, path in used:
                if key in LANGUAGE_SWITCHES:
                    message = f"Menu '{name}' of flow '{flow.flow}' uses key {key}, which switches the language."
                    yield plan.in_flow(flow.flow, path, message, remedy, key=True)


def language_key_unnamed(plan: Plan) -> Iterator[Found]:
    """Who does not understand the main menu can only be told about another language in that language's own voice."""
    told: set[tuple[str, str]] = set()
    for start in plan.calls.starts(self_service=True):
        for stack, node, prompts in first_menus(plan, start):
            for ear in ears(plan, stack):
                own = {
                    (mention.key, one.segment.lang)
                    for one in heard(plan, prompts, ear)
                    for mention in keys_named(one.segment)
                }
                for key, lang in LANGUAGE_KEYS[ear.lang].items():
                    announced = (key, lang) in own or lang not in ear.offered or lang not in plan.library.catalogs
                    if not announced and node.say and (ear.lang, key) not in told:
                        told.add((ear.lang, key))
                        message = f"The main menu does not name key {key} in the '{lang}' voice, for that language."
                        remedy = f"Add an item {{{lang}: …}} to the prompt."
                        yield plan.in_catalog(ear.lang, (node.say[0],), message, remedy, key=True)


def dead_key(plan: Plan) -> Iterator[Found]:
    """A key that is named but does nothing costs the caller one of three tries."""
    told: set[tuple[str, str, str]] = set()
    named: dict[tuple[str, tuple[str, str], Ear], tuple[tuple[Heard, str], ...]] = {}
    for stack in plan.calls.edges:
        node, listening = plan.calls.node(stack), listener(plan, stack)
        if listening is None:
            continue
        for ear in ears(plan, stack):
            # What is told at a node does not depend on the way to it, only what its keys then do.
            place = (stack[0][0], stack[-1], ear)
            if place not in named:
                named[place] = tuple(_keys_told(plan, stack, ear))
            for one, key in named[place]:
                why = why_dead(plan, listening, key, ear)
                if why and (one.lang, one.prompt, key) not in told:
                    told.add((one.lang, one.prompt, key))
                    flow, name = stack[-1]
                    after = f"after {node.kind} '{name}' of flow '{flow}'"
                    message = f"The prompt '{one.prompt}' names key {key}, but {after} {why}."
                    remedy = "Take the key out of the sentence, or give it in the flow."
                    yield plan.in_catalog(one.lang, one.path, message, remedy)


def unspoken_key(plan: Plan) -> Iterator[Found]:
    """A key that nobody is told about is one that nobody presses, or presses by mistake."""
    told: set[tuple[str, str, str]] = set()
    for stack, node in plan.calls.listening():
        flow, name = stack[-1]
        if not isinstance(node, MenuNode):
            continue
        for ear in ears(plan, stack):
            named = {mention.key for one in heard(plan, node.say, ear) for mention in keys_named(one.segment)}
            whole = plan.known_prompts.issuperset({*node.say} - {ANNOUNCEMENTS})
            for key in sorted(set(node.keys) - UNSPOKEN - named) if whole else ():
                if (flow, name, key) not in told:
                    told.add((flow, name, key))
                    yield plan.in_flow(
                        flow,
                        ("nodes", name, "keys", key),
                        f"Menu '{name}' of flow '{flow}' takes key {key}, but does not name it ({ear.lang}).",
                        f"Name it in {listed(node.say, nothing='a prompt')}, or take it out.",
                        key=True,
                    )
            for place, offer in enumerate(node.offers):
                named = {mention.key for one in heard(plan, (offer.say,), ear) for mention in keys_named(one.segment)}
                unnamed = offer.say in plan.known_prompts and offer.key not in named
                if unnamed and (flow, name, f"offer {place}") not in told:
                    told.add((flow, name, f"offer {place}"))
                    message = f"Menu '{name}' offers '{offer.say}', which does not name key {offer.key} ({ear.lang})."
                    yield plan.in_flow(flow, ("nodes", name, "offers", place), message, "Name its key there.")


def other_keys_for_seniors(plan: Plan) -> Iterator[Found]:
    """Callers of 60 and over hear a menu in another order; its options and keys are those that everybody has."""
    told: set[tuple[str, str]] = set()
    for stack, node in plan.calls.listening():
        if not isinstance(node, MenuNode) or not node.senior or not plan.known_prompts.issuperset(node.senior):
            continue
        flow, name = stack[-1]
        for ear in ears(plan, stack):
            all_, seniors = (
                {mention.key for one in heard(plan, prompts, ear) for mention in keys_named(one.segment)}
                for prompts in (node.say, node.senior)
            )
            if all_ != seniors and stack[-1] not in told:
                told.add(stack[-1])
                message = (
                    f"What seniors hear in menu '{name}' of flow '{flow}' names {_keys(seniors)}, "
                    f"but what all others hear names {_keys(all_)} ({ear.lang})."
                )
                yield plan.in_flow(flow, ("nodes", name, "senior"), message, "Name the same keys in both.", key=True)


def late_key(plan: Plan) -> Iterator[Found]:
    """Who wants a human or a balance, as most callers do, must hear the key within 10 or 20 seconds."""
    told: set[tuple[str, str]] = set()
    for start in plan.calls.starts(self_service=True):
        for stack, node, prompts in first_menus(plan, start):
            for ear in ears(plan, stack):
                for key, latest in LATEST.items():
                    own = tuple(prompt for prompt in node.say if prompt != ANNOUNCEMENTS)
                    late = takes(plan, stack, node, key, ear) and own
                    found = _late(plan, prompts, own[-1], ear, key, latest) if late else None
                    if found and (ear.lang, key) not in told:
                        told.add((ear.lang, key))
                        yield found


def wrong_count(plan: Plan) -> Iterator[Found]:
    """A count helps where a few options follow and it is right; more than six nobody keeps in mind."""
    told: set[tuple[str, str]] = set()
    for stack, node in plan.calls.listening():
        if not isinstance(node, MenuNode):
            continue
        options = sum(1 for key in node.keys if key in "123456")
        prompts = (*node.say, *node.repeat, *node.senior)
        for one in (one for ear in ears(plan, stack) for one in heard(plan, prompts, ear)):
            match = _COUNT.search(one.segment.text)
            if match is None or (one.lang, one.prompt) in told:
                continue
            told.add((one.lang, one.prompt))
            count = _COUNTED.get(match[1], MAX_COUNTED + 1)
            if count > MAX_COUNTED:
                message = f"The prompt '{one.prompt}' says '{match[0]}'; only up to six options are counted."
                yield plan.in_catalog(one.lang, one.path, message, "Leave the count out.")
            elif node.offers:
                message = f"The prompt '{one.prompt}' says '{match[0]}', but menu '{stack[-1][1]}' also has offers."
                yield plan.in_catalog(one.lang, one.path, message, "Leave the count out.")
            elif count != options:
                message = f"The prompt '{one.prompt}' says '{match[0]}', but menu '{stack[-1][1]}' has {options}."
                yield plan.in_catalog(one.lang, one.path, message, "Say the right count, or none.")


def _keys_told(plan: Plan, stack: Stack, ear: Ear) -> Iterator[tuple[Heard, str]]:
    """Give the keys that are named at a place, but those that only work in the sentence where they are named."""
    node = plan.calls.node(stack)
    for spoken in plan.prompts_of(stack[-1][1], node):
        for one in heard(plan, (spoken.prompt,), ear):
            mentions = keys_named(one.segment)
            for mention, following in zip_longest(mentions, mentions[1:]):
                # 1 and then # chooses the three parts, and help is said from when on it does.
                parts = isinstance(node, CollectNode) and "parts" in node.outcomes and spoken.field == "help"
                if parts and mention.key == "1" and following is not None and following.key == "#":
                    continue
                # An offer is said on the days on which its key works.
                offers = node.offers if isinstance(node, MenuNode) else ()
                if spoken.field == "offers" and mention.key == offers[int(spoken.path[3])].key:
                    continue
                yield one, mention.key
    for prompt in of_a_day(plan, stack, (ANNOUNCEMENTS,)) if ANNOUNCEMENTS in getattr(node, "say", ()) else ():
        yield from ((one, mention.key) for one in heard(plan, (prompt,), ear) for mention in keys_named(one.segment))


def _keys(keys: set[str]) -> str:
    return f"key{'' if len(keys) == 1 else 's'} {listed(sorted(keys))}" if keys else "no key"


def _late(plan: Plan, prompts: tuple[str, ...], last: str, ear: Ear, key: str, latest: int) -> Found | None:
    """Tell whether a key is named too late, or not at all, in what is heard up to the end of a menu."""
    names = [hotline.facts(ear.lang)["hotline"] for hotline in plan.library.hotlines.hotlines.values()]
    longest = max(names, key=characters)
    so_far = 0
    for one in heard(plan, prompts, ear):
        for mention in keys_named(one.segment):
            if mention.key == key:
                length = so_far + characters(one.segment.text[: mention.end].replace(_NAME, longest))
                if length <= latest * CHARACTERS_A_SECOND:
                    return None
                message = (
                    f"Key {key} is named after {length} characters ({length / CHARACTERS_A_SECOND:.1f} seconds) in "
                    f"'{one.prompt}'; the latest is {latest} seconds."
                )
                return plan.in_catalog(one.lang, one.path, message, "Say it earlier, or shorten what comes before.")
        so_far += characters(one.segment.text.replace(_NAME, longest))
    message = f"The main menu does not name key {key}."
    return plan.in_catalog(ear.lang, (last,), message, f"Name it within {latest} seconds.", key=True)
