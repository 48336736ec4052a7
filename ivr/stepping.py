"""Move a call until it waits for its caller: steps of the engine, and the lookups that they ask in between.

Nothing here keeps a call or knows whether its turn counts: that is the hotline's, which commits what comes of it.
"""

import asyncio
from typing import NamedTuple

from msgspec.structs import replace

from ivr.audit.ledger import Ledger
from ivr.call import (
    Ask,
    Dial,
    End,
    Event,
    Leave,
    Session,
    Silence,
    Started,
    Turn,
    Utterance,
    Waited,
)
from ivr.counters import Wanted
from ivr.emergency import Emergency
from ivr.engine import begin, step, verification_is_over
from ivr.flow import AgentGroup, CollectNode, Hotline, LookupNode, TransferNode
from ivr.going_on import unfinished
from ivr.inquiry import Attempt, Desk, Inquiry
from ivr.library import Library
from ivr.lookups import DECLARED
from ivr.metrics import Metrics
from ivr.pages import Call
from ivr.prompts import speak
from ivr.redis_line import PATIENCE, Command
from ivr.seals import Position, session_from
from ivr.versions.live import LiveVersions, StillComing

TOO_OLD_MS = 4 * 3600_000
"""A URL of a call that began before this leads nowhere any more, unless a human may be on the line."""


class Deadlines(NamedTuple):
    """How long things may take, in seconds; tests shrink them.

    `reply`: how long a webhook waits for work before the caller hears the filler; the carrier waits 5 s at most.
    `work`: how long work may take in all; then it counts as an outage. `claim`: when a claim on work is dead. `look`:
    how often a worker looks whether another one has committed the reply it waits for. `store`: one step on Redis.
    """

    reply: float = 4.0
    work: float = 10.0
    claim: float = 12.0
    look: float = 0.05
    store: float = PATIENCE


class Worked(NamedTuple):
    """What came of work: where the call stands now, what is said, and how many of its attempts do not count.

    `settles` are the steps on Redis that go with its commit: attempts given back at the counters of all calls.
    """

    session: Session
    turn: Turn
    gives_back: int = 0
    settles: tuple[Command, ...] = ()


class Step(NamedTuple):
    """A transition about to be made: the call at `before`, seen in the store at turn `expected`, moved by `event`.

    `claim` is a dead claim on this very turn: the transition is committed in its place.
    """

    call: Call
    before: Session
    expected: int | None
    event: Event
    arrived: float
    claim: str | None = None


