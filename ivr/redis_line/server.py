"""The connections to one server of Redis, and the client of those who have but one server."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple, NoReturn, TypeVar

import hiredis
from redis.asyncio import Redis
from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ClusterDownError, ReadOnlyError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.maint_notifications import MaintNotificationsConfig

Answer = TypeVar("Answer")
Words = tuple[Any, ...]
"""A command of Redis and its arguments, as they are sent."""

Options = dict[str, Any]
Exchange = Callable[[Any], Awaitable[Answer]]
"""What is sent and heard on a connection of redis-py's, as a whole or with an error."""


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int


def elsewhere(error: BaseException) -> bool:
    """Tell whether another connection may do better: this one broke, or its server must not be written (any more).

    Then a step may be sent once more: each script recognises its own repetition.
    """
    refused = isinstance(error, ResponseError) and str(error).startswith("NOREPLICAS")
    return refused or isinstance(error, (RedisConnectionError, RedisTimeoutError, ReadOnlyError, ClusterDownError))


async def again(once: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do something, and once more where another connection may do better."""
    try:
        return await once()
    except Exception as error:
        if not elsewhere(error):
            raise
    return await once()


class Server:
    """One server and its connections: each serves one request at a time, and none is kept that was left half-way.

    Where one turns out to lead nowhere (it broke, nobody answered on it for half the `patience`, its server became a
    replica), those that lie idle lead there too: they are closed, and the next request connects anew.
    """

    def __init__(self, options: Options, *, patience: float, connections: int) -> None:
        self.pool = ConnectionPool(
            max_connections=connections,
            **options
            | {
                "decode_responses": False,
                "socket_timeout": None,  # one deadline stands over each step as a whole, see RedisLine
                "socket_connect_timeout": patience,
                "health_check_interval": 30,
                "retry": Retry(NoBackoff(), 0, (RedisConnectionError,)),
                "protocol": 2,
                "driver_info": None,
                "maint_notifications_config": MaintNotificationsConfig(enabled=False),
            },
        )
        self.address = Address(str(options.get("host", "")), int(options.get("port", 0)))
        self._pool: Any = self.pool
        self._places = asyncio.Semaphore(connections)
        self._too_long = patience / 2
        self._idle: list[Any] = []
        self._era = 0

    async def use(self, exchange: Exchange[Answer]) -> Answer:
        """Talk on a connection once one is free; raises what redis-py raises."""
        await self._places.acquire()
        try:
            connection = self._idle.pop() if self._idle else self._pool.get_available_connection()
            era, began = self._era, _clock()
            try:
                return await exchange(connection)
            except BaseException as error:
                given_up = isinstance(error, asyncio.CancelledError) and _clock() - began > self._too_long
                if era == self._era and (given_up or elsewhere(error)):
                    await self.leave()
                raise
            finally:
                if era != self._era:
                    await connection.disconnect(nowait=True)
                self._idle.append(connection)
        finally:
            self._places.release()

    async def use_again(self, exchange: Exchange[Answer]) -> Answer:
        """Talk as `use` does, and once more where another connection may do better."""
        # As `again`, but for two calls less: every step on Redis comes by here.
        try:
            return await self.use(exchange)
        except Exception as error:
            if not elsewhere(error):
                raise
        return await self.use(exchange)

    async def leave(self) -> None:
        """Close the connections: the idle ones at once, those in use after their requests. They connect anew."""
        self._era += 1
        for connection in self._idle:
            await connection.disconnect(nowait=True)


class ShortWay(Redis):
    """redis-py's client with a shorter way for its commands: half of a turn's processor time went into that.

    Connections, their handshakes and the parsing of answers are redis-py's own. Left out is what it does around each
    command: the pool's lock and events, telemetry, and time-outs for taking, writing and reading. Whoever asks sets one
    deadline for all of it; who is cancelled in the middle leaves a closed connection behind.
    """

    def __init__(self, server: Server) -> None:
        super().__init__(connection_pool=server.pool)
        self.auto_close_connection_pool = True
        self._server = server

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command, once a connection is free, and give its answer; raises what redis-py raises."""
        return await self._sent(lambda connection: self._exchange(connection, args, options))

    async def execute_all(self, commands: Sequence[Words]) -> list[Any]:
        """Send commands in one write and give their answers in order, each as Redis gives it, an error as its value."""
        return await self._sent(lambda connection: exchange_all(connection, commands))

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> NoReturn:
        """Refuse: redis-py's pipelines take connections that nobody here watches over. Use `RedisLine.ask_all`."""
        raise NotImplementedError("RedisLine.ask_all sends several commands in one trip.")

    async def _sent(self, exchange: Exchange[Answer]) -> Answer:
        return await self._server.use_again(exchange)

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


async def exchange_all(connection: Any, commands: Sequence[Words]) -> list[Any]:
    """Send and hear every answer, or close, as for a single command. A server that must not be written raises."""
    try:
        packed = _packed(commands[0]) if len(commands) == 1 else b"".join(map(_packed, commands))
        await connection.send_packed_command(packed)
        answers: list[Any] = []
        for _ in commands:
            try:
                answers.append(await connection.read_response())
            except ResponseError as error:  # the answer to this one command: those to the others follow it
                answers.append(error)
    except BaseException:
        await connection.disconnect(nowait=True)
        raise
    for answer in answers:
        if isinstance(answer, ResponseError) and elsewhere(answer):
            raise answer
    return answers


def _packed(args: Words) -> bytes:
    # redis-py's own packing, in Python, takes longer than Redis takes to answer. A name such as CLIENT PAUSE is two.
    name, *rest = args
    packed: bytes = hiredis.pack_command((*name.split(), *rest) if " " in name else args)
    return packed


def _clock() -> float:
    return asyncio.get_running_loop().time()
