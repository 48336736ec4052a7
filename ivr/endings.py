"""The end of a call as the carrier tells it: noted once, with what the queue and the caller's next call need of it."""

import logging

from ivr.dropped import DroppedCalls
from ivr.pages import Call
from ivr.shedding import Shedding
from ivr.stepping import Stepping
from ivr.store import CallStore, Kept, StoreAway

log = logging.getLogger(__name__)


class Endings:
    """Notes the ends of the calls of one worker."""

    def __init__(self, store: CallStore, dropped: DroppedCalls, stepping: Stepping, shedding: Shedding) -> None:
        self._store = store
        self._dropped = dropped
        self._stepping = stepping
        self._shedding = shedding

    async def note(self, call: Call) -> None:
        """End a call; who was cut off is offered to go on in the next one."""
        try:
            kept = None if self._shedding.shed(call) else call.checked(await self._store.load(call.sid))
            if kept is None and self._shedding.floods(call):
                return  # a tombstone for every call of a flood would fill Redis
            await self._store.end(call.sid)
            if isinstance(kept, Kept):
                await self._stepping.desk.places.gone(call.sid, kept.session)
                await self._dropped.note(call.calling, self._stepping.unfinished(kept.session))
        except StoreAway as away:
            log.warning("The end of a call could not be noted, so it is forgotten by its time to live: %s", away)
