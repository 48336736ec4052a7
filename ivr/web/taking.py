"""What agents take callers with, made of the parts that a worker hands to its pages."""

from collections.abc import Awaitable, Callable

from ivr.agents.callback_list import Callback, CallbackList
from ivr.agents.legs import Legs
from ivr.agents.queue import AgentQueue
from ivr.agents.ring_limits import RingLimits
from ivr.agents.taking import Taking
from ivr.bookings import Bookings
from ivr.channels.twilio.legs import switchboard_of
from ivr.counters import Counters
from ivr.database.line import DatabaseLine
from ivr.seals import Seals
from ivr.web.parts import Parts


class _Listed:
    """The list of callbacks, over the line of the pages to the database."""

    def __init__(self, database: DatabaseLine, seals: Seals) -> None:
        self._database = database
        self._seals = seals

    async def numbered(self, id_: int) -> Callback | None:
        return await self._database.ask(lambda engine: CallbackList(engine, self._seals).numbered(id_))

    async def named(self, name: str) -> Callback | None:
        return await self._database.ask(lambda engine: CallbackList(engine, self._seals).named(name))


def taking_of(
    parts: Parts, queue: AgentQueue, database: DatabaseLine, enter: Callable[[str, str], Awaitable[bool]]
) -> Taking:
    """Make what takes callers from the queue and callbacks from their list; `enter` writes the audit entries."""
    legs = Legs(parts.redis, parts.seals, deadline=parts.patience)
    return Taking(
        queue,
        legs,
        RingLimits(Counters(parts.redis, parts.seals, deadline=parts.patience)),
        _Listed(database, parts.seals),
        Bookings(parts.redis, parts.seals, deadline=parts.patience),
        switchboard=switchboard_of(parts.settings, legs),
        enter=enter,
        library=lambda: parts.versions.current,
        now=parts.now,
    )
