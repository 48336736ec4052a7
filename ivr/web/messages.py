"""The spoken messages on the list of what is to be done: listened to through the service, seen to by one agent."""

import logging
from collections.abc import Callable, Collection
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from ivr.agents.accounts import Account
from ivr.agents.message_list import Kept, MessageList
from ivr.audit.trail import AuditTrail
from ivr.channels.twilio.recordings import RecordingAwayError, Recordings
from ivr.seals import Seals
from ivr.web.guard import Guard, Visit

MESSAGE: Final = "message"
"""Field of the audit entry of who was given a recording."""

GONE: Final = "这段录音已经删除了。"
AWAY: Final = "运营商现在没有给出这段录音。请稍候再试。"

log = logging.getLogger(__name__)


class SpokenMessages:
    """What agents hear of messages. `hotlines` are those whose callers an account may hear, None for all."""

    def __init__(
        self,
        guard: Guard,
        *,
        recordings: Recordings,
        trail: AuditTrail,
        seals: Seals,
        hotlines: Callable[[Account], Collection[str] | None],
        now: Callable[[], int],
    ) -> None:
        self._guard = guard
        self._recordings = recordings
        self._trail = trail
        self._seals = seals
        self._hotlines = hotlines
        self._now = now

    def routes(self) -> tuple[Route, ...]:
        """Give the route by which recordings are heard."""
        return (self._guard.page("/console/messages/{id:int}/recording", self._hear),)

    async def open(self, account: Account) -> list[Kept]:
        """Give the messages that nobody has seen to yet, the oldest first."""
        found = await self._guard.database.ask(lambda engine: MessageList(engine, self._seals).open())
        return [one for one in found if self._may_hear(account, one)]

    async def done(self, account: Account, asked: str) -> bool:
        """Note that an agent has seen to a message; False where somebody has already, or there is none."""
        if not (asked.isascii() and asked.isdigit() and len(asked) < 10):
            raise HTTPException(400)
        if await self._find(account, int(asked)) is None:
            return False
        name, now = account.name, self._now()
        return await self._guard.database.ask(
            lambda engine: MessageList(engine, self._seals).done(int(asked), name, now)
        )

    async def _hear(self, visit: Visit) -> Response:
        """Give a recording; without its audit entry nobody hears it."""
        found = await self._find(visit.account, visit.request.path_params["id"])
        if found is None or found.message is None:
            raise HTTPException(404, GONE)
        await self._trail.enter(found.message.call, "", MESSAGE, f"agent {visit.account.id}")
        try:
            recording = await self._recordings.fetch(found.recording)
        except RecordingAwayError as error:
            log.warning("A recording could not be fetched: %s.", error)
            raise HTTPException(503, AWAY) from None
        if recording is None:
            raise HTTPException(404, GONE)
        # Nothing else than sound can come of it, whatever the bytes are.
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(recording, media_type=sound_of(recording), headers=headers)

    async def _find(self, account: Account, id_: int) -> Kept | None:
        found = await self._guard.database.ask(lambda engine: MessageList(engine, self._seals).find(id_))
        return found if found is not None and self._may_hear(account, found) else None

    def _may_hear(self, account: Account, kept: Kept) -> bool:
        hotlines = self._hotlines(account)
        return kept.message is not None and (hotlines is None or kept.message.hotline in hotlines)


def sound_of(recording: bytes) -> str:
    """Give the media type of a recording: WAV by its first bytes, else MP3."""
    return "audio/wav" if recording[:4] == b"RIFF" and recording[8:12] == b"WAVE" else "audio/mpeg"
