"""What a caller hears at a place of a call, in each language and at each hotline, and which keys work there."""

from collections.abc import Iterator
from typing import NamedTuple

from ivr.flow import (
    ANNOUNCEMENTS,
    LANGUAGE_KEYS,
    CallNode,
    CollectNode,
    HangupNode,
    LookupNode,
    MenuNode,
    RecordNode,
    ReturnNode,
    SayNode,
    TransferNode,
    Waiting,
)
from ivr.lint.calls import Stack
from ivr.lint.plan import Plan
from ivr.prompts import Segment
from ivr.yamlfile import Path


class Ear(NamedTuple):
    """One way to hear a hotline: the language a call is in, and the languages that the hotline offers."""

    lang: str
    offered: tuple[str, ...]


class Heard(NamedTuple):
    """A text that a caller hears: in which catalog and prompt it stands, and where."""

    lang: str
    prompt: str
    segment: Segment
    path: Path


def ears(plan: Plan, stack: Stack) -> list[Ear]:
    """Give every way to hear the hotlines that start with the first flow of this stack."""
    found = {
        Ear(lang, hotline.languages)
        for hotline in plan.library.hotlines.hotlines.values()
        if stack[0][0] in hotline.first_flows
        for lang in hotline.languages
        if lang in plan.library.catalogs
    }
    return sorted(found, key=lambda ear: (plan.offered.index(ear.lang), ear.offered))


def heard(plan: Plan, prompts: tuple[str, ...], ear: Ear) -> Iterator[Heard]:
    """Give what is heard of some prompts; other voices are only heard where their language is offered."""
    file = plan.library.files[f"prompts/{ear.lang}.yaml"]
    for prompt_id in prompts:
        prompt = plan.library.catalogs[ear.lang].prompts.get(prompt_id)
        for place, segment in enumerate(prompt.segments if prompt else ()):
            if segment.lang == ear.lang or segment.lang in ear.offered:
                path: Path = (prompt_id, place) if (prompt_id, place) in file.values else (prompt_id,)
                yield Heard(ear.lang, prompt_id, segment, path)


def of_a_day(plan: Plan, stack: Stack, prompts: tuple[str, ...]) -> tuple[str, ...]:
    """Put announcements where a menu has their place: all those of the hotline that has the most."""
    if ANNOUNCEMENTS not in prompts:
        return prompts
    most: tuple[str, ...] = ()
    for hotline in plan.library.hotlines.hotlines.values():
        if stack[0][0] in hotline.first_flows and len(hotline.announcements) > len(most):
            most = tuple(one.say for one in hotline.announcements)
    place = prompts.index(ANNOUNCEMENTS)
    return (*prompts[:place], *most, *prompts[place + 1 :])


def takes(plan: Plan, stack: Stack, node: MenuNode, key: str, ear: Ear) -> bool:
    """Tell whether a key does something in a menu; 7 and 8 switch to the other languages that are offered."""
    return plan.calls.key(stack, node, key) is not None or LANGUAGE_KEYS[ear.lang].get(key) in ear.offered


def listener(plan: Plan, stack: Stack) -> Stack | None:
    """Give the place that listens next; the one where the call ends; None where a lookup comes before."""
    here = stack
    for _ in range(plan.fuse):
        match plan.calls.node(here):
            case LookupNode():
                return None
            case SayNode() | CallNode() | ReturnNode():
                following = [edge.target for edge in plan.calls.edges.get(here, ()) if edge.way == "walk"]
                if not following:
                    return None
                here = following[0]
            case _:
                return here
    return None


def why_dead(plan: Plan, stack: Stack, key: str, ear: Ear) -> str:
    """Say why a key does nothing at the place that listens; nothing where it works."""
    name = stack[-1][1]
    match plan.calls.node(stack):
        case MenuNode() as menu:
            return "" if takes(plan, stack, menu, key, ear) else f"menu '{name}' does not take it"
        case CollectNode():
            if key in "*#" or (key == "0" and plan.calls.inherited(stack, "0")):
                return ""
            return "no flow has a key 0" if key == "0" else f"collect '{name}' takes it for a part of the entry"
        case RecordNode():
            return "" if key in "*#" else f"record '{name}' takes it for a part of the message"
        case TransferNode(waiting=Waiting() as waiting):
            works = waiting.target(key) is not None or LANGUAGE_KEYS[ear.lang].get(key) in ear.offered
            return "" if works else f"the queue of transfer '{name}' does not take it"
        case HangupNode():
            return "the call ends"
        case _:
            return "the call is put through and no key is listened for"


def first_menus(plan: Plan, start: Stack) -> Iterator[tuple[Stack, MenuNode, tuple[str, ...]]]:
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
            yield stack, node, (*prompts, *of_a_day(plan, stack, node.say))
            continue
        so_far = (*prompts, *node.say) if isinstance(node, SayNode) else prompts
        waiting += [(edge.target, so_far) for edge in plan.calls.edges.get(stack, ()) if edge.way in ("walk", "answer")]
