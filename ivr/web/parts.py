"""What a worker hands to its pages."""

from collections.abc import Callable
from typing import Final, NamedTuple

from redis.asyncio import Redis

from ivr.audit.trail import AuditTrail
from ivr.health import Health
from ivr.orders import StandingOrders
from ivr.seals import Seals
from ivr.settings import Settings
from ivr.versions.live import LiveVersions

PATIENCE: Final = 4
"""A page waits so many times as long for a step on Redis as a call may: nobody's call waits for it."""


class Parts(NamedTuple):
    """All that pages may use of the worker that serves them. `now` gives milliseconds since 1970.

    `leaving` says that the worker is about to end: streams do not hold it up. `redis` is a client of their own: however
    long a page waits, no call waits for a connection that it holds. A step there may take `patience` seconds.
    `problems` counts those of the flow files.
    """

    settings: Settings
    now: Callable[[], int]
    redis: Redis
    seals: Seals
    trail: AuditTrail
    versions: LiveVersions
    leaving: Callable[[], bool]
    patience: float
    health: Health
    orders: StandingOrders
    problems: Callable[[], int]
