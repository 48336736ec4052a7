"""What phones of the demo have of its own account service: the texts that it sends, and a lever that makes it slow."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx2

from ivr.exchange.phone import Phone

LOOKS_EVERY_S: Final = 0.5
DEADLINE_S: Final = 2.0
PAGE: Final = 100


class DemoAccounts:
    """The reference account service at ``url``, where it is the demo's own."""

    def __init__(self, url: str, token: str, client: httpx2.AsyncClient | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = client or httpx2.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=DEADLINE_S)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def texts(self, after: int) -> list[dict[str, Any]]:
        """Give the text messages after that number; none where the service is just being started again."""
        try:
            answer = await self._client.get("/demo/outbox", params={"after": after})
            return list(answer.json()) if answer.status_code == 200 else []
        except (httpx2.HTTPError, ValueError):
            return []

    async def last_text(self) -> int:
        """Give the number of the last message that was sent so far."""
        after = 0
        while texts := await self.texts(after):
            after = texts[-1]["id"]
            if len(texts) < PAGE:
                break
        return after

    async def slow(self, seconds: float) -> bool:
        """Let the service take so many seconds for each answer, 0 as before; tell whether it does."""
        try:
            return (await self._client.put("/demo/delay", json={"seconds": seconds})).status_code == 204
        except httpx2.HTTPError:
            return False

    async def watch(self, phones: Mapping[str, Phone]) -> None:
        """Let every phone that is on a call read what is texted meanwhile; nothing is asked while none is."""
        after: int | None = None
        while True:
            await asyncio.sleep(LOOKS_EVERY_S)
            callers = [phone for phone in phones.values() if phone.leg is not None and not phone.answers]
            if not callers:
                after = None
                continue
            if after is None:
                after = await self.last_text()
            for text in await self.texts(after):
                after = int(text["id"])
                for phone in callers:
                    phone.tell({"kind": "texts", "to": str(text["to"]), "text": str(text["text"])})
