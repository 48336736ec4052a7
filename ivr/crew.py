"""The workers of a service: so many at work, one that stands by to step in, replaced one after the other."""

import asyncio
import json
from collections.abc import Callable
from typing import NamedTuple

from ivr.supervisor import (
    LONGEST_PAUSE_S,
    SETTINGS_WRONG,
    SHORTEST_PAUSE_S,
    STARTS_BEFORE_GIVING_UP,
    Child,
    StartFailed,
    ending,
    log,
    probe,
)
from ivr.worker import LEAVE_AT_ONCE, LEAVE_S, TAKE_CALLS

_TELL_WHY_EVERY_S = 15.0


class Hand(NamedTuple):
    """One worker process: its seat, which no other has while it lives, and its life, which gives the exit status."""

    seat: int
    child: Child
    life: asyncio.Task[int]


class Crew:
    """``size`` workers that take calls from one socket. `up` starts them, `keep` replaces who dies, `stop` ends all.

    Where one stands by it has built everything and answers probes, but takes no calls: a start takes a second or two,
    in which nobody would listen where the only worker has died. ``hire`` makes the child for a seat, which takes calls
    from `TAKE_CALLS` on; ``died`` is told, before the seat is given away again, whose process has died by itself;
    ``stands_by`` tells whether it is time to have one stand by.
    """

    def __init__(
        self, size: int, hire: Callable[[int], Child], died: Callable[[int], None], *, stands_by: Callable[[], bool]
    ) -> None:
        self._hire = hire
        self._died = died
        self._posts: list[Hand | None] = [None] * size
        self._stands_by = stands_by
        self._spare: Hand | None = None
        self._seats = set(range(seats(size)))
        self._all: list[Hand] = []
        self._promotions: set[asyncio.Task[None]] = set()
        self._replacing = asyncio.Lock()
        self._stopping = False
        self._first_is_up = asyncio.Event()
        self._all_are_up = asyncio.Event()

    @property
    def hands(self) -> list[Hand]:
        """Every worker process that lives, also who stands by or is about to leave."""
        return list(self._all)

    @property
    def at_work(self) -> list[Child]:
        """Those who take calls, or will as soon as they are up."""
        return [hand.child for hand in self._posts if hand is not None]

    async def up(self) -> None:
        """Wait until every worker has answered for the first time; `keep` has to run beside it."""
        await self._all_are_up.wait()

    async def ready(self) -> tuple[str, ...]:
        """Wait until every worker can take calls; give, a sentence each, what callers cannot have although they can."""
        loop = asyncio.get_running_loop()
        tell_at = loop.time() + _TELL_WHY_EVERY_S
        while True:
            answers = {worker.name: await probe(worker.port, "/readyz") for worker in self.at_work}
            ready = [answer for answer in answers.values() if answer is not None and answer.status == 200]
            if len(ready) == len(answers):
                return tuple(dict.fromkeys(reason for one in ready for reason in json.loads(one.body)["reasons"]))
            if loop.time() > tell_at:
                for name, answer in answers.items():
                    if answer not in ready:
                        log.warning("%s is not ready yet: %s", name, answer.body if answer else "it does not answer.")
                tell_at = loop.time() + _TELL_WHY_EVERY_S
            await asyncio.sleep(0.05)

    async def keep(self) -> None:
        """Keep every post filled until `stop`. Raises `StartFailed` where no worker ever came up."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep(0))
                # What keeps one from starting keeps all from starting: it is said once, by the first.
                await self._first_is_up.wait()
                for post in range(1, len(self._posts)):
                    group.create_task(self._keep(post))
                group.create_task(self._keep_one_by())
        except* StartFailed as failures:
            raise failures.exceptions[0] from None

    async def replace(self) -> bool:
        """Put a new process in the place of every worker, one after the other, each before its predecessor leaves.

        Where a new one does not come up (its code, its flows) those who are at work stay, and it gives False.
        """
        async with self._replacing:
            log.warning("The workers are replaced, one after the other.")
            if self._spare is not None:
                spare, self._spare = self._spare, None
                await _leaves(spare)
            for post in range(len(self._posts)):
                new = self._hired()
                if not await self._comes_up(new):
                    if not self._stopping:
                        log.warning("The new worker did not come up, so those at work stay as they are.")
                    return False
                old, self._posts[post] = self._posts[post], new
                new.child.send(TAKE_CALLS)
                if old is not None:
                    await _leaves(old)
            log.warning("All workers are new.")
            return True

    async def stop(self) -> None:
        """Ask every worker to leave, and end who does not leave in time."""
        self._stopping = True
        hands = self.hands
        await asyncio.gather(*(hand.child.stop(LEAVE_S) for hand in hands))
        await asyncio.gather(*(hand.life for hand in hands))

    async def _keep(self, post: int) -> None:
        pause, failures = SHORTEST_PAUSE_S, 0
        while not self._stopping:
            hand = self._posts[post]
            if hand is None:
                hand = self._posts[post] = self._stand_in() or self._hired()
                self._promote_when_up(hand)
            status = await asyncio.shield(hand.life)
            if self._posts[post] is not hand:
                continue  # it was replaced, and left because it was told to
            self._posts[post] = None
            if self._stopping:
                return
            if hand.child.has_answered:
                pause, failures = SHORTEST_PAUSE_S, 0
                log.warning("%s %s; another one takes its place.", hand.child.name, ending(status))
                continue
            failures += 1
            if not self._all_are_up.is_set() and status == SETTINGS_WRONG:
                raise StartFailed("", SETTINGS_WRONG)
            if not self._all_are_up.is_set() and failures == STARTS_BEFORE_GIVING_UP:
                raise StartFailed(f"{hand.child.name} could not be started: it {ending(status)} {failures} times.", 1)
            log.warning("%s %s; it is started again in %.1f s.", hand.child.name, ending(status), pause)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _keep_one_by(self) -> None:
        pause = SHORTEST_PAUSE_S
        while not self._stopping:
            await asyncio.sleep(pause)
            # Whoever takes calls comes first: a start needs a core for itself.
            if self._stopping or self._replacing.locked() or not self._all_answer() or self._spare is not None:
                continue
            if not self._stands_by():
                continue
            spare = self._spare = self._hired()
            status = await asyncio.shield(spare.life) if not await self._comes_up(spare) else None
            if status is not None and self._spare is spare:
                self._spare = None
            pause = SHORTEST_PAUSE_S if status is None else min(pause * 2, LONGEST_PAUSE_S)

    def _stand_in(self) -> Hand | None:
        """Take who stands by, were it still starting: it is ahead of anybody who would begin now."""
        spare, self._spare = self._spare, None
        return spare if spare is not None and not spare.life.done() else None

    def _hired(self) -> Hand:
        seat = min(self._seats)
        self._seats.discard(seat)
        child = self._hire(seat)

        async def lives() -> int:
            try:
                return await child.live()
            finally:
                # Whoever waits for the end of a life finds its seat free.
                self._left(hand)

        hand = Hand(seat, child, asyncio.create_task(lives()))
        self._all.append(hand)
        return hand

    def _left(self, hand: Hand) -> None:
        if not hand.child.stopping:
            self._died(hand.seat)
        if self._spare is hand:
            self._spare = None
        self._all.remove(hand)
        self._seats.add(hand.seat)

    def _promote_when_up(self, hand: Hand) -> None:
        async def promote() -> None:
            if await self._comes_up(hand):
                hand.child.send(TAKE_CALLS)
                self._first_is_up.set()
                if self._all_answer():
                    self._all_are_up.set()

        task = asyncio.create_task(promote())
        self._promotions.add(task)
        task.add_done_callback(self._promotions.discard)

    def _all_answer(self) -> bool:
        return all(hand is not None and hand.child.has_answered for hand in self._posts)

    async def _comes_up(self, hand: Hand) -> bool:
        """Wait until a worker has answered or ended; tell whether it has answered."""
        answered = asyncio.create_task(hand.child.answered())
        try:
            await asyncio.wait({answered, hand.life}, return_when=asyncio.FIRST_COMPLETED)
            return answered.done() and not hand.life.done()
        finally:
            answered.cancel()


async def _leaves(hand: Hand) -> None:
    await hand.child.stop(LEAVE_S, LEAVE_AT_ONCE)
    await hand.life


def seats(size: int) -> int:
    """Say how many worker processes there are at most: all at work, and one that stands by, takes over or leaves."""
    return size + 1
