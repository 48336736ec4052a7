"""The parent of the service: starts the embedded parts and the workers, and stops them in the opposite order."""

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr

from ivr.counters import Counters
from ivr.crashes.deaths import crashed
from ivr.crew import Crew, seats
from ivr.datafolder import DataFolder, LocalService
from ivr.embedded import EmbeddedFailed, EmbeddedValkey
from ivr.mould import WORKS_HERE, Mould
from ivr.production import weaknesses
from ivr.redis_line import StoreAway, connect
from ivr.seals import Seals
from ivr.settings import DEMO_ACCOUNT_SID, Settings, SettingsError
from ivr.standins import LEAVE_S, StandIns
from ivr.supervisor import Child, keep_up, listen, log, web_url

if TYPE_CHECKING:
    from ivr.keepers import Keeper

_EPOCH_TRIES = 20


class Service:
    """One `ivr serve`: what it is told to embed, and its workers. `up` starts it, `down` stops it.

    `settings` is complete as soon as the object exists: every stand-in for what nobody set is in its place.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        host: str,
        port: int,
        workers: int,
        stands_by: bool = True,
        exchange: bool = True,
    ) -> None:
        """Bind the socket and fill in the settings. Raises `SettingsError`; nothing is left behind then.

        Without ``exchange`` there are no phones, whatever the settings say: for a hotline of a single call.
        """
        with contextlib.ExitStack() as undo:
            self._listener = undo.enter_context(listen(host, port))
            self._folder = DataFolder(settings.data_dir)
            self._valkey: EmbeddedValkey | None = None
            undo.callback(self._folder.unlock)
            self._url = web_url(self._listener, host)
            if not settings.public_url:
                settings = settings.changed(public_url=self._url)
            self._stand_ins = StandIns(settings, undo, exchange=exchange)
            self.settings = self._filled(settings)
            if weak := weaknesses(self.settings):
                raise SettingsError(*weak)
            self._probes = [undo.enter_context(listen("127.0.0.1", 0)) for _ in range(seats(workers))]
            undo.pop_all()
        self.missing: tuple[str, ...] = ()
        """What callers cannot have although calls come in, a sentence each, as it was when the service got ready."""
        self._stands_by = stands_by
        self._mould = Mould(self.settings.environment())
        self._crew = Crew(
            workers,
            self._worker,
            self._worker_died,
            stands_by=lambda: stands_by and (self._mould.ready or not WORKS_HERE),
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._keepers: list[Keeper] = []
        self._life, self._life_end = os.pipe()
        # What the workers of this start share: what they count, the flow version that held last, who died of what.
        self._shared = tempfile.TemporaryDirectory(prefix="ivr-shared-")
        self._generation = 0

    async def __aenter__(self) -> Self:
        try:
            await self.up()
        except BaseException:
            await self.down()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.down()

    async def up(self) -> None:
        """Start everything; returns when calls can come in.

        Raises `StartFailed`, `EmbeddedFailed`, or `SettingsError` for a database that cannot be opened.
        """
        if self._stands_by and WORKS_HERE:
            self._watch(self._mould.keep())  # what takes longest comes first, and needs nothing of what follows
            await self._mould.begun()
        await prepare_database(self.settings)
        self._keep(self._stand_ins.start_accounts(self.settings, self._life))
        if self._valkey is not None:
            await self._valkey.start()
            if self._valkey.socket_note:
                log.info("%s", self._valkey.socket_note)
            await self._confirm_epoch()
            self._watch(keep_up("The embedded Valkey", self._valkey_died, self._restart_valkey))
        self._watch(self._crew.keep())
        await self._unless_failed(self._crew.up())
        await self._unless_failed(self._all_ready())
        for keeper in keepers(self.settings):
            self._keepers.append(keeper)
            self._watch(keeper.keep())
        # Last, and not waited for: calls of the carrier have no use for it, and its socket listens already.
        self._keep(self._stand_ins.start_exchange(self.settings, self._url, self._life))
        # Where nothing is embedded the folder may be of no use: the service then just is not found by `ivr call`.
        with contextlib.suppress(OSError, SettingsError):
            self._folder.open().announce(self.where())

    async def failure(self) -> None:
        """Wait until something fails that starting it again will not mend; raises what failed."""
        await self._unless_failed(asyncio.Event().wait())

    async def down(self) -> None:
        """Stop the exchange, the workers, the account service, Valkey; each is ended where it does not leave in time.

        The exchange comes first: its phones are hung up, and the workers hear of it.
        """
        self._folder.retract()
        # The workers have the socket as well: it closes with the last of them, and nobody waits in a dead queue.
        self._listener.close()
        self._mould.give_up()
        if self._stand_ins.exchange is not None:
            await self._stand_ins.exchange.stop(LEAVE_S)
        await self._crew.stop()
        self._mould.stop()
        if self._stand_ins.accounts is not None:
            await self._stand_ins.accounts.stop(LEAVE_S)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for keeper in self._keepers:
            await keeper.stop()
        if self._valkey is not None:
            await self._valkey.stop()
        for sock in self._probes:
            sock.close()
        self._stand_ins.close()
        for end in (self._life, self._life_end):
            os.close(end)
        self._shared.cleanup()
        self._folder.unlock()

    def hurry(self) -> None:
        """End workers, account service and exchange at once, without letting them finish."""
        for child in (*(hand.child for hand in self._crew.hands), *self._stand_ins.children):
            child.send(signal.SIGKILL)

    def reload(self) -> None:
        """Have the workers read flows and prompts again."""
        for hand in self._crew.hands:
            hand.child.send_when_up(signal.SIGHUP)

    def renew(self) -> None:
        """Replace the workers one after the other, with the code and the flows of today; calls go on."""
        self._watch(self._renew())

    async def _renew(self) -> None:
        # New code has to check the flows itself, whatever the old code made of them.
        self._generation += 1
        self._mould.renew()
        if not await self._crew.replace():
            self._generation -= 1

    def where(self) -> LocalService:
        """Return where the service is found, and with whose calls."""
        demo_account = self.settings.account_url if self._stand_ins.accounts is not None else ""
        return LocalService(
            url=self._url,
            public_url=self.settings.public_url,
            account_sid=self.settings.twilio_account_sid,
            pid=os.getpid(),
            demo_account_url=demo_account,
            exchange_url=self.settings.exchange_url,
        )

    def _filled(self, settings: Settings) -> Settings:
        """Return ``settings`` with a stand-in for everything that is unset, made once in the data folder."""
        needs_folder = not (settings.redis_url and settings.account_url and settings.database_url)
        if needs_folder or not (settings.auth_tokens and settings.secrets):
            self._folder.open()
        if not (settings.redis_url and settings.account_url):
            self._folder.lock()
        stand_ins: dict[str, Any] = {}
        if not settings.auth_tokens:
            stand_ins["twilio_auth_token"] = SecretStr(self._folder.auth_token())
        if not settings.twilio_account_sid:
            stand_ins["twilio_account_sid"] = DEMO_ACCOUNT_SID
        if not settings.secrets:
            stand_ins["secret_key"] = SecretStr(self._folder.secret_key())
        if not settings.database_url:
            stand_ins["database_url"] = sqlite_url(self._folder.path / "calls.sqlite3")
        stand_ins |= self._stand_ins.fill(settings, self._folder)
        if settings.redis_url:
            check_redis_url(settings)
        else:
            self._valkey = EmbeddedValkey(self._folder.path / "valkey")
            stand_ins["redis_url"] = self._valkey.url
        return settings.filled(**stand_ins)

    def _keep(self, child: Child | None) -> None:
        if child is not None:
            self._watch(child.keep())

    def _worker(self, seat: int) -> Child:
        probed = self._probes[seat]
        fds = (self._listener.fileno(), probed.fileno(), self._life)
        arguments = ("worker", "--calls-fd", str(fds[0]), "--fd", str(fds[1]), "--life-fd", str(fds[2]))
        shared = Path(self._shared.name)
        last_good = shared / f"last-good-{self._generation}"
        handed = self.settings.changed(worker=seat, last_good=last_good, crashes=shared)
        env = handed.environment() | {"PROMETHEUS_MULTIPROC_DIR": self._shared.name}
        return Child(
            f"Worker {seat + 1}", arguments, env, fds, probed.getsockname()[1], start=lambda: self._mould.fork(env, fds)
        )

    def _worker_died(self, seat: int) -> None:
        crashed(Path(self._shared.name), seat)

    def _watch(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._failed.done():
            self._failed.set_exception(error)
            # Whoever waits gets it raised; a service that is on its way down has nobody waiting.
            self._failed.exception()

    async def _unless_failed(self, work: Coroutine[Any, Any, Any]) -> None:
        """Wait for ``work``, or raise as soon as a child has failed for good."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, self._failed), return_when=asyncio.FIRST_COMPLETED)
            if self._failed.done():
                self._failed.result()
            task.result()
        finally:
            task.cancel()

    async def _all_ready(self) -> None:
        if self._stand_ins.accounts is not None:
            await self._stand_ins.accounts.answered()
        self.missing = await self._crew.ready()

    def _valkey_died(self) -> bool:
        return self._valkey is not None and self._valkey.poll() is not None

    async def _restart_valkey(self) -> None:
        if self._valkey is not None:
            await self._valkey.start()
            await self._confirm_epoch()

    async def _confirm_epoch(self) -> None:
        """Confirm the counts of the embedded server: its own file is known here, so nobody else has to."""
        for left in reversed(range(_EPOCH_TRIES)):
            try:
                await confirm_counters(self.settings)
            except StoreAway as error:
                if not left:
                    raise EmbeddedFailed(f"The embedded Valkey did not confirm its counters: {error}") from None
                await asyncio.sleep(0.1)
            else:
                return


