"""Rules about the keys that prompts name: they work, they come in time, and what they are for is said first."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from ivr.flow import CallNode, CollectNode, HangupNode, LookupNode, MenuNode, Node, ReturnNode, SayNode, TransferNode
from ivr.lint.calls import Stack
from ivr.lint.plan import Found, Plan
from ivr.lint.spoken import CHARACTERS_A_SECOND, characters, key_before_option, keys_named
from ivr.prompts import Segment
from ivr.yamlfile import Path

LATEST: Final = {"0": 10, "1": 20}
"""Seconds within which a key is named in the main menu, at slow pace."""

UNSPOKEN: Final = frozenset("789*#")
"""Keys that hold in every menu and are not told in each: the languages, hear again, back and goodbye."""

MAX_COUNTED: Final = 6
_NAME: Final = "{hotline:text}"
_COUNT = re.compile(r"共有?([一二两兩三四五六七八九十]+)[项項]")
_COUNTED: Final = {**{figure: n for n, figure in enumerate("零一二三四五六七八九十")}, "两": 2, "兩": 2}


class Heard(NamedTuple):
    """A text that a caller of a hotline hears: in which catalog it stands, and where."""

    lang: str
    prompt: str
    segment: Segment
    path: Path


def option_first(plan: Plan) -> Iterator[Found]:
    """Callers wait for what they want and only then need the key; a key said first is forgotten when they need it."""
    for voice in plan.voices():
        if sentence := key_before_option(voice.segment):
            message = f"The prompt '{voice.prompt.id}' names a key before its option: '{sentence}'."
            yield plan.in_catalog(voice.lang, voice.path, message, "Option first, key last: 查余额，请按一.")


def dead_key(plan: Plan) -> Iterator[Found]:
    """A key that is named but does nothing costs the caller one of three tries."""
    told: set[tuple[str, str, str]] = set()
    for stack in plan.calls.edges:
        node = plan.calls.node(stack)
        listener = _listener(plan, stack)
        if listener is None:
            continue
        for heard in _heard(plan, stack, tuple(spoken.prompt for spoken in plan.prompts_of(stack[-1][1], node))):
            for mention in keys_named(heard.segment):
                where = _dead(plan, listener, mention.key)
                if where and (heard.lang, heard.prompt, mention.key) not in told:
                    told.add((heard.lang, heard.prompt, mention.key))
                    flow, name = stack[-1]
                    yield plan.in_catalog(
                        heard.lang,
                        heard.path,
                        f"The prompt '{heard.prompt}' names key {mention.key}, but after {node.kind} '{name}' of flow "
                        f"'{flow}' {where}.",
                        "Take the key out of the sentence, or give it in the flow.",
                    )


def unspoken_key(plan: Plan) -> Iterator[Found]:
    """A key that nobody is told about is one that nobody presses, or presses by mistake."""
    told: set[tuple[str, str, str]] = set()
    for stack, node in plan.calls.listening():
        flow, name = stack[-1]
        if not isinstance(node, MenuNode):
            continue
        for lang in _languages(plan, stack):
            named = {
                mention.key for heard in _heard(plan, stack, node.say, lang) for mention in keys_named(heard.segment)
            }
            for key in node.keys:
                if key not in UNSPOKEN and key not in named and (flow, name, key) not in told:
                    told.add((flow, name, key))
                    yield plan.in_flow(
                        flow,
                        ("nodes", name, "keys", key),
                        f"Menu '{name}' of flow '{flow}' takes key {key}, but does not name it ({lang}).",
                        f"Name it in {' or '.join(repr(prompt) for prompt in node.say) or 'a prompt'}, or take it out.",
                        key=True,
                    )


def late_key(plan: Plan) -> Iterator[Found]:
    """Who wants a human or a balance, as most callers do, must hear the key within 10 or 20 seconds."""
    told: set[tuple[str, str, str]] = set()
    for start in plan.calls.starts():
        for stack, prompts in _first_menus(plan, start):
            node = plan.calls.node(stack)
            for lang in _languages(plan, stack):
                for key, latest in LATEST.items():
                    if not isinstance(node, MenuNode) or plan.calls.key(stack, node, key) is None:
                        continue
                    found = _late(plan, stack, prompts, lang, key, latest)
                    if found and (lang, key, found.message) not in told:
                        told.add((lang, key, found.message))
                        yield found


def wrong_count(plan: Plan) -> Iterator[Found]:
    """A count helps where a few options follow and it is right; more than six nobody keeps in mind."""
    told: set[tuple[str, str]] = set()
    for stack, node in plan.calls.listening():
        if not isinstance(node, MenuNode):
            continue
        options = sum(1 for key in node.keys if key in "123456")
        for heard in _heard(plan, stack, (*node.say, *node.repeat)):
            match = _COUNT.search(heard.segment.text)
            if match is None or (heard.lang, heard.prompt) in told:
                continue
            told.add((heard.lang, heard.prompt))
            count = _COUNTED.get(match[1], MAX_COUNTED + 1)
            if count > MAX_COUNTED:
                message = f"The prompt '{heard.prompt}' says '{match[0]}'; only up to six options are counted."
                yield plan.in_catalog(heard.lang, heard.path, message, "Leave the count out.")
            elif count != options:
                message = f"The prompt '{heard.prompt}' says '{match[0]}', but menu '{stack[-1][1]}' has {options}."
                yield plan.in_catalog(heard.lang, heard.path, message, "Say the right count, or none.")


def _languages(plan: Plan, stack: Stack) -> list[str]:
    """Give the languages in which a call can be here: those of the hotlines that start with its first flow."""
    hotlines = plan.library.hotlines.hotlines.values()
    offered = {lang for hotline in hotlines if hotline.flow == stack[0][0] for lang in hotline.languages}
    return [lang for lang in plan.offered if lang in offered and lang in plan.library.catalogs]


def _heard(plan: Plan, stack: Stack, prompts: tuple[str, ...], *langs: str) -> Iterator[Heard]:
    """Give what is heard of some prompts here, in one language or in all that are offered here."""
    offered = _languages(plan, stack)
    for lang in langs or offered:
        file = plan.library.files[f"prompts/{lang}.yaml"]
        for prompt_id in prompts:
            prompt = plan.library.catalogs[lang].prompts.get(prompt_id)
            for place, segment in enumerate(prompt.segments if prompt else ()):
                if segment.lang == lang or segment.lang in offered:
                    path: Path = (prompt_id, place) if (prompt_id, place) in file.values else (prompt_id,)
                    yield Heard(lang, prompt_id, segment, path)


def _listener(plan: Plan, stack: Stack) -> Stack | None:
    """Give the place that listens next; the place itself where the call ends; None where a lookup comes before."""
    here = stack
    for _ in range(plan.fuse):
        node = plan.calls.node(here)
        match node:
            case MenuNode() | CollectNode() | HangupNode() | TransferNode():
                return here
            case LookupNode():
                return None
            case SayNode() | CallNode() | ReturnNode():
                following = [edge.target for edge in plan.calls.edges.get(here, ()) if edge.way == "walk"]
                if not following:
                    return None
                here = following[0]
    return None


def _dead(plan: Plan, stack: Stack, key: str) -> str:
    """Say why a key does nothing at the place that listens; nothing where it works."""
    node: Node = plan.calls.node(stack)
    match node:
        case MenuNode():
            return "" if plan.calls.key(stack, node, key) else f"menu '{stack[-1][1]}' does not take it"
        case CollectNode():
            if key in "*#":
                return ""
            if key == "0":
                return "" if plan.calls.inherited(stack, "0") else "no flow has a key 0"
            return f"collect '{stack[-1][1]}' takes it for a part of the entry"
        case TransferNode():
            return "the call is put through and no key is listened for"
        case _:
            return "the call ends"


def _first_menus(plan: Plan, start: Stack) -> Iterator[tuple[Stack, tuple[str, ...]]]:
    """Give the menus that a call comes to before any key, with all prompts that are heard until then."""
    waiting: list[tuple[Stack, tuple[str, ...]]] = [(start, ())]
    seen: set[Stack] = set()
    while waiting:
        stack, prompts = waiting.pop()
        if stack in seen:
            continue
        seen.add(stack)
        node = plan.calls.node(stack)
        if isinstance(node, MenuNode):
            yield stack, (*prompts, *node.say)
            continue
        heard = (*prompts, *node.say) if isinstance(node, SayNode) else prompts
        waiting += [(edge.target, heard) for edge in plan.calls.edges.get(stack, ()) if edge.way in ("walk", "answer")]


def _late(plan: Plan, stack: Stack, prompts: tuple[str, ...], lang: str, key: str, latest: int) -> Found | None:
    """Tell whether a key is named too late, or not at all, in what is heard up to the end of a menu."""
    so_far = 0
    heard = list(_heard(plan, stack, prompts, lang))
    names = [hotline.facts(lang)["hotline"] for hotline in plan.library.hotlines.hotlines.values()]
    longest = max(names, key=characters)
    for one in heard:
        for mention in keys_named(one.segment):
            if mention.key == key:
                before = one.segment.text[: mention.end].replace(_NAME, longest)
                length = so_far + characters(before)
                if length <= latest * CHARACTERS_A_SECOND:
                    return None
                message = (
                    f"Key {key} is named after {length} characters ({length / CHARACTERS_A_SECOND:.1f} seconds) in "
                    f"'{one.prompt}'; the latest is {latest} seconds."
                )
                return plan.in_catalog(one.lang, one.path, message, "Say it earlier, or shorten what comes before.")
        so_far += characters(one.segment.text.replace(_NAME, longest))
    if not heard:
        return None
    message = f"The main menu does not name key {key}."
    return plan.in_catalog(lang, (heard[-1].prompt,), message, f"Name it within {latest} seconds.")
