"""What the parent of the workers looks after in the database: audit heads, records, and what callers have left."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from ivr.agents.handing_over import HandingOver
from ivr.agents.message_retention import Deletes, MessageRetention
from ivr.agents.open_callbacks import OpenCallbacks
from ivr.agents.samples import add_samples, has_samples
from ivr.audit.keeping import AuditKeeping
from ivr.call_records.keeping import RecordKeeping
from ivr.clock import wall_clock
from ivr.database.opening import opened
from ivr.database.upgrading import upgrade
from ivr.datafolder import DataFolder
from ivr.first_use import FirstUse
from ivr.redis_line import connect
from ivr.seals import Seals
from ivr.settings import Settings


class Keeper(Protocol):
    """Something that is looked after until it is cancelled, and then for the last time."""

    async def keep(self) -> None:
        """Look after it until cancelled."""

    async def stop(self) -> None:
        """Look after it for the last time, and let go of what that needs."""


async def prepare(settings: Settings) -> None:
    """Bring the tables up to date, and add the sample agents of a demo.

    Raises `SettingsError` where the database cannot be opened.
    """
    await upgrade(settings.database_url)
    if has_samples(settings):
        password = DataFolder(settings.data_dir).agents_password()
        async with opened(settings.database_url) as engine:
            await add_samples(engine, password, wall_clock())


def keepers_of(settings: Settings) -> list[Keeper]:
    """Give all that is looked after on this machine."""
    url, seals = settings.database_url, Seals(settings.secrets)
    return [
        AuditKeeping(settings.audit_folder, url, days=settings.audit_days),
        HandingOver(connect(settings.redis_url), url, seals),
        OpenCallbacks(connect(settings.redis_url), url),
        RecordKeeping(connect(settings.redis_url), url, seals, days=settings.record_days),
        MessageRetention(url, seals, _recordings(settings), days=settings.message_days, now=wall_clock),
    ]


def _recordings(settings: Settings) -> Callable[[], Awaitable[Deletes]]:
    def make() -> Deletes:
        from ivr.channels.twilio.recordings import Recordings

        return Recordings(
            settings.carrier_api, account_sid=settings.twilio_account_sid, auth_token=settings.auth_tokens[0]
        )

    return FirstUse(make).get
