"""The accounts of those who answer: who may sign in to the console, for which groups, and at which telephone."""

import re
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from ivr.database.tables import AGENTS

Role = Literal["agent", "supervisor"]
ROLES: Final[tuple[Role, ...]] = ("agent", "supervisor")

NAME: Final = re.compile(r"[a-z][a-z0-9._-]{1,31}")


class GroupName(NamedTuple):
    """A group of agents of a hotline, written ``hotline/group``."""

    hotline: str
    group: str

    def __str__(self) -> str:
        return f"{self.hotline}/{self.group}"


class Account(NamedTuple):
    """Who may sign in. Instants are ms since 1970; `sample` accounts come with a demo and open nothing in production.

    `phone` is the telephone at which the agent's calls ring: one of the numbers of each of the groups. `password` is
    the hash of it.
    """

    id: int
    name: str
    role: Role
    groups: tuple[GroupName, ...]
    phone: str
    password: str
    created_at: int
    disabled_at: int | None = None
    sample: bool = False

    def serves(self, hotline: str, group: str) -> bool:
        """Tell whether this account may look at the callers of a group."""
        return (self.role == "supervisor" and not self.groups) or (hotline, group) in self.groups


def group_name(text: str) -> GroupName | None:
    """Read ``hotline/group``; None where it is none."""
    hotline, slash, group = text.partition("/")
    return GroupName(hotline, group) if slash and hotline and group else None


class Accounts:
    """The accounts in the hotline's database. Every method raises what the database's driver raises."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def add(
        self,
        name: str,
        *,
        role: Role,
        groups: Sequence[GroupName],
        phone: str,
        password: str,
        now: int,
        sample: bool = False,
    ) -> bool:
        """Add an account; False where one has this name already. ``password`` is the hash."""
        row = {
            "name": name,
            "role": role,
            "groups": " ".join(map(str, groups)),
            "phone": phone,
            "password": password,
            "created_at": now,
            "sample": sample,
        }
        try:
            async with self._engine.begin() as connection:
                await connection.execute(insert(AGENTS).values(row))
        except IntegrityError:
            return False
        return True

    async def all(self) -> list[Account]:
        """Give every account, by name."""
        async with self._engine.connect() as connection:
            return [_account(row) for row in await connection.execute(select(AGENTS).order_by(AGENTS.c.name))]

    async def named(self, name: str) -> Account | None:
        """Give the account of this name."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(AGENTS).where(AGENTS.c.name == name))).first()
        return None if row is None else _account(row)

    async def change(self, name: str, **columns: Any) -> bool:
        """Change columns of an account; False where there is none."""
        async with self._engine.begin() as connection:
            changed = await connection.execute(update(AGENTS).where(AGENTS.c.name == name).values(**columns))
        return bool(changed.rowcount)


def _account(row: Row[Any]) -> Account:
    groups = (group_name(text) for text in row.groups.split())
    return Account(
        id=row.id,
        name=row.name,
        role="supervisor" if row.role == "supervisor" else "agent",
        groups=tuple(group for group in groups if group is not None),
        phone=row.phone,
        password=row.password,
        created_at=row.created_at,
        disabled_at=row.disabled_at,
        sample=row.sample,
    )