class Stepping:
    """Moves calls, each by the version it began with; lookups ask the desk.

    Refusals are sent on multiples of `refusal_step`.
    """

    def __init__(
        self,
        versions: LiveVersions,
        desk: Desk,
        emergency: Emergency,
        metrics: Metrics,
        ledger: Ledger,
        *,
        refusal_step: float,
        work_seconds: float,
    ) -> None:
        self.versions = versions
        self.metrics = metrics
        self.emergency = emergency
        self.desk = desk
        self.ledger = ledger
        self._refusal_step = refusal_step
        self._work_seconds = work_seconds

    # --- where a call stands ---

    def begin(self, dialled: str) -> Session:
        """Give the session of a call that has just come in."""
        library = self.versions.current
        name, _ = library.hotline_for(dialled)
        return begin(library, name, self.desk.now())

    def session_at(self, position: Position, kept: Session | None = None) -> Session:
        """Give the session that goes on from a token: unverified, and idle from now on.

        What the call owes, what was sent in it, and how often it rang humans, is not forgotten where the store still
        has another session of it.
        """
        session = replace(session_from(position), last_at=self.desk.now())
        session = replace(session, asked=_service(self.library_of(session), session))
        if kept is None:
            return session
        return replace(session, owes=kept.owes, codes=kept.codes, texted=kept.texted, dials=kept.dials, path=kept.path)

    def forgets(self, session: Session) -> bool:
        """Tell whether a call's verification has ended since its last turn, which therefore is told to nobody again.

        The clocks of two machines may differ a little: one that is behind is no reason here, or of two equal webhooks
        one would be told something else.
        """
        return verification_is_over(session, self.desk.now())

    async def too_old(self, position: Position) -> bool:
        """Tell whether a token's call must be over: it began long ago, or long from now if the clock was put back."""
        age = abs(self.desk.now() - position.started)
        return age >= TOO_OLD_MS and not await self.with_a_human(position)

    async def with_a_human(self, position: Position) -> bool:
        """Tell whether a call waits for or speaks with an agent: such a call may last longer than any other."""
        if not position.stack:
            return False
        try:
            library = await self.versions.find(position.version)
        except StillComing:
            return False
        flow, node = position.stack[-1]
        if library is None or flow not in library.flows:
            return False
        return isinstance(library.flows[flow].nodes.get(node), TransferNode)

    def group(self, session: Session, turn: Turn) -> AgentGroup | None:
        """Give the agents whom a turn dials, where it dials any."""
        return self._hotline(session).agents.get(turn.next.group) if isinstance(turn.next, Dial) else None

    def unfinished(self, session: Session) -> str:
        """Give the choice that a call ends in the middle of; nothing where there is none to go on with."""
        return unfinished(self.library_of(session), session)

    def failed_per_call(self, session: Session) -> int:
        """Say how many credentials may fail in this call."""
        return self._hotline(session).limits.failed_per_call

    def filler(self, before: Session) -> tuple[Utterance, ...]:
        """Say what a caller hears whose answer takes long; the same to all who wait for it."""
        library = self.library_of(before)
        spoken = _on(library, before)
        offered = library.hotlines.hotlines[spoken.hotline].languages
        return speak(library.catalogs, "wait", {}, spoken.lang, slow=spoken.slow, offered=offered)

    def library_of(self, session: Session) -> Library:
        """Give the version that a call is on; where this worker does not have it, the current one, and no wait."""
        return self.versions.of(session.version) or self.versions.current

    def _hotline(self, session: Session) -> Hotline:
        library = self.library_of(session)
        return library.hotlines.hotlines[_on(library, session).hotline]

    # --- moving it ---

    async def inside(self, sid: str, session: Session, event: Event) -> tuple[Session, Turn]:
        """Step until the call waits for its caller or for something outside this process.

        Raises `StillComing` where the call's version has to be made first and that takes long.
        """
        # Without Redis nobody is asked for a version either: those in memory have to do.
        known = self.versions.of(session.version) if session.public else await self.versions.find(session.version)
        library = known or self.versions.current
        session = _on(library, session)
        begins, spoke = session.turn < 0, session.lang
        if not session.stack and isinstance(event, Waited):
            return session, Turn((), Leave())  # where the call goes on from its start, it cannot be in a queue
        if not session.stack:
            event = event if isinstance(event, Started) else Started()
            event = replace(event, agents_only=begins and self.emergency.agents_only(session.hotline))
        elif _asks_for_nothing(library, session):
            # What was keyed before was dropped with the session: what is keyed now belongs to nothing.
            session = _at_the_gate(library, session)
            event = Silence() if session.stack else Started()
        so_far = Turn((), End())
        while True:
            session, turn = step(library, session, event, self.desk.now())
            if begins or session.lang != spoke:
                session, turn = self._announced(session, turn, begins=begins)
                begins, spoke = False, session.lang
            so_far = _joined(so_far, turn)
            if not isinstance(turn.next, Ask) or (DECLARED[turn.next.lookup].remote and not session.public):
                return session, so_far
            inquiry = Inquiry(self.desk, sid, session, library, clock() + self._work_seconds, turn.next.secret)
            event = await self.ledger.ask(turn.next.lookup, inquiry)

    def _announced(self, session: Session, turn: Turn, *, begins: bool) -> tuple[Session, Turn]:
        """Put the emergency announcement first: where a call begins, and once for each language it then switches to."""
        mark = f"emergency.{session.lang}"
        if not self.emergency.spoken or mark in session.heard or not (begins or "emergency" in session.heard):
            return session, turn
        line = self.emergency.say(session.lang, slow=session.slow)
        heard = session.heard | {"emergency", mark}
        return replace(session, heard=heard), turn._replace(say=(*line, *turn.say))

    def wanted(self, sid: str, session: Session, ask: Ask, reservation: str) -> Wanted | None:
        """Say what an attempt takes at the counters; None where what is asked is no attempt."""
        counts = DECLARED[ask.lookup].counts
        if counts is None:
            return None
        inquiry = Inquiry(self.desk, sid, session, self.library_of(session), clock(), ask.secret)
        return self.desk.counters.wanted(counts(inquiry), reservation)

    async def work(self, sid: str, session: Session, turn: Turn, *, arrived: float, attempt: Attempt) -> Worked:
        """Ask, inside and outside, until the call waits for its caller again; `turn` is what asks first.

        `session` counts the `attempt` that was reserved, unless the call had none left. A refusal is held
        back until the first multiple of the fixed step after the webhook came (at `arrived`) that still lies ahead.
        """
        library = self.library_of(session)
        until = clock() + self._work_seconds
        so_far = turn
        gives_back = 0
        settles: list[Command] = []
        while isinstance(turn.next, Ask):
            declared = DECLARED[turn.next.lookup]
            inquiry = Inquiry(self.desk, sid, session, library, until, turn.next.secret, attempt, settles)
            answered = await self.ledger.ask(turn.next.lookup, inquiry)
            if declared.verifies:
                self.metrics.verification(answered.outcome)
            if declared.verifies and attempt != "spent":
                # At once, or a gate further on in this very turn would still count it.
                gives_back += answered.gives_back
                session = replace(session, failed=max(0, session.failed - answered.gives_back))
            if answered.outcome in declared.refusals:
                await asyncio.sleep(self._refusal_step - (clock() - arrived) % self._refusal_step)
            session, turn = step(library, session, answered, self.desk.now())
            so_far = _joined(so_far, turn)
        return Worked(session, so_far, gives_back, tuple(settles))


