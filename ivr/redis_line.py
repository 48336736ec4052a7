"""The line to Redis: how it is reached, how long anybody waits for it, and what is raised when it does not answer."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import ConnectionPool, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig

Answer = TypeVar("Answer")
Words = tuple[Any, ...]
"""A command of Redis and its arguments, as they are sent."""

PATIENCE = 0.25
"""Seconds that one step may take in all, from waiting for a connection to the last answer."""

LUA = Path(__file__).with_name("lua")


class StoreAway(Exception):  # noqa: N818 - named for what the caller's side sees, not for its kind
    """Redis did not confirm a step in time: it may or may not have happened. The message is one sentence."""


def connect(url: str, *, patience: float = PATIENCE, connections: int = 64) -> Redis:
    """Make a client for ``redis://``, ``rediss://`` or ``unix://`` (nothing is sent yet).

    The client gives up connecting after ``patience`` seconds; everything else is bounded by the `RedisLine` that asks.
    Raises ValueError with a sentence, without the URL itself (it may hold a password), where the URL cannot be used.
    The server must be Valkey, or Redis 7.0 or later.
    """
    scheme = url.partition("://")[0]
    if scheme in ("redis+sentinel", "redis+cluster"):
        # The one place where Sentinel and Cluster are to be built: every script already keeps to one slot.
        raise ValueError(f"IVR_REDIS_URL: {scheme}:// cannot be used yet; expected redis://, rediss:// or unix://.")
    try:
        options: dict[str, Any] = dict(parse_url(url))
    except (ValueError, TypeError):
        raise ValueError(
            "IVR_REDIS_URL is not a Redis URL; expected redis://host:port/0, rediss://host:port/0 or unix:///path."
        ) from None
    options |= {
        "decode_responses": False,
        "socket_timeout": None,  # one deadline stands over each step as a whole, see RedisLine
        "socket_connect_timeout": patience,
        "health_check_interval": 30,
        "retry": Retry(NoBackoff(), 0, (RedisConnectionError,)),
        "protocol": 2,
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    pool = ConnectionPool(max_connections=connections, **options)
    return ShortWay(connection_pool=pool, connections=connections)


class ShortWay(Redis):
    """redis-py's client with a shorter way for single commands: half of a turn's processor time went into that.

    Connections, their handshakes and the parsing of answers are redis-py's own. Left out is what it does around each
    command: the pool's lock and events, telemetry, and time-outs for taking, writing and reading. Whoever asks sets one
    deadline for all of it; who is cancelled in the middle leaves a closed connection behind.
    """

    def __init__(self, *, connection_pool: ConnectionPool, connections: int) -> None:
        super().__init__(connection_pool=connection_pool)
        self.auto_close_connection_pool = True
        self._places = asyncio.Semaphore(connections)
        self._pool: Any = connection_pool
        self._idle: list[Any] = []

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command, once a connection is free, and give its answer; raises what redis-py raises."""
        return await self._on_a_connection(lambda connection: self._exchange(connection, args, options))

    async def execute_all(self, commands: Sequence[Words]) -> list[Any]:
        """Send commands in one write and give their answers in order, each as Redis gives it, an error as its value."""
        return await self._on_a_connection(lambda connection: self._exchange_all(connection, commands))

    async def _on_a_connection(self, exchange: Callable[[Any], Awaitable[Answer]]) -> Answer:
        async with self._places:
            connection = self._idle.pop() if self._idle else self._pool.get_available_connection()
            try:
                try:
                    return await exchange(connection)
                except RedisConnectionError:
                    # Sent again only where the connection broke, and once: each script recognises its own repetition.
                    return await exchange(connection)
            finally:
                self._idle.append(connection)

    async def _exchange(self, connection: Any, args: Words, options: dict[str, Any]) -> Any:
        """Send and hear the whole answer, or close: half an answer would be the next one's, of another call."""
        try:
            await connection.send_packed_command(_packed(args))
            return await self.parse_response(connection, args[0], **options)
        except ResponseError:
            raise  # an answer as well, and a whole one
        except BaseException:
            await connection.disconnect(nowait=True)
            raise

    async def _exchange_all(self, connection: Any, commands: Sequence[Words]) -> list[Any]:
        """Send and hear every answer, or close, as for a single command."""
        try:
            await connection.send_packed_command(b"".join(map(_packed, commands)))
            return [await _heard(connection) for _ in commands]
        except BaseException:
            await connection.disconnect(nowait=True)
            raise


