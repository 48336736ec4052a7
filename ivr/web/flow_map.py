"""The map of the flows: drawn in the browser, with what each node says, and where calls are just now."""

from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ivr.call_records.figures import Tally
from ivr.call_records.ways import Place
from ivr.database.line import DatabaseAwayError
from ivr.door import Door
from ivr.drawing.chart import Chart, chart, overview, place, start_of
from ivr.drawing.dot import Heat, dot
from ivr.library import Library
from ivr.live.board import Board
from ivr.live.calls import LiveCall
from ivr.redis_line import StoreAway
from ivr.walk import CHINA
from ivr.web.flow_reading import figures_of, found, read_node
from ivr.web.guard import Guard, Visit
from ivr.web.operations_look import Lookout
from ivr.web.parts import Parts
from ivr.web.pulse import Pulse
from ivr.web.streams import stream
from ivr.web.writing import HEADERS, POLICY, Pages

OVERVIEW, WHOLE = "", "*"
"""What is drawn that is not one flow: each flow as one place, and all of all flows."""

MOST_CALLS: Final = 200
"""Calls to choose from; the newest. At each node all are counted."""

POLICY_OF_THE_MAP: Final = f"{POLICY}; script-src 'self' 'wasm-unsafe-eval'"
"""Graphviz comes as WebAssembly, which browsers compile only where this is allowed; no text becomes a script by it."""

DAYS: Final = {"1": 1, "7": 7}
"""Days of which the heat can be seen."""

MINUTE_MS, DAY_MS = 60_000, 24 * 3600_000

_CHARTS_KEPT: Final = 64


class Seen(NamedTuple):
    """Where calls are; None where Redis does not tell."""

    calls: Sequence[LiveCall] | None


class FlowMap:
    """The page `/flows` and what it asks for. Nothing personal is on it."""

    def __init__(self, parts: Parts, guard: Guard, door: Door, pages: Pages, board: Board, lookout: Lookout) -> None:
        self._lookout = lookout
        self._now = parts.now
        self._leaving = parts.leaving
        self._versions = parts.versions
        self._guard = guard
        self._door = door
        self._pages = pages
        self._pulse = Pulse(lambda: _look(board))
        self._charts: OrderedDict[tuple[str, str], bytes] = OrderedDict()

    def routes(self) -> Sequence[Route]:
        """Give the routes of the map."""
        paths = {
            "/flows": self._show,
            "/flows/chart": self._chart,
            "/flows/node": self._node,
            "/flows/search": self._search,
            "/flows/live": self._live,
        }
        return [self._guard.seen(path, handler, self._door) for path, handler in paths.items()]

    async def _show(self, request: Request, visit: Visit | None) -> Response:
        library = self._versions.current
        flow = request.query_params.get("flow", OVERVIEW)
        node = read_node(library, flow, request.query_params.get("node", ""))
        page = self._pages.page(
            request,
            "flows.html",
            visit=visit,
            flows=list(library.flows),
            flow=flow if flow in library.flows or flow == WHOLE else OVERVIEW,
            node=node,
            figures=None,
            version=library.version,
        )
        page.headers["Content-Security-Policy"] = POLICY_OF_THE_MAP
        return page

    async def _chart(self, request: Request, _: Visit | None) -> Response:
        """Give a flow as DOT, and which ways each of its lines stands for; 404 for a flow that there is not.

        With the parameter ``days`` it tells what calls did in as many days, unless the database is away.
        """
        library, flow = self._versions.current, request.query_params.get("flow", OVERVIEW)
        if flow not in (OVERVIEW, WHOLE, *library.flows):
            return Response(status_code=404)
        days = DAYS.get(request.query_params.get("days", ""))
        if days is not None and (tally := await self._tally(days)):
            return _json(msgspec.json.encode(_drawn(library, flow, _heat(tally, flow))))
        written = self._charts.get((library.version, flow))
        if written is None:
            written = self._charts[library.version, flow] = msgspec.json.encode(_drawn(library, flow))
            if len(self._charts) > _CHARTS_KEPT:
                self._charts.popitem(last=False)
        return _json(written)

    async def _tally(self, days: int) -> Tally | None:
        """Add up the calls of some days, as they were half a minute ago at most; None where the database is away."""
        ends = self._now() // MINUTE_MS * MINUTE_MS + MINUTE_MS
        try:
            return await self._lookout.figures(lambda figures: figures.tally(ends - days * DAY_MS, ends))
        except DatabaseAwayError:
            return None

    async def _node(self, request: Request, _: Visit | None) -> Response:
        asked = request.query_params
        node = read_node(self._versions.current, asked.get("flow", ""), asked.get("node", ""))
        if node is None:
            return Response(status_code=404)
        days = DAYS.get(asked.get("days", ""))
        tally = None if days is None else await self._tally(days)
        figures = None if tally is None else figures_of(tally, node)
        body = self._pages.part("flow_node.html", node=node, figures=figures)
        return Response(body, media_type="text/html", headers=HEADERS)

    async def _search(self, request: Request, _: Visit | None) -> Response:
        wanted = request.query_params.get("q", "").strip()[:60]
        hits = found(self._versions.current, wanted) if wanted else []
        body = self._pages.part("flow_hits.html", hits=hits, wanted=wanted)
        return Response(body, media_type="text/html", headers=HEADERS)

    async def _live(self, request: Request, _: Visit | None) -> Response:
        del request
        return stream(self._pulse.changes(_told), self._now, leaving=self._leaving)

    async def stop(self) -> None:
        """Look no more."""
        await self._pulse.stop()


