"""What the parent of the workers looks after in the hotline's database: the audit trail's heads, and callbacks."""

from typing import Protocol

from ivr.agents.handing_over import HandingOver
from ivr.audit.keeping import AuditKeeping
from ivr.redis_line import connect
from ivr.seals import Seals
from ivr.settings import Settings


class Keeper(Protocol):
    """Something that is looked after until it is cancelled, and then for the last time."""

    async def keep(self) -> None:
        """Look after it until cancelled."""

    async def stop(self) -> None:
        """Look after it for the last time, and let go of what that needs."""


def keepers_of(settings: Settings) -> list[Keeper]:
    """Give all that is looked after on this machine."""
    return [
        AuditKeeping(settings.audit_folder, settings.database_url, days=settings.audit_days),
        HandingOver(connect(settings.redis_url), settings.database_url, Seals(settings.secrets)),
    ]