async def _heard(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:  # the answer to this one command: those to the others follow it
        return error


def _packed(args: Words) -> bytes:
    # redis-py's own packing, in Python, takes longer than Redis takes to answer. A name such as CLIENT PAUSE is two.
    name, *rest = args
    packed: bytes = hiredis.pack_command((*name.split(), *rest) if " " in name else args)
    return packed


class Command(NamedTuple):
    """A step that is not sent yet. All its keys lie in one slot; `script` is the text that its digest stands for."""

    words: Words
    script: str = ""

    def in_full(self) -> Words:
        """Give the words for a server that does not know the script."""
        return ("EVAL", self.script, *self.words[2:])


class Script:
    """A script that is called by its digest, and sent as a whole only where the server does not know it."""

    def __init__(self, redis: Redis, text: str) -> None:
        self._redis: Any = redis
        self._text = text
        self._digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def command(self, keys: Sequence[str], args: Sequence[str | bytes | int] = ()) -> Command:
        """Give the step that runs it, for `RedisLine.ask_all`."""
        return Command(("EVALSHA", self._digest, len(keys), *keys, *args), self._text)

    async def __call__(self, keys: Sequence[str], args: Sequence[str | bytes | int] = ()) -> Any:
        """Run on the server, as a whole or not at all."""
        command = self.command(keys, args)
        try:
            return await self._redis.execute_command(*command.words)
        except NoScriptError:
            return await self._redis.execute_command(*command.in_full())


class RedisLine:
    """Runs steps on Redis, each within a deadline, and turns whatever goes wrong into `StoreAway`."""

    def __init__(self, redis: Redis, *, deadline: float = PATIENCE) -> None:
        self._redis = redis
        self._deadline = deadline

    def script(self, name: str) -> Script:
        """Read ``lua/<name>.lua``; it is sent to the server when the server does not know it."""
        return Script(self._redis, (LUA / "prelude.lua").read_text("utf-8") + (LUA / f"{name}.lua").read_text("utf-8"))

    async def ask(self, step: Awaitable[Answer]) -> Answer:
        """Run a step and give its answer; raises StoreAway after the deadline or at any error of Redis.

        A step that is given up, at its deadline or because who waits for it is cancelled, may or may not have happened.
        Its connection is closed: one on which a request was left half-way would hand its answer to the next request,
        of another call.
        """
        try:
            async with asyncio.timeout(self._deadline):
                return await step
        except TimeoutError:
            raise StoreAway(f"Redis did not answer within {self._deadline:g} s.") from None
        except (RedisError, OSError) as error:
            raise StoreAway(f"Redis did not do what it was asked: {type(error).__name__}: {error}") from error

    async def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        """Run several steps in one trip, and give their answers in order, as Redis gives them.

        Each step is atomic by itself and in a slot of its own; together they are no transaction: none sees to it that
        the others happen, and a cluster may run them in any order. Raises StoreAway where any of them is not confirmed;
        those before and after it may have happened.
        """
        return await self.ask(self._all(commands))

    async def _all(self, commands: Sequence[Command]) -> list[Any]:
        redis: Any = self._redis
        answers: list[Any] = await redis.execute_all([command.words for command in commands])
        for place, command in enumerate(commands):
            if isinstance(answers[place], NoScriptError):
                answers[place] = await redis.execute_command(*command.in_full())
            if isinstance(answers[place], RedisError):
                raise answers[place]
        return answers
