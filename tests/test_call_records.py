"""Records of calls: exact whatever happens to webhooks, workers, Redis and the database; nothing personal in them."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio
from hotline_under_test import UnderTest, serving
from msgspec.structs import replace
from redis.asyncio import Redis
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine
from tampering import BALANCE, NUMBER, PASSWORD, SEALS, Caller, calling, emptied

from ivr.agents.note_list import Note, NoteList
from ivr.agents.survey_list import SurveyList
from ivr.call import Ask, Edge, End, Keyed, Session, Turn
from ivr.call_records import sweep as sweeping
from ivr.call_records.archive import Archive, Archived
from ivr.call_records.keeping import RecordKeeping
from ivr.call_records.path import LONGEST, Passage, gone_on
from ivr.call_records.record import CallRecord, Trace, record_of
from ivr.call_records.recorder import Left, Recorder
from ivr.call_records.stream import MOST_WAITING, RecordStream
from ivr.call_records.sweep import Sweep
from ivr.call_records.ways import Place, Ways
from ivr.carrier.line import Call
from ivr.clock import wall_clock
from ivr.database.opening import open_engine
from ivr.database.tables import CALL_RECORDS
from ivr.database.upgrading import upgrade
from ivr.embedded import EmbeddedValkey
from ivr.library import default_dirs, load
from ivr.pages import Call as NamedCall
from ivr.redis_line import StoreAway, connect
from ivr.serve import sqlite_url
from ivr.store import CallStore, Kept
from ivr.surveys import Score, Survey
from ivr.versions.live import LiveVersions

DAYS = 92
NOW = wall_clock()
DAY_MS = 24 * 3600_000


@pytest.fixture(scope="module", autouse=True)
def promptly() -> Iterator[None]:
    """Let workers send records on at once, and sweeps look only when they are told to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ivr.call_records.recorder.EVERY_S", 0.02)
        patch.setattr("ivr.call_records.sweep.FRESH_MS", -1)  # also what was left in this very millisecond
        patch.setattr("ivr.app.Sweep.watch", _nothing)
        yield


async def _nothing(_: Sweep) -> None:
    return None


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data"), workers=2, outbound_number="") as under_test:
        yield under_test


class Office:
    """The records of one hotline: the stream, the database, and what brings them from one into the other."""

    def __init__(self, redis: Redis, redis_url: str, url: str, engine: AsyncEngine) -> None:
        self.redis = redis
        self.redis_url = redis_url
        self.url = url
        self.engine = engine
        self.keepers: list[RecordKeeping] = []
        self.archive = Archive(engine)
        self.stream = RecordStream(redis, SEALS, deadline=5)
        self.store = CallStore(redis, SEALS, deadline=5)
        self.keeping = self.keeper()
        versions = LiveVersions(load(*default_dirs()))
        self.recorder = Recorder(redis, SEALS, versions, lambda: NOW, deadline=5)
        self.sweep = Sweep(redis, self.store, self.recorder, kept_ms=45 * 60_000)

    def keeper(self, *, redis_url: str = "", url: str = "", now: int | None = None) -> RecordKeeping:
        """Give one that writes into the database, or somewhere else."""
        clock = None if now is None else lambda: now
        client = connect(redis_url or self.redis_url, patience=5)
        keeper = RecordKeeping(client, url or self.url, SEALS, days=DAYS, now=clock)
        self.keepers.append(keeper)
        return keeper

    async def written(self, call: str, holds: Callable[[CallRecord], bool] = lambda _: True) -> CallRecord:
        """Wait until the database has the record of a call, and until it says what is expected."""
        async with asyncio.timeout(10):
            while True:
                await self.keeping.round(10)
                found = await self.archive.one(call)
                if found is not None and holds(found.record):
                    return found.record
                await asyncio.sleep(0.02)

    async def calls(self) -> list[str]:
        async with self.engine.connect() as connection:
            return sorted(await connection.scalars(select(CALL_RECORDS.c.call)))


