"""The accounts with which a demo is looked at: an agent and a supervisor, who open nothing in production."""

from typing import Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.agents.accounts import Accounts, GroupName, Role
from ivr.agents.passwords import hashed
from ivr.settings import Settings


class Sample(NamedTuple):
    """A sample account, without its password: that is made once for each data folder."""

    name: str
    role: Role
    groups: tuple[GroupName, ...]
    phone: str
    story: str


SAMPLE_AGENTS: Final = (
    Sample("lin", "agent", (GroupName("demo", "general"),), "+12025550133", "agent, answers callers"),
    Sample("chen", "supervisor", (), "+12025550133", "supervisor, sees every hotline"),
)


def has_samples(settings: Settings) -> bool:
    """Tell whether a start is a demo in all that matters here: no real callers, and a database of its own."""
    return settings.demo and not settings.production and "database_url" in settings.stand_ins


async def add_samples(engine: AsyncEngine, password: str, now: int) -> None:
    """Add the sample accounts that are not there. One that is there stays as it is, whatever its password is now."""
    accounts = Accounts(engine)
    known = {account.name for account in await accounts.all()}
    for sample in SAMPLE_AGENTS:
        if sample.name not in known:
            await accounts.add(
                sample.name,
                role=sample.role,
                groups=sample.groups,
                phone=sample.phone,
                password=hashed(password),
                now=now,
                sample=True,
            )
