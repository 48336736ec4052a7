"""Every way through the flows is walked by a call script: what nobody has heard nobody knows to work."""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple, get_args

import pytest
from call_scripts import scripts
from engine_caller import EngineCaller

from ivr import flow as nodes
from ivr.call import Edge
from ivr.call_records.ways import edges_of
from ivr.engine import PHRASES
from ivr.library import Library, default_dirs, load
from ivr.lint.plan import WHILE_WAITING
from ivr.lookups import DECLARED
from ivr.validators import WRONG_REASONS
from ivr.weakness import WEAK_REASONS
from ivr.whispers import WHISPERS

LIBRARY = load(*default_dirs())

SPOKEN_BY_THE_DRIVER = {"wait", "trouble.retry", "trouble.sorry", "call.shed", *WHISPERS}
"""Heard where work is slow, lost or broken, or too many call, or by agents, which no call script brings about."""


class Walked(NamedTuple):
    """What all call scripts together have walked, heard and been refused for."""

    edges: frozenset[Edge]
    prompts: frozenset[tuple[str, str]]
    weak: frozenset[str]


@pytest.fixture(scope="module")
def walked() -> Walked:
    async def play_all() -> list[EngineCaller]:
        callers = [EngineCaller(LIBRARY, script) for script in scripts()]
        for caller in callers:
            await caller.plays()
        return callers

    callers = asyncio.run(play_all())
    return Walked(
        frozenset[Edge]().union(*(caller.walked for caller in callers)),
        frozenset[tuple[str, str]]().union(*(caller.spoken for caller in callers)),
        frozenset[str]().union(*(caller.weak for caller in callers)),
    )


def prompts_of(library: Library) -> Iterator[str]:
    """Give every prompt that the flows or the engine may speak."""
    yield from set(PHRASES) - SPOKEN_BY_THE_DRIVER
    for flow in library.flows.values():
        for node in flow.nodes.values():
            for field in ("say", "repeat", "senior", "help", "kept"):
                yield from (prompt for prompt in getattr(node, field, ()) if prompt != nodes.ANNOUNCEMENTS)
            if isinstance(node, nodes.TransferNode) and node.waiting:
                yield from (prompt for field in WHILE_WAITING for prompt in getattr(node.waiting, field))
            for field in ("rows", "wrong"):
                yield from getattr(node, field, {}).values()


def shown(edges: set[Edge]) -> str:
    return "\n".join(sorted(f"flows/{flow}.yaml: {node or '(the whole flow)'} -{via}->" for flow, node, via in edges))


def test_every_edge_of_the_flows_is_walked(walked: Walked) -> None:
    unwalked = set(edges_of(LIBRARY)) - walked.edges
    assert not unwalked, f"No call script walks these:\n{shown(unwalked)}"


def test_nothing_is_walked_that_the_flows_do_not_have(walked: Walked) -> None:
    unknown = set(walked.edges) - set(edges_of(LIBRARY))
    assert not unknown, f"Call scripts walk what is not in the flows:\n{shown(unknown)}"


def test_every_outcome_of_every_lookup_is_met_in_a_call(walked: Walked) -> None:
    left = [(LIBRARY.flows[flow].nodes[node], via) for flow, node, via in walked.edges if node]
    met = {(node.call, via) for node, via in left if isinstance(node, nodes.LookupNode)}
    declared = {(name, outcome) for name, one in DECLARED.items() for outcome in one.outcomes}
    assert declared - met == set()


def test_every_kind_of_node_is_in_the_flows() -> None:
    union, *_ = get_args(nodes.Node)
    used = {type(node) for flow in LIBRARY.flows.values() for node in flow.nodes.values()}
    assert set(get_args(union)) - used == set()


def test_every_reason_to_refuse_a_number_is_told_in_a_call(walked: Walked) -> None:
    told = {edge.via.removeprefix("wrong ") for edge in walked.edges if edge.via.startswith("wrong ")}
    assert set(WRONG_REASONS) - told == set()


def test_every_reason_to_refuse_a_password_is_met_in_a_call(walked: Walked) -> None:
    assert walked.weak == {*WEAK_REASONS, "must_change"}


def test_every_prompt_is_heard_in_a_call(walked: Walked) -> None:
    heard = {prompt for prompt, _ in walked.prompts}
    assert set(prompts_of(LIBRARY)) - heard == set()


def test_every_language_that_is_offered_is_heard_in_a_call(walked: Walked) -> None:
    offered = {lang for hotline in LIBRARY.hotlines.hotlines.values() for lang in hotline.languages}
    assert {lang for _, lang in walked.prompts} == offered
