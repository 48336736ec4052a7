"""All pages of the service as one application."""

import logging
import time
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ivr.audit.trail import AuditAwayError
from ivr.database.line import DatabaseAwayError, DatabaseLine
from ivr.door import Door
from ivr.live.board import Board
from ivr.redis_line import StoreAway
from ivr.web.desk import Desk
from ivr.web.flow_map import FlowMap
from ivr.web.guard import Guard
from ivr.web.lockout import Lockout
from ivr.web.login import LogIn
from ivr.web.operations import Operations
from ivr.web.operations_look import Lookout
from ivr.web.parts import Parts
from ivr.web.phone import PhonePage
from ivr.web.sessions import Sessions
from ivr.web.statics import Statics
from ivr.web.writing import Pages, Place

PLACES: Final = (
    Place("/phone", "电话"),
    Place("/console", "坐席台", "agent"),
    Place("/flows", "流程图"),
    Place("/operations", "运行状况", "supervisor"),
)
"""Where people can go, in this order."""

_SENTENCES: Final = {
    400: "这个请求无法处理。",
    403: "这里不能进。",
    404: "这个地址没有页面。",
    405: "这个地址不能这样打开。",
    413: "填写的内容太长。",
}
_AWAY: Final[dict[type[Exception], str]] = {
    StoreAway: "Redis 没有应答，或者计数器还没有确认，现在做不了。请稍候再试，或通知运维人员。",
    DatabaseAwayError: "数据库没有应答，刚才的操作可能没有完成。请稍候再试。",
    AuditAwayError: "审计记录写不进去，所以不能显示来电人的资料。请通知运维人员。",
}

log = logging.getLogger(__name__)


class Site:
    """The pages: an application for whatever `is_page` says leads to one."""

    def __init__(self, parts: Parts) -> None:
        self._redis = parts.redis
        self._database = DatabaseLine(parts.settings.database_url)
        statics = Statics()
        has_phones = bool(parts.settings.exchange_url)
        places = [place for place in PLACES if has_phones or place.path != "/phone"]
        self._pages = pages = Pages(statics, places)
        sessions = Sessions(parts.redis, parts.seals, parts.now, deadline=parts.patience)
        guard = Guard(sessions, self._database, time.monotonic, secure=parts.settings.encrypted)
        lockout = Lockout(parts.redis, parts.seals, deadline=parts.patience)
        samples = not parts.settings.production
        self._phone = PhonePage(pages, parts)
        self._log_in = LogIn(guard, lockout, pages, parts.seals, parts.trail, samples=samples)
        board = Board(parts.redis, parts.seals, parts.now, deadline=parts.patience)
        lookout = Lookout(parts, board, self._database)
        self._operations = Operations(parts, guard, pages, lookout)
        self._map = FlowMap(parts, guard, Door(parts.settings), pages, board, lookout)
        self._desk = Desk(parts, guard, pages)
        self._app = Starlette(
            routes=[
                Route("/", self._start, methods=["GET"]),
                Route("/static/{digest}/{name:path}", statics.answer, methods=["GET"]),
                *self._log_in.routes(),
                *self._map.routes(),
                *self._phone.routes(),
                *self._desk.routes,
                *self._operations.routes(),
            ],
            exception_handlers={
                HTTPException: self._refused,
                **dict.fromkeys(_AWAY, self._away),
                Exception: self._failed,
            },
        )
        self._app.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        await self._app(scope, receive, send)

    async def stop(self) -> None:
        """Let go of everything."""
        self._log_in.stop()
        await self._map.stop()
        await self._phone.stop()
        await self._desk.stop()
        await self._operations.stop()
        await self._database.stop()
        await self._redis.aclose()

    async def _start(self, request: Request) -> Response:
        return self._pages.page(request, "start.html")

    async def _refused(self, request: Request, error: Exception) -> Response:
        status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (400, "")
        # What we say ourselves is Chinese; the rest are the English names of the statuses.
        said = detail if detail and not detail.isascii() else _SENTENCES.get(status, _SENTENCES[400])
        return self._pages.sentence(request, "打不开", said, status=status)

    async def _away(self, request: Request, error: Exception) -> Response:
        log.warning("A page could not be shown: %s", error)
        return self._pages.sentence(request, "现在不行", _AWAY[type(error)], status=503)

    async def _failed(self, request: Request, _: Exception) -> Response:
        return self._pages.sentence(request, "出错了", "页面出错了，已经记下。请再试一次。", status=500)
