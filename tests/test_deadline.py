"""Deadlines: what takes too long is cancelled and told apart from who is cancelled by others, as asyncio does it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ivr.deadline import Within

Awaited = Callable[[], Any]


async def ours(seconds: float, what: Awaited) -> str:
    with Within(seconds):
        return await what() or "done"


async def theirs(seconds: float, what: Awaited) -> str:
    async with asyncio.timeout(seconds):
        return await what() or "done"


async def told(task: "asyncio.Task[str]") -> str:
    """Say in a word how a task ended, and how many requests to cancel it has kept."""
    try:
        ended = await task
    except (asyncio.CancelledError, TimeoutError, ValueError) as error:
        ended = type(error).__name__
    return f"{ended} {task.cancelling()}"


async def forever() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    await asyncio.sleep(0)


async def wrong() -> None:
    raise ValueError


async def stubborn() -> str:
    try:
        await forever()
    except asyncio.CancelledError:
        return "went on"
    return ""


@pytest.mark.parametrize("limit", [ours, theirs])
@pytest.mark.parametrize(
    ("seconds", "what", "ends"),
    [
        (0.01, forever, "TimeoutError 0"),
        (0.0, forever, "TimeoutError 0"),
        (-1.0, forever, "TimeoutError 0"),
        (60.0, at_once, "done 0"),
        (60.0, wrong, "ValueError 0"),
        (0.01, stubborn, "went on 0"),
    ],
)
async def test_what_is_awaited_ends_or_is_cancelled(limit: Any, seconds: float, what: Any, ends: str) -> None:
    assert await told(asyncio.create_task(limit(seconds, what))) == ends


@pytest.mark.parametrize("limit", [ours, theirs])
async def test_who_is_cancelled_by_others_is_not_late(limit: Any) -> None:
    task = asyncio.create_task(limit(60.0, forever))
    await asyncio.sleep(0)
    task.cancel()
    assert await told(task) == "CancelledError 1"


@pytest.mark.parametrize("limit", [ours, theirs])
async def test_who_is_late_and_then_cancelled_by_others_stays_cancelled(limit: Any) -> None:
    async def cleaning_up() -> None:
        try:
            await forever()
        except asyncio.CancelledError:  # time is up
            task.cancel()
            await forever()

    task: asyncio.Task[str] = asyncio.create_task(limit(0.01, cleaning_up))
    assert await told(task) == "CancelledError 1"


@pytest.mark.parametrize(("outer", "inner"), [(0.01, 60.0), (60.0, 0.01)])
async def test_of_two_deadlines_the_one_that_is_up_is_told(outer: float, inner: float) -> None:
    async def both() -> str:
        try:
            with Within(outer):
                try:
                    with Within(inner):
                        await forever()
                except TimeoutError:
                    return "inner"
        except TimeoutError:
            return "outer"
        return ""

    ended = await told(asyncio.create_task(both()))
    assert ended == ("outer 0" if outer <= inner else "inner 0")


async def test_an_instant_of_the_loop_is_a_deadline_as_well() -> None:
    now = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError), Within.until(now + 0.01):
        await forever()
    with Within.until(now + 60):
        await at_once()


def test_outside_a_task_there_is_nothing_to_cancel() -> None:
    async def built() -> Within:
        return Within(1)

    with pytest.raises(RuntimeError), asyncio.Runner() as runner, runner.run(built()):
        pass
