"""The agents' console: who waits, who is taken, the caller's card, and the note after it."""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ivr.agents.accounts import Account, GroupName, group_name
from ivr.agents.note_list import Note, NoteList
from ivr.agents.queue import AgentQueue, Waiter, call_of
from ivr.agents.taking import NotTaken, Taking, Why
from ivr.duty.calendar import on_duty
from ivr.library import Library
from ivr.seals import Seals
from ivr.walk import china_time
from ivr.web import words
from ivr.web.cases import Case, Cases
from ivr.web.guard import Guard, Visit
from ivr.web.looks import By, Looks
from ivr.web.presence import STATES, Presence
from ivr.web.streams import SIGNED_IN_MS, Event, stream
from ivr.web.watch import Seen, Watch
from ivr.web.writing import Pages

LONGEST_NOTE: Final = 2000

NOBODY: Final = "现在没有人在等。"
TAKEN: Final = "这位来电人刚被别人接走，或者已经挂机。"
BUSY: Final = "请先写完手上这个来电的记录。"
NOT_YOURS: Final = "这个组不归您接听。"
NOT_TAKEN: Final[Mapping[Why, str]] = {
    "phone": "您的电话号码不在这个组的名单里，请班长核实。",
    "audit": "审计记录写不进去，所以不能接听。请通知运维人员。",
    "limit": "今天外呼的次数已经用完。",
    "carrier": "运营商没有接受外呼，来电人回到队列前面。请稍候再试。",
    "early": "这个回电还没到时间，或者已经办完。",
    "elsewhere": "这个回电正由别人拨打。",
    "off_duty": "现在不在这个组的服务时间里，不能回电。",
    "unreadable": "这个回电的号码已经读不出来了。",
    "database": "数据库没有应答。请稍候再试。",
    "not_offered": "外呼没有开通，不能在这里接听。",
}
"""Why nobody was taken, by the word that taking gives."""

log = logging.getLogger(__name__)