async def confirm_counters(settings: Settings) -> None:
    """Confirm that the counters in the store are complete. Raises `SettingsError`, or `StoreAway` where it is away."""
    check_redis_url(settings)
    redis = connect(settings.redis_url)
    try:
        await Counters(redis, Seals(settings.secrets)).confirm_epoch()
    finally:
        await redis.aclose()


def check_redis_url(settings: Settings) -> None:
    """Raise `SettingsError` where the store's URL is of a kind that cannot be used; nothing is sent."""
    try:
        connect(settings.redis_url)
    except ValueError as error:
        raise SettingsError(str(error)) from None


async def prepare_database(settings: Settings) -> None:
    """Bring the hotline's own tables up to date. Raises `SettingsError` where the database cannot be opened."""
    # Read only where it is needed, like all that imports the database: `ivr --help` has no use for it.
    from ivr.keepers import prepare

    await prepare(settings)


def keepers(settings: Settings) -> "list[Keeper]":
    """Give what the parent looks after besides its children."""
    from ivr.keepers import keepers_of

    return keepers_of(settings)


def sqlite_url(path: Path) -> str:
    """Return the URL of a SQLite file, for the driver that does not block."""
    from sqlalchemy.engine import URL

    return URL.create("sqlite+aiosqlite", database=str(path)).render_as_string(hide_password=False)
