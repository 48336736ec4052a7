"""The commands `serve`, `worker` and `account serve`: the service, and the processes that it is made of."""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from typer import echo

from ivr.commands.settling import read_settings, settle_in
from ivr.datafolder import DataFolder
from ivr.embedded import EmbeddedFailed
from ivr.serve import Service, sqlite_url
from ivr.settings import Settings, SettingsError
from ivr.standins import check_database
from ivr.supervisor import StartFailed, listen, web_url
from ivr.worker import run_worker, serve_app


def serve(host: str, port: int, workers: int) -> int:
    """Run the service until it is told to leave; return the exit status."""
    settings = read_settings()
    settle_in(settings)
    return asyncio.run(_serve(settings, host, port, workers))


async def _serve(settings: Settings, host: str, port: int, workers: int) -> int:
    service: Service | None = None
    told_to_leave = asyncio.Event()

    def leave() -> None:
        if service is not None and told_to_leave.is_set():
            service.hurry()
        told_to_leave.set()

    # Before anything is there to be left behind.
    _on_signals(leave, lambda: service.reload() if service is not None else None)
    asyncio.get_running_loop().add_signal_handler(
        signal.SIGUSR2, lambda: service.renew() if service is not None else None
    )
    service = Service(settings, host=host, port=port, workers=workers)
    leaving = asyncio.create_task(told_to_leave.wait())
    running = asyncio.create_task(_run(service))
    try:
        await asyncio.wait((leaving, running), return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    except (StartFailed, EmbeddedFailed) as error:
        return failed(error)
    finally:
        running.cancel()
        leaving.cancel()
        await asyncio.gather(running, leaving, return_exceptions=True)
        await service.down()
    return 0


async def _run(service: Service) -> None:
    await service.up()
    welcome(service)
    await service.failure()


def failed(error: StartFailed | EmbeddedFailed) -> int:
    """Tell why the service could not be started, and return the exit status for it."""
    if str(error):
        echo(str(error), err=True)
    return error.status if isinstance(error, StartFailed) else 1


def _on_signals(leave: Callable[[], None], reload: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, leave)
    loop.add_signal_handler(signal.SIGINT, leave)
    has_terminal = _terminal_is_there()
    # Under nohup a closed terminal is to be ignored, and the signal arrives ignored.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        loop.add_signal_handler(
            signal.SIGHUP, lambda: leave() if has_terminal and not _terminal_is_there() else reload()
        )


def _terminal_is_there() -> bool:
    """Return whether standard input is a terminal that is still open: a closed one sends SIGHUP as an operator does."""
    try:
        os.tcgetpgrp(0)
    except OSError:
        return False
    return True


def welcome(service: Service) -> None:
    """Tell that calls can come in, where, and in a demo how to make one."""
    settings = service.settings
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    # A closed pipe or terminal on the other side is no reason to stop answering calls.
    with suppress(OSError):
        console.print(f"[bold]The hotline is ready[/] at {service.where().url}")
        console.print(f"Voice URL for the carrier: {settings.public_url}/twilio/voice")
        if settings.demo:
            console.print("[bold yellow]This is a demo[/]: nobody's real account can be heard here.")
        for sentence in service.missing:
            console.print(f"[bold yellow]For now:[/] {escape(sentence)}")
        if "account_url" in settings.stand_ins:
            console.print(_members())
        if agents := _agents(settings):
            console.print(agents)
            console.print(f"They sign in at {settings.public_url}/console")
        if "twilio_auth_token" in settings.stand_ins:
            console.print(
                f"Call it from another terminal: [bold]{example()}[/]\nOr key for yourself: [bold]ivr call[/]"
            )
        if settings.exchange_url:
            console.print(f"Or with a browser: [bold]{service.where().url}/phone[/]")
        console.print("Ctrl-C stops it.")


def example() -> str:
    """Return a command that makes a call in which the first sample member hears a balance."""
    from ivr.accounts.reference.members import SAMPLE_MEMBERS

    member = SAMPLE_MEMBERS[0]
    return f'ivr call --keys "1 {member.id_number}# {member.pin}"'


def _members() -> Table:
    from ivr.accounts.reference.members import SAMPLE_MEMBERS

    table = Table(title="Sample members", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("ID number", no_wrap=True)
    table.add_column("or card", no_wrap=True)
    table.add_column("password", no_wrap=True)
    table.add_column("who")
    for member in SAMPLE_MEMBERS:
        table.add_row(member.id_number, member.card_number or "", member.pin, member.story)
    return table


def _agents(settings: Settings) -> Table | None:
    from ivr.agents.samples import SAMPLE_AGENTS, has_samples  # brings the database, which workers do without

    if not has_samples(settings):
        return None
    password = DataFolder(settings.data_dir).agents_password()
    table = Table(title="Sample agents", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("name", "password", "who"):
        table.add_column(heading, no_wrap=True)
    for sample in SAMPLE_AGENTS:
        table.add_row(sample.name, password, sample.story)
    return table


def worker(descriptors: Sequence[int], life: int, calls: int | None = None) -> int:
    """Be a worker of `ivr serve`, with the settings and sockets that it hands over."""
    settings = Settings.read(env_file=None)
    settle_in(settings)
    from ivr.library import LibraryError

    try:
        run_worker(descriptors, life, settings, calls=calls)
    except LibraryError as error:
        echo(str(error), err=True)
        return 2
    return 0


def mould(control: int) -> int:
    """Be the mould of workers, and in each process that it forks, a worker."""
    gc.disable()  # what is built here stays: to look for garbage meanwhile takes a fifth of the time
    from ivr.app import load_library
    from ivr.library import LibraryError
    from ivr.mould import cast

    with suppress(LibraryError):  # what holds now need not be read and checked by every worker
        load_library(Settings.read(env_file=None))
    forked = cast(socket.socket(fileno=control))
    if forked is None:
        return 0
    gc.enable()
    os.environ.clear()
    os.environ.update(forked.env)
    calls, probed, life = forked.fds
    return worker([probed], life, calls)


def account_serve(descriptor: int | None, life: int | None, host: str, port: int) -> int:
    """Be the reference account service: on a socket of `ivr serve`, or alone."""
    from ivr.accounts.reference import create_reference

    alone = descriptor is None or life is None
    settings = read_settings() if alone else Settings.read(env_file=None)
    settle_in(settings)
    folder = DataFolder(settings.data_dir).open()
    if alone:
        folder.lock()
        if settings.database_url:
            asyncio.run(check_database(settings.database_url))
    token = settings.account_token.get_secret_value() or folder.account_token()
    app = create_reference(settings.database_url or sqlite_url(folder.path / "members.sqlite3"), token)
    if descriptor is not None and life is not None:
        serve_app(app, [descriptor], life)
        return 0
    sock = listen(host, port)
    echo(f"The account service listens at {web_url(sock, host)}; its bearer token is in {folder.path}.")
    own_life, keeps_it_open = os.pipe()
    serve_app(app, [sock.detach()], own_life)
    os.close(keeps_it_open)
    return 0


__all__ = [
    "SettingsError",
    "account_serve",
    "example",
    "failed",
    "read_settings",
    "serve",
    "settle_in",
    "welcome",
    "worker",
]
