"""What rings telephones for the hotline, whichever carrier does it."""

from typing import Protocol

from ivr.agents.legs import Leg


class NotRung(Exception):  # noqa: N818 - named for what has not happened
    """The carrier did not take the call, or did not say so in time: it may ring all the same. One sentence."""


class Switchboard(Protocol):
    """Places calls to agents' phones. Each method has a deadline of its own."""

    async def ring(self, phone: str, leg: Leg, seconds: int) -> str:
        """Ring a phone for so many seconds, for a leg; give the CallSid. Raises `NotRung`."""
        ...

    async def hang_up(self, sid: str) -> None:
        """End a call, also one that still rings; one that is over already stays so. Raises `NotRung`."""
        ...

    async def call_off(self, sid: str) -> None:
        """Let a phone ring no more; a call that has been answered goes on. Raises `NotRung`."""
        ...
