"""The client of a cluster: each step goes to the master on which its slot lies, wherever that has moved.

redis-py has such a client. It reads the map of the slots from the first node that answers, one after the other, and
that may be one which was cut off and does not know what the others have elected; and a step on a node that does not
answer has used up its time before the map is read again.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from functools import partial
from typing import Any, NamedTuple

from redis.crc import key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, ResponseError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError

from ivr.redis_line.lookout import Lookout, NotFoundError, told_by_most
from ivr.redis_line.server import Address, Answer, Exchange, Options, Server, ShortWay, Words, elsewhere, exchange_all

SLOTS = 16384
LOOK_AGAIN_S = 0.05
"""A cluster that misses a master is not asked for its map more often than this."""

_HOPS = 3
_PAUSE_S = 0.02
_PAUSES = 100
_SUMMED = frozenset({"DEL", "EXISTS", "UNLINK"})


class View(NamedTuple):
    """What one node knows of the cluster, in the order in which it is believed."""

    whole: bool
    epoch: int
    ranges: list[tuple[int, int, Address]]
    nodes: frozenset[Address]


class ClusterWay(ShortWay):
    """Asks the nodes of a cluster; those at `addresses` are asked for the map of its slots at first.

    A step may be redirected, and is sent once more where its node does not answer and another one has been elected.
    Nothing is ever read from a replica.
    """

    def __init__(self, addresses: list[Address], options: Options, *, patience: float, connections: int) -> None:
        self._seeds = frozenset(addresses)
        self._nodes = self._seeds
        self._options = options
        self._patience = patience
        self._connections = connections
        self._servers: dict[Address, Server] = {}
        self._owners: list[Address | None] = [None] * SLOTS
        self._lookout = Lookout(self._find)
        super().__init__(self._server_at(addresses[0]))  # a place-holder: every step goes where its slot lies

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        """Close every connection."""
        await self._lookout.stop()
        for server in self._servers.values():
            await server.pool.aclose()
        await super().aclose(close_connection_pool)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send one command to the node of its key and give its answer; those that count keys may name keys of many."""
        keys = _keys(args)
        if not keys:
            raise ResponseError(f"{args[0]} names no key, so it is for no node of the cluster.")
        if len(keys) > 1 and args[0] in _SUMMED:
            return sum(await _together([self.execute_command(args[0], key, **options) for key in keys]))
        return await self._routed(keys[0], lambda connection: self._exchange(connection, args, options))

    # redis-py types the method of its asynchronous client like that of the other one.
    async def scan_iter(  # type: ignore[override]
        self, match: Any = None, count: int | None = None, _type: str | None = None, **_: Any
    ) -> AsyncIterator[Any]:
        """Give the keys of every master, one after the other; a key may come twice, or not at all where it moves."""
        await self._lookout.sure(again_after=LOOK_AGAIN_S)
        for address in dict.fromkeys(filter(None, self._owners)):
            words: Words = (*(("MATCH", match) if match else ()), *(("COUNT", count) if count else ()))
            cursor: Any = 0
            while True:
                step = partial(self._exchange, args=("SCAN", cursor, *words), options={})
                cursor, keys = await self._server_at(address).use_again(step)
                for key in keys:
                    yield key
                if not int(cursor):
                    break

    async def execute_all(self, commands: Sequence[Words]) -> list[Any]:
        """Send commands at once, each to its node, and give their answers in order, an error as its value."""
        if len(commands) == 1:
            return [await self._answer(commands[0])]
        return await _together([self._answer(words) for words in commands])

    async def _answer(self, words: Words) -> Any:
        try:
            return await self._routed(_keys(words)[0], lambda connection: _told(connection, words))
        except ResponseError as error:
            return error

    async def _routed(self, key: str | bytes, exchange: Exchange[Answer]) -> Answer:
        """Talk with the node of a key. A slot that is just moving is waited for, as long as who asks has time."""
        slot = key_slot(key.encode() if isinstance(key, str) else key)
        redirected: Server | None = None
        failures = hops = pauses = 0
        while True:
            server = redirected or await self._owner(slot)
            try:
                return await server.use(exchange)
            except TryAgainError:
                pauses += 1
                if pauses > _PAUSES:
                    raise
                await asyncio.sleep(_PAUSE_S)
            except AskError as to:
                hops += 1
                if hops > _HOPS:
                    raise
                address = Address(to.host or server.address.host, to.port)
                redirected = self._server_at(address)
                if isinstance(to, MovedError):
                    self._owners[slot] = address
                    self._lookout.doubted = True
                else:
                    exchange = _asking(exchange)
            except BaseException as error:
                self._lookout.doubted |= elsewhere(error) or not isinstance(error, Exception)
                failures += 1
                if failures > 1 or not elsewhere(error):
                    raise
                redirected = None

    async def _owner(self, slot: int) -> Server:
        await self._lookout.sure(again_after=LOOK_AGAIN_S)
        address = self._owners[slot]
        if address is None:
            raise ClusterDownError(f"No node of the cluster serves slot {slot}.")
        return self._server_at(address)

    async def _find(self) -> None:
        asked = [self._view_of(self._server_at(address)) for address in self._nodes | self._seeds]
        views, failure = await told_by_most(asked, within=0.4 * self._patience)
        if views:
            view = max(views, key=lambda one: (one.whole, one.epoch))
            self._nodes = view.nodes
            self._owners = [None] * SLOTS
            for first, last, owner in view.ranges:
                self._owners[first : last + 1] = [owner] * (last + 1 - first)
            await self._leave_others()
        elif not any(self._owners):
            why = failure or "none of them answered in time"
            raise NotFoundError(f"The nodes do not tell the map of their cluster: {why}")

    async def _leave_others(self) -> None:
        for address in self._servers.keys() - self._nodes - self._seeds:
            await self._servers.pop(address).leave()

    async def _view_of(self, node: Server) -> View:
        words = [("CLUSTER INFO",), ("CLUSTER SLOTS",)]
        info, slots = await node.use_again(lambda connection: exchange_all(connection, words))
        for answer in (info, slots):
            if isinstance(answer, ResponseError):
                raise answer
        try:
            return _view(node.address, info, slots)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise RedisConnectionError("what answers is no node of a cluster") from None

    def _server_at(self, address: Address) -> Server:
        if address not in self._servers:
            options = self._options | address._asdict()
            self._servers[address] = Server(options, patience=self._patience, connections=self._connections)
        return self._servers[address]


