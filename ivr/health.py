"""What callers cannot have now, though calls are answered, and what those who run the hotline should see to."""

from datetime import timedelta
from typing import Final, Literal, NamedTuple

from redis.exceptions import ResponseError

from ivr.accounts.breaker import State
from ivr.accounts.client import AccountClient
from ivr.audit.trail import AuditTrail
from ivr.counters import Counters
from ivr.library import Library
from ivr.redis_line import StoreAway
from ivr.walk import china_day

DAYS_AHEAD: Final = 60
"""For so many days it must be known who is on duty; an announcement of the State Council comes about as early."""

Kind = Literal["store", "full", "counters", "accounts", "audit"]

_SENTENCES: Final[dict[Kind, str]] = {
    "store": "Redis does not answer: calls are answered in public mode, nobody is verified.",
    "full": "Redis takes nothing (it is full, a replica, or without its replicas): calls are answered in public mode, "
    "nobody is verified.",
    "counters": "The counters of this Redis are not confirmed: nobody is verified until `ivr counters confirm`.",
    "accounts": "The account service does not answer: callers are told so at once, policy answers and agents go on.",
    "audit": "The audit trail cannot be written ({}): nothing personal is told.",
}


class Fault(NamedTuple):
    """Something that callers have to do without; `why` is what the system said of it, where it said anything."""

    kind: Kind
    why: str = ""

    @property
    def sentence(self) -> str:
        """Say it in a sentence."""
        return _SENTENCES[self.kind].format(self.why)


class Health:
    """Looks at what one worker depends on."""

    def __init__(self, counters: Counters, accounts: AccountClient, trail: AuditTrail) -> None:
        self._counters = counters
        self._accounts = accounts
        self._trail = trail

    @property
    def breaker(self) -> State:
        """How the breaker before the account service stands at this worker."""
        return self._accounts.breaker.state

    async def faults(self) -> list[Fault]:
        """Give what is wrong now."""
        faults = []
        try:
            if not await self._counters.epoch_confirmed():
                faults.append(Fault("counters"))
            faults += await self._unwritten()
        except StoreAway:
            faults.append(Fault("store"))
        if self._accounts.out:
            faults.append(Fault("accounts"))
        if self._trail.failing:
            faults.append(Fault("audit", self._trail.failing))
        return faults

    async def _unwritten(self) -> list[Fault]:
        try:
            await self._counters.check_written()
        except StoreAway as away:
            return [Fault("full" if isinstance(away.__cause__, ResponseError) else "store")]
        return []


def unannounced_day(library: Library, now: int) -> str | None:
    """Say in a sentence from which of the coming days on it is only supposed that humans are on duty, where it is."""
    groups = [group for hotline in library.hotlines.hotlines.values() for group in hotline.agents.values()]
    if not any(group.duty for group in groups):
        return None
    today = china_day(now)
    first = library.working_days.first_unannounced(today + timedelta(days=day) for day in range(DAYS_AHEAD))
    if first is None:
        return None
    return (
        # In words: what looks like a number of eight digits is masked in the log.
        f"From {first.day} {first:%B %Y} on it is not known which days are worked, so Monday to Friday are "
        "taken for working days; write what was announced into flows/working_days.yaml."
    )
