"""What `ivr serve` starts in the place of what nobody set: an account service, and an exchange with phones."""

import contextlib
import socket
from typing import Any

from pydantic import SecretStr

from ivr.datafolder import DataFolder
from ivr.settings import Settings
from ivr.supervisor import Child, listen, web_url

OUR_NUMBER = "+12025550100"
"""As which the hotline of a demo calls; the number is reserved for fiction."""
LEAVE_S = 3.0
"""Seconds after which one that was asked to leave is ended."""


class StandIns:
    """The child processes of a demo, beside the workers. Each listens on the loopback interface, on a free port.

    The reference account service stands in for the bureau's own where ``IVR_ACCOUNT_URL`` is unset; the exchange for
    the carrier where the auth token is unset, or where phones of this machine are wanted besides.
    """

    def __init__(self, settings: Settings, undo: contextlib.ExitStack, *, exchange: bool = True) -> None:
        """Bind the sockets. Raises `SettingsError`; `undo` closes them."""
        self._accounts_at = None if settings.account_url else undo.enter_context(listen("127.0.0.1", 0))
        wanted = exchange and (settings.phone == "on" or (settings.phone != "off" and not settings.auth_tokens))
        self._exchange_at = undo.enter_context(listen("127.0.0.1", 0)) if wanted else None
        self.accounts: Child | None = None
        self.exchange: Child | None = None

    def fill(self, settings: Settings, folder: DataFolder) -> dict[str, Any]:
        """Give the settings that lead to what stands in. The hotline of a demo calls its agents by the exchange."""
        filled: dict[str, Any] = {}
        if self._accounts_at is not None:
            filled["account_url"] = web_url(self._accounts_at, "127.0.0.1")
            filled["account_token"] = SecretStr(folder.account_token())
        if self._exchange_at is not None:
            filled["exchange_url"] = web_url(self._exchange_at, "127.0.0.1")
            if not (settings.auth_tokens or settings.twilio_api_url):
                filled["twilio_api_url"] = filled["exchange_url"]
                if not settings.outbound_number:
                    filled["outbound_number"] = OUR_NUMBER
        return filled

    def start_accounts(self, settings: Settings, life: int) -> Child | None:
        """Begin to keep the account service running; None where another one is used."""
        if self._accounts_at is None:
            return None
        handed = ["account_url", "account_token", "data_dir"]
        if "database_url" not in settings.stand_ins:
            handed.append("database_url")
        command = ("account", "serve")
        self.accounts = _child("The demo account service", command, settings, handed, self._accounts_at, life)
        return self.accounts

    def start_exchange(self, settings: Settings, url: str, life: int) -> Child | None:
        """Begin to keep the exchange running, whose phones call the hotline at ``url``; None where none is wanted."""
        if self._exchange_at is None:
            return None
        handed = ["public_url", "twilio_account_sid", "twilio_auth_token", "outbound_number", "data_dir"]
        if self._accounts_at is not None:
            handed += ["account_url", "account_token"]
        command = ("exchange", "--url", url)
        self.exchange = _child("The exchange", command, settings, handed, self._exchange_at, life)
        return self.exchange

    @property
    def children(self) -> list[Child]:
        """Those that were started."""
        return [child for child in (self.exchange, self.accounts) if child is not None]

    def close(self) -> None:
        """Close the sockets; whoever connects from now on is refused."""
        for sock in (self._exchange_at, self._accounts_at):
            if sock is not None:
                sock.close()


def _child(
    name: str, command: tuple[str, ...], settings: Settings, handed: list[str], sock: socket.socket, life: int
) -> Child:
    fds = (sock.fileno(), life)
    arguments = (*command, "--fd", str(fds[0]), "--life-fd", str(fds[1]))
    return Child(name, arguments, settings.environment(only=handed), fds, sock.getsockname()[1])


async def check_database(url: str) -> None:
    """Make the tables of the reference service. Raises `SettingsError` where the database cannot be opened."""
    from ivr.accounts.reference.database import create_tables
    from ivr.database.opening import opened

    async with opened(url) as engine:
        await create_tables(engine)
