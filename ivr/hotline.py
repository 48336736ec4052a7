"""The only place where things happen: load a call, step it, ask what it asks, and commit what it says.

Each webhook becomes at most one transition, however often, in whatever order and on however many workers it arrives.
A turn that asks something outside the process is claimed first; its work goes on by itself while the caller hears
a filler, and is committed on the claim.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from ivr.audit.ledger import Ledger
from ivr.call import Ask, End, Event, ForHuman, NoAnswer, QueueLeft, Session, Started, Turn
from ivr.call_records.recorder import Recorder
from ivr.dialling import dialled
from ivr.dropped import DroppedCalls
from ivr.emergency import Emergency
from ivr.endings import Endings
from ivr.inquiry import Attempt, Desk
from ivr.live.calls import LiveCalls
from ivr.metrics import Metrics
from ivr.pages import Call, Page, Pages, turn_of
from ivr.public_mode import PublicMode
from ivr.queueing import beyond, broken_off, looked, placed
from ivr.seals import Position, Seals, position_of
from ivr.shedding import Shedding
from ivr.stepping import Deadlines, Step, Stepping, Worked, clock
from ivr.store import CallStore, Claimed, Ended, Kept, Lost, StoreAway
from ivr.versions.live import LiveVersions, StillComing
from ivr.works import Works, place_of

__all__ = ["Call", "Deadlines", "Hotline", "Page"]

KEEP_S, KEEP_DIAL_S = 45 * 60.0, 6 * 3600.0

log = logging.getLogger(__name__)


class Hotline:
    """The driver of calls, one per worker. `write` is the channel's; `hang_up` is its answer after the end."""

    def __init__(
        self,
        *,
        versions: LiveVersions,
        store: CallStore,
        seals: Seals,
        desk: Desk,
        dropped: DroppedCalls,
        emergency: Emergency,
        metrics: Metrics,
        ledger: Ledger,
        recorder: Recorder,
        live: LiveCalls,
        write: Callable[[Page], bytes],
        hang_up: bytes,
        refusal_step: float = 1.5,
        worker: str = "worker",
        deadlines: Deadlines | None = None,
    ) -> None:
        self.deadlines = deadlines or Deadlines()
        self.stepping = Stepping(
            versions, desk, emergency, metrics, ledger, refusal_step=refusal_step, work_seconds=self.deadlines.work
        )
        self.store = store
        self.dropped = dropped
        self.metrics, self.recorder, self.live = metrics, recorder, live
        self.pages = Pages(seals, write)
        self.hang_up = hang_up
        self.public = PublicMode(self.stepping, self.pages, recorder, hang_up)
        self.works = Works(worker, store, desk.counters)
        self.shedding = Shedding(lambda: versions.current, write, metrics)
        self.endings = Endings(store, dropped, recorder, live, self.stepping, self.shedding)

    # --- what a channel calls ---

    async def started(self, call: Call) -> bytes:
        """Answer an incoming call; one that is known already stands where it stands."""
        arrived = clock()
        if shed := self.shedding.sheds(call):
            return shed
        try:
            kept = await self._load(call)
            return self._over(kept, 0) if isinstance(kept, Ended) else await self._stand(call, kept, arrived)
        except StoreAway:
            return await self.public.answer(call, None, Started())

    async def turn(self, call: Call, token: str, event: Event) -> bytes:
        """Answer the webhook of a turn: a step where this turn is awaited, the last reply where it is not."""
        position = self.pages.opened(("turn",), call, token)
        return await self._or_public(self._turn(call, position, token, event, clock()), call, position, event)

    async def _turn(self, call: Call, position: Position | None, token: str, event: Event, arrived: float) -> bytes:
        kept = await self._load(call)
        if isinstance(kept, Ended):
            await self.endings.recorded(call, position, event)
            return self._over(kept, turn_of(position))
        if position is None and kept is not None and kept.awaits(token):
            position = position_of(kept.session)  # handed out by another release: the session tells where it leads
        if position is None:
            return await self._stand(call, kept, arrived)
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
        position = self.pages.opened(("poll",), call, token)
        return await self._or_public(self._poll(call, position, clock()), call, position, NoAnswer())

    async def _poll(self, call: Call, position: Position | None, arrived: float) -> bytes:
        kept = await self._load(call)
        if isinstance(kept, Ended):
            return self._over(kept, turn_of(position))
        if position is None:
            return await self._stand(call, kept, arrived)
        if kept is None:
            return await self._resume(call, position, kept, NoAnswer(), arrived)
        if kept.turn >= position.turn:
            return await self._stand(call, kept, arrived)
        return await self._join(call, position, kept, arrived)

    async def left(self, call: Call, token: str, event: QueueLeft) -> bytes:
        """Answer who comes out of the carrier's queue, however often and beside whatever late round of the wait."""
        position = self.pages.opened(("queue",), call, token)
        return await self._or_public(self._left(call, position, event, clock()), call, position, event)

    async def _left(self, call: Call, position: Position | None, event: QueueLeft, arrived: float) -> bytes:
        kept = await self._load(call)
        if isinstance(kept, Ended):
            return self._over(kept, kept.turn)
        if position is not None and (kept is None or position.turn > kept.turn + 1):
            return await self._resume(call, beyond(position), kept, event, arrived)
        if kept is not None and position is not None and kept.session.waits_since(position.turn):
            return await self._step(Step(call, kept.session, kept.turn, event, arrived))
        return await self._stand(call, kept, arrived)

    async def fallback(self, call: Call, failed_token: str) -> bytes:
        """Carry on with a call whose last webhook failed: say again where it stands, without counting anything.

        A call that was put through to a human is sent to the turn after it instead, or its agents would be rung again.
        One that waits is out of the carrier's queue by now, and comes back into it.
        """
        position = self.pages.opened(("turn", "poll", "queue"), call, failed_token)
        try:
            kept = await self._load(call)
            if isinstance(kept, Ended):
                return self._over(kept, turn_of(position))
            here = position if kept is None else position_of(kept.session)
            if here is not None and (step := await broken_off(self.stepping, call, here, kept, clock())):
                return await self._step(step)
            if here is not None and here.place is None and await self.stepping.with_a_human(here):
                return self.pages.on(call, here)
            if kept is None and position is not None:
                return await self._resume(call, position, kept, NoAnswer(), clock())
            return await self._stand(call, kept, clock())
        except StoreAway:
            return await self.public.carry_on(call, position)

    async def _or_public(self, answer: Awaitable[bytes], call: Call, position: Position | None, event: Event) -> bytes:
        try:
            return await answer
        except StoreAway:
            return await self.public.answer(call, position, event)

    async def _load(self, call: Call) -> Kept | Ended | None:
        return call.checked(await self.store.load(call.sid))

    # --- standing ---

    def _over(self, ended: Ended, turn: int | None) -> bytes:
        """Hang up; a duplicate of the webhook that ended the call, by its turn, gets its reply again."""
        return ended.reply if ended.reply is not None and ended.turn == turn else self.hang_up

    async def _stand(self, call: Call, kept: Kept | None, arrived: float) -> bytes:
        """Give the last reply again; greet where there is no call."""
        if kept is None:
            started = Started(await self.dropped.recall(call.calling))
            return await self._step(Step(call, self.stepping.begin(call.dialled), None, started, arrived))
        forgets = self.stepping.forgets(kept.session)  # then what was told is not told again, but that it ended
        if kept.reply is not None and not forgets:
            return kept.reply
        if forgets and kept.awaits(self.pages.token(call, kept.session)):
            return self.pages.on(call, position_of(kept.session))
        return await self._resume(call, position_of(kept.session), kept, NoAnswer(), arrived)

    async def _resume(self, call: Call, position: Position, kept: Kept | None, event: Event, arrived: float) -> bytes:
        """Go on from the token, because the store lost something: unverified, the failures the larger of both."""
        if await self.stepping.too_old(position):
            return self.hang_up
        if kept is None:
            return await self._step(Step(call, self.stepping.session_at(position), None, event, arrived))
        session = self.stepping.session_at(position, kept.session)
        session = replace(session, failed=max(session.failed, kept.failed))
        dead = kept.claim.id if kept.claim is not None and not self.works.live(kept.claim) else None
        return await self._step(Step(call, session, kept.turn, event, arrived, dead))

    # --- stepping ---

    async def _step(self, one: Step) -> bytes:
        """Make one transition, in this webhook where nothing outside is asked, else as claimed work."""
        one = one._replace(before=one.call.bound(one.before))
        one = one._replace(event=await looked(self.stepping, one.call.sid, one.before, one.event))
        try:
            session, turn = await self.stepping.inside(one.call.sid, one.before, one.event)
        except StillComing:
            return self._filler(one.call, one.before)
        if isinstance(turn.next, Ask):
            return await self._claim(one, session, turn, turn.next)
        return await self._commit(one, Worked(session, turn))

    async def _commit(self, one: Step, done: Worked) -> bytes:
        """Commit a transition and give its reply, or the reply of whoever was first."""
        session, turn = done.session, done.turn
        session = replace(session, turn=one.before.turn + 1)
        session, turn = await dialled(self.stepping, one.call.sid, one.before, session, turn)
        session = await placed(self.stepping, one.call.sid, one.before, session, turn)
        session = replace(session, path=self.recorder.path(one, session, turn, self.stepping.library_of(session)))
        token = self.pages.token(one.call, session)
        reply = self.pages.turn(one.call, session, turn, self.stepping.group(session, turn), token)
        left = self.recorder.left(one.call, session, "hotline") if isinstance(turn.next, End) else None
        committed = await self.store.commit(
            one.call.sid,
            expected=one.expected,
            session=session,
            reply=reply,
            ttl_s=KEEP_DIAL_S if isinstance(turn.next, ForHuman) else KEEP_S,
            awaited_token=token,
            claim=one.claim,
            give_back_failed=done.gives_back,
            ends=left is not None,
            left=b"" if left is None else left.sealed,
            alongside=done.settles,
        )
        if isinstance(committed, Lost):
            return await self._beaten(one, committed)
        self.recorder.over(left)
        self.metrics.walked(turn.path)
        self.live.moved(one.call.sid, session, turn)
        return reply

    async def _beaten(self, one: Step, lost: Lost) -> bytes:
        """Give the reply of whoever moved the call first, waiting for it where there is none yet."""
        if lost.ended:
            return self._over(Ended(lost.turn, lost.reply), one.before.turn + 1)
        if isinstance(one.event, QueueLeft) and one.before.place is not None:
            here = replace(position_of(one.before), turn=one.before.place.turn)
            return await self._left(one.call, here, one.event, one.arrived)
        if lost.reply is not None and not lost.claimed:
            return lost.reply
        position = position_of(one.before)
        kept = await self._load(one.call)
        if isinstance(kept, Ended):
            return self._over(kept, position.turn)
        if kept is None:
            return await self._resume(one.call, position, kept, NoAnswer(), one.arrived)
        if kept.claim is not None:
            return await self._join(one.call, position, kept, one.arrived)
        return await self._stand(one.call, kept, one.arrived)

    # --- work that outlives its webhook ---

    async def _claim(self, one: Step, session: Session, turn: Turn, ask: Ask) -> bytes:
        """Claim the turn's work, start it, and give its reply, or the filler where it takes longer."""
        with self.works.claiming() as claim:
            most = self.stepping.failed_per_call(one.before)
            wanted = self.stepping.wanted(one.call.sid, session, ask, claim)
            result, attempt = await self.works.claimed(one, claim, KEEP_S, wanted, most=most)
            if isinstance(result, Claimed):
                session = replace(session, failed=max(session.failed, result.failed))
                work = self.works.start(claim, self._work(one._replace(claim=claim), session, turn, attempt))
                return await self._reply_or_filler(one.call, one.before, work, one.arrived)
        return await self._beaten(one, result if isinstance(result, Lost) else Lost(None, None, claimed=True))

    async def _work(self, one: Step, session: Session, turn: Turn, attempt: Attempt) -> bytes:
        """Ask until the call waits for the caller again, then commit on the claim."""
        try:
            done = await self.stepping.work(one.call.sid, session, turn, arrived=one.arrived, attempt=attempt)
        except Exception as error:
            log.error("The work of a turn failed, the caller is told and asked again: %s.", place_of(error))
            before = replace(one.before, failed=session.failed)
            done = Worked(*await self.stepping.inside(one.call.sid, before, NoAnswer()))
        # Without Redis what was found out may not be told: without a commit it could be told twice.
        return await self._or_public(self._commit(one, done), one.call, position_of(one.before), one.event)

    async def _reply_or_filler(self, call: Call, before: Session, work: asyncio.Task[bytes], arrived: float) -> bytes:
        await asyncio.wait({work}, timeout=max(0.0, arrived + self.deadlines.reply - clock()))
        return work.result() if work.done() else self._filler(call, before)

    async def _join(self, call: Call, position: Position, kept: Kept, arrived: float) -> bytes:
        """Wait for the reply of somebody's claim; nobody's, or a dead worker's, is told and asked again."""
        before = kept.session if kept.turn + 1 == position.turn else self.stepping.session_at(position, kept.session)
        claim = kept.claim
        while claim is not None and self.works.live(claim):
            if work := self.works.of(claim):
                return await self._reply_or_filler(call, before, work, arrived)
            if clock() >= arrived + self.deadlines.reply:
                return self._filler(call, before)
            await asyncio.sleep(self.deadlines.look)
            peek = await self.store.peek(call.sid)
            if peek.ended or (peek.turn is not None and peek.turn >= position.turn):
                moved = await self._load(call)
                if isinstance(moved, Ended):
                    return self._over(moved, position.turn)
                return await self._stand(call, moved, arrived)
            claim = peek.claim
        before = replace(before, failed=max(before.failed, kept.failed))  # the lost attempt stays counted
        dead = claim.id if claim is not None else None
        return await self._step(Step(call, before, kept.turn, NoAnswer(), arrived, dead))

    def _filler(self, call: Call, before: Session) -> bytes:
        """Give the same filler to all who wait for this work."""
        return self.pages.poll(call, before, self.stepping.filler(before))
