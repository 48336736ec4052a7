"""The only place where things happen: load a call, step it, ask what it asks, and commit what it says.

Each webhook becomes at most one transition, however often, in whatever order and on however many workers it arrives.
A turn that asks something outside the process is claimed first; its work goes on by itself while the caller hears
a filler, and is committed on the claim.
"""

import asyncio
from collections.abc import Callable
from secrets import token_hex
from typing import NamedTuple

from msgspec.structs import replace

from ivr.call import Answered, Ask, Dial, End, Event, NoAnswer, Session, Started, Turn, Utterance, Wait
from ivr.engine import begin, step
from ivr.flow import AgentGroup, TransferNode
from ivr.inquiry import Desk, Inquiry
from ivr.library import Library
from ivr.lookups import DECLARED
from ivr.prompts import speak
from ivr.seals import Position, Seals, position_of, session_from
from ivr.store import Busy, CallStore, Claimed, Ended, Kept, Lost, Spent, StoreAway

REPLY_SECONDS = 4.0
"""How long a webhook waits for work before the caller hears the filler; the carrier waits 5 s at most."""

WORK_SECONDS = 10.0
"""How long work may take in all: then it counts as an outage."""

LOOK_SECONDS = 0.05
"""How often a worker looks whether another worker has committed the reply it waits for."""

TOO_OLD_MS = 4 * 3600_000
"""A URL of a call that began before this leads nowhere any more, unless a human may be on the line."""

KEEP_S = 45 * 60.0
KEEP_DIAL_S = 6 * 3600.0


class Call(NamedTuple):
    """A call as the carrier names it."""

    sid: str
    dialled: str


class Page(NamedTuple):
    """All that a channel needs to write a turn: `token` names where the caller goes on, `kind` how."""

    turn: Turn
    token: str
    kind: str
    group: AgentGroup | None = None


class Step(NamedTuple):
    """A transition about to be made: the call at `before`, seen in the store at turn `expected`, moved by `event`."""

    call: Call
    before: Session
    expected: int | None
    event: Event
    arrived: float


