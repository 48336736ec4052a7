"""The switch itself: phones by number, the calls between them and the hotline, and how many there may be."""

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

from ivr.carrier.carrier import Carrier
from ivr.carrier.phones import RingEnds, Ringing
from ivr.carrier.placed import Order
from ivr.exchange.live import LiveLeg
from ivr.exchange.phone import Busy, Phone
from ivr.exchange.placed import PlacedLeg

MOST_PHONES = 100
VOICE_URL = "/twilio/voice"

log = logging.getLogger("ivr.exchange")


class Switch(Carrier):
    """A carrier whose calls take real time: `pace` is the real seconds that a second of a call takes.

    Phones are plugged in and dial; the hotline rings them by number, through `ringing` or with ``<Dial>``.
    """

    def __init__(self, base_url: str | Sequence[str], *, pace: float = 1.0, **carrier: Any) -> None:
        super().__init__(base_url, pace=pace, strict=False, **carrier)
        self.ringing: Ringing[PlacedLeg] = Ringing(self._placed)
        self.phones: dict[str, Phone] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def aclose(self) -> None:
        """Hang up every phone, so that the hotline knows of it, and close."""
        for phone in list(self.phones.values()):
            self.unplug(phone)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=2.0)
        for task in self._tasks:
            task.cancel()
        await self.ringing.aclose()
        await super().aclose()

    def plug_in(self, phone: Phone) -> None:
        """Connect a phone. Raises Busy where there are too many."""
        if len(self.phones) >= MOST_PHONES:
            raise Busy(f"There are {MOST_PHONES} phones at this exchange already; no more can be plugged in.")
        self.phones[phone.id] = phone
        if phone.answers:
            self.ringing.plug_in(phone.number, phone)

    def unplug(self, phone: Phone) -> None:
        """Hang up a phone and take it away."""
        phone.hang_up()
        self.phones.pop(phone.id, None)
        if self.ringing.phone_at(phone.number) is phone:
            self.ringing.unplug(phone.number)

    def call_hotline(self, phone: Phone, number: str) -> None:
        """Dial a number of the hotline from a phone. Raises Busy where it is on a call already."""
        if phone.leg is not None:
            raise Busy("This phone is on a call already: hang up first.")
        leg = LiveLeg(self, phone.number, number)
        leg.phone, phone.leg = phone, leg
        phone.tell({"kind": "dials", "to": number, "from": phone.number})
        self._keep(leg.live(VOICE_URL))

    async def ring(self, leg: LiveLeg, seconds: float) -> RingEnds:
        """Ring the phone at the leg's number; tell how that ends. A number without a phone fails."""
        phone = self.ringing.phone_at(leg.to)
        if not isinstance(phone, Phone):
            return "failed"
        try:
            async with asyncio.timeout(seconds * self.pace):
                return await phone.rings(leg)
        except TimeoutError:
            return "no-answer"

    async def repeat_last_webhook(self, phone: Phone) -> None:
        """Send the last webhook of a phone's call once more, as a carrier does whose line broke. Raises Busy."""
        leg = phone.leg
        if leg is None or not leg.turns:
            raise Busy("This phone is not on a call.")
        again = leg.turns[-1].body
        same = all(body == again for body in await leg.repeat_last_webhook())
        leg.tell({"kind": "repeated", "same": same})

    def _placed(self, order: Order) -> PlacedLeg:
        return PlacedLeg(self, order)

    def _keep(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("A call at the exchange broke off.", exc_info=error)
