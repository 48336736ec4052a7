"""The line to Redis: bad URLs are told in a sentence, and nobody ever hears the answer to another's question."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Literal

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from tampering import PATIENT

from ivr.redis_line import PATIENCE, Command, RedisLine, StoreAway, connect
from ivr.redis_line.cluster import ClusterWay
from ivr.redis_line.sentinels import SentinelWay
from ivr.urls import is_redis

Answer = bytes | Literal["hang up", "silence", "drip"]

PAUSE_MS = 1000
"""How long a server keeps silent whose late answers are looked for: a busy machine may take long to ask at all."""


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "IVR_REDIS_URL is not a Redis URL"),
        ("http://:geheim@host/0", "IVR_REDIS_URL is not a Redis URL"),
        ("redis://:geheim@host:port", "IVR_REDIS_URL is not a Redis URL"),
        ("redis+sentinel://:geheim@a:1,b:2", "names no service"),
        ("redis+sentinel://:geheim@a:1,b/main", "each server as host:port"),
        ("redis+sentinel://:geheim@a:1,b:2/main/x/y", "names no service"),
        ("redis+cluster://:geheim@a:1,b:65536", "each server as host:port"),
        ("redis+cluster://:geheim@a:1,b:2/1", "a cluster has database 0 alone"),
    ],
)
def test_a_url_that_cannot_be_used_is_told_without_its_password(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as told:
        connect(url)
    assert "geheim" not in str(told.value)


@pytest.mark.parametrize("url", ["redis://:geheim@host:1/2", "rediss://host", "unix:///a%20b?db=3"])
async def test_known_urls_make_a_client_that_no_option_of_theirs_changes(url: str) -> None:
    more = "socket_connect_timeout=900&decode_responses=yes&health_check_interval=0"
    async with connect(url + ("&" if "?" in url else "?") + more) as redis:
        options = redis.connection_pool.connection_kwargs
        assert options["socket_connect_timeout"] == 0.25
        assert options["health_check_interval"] == 30
        assert options["decode_responses"] is False


@pytest.mark.parametrize(
    "url",
    [
        "redis+sentinel://a:1,b.example:26379,[::1]:3/main/0",
        "redis+sentinel://user:p%40ss@a:1/main?sentinel_password=x&sentinel_username=y",
        "redis+cluster://a:1,b:2",
        "redis+cluster://:pass@a:1/0?client_name=hotline",
    ],
)
async def test_urls_of_many_servers_make_a_client(url: str) -> None:
    assert is_redis(url)
    async with connect(url) as redis:
        assert isinstance(redis, SentinelWay if "sentinel" in url else ClusterWay)


class Server:
    """A server under the test's control: it reads whole commands and answers the n-th as it is told to."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.writers: list[asyncio.StreamWriter] = []
        self.answers: dict[bytes, list[Answer]] = {}
        self.url = ""

    @property
    def connections(self) -> int:
        return len(self.writers)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                count = int((await reader.readuntil(b"\r\n"))[1:])
                words = []
                for _ in range(count):
                    length = int((await reader.readuntil(b"\r\n"))[1:])
                    words.append((await reader.readexactly(length + 2))[:-2])
                if words[0] == b"PING":
                    writer.write(b"+PONG\r\n")
                    continue
                self.heard.append(words[-1])
                answer = self.answers[words[-1]].pop(0)
                if answer == "hang up":
                    return
                if answer == "silence":
                    await reader.read()
                    return
                if answer == "drip":
                    for byte in b"$9\r\n" + words[-1].ljust(9) + b"\r\n":
                        writer.write(bytes([byte]))
                        await asyncio.sleep(0.05)
                    return
                writer.write(answer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = f"redis://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield server
    listening.close()


@pytest.mark.parametrize("answer", ["silence", "drip", b"$9\r\nhalf"])
@pytest.mark.parametrize("cancelled", [False, True])
async def test_who_gives_up_leaves_no_half_answer_to_the_next(server: Server, answer: Answer, cancelled: bool) -> None:
    """The incident of 2023 on a single connection, whether the deadline comes first or somebody cancels."""
    server.answers = {b"a": [answer], b"b": [b"$1\r\nb\r\n"]}
    async with connect(server.url, patience=PATIENT, connections=1) as redis:
        await redis.ping()  # so that the connection is there, however long a busy machine takes to make it
        line = RedisLine(redis, deadline=PATIENT if cancelled else PATIENCE)
        began = time.monotonic()
        asked = asyncio.create_task(line.ask(redis.get("a")))
        if cancelled:
            asyncio.get_running_loop().call_later(0.2, asked.cancel)
        # A deadline for each byte alone would let the dripping answer through.
        with pytest.raises(asyncio.CancelledError if cancelled else StoreAway):
            await asked
        assert time.monotonic() - began > 0.15
        assert await RedisLine(redis, deadline=PATIENT).ask(redis.get("b")) == b"b"
    assert (server.heard, server.connections) == ([b"a", b"b"], 2)


async def test_waiting_for_a_free_connection_counts_as_waiting(server: Server) -> None:
    server.answers = {b"%d" % number: ["silence"] for number in range(20)}
    async with connect(server.url, patience=PATIENT, connections=2) as redis:
        line = RedisLine(redis)
        began = time.monotonic()
        answers = await asyncio.gather(*(line.ask(redis.get(f"{n}")) for n in range(20)), return_exceptions=True)
        assert time.monotonic() - began < 10 * PATIENCE, "two at a time, one after the other, would take as long"
    assert {str(answer) for answer in answers} == {"Redis did not answer within 0.25 s."}


OK: Answer = b"$1\r\na\r\n"


@pytest.mark.parametrize(
    ("answers", "why", "sent"),
    [
        ([OK], "", 1),
        (["hang up", OK], "", 2),
        (["hang up", "hang up"], "Connection", 2),
        ([b"-LOADING Redis is loading the dataset in memory\r\n", OK], "", 2),
        ([b"-READONLY You can't write against a read only replica.\r\n", OK], "", 2),
        ([b"-NOREPLICAS Not enough good replicas to write.\r\n", OK], "", 2),
        ([b"-READONLY You can't write against a read only replica.\r\n"] * 2, "ReadOnlyError", 2),
        ([b"-OOM command not allowed when used memory > 'maxmemory'.\r\n", OK], "OutOfMemoryError", 1),
        ([b"-MOVED 3999 127.0.0.1:6381\r\n", OK], "MovedError", 1),
        ([b"$9\r\nhalf", OK], "did not answer within", 1),
        ([b"-ERR no\r\n", OK], "ResponseError: no", 1),
        ([b"?!\r\n", OK], "InvalidResponse", 1),
    ],
)
async def test_a_step_is_sent_again_on_a_new_connection_where_that_may_help_and_once(
    server: Server, answers: list[Answer], why: str, sent: int
) -> None:
    server.answers = {b"a": [*answers]}
    async with connect(server.url, patience=PATIENT, connections=1) as redis:
        await redis.ping()
        line = RedisLine(redis, deadline=PATIENCE if "did not answer" in why else PATIENT)
        if why:
            with pytest.raises(StoreAway, match=why):
                await line.ask(redis.get("a"))
        else:
            assert await line.ask(redis.get("a")) == b"a"
    assert (server.heard, server.connections) == ([b"a"] * sent, sent)


async def test_an_error_is_an_answer_and_its_connection_is_used_again(server: Server) -> None:
    server.answers = {b"a": [b"-ERR no\r\n"], b"b": [b"$1\r\nb\r\n"]}
    async with connect(server.url, patience=PATIENT, connections=1) as redis:
        with pytest.raises(ResponseError):
            await redis.get("a")
        assert await redis.get("b") == b"b"
    assert server.connections == 1


async def test_a_connection_that_the_server_closed_meanwhile_costs_nothing(server: Server) -> None:
    server.answers = {b"a": [b"$1\r\na\r\n"] * 2}
    async with connect(server.url, patience=PATIENT, connections=1) as redis:
        assert await redis.get("a") == b"a"
        for writer in server.writers:
            writer.close()
        await asyncio.sleep(0.02)
        assert await redis.get("a") == b"a"
    assert (server.heard, server.connections) == ([b"a", b"a"], 2)


async def test_where_nobody_answers_the_idle_connections_are_not_waited_on_either(server: Server) -> None:
    """A cable was pulled: every connection leads nowhere, and each would cost another call its quarter of a second."""
    server.answers = {b"a": [OK] * 4, b"b": ["silence"], b"c": [b"$1\r\nc\r\n"] * 4}
    async with connect(server.url, patience=1, connections=4) as redis:
        await asyncio.gather(*(redis.get("a") for _ in range(4)))
        assert server.connections == 4
        with pytest.raises(StoreAway, match="did not answer within"):
            await RedisLine(redis, deadline=1).ask(redis.get("b"))
        line = RedisLine(redis, deadline=PATIENT)
        assert await asyncio.gather(*(line.ask(redis.get("c")) for _ in range(4))) == [b"c"] * 4
    assert server.connections == 8


async def test_a_trip_to_a_server_that_became_a_replica_is_made_again_as_a_whole(server: Server) -> None:
    """As behind a name or an address that leads to another server since."""
    a: Answer = b"$1\r\na\r\n"
    server.answers = {b"a": [a, a], b"b": [b"-READONLY no\r\n", b"$1\r\nb\r\n"]}
    async with connect(server.url, patience=PATIENT, connections=1) as redis:
        line = RedisLine(redis, deadline=PATIENT)
        assert await line.ask_all([Command(("GET", "a")), Command(("GET", "b"))]) == [b"a", b"b"]
    assert (server.heard, server.connections) == ([b"a", b"b"] * 2, 2)


async def test_nobody_listening_is_told_within_the_deadline() -> None:
    async with connect("redis://127.0.0.1:1", patience=PATIENT) as redis:
        # It says that it failed, which is before it would say that there was no answer in time.
        with pytest.raises(StoreAway, match="Redis did not do what it was asked"):
            await RedisLine(redis, deadline=PATIENT).ask(redis.exists("ivr:epoch:{share0}"))


@pytest.mark.parametrize("at_once", [1, 3])
async def test_cancelled_requests_never_leak_answers_to_others(valkey_url: str, at_once: int) -> None:
    """The incident of 2023: a request cancelled half-way left its answer in the connection for the next caller."""
    async with connect(valkey_url, connections=4) as redis:
        await redis.flushall()
        line = RedisLine(redis, deadline=5)
        for number in range(50):
            await redis.set(f"k{number}", str(number) * 50, ex=60)
        dice = random.Random(12333)

        async def read(number: int) -> None:
            if at_once == 1:
                assert await line.ask(redis.get(f"k{number}")) == str(number).encode() * 50
                return
            numbers = [(number + more) % 50 for more in range(at_once)]
            answers = await line.ask_all([Command(("GET", f"k{one}")) for one in numbers])
            assert answers == [str(one).encode() * 50 for one in numbers]

        for _ in range(20):
            tasks = [asyncio.create_task(read(number)) for number in range(50)]
            for task in tasks:
                if dice.random() < 0.5:
                    asyncio.get_running_loop().call_later(dice.random() / 100, task.cancel)
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert {type(answer) for answer in answers} <= {type(None), asyncio.CancelledError}
            assert any(answer is None for answer in answers)
        await asyncio.gather(*(read(number) for number in range(50)))


async def test_a_late_answer_is_not_heard_by_the_next(valkey_url: str) -> None:
    async with connect(valkey_url, connections=4) as redis:
        line = RedisLine(redis, deadline=0.05)
        for number in range(20):
            await redis.set(f"k{number}", str(number), ex=60)
        await redis.client_pause(PAUSE_MS)
        late = await asyncio.gather(
            *(line.ask(redis.get(f"k{number}")) for number in range(20)), return_exceptions=True
        )
        assert {type(answer) for answer in late} == {StoreAway}
        assert str(late[0]) == "Redis did not answer within 0.05 s."
        await asyncio.sleep(PAUSE_MS / 1000)
        patient = RedisLine(redis, deadline=PATIENT)
        heard = await asyncio.gather(*(patient.ask(redis.get(f"k{number}")) for number in range(20)))
        assert heard == [str(number).encode() for number in range(20)]


async def test_a_script_that_the_server_forgot_is_sent_again(redis: Redis) -> None:
    line = RedisLine(redis, deadline=PATIENT)
    look = line.script("look")
    for _ in range(2):
        await redis.script_flush()
        assert await line.ask(look(keys=["ivr:{CA}", "ivr:{CA}:end"])) == [b"none", 0]


async def test_steps_of_one_trip_are_answered_in_order(redis: Redis) -> None:
    """Scripts that the server forgot are sent again, each at its place."""
    line = RedisLine(redis, deadline=PATIENT)
    end, look = line.script("end"), line.script("look")
    keys = [["ivr:{CA1}", "ivr:{CA1}:end", "ivr:{CA1}:new", "ivr:{CA1}:left"], ["ivr:{CA2}", "ivr:{CA2}:end"]]
    for _ in range(2):
        await redis.script_flush()
        steps = [end.command(keys[0], [60_000, "", 0, ""]), look.command(keys[0]), look.command(keys[1])]
        heard = await line.ask_all([*steps, Command(("SET", "k", "v", "PX", 60_000)), Command(("GET", "k"))])
        assert heard == [1, [b"none", 1], [b"none", 0], b"OK", b"v"]


async def test_a_step_that_fails_is_told_and_leaves_no_answer_behind(redis: Redis) -> None:
    line = RedisLine(redis, deadline=PATIENT)
    await redis.set("text", "v", px=60_000)
    after = Command(("SET", "after", "v", "PX", 60_000))
    with pytest.raises(StoreAway, match="WRONGTYPE"):
        await line.ask_all([Command(("GET", "text")), Command(("ZREM", "text", "member")), after])
    assert await line.ask_all([Command(("GET", "after"))]) == [b"v"]


async def test_a_trip_broken_off_in_the_middle_is_made_once_more_as_a_whole(server: Server) -> None:
    a, b = b"$1\r\na\r\n", b"$1\r\nb\r\n"
    server.answers = {b"a": [a, a], b"b": ["hang up", b]}
    async with connect(server.url, patience=PATIENT, connections=1) as redis:
        line = RedisLine(redis, deadline=PATIENT)
        assert await line.ask_all([Command(("GET", "a")), Command(("GET", "b"))]) == [b"a", b"b"]
    assert (server.heard, server.connections) == ([b"a", b"b"] * 2, 2)


async def test_a_trip_given_up_after_some_answers_leaves_none_to_the_next(server: Server) -> None:
    server.answers = {b"a": [b"$1\r\na\r\n"], b"b": ["silence"], b"c": [b"$1\r\nc\r\n"]}
    async with connect(server.url, patience=PATIENT, connections=1) as redis:
        with pytest.raises(StoreAway, match="did not answer within"):
            await RedisLine(redis).ask_all([Command(("GET", "a")), Command(("GET", "b"))])
        assert await RedisLine(redis, deadline=PATIENT).ask(redis.get("c")) == b"c"