class Hotline:
    """The driver of calls, one per worker. `write` is the channel's; `now` gives milliseconds since 1970."""

    def __init__(
        self,
        *,
        library: Library,
        store: CallStore,
        seals: Seals,
        desk: Desk,
        write: Callable[[Page], bytes],
        hang_up: bytes,
        refusal_step: float = 1.5,
        worker: str = "worker",
    ) -> None:
        self.library = library
        self.store = store
        self.seals = seals
        self.desk = desk
        self.write = write
        self.hang_up = hang_up
        self.refusal_step = refusal_step
        self.worker = worker
        self.works: dict[str, asyncio.Task[bytes]] = {}

    # --- what a channel calls ---

    async def started(self, call: Call) -> bytes:
        """Answer an incoming call; one that is known already stands where it stands."""
        arrived = self._clock()
        try:
            return await self._stand(call, await self.store.load(call.sid), arrived)
        except StoreAway:
            return await self._without_store(call, None, Started())

    async def turn(self, call: Call, token: str, event: Event) -> bytes:
        """Answer the webhook of a turn: a step where this turn is awaited, the last reply where it is not."""
        position = self.seals.open_token("turn", call.sid, token)
        try:
            return await self._turn(call, position, token, event)
        except StoreAway:
            return await self._without_store(call, position, event)

    async def _turn(self, call: Call, position: Position | None, token: str, event: Event) -> bytes:
        arrived = self._clock()
        kept = await self.store.load(call.sid)
        if position is None or isinstance(kept, Ended):
            return await self._stand(call, kept, arrived, position)
        if kept is None or position.turn > kept.turn + 1:
            return await self._resume(call, position, kept, event, arrived)
        awaited = position.turn == kept.turn + 1 and (kept.awaits(token) or kept.reply is None)
        if not awaited:
            return await self._stand(call, kept, arrived)
        if kept.claim is not None:
            return await self._join(call, position, kept, arrived)
        return await self._step(Step(call, kept.session, kept.turn, event, arrived))

    async def poll(self, call: Call, token: str) -> bytes:
        """Answer who comes back for the reply to work that was going on; no claim and no reply are no answer."""
        position = self.seals.open_token("poll", call.sid, token)
        try:
            return await self._poll(call, position)
        except StoreAway:
            return await self._without_store(call, position, NoAnswer())

    async def _poll(self, call: Call, position: Position | None) -> bytes:
        arrived = self._clock()
        kept = await self.store.load(call.sid)
        if position is None or isinstance(kept, Ended):
            return await self._stand(call, kept, arrived, position)
        if kept is None:
            return await self._resume(call, position, kept, NoAnswer(), arrived)
        if kept.turn >= position.turn:
            return await self._stand(call, kept, arrived)
        return await self._join(call, position, kept, arrived)

    async def fallback(self, call: Call, failed_token: str) -> bytes:
        """Carry on with a call whose last webhook failed: say again where it stands, without counting anything.

        A call that waits for a human is sent to the turn after it instead, or its agents would be rung again.
        """
        position = self.seals.open_token("turn", call.sid, failed_token)
        try:
            kept = await self.store.load(call.sid)
            if isinstance(kept, Kept):
                here = position_of(kept.session)
                if _with_a_human(self.library, here):
                    return self._go_to("turn", call, here, ())
            return await self._stand(call, kept, self._clock(), position)
        except StoreAway:
            return await self._without_store(call, position, NoAnswer())

    async def ended(self, sid: str) -> None:
        """Take note that the carrier says the call is over."""
        await self.store.end(sid)

    async def drain(self, seconds: float) -> None:
        """Let work that is going on come to its end."""
        if self.works:
            await asyncio.wait(self.works.values(), timeout=seconds)

    # --- standing ---

    async def _stand(
        self, call: Call, kept: Kept | Ended | None, arrived: float, position: Position | None = None
    ) -> bytes:
        """Give the last reply again; greet where there is no call; hang up where it is over."""
        if isinstance(kept, Ended):
            repeats_the_end = kept.reply is not None and position is not None and kept.turn == position.turn
            return kept.reply if repeats_the_end and kept.reply is not None else self.hang_up
        if kept is None:
            return await self._step(Step(call, self._begin(call), None, Started(), arrived))
        if kept.reply is not None:
            return kept.reply
        return await self._resume(call, position_of(kept.session), kept, NoAnswer(), arrived)

    async def _resume(self, call: Call, position: Position, kept: Kept | None, event: Event, arrived: float) -> bytes:
        """Go on from the token, because the store lost something: unverified, the failures the larger of both."""
        if self._too_old(position):
            return self.hang_up
        session = self._session_from(position)
        if kept is not None:
            session = replace(session, failed=max(session.failed, kept.failed))
        expected = None if kept is None else kept.turn
        return await self._step(Step(call, session, expected, event, arrived))

    def _too_old(self, position: Position) -> bool:
        if self.desk.now() - position.started < TOO_OLD_MS:
            return False
        return not _with_a_human(self.library, position)

    async def _without_store(self, call: Call, position: Position | None, event: Event) -> bytes:
        """Public mode: the call goes on from what its URL tells, unverified, and nothing is kept."""
        if position is None:
            session, event = self._begin(call), Started()
        elif self._too_old(position):
            return self.hang_up
        else:
            session = self._session_from(position)
        session, turn = await self._inline(call, self._on_known_version(replace(session, public=True)), event)
        return self._render(call, replace(session, turn=session.turn + 1), turn)

    # --- stepping ---

    async def _step(self, one: Step) -> bytes:
        """Make one transition, in this webhook where nothing outside is asked, else as claimed work."""
        session, turn = await self._inline(one.call, self._on_known_version(one.before), one.event)
        if isinstance(turn.next, Ask):
            return await self._claim(one, session, turn, turn.next)
        return await self._commit(one, session, turn)

    async def _inline(self, call: Call, session: Session, event: Event) -> tuple[Session, Turn]:
        """Step until the call waits for something outside this process, answering what can be answered inside."""
        library = self.library
        so_far = Turn((), End())
        if not session.stack:
            event = Started()
        while True:
            session, turn = step(library, session, event, self.desk.now())
            so_far = _joined(so_far, turn)
            if not isinstance(turn.next, Ask) or (DECLARED[turn.next.lookup].remote and not session.public):
                return session, so_far
            event = await self._ask(call, session, turn.next, self._clock() + WORK_SECONDS)

    async def _ask(self, call: Call, session: Session, ask: Ask, until: float, *, spent: bool = False) -> Answered:
        hotline = self.library.hotlines.hotlines[session.hotline]
        inquiry = Inquiry(self.desk, call.sid, session, hotline, until, ask.secret, spent)
        return await DECLARED[ask.lookup].answer(inquiry)

    async def _commit(
        self, one: Step, session: Session, turn: Turn, *, claim: str | None = None, give_back: bool = False
    ) -> bytes:
        """Commit a transition and give its reply, or the reply of whoever was first."""
        failed = max(0, session.failed - 1) if give_back else session.failed
        session = replace(session, turn=one.before.turn + 1, failed=failed)
        token = self.seals.seal_token("turn", one.call.sid, position_of(session))
        reply = self._render(one.call, session, turn)
        committed = await self.store.commit(
            one.call.sid,
            expected=one.expected,
            session=session,
            reply=reply,
            ttl_s=KEEP_DIAL_S if isinstance(turn.next, Dial) else KEEP_S,
            awaited_token=token,
            claim=claim,
            give_back_failed=give_back,
            ends=isinstance(turn.next, End),
        )
        if isinstance(committed, Lost):
            return await self._beaten(one, committed)
        return reply

    async def _beaten(self, one: Step, lost: Lost) -> bytes:
        if lost.ended:
            return lost.reply if lost.reply is not None and lost.turn == one.before.turn + 1 else self.hang_up
        if lost.reply is not None and not lost.claimed:
            return lost.reply
        kept = await self.store.load(one.call.sid)
        if isinstance(kept, Kept) and kept.claim is not None:
            return await self._join(one.call, position_of(one.before), kept, one.arrived)
        return await self._stand(one.call, kept, one.arrived)

    # --- work that outlives its webhook ---

    async def _claim(self, one: Step, session: Session, turn: Turn, ask: Ask) -> bytes:
        """Claim the turn's work, start it, and give its reply, or the filler where it takes longer."""
        declared = DECLARED[ask.lookup]
        limits = self.library.hotlines.hotlines[session.hotline].limits
        claim_id = token_hex(8)
        spent = False
        for reserve in (declared.verifies, False):
            result = await self.store.claim(
                one.call.sid,
                expected=one.expected,
                claim_id=claim_id,
                worker=self.worker,
                session=one.before,
                ttl_s=KEEP_S,
                reserve_failed=reserve,
                limit_failed=limits.failed_per_call,
            )
            if not isinstance(result, Spent):
                break
            spent = True
        match result:
            case Claimed():
                session = replace(session, failed=max(session.failed, result.failed))
                work = asyncio.create_task(self._work(one, session, turn, claim_id, spent))
                self.works[one.call.sid] = work
                work.add_done_callback(lambda done: self._worked(one.call.sid, done))
                return await self._reply_or_filler(one.call, one.before, work, one.arrived)
            case Busy():
                kept = await self.store.load(one.call.sid)
                if isinstance(kept, Kept):
                    return await self._join(one.call, position_of(one.before), kept, one.arrived)
                return await self._stand(one.call, kept, one.arrived)
            case Lost():
                return await self._beaten(one, result)
            case Spent():
                raise AssertionError("A claim that reserves nothing cannot be refused for want of attempts.")

    def _worked(self, sid: str, work: asyncio.Task[bytes]) -> None:
        if self.works.get(sid) is work:
            del self.works[sid]

    async def _work(self, one: Step, session: Session, turn: Turn, claim_id: str, spent: bool) -> bytes:
        """Ask until the call waits for the caller again, then commit on the claim."""
        until = self._clock() + WORK_SECONDS
        library = self.library
        so_far = turn
        give_back = False
        while isinstance(turn.next, Ask):
            ask = turn.next
            answered = await self._ask(one.call, session, ask, until, spent=spent)
            declared = DECLARED[ask.lookup]
            if declared.verifies and not spent:
                give_back = answered.outcome in declared.gives_back
            if answered.outcome in declared.refusals:
                await self._refusal_step(one.arrived)
            session, turn = step(library, session, answered, self.desk.now())
            so_far = _joined(so_far, turn)
        try:
            return await self._commit(one, session, so_far, claim=claim_id, give_back=give_back)
        except StoreAway:
            # Whatever was found out may not be told: without a commit it could be told twice.
            return await self._without_store(one.call, position_of(one.before), one.event)

    async def _refusal_step(self, arrived: float) -> None:
        """Wait for the first multiple of the fixed step after the webhook came that still lies ahead."""
        passed = self._clock() - arrived
        await asyncio.sleep(self.refusal_step - passed % self.refusal_step)

    async def _reply_or_filler(self, call: Call, before: Session, work: asyncio.Task[bytes], arrived: float) -> bytes:
        await asyncio.wait({work}, timeout=max(0.0, arrived + REPLY_SECONDS - self._clock()))
        return work.result() if work.done() else self._filler(call, before)

    async def _join(self, call: Call, position: Position, kept: Kept, arrived: float) -> bytes:
        """Wait for the reply of somebody's claim; nobody's, or a dead worker's, is told and asked again."""
        work = self.works.get(call.sid)
        if work is not None and kept.claim is not None and kept.claim.live:
            return await self._reply_or_filler(call, self._before(position, kept), work, arrived)
        claim = kept.claim
        while claim is not None and claim.live:
            if self._clock() >= arrived + REPLY_SECONDS:
                return self._filler(call, self._before(position, kept))
            await asyncio.sleep(LOOK_SECONDS)
            peek = await self.store.peek(call.sid)
            if peek.ended:
                return self.hang_up
            if peek.turn is not None and peek.turn >= position.turn:
                return await self._stand(call, await self.store.load(call.sid), arrived)
            claim = peek.claim
        before = self._before(position, kept)
        before = replace(before, failed=max(before.failed, kept.failed))  # the lost attempt stays counted
        return await self._step(Step(call, before, kept.turn, NoAnswer(), arrived))

    def _before(self, position: Position, kept: Kept) -> Session:
        """Give the session that the claimed turn started from: the kept one, or the token's where that was lost."""
        return kept.session if kept.turn + 1 == position.turn else self._session_from(position)

    def _filler(self, call: Call, before: Session) -> bytes:
        """Give the same filler to all who wait for this work: it is made from where the call stood before."""
        library = self.library
        offered = library.hotlines.hotlines[before.hotline].languages
        say = speak(library.catalogs, "wait", {}, before.lang, slow=before.slow, offered=offered)
        return self._go_to("poll", call, position_of(before), say)

    def _go_to(self, kind: str, call: Call, position: Position, say: tuple[Utterance, ...]) -> bytes:
        return self.write(Page(Turn(say, Wait()), self.seals.seal_token(kind, call.sid, position), kind))

    # --- small things ---

    def _clock(self) -> float:
        return asyncio.get_running_loop().time()

    def _begin(self, call: Call) -> Session:
        name, _ = self.library.hotline_for(call.dialled)
        return begin(self.library, name, self.desk.now())

    def _session_from(self, position: Position) -> Session:
        return replace(session_from(position), last_at=self.desk.now())

    def _on_known_version(self, session: Session) -> Session:
        """Bring a call whose flow version nobody knows any more to the main menu; language and budgets stay."""
        if session.version == self.library.version:
            return session
        hotlines = self.library.hotlines
        hotline = session.hotline if session.hotline in hotlines.hotlines else hotlines.default
        languages = hotlines.hotlines[hotline].languages
        lang = session.lang if session.lang in languages else languages[0]
        return replace(session, version=self.library.version, hotline=hotline, lang=lang, stack=())

    def _render(self, call: Call, session: Session, turn: Turn) -> bytes:
        token = self.seals.seal_token("turn", call.sid, position_of(session))
        group = None
        if isinstance(turn.next, Dial):
            hotline = self.library.hotlines.hotlines[session.hotline]
            group = hotline.agents.get(turn.next.group)
        return self.write(Page(turn, token, "turn", group))


def _joined(one: Turn, then: Turn) -> Turn:
    return Turn(one.say + then.say, then.next, one.path + then.path)


def _with_a_human(library: Library, position: Position) -> bool:
    """Tell whether a call waits for or speaks with an agent: such a call may last longer than any other."""
    if not position.stack:
        return False
    flow, node = position.stack[-1]
    return flow in library.flows and isinstance(library.flows[flow].nodes.get(node), TransferNode)
