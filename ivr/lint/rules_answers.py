"""Rules about answers: the sum first, never without its day, and a refusal that tells nobody what was refused."""

import re
from collections.abc import Collection, Iterator
from typing import Final

from ivr.facts import FACTS
from ivr.flow import CollectNode, LookupNode, SayNode, TransferNode
from ivr.lint.calls import Stack
from ivr.lint.plan import Found, Plan
from ivr.lint.spoken import literals

DAY: Final = "as_of"
"""The fact that tells of which day an answer is."""

_GIVES_AWAY: Final = re.compile(
    r"(?:密码|密碼|验证码|驗證碼)(?:不正确|不正確|错误|錯誤|不对|不對|唔啱|唔對|有误|有誤)"
    r"|(?:号码|號碼|账户|帐户|賬戶|帳戶)(?:不存在|没有登记|沒有登記|冇登記|未登记|未登記|没有注册|未注册|已?被?[锁鎖])"
    r"|(?:password|code) (?:is|was) (?:wrong|incorrect|not (?:right|correct))"
    r"|(?:wrong|incorrect|invalid) (?:password|code)"
    r"|(?:number|account) (?:is|was|has been) (?:unknown|locked|not (?:known|registered|found))",
    re.IGNORECASE,
)

_PROOFS: Final = ("password", "code")
"""Entries by which callers prove who they are."""


def answer_without_its_day(plan: Plan) -> Iterator[Found]:
    """Every answer has its day: a sum of last month is taken for one of today, and somebody pays by it."""
    told: set[tuple[str, str, str]] = set()
    says = {
        prompt.id: {name for name, _ in prompt.variables}
        for catalog in plan.library.catalogs.values()
        for prompt in catalog.prompts.values()
    }
    for stack, edges in plan.calls.edges.items():
        (flow, name), node = stack[-1], plan.calls.node(stack)
        if not isinstance(node, LookupNode) or node.call not in plan.declared:
            continue
        for edge in edges:
            rows = plan.rows_of(node, edge.label).values()
            brings = frozenset().union(plan.declared[node.call].outcomes.get(edge.label, frozenset()), *rows)
            if DAY not in brings or (flow, name, edge.label) in told:
                continue
            told.add((flow, name, edge.label))
            places = list(plan.calls.by_itself(edge.target))
            said = {
                spoken.prompt for place in places for spoken in plan.prompts_of(place[-1][1], plan.calls.node(place))
            }
            facts = frozenset().union(*(says.get(prompt, ()) for prompt in said))
            if DAY not in facts and said <= plan.known_prompts and (facts & brings or _answers(plan, places)):
                message = f"Outcome '{edge.label}' of lookup '{name}' is told without its day, {{{DAY}:date}}."
                remedy = f"Say {{{DAY}:date}} in a prompt of the answer, after the sum."
                yield plan.in_flow(flow, ("nodes", name, "outcomes", edge.label), message, remedy)


def _answers(plan: Plan, places: Collection[Stack]) -> bool:
    """Tell whether something is answered here that says no fact, and it is not left to a human."""
    kinds = {type(plan.calls.node(place)) for place in places}
    return SayNode in kinds and TransferNode not in kinds


def day_before_sum(plan: Plan) -> Iterator[Found]:
    """The sum comes first, its day after it: whoever calls for a sum is to hear it at once."""
    for voice in plan.voices():
        names = [variable.name for variable in voice.segment.variables()]
        sums = [place for place, name in enumerate(names) if FACTS.get(name) == "a sum"]
        if DAY in names and sums and names.index(DAY) < sums[0]:
            message = f"The prompt '{voice.prompt.id}' says {{{DAY}}} before {{{names[sums[0]]}}}."
            yield plan.in_catalog(voice.lang, voice.path, message, f"Say {{{names[sums[0]]}}} first.")


def refusal_that_tells(plan: Plan) -> Iterator[Found]:
    """Wrong password, unknown number and locked account sound the same, or whoever tries learns which numbers exist."""
    heard = set(_heard_in_verification(plan))
    for voice in plan.voices():
        if voice.prompt.id not in heard:
            continue
        if match := next(filter(None, map(_GIVES_AWAY.search, literals(voice.segment))), None):
            message = f"The prompt '{voice.prompt.id}' says '{match[0]}', and so tells what was wrong."
            remedy = "Say that it was not verified, and no more: 没有通过验证, could not be verified."
            yield plan.in_catalog(voice.lang, voice.path, message, remedy)


def _heard_in_verification(plan: Plan) -> Iterator[str]:
    """Give what flows say that ask for a password or a code, and what is said wherever one was not taken.

    Of what a website says about a wrong password everybody may hear.
    """
    asking = {flow.flow for flow, _, node in plan.nodes() if isinstance(node, CollectNode) and node.entry in _PROOFS}
    for flow, name, node in plan.nodes():
        if flow.flow in asking:
            yield from (spoken.prompt for spoken in plan.prompts_of(name, node))
    for stack, edges in plan.calls.edges.items():
        node = plan.calls.node(stack)
        promise = plan.declared.get(node.call) if isinstance(node, LookupNode) else None
        if promise is None or not promise.verifies:
            continue
        for edge in edges:
            for place in plan.calls.by_itself(edge.target) if edge.label not in promise.proves else ():
                yield from (spoken.prompt for spoken in plan.prompts_of(place[-1][1], plan.calls.node(place)))
