"""The work that goes on in this process for calls: begun under a claim, waited for by whoever needs its reply."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from traceback import extract_tb
from typing import Any

from ivr.counters import Counters, Wanted
from ivr.crashes.flights import hold
from ivr.inquiry import Attempt
from ivr.redis_line import StoreAway
from ivr.stepping import Step
from ivr.store import Busy, CallStore, Claim, Claimed, Lost, Spent


class Works:
    """Works by the ids of their claims. `worker` is this process's name, its own in every life of every process.

    `known_dead` tells of a worker's name whether that process is dead for certain: nobody waits for its claims.
    """

    def __init__(self, worker: str, store: CallStore, counters: Counters) -> None:
        self._store = store
        self._counters = counters
        self.worker = f"{worker}-{token_hex(4)}"
        self.known_dead: Callable[[str], bool] = lambda _: False
        self._works: dict[str, asyncio.Task[bytes] | None] = {}

    @contextmanager
    def claiming(self) -> Iterator[str]:
        """Give the id of a new claim; it lives until the work started on it ends, or at once where none was started."""
        claim = token_hex(8)
        self._works[claim] = None
        try:
            yield claim
        finally:
            if self._works.get(claim) is None:
                self._works.pop(claim, None)

    async def claimed(
        self, one: Step, claim: str, ttl_s: float, wanted: Wanted | None, *, most: int
    ) -> tuple[Claimed | Lost | Busy, Attempt]:
        """Claim the work of a step, and in the same trip the attempt that it needs, if any.

        That is one of `most` in the call, which may have none left, and what is `wanted` at the counters. Whoever does
        not get the work takes nothing there. Where Redis does not confirm the trip, the places may stay taken for as
        long as those of an attempt whose worker died. Raises StoreAway.
        """
        for wants in (wanted, None):
            result = await self._store.claim(
                one.call.sid,
                expected=one.expected,
                claim_id=claim,
                worker=self.worker,
                session=one.before,
                ttl_s=ttl_s,
                reserve_failed=wants is not None,
                limit_failed=most,
                alongside=() if wants is None else wants.taking,
            )
            if wants is not None and wants.taking and not isinstance(result, Claimed):
                await self._give_back(wants)
            if not isinstance(result, Spent):
                spent = wanted is not None and wants is None
                return result, "spent" if spent else await self._attempt(wants, result)
        raise AssertionError("A claim that reserves nothing cannot be refused for want of attempts.")

    async def _attempt(self, wanted: Wanted | None, result: Claimed | Lost | Busy) -> Attempt:
        if wanted is None or not wanted.taking or not isinstance(result, Claimed):
            return None
        try:
            return await self._counters.told(wanted, result.alongside)
        except StoreAway:
            return None

    async def _give_back(self, wanted: Wanted) -> None:
        with suppress(StoreAway):  # then places are taken for a day that nobody used
            await self._counters.give_back(wanted.giving_back)

    def start(self, claim: str, work: Coroutine[Any, Any, bytes]) -> asyncio.Task[bytes]:
        """Start the work of a claim; it goes on whether or not anybody waits for it."""
        task = asyncio.create_task(work)
        self._works[claim] = task
        hold(task)
        task.add_done_callback(lambda _: self._works.pop(claim, None))
        return task

    def of(self, claim: Claim) -> asyncio.Task[bytes] | None:
        """Give the work of a claim, where it goes on in this process."""
        return self._works.get(claim.id)

    def live(self, claim: Claim) -> bool:
        """Tell whether work on a claim can still be going on; of its own claims a process knows it for certain."""
        elsewhere = claim.live and claim.worker != self.worker and not self.known_dead(claim.worker)
        return claim.id in self._works or elsewhere

    async def drain(self, seconds: float) -> None:
        """Let what is going on come to its end."""
        if works := [work for work in self._works.values() if work is not None]:
            await asyncio.wait(works, timeout=seconds)


def place_of(error: Exception) -> str:
    """Name an error and where it happened, without its text: that of a failed verification may hold a password."""
    last = extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, line {last.lineno}"
