"""The command `call`: find or start a hotline, and call it with the terminal's phone."""

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx2
from pydantic import SecretStr
from typer import echo

from ivr import urls
from ivr.carrier.carrier import Carrier
from ivr.carrier.keypad import Keypad
from ivr.carrier.phone import parse_keys, run_interactive, run_script
from ivr.carrier.printing import Printer
from ivr.commands.serving import failed, read_settings, settle_in
from ivr.datafolder import DataFolder, LocalService
from ivr.embedded import EmbeddedFailed
from ivr.exchange.client import Declined, NoExchange, plugged_in
from ivr.exchange.demo import LOOKS_EVERY_S, DemoAccounts
from ivr.exchange.phone import TELEPHONE
from ivr.exchange.terminal import TerminalPhone
from ivr.serve import Service
from ivr.settings import DEMO_ACCOUNT_SID, Settings, SettingsError
from ivr.supervisor import StartFailed

_ASK_READY_S = 3.0

TOLD_TO_LEAVE = 128 + signal.SIGTERM


Phone = Callable[[Carrier], Coroutine[Any, Any, int]]


def call(*, keys: str | None, url: str | None, to: str, from_: str) -> int:
    """Make one call, with keys from a script or from the keyboard; return the exit status."""
    if keys is None and not sys.stdin.isatty():
        raise SettingsError("--keys is missing: expected keys such as '1 -', since standard input is no terminal.")
    check_number("--to", to)
    check_number("--from", from_)
    try:
        parse_keys(keys or "")
        target = url and urls.web_address(url)
    except ValueError as error:
        raise SettingsError(str(error) if url is None or "--keys" in str(error) else f"--url: {error}.") from None
    settings = read_settings()
    settle_in(settings)
    try:
        return asyncio.run(_call(settings, keys, target, to, from_))
    except (StartFailed, EmbeddedFailed) as error:
        return failed(error)
    except asyncio.CancelledError:
        return TOLD_TO_LEAVE


def check_number(option: str, number: str) -> None:
    """Raise `SettingsError` where an option is no telephone number."""
    if not TELEPHONE.fullmatch(number):
        raise SettingsError(f"{option} {number}: expected a telephone number, digits and perhaps + before them.")


async def _call(settings: Settings, keys: str | None, url: str | None, to: str, from_: str) -> int:
    # Told to leave, it still stops what it has started, in order.
    me = asyncio.current_task()
    assert me is not None  # noqa: S101 - for the type checker: this is a coroutine
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)

    async def phone(carrier: Carrier) -> int:
        if keys is None:
            return await run_interactive(carrier, sys.stdout)
        return await run_script(carrier, keys, sys.stdout)

    folder = DataFolder(settings.data_dir)
    if url is not None:
        # The signature of a public service is over its public URL, by whatever way it is reached.
        public = settings.public_url if settings.public_url and urls.is_loopback(url) else url
        if not await _is_there(url):
            raise SettingsError(f"No hotline answers at {url}; start one with `ivr serve`.")
        where = LocalService(url, public, settings.twilio_account_sid or DEMO_ACCOUNT_SID, 0)
        return await _dial(phone, where, auth_token(settings, folder), to, from_)
    found = folder.ready_service()
    if found is not None and await _answers(found):
        token = auth_token(settings, folder)
        if keys is None and found.exchange_url:
            return await _call_in_real_time(found, token, to, from_)
        async with _shown_outbox(found.demo_account_url, folder.kept("account_token") or ""):
            return await _dial(phone, found, token, to, from_)
    with tempfile.TemporaryDirectory(prefix="ivr-") as path:
        echo("No hotline is running here, so one is started just for this call.", err=True)
        demo = _demo(settings, Path(path))
        async with Service(demo, host="127.0.0.1", port=0, workers=1, stands_by=False, exchange=False) as service:
            where = service.where()
            own = DataFolder(Path(path))
            async with _shown_outbox(where.demo_account_url, own.account_token()):
                return await _dial(phone, where, own.auth_token(), to, from_)


async def _dial(phone: Phone, where: LocalService, token: str, to: str, from_: str) -> int:
    async with Carrier(
        where.url,
        public_url=where.public_url,
        account_sid=where.account_sid,
        auth_token=token,
        from_=from_,
        to=to,
        strict=False,
    ) as carrier:
        return await phone(carrier)


def _demo(settings: Settings, folder: Path) -> Settings:
    """Return settings for a hotline of one call: its own store and members, but the operator's flows and prompts."""
    nothing = SecretStr("")
    return settings.changed(
        public_url="",
        twilio_account_sid="",
        twilio_auth_token=nothing,
        redis_url="",
        account_url="",
        account_token=nothing,
        secret_key=nothing,
        database_url="",
        data_dir=folder,
    )


def auth_token(settings: Settings, folder: DataFolder) -> str:
    """Give the token that signs for the hotline. Raises `SettingsError` where there is none."""
    token = next(iter(settings.auth_tokens), None) or folder.kept("auth_token")
    if token is None:
        raise SettingsError(
            "IVR_TWILIO_AUTH_TOKEN is not set: expected the auth token of the hotline that is called, "
            "since the data folder holds none."
        )
    return token


async def _is_there(url: str) -> bool:
    """Say whether anybody answers at all; what a proxy makes of the path is no matter."""
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=_ASK_READY_S) as client:
            await client.get(f"{url}/healthz")
    except httpx2.HTTPError:
        return False
    return True


async def _answers(found: LocalService) -> bool:
    try:
        async with httpx2.AsyncClient(trust_env=False, timeout=_ASK_READY_S) as client:
            return (await client.get(f"{found.url}/readyz")).status_code == 200
    except httpx2.HTTPError:
        return False


@contextlib.asynccontextmanager
async def _shown_outbox(url: str, token: str) -> AsyncIterator[None]:
    """Show the text messages that the demo's account service sends during the call; without one, do nothing."""
    if not url:
        yield
        return
    accounts = DemoAccounts(url, token)
    after = await accounts.last_text()
    stopping = asyncio.Event()
    showing = asyncio.create_task(_show_outbox(accounts, after, stopping))
    try:
        yield
    finally:
        stopping.set()
        await showing
        await accounts.aclose()


async def _show_outbox(accounts: DemoAccounts, after: int, stopping: asyncio.Event) -> None:
    last_round = False
    screen = Printer(sys.stdout)
    while not last_round:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), LOOKS_EVERY_S)
        last_round = stopping.is_set()
        for message in await accounts.texts(after):
            after = message["id"]
            screen.line("texts", f"to {message['to']}: {message['text']}")


async def _call_in_real_time(found: LocalService, token: str, to: str, from_: str) -> int:
    """Call from a phone at the exchange, on which a caller who waits for a human gets one."""
    try:
        async with (
            plugged_in(found.exchange_url, account_sid=found.account_sid, auth_token=token, number=from_) as phone,
            Keypad() as keypad,
        ):
            return await TerminalPhone(phone, keypad, sys.stdout).call(to)
    except (NoExchange, Declined) as error:
        echo(str(error), err=True)
        return 1
