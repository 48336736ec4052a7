"""Calls without Redis: each goes on from what its URL tells, unverified, and nothing is kept."""

from msgspec.structs import replace

from ivr.call import Event, NoAnswer, QueueLeft, Silence, Started
from ivr.call_records.recorder import Recorder
from ivr.pages import Call, Pages
from ivr.queueing import beyond, waited
from ivr.seals import Position
from ivr.stepping import Stepping


class PublicMode:
    """Answers webhooks while the store is away: menus, public information and humans work, nobody is verified."""

    def __init__(self, stepping: Stepping, pages: Pages, recorder: Recorder, hang_up: bytes) -> None:
        self._stepping = stepping
        self._pages = pages
        self._recorder = recorder
        self._hang_up = hang_up

    async def answer(self, call: Call, position: Position | None, event: Event) -> bytes:
        """Step from the token alone; a call without one is greeted."""
        if position is None:
            session, event = self._stepping.begin(call.dialled), Started()
        elif await self._stepping.too_old(position):
            return self._hang_up
        else:
            session = self._stepping.session_at(beyond(position) if isinstance(event, QueueLeft) else position)
            event = waited(session, event)
        before = replace(session, public=True)
        session, turn = await self._stepping.inside(call.sid, before, event)
        if session.credential is not None:
            # A number keyed now is not kept either: no password is asked for it in vain.
            session, turn = await self._stepping.inside(call.sid, replace(session, credential=None), Silence())
        session = replace(session, turn=session.turn + 1)
        self._recorder.aside(call, before, session, turn, event, self._stepping.library_of(session))
        return self._pages.turn(call, session, turn, self._stepping.group(session, turn))

    async def carry_on(self, call: Call, position: Position | None) -> bytes:
        """Go on where a webhook failed; agents who were rung are not rung again."""
        if position is not None and position.place is not None:
            return await self.answer(call, position, QueueLeft("again"))
        if position is not None and await self._stepping.with_a_human(position):
            return self._pages.on(call, position)
        return await self.answer(call, position, NoAnswer())
