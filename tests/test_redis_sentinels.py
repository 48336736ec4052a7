"""A master with Sentinels: the latest election holds, and all Sentinels may be away as long as the master is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from redis_nodes import SERVICE, Servers

from ivr.call import Session
from ivr.redis_line import RedisLine, StoreAway, connect
from ivr.seals import Seals

SEALS = Seals([b"s" * 32])
SESSION = Session(hotline="beijing", version="v", started=1)


@pytest_asyncio.fixture
async def redis(sentinel_servers: Servers) -> AsyncIterator[Redis]:
    (await asyncio.to_thread(sentinel_servers.replaceable)).redis.flushall()
    async with connect(sentinel_servers.url, patience=5) as client:
        yield client


async def test_a_planned_change_of_masters_is_followed(redis: Redis, sentinel_servers: Servers) -> None:
    """Nothing broke, and the old master takes writes for some seconds more: the Sentinels are asked all the same."""
    old = sentinel_servers.replaceable()
    (new,) = [node for node in sentinel_servers.nodes[:2] if node is not old]
    line = RedisLine(redis, deadline=0.5)
    sentinel_servers.nodes[2].redis.execute_command("SENTINEL FAILOVER", SERVICE)
    written = 0
    async with asyncio.timeout(20):
        while new.redis.info("replication")["role"] != "master" or new.redis.get("written") != str(written):
            written += 1
            with suppress(StoreAway):
                await line.ask(redis.set("written", str(written), px=60_000))
    await asyncio.to_thread(sentinel_servers.mend)


async def test_without_any_sentinel_the_last_known_master_is_asked(redis: Redis, sentinel_servers: Servers) -> None:
    line = RedisLine(redis, deadline=5)
    await line.ask(redis.set("k", "v", px=60_000))
    for watcher in sentinel_servers.nodes[2:]:
        sentinel_servers.network.run(watcher.proxy.becomes("cut"))
    try:
        for node in sentinel_servers.nodes[:2]:
            node.redis.execute_command("CLIENT KILL TYPE NORMAL SKIPME yes")
        assert await line.ask(redis.get("k")) == b"v"
    finally:
        sentinel_servers.mend()


async def test_one_sentinel_that_is_cut_off_costs_no_time(sentinel_servers: Servers) -> None:
    await asyncio.to_thread(sentinel_servers.replaceable)
    silent = sentinel_servers.nodes[2].proxy
    sentinel_servers.network.run(silent.becomes("stalled"))
    try:
        async with connect(sentinel_servers.url, patience=1000) as redis, asyncio.timeout(20):
            assert await redis.get("nothing") is None
    finally:
        sentinel_servers.mend()


async def test_a_service_that_nobody_watches_is_told(sentinel_servers: Servers) -> None:
    url = sentinel_servers.url.replace(f"/{SERVICE}/", "/another/")
    async with connect(url, patience=5) as redis:
        with pytest.raises(StoreAway, match="do not tell the master of 'another': No such master with that name"):
            await RedisLine(redis, deadline=5).ask(redis.get("k"))


async def test_what_is_no_sentinel_is_told() -> None:
    async with (
        answering(b"+hello\r\n") as port,
        connect(f"redis+sentinel://127.0.0.1:{port}/{SERVICE}", patience=5) as redis,
    ):
        with pytest.raises(StoreAway, match="what answers is no Sentinel"):
            await RedisLine(redis, deadline=5).ask(redis.get("k"))


async def test_a_sentinel_cut_off_with_an_old_master_is_not_believed(sentinel_servers: Servers) -> None:
    """The first to answer tells an earlier election: who asks only one Sentinel would write to the old master."""
    master = sentinel_servers.replaceable()
    async with AsyncExitStack() as stack:
        old = await stack.enter_async_context(answering(told(epoch=3, port=1)))
        new = await stack.enter_async_context(answering(told(epoch=11, port=master.port), late=0.1))
        hosts = f"127.0.0.1:{old},127.0.0.1:{new},127.0.0.1:1"
        async with connect(f"redis+sentinel://:{master.password}@{hosts}/{SERVICE}", patience=5) as redis:
            assert await RedisLine(redis, deadline=5).ask(redis.set("k", "v", px=60_000))
    assert master.redis.get("k") == "v"


def told(*, epoch: int, port: int) -> bytes:
    words = ["ip", "127.0.0.1", "port", str(port), "flags", "master", "config-epoch", str(epoch)]
    return f"*{len(words)}\r\n".encode() + b"".join(f"${len(word)}\r\n{word}\r\n".encode() for word in words)


@asynccontextmanager
async def answering(answer: bytes, *, late: float = 0.0) -> AsyncIterator[int]:
    """Give the port of something that answers every question after the service in the same way."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while line := await reader.readuntil(b"\r\n"):
                if line == b"PING\r\n":
                    writer.write(b"+PONG\r\n")
                if line == f"{SERVICE}\r\n".encode():
                    await asyncio.sleep(late)
                    writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
