"""Calls that are refused for every reason, in random order and several at a time, and what their times tell."""

import asyncio
import random
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from served import Served
from tampering import PASSWORD, SEALS, Caller, calling, emptied, numbers, words
from timing.ranks import Ranks, compare

from ivr.carrier.carrier import Carrier
from ivr.counters import Counters, Window
from ivr.embedded import EmbeddedValkey
from ivr.redis_line import connect

SERVICE_S = {"unknown": 0.002, "wrong": 0.04, "locked": 0.02}
"""What the account service takes on average: on the shortest step these are told apart at once."""
OUR_OWN = "our own count"
KINDS = (*SERVICE_S, OUR_OWN)
AT_ONCE = 12
DOUBT = 0.001
"""So unlikely must a difference be, over all pairs together, to be believed."""
PAIRS = list(combinations(KINDS, 2))
LIMIT = DOUBT / len(PAIRS)
NO_STEP_S = 0.01
CONTROLS = 6
"""So often the control is run at the most, until it tells its kinds apart."""

Times = dict[str, list[float]]
"""Seconds from the webhook with the password to its answer, by the reason for the refusal."""


class Found(NamedTuple):
    """What was found: lines to print, and whether nothing can be told apart but what should be."""

    lines: list[str]
    as_it_should_be: bool


async def told_apart(folder: Path, *, calls: int, step: float) -> Found:
    """Have so many calls refused for each reason, on the step; as the control a tenth, at least 30, on the shortest.

    The busier a machine, the more calls it takes to see a difference: the control may have some more of them.
    """
    valkey = EmbeddedValkey(folder / "valkey")
    await valkey.start()
    try:
        times = await _refused(valkey.url, folder, calls, step)
        control: Times = {kind: [] for kind in KINDS}
        for _ in range(CONTROLS):
            for kind, seconds in (await _refused(valkey.url, folder, max(30, calls // 10), NO_STEP_S)).items():
                control[kind] += seconds
            if _of_control(control).p < LIMIT:
                break
    finally:
        await valkey.stop()
    return judged(times, control, step)


def judged(times: Times, control: Times, step: float) -> Found:
    """Judge by rank tests: no pair of reasons may be told apart; in the control one has to be."""
    lines = [f"{len(times[KINDS[0]])} calls refused for each reason, on a step of {step:g} s"]
    results = [(pair, compare(times[pair[0]], times[pair[1]])) for pair in PAIRS]
    lines += [_line(pair, ranks, apart=ranks.p < LIMIT) for pair, ranks in results]
    seen = _of_control(control)
    lines.append(f"The control: {len(control[KINDS[0]])} calls for each reason, on the shortest step")
    lines.append(_line(("unknown", "wrong"), seen, apart=seen.p < LIMIT))
    return Found(lines, seen.p < LIMIT and all(ranks.p >= LIMIT for _, ranks in results))


def _of_control(control: Times) -> Ranks:
    return compare(control["unknown"], control["wrong"])


def _line(pair: tuple[str, str], ranks: Ranks, *, apart: bool) -> str:
    verdict = "can be told apart" if apart else "cannot be told apart"
    return f"  {pair[0]} / {pair[1]}: {verdict} (slower in {ranks.larger:.3f} of all pairs, p = {ranks.p:.3g})"


def judging(reasons: dict[str, str]) -> FastAPI:
    """Build an account service that refuses by the number it is asked about; each reason takes a time of its own."""
    app = FastAPI(openapi_url=None)

    @app.post("/v1/verifications")
    async def verify(request: Request) -> JSONResponse:
        reason = reasons[(await request.json())["credential"]["number"]]
        await asyncio.sleep(SERVICE_S[reason] * random.uniform(0.5, 1.5))
        status, code = (423, "locked") if reason == "locked" else (401, "invalid_credentials")
        return JSONResponse({"status": status, "code": code}, status)

    return app


async def _refused(redis_url: str, folder: Path, calls: int, step: float) -> Times:
    order = list(KINDS) * calls
    random.shuffle(order)
    due = list(zip(numbers(), order, strict=False))
    reasons = dict(due)
    times: Times = {kind: [] for kind in KINDS}
    with (
        Served(judging(reasons)) as service,
        serving(redis_url, folder, refusal_step=step, accounts_through=lambda _: service.url) as hotline,
    ):
        async with connect(redis_url) as redis, calling(hotline, workers=1) as first:
            await emptied(redis)
            await asyncio.gather(*(_calls(hotline, first.carrier, redis, due, times) for _ in range(AT_ONCE)))
    return times


async def _calls(hotline: UnderTest, carrier: Carrier, redis: Redis, due: list[tuple[str, str]], times: Times) -> None:
    """Make the calls that are due, one after the other, each from a number and at an account of its own."""
    while due:
        number, kind = due.pop()
        if kind == OUR_OWN:
            await _use_up(redis, number)
        caller = Caller(hotline, carrier, calling=f"+86138{len(due):08}")
        await caller.to_the_password(number)
        told = await caller.keys(PASSWORD)
        assert told.said == words("identify.not_verified"), told.said
        times[kind].append(told.seconds)
        # So many failures would send all further callers to agents.
        async for key in redis.scan_iter("ivr:count:hotline:*"):
            await redis.delete(key)


async def _use_up(redis: Redis, number: str) -> None:
    counters = Counters(redis, SEALS, deadline=5)
    account = Window("account", f"id_card:{number}", 5, 24 * 3600)
    for attempt in range(account.limit):
        await counters.reserve([account], f"earlier-{attempt}")
