"""A phone that is plugged into the exchange: its keys come in, what it hears goes out, one call at a time."""

import asyncio
import contextlib
import re
import secrets
from collections import deque
from typing import Final, NamedTuple

from ivr.carrier.phones import RingEnds
from ivr.exchange.happenings import HangsUp, Happening, Told
from ivr.exchange.live import LiveLeg
from ivr.exchange.placed import PlacedLeg

TELEPHONE: Final = re.compile(r"\+?[0-9]{1,15}")
"""Numbers that a phone may have, or dial."""

MOST_REMEMBERED: Final = 1000
"""What a phone was told last is kept, so that a listener whose connection broke can go on where it was."""


class Event(NamedTuple):
    """Something that a phone was told, and its place among all that it was told, from 1."""

    number: int
    told: Told


class Busy(Exception):  # noqa: N818 - it is no error: the phone is in use, or is not
    """The phone cannot do this now; the text is a sentence that says why."""


class Phone:
    """A telephone with a ``number``. It dials, and where it ``answers`` it can be rung as well.

    Where it is ``aloud`` it speaks in a voice of its own, and tells when it has said something to its end.
    """

    def __init__(self, number: str, *, answers: bool = False, aloud: bool = False) -> None:
        self.id = secrets.token_urlsafe(18)
        self.number = number
        self.answers = answers
        self.aloud = aloud
        self.leg: LiveLeg | None = None
        self.listeners = 0
        self._picks_up: asyncio.Future[bool] | None = None
        self._told: deque[Event] = deque(maxlen=MOST_REMEMBERED)
        self._count = 0
        self._news = asyncio.Event()

    @property
    def rings_now(self) -> bool:
        """Whether it rings and can be picked up."""
        return self._picks_up is not None and not self._picks_up.done()

    # --- for the exchange --------------------------------------------------------------------------------------------

    def tell(self, told: Told) -> None:
        """Let whoever holds the phone know."""
        if told["kind"] == "ended":
            self.leg = None
        self._count += 1
        self._told.append(Event(self._count, told))
        self._news.set()

    async def events(self, after: int, within: float) -> list[Event]:
        """Give what the phone was told after that event, or is told within so many seconds; else nothing."""
        self._news.clear()
        if self._count <= after:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(within):
                    await self._news.wait()
        return [event for event in self._told if event.number > after]

    async def rings(self, leg: LiveLeg, /) -> RingEnds:
        """Ring until it is picked up or rejected; whoever rings gives up by cancelling."""
        if self.leg is not None:
            return "busy"
        self._picks_up = asyncio.get_running_loop().create_future()
        self.leg = leg
        self.tell({"kind": "rings", "from": leg.from_})
        by = "hotline"
        try:
            if not await self._picks_up:
                by = "phone"
                return "busy"
            by = ""
        finally:
            self._picks_up = None
            if by:
                self.tell({"kind": "ended", "by": by})
        leg.phone = self
        self.tell({"kind": "answered"})
        return "answered"

    async def talks(self, leg: PlacedLeg, /) -> None:
        """Be the callee of a call that the hotline has placed, until it has ended."""
        await leg.live(leg.order.url)

    # --- for whoever holds it ----------------------------------------------------------------------------------------

    def happens(self, happening: Happening) -> None:
        """Press a key, say something, or let a wait pass. Raises Busy where there is no call."""
        if self.leg is None or self.rings_now:
            raise Busy("This phone is not on a call.")
        self.leg.happens(happening)

    def pick_up(self) -> None:
        """Answer. Raises Busy where it does not ring."""
        if self._picks_up is None or self._picks_up.done():
            raise Busy("This phone does not ring.")
        self._picks_up.set_result(True)

    def hang_up(self) -> None:
        """Hang up, or reject a call that rings; nothing where there is none."""
        if self._picks_up is not None:
            if not self._picks_up.done():
                self._picks_up.set_result(False)
        elif self.leg is not None:
            self.leg.happens(HangsUp())
