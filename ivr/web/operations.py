"""The operations page: what is so now, a day and a week in charts, and what holds for all new calls."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec.structs import replace
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ivr.call_records.figures import Bucket
from ivr.call_records.record import OUTCOMES, Outcome
from ivr.emergency import LONGEST, faults_of
from ivr.orders import Orders
from ivr.speech import LANGUAGES
from ivr.walk import china_time
from ivr.web.charts import SMALL, Label, Series, bars, lines
from ivr.web.flow_reading import LANGUAGE_NAMES
from ivr.web.guard import Guard, Visit
from ivr.web.operations_look import LATELY, Lookout, Now, wrongs
from ivr.web.parts import Parts
from ivr.web.pulse import Pulse
from ivr.web.streams import SIGNED_IN_MS, Event, stream
from ivr.web.writing import HEADERS, Pages

OUTCOME_NAMES: Final[Mapping[Outcome, str]] = {
    "self_service": "自助办完",
    "agent": "人工接听",
    "left_word": "预约回电或留言",
    "gave_up": "中途放弃",
}
BREAKER_NAMES: Final = {"closed": "正常", "open": "已断开", "half_open": "正在试探"}
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3600_000, 24 * 3600_000


class Span(NamedTuple):
    """A time that charts show, and the stretches into which it is divided."""

    name: str
    long_ms: int
    every_ms: int
    form: str
    label_every: int


SPANS: Final[Mapping[str, Span]] = {
    "day": Span("最近一天", DAY_MS, HOUR_MS // 2, "%H:%M", 6),
    "week": Span("最近七天", 7 * DAY_MS, 6 * HOUR_MS, "%m-%d", 4),
}


class Operations:
    """The page `/operations`, for supervisors. What is ordered on it is in the audit trail before it holds."""

    def __init__(self, parts: Parts, guard: Guard, pages: Pages, lookout: Lookout) -> None:
        self._parts = parts
        self._guard = guard
        self._pages = pages
        self._lookout = lookout
        self._pulse: Pulse[Now] = Pulse(lookout.look)

    def routes(self) -> Sequence[Route]:
        """Give the routes of the page."""
        return (
            self._guard.page("/operations", self._show, role="supervisor"),
            self._guard.page("/operations/live", self._live, role="supervisor"),
            self._guard.page("/operations/charts", self._charts, role="supervisor"),
            self._guard.act("/operations/agents-only", self._agents_only, role="supervisor"),
            self._guard.act("/operations/announcement", self._announcement, role="supervisor"),
        )

    async def stop(self) -> None:
        """Look no more."""
        await self._pulse.stop()
        await self._lookout.stop()

    async def _show(self, visit: Visit) -> Response:
        return await self._page(visit)

    async def _page(self, visit: Visit, told: str = "", lines: Mapping[str, str] | None = None) -> Response:
        now = await self._lookout.look()
        hotlines = self._parts.versions.current.hotlines.hotlines
        return self._pages.page(
            visit.request,
            "operations.html",
            visit=visit,
            status=422 if told else 200,
            told=told,
            switches=[
                *((name, hotline.name.get("zh") or name) for name, hotline in hotlines.items() if hotline.agents_only),
                # What was ordered for a hotline that is no more can be taken back.
                *((name, name) for name in sorted(now.orders.agents_only - hotlines.keys())),
            ],
            lines=now.orders.announcement if lines is None else lines,
            languages=LANGUAGE_NAMES,
            longest=LONGEST,
            spans=SPANS,
            **_facts(now),
        )

    async def _live(self, visit: Visit) -> Response:
        return stream(self._events(visit), self._parts.now, leaving=self._parts.leaving)

    async def _events(self, visit: Visit) -> AsyncIterator[Event]:
        """Give what changes, until whoever looks is signed out."""
        known_until = self._parts.now() + SIGNED_IN_MS
        changes = self._pulse.changes(lambda now: self._pages.part("operations_now.html", **_facts(now)))
        async with contextlib.aclosing(changes):
            async for event in changes:
                if self._parts.now() >= known_until:
                    known_until = self._parts.now() + SIGNED_IN_MS
                    if not await self._guard.stays(visit):
                        return
                yield event

    async def _charts(self, visit: Visit) -> Response:
        asked = visit.request.query_params.get("span", "")
        key = asked if asked in SPANS else "day"
        span = SPANS[key]
        # Whole stretches of China's day, the present one last: what is asked for again is not added up again.
        ends = self._parts.now() // span.every_ms * span.every_ms + span.every_ms
        first = ends - span.long_ms
        buckets = await self._lookout.figures(lambda figures: figures.timeline(first, ends, span.every_ms))
        drawn = await asyncio.to_thread(_drawn, buckets, span)
        return Response(
            self._pages.part("operations_charts.html", key=key, **drawn), media_type="text/html", headers=HEADERS
        )

    async def _agents_only(self, visit: Visit) -> Response:
        hotline, on = visit.form.get("hotline", ""), visit.form.get("on") == "1"
        known = self._parts.versions.current.hotlines.hotlines.get(hotline)
        if (known is None or known.agents_only is None) and (on or hotline not in self._parts.orders.now.agents_only):
            raise HTTPException(400)
        if on and visit.form.get("sure") != "1":
            return await self._page(visit, "没有打开：请先勾选“新来电都转人工”。")

        def change(orders: Orders) -> Orders:
            others = orders.agents_only - {hotline}
            return replace(orders, agents_only=others | {hotline} if on else others)

        await self._order(visit, change, f"agents only {'on' if on else 'off'} {hotline}")
        return RedirectResponse("/operations", 303)

    async def _announcement(self, visit: Visit) -> Response:
        withdrawn = visit.form.get("do") == "withdraw"
        lines = {} if withdrawn else {lang: visit.form.get(lang, "").strip() for lang in LANGUAGES}
        lines = {lang: text for lang, text in lines.items() if text}
        wrong = [LANGUAGE_NAMES[lang] for lang, text in lines.items() if faults_of({lang: text})]
        if wrong:
            rule = f"要 1 到 {LONGEST} 个字，数字和符号写成汉字（英语写成单词），不能换行"
            return await self._page(visit, f"没有公布：{'、'.join(wrong)}这一行不能用，{rule}。", lines)
        if not lines and not withdrawn:
            return await self._page(visit, "没有公布：一行也没有写。", lines)
        what = "withdrawn" if withdrawn else f"in {' '.join(lines)}"
        await self._order(visit, lambda orders: replace(orders, announcement=lines), f"announcement {what}")
        return RedirectResponse("/operations", 303)

    async def _order(self, visit: Visit, change: Callable[[Orders], Orders], what: str) -> None:
        """Order something. Raises AuditAwayError or StoreAway; what is not in the trail does not hold."""
        by = visit.account.name
        await self._parts.trail.enter("", "", "operations", f"{what} {by}")
        await self._parts.orders.change(change, by=by, at=self._parts.now())


def _facts(now: Now) -> Mapping[str, object]:
    slow, lately = now.slow, now.lately
    return {
        "now": now,
        "wrongs": wrongs(now),
        "half": lately.quickest(0.5),
        "most": lately.quickest(0.99),
        "lately": LATELY,
        "minutes": bars(
            "最近六十分钟每分钟的来电",
            [Series("calls", "来电", [tally.of("calls") for tally in now.minutes])],
            [Label(place, _time(tally.began)) for place, tally in enumerate(now.minutes) if place % 10 == 0],
            SMALL,
        )
        if now.minutes
        else None,
        "outcomes": [(OUTCOME_NAMES[one], slow.outcomes[one] if slow is not None else None) for one in OUTCOMES],
        "breaker": BREAKER_NAMES[now.breaker],
        "waits": [
            (queue, None if queue.since is None else (now.at - queue.since) // MINUTE_MS) for queue in now.queues
        ],
        "ordered_at": _time(now.orders.at) if now.orders.number else "",
    }


def _drawn(buckets: Sequence[Bucket], span: Span) -> Mapping[str, object]:
    labels = [
        Label(place, china_time(bucket.at).strftime(span.form))
        for place, bucket in enumerate(buckets)
        if place % span.label_every == 0
    ]
    outcomes = [Series(one, OUTCOME_NAMES[one], [bucket.outcomes[one] for bucket in buckets]) for one in OUTCOMES]
    took = [
        Series("half", "一半的应答快于", [bucket.percentile(0.5) for bucket in buckets]),
        Series("most", "百分之九十九的应答快于", [bucket.percentile(0.99) for bucket in buckets]),
    ]
    return {
        "span": span,
        "calls": bars(f"{span.name}的来电，按结果", outcomes, labels),
        "took": lines(f"{span.name}应答的毫秒数", took, labels),
        "outcomes": outcomes,
        "times": took,
        "rows": [(china_time(bucket.at).strftime("%m-%d %H:%M"), bucket) for bucket in buckets if bucket.calls],
        "names": OUTCOME_NAMES,
    }


def _time(at: int) -> str:
    return china_time(at).strftime("%H:%M")
