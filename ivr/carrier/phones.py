"""The phones that a carrier can ring by number, and the calls placed to them through its API."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, Protocol, TypeVar

from ivr.carrier.placed import Order, Placed, PlacedCall, Status

if TYPE_CHECKING:
    from ivr.carrier.carrier import Carrier

RingEnds = Literal["answered", "busy", "no-answer", "failed"]

SILENCE, HANGS_UP = "-", "!"
MOST_PRESSES: Final = 50
MOST_REMEMBERED: Final = 500
"""Calls that are remembered when they are over, the latest ones; the API knows no others."""


P = TypeVar("P", bound=Placed)
P_contra = TypeVar("P_contra", bound=Placed, contravariant=True)


class Phone(Protocol[P_contra]):
    """What stands at the other end of a number. Both methods are given up when the call ends from the other side."""

    async def rings(self, leg: P_contra, /) -> RingEnds:
        """Ring, and tell how that ends; the caller of this gives up after the seconds of the leg's order."""
        ...

    async def talks(self, leg: P_contra, /) -> None:
        """Be the callee of a leg that has been answered and waits, until it has ended."""
        ...


@dataclass(slots=True)
class ScriptedPhone:
    """Somebody who does as the script says: ``ends`` without delay, then keys at one prompt after the other.

    A press is keys, ``-`` for silence or ``!`` for hanging up; after the last one the callee is silent, as a mailbox
    is, which hears everything to its end. ``rung`` counts.
    """

    ends: RingEnds = "answered"
    presses: Sequence[str] = ("1",)
    rung: int = 0

    async def rings(self, _leg: PlacedCall, /) -> RingEnds:
        self.rung += 1
        return self.ends

    async def talks(self, leg: PlacedCall, /) -> None:
        presses = iter(self.presses)
        for _ in range(MOST_PRESSES):
            press = next(presses, SILENCE)
            if leg.ended or leg.waiting != "keys" or press == HANGS_UP:
                break
            await (leg.silence() if press == SILENCE else leg.press(press))
        await leg.hang_up()


class Ringing(Generic[P]):
    """Rings phones by number, each call in a task of its own; `make` gives its leg. A number without a phone fails."""

    def __init__(self, make: Callable[[Order], P]) -> None:
        self._make = make
        self.legs: dict[str, P] = {}
        self._phones: dict[str, Phone[P]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def plug_in(self, number: str, phone: Phone[P]) -> None:
        """Let a number ring at this phone from now on."""
        self._phones[number] = phone

    def unplug(self, number: str) -> None:
        """Let a number ring nowhere."""
        self._phones.pop(number, None)

    def phone_at(self, number: str) -> Phone[P] | None:
        """Give the phone that rings at a number."""
        return self._phones.get(number)

    def place(self, order: Order) -> P:
        """Begin to ring; returns at once."""
        self._forget_the_oldest()
        leg = self._make(order)
        self.legs[leg.sid] = leg
        self._tasks[leg.sid] = asyncio.create_task(self._ring(leg))
        return leg

    def find(self, sid: str) -> P | None:
        """Give a call that was placed here."""
        return self.legs.get(sid)

    async def hang_up(self, sid: str) -> None:
        """End a call from the carrier's side: whoever still rang is rung no more."""
        leg = self.legs[sid]
        over: Status = "completed" if leg.status == "in-progress" else "canceled"
        task = self._tasks.get(leg.sid)
        if task is not None and task is not asyncio.current_task():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        await leg.end(over)

    async def settled(self) -> list[P]:
        """Wait until no call placed here is going on, and give them all; what went wrong in one is raised."""
        while waiting := [task for task in self._tasks.values() if not task.done()]:
            await asyncio.wait(waiting)
        for task in self._tasks.values():
            if not task.cancelled():
                task.result()
        return list(self.legs.values())

    async def aclose(self) -> None:
        """Leave every call as it is."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _forget_the_oldest(self) -> None:
        over = [sid for sid, task in self._tasks.items() if task.done()]
        for sid in over[: max(0, len(self.legs) - MOST_REMEMBERED)]:
            del self.legs[sid], self._tasks[sid]

    async def _ring(self, leg: P) -> None:
        await leg.becomes("queued", "initiated")
        await leg.becomes("ringing", "ringing")
        phone = self._phones.get(leg.to)
        ends: RingEnds = "failed"
        if phone is not None:
            try:
                async with asyncio.timeout(leg.order.timeout):
                    ends = await phone.rings(leg)
            except TimeoutError:
                ends = "no-answer"
        if phone is None or ends != "answered":
            await leg.end(ends)
            return
        await leg.is_answered()
        if not leg.ended:
            await phone.talks(leg)


class Phones(Ringing[PlacedCall]):
    """Rings the phones of a carrier whose calls are on a virtual clock."""

    def __init__(self, carrier: "Carrier") -> None:
        super().__init__(lambda order: PlacedCall(carrier, order))
        self.carrier = carrier
