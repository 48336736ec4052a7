"""Walking a flow: from node to node until the call has to wait, saying on the way what the nodes say."""

from datetime import UTC, date, datetime, timedelta, timezone
from functools import cached_property
from typing import assert_never

from msgspec.structs import replace

from ivr import flow as nodes
from ivr.ages import is_senior
from ivr.call import Ask, Dial, Edge, End, Facts, Next, Record, Rows, Said, Session, Turn, Utterance
from ivr.duty.calendar import on_duty
from ivr.lasting import nothing_left
from ivr.library import Library
from ivr.pace import listening
from ivr.prompts import speak

FUSE = 100
"""Nodes that one step may walk; the lint proves that no flow needs more, the fuse stops what it missed."""

HUMAN_OFFERED = "0"
"""Among what was heard: that a human was offered, as slow mode does once in a call."""

MOST_SERVICES = 12
"""So many of the last services that were chosen in a call are remembered."""

CHINA = timezone(timedelta(hours=8))


def china_time(now: int) -> datetime:
    """Give China's time at an instant in milliseconds since 1970: agents' hours hold by it."""
    return datetime.fromtimestamp(now / 1000, UTC).astimezone(CHINA)


def china_day(now: int) -> date:
    """Give the day in China at an instant in milliseconds since 1970: birth dates and offers hold by it."""
    return china_time(now).date()


class FlowStuckError(RuntimeError):
    """A step walked too many nodes, or a flow returned to nobody: a fault that the lint should have told."""


