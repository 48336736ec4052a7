"""What agents take callers with, made of the parts that a worker hands to its pages."""

from ivr.agents.legs import Legs
from ivr.agents.queue import AgentQueue
from ivr.agents.ring_limits import RingLimits
from ivr.agents.taking import Callbacks, Taking
from ivr.audit.ledger import Ledger
from ivr.channels.twilio.legs import switchboard_of
from ivr.counters import Counters
from ivr.web.parts import Parts


def taking_of(parts: Parts, queue: AgentQueue, callbacks: Callbacks) -> Taking:
    """Make what takes callers from the queue and callbacks from their list."""
    legs = Legs(parts.redis, parts.seals)
    return Taking(
        queue,
        legs,
        RingLimits(Counters(parts.redis, parts.seals)),
        callbacks,
        switchboard=switchboard_of(parts.settings, legs),
        enter=Ledger(parts.trail, parts.seals).card,
        library=lambda: parts.versions.current,
        now=parts.now,
    )
