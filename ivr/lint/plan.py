"""What a rule sees: the library, what lookups and entries promise, and how to say where something is wrong."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from ivr.flow import (
    ANNOUNCEMENTS,
    Announcement,
    CallNode,
    CollectNode,
    Flow,
    HangupNode,
    LookupNode,
    MenuNode,
    Node,
    RecordNode,
    SayNode,
    TransferNode,
    Waiting,
)
from ivr.library import HOTLINES, Library
from ivr.lint.calls import Calls
from ivr.prompts import TERM, Prompt, Segment
from ivr.speech import LANGUAGES
from ivr.yamlfile import Path

HOTLINE_FACTS: Final = frozenset({"hotline", "hours"})
"""Facts that every prompt of a hotline may say, from hotlines.yaml."""

WHILE_WAITING: Final = ("position", "next", "minutes", "patience", "options")
"""What is said to those who wait in a queue; the first three can say these facts."""

QUEUE_FACTS: Final = frozenset({"n", "minutes"})

WRITTEN: Final = "text."
"""What the id of a text message begins with; the id of the prompt that it is about follows."""


class Promise(Protocol):
    """What a lookup declares: the facts that each outcome brings, and how it deals with secrets and verification."""

    @property
    def outcomes(self) -> Mapping[str, frozenset[str]]: ...
    @property
    def personal(self) -> bool: ...
    @property
    def verifies(self) -> bool: ...
    @property
    def takes_secret(self) -> bool: ...
    @property
    def hushed(self) -> bool: ...
    @property
    def proves(self) -> frozenset[str]: ...
    @property
    def forgets(self) -> frozenset[str]: ...
    @property
    def rows(self) -> Mapping[str, Mapping[str, frozenset[str]]]: ...
    @property
    def terms(self) -> Mapping[str, tuple[str, ...]]: ...
    @property
    def takes(self) -> Mapping[str, tuple[str, ...]]: ...


class Found(NamedTuple):
    """What a rule finds; its reason is the rule's own docstring."""

    file: str
    line: int
    column: int
    message: str
    remedy: str = ""


class Target(NamedTuple):
    """A place in a flow file that names a node: where it stands, and what it is in words."""

    path: Path
    what: str
    name: str
    by_key: bool = False


class Spoken(NamedTuple):
    """A place in a flow file that names a prompt."""

    path: Path
    node: str
    field: str
    prompt: str


