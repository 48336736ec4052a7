"""A phone that is plugged into an exchange over HTTP."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx2

from ivr.exchange.happenings import Told

DEADLINE_S: Final = 5.0
SILENT_S: Final = 30.0
"""A stream in which not even a beat comes for so long is broken."""
TRIES: Final = 5


class NoExchange(Exception):  # noqa: N818 - reads as what happened
    """The exchange does not answer, or knows the phone no more; the text is a sentence."""


class Declined(Exception):  # noqa: N818 - reads as what happened
    """The exchange does not do what it was asked for; the text is its sentence."""


class RemotePhone:
    """A phone by its name at the exchange."""

    def __init__(self, client: httpx2.AsyncClient, name: str) -> None:
        self._client = client
        self._path = f"/phones/{name}"

    async def do(self, does: str, **values: str | float) -> None:
        """Do something with the phone: ``dial``, ``keys``, ``words``, ``pick-up``, ``hang-up``, ``skip`` and so on.

        Raises Declined, and NoExchange.
        """
        await _asked(self._client, f"{self._path}/{does}", values)

    async def events(self) -> AsyncIterator[Told]:
        """Give what the phone is told, as it is told; a broken connection is made again. Raises NoExchange."""
        after, broken = 0, 0
        while broken < TRIES:
            try:
                async for number, told in self._stream(after):
                    after, broken = number, 0
                    yield told
            except httpx2.HTTPError:
                broken += 1
                await asyncio.sleep(0.2 * broken)
        raise NoExchange("The exchange does not answer any more.")

    async def unplug(self) -> None:
        """Hang up and take the phone away."""
        try:
            await self._client.delete(self._path)
        except httpx2.HTTPError:
            return

    async def _stream(self, after: int) -> AsyncIterator[tuple[int, Told]]:
        timeout = httpx2.Timeout(DEADLINE_S, read=SILENT_S)
        path, params = f"{self._path}/events", {"after": after}
        async with self._client.stream("GET", path, params=params, timeout=timeout) as answer:
            if answer.status_code != 200:
                raise NoExchange("The exchange does not know this phone any more.")
            number = after
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    number = int(value)
                elif name == "data":
                    yield number, json.loads(value)


@asynccontextmanager
async def plugged_in(
    url: str, *, account_sid: str, auth_token: str, number: str, answers: bool = False
) -> AsyncIterator[RemotePhone]:
    """Plug a phone in for as long as the context lasts. Raises NoExchange, or Declined where there are too many."""
    async with httpx2.AsyncClient(
        base_url=url, auth=(account_sid, auth_token), trust_env=False, timeout=DEADLINE_S
    ) as client:
        told = await _asked(client, "/phones", {"number": number, "answers": answers})
        phone = RemotePhone(client, told["phone"])
        try:
            yield phone
        finally:
            await phone.unplug()


async def _asked(client: httpx2.AsyncClient, path: str, values: dict[str, Any]) -> dict[str, Any]:
    try:
        answer = await client.post(path, json=values)
        told = answer.json() if answer.content else {}
    except (httpx2.HTTPError, ValueError):
        raise NoExchange("The exchange does not answer.") from None
    if answer.status_code in (400, 409):
        raise Declined(str(told.get("error")))
    if answer.status_code >= 400:
        raise NoExchange("The exchange does not know this phone.")
    return dict(told)
