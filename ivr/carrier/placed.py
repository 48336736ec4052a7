"""Calls that the hotline places through the carrier's API: they ring, are answered or not, and play a document."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Literal

from ivr.carrier.leg import Leg
from ivr.carrier.line import Call
from ivr.carrier.verbs import Verb
from ivr.carrier.vocabulary import Context
from ivr.carrier.webhook import Exchange

if TYPE_CHECKING:
    from ivr.carrier.carrier import Carrier

Status = Literal["queued", "ringing", "in-progress", "completed", "busy", "no-answer", "failed", "canceled"]

OVER: Final[frozenset[Status]] = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})

_OUTBOUND: Final = {"Direction": "outbound-api"}


@dataclass(frozen=True, slots=True)
class Order:
    """What the API was asked for: whom to ring as whom, the document for whoever answers, whom to tell about it.

    ``events`` are those that are told (``initiated``, ``ringing``, ``answered``, ``completed``); ``timeout`` is the
    seconds for which it rings.
    """

    to: str
    from_: str
    url: str
    status_callback: str = ""
    events: tuple[str, ...] = ("completed",)
    timeout: int = 60


class Placed(Leg):
    """A call as its callee lives it, however time passes. It has no parent: it belongs to no other call."""

    def __init__(self, carrier: "Carrier", order: Order) -> None:
        super().__init__(carrier, order.from_, order.to)
        self.order = order
        self.status: Status = "queued"
        self.created = self.updated = datetime.now(UTC)

    async def becomes(self, status: Status, event: str) -> None:
        """Be in another state, and tell the hotline where it wants to hear of this event."""
        self.status, self.updated = status, datetime.now(UTC)
        if self.order.status_callback and event in self.order.events:
            # Of a call that is not dialled yet callbacks tell a word which the resource does not have.
            told = "initiated" if event == "initiated" else status
            await self.report_status(self.order.status_callback, told)

    async def is_answered(self) -> None:
        """Be answered."""
        await self.becomes("in-progress", "answered")

    async def end(self, status: str) -> None:
        """End as ``completed``, or as the word tells why nobody answered."""
        if self.ended:
            return
        self.ended, self.waiting, self.gather = True, "", None
        over: Status = next((one for one in OVER if one == status), "failed")
        await self.becomes(over, "completed")

    async def fetch(
        self, url: str, params: Mapping[str, str], context: Context
    ) -> tuple[Exchange, tuple[Verb, ...] | None, int]:
        """Post one voice webhook; the first one comes when the callee has answered."""
        return await super().fetch(url, {**_OUTBOUND, "CallStatus": "in-progress", **params}, context)

    def status_fields(self, status: str) -> dict[str, str]:
        """Return the fields of a status callback."""
        return super().status_fields(status) | _OUTBOUND


class PlacedCall(Placed, Call):
    """A call that was placed, on a virtual clock."""

    async def is_answered(self) -> None:
        """Be answered, and play the order's document until the callee may act."""
        await super().is_answered()
        await self.ring(self.order.url)
