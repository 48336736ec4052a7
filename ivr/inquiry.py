"""What a lookup is handed: the caller's session, the services it may ask, and until when it may take."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ivr.accounts.client import AccountClient
from ivr.call import Session
from ivr.counters import Counters
from ivr.flow import Hotline
from ivr.kept_password import KeptPasswords
from ivr.library import Library
from ivr.seals import Seals


@dataclass
class RecentRefusal:
    """How long the account service last took to refuse, in seconds: refusals of our own take as long."""

    seconds: float = 0.05


@dataclass(frozen=True)
class Desk:
    """The services behind the lookups, one set per worker."""

    accounts: AccountClient
    counters: Counters
    seals: Seals
    kept_passwords: KeptPasswords
    now: Callable[[], int]
    """Milliseconds since 1970."""
    recent_refusal: RecentRefusal = field(default_factory=RecentRefusal)


@dataclass(frozen=True)
class Inquiry:
    """One question of one call. `until` is the event loop's time at which the work ends; `spent` tells that the
    call had no attempt left when it was asked. `secret` dies with it."""

    desk: Desk
    call: str
    session: Session
    library: Library
    hotline: Hotline
    until: float
    secret: str | None = field(default=None, repr=False)
    spent: bool = False
