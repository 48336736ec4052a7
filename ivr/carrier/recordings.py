"""The recordings of the local carrier, as its REST API gives and deletes them. Nothing is really recorded: a tone."""

import hmac
import io
import math
import wave
from base64 import b64encode
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_RATE: Final = 8000
_TONE_HZ: Final = 440
_LOUDNESS: Final = 24


def recording_routes(kept: MutableMapping[str, float], *, account_sid: str, auth_token: str) -> list[Route]:
    """Build the routes of the recordings that are ``kept``: seconds by their names."""
    expected = b"Basic " + b64encode(f"{account_sid}:{auth_token}".encode())

    def way(do: Callable[[str], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            shown = request.headers.get("authorization", "").encode("utf-8", "replace")
            if not hmac.compare_digest(shown, expected):
                return JSONResponse({"code": 20003, "message": "Authenticate", "status": 401}, 401)
            sid = request.path_params["sid"]
            if request.path_params["account"] != account_sid or sid not in kept:
                return JSONResponse({"code": 20404, "message": "not found", "status": 404}, 404)
            return do(sid)

        return answer

    def give(sid: str) -> Response:
        # The carrier gives MP3; a browser plays what it finds, whatever it is called.
        return Response(tone(kept[sid]), media_type="audio/x-wav")

    def delete(sid: str) -> Response:
        del kept[sid]
        return Response(status_code=204)

    root = "/2010-04-01/Accounts/{account}/Recordings/{sid}"
    return [
        Route(f"{root}.mp3", way(give), methods=["GET"]),
        Route(f"{root}.json", way(delete), methods=["DELETE"]),
    ]


def tone(seconds: float) -> bytes:
    """Make so many seconds of a quiet tone, as a WAV file."""
    wave_of_one_second = bytes(
        128 + round(_LOUDNESS * math.sin(2 * math.pi * _TONE_HZ * sample / _RATE)) for sample in range(_RATE)
    )
    out = io.BytesIO()
    with wave.open(out, "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(1)
        written.setframerate(_RATE)
        written.writeframes(wave_of_one_second * max(1, round(seconds)))
    return out.getvalue()
