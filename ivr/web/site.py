"""All pages of the service as one application."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ivr.web.parts import Parts
from ivr.web.statics import Statics
from ivr.web.writing import Pages, Place


class Site:
    """The pages: an application for whatever `is_page` says leads to one."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        statics = Statics()
        places: Sequence[Place] = ()
        self._pages = Pages(statics, places)
        self._app = Starlette(
            routes=[
                Route("/", self._start, methods=["GET"]),
                Route("/static/{digest}/{name:path}", statics.answer, methods=["GET"]),
            ],
            exception_handlers={HTTPException: self._refused, Exception: self._failed},
        )
        self._app.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        await self._app(scope, receive, send)

    async def stop(self) -> None:
        """Let go of everything."""
        await self._parts.redis.aclose()

    async def _start(self, request: Request) -> Response:
        return self._pages.page(request, "start.html")

    async def _refused(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 400
        said = {404: "这个地址没有页面。", 405: "这个地址不能这样打开。"}.get(status, "这个请求无法处理。")
        return self._pages.sentence(request, "打不开", said, status=status)

    async def _failed(self, request: Request, _: Exception) -> Response:
        return self._pages.sentence(request, "出错了", "页面出错了，已经记下。请再试一次。", status=500)
