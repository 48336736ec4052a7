"""The agents' desk, put together: the queue and its watch, what takes callers, the console and the list of tasks."""

from collections.abc import Sequence

from starlette.routing import Route

from ivr.agents.accounts import Account, GroupName
from ivr.agents.queue import AgentQueue, Waiter
from ivr.bookings import Bookings
from ivr.channels.twilio.recordings import Recordings
from ivr.web.cases import Cases
from ivr.web.console import Console
from ivr.web.guard import Guard
from ivr.web.looks import Looks
from ivr.web.messages import SpokenMessages
from ivr.web.parts import Parts
from ivr.web.presence import Presence
from ivr.web.taking import taking_of
from ivr.web.to_do import ToDo, hotlines_of
from ivr.web.watch import Watch
from ivr.web.writing import Pages


class Desk:
    """The pages of agents."""

    def __init__(self, parts: Parts, guard: Guard, pages: Pages) -> None:
        redis, seals = parts.redis, parts.seals
        queue = AgentQueue(redis, seals, parts.now, deadline=parts.patience)
        presence = Presence(redis, parts.now, deadline=parts.patience)
        cases = Cases(redis, seals, deadline=parts.patience)
        looks = Looks(parts.trail, redis, deadline=parts.patience)
        taking = taking_of(parts, queue, guard.database, looks.taken)

        async def give_back(agent: Account, waiter: Waiter) -> None:
            await taking.let_go(agent, waiter.hotline, waiter.group, waiter.call)

        self._watch = Watch(queue, presence, cases, parts.now, give_back, taking.how)
        console = Console(
            guard,
            pages,
            queue=queue,
            presence=presence,
            cases=cases,
            watch=self._watch,
            taking=taking,
            looks=looks,
            seals=seals,
            library=lambda: parts.versions.current,
            now=parts.now,
            leaving=parts.leaving,
        )

        def groups(account: Account) -> tuple[GroupName, ...]:
            return console.groups(account, queues=False)

        messages = SpokenMessages(
            guard,
            recordings=Recordings(
                parts.settings.carrier_api,
                account_sid=parts.settings.twilio_account_sid,
                auth_token=parts.settings.auth_tokens[0],
            ),
            trail=parts.trail,
            seals=seals,
            hotlines=lambda account: hotlines_of(account, groups),
            now=parts.now,
        )
        to_do = ToDo(
            guard,
            pages,
            bookings=Bookings(redis, seals, deadline=parts.patience),
            cases=cases,
            taking=taking,
            messages=messages,
            trail=parts.trail,
            seals=seals,
            groups=groups,
            now=parts.now,
        )
        self.routes: Sequence[Route] = (*console.routes(), *to_do.routes())

    async def stop(self) -> None:
        """Look at nothing any more."""
        await self._watch.stop()
