"""A visit to an account service: what is asked there, and what comes back."""

import asyncio
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

from ivr.accounts import contract
from ivr.accounts.wire import Reply
from ivr.validators import check_character

DEADLINE: Final = 9.0
"""Seconds after which the hotline waits no longer for an answer."""

ROUNDS: Final = 3
"""Refusals of each kind whose time is compared; a right password stands between any two wrong ones."""

_SHOWN: Final = re.compile(r"[A-Za-z0-9._/+-]{1,60}")
_NO_CARD: Final = "0000000000000000"


class Broken(Exception):  # noqa: N818 - named after what was found
    """A rule that the service breaks; its text tells what was expected and what came."""


class NoAnswer(Broken):
    """Nothing came that could be read."""


class NotChecked(Exception):  # noqa: N818 - nothing is wrong
    """A rule that could not be looked at; its text tells why."""


@dataclass(frozen=True)
class Member:
    """The member of the bureau's own that is asked about."""

    id_number: str = field(repr=False)
    password: str = field(repr=False)
    card_number: str | None = field(default=None, repr=False)


class Answer(NamedTuple):
    """What came back, and after how many seconds."""

    status: int
    media_type: str
    refs: tuple[str, ...]
    raw: bytes
    seconds: float

    def __repr__(self) -> str:
        return f"Answer(status={self.status})"  # the rest is personal

    def means(self) -> str:
        """Tell in one word how the hotline reads an answer that is none of those it asked for."""
        return Reply(self.status, raw=self.raw, media_type=self.media_type).means()

    def told(self) -> str:
        """Describe the answer in words that hold nothing of a member."""
        said = f"status {self.status}"
        if self.raw:
            said += f" with {self.media_type if _SHOWN.fullmatch(self.media_type) else 'a body of no media type'}"
        try:
            code = contract.read_problem(self.raw).code
        except contract.ContractFault:
            return said
        return f"{said} and the code {code if _SHOWN.fullmatch(code) else 'of a form that no code has'}"