def _view(asked: Address, info: bytes, slots: Sequence[Any]) -> View:
    """Read what a node says; one that does not know its own address is where it was asked."""

    def address(node: Sequence[Any]) -> Address:
        return Address(node[0].decode() if node[0] else asked.host, int(node[1]))

    facts = dict(line.split(":", 1) for line in info.decode().splitlines() if ":" in line)
    return View(
        whole=facts["cluster_state"] == "ok",
        epoch=int(facts["cluster_current_epoch"]),
        ranges=[(int(first), int(last), address(master)) for first, last, master, *_ in slots],
        nodes=frozenset(address(node) for _, _, *nodes in slots for node in nodes) or frozenset({asked}),
    )


async def _together(steps: Sequence[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """Take steps at once. Where one fails the others are given up: nobody waits for them, however long they take."""
    tasks = [asyncio.create_task(step) for step in steps]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _told(connection: Any, words: Words) -> Any:
    (answer,) = await exchange_all(connection, [words])
    if isinstance(answer, ResponseError):
        raise answer
    return answer


def _asking(exchange: Exchange[Answer]) -> Exchange[Answer]:
    """Let a node answer for a slot that is still on its way to it."""

    async def asked(connection: Any) -> Answer:
        await _told(connection, ("ASKING",))
        return await exchange(connection)

    return asked


def _keys(words: Words) -> tuple[str | bytes, ...]:
    if words[0] in ("EVAL", "EVALSHA"):
        return words[3 : 3 + int(words[2])]
    return words[1:] if words[0] in _SUMMED else words[1:2]
