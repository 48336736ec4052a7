"""Who is signed in: sessions in Redis, under names that nobody can guess or reverse, with two ends of time."""

from collections.abc import Callable
from secrets import token_urlsafe
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from redis.asyncio import Redis

from ivr.agents.accounts import Account
from ivr.redis_line import RedisLine
from ivr.seals import Seals

IDLE_MS: Final = 60 * 60_000
"""After so long without a page opened or a button pressed (a stream that is listened to is neither)."""
WHOLE_MS: Final = 12 * 3600_000
"""After so long in any case: a shift."""

_WHAT: Final = "desk session"
_NOTED_MS: Final = 30_000


class Session(Struct, frozen=True):
    """A session: whose, since when, last used when (ms since 1970), and with which password it was begun."""

    name: str
    began: int
    used: int
    password: str


class Sessions:
    """The sessions. Every method raises StoreAway where Redis does not confirm. `now` gives ms since 1970."""

    def __init__(self, redis: Redis, seals: Seals, now: Callable[[], int], *, deadline: float) -> None:
        self._redis = redis
        self._seals = seals
        self._now = now
        self._line = RedisLine(redis, deadline=deadline)

    async def begin(self, account: Account) -> str:
        """Begin a session and give its token, for the browser alone."""
        token, now = token_urlsafe(32), self._now()
        session = Session(account.name, now, now, self._mark(account))
        key, sealed = self._key(token), self._sealed(token, session)
        await self._line.ask(self._redis.set(key, sealed, px=IDLE_MS))
        return token

    async def of(self, token: str, *, uses: bool = True) -> Session | None:
        """Give the session of a token, if it has not come to an end; it is used by that, unless a stream asks."""
        key = self._key(token)
        sealed = await self._line.ask(self._redis.get(key))
        session = self._seals.open_struct(sealed, Session, call=key, what=_WHAT)
        now = self._now()
        if session is None or now - session.used >= IDLE_MS or now - session.began >= WHOLE_MS:
            return None
        if uses and now - session.used >= _NOTED_MS:
            left = min(IDLE_MS, session.began + WHOLE_MS - now)
            renewed = self._sealed(token, replace(session, used=now))
            await self._line.ask(self._redis.set(key, renewed, px=left, xx=True))  # one that was ended stays so
        return session

    def holds(self, session: Session, account: Account | None) -> bool:
        """Tell whether its account still is as it was: there, not disabled, with the same password."""
        return account is not None and account.disabled_at is None and session.password == self._mark(account)

    async def end(self, token: str) -> None:
        """End a session."""
        await self._line.ask(self._redis.delete(self._key(token)))

    def form_token(self, token: str) -> str:
        """Give what the forms of a session carry, by which they are known to come from its pages."""
        return self._seals.name("form of a session", token)

    def _sealed(self, token: str, session: Session) -> bytes:
        return self._seals.seal_struct(session, call=self._key(token), what=_WHAT)

    def _key(self, token: str) -> str:
        return f"ivr:desk:session:{{{self._seals.name(_WHAT, token)}}}"

    def _mark(self, account: Account) -> str:
        return self._seals.name("password of a session", account.password)
