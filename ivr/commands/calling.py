"""The command `call`: find or start a hotline, and call it with the terminal's phone."""

import asyncio
import contextlib
import re
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
from ivr.carrier.phone import parse_keys, run_interactive, run_script
from ivr.commands.serving import failed, read_settings, settle_in
from ivr.datafolder import DataFolder, LocalService
from ivr.embedded import EmbeddedFailed
from ivr.serve import Service
from ivr.settings import DEMO_ACCOUNT_SID, Settings, SettingsError
from ivr.supervisor import StartFailed

_ASK_READY_S = 3.0
_OUTBOX_EVERY_S = 0.5
_OUTBOX_DEADLINE_S = 2.0
_PAGE = 100

TOLD_TO_LEAVE = 128 + signal.SIGTERM

_TELEPHONE = re.compile(r"\+?[0-9]{1,15}")

Phone = Callable[[Carrier], Coroutine[Any, Any, int]]


def call(*, keys: str | None, url: str | None, to: str, from_: str) -> int:
    """Make one call, with keys from a script or from the keyboard; return the exit status."""
    if keys is None and not sys.stdin.isatty():
        raise SettingsError("--keys is missing: expected keys such as '1 -', since standard input is no terminal.")
    for option, number in (("--to", to), ("--from", from_)):
        if not _TELEPHONE.fullmatch(number):
            raise SettingsError(f"{option} {number}: expected a telephone number, digits and perhaps + before them.")
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
        return await _dial(phone, where, _token(settings, folder), to, from_)
    found = folder.ready_service()
    if found is not None and await _answers(found):
        async with _shown_outbox(found.demo_account_url, folder.kept("account_token") or ""):
            return await _dial(phone, found, _token(settings, folder), to, from_)
    with tempfile.TemporaryDirectory(prefix="ivr-") as path:
        echo("No hotline is running here, so one is started just for this call.", err=True)
        demo = _demo(settings, Path(path))
        async with Service(demo, host="127.0.0.1", port=0, workers=1, stands_by=False) as service:
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


def _token(settings: Settings, folder: DataFolder) -> str:
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
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=_OUTBOX_DEADLINE_S) as client:
        after = await _last_message(client)
        stopping = asyncio.Event()
        showing = asyncio.create_task(_show_outbox(client, after, stopping))
        try:
            yield
        finally:
            stopping.set()
            await showing


async def _last_message(client: httpx2.AsyncClient) -> int:
    after = 0
    while messages := await _messages(client, after):
        after = messages[-1]["id"]
        if len(messages) < _PAGE:
            break
    return after


async def _show_outbox(client: httpx2.AsyncClient, after: int, stopping: asyncio.Event) -> None:
    last_round = False
    while not last_round:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), _OUTBOX_EVERY_S)
        last_round = stopping.is_set()
        for message in await _messages(client, after):
            after = message["id"]
            text = "".join(character if character.isprintable() else "\ufffd" for character in message["text"])
            echo(f"   texts  to {message['to']}: {text}")


async def _messages(client: httpx2.AsyncClient, after: int) -> list[dict[str, Any]]:
    """Return the messages after that number; none where the demo's account service is just being started again."""
    try:
        answer = await client.get("/demo/outbox", params={"after": after})
        return list(answer.json()) if answer.status_code == 200 else []
    except (httpx2.HTTPError, ValueError):
        return []