def _on(library: Library, session: Session) -> Session:
    """Bring a call whose version nobody knows any more to the main menu of a library; language and budgets stay."""
    if session.version == library.version:
        return session
    hotlines = library.hotlines
    hotline = session.hotline if session.hotline in hotlines.hotlines else hotlines.default
    languages = hotlines.hotlines[hotline].languages
    lang = session.lang if session.lang in languages else languages[0]
    return replace(session, version=library.version, hotline=hotline, lang=lang, stack=())


def _service(library: Library, session: Session) -> str:
    """Give the service that a call is in the middle of, as far as where it stands tells; a human is none."""
    if len(session.stack) < 2:
        return ""
    (_, chosen), (flow, _), *_ = session.stack
    known = library.flows.get(flow)
    return "" if known is None or known.transfers else chosen


def _asks_for_nothing(library: Library, session: Session) -> bool:
    """Tell whether the call stands at an entry that goes with an earlier one which the session has lost."""
    flow, name = session.stack[-1]
    node = library.flows[flow].nodes[name]
    if not isinstance(node, CollectNode):
        return False
    if node.entry in ("password", "code"):
        return session.credential is None
    return node.entry in ("part_birth", "part_last") and not session.kept


def _at_the_gate(library: Library, session: Session) -> Session:
    """Bring a call back to where its number is asked for: the start of the nearest flow that begins at the gate."""
    for depth in range(len(session.stack), 0, -1):
        flow = library.flows[session.stack[depth - 1][0]]
        start = flow.nodes[flow.start]
        if isinstance(start, LookupNode) and start.call == "gate":
            return replace(session, stack=(*session.stack[: depth - 1], (flow.flow, flow.start)))
    return replace(session, stack=())


def clock() -> float:
    """Give the time of the running event loop, in seconds: how long webhooks and work take is measured by it."""
    return asyncio.get_running_loop().time()


def _joined(one: Turn, then: Turn) -> Turn:
    return Turn(one.say + then.say, then.next, one.path + then.path)
