"""How often telephones of agents are rung, and members called back; never without an end."""

from typing import Final

from ivr.agents.legs import Leg
from ivr.attempts import DAY_SECONDS
from ivr.counters import Counters, Reserved, Window
from ivr.library import Library
from ivr.redis_line import StoreAway

RINGS_A_CALLER: Final = 10
"""How often agents are rung for one caller in a day."""
RINGS_AN_AGENT: Final = 1000
"""How often one agent is rung in a day: one call every half minute of a long shift."""
CALLS_A_NUMBER: Final = 6
"""How often one number is called back in a day, in whatever booking: two callbacks of three attempts."""


class RingLimits:
    """Counts what costs money.

    Where the counts are lost, agents are rung all the same, as callers without a queue are connected: their numbers are
    those of the hotline itself. Members are not: `may_reach` then raises StoreAway.
    """

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    async def may_ring(self, leg: Leg, library: Library) -> bool:
        """Count the ringing of an agent's phone; the same leg counts once."""
        windows = (
            Window("caller_rings", leg.call, RINGS_A_CALLER, DAY_SECONDS),
            Window("agent_rings", leg.agent, RINGS_AN_AGENT, DAY_SECONDS),
            _today(leg, library),
        )
        try:
            return isinstance(await self._counters.reserve(windows, leg.id), Reserved)
        except StoreAway:
            return True

    async def may_reach(self, leg: Leg, number: str, library: Library) -> bool:
        """Count the call to a member; the same leg counts once."""
        windows = (Window("calls_back", number, CALLS_A_NUMBER, DAY_SECONDS), _today(leg, library))
        return isinstance(await self._counters.reserve(windows, f"{leg.id}+"), Reserved)


def _today(leg: Leg, library: Library) -> Window:
    """Count all calls that a hotline places itself, apart from those that callers wait for."""
    return Window("rings", leg.hotline, library.hotlines.hotlines[leg.hotline].limits.dials_a_day, DAY_SECONDS)