class Walk:
    """One step under way: the session as it changes, and what has been said so far. `now` is ms since 1970."""

    def __init__(self, library: Library, session: Session, now: int) -> None:
        self.library = library
        self.session = session
        self.now = now
        self.hotline = library.hotlines.hotlines[session.hotline]
        self.say: list[Utterance] = []
        self.path: list[Edge] = []
        self.rows: Rows = ()
        self.aside = False  # what is said now is said of the answer, and no part of it: key 9 does not say it again

    def leave(self, via: str, *, node: str | None = None) -> None:
        """Note the edge by which the current node (or, as '', the current flow) is left."""
        flow, here = self.session.stack[-1]
        self.path.append(Edge(flow, here if node is None else node, via))

    def turn(self, what: Next) -> Turn:
        """Close the step: all that was said, the one thing that is done, and the way here."""
        return Turn(tuple(self.say), what, tuple(self.path))

    def go(self, name: str, *, secret: str | None = None, personal: bool = False, fresh: bool = False) -> Turn:
        """Walk from a node of the current flow until the call has to wait. `fresh`: a key led here.

        What was answered stays for key 9 while the call only goes from menu to menu.
        """
        if fresh:
            node = self.flow().nodes[name]
            keeps = isinstance(node, nodes.MenuNode) or (isinstance(node, nodes.LookupNode) and node.keep)
            self.change(said=tuple(one for one in self.session.said if one.lead) if keeps else (), repeats=0)
        for _ in range(FUSE):
            flow, here = self.session.stack[-1]
            if name != here:
                self.change(stack=(*self.session.stack[:-1], (flow, name)))
            node = self.node()
            match node:
                case nodes.SayNode():
                    if self.session.in_service:
                        self.change(answered=True)
                    self.speak(node.say, lead=not self.aside, personal=personal)
                    for kind, facts in self.rows if node.rows else ():
                        self.speak((node.rows[kind],), lead=not self.aside, personal=personal, facts=facts)
                    self.leave("to")
                    name = node.to
                case nodes.MenuNode():
                    return self.prompt(node)
                case nodes.CollectNode():
                    if self.session.in_service:
                        self.change(answered=False)  # what was said was why it is asked for, or about another number
                    return self.prompt(node)
                case nodes.LookupNode():
                    if node.give:
                        self.change(facts={**self.session.facts, **node.give})
                    return self.turn(Ask(node.call, secret))
                case nodes.CallNode():
                    if len(self.session.stack) == 1 and not self.library.flows[node.flow].transfers:
                        services = (*self.session.services, name)[-MOST_SERVICES:]
                        self.change(asked=name, answered=False, services=services)
                    name = self.library.flows[node.flow].start
                    self.change(stack=(*self.session.stack, (node.flow, name)))
                case nodes.ReturnNode():
                    self.unwind(len(self.session.stack) - 1)
                    caller = self.node()
                    if not isinstance(caller, nodes.CallNode):
                        raise FlowStuckError(f"Flow '{self.flow().flow}' has no node that called what returned.")
                    self.leave(node.outcome)
                    name = caller.returns[node.outcome]
                case nodes.TransferNode():
                    group = self._group_of(node)
                    if not self.on_duty(group):
                        self.leave("off_duty")
                        name = node.outcomes["off_duty"]
                        continue
                    self.speak(node.say)
                    return self.turn(Dial(group))
                case nodes.RecordNode():
                    self.speak(node.say)
                    return self.turn(Record(node.longest))
                case nodes.HangupNode():
                    return self.end(node.say)
                case _:
                    assert_never(node)
        raise FlowStuckError(f"Flow '{self.flow().flow}' walked {FUSE} nodes in one turn; the last one was '{name}'.")

    def enter(self, flow: str) -> Turn:
        """Begin a flow on top of the stack."""
        start = self.library.flows[flow].start
        self.change(stack=(*self.session.stack, (flow, start)))
        return self.go(start)

    def unwind(self, depth: int) -> None:
        """Leave all flows above this depth of the stack."""
        self.change(stack=self.session.stack[:depth])

    def inherited(self, key: str) -> tuple[int, str] | None:
        """Give the depth and node that a key leads to by the flows on the stack, the innermost first."""
        for depth in range(len(self.session.stack), 0, -1):
            name = self.library.flows[self.session.stack[depth - 1][0]].target(key)
            if name is not None:
                return depth, name
        return None

    # --- budgets ---

    def silence(self, instead: tuple[str, ...] = (), facts: Facts | None = None) -> Turn:
        """Count a silence, slow down and say it again, or `instead` (an unfinished number costs one silence too)."""
        silences = self.session.silences + 1
        self.change(silences=silences, all_silences=self.session.all_silences + 1, slow=True)
        if silences >= self.hotline.limits.silences:
            return self.lost("silence.spent")
        if instead:
            return self.told(instead, facts=facts)
        phrase = "silence.first" if silences == 1 else "silence.again"
        human = self._offer_of_a_human() if silences > 1 or self.senior() else ()
        return self.told((phrase, *human), also_prompt=True)

    def wrong(self, prompts: tuple[str, ...], *, facts: Facts | None = None, also_prompt: bool = False) -> Turn:
        """Count a wrong key or a malformed entry and say what was wrong."""
        wrongs = self.session.wrongs + 1
        self.change(wrongs=wrongs)
        if wrongs >= self.hotline.limits.wrong_keys:
            return self.lost("key.spent")
        return self.told(prompts, facts=facts, also_prompt=also_prompt)

    def lost(self, phrase: str) -> Turn:
        """Give up asking: go where the nearest flow up the stack sends callers whose budget is spent."""
        self.change(silences=0, wrongs=0, kept="", swallow="", said=())
        for depth in range(len(self.session.stack), 0, -1):
            name = self.library.flows[self.session.stack[depth - 1][0]].lost
            if name is not None:
                self.speak((phrase,))
                self.unwind(depth)
                self.leave("lost", node="")
                return self.go(name)
        return self.end((phrase, "goodbye"))

    # --- listening ---

    def prompt(self, node: nodes.MenuNode | nodes.CollectNode, *, long: bool = False) -> Turn:
        """Say a node's own prompt, long the first time, and listen. Menus with one short form are one to the caller."""
        if nothing_left(self.session, self.hotline.limits, self.library.flows):
            return self.end(("goodbye",))
        short = " ".join(node.repeat)
        say = node.repeat if short in self.session.heard and not long else node.say
        if short and short not in self.session.heard:
            self.change(heard=self.session.heard | {short})
        if isinstance(node, nodes.MenuNode) and self._opens_with_a_human(node):
            say = node.senior
        self.speak(self._of_today(say))
        if isinstance(node, nodes.MenuNode):
            self.speak(tuple(offer.say for offer in node.offers if self.holds(offer)))
        return self.listen(node)

    def _opens_with_a_human(self, node: nodes.Node) -> bool:
        return isinstance(node, nodes.MenuNode) and bool(node.senior) and self.senior()

    def _of_today(self, prompts: tuple[str, ...]) -> tuple[str, ...]:
        """Put the hotline's announcements of the day where a menu has their place."""
        if nodes.ANNOUNCEMENTS not in prompts:
            return prompts
        today = tuple(one.say for one in self.hotline.announcements if self.holds(one))
        at = prompts.index(nodes.ANNOUNCEMENTS)
        return prompts[:at] + today + prompts[at + 1 :]

    def holds(self, what: nodes.Offer | nodes.Announcement) -> bool:
        """Tell whether this is a day of an offer or an announcement."""
        return (what.first is None or what.first <= self.today) and self.today <= what.last

    @cached_property
    def today(self) -> date:
        """Give the day in China, by which a menu's offers and announcements are chosen; found once in a step."""
        return china_day(self.now)

    def _group_of(self, node: nodes.TransferNode) -> str:
        """Give the group to put a caller through to: while a place is kept, the one to which an agent handed over."""
        place = self.session.place
        return place.group if place is not None and place.is_for(node.group, self.now) else node.group

    def on_duty(self, name: str, at: int | None = None) -> bool:
        """Tell whether a group of this hotline has anybody to ring: now, or at an instant in ms since 1970."""
        group = self.hotline.agents.get(name)
        if group is None or not group.numbers:
            return False
        return on_duty(group.duty, self.library.working_days, china_time(self.now if at is None else at))

    def senior(self) -> bool:
        """Tell whether the caller is known to be 60 or over."""
        return is_senior(self.session, self.today) is True

    def listen(self, node: nodes.Node) -> Turn:
        """Wait for keys; in slow mode a human is offered first, once in a call."""
        if self.session.slow and HUMAN_OFFERED not in self.session.heard:
            self.speak(self._offer_of_a_human())
        return self.turn(listening(node, slow=self.session.slow))

    def _offer_of_a_human(self) -> tuple[str, ...]:
        """Give the sentence that offers a human; none where the node does, or the call asks for one already."""
        node, target = self.node(), self.inherited("0")
        if target is None or self.session.stack[target[0] - 1][1] == target[1]:
            return ()
        if isinstance(node, nodes.MenuNode) and (node.any or node.target("0")):
            return ()
        self.change(heard=self.session.heard | {HUMAN_OFFERED})
        if self._opens_with_a_human(node):
            return ()
        return ("silence.agent" if isinstance(node, nodes.MenuNode) else "silence.agent_entry",)

    def end(self, prompts: tuple[str, ...]) -> Turn:
        self.change(said=())
        self.speak(prompts)
        return self.turn(End())

    # --- saying ---

    def speak(
        self, prompts: tuple[str, ...], *, lead: bool = False, personal: bool = False, facts: Facts | None = None
    ) -> None:
        """Render prompts now, before later facts change them, and remember them for being heard again."""
        known = {**self.session.facts, **(facts or {})}
        said = []
        for prompt in prompts:
            names = {name for name, _ in self.library.catalogs[self.session.lang].prompts[prompt].variables}
            said.append(Said(prompt, {name: known[name] for name in names if name in known}, lead, personal))
            self._voice(said[-1])
        if said:
            self.change(said=(*self.session.said, *said))

    def _voice(self, said: Said) -> None:
        session, catalogs = self.session, self.library.catalogs
        varies = catalogs[session.lang].prompts[said.prompt].variables
        facts = {**self.hotline.facts(session.lang), **said.facts} if varies else {}
        self.say += speak(catalogs, said.prompt, facts, session.lang, slow=session.slow, offered=self.hotline.languages)

    def told(self, prompts: tuple[str, ...], *, facts: Facts | None = None, also_prompt: bool = False) -> Turn:
        """Tell the caller something about the last entry, then listen at the same node, with its prompt if asked."""
        self.change(said=tuple(one for one in self.session.said if one.lead))
        self.speak(prompts, facts=facts)
        node = self.node()
        if also_prompt and isinstance(node, nodes.MenuNode | nodes.CollectNode):
            return self.prompt(node)
        return self.listen(node)

    def hear_again(self) -> Turn:
        """Give the answer again from its start, then the node's own prompt in its long form."""
        leads = tuple(one for one in self.session.said if one.lead)
        self.change(said=leads)
        for one in leads:
            self._voice(one)
        node = self.node()
        if isinstance(node, nodes.MenuNode | nodes.CollectNode):
            return self.prompt(node, long=True)
        return self.go(self.session.stack[-1][1])

    def hear_last(self) -> Turn:
        """Give what was last said again from its start, to the letter, and listen."""
        for one in self.session.said:
            self._voice(one)
        return self.listen(self.node())

    # --- where the call stands ---

    def flow(self) -> nodes.Flow:
        return self.library.flows[self.session.stack[-1][0]]

    def node(self) -> nodes.Node:
        flow, node = self.session.stack[-1]
        return self.library.flows[flow].nodes[node]

    def change(self, **fields: object) -> None:
        self.session = replace(self.session, **fields)

    def forget(self, instead: tuple[Said, ...] = ()) -> None:
        """End the verification: the member, the number, and all that was said about either, go."""
        said = tuple(one for one in self.session.said if not one.personal)
        self.change(member=None, pending=None, credential=None, kept="")
        self.change(facts={}, said=(*instead, *said))
