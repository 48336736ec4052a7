"""What is to be done besides the queue: callbacks, spoken messages, and callers who were not satisfied."""

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple, get_args

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ivr.agents.accounts import Account, GroupName
from ivr.agents.callback_list import ATTEMPTS, Callback, CallbackList, Outcome
from ivr.agents.note_list import NoteList, Unhappy
from ivr.agents.queue import Waiter, place_of_callback
from ivr.agents.taking import NotTaken, Taking
from ivr.audit.trail import AuditTrail
from ivr.bookings import Booking, Bookings
from ivr.seals import Seals
from ivr.walk import china_time
from ivr.web import words
from ivr.web.cases import Case, Cases
from ivr.web.console import BUSY, NOT_TAKEN
from ivr.web.guard import Guard, Visit
from ivr.web.messages import SpokenMessages
from ivr.web.writing import Pages

CALLBACK: Final = "callback"
"""Field of the audit entry of who was shown the number of a callback."""

OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

DONE: Final = "这件事已经有人办了。"

log = logging.getLogger(__name__)


class ToCall(NamedTuple):
    """A callback as it is listed; the number is shown to who asks for it, with an audit entry."""

    id: int
    booking: Booking
    due: str
    is_due: bool
    attempts: int


class ToDo:
    """The list of an agent, and what is done about it."""

    def __init__(
        self,
        guard: Guard,
        pages: Pages,
        *,
        bookings: Bookings,
        cases: Cases,
        taking: Taking,
        messages: SpokenMessages,
        trail: AuditTrail,
        seals: Seals,
        groups: Callable[[Account], tuple[GroupName, ...]],
        now: Callable[[], int],
    ) -> None:
        self._guard = guard
        self._pages = pages
        self._bookings = bookings
        self._cases = cases
        self._taking = taking
        self._messages = messages
        self._trail = trail
        self._seals = seals
        self._groups = groups
        self._now = now

    def routes(self) -> Sequence[Route]:
        """Give the routes of the list."""
        return (
            self._guard.page("/console/to-do", self._show),
            self._guard.act("/console/callbacks/take", self._take),
            self._guard.act("/console/callbacks/show", self._show_number),
            self._guard.act("/console/callbacks/note", self._note),
            self._guard.act("/console/messages/done", self._heard),
            *self._messages.routes(),
            self._guard.act("/console/surveys/looked-into", self._looked_into),
        )

    async def _show(self, visit: Visit) -> Response:
        return await self._list(visit)

    async def _take(self, visit: Visit) -> Response:
        agent, callback = str(visit.account.id), await self._asked_for(visit)
        if callback is None or callback.booking is None:
            return await self._list(visit, DONE)
        before = await self._cases.of(agent)
        if before is not None and before.phase != "missed":
            return await self._list(visit, BUSY)
        groups = [one for one in self._groups(visit.account) if one.hotline == callback.booking.hotline]
        try:
            taken = await self._taking.take_callback(visit.account, groups, callback.id)
        except NotTaken as error:
            log.warning("Agent %s could not call back: %s", agent, error)
            return await self._list(visit, NOT_TAKEN[error.why])
        if taken is None or taken.booking is None:
            return await self._list(visit, DONE)
        now = self._now()
        waiter = _waiter(taken.booking, groups[0], place_of_callback(taken.booking.call, taken.name))
        case = Case(waiter, now, now, "calling_back", callback=callback.id)
        await self._cases.begin(agent, case)
        return await self._list(visit)

    async def _show_number(self, visit: Visit) -> Response:
        callback = await self._asked_for(visit)
        if callback is None or callback.booking is None:
            return await self._list(visit, DONE)
        await self._trail.enter(callback.booking.call, "", CALLBACK, f"agent {visit.account.id}")
        number = self._to_call(callback)
        if "hx-request" in visit.request.headers:
            # Beside the list, which comes anew while somebody dials.
            facts = {"number": number, "token": visit.form_token, "outcomes": words.REACHED}
            return self._pages.fragment("number.html", **facts)
        return await self._list(visit, number=number)

    async def _note(self, visit: Visit) -> Response:
        outcome = next((one for one in OUTCOMES if one == visit.form.get("outcome")), None)
        callback = await self._asked_for(visit)
        if outcome is None or callback is None:
            return await self._list(visit, DONE)
        now = self._now()
        noted = await self._guard.database.ask(
            lambda engine: CallbackList(engine, self._seals).note(callback.id, outcome, now)
        )
        if noted is None:
            return await self._list(visit, DONE)
        await self._taking.tried(callback)
        if noted.outcome:
            await self._bookings.closed(noted.name)
        return await self._list(visit)

    async def _heard(self, visit: Visit) -> Response:
        done = await self._messages.done(visit.account, visit.form.get("message", ""))
        return await self._list(visit, "" if done else DONE)

    async def _looked_into(self, visit: Visit) -> Response:
        call, hotlines = visit.form.get("call", ""), hotlines_of(visit.account, self._groups)
        name, now = visit.account.name, self._now()
        heard = await self._guard.database.ask(
            lambda engine: NoteList(engine, self._seals).looked_into(call, hotlines, name, now)
        )
        return await self._list(visit, "" if heard else DONE)

    async def _list(self, visit: Visit, told: str = "", *, number: ToCall | None = None) -> Response:
        hotlines = hotlines_of(visit.account, self._groups)
        facts: dict[str, Any] = {
            "token": visit.form_token,
            "sentence": told,
            "number": number,
            "offered": self._taking.offered,
            "callbacks": [self._to_call(one) for one in await self._callbacks(hotlines)],
            "messages": await self._messages.open(visit.account),
            "unhappy": await self._unhappy(hotlines),
            "attempts": ATTEMPTS,
            "china_time": china_time,
            "outcomes": words.REACHED,
        }
        if "hx-request" in visit.request.headers:
            template = "to_do_parts.html" if visit.request.method == "POST" else "to_do.html"
            return self._pages.fragment(template, **facts)
        if not told and not number and visit.request.method == "POST":
            return RedirectResponse("/console/to-do", 303)
        return self._pages.page(visit.request, "to_do_page.html", visit=visit, status=409 if told else 200, **facts)

    async def _callbacks(self, hotlines: Collection[str] | None) -> list[Callback]:
        found = await self._guard.database.ask(lambda engine: CallbackList(engine, self._seals).open())
        known = [(one, one.booking.hotline) for one in found if one.booking is not None]
        return [one for one, hotline in known if hotlines is None or hotline in hotlines]

    async def _unhappy(self, hotlines: Collection[str] | None) -> list[Unhappy]:
        return await self._guard.database.ask(lambda engine: NoteList(engine, self._seals).unhappy(hotlines))

    async def _asked_for(self, visit: Visit) -> Callback | None:
        """Give the open callback that a form names, where it is of a hotline of this agent's."""
        asked = visit.form.get("callback", "")
        if not (asked.isascii() and asked.isdigit() and len(asked) < 10):
            raise HTTPException(400)
        found = await self._callbacks(hotlines_of(visit.account, self._groups))
        return next((one for one in found if one.id == int(asked)), None)

    def _to_call(self, callback: Callback) -> ToCall:
        due = callback.due_at <= self._now()
        told = "现在" if due else f"{china_time(callback.due_at):%m月%d日%H:%M}"
        if callback.booking is None:
            raise ValueError("A callback that cannot be read is not listed.")
        return ToCall(callback.id, callback.booking, told, due, callback.attempts)


def hotlines_of(account: Account, groups: Callable[[Account], tuple[GroupName, ...]]) -> frozenset[str] | None:
    """Give the hotlines whose callers an agent may hear of; None for a supervisor of all.

    That one hears also of those who called a hotline that is gone from the flows, or has another id now.
    """
    if account.role == "supervisor" and not account.groups:
        return None
    return frozenset(group.hotline for group in groups(account))


def _waiter(booking: Booking, group: GroupName, place: str) -> Waiter:
    return Waiter(
        call=place,
        hotline=group.hotline,
        group=group.group,
        joined_at=booking.at,
        lang=booking.lang,
        slow=booking.slow,
        verified=booking.verified,
        age_band=booking.age_band,
        path=booking.path,
        asked=booking.asked,
        answered=booking.answered,
        repeats=booking.repeats,
        silences=booking.silences,
        keyed_tail=booking.keyed_tail,
        caller_tail=booking.number[-4:],
        kind="callback",
    )
