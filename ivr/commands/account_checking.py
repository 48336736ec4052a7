"""The command `account check`: whether a bureau's own account service honours the contract."""

import asyncio
import re
import sys
from collections import Counter

import typer

from ivr import urls
from ivr.accounts.check import READING, WRITING, Member, check
from ivr.commands.serving import read_settings
from ivr.settings import SettingsError

_ID_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_CARD_NUMBER = re.compile(r"[0-9]{9,16}|[0-9]{19}")
_PASSWORD = re.compile(r"[0-9]{6}")
_TOKEN = re.compile(r"[!-~]+")


def check_service(
    url: str | None, token: str | None, id_number: str, password: str | None, card_number: str | None, *, writing: bool
) -> int:
    """Check the service at ``url``, or at IVR_ACCOUNT_URL; print a line for each rule and return the exit status."""
    base, bearer = _service(url, token)
    member = _member(id_number, password, card_number)
    return asyncio.run(_check(base, bearer, member, writing))


async def _check(url: str, token: str, member: Member, writing: bool) -> int:
    verdicts: Counter[str] = Counter()
    async for finding in check(url, token, member, READING + WRITING if writing else READING):
        verdicts[finding.verdict] += 1
        typer.echo(str(finding))
    typer.echo(", ".join(f"{verdicts[verdict]} {verdict}" for verdict in ("passed", "FAILED", "not checked")) + ".")
    return 1 if verdicts["FAILED"] else 0


def _service(url: str | None, token: str | None) -> tuple[str, str]:
    """Return base URL and token: both as given, or both of the settings, so that no token reaches another service."""
    if (url is None) != (token is None):
        given, missing = ("--url", "--token") if token is None else ("--token", "--url")
        raise SettingsError(f"{missing} is missing: expected both or neither, since {given} is given.")
    if url is None or token is None:
        settings = read_settings()
        if not settings.account_url:
            raise SettingsError("--url and --token are missing: expected them, since IVR_ACCOUNT_URL is not set.")
        return settings.account_url, settings.account_token.get_secret_value()
    if not _TOKEN.fullmatch(token):
        raise SettingsError("--token is wrong: expected visible ASCII characters without blanks.")
    try:
        return urls.web_address(url), token
    except ValueError as error:
        raise SettingsError(f"--url is wrong: {error}.") from None


def _member(id_number: str, password: str | None, card_number: str | None) -> Member:
    if not _ID_NUMBER.fullmatch(id_number.upper()):
        raise SettingsError("--id-number is wrong: expected 18 digits, the last one may be an X.")
    if card_number is not None and not _CARD_NUMBER.fullmatch(card_number):
        raise SettingsError("--card-number is wrong: expected 9 to 16, or 19 digits.")
    if password is None:
        if not sys.stdin.isatty():
            raise SettingsError("--password is missing: expected it, since standard input is no terminal.")
        password = str(typer.prompt("Password of the member", hide_input=True))
    if not _PASSWORD.fullmatch(password):
        raise SettingsError("--password is wrong: expected six digits.")
    return Member(id_number.upper(), password, card_number)
