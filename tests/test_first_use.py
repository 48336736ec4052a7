"""What is slow to make is made once, when it is first needed, and tried again where that failed."""

import asyncio
import threading

import pytest

from ivr.first_use import FirstUse


async def test_all_who_ask_at_once_get_the_same_thing_made_in_a_thread() -> None:
    made: list[str] = []

    def make() -> object:
        made.append(threading.current_thread().name)
        return object()

    first_use = FirstUse(make)
    things = await asyncio.gather(*(first_use.get() for _ in range(5)))
    assert len({id(thing) for thing in [*things, await first_use.get()]}) == len(made) == 1
    assert made != [threading.current_thread().name]


async def test_what_could_not_be_made_is_tried_again() -> None:
    fails = [True, False]

    def make() -> str:
        if fails.pop(0):
            raise OSError("not yet")
        return "made"

    first_use = FirstUse(make)
    with pytest.raises(OSError, match="not yet"):
        await first_use.get()
    assert await first_use.get() == "made"


async def test_who_gives_up_waiting_takes_it_from_nobody() -> None:
    goes_on = threading.Event()
    first_use = FirstUse(lambda: goes_on.wait(10))
    impatient = asyncio.create_task(first_use.get())
    patient = asyncio.create_task(first_use.get())
    await asyncio.sleep(0)
    impatient.cancel()
    goes_on.set()
    assert await patient
    assert impatient.cancelled()