class Voice(NamedTuple):
    """What one voice says in a prompt, and where its text stands."""

    lang: str
    prompt: Prompt
    segment: Segment
    path: Path


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything that is to be checked, and against what."""

    library: Library
    declared: Mapping[str, Promise]
    phrases: Collection[str]
    entry_outcomes: Mapping[str, Collection[str]]
    entry_wrongs: Mapping[str, Collection[str]]
    fuse: int
    _spoken: dict[int, tuple[Spoken, ...]] = field(init=False, repr=False, default_factory=dict)

    @cached_property
    def calls(self) -> Calls:
        """Give every way that a call can take, by every hotline."""
        return Calls(self.library)

    @cached_property
    def offered(self) -> tuple[str, ...]:
        """Give the languages that any hotline offers, in their usual order."""
        offered = {lang for hotline in self.library.hotlines.hotlines.values() for lang in hotline.languages}
        return tuple(lang for lang in LANGUAGES if lang in offered)

    @cached_property
    def known_prompts(self) -> frozenset[str]:
        return frozenset(name for catalog in self.library.catalogs.values() for name in catalog.prompts)

    @cached_property
    def terms(self) -> dict[str, set[str]]:
        """Give the facts that any prompt says by their terms, with the prompts that they can be."""
        facts = {
            name
            for catalog in self.library.catalogs.values()
            for prompt in catalog.prompts.values()
            for name, kind in prompt.variables
            if kind == TERM
        }
        sources = [*(promise.terms for promise in self.declared.values()), self.library.policy.terms]
        return {fact: {one for terms in sources for one in terms.get(fact, ())} for fact in facts}

    # --- where things stand ---

    def in_flow(self, flow: str, path: Path, message: str, remedy: str = "", *, key: bool = False) -> Found:
        """Note something in a flow file: at the value of ``path``, or at its key."""
        return self._in(f"flows/{flow}.yaml", path, message, remedy, key)

    def in_hotlines(self, path: Path, message: str, remedy: str = "", *, key: bool = False) -> Found:
        return self._in(HOTLINES, path, message, remedy, key)

    def in_catalog(self, lang: str, path: Path, message: str, remedy: str = "", *, key: bool = False) -> Found:
        """Note something in a prompt file; an empty path is the file as a whole."""
        if not path:
            return Found(self.library.files[f"prompts/{lang}.yaml"].name, 0, 0, message, remedy)
        return self._in(f"prompts/{lang}.yaml", path, message, remedy, key)

    def place_of(self, lang: str, prompt: str) -> str:
        """Name the place of a prompt in words: ``prompts/zh.yaml:12``."""
        file = self.library.files[f"prompts/{lang}.yaml"]
        return f"{file.name}:{file.key_at((prompt,)).line}"

    def _in(self, file: str, path: Path, message: str, remedy: str, key: bool) -> Found:
        read = self.library.files[file]
        line, column = read.key_at(path) if key else read.at(path)
        return Found(read.name, line, column, message, remedy)

    # --- what the files hold ---

    def nodes(self) -> Iterator[tuple[Flow, str, Node]]:
        """Give every node of every flow."""
        for flow in self.library.flows.values():
            for name, node in flow.nodes.items():
                yield flow, name, node

    def prompts_of(self, node_name: str, node: Node) -> tuple[Spoken, ...]:
        """Give every prompt that a node names. Asked at every place of every call, so a node is read once."""
        known = self._spoken.get(id(node))
        if known is None:
            known = self._spoken[id(node)] = tuple(self._prompts_of(node_name, node))
        return known

    def _prompts_of(self, node_name: str, node: Node) -> Iterator[Spoken]:
        for field_name in ("say", "repeat", "senior", "help", "kept"):
            for place, prompt in enumerate(getattr(node, field_name, ())):
                if prompt != ANNOUNCEMENTS:
                    yield Spoken(("nodes", node_name, field_name, place), node_name, field_name, prompt)
        match node:
            case CollectNode():
                for reason, prompt in node.wrong.items():
                    yield Spoken(("nodes", node_name, "wrong", reason), node_name, "wrong", prompt)
            case SayNode():
                for kind, prompt in node.rows.items():
                    yield Spoken(("nodes", node_name, "rows", kind), node_name, "rows", prompt)
            case MenuNode():
                for place, offer in enumerate(node.offers):
                    yield Spoken(("nodes", node_name, "offers", place, "say"), node_name, "offers", offer.say)
            case TransferNode(waiting=Waiting() as waiting):
                for said in WHILE_WAITING:
                    for place, prompt in enumerate(getattr(waiting, said)):
                        yield Spoken(("nodes", node_name, "waiting", said, place), node_name, said, prompt)

    def announcements(self) -> Iterator[tuple[str, Path, Announcement]]:
        """Give every announcement of every hotline: the hotline's name, and where the announcement stands."""
        for name, hotline in self.library.hotlines.hotlines.items():
            for place, announcement in enumerate(hotline.announcements):
                yield name, ("hotlines", name, "announcements", place), announcement

    def rows_of(self, node: LookupNode, outcome: str) -> Mapping[str, frozenset[str]]:
        """Give the kinds of entries that an outcome brings, with the facts of each; none where it brings no list."""
        promise = self.declared.get(node.call)
        return promise.rows.get(outcome, {}) if promise else {}

    def rows_into(self, flow: Flow, say: str) -> Iterator[Mapping[str, frozenset[str]]]:
        """Give the lists that lookups bring to a say node."""
        for node in flow.nodes.values():
            if isinstance(node, LookupNode):
                lists = (self.rows_of(node, outcome) for outcome, target in node.outcomes.items() if target == say)
                yield from (rows for rows in lists if rows)

    def voices(self, *langs: str, written: bool = False) -> Iterator[Voice]:
        """Give every text of every catalog that is spoken in one of these languages (all, if none is named).

        Text messages, which nobody speaks, are among them only where ``written``.
        """
        for catalog in self.library.catalogs.values():
            for prompt in catalog.prompts.values():
                if prompt.id.startswith(WRITTEN) and not written:
                    continue
                file = self.library.files[f"prompts/{catalog.lang}.yaml"]
                for place, segment in enumerate(prompt.segments):
                    if not langs or segment.lang in langs:
                        path: Path = (prompt.id, place) if (prompt.id, place) in file.values else (prompt.id,)
                        yield Voice(catalog.lang, prompt, segment, path)


def targets(flow: Flow) -> Iterator[Target]:
    """Give every place in a flow that names one of its nodes."""
    yield Target(("start",), "the start leads", flow.start)
    if flow.lost:
        yield Target(("lost",), "callers who are lost are sent", flow.lost)
    for key, name in flow.keys.items():
        yield Target(("keys", key), f"key {key} leads", name, by_key=True)
    for node_name, node in flow.nodes.items():
        here: Path = ("nodes", node_name)
        match node:
            case SayNode():
                yield Target((*here, "to"), f"node '{node_name}' leads", node.to)
            case MenuNode():
                for key, name in node.keys.items():
                    yield Target((*here, "keys", key), f"key {key} of menu '{node_name}' leads", name, by_key=True)
                if node.any:
                    yield Target((*here, "any"), f"any other key in menu '{node_name}' leads", node.any, by_key=True)
                for place, offer in enumerate(node.offers):
                    what = f"key {offer.key} of menu '{node_name}' leads for some days"
                    yield Target((*here, "offers", place, "to"), what, offer.to, by_key=True)
                if node.silent:
                    yield Target((*here, "silent"), f"a silence in menu '{node_name}' leads", node.silent)
            case CollectNode() | LookupNode() | TransferNode() | RecordNode():
                waiting = node.waiting.keys if isinstance(node, TransferNode) and node.waiting else {}
                for key, name in waiting.items():
                    what = f"key {key} in the queue of transfer '{node_name}' leads"
                    yield Target((*here, "waiting", "keys", key), what, name, by_key=True)
                for outcome, name in node.outcomes.items():
                    yield Target(
                        (*here, "outcomes", outcome), f"outcome '{outcome}' of {node.kind} '{node_name}' leads", name
                    )
            case CallNode():
                for outcome, name in node.returns.items():
                    yield Target((*here, "returns", outcome), f"return '{outcome}' of call '{node_name}' leads", name)
            case HangupNode() | _:
                pass
