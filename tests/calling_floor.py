"""A hotline with a calling floor: agents with accounts and phones, a carrier that rings them, callers in the queue."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any

from desk import GENERAL, PHONE, give_accounts
from hotline_under_test import AT_HOME, AUTH_TOKEN, UnderTest, serving
from redis.asyncio import Redis
from served import served_here
from starlette.applications import Starlette
from tampering import PATIENT, SEALS, emptied

from ivr.agents.accounts import Accounts
from ivr.agents.callback_list import CallbackList
from ivr.agents.handing_over import HandingOver
from ivr.agents.message_list import MessageList
from ivr.agents.note_list import Note, NoteList
from ivr.agents.queue import AgentQueue, Waiter
from ivr.agents.survey_list import SurveyList
from ivr.bookings import Booking, Bookings
from ivr.carrier.carrier import Carrier
from ivr.carrier.line import Call
from ivr.carrier.phones import Phones, RingEnds
from ivr.carrier.placed import PlacedCall
from ivr.carrier.recordings import recording_routes
from ivr.carrier.rest import CallsApi
from ivr.clock import wall_clock
from ivr.database.opening import opened
from ivr.database.tables import CALLBACKS, MESSAGES, NOTES, SURVEYS
from ivr.library import default_dirs
from ivr.messages import Message
from ivr.redis_line import connect
from ivr.serve import sqlite_url
from ivr.settings import DEMO_ACCOUNT_SID
from ivr.surveys import Survey

OURS = "+12025550100"


class Ringing:
    """A phone that rings until a test lets it be answered, or the carrier gives up; then the agent takes the caller."""

    def __init__(self) -> None:
        self.legs: list[PlacedCall] = []
        self.changed = asyncio.Event()
        self.answered = asyncio.Event()

    async def rings(self, leg: PlacedCall, /) -> RingEnds:
        self.legs.append(leg)
        self.changed.set()
        await self.answered.wait()
        return "answered"

    async def rung(self) -> PlacedCall:
        """Wait until it rings, and give the call."""
        await self.changed.wait()
        return self.legs[-1]

    async def talks(self, leg: PlacedCall, /) -> None:
        """Press the key that takes the caller, and hang up after the talk."""
        await leg.press("1")
        await leg.hang_up()


@dataclass
class Floor:
    """What a test of agents and callers needs."""

    hotline: UnderTest
    phones: Phones
    queue: AgentQueue
    redis: Redis
    database_url: str
    phone: Ringing
    audit: Path
    recordings: dict[str, float] = field(default_factory=dict)
    began: int = 0

    @property
    def urls(self) -> list[str]:
        return self.hotline.urls

    async def calls(self, *, ago_s: int = 60, **card: Any) -> Waiter:
        """Let a caller wait, who is as the card says, since so many seconds ago."""
        call, joined_at = f"CA{token_hex(16)}", wall_clock() - ago_s * 1000
        waiter = Waiter(call=call, hotline=GENERAL.hotline, group=GENERAL.group, joined_at=joined_at, **card)
        await self.queue.join(waiter)
        return waiter

    async def dials(self, *keys: str, calling: str = "+8613800138000", to: str = "12335") -> Call:
        """Call for real, ask for a human, and wait."""
        call = await self.phones.carrier.dial(to=to, from_=calling)
        for pressed in keys:
            await call.press(pressed)
        await call.press("0")
        return call

    async def handed_over(self) -> None:
        """Let the database take what waits in Redis for it, as the parent of the workers does."""
        handing = HandingOver(connect(self.hotline.redis_url), self.database_url, SEALS)
        await handing.stop()

    async def books(self, number: str, **facts: Any) -> Booking:
        """Book a callback that the database has already."""
        known: dict[str, Any] = {
            "hotline": "queue",
            "lang": "zh",
            "verified": False,
            "slow": False,
            "at": wall_clock() - 1000,
        }
        booking = Booking(call=f"CA{token_hex(16)}", number=number, **known | facts)
        async with opened(self.database_url) as engine:
            await CallbackList(engine, SEALS).take_over({Bookings(self.redis, SEALS).names(number)[0]: booking})
        return booking

    async def leaves_a_message(self, seconds: int = 3, *, hotline: str = GENERAL.hotline) -> Message:
        """Let a message be there that the database has already, and its recording at the carrier."""
        recording = f"RE{token_hex(16)}"
        self.recordings[recording] = seconds
        call, number = f"CA{token_hex(16)}", "+8613800138000"
        message = Message(recording, seconds, call, hotline, number, "yue", "years", verified=True, at=wall_clock())
        async with opened(self.database_url) as engine:
            await MessageList(engine, SEALS).take_over({recording: message})
        return message

    async def first_callback(self) -> int:
        """Give the number in the list of the callback that was booked first."""
        async with opened(self.database_url) as engine:
            return (await CallbackList(engine, SEALS).open())[0].id

    async def unhappy(self, call: str, *, path: tuple[str, ...], text: str) -> None:
        """Let a caller with whom lin spoke be unhappy."""
        survey = Survey(call, GENERAL.hotline, "zh", path[-1], "dissatisfied", wall_clock(), path)
        note = Note(call, *GENERAL, "lin", "call", path, "unsolved", wall_clock(), text)
        async with opened(self.database_url) as engine:
            await SurveyList(engine).take_over({call: survey})
            await NoteList(engine, SEALS).write(note)

    async def notes(self, call: str) -> list[Note]:
        """Give what was noted of a call."""
        async with opened(self.database_url) as engine:
            return await NoteList(engine, SEALS).of([call])

    async def id_of(self, name: str) -> str:
        """Give the id by which the queue knows an agent."""
        async with opened(self.database_url) as engine:
            account = await Accounts(engine).named(name)
        assert account is not None
        return str(account.id)

    async def agent_of(self, waiter: Waiter) -> str:
        """Give the id of the agent who has taken a caller."""
        while True:
            card = await self.queue.card(waiter.hotline, waiter.group, waiter.call)
            assert card is not None
            if card.agent:
                return card.agent
            await asyncio.sleep(0.02)

    def audited(self, field: str) -> list[str]:
        """Give the calls of this test about which there are audit entries of a field, in their order."""
        lines = [json.loads(line) for path in self.audit.glob("*.jsonl") for line in path.read_text().splitlines()]
        found = [line for line in lines if line.get("field") == field and line["at"] >= self.began]
        return [line["call"] for line in sorted(found, key=lambda line: line["at"])]

    async def emptied(self) -> None:
        """Let nobody wait, nobody be signed in, and no phone ring."""
        await emptied(self.redis)
        await self.phones.aclose()
        self.phone.legs.clear()
        self.phone.changed.clear()
        self.phone.answered.clear()
        async with opened(self.database_url) as engine, engine.begin() as connection:
            for table in (CALLBACKS, MESSAGES, NOTES, SURVEYS):
                await connection.execute(table.delete())
        self.began = wall_clock()


def two_groups(flows: Path) -> Path:
    """Write the flows to a folder, with a second group at the hotline that has a queue: who can be handed over to."""
    shutil.copytree(default_dirs()[0], flows)
    hotlines = flows / "hotlines.yaml"
    text = hotlines.read_text("utf-8")
    group = (
        '      english:\n        queue: true\n        numbers: ["+12025550136"]\n'
        "        hours: {zh: 工作日上午九点到十二点, yue: 工作日上晝九點到十二點, en: nine to twelve on working days}\n"
    )
    hotlines.write_text(text.replace("  no_agents:\n", f"{group}  no_agents:\n", 1), "utf-8")
    return flows


@asynccontextmanager
async def calling_floor(valkey_url: str, folder: Path, *agents: str, workers: int = 2) -> AsyncIterator[Floor]:
    """Serve a hotline whose agents are these."""
    database_url = sqlite_url(folder / "calls.sqlite3")
    await give_accounts(database_url, *agents)
    await give_accounts(database_url, "chen", role="supervisor")
    nobody_yet = Carrier(AT_HOME, account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN)
    numbers = frozenset({OURS})
    api = CallsApi(Phones(nobody_yet), account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN, numbers=numbers)
    settings: dict[str, Any] = {
        "database_url": database_url,
        "public_url": AT_HOME,
        "outbound_number": OURS,
        "flows_dir": two_groups(folder / "flows"),
    }
    recordings: dict[str, float] = {}
    kept = recording_routes(recordings, account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN)
    app = Starlette(routes=[*api.app.routes, *kept])
    async with nobody_yet, served_here(app) as api_url, connect(valkey_url) as redis:
        with serving(valkey_url, folder, workers=workers, twilio_api_url=api_url, **settings) as hotline:
            async with hotline.carrier() as carrier:
                carrier.recordings = recordings
                api.switch = phones = Phones(carrier)
                phones.plug_in(PHONE, phone := Ringing())
                queue = AgentQueue(redis, SEALS, wall_clock, deadline=PATIENT)
                yield Floor(hotline, phones, queue, redis, database_url, phone, folder / "audit", recordings)
                await phones.aclose()
