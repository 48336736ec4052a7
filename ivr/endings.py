"""The end of a call as the carrier tells it: noted once, with what queue, record and the next call need of it."""

import logging

from ivr.agents.messages import message_after
from ivr.call import Event
from ivr.call_records.recorder import Recorder
from ivr.dropped import DroppedCalls
from ivr.live.calls import LiveCalls
from ivr.messages import dropped_message
from ivr.pages import Call
from ivr.seals import Position
from ivr.shedding import Shedding
from ivr.stepping import Stepping
from ivr.store import CallStore, Ended, Kept, StoreAway

log = logging.getLogger(__name__)


class Endings:
    """Notes the ends of the calls of one worker."""

    def __init__(
        self,
        store: CallStore,
        dropped: DroppedCalls,
        recorder: Recorder,
        live: LiveCalls,
        stepping: Stepping,
        shedding: Shedding,
    ) -> None:
        self._store = store
        self._dropped = dropped
        self._recorder = recorder
        self._live = live
        self._stepping = stepping
        self._shedding = shedding

    async def note(self, call: Call, spoke: bool) -> None:
        """End a call; who was cut off is offered to go on in the next one. Where Redis is away it is tried again.

        `spoke` tells that a human was on the line.
        """
        try:
            kept = None if self._shedding.shed(call) else await self._load(call)
            if kept is None and self._shedding.floods(call):
                return  # a tombstone for every call of a flood would fill Redis
            kept = await self._end(call, kept, spoke)
            self._live.over(call.sid)
            if isinstance(kept, Kept):
                await self._stepping.desk.places.gone(call.sid, kept.session)
                await self._dropped.note(call.calling, self._stepping.unfinished(kept.session))
        except StoreAway as away:
            self._recorder.untold(call, spoke=spoke)
            log.warning("The end of a call cannot be noted yet: %s", away)

    async def recorded(self, call: Call, position: Position | None, event: Event) -> None:
        """Keep a message whose caller hung up after it, where the carrier told the end of the call first.

        Raises StoreAway.
        """
        if position is None:
            return
        session = call.bound(self._stepping.session_at(position))
        desk, library = self._stepping.desk, self._stepping.library_of(session)
        message = message_after(call.sid, session, event, library, desk.now())
        if message is not None:
            await desk.messages.note(message)
            await self._recorder.left_word(call.sid, session)

    async def dropped(self, call: Call, recording: str) -> None:
        """Let a recording be deleted that is no message: it lies with the carrier all the same."""
        desk = self._stepping.desk
        try:
            await desk.messages.note(dropped_message(call.sid, recording, desk.now()))
        except StoreAway as away:
            log.warning("A recording that was dropped stays with the carrier: %s", away)

    async def _end(self, call: Call, kept: Kept | Ended | None, spoke: bool) -> Kept | Ended | None:
        """End a call, and give how it stood; a webhook that comes late may move it on meanwhile."""
        for last in (False, False, True):
            session, turn = (kept.session, kept.turn) if isinstance(kept, Kept) else (None, None)
            left = self._recorder.left(call, session, "caller", spoke=spoke)
            if await self._store.end(call.sid, left=left.sealed, of_turn=None if last else turn):
                self._recorder.over(left)
                break
            kept = await self._load(call)
        return kept

    async def _load(self, call: Call) -> Kept | Ended | None:
        return call.checked(await self._store.load(call.sid))
