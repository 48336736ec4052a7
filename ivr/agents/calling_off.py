"""Calling off: an agent's phone rings no more for a caller who has left, without anybody who waits for that."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ivr.agents.legs import Legs
from ivr.agents.switchboard import NotRung, Switchboard
from ivr.redis_line import StoreAway

WITHIN_S: Final = 10.0
"""After that it is left: whoever answers is told that nobody is there, and no phone rings for much longer."""
LOOK_S: Final = 0.5
"""Seconds between looks at a leg of which the carrier has not said yet which call it is."""

log = logging.getLogger(__name__)


class CallingOff:
    """Calls off the phones that ring in vain. `switchboard` is None where the hotline places no calls."""

    def __init__(self, legs: Legs, switchboard: Callable[[], Awaitable[Switchboard]] | None) -> None:
        self.switchboard = switchboard
        self._legs = legs
        self._going_on: set[asyncio.Task[None]] = set()

    def begin(self, call: str, agent: str) -> None:
        """Let the phone of this agent ring no more for this caller; returns at once."""
        if self.switchboard is not None:
            task = asyncio.create_task(self._call_off(call, agent, self.switchboard))
            self._going_on.add(task)
            task.add_done_callback(self._going_on.discard)

    async def stop(self, seconds: float) -> None:
        """Let what is going on come to its end, for so many seconds."""
        if going_on := set(self._going_on):
            _, late = await asyncio.wait(going_on, timeout=seconds)
            for task in late:
                task.cancel()

    async def _call_off(self, call: str, agent: str, switchboard: Callable[[], Awaitable[Switchboard]]) -> None:
        try:
            async with asyncio.timeout(WITHIN_S):
                # The leg stays: who answers just now is told that the caller has gone.
                sid = await self._legs.current(call, agent)
                while not sid:
                    await asyncio.sleep(LOOK_S)
                    sid = await self._legs.current(call, agent)
                await (await switchboard()).call_off(sid)
        except (NotRung, StoreAway, TimeoutError) as error:
            log.warning("An agent's phone may ring on for a caller who has left: %s", error or "no leg in time.")
        except Exception:
            log.exception("An agent's phone may ring on for a caller who has left.")