class Visit:
    """Ask the service at ``url`` about ``member``; each question is answered within ``deadline`` s, or `NoAnswer`.

    By ``clock``, in seconds, is told how long the answers took.

    Asked as the hotline asks: a connection for each request, no redirects, nothing compressed, no proxy.
    """

    def __init__(
        self,
        url: str,
        token: str,
        member: Member,
        deadline: float = DEADLINE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._base, self._token, self._deadline, self._clock = url.rstrip("/"), token, deadline, clock
        self.member = member
        self.call, self.other_call = (f"CA{secrets.token_hex(16)}" for _ in range(2))
        self.nobody = _nobody(member.id_number)
        self.wrong_password = raised(member.password, 5)
        self.answered = False
        self._verified: contract.Verified | None = None
        self._refusals: dict[str, list[Answer]] = {}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None),
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    # --- asking ------------------------------------------------------------------------------------------------------

    async def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        raw: bytes | None = None,
        call: str | None = None,
        token: str | None = "",
        deadline: float | None = None,
    ) -> Answer:
        """Send one request; ``raw`` is a body as it stands, an empty ``token`` the right one, None sends none."""
        headers = {"Accept": "application/json, application/problem+json", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token or self._token}"
        if call is not None:
            headers["Call-Id"] = call
        sent: dict[str, Any] = {"headers": headers}
        if raw is not None:
            headers["Content-Type"] = "application/json"
            sent["data"] = raw
        elif body is not None:
            sent["json"] = body
        within = deadline or self._deadline
        fault = ""
        try:
            async with asyncio.timeout(within):
                return await self._once(method, path, sent)
        except TimeoutError:
            fault = f"none within {within:g} s"
        except aiohttp.ClientPayloadError:
            fault = "one that was cut off"
        except (aiohttp.ClientConnectionError, OSError):
            fault = "none: the connection could not be made, or it broke"
        except (aiohttp.ClientError, ValueError):
            fault = "something that is not HTTP"
        # Raised out here: none of those errors, which hold the request, hangs on to this one.
        raise NoAnswer(f"Expected an answer to {method} {shown(path)}; came {fault}.")

    async def _once(self, method: str, path: str, sent: dict[str, Any]) -> Answer:
        assert self._session is not None  # noqa: S101 - for the type checker: asked inside the visit
        began = self._clock()
        url = URL(self._base + path, encoded=True)
        async with self._session.request(method, url, allow_redirects=False, **sent) as answer:
            raw = b""
            while chunk := await answer.content.read(contract.LARGEST_ANSWER + 1 - len(raw)):
                raw += chunk
            self.answered = True
            if len(raw) > contract.LARGEST_ANSWER:
                raise NoAnswer(f"Expected at most {contract.LARGEST_ANSWER} bytes from {shown(path)}; came more.")
            refs = tuple(answer.headers.getall("Member-Ref", ()))
            return Answer(answer.status, answer.content_type, refs, raw, self._clock() - began)

    async def verify(self, number: str, password: str, *, call: str | None = None, region: str | None = None) -> Answer:
        """Ask for a verification; ``number`` is an ID number where it has 18 characters, else a card number."""
        body = self.verification(number, password, call or self.call)
        return await self.ask("POST", "/v1/verifications", body=body if region is None else body | {"region": region})

    def verification(self, number: str, password: str, call: str) -> dict[str, Any]:
        """Write the request for a verification."""
        return {
            "credential": credential(number),
            "secret": {"kind": "pin", "value": password},
            "call_id": call,
        }

    async def read(self, what: str, *, ref: str | None = None, call: str | None = None) -> Answer:
        """Ask for a record of the verified member, in the call of the verification where nothing else is said."""
        return await self.ask("GET", about(ref or self.ref, what), call=call or self.call)

    # --- what one rule finds out for others --------------------------------------------------------------------------

    @property
    def verified(self) -> contract.Verified:
        """The verification of the member in this visit's call."""
        if self._verified is None:
            raise NotChecked("There is no verification.")
        return self._verified

    @verified.setter
    def verified(self, verified: contract.Verified) -> None:
        self._verified = verified

    @property
    def ref(self) -> str:
        return self.verified.member_ref

    async def refusals(self) -> dict[str, list[Answer]]:
        """Give the answers to a wrong password, an unknown ID number and an unknown card, `ROUNDS` of each.

        A verification of the member follows each wrong password, so that the service's count begins anew.
        """
        _ = self.verified
        if not self._refusals:
            tries = {
                "a wrong password": self.member.id_number,
                "an unknown number": self.nobody,
                "an unknown card": _NO_CARD,
            }
            found: dict[str, list[Answer]] = {name: [] for name in tries}
            for _round in range(ROUNDS):
                for name, number in tries.items():
                    found[name].append(await self.verify(number, self.wrong_password, call=self.other_call))
                await self.verify(self.member.id_number, self.member.password, call=self.other_call)
            self._refusals = found
        return self._refusals

    def secrets(self) -> tuple[str, ...]:
        """Give what must not be shown to anybody."""
        member = self.member
        known = self._verified.member_ref if self._verified else ""
        numbers = (member.id_number, member.card_number or "")
        passwords = (raised(member.password, by) for by in range(10))
        return tuple(filter(None, (self._token, *numbers, *passwords, known)))


# --- small things ----------------------------------------------------------------------------------------------------


def credential(number: str) -> dict[str, str]:
    """Write a number with its kind."""
    return {"kind": "id_card" if len(number) == 18 else "social_security_card", "number": number}


def about(ref: str, what: str) -> str:
    """Give the path of something about a member."""
    return f"/v1/members/{quote(ref, safe='')}/{what}"


def shown(path: str) -> str:
    """Give a path as it may be shown, without the reference."""
    return re.sub(r"^(/v1/members/)[^/]*", r"\1…", path)


def raised(password: str, by: int) -> str:
    """Give another password: every digit higher by so much, beginning again after 9."""
    return "".join(str((int(digit) + by) % 10) for digit in password)


def _nobody(id_number: str) -> str:
    """Give a number of the right form that nobody alive has: born on the first day of 1900, in the same district."""
    first17 = f"{id_number[:6]}19000101999"
    return first17 + check_character(first17)