@pytest_asyncio.fixture
async def office(redis: Redis, valkey_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    await emptied(redis)
    url = sqlite_url(tmp_path / "calls.sqlite3")
    await upgrade(url)
    engine = open_engine(url)
    office = Office(redis, valkey_url, url, engine)
    yield office
    for keeper in office.keepers:
        await keeper.stop()
    await engine.dispose()


def ended(record: CallRecord) -> bool:
    return record.ending != "unknown"


async def plays(call: Call, keys: str) -> None:
    for one in keys.split():
        await (call.silence() if one == "-" else call.press(one))


# --- what a record tells ---------------------------------------------------------------------------------------------


async def test_a_record_tells_the_way_and_times_of_a_call_and_nothing_personal(
    hotline: UnderTest, office: Office
) -> None:
    hotline.accounts.script({"verify": ["ok"], "balance": [BALANCE]})
    async with hotline.carrier() as carrier:
        call = await carrier.dial(from_="+8613912345678")
        await plays(call, f"9 8 1 {NUMBER}# {PASSWORD}")
        await call.hang_up()
    record = await office.written(call.sid, ended)
    assert (record.caller, record.hotline, record.languages) == ("5678", "demo", ("zh", "en"))
    assert (record.outcome, record.ending, record.verified, record.whole) == ("self_service", "caller", True, True)
    assert (record.age, record.slow, record.slips("silence"), record.slips("wrong")) == ("under 60", False, 0, 0)
    assert [one.turn for one in record.passages] == list(range(6))
    assert [one.slip for one in record.passages] == ["", "again", "", "", "", ""]
    menu, told = record.passages[0], record.passages[-1]
    assert (menu.here, told.here) == (Place("main", "menu"), Place("after", "menu"))
    assert [one.told for one in record.passages] == [False] * 5 + [True]
    assert ("balance", "fetch", "ok") in told.edges
    assert record.answered_after == told.at
    assert 0 < record.started <= record.started + told.at <= record.ended
    async with office.engine.connect() as connection:
        row = (await connection.execute(select(CALL_RECORDS))).one()
    packed = repr([*row[:-1], msgspec.msgpack.encode(record)])
    assert not [one for one in (NUMBER, NUMBER[-6:], PASSWORD, "20180", "13912345678", "1234567") if one in packed]


OUTCOMES = [
    ("5 1", "answered", "self_service", "caller"),
    ("5 1 0", "answered", "agent", "caller"),
    ("5 1 0", "busy", "gave_up", "caller"),
    ("1", "answered", "gave_up", "caller"),
    ("", "answered", "gave_up", "caller"),
    ("0 1", "answered", "agent", "hotline"),
]


@pytest.mark.parametrize(("keys", "agent", "outcome", "ending"), OUTCOMES)
async def test_a_record_says_what_became_of_the_call(
    keys: str, agent: str, outcome: str, ending: str, hotline: UnderTest, office: Office
) -> None:
    async with hotline.carrier(agent=agent) as carrier:
        call = await carrier.dial()
        await plays(call, keys)
        await call.hang_up()
    record = await office.written(call.sid, ended)
    assert (record.outcome, record.ending, record.whole) == (outcome, ending, True)


async def test_slips_are_told_where_they_happened(hotline: UnderTest, office: Office) -> None:
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        await plays(call, "- 1 - 123# 12# 13#")
        await call.hang_up()
    record = await office.written(call.sid, ended)
    assert [one.slip for one in record.passages] == ["", "silence", "", "silence", "wrong", "wrong", "wrong", ""]
    assert (record.slips("silence"), record.slips("wrong"), record.slow) == (2, 3, True)
    assert [one.human for one in record.passages].index(True) == 6, "the budget is spent, so a human is asked for"


async def test_who_spoke_is_known_also_where_the_caller_hung_up_while_speaking(office: Office) -> None:
    """The carrier tells it with the end of the call, before or after it has told the end."""
    trace = Trace("CA1", "5678", "demo", "", NOW - 9000, NOW, "caller")
    bridged = msgspec.structs.replace(trace, spoke=True, started=0, ended=NOW + 1)
    for parts in ((trace, bridged), (bridged, trace)):
        for part in parts:
            await office.recorder.take([Left(part, b"")])
            await office.keeping.round(5)
        record = await office.written("CA1")
        assert (record.outcome, record.started, record.ended, record.ending) == ("agent", NOW - 9000, NOW, "caller")
        await office.archive.prune(NOW)


# --- exactly once ----------------------------------------------------------------------------------------------------


def test_a_call_that_is_too_long_for_its_path_keeps_its_last_turn_and_says_so() -> None:
    library = load(*default_dirs())
    ways, again = Ways(library), Turn((), End(), (Edge("main", "", "9"),))
    session = Session("demo", library.version, NOW, stack=(("main", "menu"),), turn=-1)
    for turn in range(2 * LONGEST // 13):
        before, session = session, replace(session, turn=turn)
        session = replace(session, path=gone_on(before, session, again, Keyed("9"), ways, now=NOW + turn, took=0))
        record = record_of(Trace("CA1", started=NOW, ended=NOW + turn, ending="caller", path=session.path), ways)
        assert record.passages[-1].turn == turn
        assert record.whole == (len(record.passages) == turn + 1)
    assert LONGEST < len(session.path) < LONGEST + 20
    assert not record.whole


async def test_duplicates_and_races_leave_one_record_as_it_should_be(hotline: UnderTest, office: Office) -> None:
    async with calling(hotline) as caller:
        await caller.rings()
        await caller.keys("5")
        await caller.again(5, at_once=True)
        await caller.keys("1")
        await caller.again(2, at_once=False)
        end = caller.form(CallStatus="completed")
        await asyncio.gather(*(caller.carrier.post("/twilio/status", end) for _ in range(4)))
        first = await office.written(caller.sid, ended)
        await caller.carrier.post("/twilio/status", end)
        again = await office.written(caller.sid)
    # Of several workers that were told the end at once, the first one counts, whenever it comes to say so.
    assert msgspec.structs.replace(again, ended=first.ended) == first
    assert again.ended <= first.ended
    assert [one.turn for one in first.passages] == [0, 1, 2]
    assert first.whole
    assert await office.calls() == [caller.sid]


async def test_a_worker_that_died_before_it_sent_a_record_on_lost_nothing(hotline: UnderTest, office: Office) -> None:
    async with calling(hotline) as caller:
        await caller.rings()
        await caller.keys("5")
        kept = await office.store.load(caller.sid)
        assert isinstance(kept, Kept)
        left = office.recorder.left(_call(caller), kept.session, "caller")
        assert await office.store.end(caller.sid, left=left.sealed, of_turn=kept.turn)  # and here it died
    await office.sweep.sweep()
    record = await office.written(caller.sid)
    assert (record.ending, record.whole, len(record.passages)) == ("caller", True, 2)
    assert [key async for key in office.redis.scan_iter("*:left")] == []


async def test_an_end_does_not_overtake_a_turn_that_is_committed_meanwhile(hotline: UnderTest, office: Office) -> None:
    async with calling(hotline) as caller:
        await caller.rings()
        kept = await office.store.load(caller.sid)
        assert isinstance(kept, Kept)
        await caller.keys("5")
        left = office.recorder.left(_call(caller), kept.session, "caller")
        assert not await office.store.end(caller.sid, left=left.sealed, of_turn=kept.turn)
        assert isinstance(await office.store.load(caller.sid), Kept)


async def test_a_call_whose_end_is_never_told_has_broken_off(hotline: UnderTest, office: Office) -> None:
    async with calling(hotline) as caller, calling(hotline) as other:
        await caller.rings()
        await caller.keys("5")
        await other.rings()
    await office.redis.pexpire(f"ivr:{{{caller.sid}}}", 29 * 60_000)
    for _ in range(2):
        await office.sweep.sweep()
    assert await office.redis.get(sweeping.LIVE) == b"2"
    record = await office.written(caller.sid)
    assert (record.ending, record.whole, len(record.passages)) == ("unknown", False, 2)
    assert record.started <= record.ended <= record.started + record.passages[-1].at
    assert await office.calls() == [caller.sid], "of the other one something was heard just now"


async def test_what_redis_lost_is_missing_in_the_record_and_the_record_says_so(
    hotline: UnderTest, office: Office
) -> None:
    async with calling(hotline) as caller, calling(hotline) as gone:
        await caller.rings()
        await gone.rings()
        await caller.keys("5")
        await emptied(office.redis)
        await caller.keys("1")
        for one in (caller, gone):
            await one.carrier.post("/twilio/status", one.form(CallStatus="completed"))
        record, nothing = await office.written(caller.sid, ended), await office.written(gone.sid)
    assert [one.turn for one in record.passages] == [2]
    assert (record.whole, record.outcome, record.caller) == (False, "self_service", "0000")
    assert (nothing.whole, nothing.outcome, nothing.passages) == (False, "gave_up", ())


async def test_turns_without_redis_are_told_when_it_is_back(
    own_valkey: EmbeddedValkey, tmp_path: Path, office: Office
) -> None:
    async with connect(own_valkey.url) as redis:
        await emptied(redis)
        with serving(own_valkey.url, tmp_path / "data", patience=0.2, outbound_number="") as hotline:
            async with calling(hotline, workers=1) as caller, calling(hotline, workers=1) as other:
                await caller.rings()
                assert own_valkey.pid
                os.kill(own_valkey.pid, signal.SIGSTOP)
                await caller.keys("5")
                await other.rings()
                for one in (caller, other):
                    await one.carrier.post("/twilio/status", one.form(CallStatus="completed"))
                os.kill(own_valkey.pid, signal.SIGCONT)
                office.keeping = office.keeper(redis_url=own_valkey.url)
                record = await office.written(caller.sid, lambda one: ended(one) and len(one.passages) == 2)
                whole_in_public = await office.written(other.sid, lambda one: ended(one) and len(one.passages) == 1)
    assert [(one.turn, one.public) for one in record.passages] == [(0, False), (1, True)]
    assert record.passages[1].edges == (("main", "menu", "5"),)
    assert [one.public for one in whole_in_public.passages] == [True]


async def test_a_turn_without_redis_that_comes_while_others_are_sent_on_loses_none_of_them(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, library, call = office.recorder, load(*default_dirs()), NamedCall("CA" + "5" * 32, "12333", "")
    session = Session("demo", library.version, NOW, stack=(("main", "menu"),), turn=-1, public=True)

    def turn(number: int) -> None:
        before, after = replace(session, turn=number - 1), replace(session, turn=number)
        recorder.aside(call, before, after, Turn((), End() if number == 3 else Ask("any")), Keyed("9"), library)

    async def away(_: object) -> None:
        turn(2)
        raise StoreAway("Redis is away")

    turn(0)
    turn(1)
    turn(1)  # the carrier sends a webhook again
    with monkeypatch.context() as patch:
        patch.setattr(recorder.stream, "add", away)
        await recorder.send_on()
    turn(3)
    await recorder.send_on()
    assert [one.turn for one in (await office.written(call.sid, ended)).passages] == [0, 1, 2, 3]


def _call(caller: Caller) -> NamedCall:
    return NamedCall(caller.sid, "12333", caller.calling)


# --- through the stream into the database ----------------------------------------------------------------------------


def a_record(number: int, at: int = NOW) -> CallRecord:
    passages = (Passage(0, 5, 3, Place("main", "menu"), lang="zh"), Passage(1, 900, 2, Place("policy", "menu")))
    return CallRecord(f"CA{number:032x}", "5678", "demo", "v", at, at + 9000, "caller", passages)


async def test_while_the_database_is_away_everything_waits(office: Office, tmp_path: Path) -> None:
    away = office.keeper(url=sqlite_url(tmp_path / "no folder" / "calls.sqlite3"))
    await office.stream.add([a_record(number) for number in range(1200)])
    for _ in range(2):
        await away.round(5)
        assert await office.stream.length() == 1200
    await office.keeping.round(10)
    assert await office.stream.length() == 0
    assert len(await office.calls()) == 1200


async def test_more_than_may_wait_drops_the_oldest(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_WAITING >= 3600 * 27, "an hour of 27 calls a second, as the README says"
    monkeypatch.setattr("ivr.call_records.stream.MOST_WAITING", 300)
    await office.stream.add([a_record(number) for number in range(1000)])
    waiting = await office.stream.waiting()
    assert 300 <= await office.stream.length() < 600
    assert a_record(999) in [*waiting.values()]
    assert 0 < await office.redis.pttl("ivr:{records}:waiting") <= 7 * DAY_MS


async def test_what_is_written_twice_or_in_parts_in_any_order_is_one_record(office: Office) -> None:
    whole = a_record(1)
    first = msgspec.structs.replace(whole, passages=whole.passages[:1], ended=0, ending="unknown")
    last = msgspec.structs.replace(whole, passages=whole.passages[1:], started=0)
    for parts in ([first, last], [last, first], [last, last, first, whole], [whole, first]):
        for part in parts:
            await office.archive.take_over([part])
        assert await office.archive.one(whole.call) == Archived(whole, "")
        await office.archive.take_over(parts)
        assert await office.archive.one(whole.call) == Archived(whole, "")
        await office.archive.prune(whole.started + 1)


async def test_two_machines_that_write_at_once_write_the_same(office: Office) -> None:
    records = [a_record(number) for number in range(60)]
    engines = [open_engine(office.url) for _ in range(3)]
    await asyncio.gather(*(Archive(engine).take_over(records) for engine in engines))
    for engine in engines:
        await engine.dispose()
    assert await office.calls() == [one.call for one in records]


async def test_what_nobody_can_read_holds_up_nothing(office: Office) -> None:
    await office.redis.xadd("ivr:{records}:waiting", {"c": "CA1", "r": b"garbage"})
    await office.stream.add([a_record(1)])
    await office.keeping.round(5)
    assert await office.stream.length() == 0
    assert len(await office.calls()) == 1


async def test_notes_and_answers_go_with_the_records_but_for_what_somebody_has_to_look_into(office: Office) -> None:
    notes, surveys = NoteList(office.engine, SEALS), SurveyList(office.engine)
    old, young = NOW - (DAYS + 1) * DAY_MS, NOW - DAYS * DAY_MS
    scores: list[tuple[str, Score, int]] = [
        ("CA1", "fair", old), ("CA2", "dissatisfied", old), ("CA3", "dissatisfied", old), ("CA4", "fair", young),
    ]  # fmt: skip
    for sid, score, at in scores:
        await surveys.take_over({sid: Survey(sid, "demo", "zh", "balance", score, at)})
        await notes.write(Note(sid, "demo", "general", "lin", "call", ("balance",), "solved", at, "好"))
    assert await notes.looked_into("CA2", {"demo"}, "lin", NOW)
    await office.keeper(now=NOW).round(5)
    assert [one.call for one in await notes.of(["CA1", "CA2", "CA3", "CA4"])] == ["CA4"]
    assert await surveys.counted(0, NOW) == {("demo", "dissatisfied"): 1, ("demo", "fair"): 1}
    assert [one.call for one in await notes.unhappy({"demo"})] == ["CA3"]


async def test_records_are_read_by_time_in_order_and_deleted_in_time(office: Office) -> None:
    await office.archive.take_over([a_record(number, NOW - number % 500 * DAY_MS) for number in range(1000)])
    found = [one.record async for some in office.archive.between(NOW - 2 * DAY_MS, NOW) for one in some]
    assert [(NOW - one.started) // DAY_MS for one in found] == [2, 2, 1, 1]
    await office.keeper(now=NOW).round(5)
    assert len(await office.calls()) == 2 * (DAYS + 1)
