"""Calling off: of a phone that rings in vain the carrier is told beside the call, whatever comes of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from redis.asyncio import Redis
from tampering import PATIENT, SEALS
from test_taking import Rings

from ivr.agents import calling_off
from ivr.agents.calling_off import CallingOff
from ivr.agents.legs import Leg, Legs
from ivr.agents.switchboard import NotRung, Switchboard

LEG = Leg("0011223344556677", "CA1", "demo", "general", "7")
SID = f"CA{1:032x}"


class Office:
    """A phone that rings for a caller, as Redis has it, and what calls it off."""

    def __init__(self, redis: Redis) -> None:
        self.legs = Legs(redis, SEALS, deadline=PATIENT)
        self.board = Rings()
        self.off = CallingOff(self.legs, self._board)

    async def _board(self) -> Switchboard:
        return self.board


@pytest_asyncio.fixture
async def office(redis: Redis) -> AsyncIterator[Office]:
    one = Office(redis)
    await one.legs.begin(LEG)
    yield one
    await one.off.stop(5)


async def test_a_phone_is_called_off_and_its_leg_stays_for_who_answers_just_then(office: Office) -> None:
    await office.legs.bind(LEG, SID)
    office.off.begin("CA1", "7")
    assert office.board.called_off == []  # nobody waits for the carrier
    await office.off.stop(5)
    assert (office.board.called_off, office.board.hung_up) == ([SID], [])
    assert await office.legs.current("CA1", "7") == SID


async def test_a_phone_that_the_carrier_is_just_asked_to_ring_is_called_off_when_it_is_known(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calling_off, "LOOK_S", 0.01)
    office.off.begin("CA1", "7")
    await asyncio.sleep(0.05)
    assert office.board.called_off == []
    await office.legs.bind(LEG, SID)
    await office.off.stop(5)
    assert office.board.called_off == [SID]


async def test_the_phone_of_another_agent_rings_on(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling_off, "WITHIN_S", 0.05)
    await office.legs.bind(LEG, SID)
    office.off.begin("CA1", "8")
    await office.off.stop(5)
    assert office.board.called_off == []


async def test_where_the_carrier_refuses_the_log_says_so(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    async def refuses(sid: str) -> None:
        raise NotRung("The carrier refused the call.")

    office.board.call_off = refuses  # type: ignore[method-assign]
    await office.legs.bind(LEG, SID)
    office.off.begin("CA1", "7")
    await office.off.stop(5)
    assert "may ring on for a caller who has left: The carrier refused the call." in caplog.text