async def _look(board: Board) -> Seen:
    """Look where calls are."""
    try:
        return Seen(await board.calls())
    except StoreAway:
        return Seen(None)


def _heat(tally: Tally, flow: str) -> Heat:
    """Give what is drawn of a tally; in the overview a flow has what all its nodes have."""

    def at(one: Place) -> str:
        return start_of(one.flow) if flow == OVERVIEW else place(*one)

    came, lost = Counter[str](), Counter[str]()
    for here, count in tally.visits.items():
        came[at(here)] += count
    for (here, _), count in tally.drops.items():
        lost[at(here)] += count
    return Heat(tally.edges, came, lost)


def _json(written: bytes) -> Response:
    return Response(written, media_type="application/json", headers=HEADERS)


def _drawn(library: Library, flow: str, heat: Heat | None = None) -> Mapping[str, Any]:
    made: Chart = overview(library) if flow == OVERVIEW else chart(library, None if flow == WHOLE else flow)
    return {
        "version": library.version,
        "dot": dot(made, heat),
        "ways": [["/".join(edge) for edge in bundle.edges] for bundle in made.bundles],
        "heat": heat is not None,
    }


def _told(seen: Seen) -> str:
    """Put where calls are as the map's script reads it."""
    if seen.calls is None:
        return '{"away":true}'
    here = Counter(place(call.flow, call.node) for call in seen.calls)
    flows = Counter(call.flow for call in seen.calls)
    told = {
        "calls": [_call(call) for call in seen.calls[:MOST_CALLS]],
        "here": here,
        "flows": flows,
        "all": len(seen.calls),
    }
    return msgspec.json.encode(told).decode()


def _call(call: LiveCall) -> Mapping[str, Any]:
    return {
        "name": call.name,
        "since": datetime.fromtimestamp(call.started / 1000, UTC).astimezone(CHINA).strftime("%H:%M:%S"),
        "hotline": call.hotline,
        "lang": call.lang,
        "version": call.version,
        "flow": call.flow,
        "node": call.node,
        "at": place(call.flow, call.node),
        "flows": call.flows,
        "ways": ["/".join(edge) for edge in call.ways],
    }
