"""What a lookup is handed: the caller's session, the services it may ask, and until when it may take."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ivr.accounts.client import AccountClient
from ivr.bookings import Bookings
from ivr.call import Session
from ivr.counters import Counters, Refused, Reserved
from ivr.flow import Hotline
from ivr.kept_password import KeptPasswords
from ivr.library import Library
from ivr.messages import Messages
from ivr.redis_line import Command
from ivr.refusal_times import RefusalTimes
from ivr.seals import Seals
from ivr.surveys import Surveys

Attempt = Reserved | Refused | Literal["spent"] | None


class Stands(Protocol):
    """Where a caller stands in a queue."""

    @property
    def ahead(self) -> int: ...
    @property
    def minutes(self) -> int | None: ...


class Queues(Protocol):
    """The queues for humans: `ivr.agents.places` has what each step means. Each may raise StoreAway.

    `offered` tells whether agents can be rung for those who wait; where they cannot, nobody is to wait.
    """

    @property
    def offered(self) -> bool: ...
    async def stands(self, call: str, session: Session, library: Library, /) -> Stands: ...
    async def aside(self, call: str, session: Session, /) -> None: ...
    async def gone(self, call: str, session: Session, /) -> None: ...
    async def served(self, call: str, session: Session, /) -> str: ...
    async def speaks(self, call: str, session: Session, /) -> bool: ...
    async def to_callback(self, call: str, session: Session, library: Library, booking: str, /) -> None: ...


class Trail(Protocol):
    """The audit trail, without whose entries nothing personal is told: whether by all signs it takes any now."""

    @property
    def takes_entries(self) -> bool: ...


@dataclass(frozen=True)
class Desk:
    """The services behind the lookups, one set per worker."""

    accounts: AccountClient
    counters: Counters
    seals: Seals
    kept_passwords: KeptPasswords
    now: Callable[[], int]
    """Milliseconds since 1970."""
    refusal_times: RefusalTimes
    bookings: Bookings
    surveys: Surveys
    messages: Messages
    places: Queues
    trail: Trail


@dataclass(frozen=True)
class Inquiry:
    """One question of one call. `until` is the event loop's time at which the work ends. `secret` dies with it.

    `attempt` is what became of the attempt that the question needs: its places at the counters, ``spent`` where the
    call had none left, None where it cannot be counted. `settles` takes steps on Redis that are made in the same trip
    as the commit of the turn.
    """

    desk: Desk
    call: str
    session: Session
    library: Library
    until: float
    secret: str | None = field(default=None, repr=False)
    attempt: Attempt = None
    settles: list[Command] = field(default_factory=list)

    @property
    def hotline(self) -> Hotline:
        """The number that was dialled, as the call's version has it."""
        return self.library.hotlines.hotlines[self.session.hotline]
