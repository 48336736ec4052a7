"""Rules about queues: who waits hears where, may leave by the keys that are named, and can be reached by somebody."""

from collections.abc import Iterator

from ivr.flow import TransferNode
from ivr.lint.heard import ears, heard
from ivr.lint.plan import Found, Plan
from ivr.lint.rules_keys import LANGUAGE_SWITCHES, UNSPOKEN
from ivr.lint.spoken import keys_named
from ivr.problems import listed


def queue_in_silence(plan: Plan) -> Iterator[Found]:
    """Who waits without a word hangs up; a transfer to a group with a queue has to say what is heard there."""
    told: set[tuple[str, str]] = set()
    for stack in plan.calls.edges:
        node, (flow, name) = plan.calls.node(stack), stack[-1]
        if not isinstance(node, TransferNode) or node.waiting is not None or stack[-1] in told:
            continue
        for hotline_name, hotline in plan.library.hotlines.hotlines.items():
            group = hotline.agents.get(node.group)
            if stack[0][0] in hotline.first_flows and group is not None and group.queue:
                told.add(stack[-1])
                message = f"Transfer '{name}' says nothing to who waits for '{node.group}' of hotline '{hotline_name}'."
                remedy = "Write 'waiting: …' there, or take 'queue: true' from the group."
                yield plan.in_flow(flow, ("nodes", name), message, remedy, key=True)


def queue_for_nobody(plan: Plan) -> Iterator[Found]:
    """Agents take callers at phones that are among the group's numbers; without any, nobody ever comes out of it."""
    for name, hotline in plan.library.hotlines.hotlines.items():
        for group, agents in hotline.agents.items():
            if agents.queue and not agents.numbers:
                message = f"Group '{group}' of hotline '{name}' has a queue, but no numbers at which agents are rung."
                yield plan.in_hotlines(("hotlines", name, "agents", group, "queue"), message, "Write its numbers.")


def unnamed_key_in_queue(plan: Plan) -> Iterator[Found]:
    """Who waits has time to hear what the keys are for; one that is not named is pressed by nobody."""
    told: set[tuple[str, str, str]] = set()
    for stack in plan.calls.edges:
        node, (flow, name) = plan.calls.node(stack), stack[-1]
        if not isinstance(node, TransferNode) or node.waiting is None:
            continue
        options = node.waiting.options
        for ear in ears(plan, stack) if plan.known_prompts.issuperset(options) else ():
            named = {mention.key for one in heard(plan, options, ear) for mention in keys_named(one.segment)}
            for key in sorted(set(node.waiting.keys) - (UNSPOKEN - {"*"}) - named):
                if (flow, name, key) not in told:
                    told.add((flow, name, key))
                    path = ("nodes", name, "waiting", "keys", key)
                    message = f"The queue of transfer '{name}' takes key {key}, but does not name it ({ear.lang})."
                    yield plan.in_flow(flow, path, message, f"Name it in {listed(options)}, or take it out.", key=True)


def language_key_in_queue(plan: Plan) -> Iterator[Found]:
    """7 and 8 switch the language of who waits, too."""
    for flow, name, node in plan.nodes():
        taken = (
            LANGUAGE_SWITCHES.intersection(node.waiting.keys) if isinstance(node, TransferNode) and node.waiting else ()
        )
        for key in sorted(taken):
            message = f"The queue of transfer '{name}' uses key {key}, which switches the language."
            path = ("nodes", name, "waiting", "keys", key)
            yield plan.in_flow(flow.flow, path, message, "Give the option another key.", key=True)
