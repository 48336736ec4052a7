"""Webhooks that have killed workers: after two deaths at one place of a call, what comes there is not tried again."""

import logging
import time
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from ivr.call import Utterance
from ivr.crashes.deaths import Death, Deaths
from ivr.crashes.flights import Flights, Webhook
from ivr.pages import Call, Pages
from ivr.prompts import speak
from ivr.seals import Position, position_of, session_from
from ivr.stepping import Stepping

DEATHS = 2
"""So many workers may die in the middle of a webhook; the next one is not handed to the engine any more."""
PAROLE_S = 20.0
"""After so long another webhook at the same place is tried again, since workers also die of other causes; after every
further death it takes twice as long."""

log = logging.getLogger(__name__)


class Quarantine:
    """Stands before the hotline: marks what is in flight, and answers by itself what has killed workers.

    A place is a kind of webhook and where in the flows the call stands, whatever is keyed and whatever its turn: who is
    asked again and keys the same again is at the same place. Machines do not tell each other: each finds out by itself.
    `clock` is the one by which deaths are told, in seconds.
    """

    def __init__(
        self,
        flights: Flights,
        deaths: Deaths,
        pages: Pages,
        stepping: Stepping,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._flights = flights
        self._deaths = deaths
        self._pages = pages
        self._stepping = stepping
        self._clock = clock

    async def answer(self, call: Call, path: str, make: Callable[[], Awaitable[bytes]]) -> tuple[str, bytes]:
        """Have a webhook answered, or answer it from quarantine; give which of the two, and the answer.

        ``path`` is that of its URL below ``/twilio/``.
        """
        deaths = self._deaths.amid(call.sid)
        if len(deaths) >= DEATHS and self._barred(call, path, deaths):
            log.error("A webhook of call %s is in quarantine: workers have died in the middle of it.", call.sid)
            return "quarantined", self._safe(call, path)
        with self._flights.flying(Webhook(call.sid, path)):
            return "answer", await make()

    def _barred(self, call: Call, path: str, deaths: list[Death]) -> bool:
        if sum(death.path == path for death in deaths) >= DEATHS:
            return True
        here = self._place(call, path)
        times = [death.at for death in deaths if self._place(call, death.path) == here]
        return len(times) >= DEATHS and self._clock() < times[-1] + PAROLE_S * 2 ** (len(times) - DEATHS)

    def _place(self, call: Call, path: str) -> tuple[str, object]:
        position = self._position(call, path)
        return path.partition("/")[0], None if position is None else position.stack

    def _position(self, call: Call, path: str) -> Position | None:
        kind, _, token = path.partition("/")
        return self._pages.opened((kind,), call, token) if token else None

    def _safe(self, call: Call, path: str) -> bytes:
        """Say that something is amiss and go on at the main menu, or hang up where that is what kills.

        The turn lies above the one that is awaited, so that the call goes on from its token, without what was kept.
        """
        position = self._position(call, path)
        here = position or position_of(self._stepping.begin(call.dialled))
        sorry = self._said(here, "trouble.sorry")
        if position is not None and not position.stack:
            return self._pages.last((*sorry, *self._said(here, "goodbye")))
        place = None if path.startswith("queue/") else here.place  # there the caller has left the queue
        return self._pages.on(call, replace(here, turn=here.turn + 1, stack=(), place=place), sorry)

    def _said(self, here: Position, prompt: str) -> tuple[Utterance, ...]:
        library = self._stepping.library_of(session_from(here))
        return speak(library.catalogs, prompt, {}, here.lang, slow=here.slow)