class Console:
    """The page of an agent, and what is done on it. A card is shown only where its audit entry is written."""

    def __init__(
        self,
        guard: Guard,
        pages: Pages,
        *,
        queue: AgentQueue,
        presence: Presence,
        cases: Cases,
        watch: Watch,
        taking: Taking,
        looks: Looks,
        seals: Seals,
        library: Callable[[], Library],
        now: Callable[[], int],
        leaving: Callable[[], bool],
    ) -> None:
        self._guard = guard
        self._pages = pages
        self._queue = queue
        self._presence = presence
        self._cases = cases
        self._watch = watch
        self._taking = taking
        self._looks = looks
        self._seals = seals
        self._library = library
        self._now = now
        self._leaving = leaving

    def routes(self) -> Sequence[Route]:
        """Give the routes of the console."""
        return (
            self._guard.page("/console", self._show),
            self._guard.page("/console/live", self._live),
            self._guard.page("/console/case", self._case),
            self._guard.act("/console/presence", self._set_presence),
            self._guard.act("/console/take", self._take),
            self._guard.act("/console/let-go", self._let_go),
            self._guard.act("/console/hand-over", self._hand_over),
            self._guard.act("/console/note", self._note),
        )

    # --- what is looked at ---

    async def _show(self, visit: Visit) -> Response:
        return self._pages.page(visit.request, "console.html", visit=visit, **await self._facts(visit, "page"))

    async def _case(self, visit: Visit) -> Response:
        """Give the case anew where it is another one than the page shows."""
        case = await self._cases.of(str(visit.account.id))
        if _name_of(case) == visit.request.query_params.get("shown", ""):
            return Response(status_code=204)
        if case is not None:
            await self._looks.look(case.waiter.call, str(visit.account.id), by="stream")
        return self._pages.fragment("case.html", **self._case_facts(visit, case))

    async def _live(self, visit: Visit) -> Response:
        """Stream what changes. The card is never in it: the page asks for that, which leaves an audit entry."""
        return stream(self._events(visit), self._now, leaving=self._leaving)

    async def _events(self, visit: Visit) -> AsyncIterator[Event]:
        agent, told = str(visit.account.id), dict[str, object]()
        known_until = 0
        async for seen in self._watch.listen(visit.account, lambda: self.groups(visit.account)):
            if self._now() >= known_until:
                known_until = self._now() + SIGNED_IN_MS
                if not seen.away and not await self._guard.stays(visit):
                    yield Event("out", self._pages.part("out.html"))
                    return
            case = seen.cases.get(agent)
            minute = self._now() // 60_000
            for name, depends_on in (
                ("presence", (seen.present, case is None)),
                ("queue", (seen.waiting, seen.speaking, seen.away, minute, case is None)),
                ("status", [len(found) for found in seen.waiting.values()]),
                ("phase", (_name_of(case), case and case.phase, case and case.to, minute)),
                ("case", _name_of(case)),
            ):
                if name not in told or told[name] != depends_on:
                    told[name] = depends_on
                    facts = self._facts_of(visit, seen)
                    yield Event(name, "" if name == "case" else self._pages.part(f"{name}.html", **facts))

    async def _facts(self, visit: Visit, by: By | None = None) -> dict[str, Any]:
        """Look now; `by` tells what shows the card, where one is shown."""
        seen = await self._watch.look(self.groups(visit.account), [visit.account])
        if by is not None and (case := seen.cases[str(visit.account.id)]) is not None:
            await self._looks.look(case.waiter.call, str(visit.account.id), by)
        return self._facts_of(visit, seen)

    def _facts_of(self, visit: Visit, seen: Seen) -> dict[str, Any]:
        agent = str(visit.account.id)
        mine = seen.present.get(agent)
        ours = set(map(str, self.groups(visit.account, queues=False)))
        colleagues = [one for one in seen.present.values() if one.here and (not one.groups or ours & set(one.groups))]
        return {
            "told": "",
            "now": self._now(),
            "state": mine.state if mine else "break",
            "present": sorted(colleagues, key=lambda one: one.name),
            "waiting": {group: _who_wait(found) for group, found in seen.waiting.items()},
            "speaking": {group: len(found) for group, found in seen.speaking.items()},
            "away": seen.away,
            "offered": self._taking.offered,
            **self._case_facts(visit, seen.cases.get(agent)),
        }

    def _case_facts(self, visit: Visit, case: Case | None) -> dict[str, Any]:
        return {
            "token": visit.form_token,
            "case": case,
            "case_name": _name_of(case),
            "now": self._now(),
            "others": self._others(case),
            "titles": self._titles(self.groups(visit.account)),
        }

    # --- what is done ---

    async def _set_presence(self, visit: Visit) -> Response:
        state = next((one for one in STATES if one == visit.form.get("state")), None)
        if state is not None:
            await self._presence.set(visit.account, state)
        return await self._answer(visit)

    async def _take(self, visit: Visit) -> Response:
        group, agent = self._group(visit), str(visit.account.id)
        if group is None:
            return await self._answer(visit, NOT_YOURS)
        before = await self._cases.of(agent)
        if before is not None and before.phase != "missed":
            return await self._answer(visit, BUSY)
        call = visit.form.get("call") or None
        try:
            waiter = await self._taking.take_next(visit.account, *group, call=call)
        except NotTaken as error:
            log.warning("Agent %s could not take a caller: %s", agent, error)
            return await self._answer(visit, NOT_TAKEN[error.why])
        if waiter is None:
            return await self._answer(visit, TAKEN if call else NOBODY)
        now = self._now()
        await self._cases.begin(agent, Case(waiter, now, now, "ringing"))
        await self._presence.set(visit.account, "ready")
        return await self._answer(visit, case_changed=True)

    async def _let_go(self, visit: Visit) -> Response:
        agent = str(visit.account.id)
        case = await self._cases.of(agent)
        if case is not None and case.phase in ("ringing", "missed"):
            waiter = case.waiter
            await self._taking.let_go(visit.account, waiter.hotline, waiter.group, waiter.call)
            await self._cases.close(agent)
        return await self._answer(visit, case_changed=True)

    async def _hand_over(self, visit: Visit) -> Response:
        agent = str(visit.account.id)
        case = await self._cases.of(agent)
        to = next((one for one in self._others(case) if one == visit.form.get("to")), None)
        if case is None or to is None:
            return await self._answer(visit, "这个组不能转去。")
        waiter = case.waiter
        if not await self._queue.hand_over(waiter.hotline, waiter.group, waiter.call, to):
            return await self._answer(visit, "通话还没有接通，或者已经结束，不能转组。")
        await self._cases.change(agent, replace(case, to=to))
        return await self._answer(visit)

    async def _note(self, visit: Visit) -> Response:
        agent = str(visit.account.id)
        case = await self._cases.of(agent)
        outcome = visit.form.get("outcome", "")
        text = visit.form.get("text", "").strip()
        if case is None or visit.form.get("case") != _name_of(case):
            return await self._answer(visit, "这个来电的记录已经写过了。")
        if outcome not in words.NOTED or len(text) > LONGEST_NOTE:
            return await self._answer(visit, f"请选择结果，并且备注不超过{LONGEST_NOTE}个字。")
        if case.phase in ("ringing", "speaking"):
            return await self._answer(visit, "通话还没有结束，挂机后再写记录。")
        waiter = case.waiter
        note = Note(
            call=call_of(waiter.call),
            hotline=waiter.hotline,
            group=waiter.group,
            agent=visit.account.name,
            kind=waiter.kind,
            path=waiter.path,
            outcome=outcome,
            at=self._now(),
            text=text,
        )
        await self._guard.database.ask(lambda engine: NoteList(engine, self._seals).write(note))
        await self._cases.close(agent)
        await self._presence.set(visit.account, "ready")
        return await self._answer(visit, case_changed=True)

    async def _answer(self, visit: Visit, told: str = "", *, case_changed: bool = False) -> Response:
        """Show how things are now; for a page with scripts the parts of it alone.

        The case is written anew only where it is another one: somebody may be typing a note.
        """
        if "hx-request" in visit.request.headers:
            facts = await self._facts(visit, "taking" if case_changed else None)
            return self._pages.fragment("console_parts.html", **facts | {"told": told, "case_changed": case_changed})
        if not told:
            return RedirectResponse("/console", 303)
        facts = await self._facts(visit, "page")
        return self._pages.page(
            visit.request, "console.html", visit=visit, status=409, **facts | {"told": told, "here": "/console"}
        )

    # --- groups ---

    def groups(self, account: Account, *, queues: bool = True) -> tuple[GroupName, ...]:
        """Give the groups that an account answers for, as far as there are such; those alone that have a queue."""
        return tuple(
            GroupName(name, group)
            for name, hotline in self._library().hotlines.hotlines.items()
            for group, data in hotline.agents.items()
            if account.serves(name, group) and (data.queue or not queues)
        )

    def _group(self, visit: Visit) -> GroupName | None:
        asked = group_name(visit.form.get("group", ""))
        return asked if asked in self.groups(visit.account) else None

    def _others(self, case: Case | None) -> list[str]:
        """Give the groups to which a caller can be handed over: those who answer at this hour."""
        library, now = self._library(), china_time(self._now())
        if case is None or (there := library.hotlines.hotlines.get(case.waiter.hotline)) is None:
            return []
        others = {name: group for name, group in there.agents.items() if group.queue and name != case.waiter.group}
        return [name for name, group in others.items() if on_duty(group.duty, library.working_days, now)]

    def _titles(self, groups: Collection[GroupName]) -> dict[GroupName, str]:
        """Name groups by what their hotline is called, and by its id as well where others are called the same."""
        hotlines = self._library().hotlines.hotlines
        named = {group: f"{hotlines[group.hotline].name.get('zh', group.hotline)} · {group.group}" for group in groups}
        often = Counter(named.values())
        return {group: f"{name}（{group.hotline}）" if often[name] > 1 else name for group, name in named.items()}


def _name_of(case: Case | None) -> str:
    return "" if case is None else f"{case.waiter.call}-{case.taken_at}"


def _who_wait(found: Sequence[Waiter]) -> list[Waiter]:
    return [one for one in found if one.state in ("waiting", "aside", "ringing")]
