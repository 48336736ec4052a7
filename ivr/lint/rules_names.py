"""Rules about names: every node, prompt, lookup, flow and agent group that a file names exists."""

from collections.abc import Iterator
from typing import Final

from ivr.flow import AGAIN, CallNode, LookupNode, TransferNode
from ivr.lint.plan import WRITTEN, Found, Plan, targets
from ivr.problems import did_you_mean, listed

_WRITE_IT: Final = "Write the prompt in every prompt file, or name one that is there."


def unknown_node(plan: Plan) -> Iterator[Found]:
    """A call that comes here would break off, because there is nowhere to go."""
    for flow in plan.library.flows.values():
        for target in targets(flow):
            if target.name in flow.nodes:
                continue
            if target.name == AGAIN:
                if not target.by_key:
                    yield plan.in_flow(
                        flow.flow,
                        target.path,
                        f"{_sentence(target.what)} to '{AGAIN}', but only a key can.",
                        "Name a node; a menu says its options again by itself after a silence.",
                    )
                continue
            near = did_you_mean(target.name, [*flow.nodes, AGAIN])
            yield plan.in_flow(
                flow.flow,
                target.path,
                f"{_sentence(target.what)} to '{target.name}', which is no node of flow '{flow.flow}'.{near}",
                f"The nodes are {listed(flow.nodes)}.",
            )


def unknown_prompt(plan: Plan) -> Iterator[Found]:
    """A prompt that no catalog has cannot be spoken; the caller would hear silence."""
    for flow, name, node in plan.nodes():
        for spoken in plan.prompts_of(name, node):
            if spoken.prompt not in plan.known_prompts:
                near = did_you_mean(spoken.prompt, plan.known_prompts)
                yield plan.in_flow(
                    flow.flow,
                    spoken.path,
                    f"{_sentence(node.kind)} '{name}' says '{spoken.prompt}', which no prompt file has.{near}",
                    _WRITE_IT,
                )
    for name, path, announcement in plan.announcements():
        if announcement.say not in plan.known_prompts:
            near = did_you_mean(announcement.say, plan.known_prompts)
            message = f"Hotline '{name}' announces '{announcement.say}', which no prompt file has.{near}"
            yield plan.in_hotlines((*path, "say"), message, _WRITE_IT)


def unknown_lookup(plan: Plan) -> Iterator[Found]:
    """A lookup is written by developers; a name that they did not declare has no answer."""
    for flow, name, node in plan.nodes():
        if isinstance(node, LookupNode) and node.call not in plan.declared:
            yield plan.in_flow(
                flow.flow,
                ("nodes", name, "call"),
                f"Lookup '{name}' asks '{node.call}', which is no lookup.{did_you_mean(node.call, plan.declared)}",
                f"The lookups are {listed(sorted(plan.declared))}.",
            )


def unknown_flow(plan: Plan) -> Iterator[Found]:
    """A flow without a file cannot be entered."""
    flows = plan.library.flows
    remedy = f"The flows are {listed(sorted(flows))}."
    for flow, name, node in plan.nodes():
        if isinstance(node, CallNode) and node.flow not in flows:
            message = f"Call '{name}' enters flow '{node.flow}', which has no file.{did_you_mean(node.flow, flows)}"
            yield plan.in_flow(flow.flow, ("nodes", name, "flow"), message, remedy)
    for name, hotline in plan.library.hotlines.hotlines.items():
        for field, first in (("flow", hotline.flow), ("agents_only", hotline.agents_only)):
            if first is not None and first not in flows:
                message = f"Hotline '{name}' starts with flow '{first}', which has no file.{did_you_mean(first, flows)}"
                yield plan.in_hotlines(("hotlines", name, field), message, remedy)


def unknown_group(plan: Plan) -> Iterator[Found]:
    """A transfer rings the humans of a group; where nobody is on duty the group is empty, but it is there."""
    for start, hotlines in plan.calls.starts().items():
        transfers = {
            (node.group, *stack[-1])
            for stack in plan.calls.edges
            if stack[0][0] == start[0][0] and isinstance(node := plan.calls.node(stack), TransferNode)
        }
        for name in hotlines:
            groups = plan.library.hotlines.hotlines[name].agents
            for group, flow, node_name in sorted(transfers):
                if group not in groups:
                    near = did_you_mean(group, groups)
                    yield plan.in_flow(
                        flow,
                        ("nodes", node_name, "group"),
                        f"Transfer '{node_name}' asks for the group '{group}', which hotline '{name}' lacks.{near}",
                        f"Hotline '{name}' has {listed(sorted(groups), nothing='no groups')}; "
                        f"write '{group}' there, with 'numbers: []' where nobody is on duty.",
                    )


def missing_phrase(plan: Plan) -> Iterator[Found]:
    """The hotline says this by itself, in every flow: when a key is wrong, a caller is silent, or a line fails."""
    for lang, catalog in plan.library.catalogs.items():
        for phrase in plan.phrases:
            if phrase not in catalog.prompts:
                near = did_you_mean(phrase, set(catalog.prompts) - set(plan.phrases))
                yield plan.in_catalog(lang, (), f"The prompt '{phrase}' is missing.{near}", f"Write '{phrase}: …'.")
            elif variables := catalog.prompts[phrase].variables:
                names = sorted(name for name, _ in variables)
                yield plan.in_catalog(
                    lang, (phrase,), f"'{phrase}' needs {listed(names)}, but is said without any facts.", "Take it out."
                )


def unused_prompt(plan: Plan) -> Iterator[Found]:
    """A prompt that nothing says is a sentence that somebody changes in vain."""
    used = {spoken.prompt for _, name, node in plan.nodes() for spoken in plan.prompts_of(name, node)}
    used |= {announcement.say for _, _, announcement in plan.announcements()}
    used.update(plan.phrases, *plan.terms.values())
    for lang, catalog in plan.library.catalogs.items():
        for prompt in catalog.prompts:
            if prompt not in used and not prompt.startswith(WRITTEN):
                message = f"No flow says the prompt '{prompt}'."
                yield plan.in_catalog(lang, (prompt,), message, "Take it out, or say it in a flow.", key=True)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
