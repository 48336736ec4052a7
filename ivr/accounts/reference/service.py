"""The routes of the reference service: the contract over HTTP, and beside it the outbox of a demo."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Final

from argon2 import PasswordHasher
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Response
from sqlalchemy import text
from sqlalchemy.ext.asyncio import async_sessionmaker

from ivr.accounts import contract
from ivr.accounts.reference.database import MemberRow, create_tables
from ivr.accounts.reference.desk import Clock, Desk, hold_to_step
from ivr.accounts.reference.members import SAMPLE_MEMBERS, Sample
from ivr.accounts.reference.outbox import Outbox
from ivr.accounts.reference.pins import Pins
from ivr.accounts.reference.problems import Gate, Problem, answer_with_problems
from ivr.accounts.reference.records import Records
from ivr.accounts.reference.seeding import seed
from ivr.accounts.reference.slowness import Delay, Slowness
from ivr.database.opening import open_engine

BEIJING: Final = timezone(timedelta(hours=8))

CallId = Annotated[str, Header(min_length=1, max_length=200)]
Limit = Annotated[int, Query(ge=1, le=24)]


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_reference(
    database_url: str,
    token: str,
    *,
    clock: Clock = _utc_now,
    hasher: PasswordHasher | None = None,
    refusal_step: float = 0.25,
    samples: tuple[Sample, ...] = SAMPLE_MEMBERS,
) -> FastAPI:
    """Build the reference service; tables and sample members are made at its start where there are none.

    ``database_url`` is an SQLAlchemy URL (``sqlite:///…``); everything but ``/healthz`` asks for ``token`` as bearer.
    ``clock`` gives aware instants. Refusals, and the answers to requests for a code, leave on a multiple of
    ``refusal_step`` seconds after they came, so that their time tells nothing. One process per database.
    """
    if not token:
        raise ValueError("the reference service: expected a token that is not empty")
    engine = open_engine(database_url)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    pins = Pins(hasher)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await create_tables(engine)
            await pins.open()
            await seed(sessions, samples, pins, clock().astimezone(BEIJING).date())
            yield
        finally:
            await engine.dispose()

    app = FastAPI(title="Account service", version="1.0", lifespan=lifespan, openapi_url=None)
    slowness = Slowness()
    app.add_middleware(slowness.before)
    app.add_middleware(Gate, token=token)
    answer_with_problems(app)
    desk, outbox = Desk(sessions, pins, clock), Outbox(sessions, clock, token)
    app.include_router(_without_a_member(desk, outbox, refusal_step))
    app.include_router(_of_the_demo(outbox, slowness))
    app.include_router(_about_a_member(desk, outbox, Records(sessions)))

    @app.get("/healthz")
    async def health() -> dict[str, str]:
        async with sessions() as db:
            await db.execute(text("SELECT 1"))
        return {"status": "ok"}

    return app


def _without_a_member(desk: Desk, outbox: Outbox, refusal_step: float) -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/verifications")
    async def verify(asked: contract.VerificationRequest) -> contract.Verified:
        came = asyncio.get_running_loop().time()
        try:
            return await desk.verify(asked)
        except Problem:
            await hold_to_step(came, refusal_step)
            raise

    @routes.post("/v1/sms-codes", status_code=202)
    async def send_sms_code(asked: contract.SmsCodeRequest) -> Response:
        came = asyncio.get_running_loop().time()
        try:
            await outbox.send_code(asked)
        finally:
            await hold_to_step(came, refusal_step)
        return Response(status_code=202)

    return routes


def _of_the_demo(outbox: Outbox, slowness: Slowness) -> APIRouter:
    routes = APIRouter(prefix="/demo")

    @routes.get("/outbox")
    async def show_outbox(after: Annotated[int, Query(ge=0, lt=2**63)] = 0) -> list[dict[str, str | int]]:
        return await outbox.after(after)

    @routes.put("/delay", status_code=204)
    async def be_slow(asked: Delay) -> None:
        slowness.be(asked.seconds)

    return routes


def _about_a_member(desk: Desk, outbox: Outbox, records: Records) -> APIRouter:
    routes = APIRouter(prefix="/v1/members/{member_ref}")

    async def recall(member_ref: str, call_id: CallId, response: Response) -> MemberRow:
        member = await desk.recall(member_ref, call_id)
        response.headers["Member-Ref"] = member_ref
        return member

    Caller = Annotated[MemberRow, Depends(recall)]  # noqa: N806 - a type

    @routes.get("/balance")
    async def balance(caller: Caller) -> contract.Balance:
        return records.balance(caller)

    @routes.get("/contribution-years")
    async def contribution_years(caller: Caller) -> contract.ContributionYears:
        return records.years(caller)

    @routes.get("/contributions")
    async def contributions(caller: Caller, limit: Limit = 3) -> list[contract.Contribution]:
        return await records.contributions(caller, limit)

    @routes.get("/credits")
    async def latest_credits(caller: Caller, limit: Limit = 3) -> list[contract.Credit]:
        return await records.credits(caller, limit)

    @routes.get("/transactions")
    async def transactions(caller: Caller, limit: Limit = 3) -> list[contract.Transaction]:
        return await records.transactions(caller, limit)

    @routes.get("/coverage")
    async def coverage(caller: Caller) -> contract.Coverage:
        return records.coverage(caller)

    @routes.get("/transfers")
    async def transfers(caller: Caller) -> list[contract.TransferCase]:
        return await records.transfers(caller)

    @routes.get("/family-sharing")
    async def family_sharing(caller: Caller) -> contract.FamilySharing:
        return await records.family_sharing(caller)

    @routes.put("/pin", status_code=204)
    async def change_pin(caller: Caller, asked: contract.PinChange) -> None:
        await desk.change_pin(caller, asked.new_pin)

    @routes.post("/messages", status_code=202)
    async def send_message(caller: Caller, call_id: CallId, message: contract.ResultMessage) -> None:
        await outbox.send_answer(caller, call_id, message)

    return routes
