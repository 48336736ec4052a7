"""How often somebody may try to sign in: counted for each account and each address, by all workers together.

A try counts before its password is looked at, so that many at once are no way around it; one that succeeds is taken
back. Names that nobody has are counted like any other: a lock does not tell whether somebody is there.
"""

import ipaddress
from math import ceil
from typing import Final

from redis.asyncio import Redis
from starlette.requests import Request

from ivr.redis_line import Command, RedisLine
from ivr.seals import Seals

TRIES_PER_ACCOUNT: Final = 5
TRIES_PER_ADDRESS: Final = 30
FORGOTTEN_MS: Final = 15 * 60_000


class Lockout:
    """Counts tries in Redis. Every method raises StoreAway where Redis does not confirm: then nobody signs in."""

    def __init__(self, redis: Redis, seals: Seals, *, deadline: float) -> None:
        self._seals = seals
        self._line = RedisLine(redis, deadline=deadline)
        self._knock = self._line.script("knock")

    async def try_counts(self, name: str, address: str) -> str:
        """Count a try; say in a sentence for how long there can be none, where there have been too many."""
        tries = [self._adding("account", name), self._adding("address", address)]
        account, neighbourhood = await self._line.ask_all(tries)
        if account[0] > TRIES_PER_ACCOUNT:
            return f"这个账号连续登录失败太多次，已经锁定，请在{_minutes(account[1])}分钟后再试，或请班长核实。"
        if neighbourhood[0] > TRIES_PER_ADDRESS:
            return f"从这个网络地址登录失败太多次，请在{_minutes(neighbourhood[1])}分钟后再试。"
        return ""

    async def succeeded(self, name: str, address: str) -> None:
        """Forget the failures at an account, and take back the try of the address."""
        await self._line.ask_all([Command(("DEL", self._key("account", name))), self._adding("address", address, -1)])

    def _adding(self, kind: str, value: str, number: int = 1) -> Command:
        return self._knock.command([self._key(kind, value)], [FORGOTTEN_MS, number])

    def _key(self, kind: str, value: str) -> str:
        return f"ivr:desk:tries:{{{self._seals.name(f'sign in {kind}', value)}}}"


def address_of(request: Request) -> str:
    """Give the address of a visitor: behind a proxy of one's own network, what that proxy says it is.

    Whoever sits in that network and speaks past the proxy can call themselves anything, and so is only counted by
    account.
    """
    nearest = request.client.host if request.client is not None else ""
    told = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    try:
        return str(ipaddress.ip_address(told)) if ipaddress.ip_address(nearest).is_private and told else nearest
    except ValueError:
        return nearest


def _minutes(left_ms: int) -> int:
    return max(1, ceil(left_ms / 60_000))
