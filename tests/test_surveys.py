"""The survey after a talk: one answer a call, kept until the database has it, counted by hotline, the unhappy named."""

import asyncio
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from ivr.__main__ import run
from ivr.agents.handing_over import HandingOver
from ivr.agents.note_list import NoteList
from ivr.database.opening import opened
from ivr.database.upgrading import upgrade
from ivr.redis_line import connect
from ivr.seals import Seals
from ivr.serve import sqlite_url
from ivr.surveys import WAITING, Survey, Surveys

NOON = round(datetime.fromisoformat("2026-11-20T12:00+08:00").timestamp() * 1000)
HAPPY = Survey("CA" + "1" * 32, "demo", "zh", "balance", "very_satisfied", NOON)
UNHAPPY = Survey("CA" + "2" * 32, "demo", "yue", "years", "dissatisfied", NOON, ("balance", "years"))


async def test_of_one_call_the_first_answer_counts(redis: Redis) -> None:
    surveys = Surveys(redis, deadline=5)
    for score in ("fair", "very_satisfied"):
        await surveys.note(replace(HAPPY, score=score))
    assert [one.score for one in (await surveys.waiting()).values()] == ["fair"]
    assert await redis.pttl(WAITING) > 0


async def test_what_cannot_be_read_is_dropped(redis: Redis) -> None:
    surveys = Surveys(redis, deadline=5)
    await surveys.note(HAPPY)
    await redis.hset(WAITING, "CA" + "3" * 32, b"\x00")
    assert await surveys.waiting() == {HAPPY.call: HAPPY}
    assert await redis.hlen(WAITING) == 1


def test_answers_reach_the_database_and_are_shown(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database = sqlite_url(tmp_path / "calls.sqlite3")

    async def asked() -> None:
        await upgrade(database)
        async with connect(valkey_url) as redis:
            await redis.flushall()
            for survey in (HAPPY, replace(HAPPY, call="CA" + "4" * 32), UNHAPPY):
                await Surveys(redis, deadline=5).note(survey)
        for _ in range(2):
            await HandingOver(connect(valkey_url), database, Seals([bytes(32)])).stop()

        async with opened(database) as engine:
            (one,) = await NoteList(engine, Seals([bytes(32)])).unhappy(["demo"])
        assert (one.call, one.path, one.notes) == (UNHAPPY.call, UNHAPPY.path, ())

    asyncio.run(asked())
    monkeypatch.setenv("IVR_DATABASE_URL", database)
    monkeypatch.setenv("IVR_SECRET_KEY", "bm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm5ubm4=")
    assert run(["surveys", "--from", "2026-11-20", "--to", "2026-11-20"]) == 0
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines() if "demo  " in line] == [["demo", "2", "0", "0", "1"]]
    assert printed.endswith(f"Not satisfied: {UNHAPPY.call}, 2026-11-20 12:00, demo after choosing years.\n")
    assert run(["surveys", "--from", "2026-11-21", "--to", "2026-11-21"]) == 0
    assert capsys.readouterr().out == "Nobody answered the survey from 2026-11-21 to 2026-11-21.\n"
    assert run(["surveys", "--from", "2026-11-21", "--to", "2026-11-20"]) == 2
