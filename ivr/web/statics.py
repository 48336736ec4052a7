"""The files that pages load: style, scripts and what is vendored, under URLs that change with what is in them."""

import hashlib
from mimetypes import guess_type
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

FOLDER: Final = Path(__file__).parent / "static"

FOR_A_YEAR: Final = "public, max-age=31536000, immutable"
ASK_AGAIN: Final = "no-cache"


class _File(NamedTuple):
    data: bytes
    digest: str
    kind: str


class Statics:
    """All files of a folder, in memory: they are few, and no disk holds up the worker."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files = {path.relative_to(folder).as_posix(): _read(path) for path in folder.rglob("*") if path.is_file()}

    def url(self, name: str) -> str:
        """Give the URL of a file as it is now. Raises KeyError where there is none of this name."""
        return f"/static/{self._files[name].digest}/{name}"

    async def answer(self, request: Request) -> Response:
        """Serve a file: under the URL of what it is now to be kept for a year, under that of another version never."""
        name, digest = request.path_params["name"], request.path_params["digest"]
        file = self._files.get(name)
        if file is None:
            return Response(status_code=404)
        headers = {
            "Cache-Control": FOR_A_YEAR if digest == file.digest else ASK_AGAIN,
            "ETag": f'"{file.digest}"',
            "X-Content-Type-Options": "nosniff",
        }
        if f'"{file.digest}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.data, media_type=file.kind, headers=headers)


def _read(path: Path) -> _File:
    data = path.read_bytes()
    kind = guess_type(path.name)[0] or "text/plain"
    return _File(data, hashlib.blake2b(data, digest_size=8).hexdigest(), kind)
