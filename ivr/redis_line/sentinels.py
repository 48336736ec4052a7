"""The client of a master that Sentinels watch over: it follows the master wherever they have elected one.

redis-py has such a client. It asks one Sentinel after the other, so that one which is cut off uses up a step's whole
time; it believes the first that answers, which may be the one that was cut off together with an old master; and a
connection that broke is made again to the old address before anybody is asked.
"""

import asyncio
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from ivr.redis_line.lookout import Lookout, NotFoundError, told_by_most
from ivr.redis_line.server import Address, Answer, Exchange, Options, Server, ShortWay, again, elsewhere, exchange_all

LOOK_EVERY_S = 1.0
"""A master may be replaced though it still answers here: so often the Sentinels are asked without need."""


class SentinelWay(ShortWay):
    """Asks the master of `service`, which the Sentinels at `addresses` tell.

    A step that meets a broken connection, or a server that is no master (any more), is sent once more, to the master
    that the Sentinels tell then. Where none of them answers, the last known master is asked.
    """

    def __init__(
        self,
        addresses: list[Address],
        service: str,
        options: Options,
        *,
        sentinel_options: Options,
        patience: float,
        connections: int,
    ) -> None:
        self._sentinels = [
            Server(sentinel_options | one._asdict(), patience=patience, connections=2) for one in addresses
        ]
        self._service = service
        self._options = options
        self._patience = patience
        self._connections = connections
        self._address: Address | None = None
        self._lookout = Lookout(self._find)
        super().__init__(self._server_at(addresses[0]))  # a place-holder: no step is sent before the first look

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close every connection."""
        await self._lookout.stop()
        for server in (self._server, *self._sentinels):
            await server.pool.aclose()
        await super().aclose(close_connection_pool)

    async def _sent(self, exchange: Exchange[Answer]) -> Answer:
        return await again(lambda: self._once(exchange))

    async def _once(self, exchange: Exchange[Answer]) -> Answer:
        await self._lookout.sure()
        if asyncio.get_running_loop().time() - self._lookout.looked_at > LOOK_EVERY_S:
            self._lookout.begins()  # while this step goes on
        try:
            return await self._server.use(exchange)
        except BaseException as error:
            self._lookout.doubted |= elsewhere(error) or not isinstance(error, Exception)
            raise

    async def _find(self) -> None:
        asked = [self._told_by(sentinel) for sentinel in self._sentinels]
        told, failure = await told_by_most(asked, within=0.4 * self._patience)
        if told:
            _, master = max(told)
            if master != self._address:
                before, self._address, self._server = self._server, master, self._server_at(master)
                await before.leave()
        elif self._address is None:
            why = failure or "none of them answered in time"
            raise NotFoundError(f"The Sentinels do not tell the master of {self._service!r}: {why}")

    async def _told_by(self, sentinel: Server) -> tuple[int, Address]:
        """Give the master that a Sentinel knows, after the number of its election: the latest one holds."""
        words = [("SENTINEL MASTER", self._service)]
        (answer,) = await sentinel.use_again(lambda connection: exchange_all(connection, words))
        if isinstance(answer, ResponseError):
            raise answer
        try:
            known = dict(zip(answer[::2], answer[1::2], strict=True))
            return int(known[b"config-epoch"]), Address(known[b"ip"].decode(), int(known[b"port"]))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise RedisConnectionError("what answers is no Sentinel") from None

    def _server_at(self, address: Address) -> Server:
        options = self._options | address._asdict() | {"redis_connect_func": _greet_master}
        return Server(options, patience=self._patience, connections=self._connections)


async def _greet_master(connection: Any) -> None:
    """Begin a connection, and make sure that it leads to a master.

    One that has become a replica breaks its connections, and the Sentinels still tell it for a moment. What it holds
    then may be of yesterday or nothing at all, and it would give it to whoever only reads.
    """
    await connection.on_connect()
    await connection.send_command("ROLE", check_health=False)
    role, *_ = await connection.read_response()
    if role != b"master":
        raise RedisConnectionError(f"{connection.host}:{connection.port} is no master (any more).")
