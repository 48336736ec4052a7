"""The recordings that lie with the carrier: fetched through the service, so that nobody else needs its credentials."""

import asyncio
import re
from base64 import b64encode
from typing import Final

import aiohttp

FETCH_S: Final = 10.0
LARGEST: Final = 8 * 1024 * 1024
"""Bytes of a recording: two minutes of speech are a quarter of it as MP3, uncompressed about two million."""

MEDIA_TYPE: Final = "audio/mpeg"

_SID = re.compile(r"RE[0-9a-fA-F]{32}")
_GONE = (404, 410)


class RecordingAwayError(Exception):
    """The carrier did not give a recording, or did not delete one; the text says why in a few words."""


class Recordings:
    """The recordings of one account. URLs are put together here; none that a webhook names is ever asked for."""

    def __init__(self, api_url: str, *, account_sid: str, auth_token: str) -> None:
        self._root = f"{api_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Recordings"
        shown = b64encode(f"{account_sid}:{auth_token}".encode()).decode("ascii")
        self._headers = {"Authorization": f"Basic {shown}"}

    async def fetch(self, recording: str) -> bytes | None:
        """Give a recording as MP3; None where the carrier has it no more. Raises RecordingAwayError."""
        status, body = await self._ask("GET", f"{_checked(recording)}.mp3")
        if status in _GONE:
            return None
        if status != 200:
            raise RecordingAwayError(f"the carrier answers {status}")
        return body

    async def delete(self, recording: str) -> None:
        """Delete a recording; one that is gone already is no error. Raises RecordingAwayError."""
        status, _ = await self._ask("DELETE", f"{_checked(recording)}.json")
        if status not in (204, *_GONE):
            raise RecordingAwayError(f"the carrier answers {status}")

    async def _ask(self, method: str, name: str) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=FETCH_S)
        try:
            async with (
                aiohttp.ClientSession(headers=self._headers, timeout=timeout) as session,
                session.request(method, f"{self._root}/{name}", allow_redirects=False) as answer,
            ):
                body = await answer.content.read(LARGEST + 1) if answer.status == 200 else b""
                while answer.status == 200 and len(body) <= LARGEST and (more := await answer.content.read(LARGEST)):
                    body += more
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise RecordingAwayError(f"the carrier does not answer ({type(error).__name__})") from None
        if len(body) > LARGEST:
            raise RecordingAwayError(f"the recording is longer than {LARGEST} bytes")
        return answer.status, body


def _checked(recording: str) -> str:
    if not _SID.fullmatch(recording):
        raise RecordingAwayError("that is no name of a recording")
    return recording
