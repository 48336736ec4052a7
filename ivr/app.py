"""Build everything and give the web application: the one place where the parts meet."""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from ivr import logs
from ivr.accounts.breaker import Breaker, State
from ivr.accounts.client import AccountClient
from ivr.agents.calling_off import CallingOff
from ivr.agents.leg_calls import LegCalls
from ivr.agents.legs import Legs
from ivr.agents.outcomes import Outcomes
from ivr.agents.places import Places
from ivr.agents.queue import AgentQueue
from ivr.agents.ring_limits import RingLimits
from ivr.audit.chain import chain_keys
from ivr.audit.ledger import Ledger
from ivr.audit.trail import AuditTrail
from ivr.bookings import Bookings
from ivr.call_records.recorder import Recorder
from ivr.call_records.sweep import Sweep
from ivr.channels.twilio.legs import leg_routes, switchboard_of
from ivr.channels.twilio.routes import Gate, page_writer, voice_routes
from ivr.channels.twilio.twiml import HANG_UP
from ivr.clock import wall_clock
from ivr.counters import Counters
from ivr.crashes.deaths import Deaths, flights_file
from ivr.crashes.flights import Flights
from ivr.crashes.quarantine import Quarantine
from ivr.door import Door
from ivr.dropped import DroppedCalls
from ivr.emergency import LOOK_SECONDS, Emergency
from ivr.health import Health, unannounced_day
from ivr.hotline import KEEP_S, Deadlines, Hotline
from ivr.inquiry import Desk
from ivr.kept_password import KeptPasswords
from ivr.library import Library, LibraryError, default_dirs
from ivr.live.calls import LiveCalls
from ivr.messages import Messages
from ivr.metrics import CONTENT_TYPE, Metrics
from ivr.orders import StandingOrders
from ivr.problems import Problem
from ivr.redis_line import connect
from ivr.refusal_times import RefusalTimes
from ivr.seals import Seals
from ivr.settings import Settings
from ivr.store import CallStore
from ivr.surveys import Surveys
from ivr.versions.editing import Edits, Folders, LastGood
from ivr.versions.live import LiveVersions
from ivr.versions.shelf import Shelf
from ivr.vitals import VitalsReader
from ivr.web import is_page
from ivr.web.later import Built, Later
from ivr.web.parts import PATIENCE, Parts

DRAIN_SECONDS = 12.0
"""A worker that stops lets its work end first; no work takes longer."""

AUDIT_STOPS_SECONDS = 2.0
CALLING_OFF_STOPS_SECONDS = 1.0

PAGES_CONNECTIONS = 8
"""Pages have a line to Redis of their own."""

log = logging.getLogger("ivr.serve")


class HotlineApp(FastAPI):
    """The application; the carrier's webhooks take a way past what FastAPI puts around every request, and so do pages.

    Webhooks raise nothing and validate nothing that it would have to look after, and a tenth of a turn's processor time
    went into that.
    """

    voice: Router
    pages: Later

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the life of the application."""
        if scope["type"] == "http" and scope["path"].startswith("/twilio/"):
            await self.voice(scope, receive, send)
        elif scope["type"] == "http" and is_page(scope["path"]):
            await self.pages(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def load_library(settings: Settings) -> Library:
    """Read the flows and prompts of the settings; a broken library is not served.

    Raises LibraryError with every problem that `ivr check` would tell.
    """
    return _folders(settings).read()


def _folders(settings: Settings) -> Folders:
    flows, prompts = default_dirs()
    return Folders(settings.flows_dir or flows, settings.prompts_dir or prompts)


def _first_library(settings: Settings, last_good: LastGood) -> tuple[Library, tuple[Problem, ...]]:
    """Give what is served from the start on: the folders, else what held last in this start, and then the problems."""
    try:
        library = _folders(settings).read(last_good)
    except LibraryError as error:
        kept = last_good.library()
        if kept is None:
            raise
        return kept, tuple(error.problems)
    last_good.keep(library)
    return library, ()


def create_app(
    settings: Settings,
    *,
    now: Callable[[], int] = wall_clock,
    deadlines: Deadlines | None = None,
    look_seconds: float = LOOK_SECONDS,
) -> FastAPI:
    """Build the service of one worker. `now` gives milliseconds since 1970.

    Every `look_seconds` the files of flows, prompts and the emergency announcement are looked at.

    Raises LibraryError where flows and prompts cannot be served.
    """
    deadlines = deadlines or Deadlines()
    last_good = LastGood(settings.last_good)
    library, refused = _first_library(settings, last_good)
    redis = connect(settings.redis_url, patience=deadlines.store)
    seals = Seals(settings.secrets)
    kept = None if settings.crashes is None else settings.crashes / "orders"
    orders = StandingOrders(redis, seals, deadline=deadlines.store, kept=kept)
    emergency = Emergency(_folders(settings).flows, orders, look_seconds=look_seconds)
    emergency.look()
    live = LiveCalls(redis, seals, now, deadline=deadlines.store)
    metrics = Metrics(settings.worker, answered=live.tallies.turn)
    shelf = Shelf(redis, worker=f"{socket.gethostname()}/{os.getppid()}/{settings.worker}", deadline=deadlines.store)
    versions = LiveVersions(library, shelf, now=now)
    edits = Edits(_folders(settings), last_good, versions, metrics, refused=refused, look_seconds=look_seconds)
    logs.on_drop(metrics.log_line_dropped)
    if settings.worker == 0 and (sentence := unannounced_day(library, now())):
        log.warning(sentence)

    def breaker_turned(state: State) -> None:
        metrics.account_breaker(state)
        log.warning("The breaker before the account service is %s.", state.replace("_", " "))

    accounts = AccountClient(
        settings.account_url,
        settings.account_token.get_secret_value(),
        observe=metrics.account_call,
        breaker=Breaker(changed=breaker_turned),
    )
    counters = Counters(redis, seals, deadline=deadlines.store)
    trail = AuditTrail(
        settings.audit_folder, chain_keys(settings.secrets), worker=f"{socket.gethostname()}/{settings.worker}", now=now
    )
    legs = Legs(redis, seals, deadline=deadlines.store)
    calling_off = CallingOff(legs, switchboard_of(settings, legs))
    queue = AgentQueue(redis, seals, now, deadline=deadlines.store)
    desk = Desk(
        accounts,
        counters,
        seals,
        KeptPasswords(redis, seals, deadline=deadlines.store),
        now,
        RefusalTimes(redis, deadline=deadlines.store),
        Bookings(redis, seals, deadline=deadlines.store),
        Surveys(redis, deadline=deadlines.store),
        Messages(redis, seals, deadline=deadlines.store),
        Places(queue, now, offered=bool(settings.outbound_number), calling_off=calling_off),
        trail,
    )
    store = CallStore(redis, seals, deadline=deadlines.store, claim_s=deadlines.claim)
    recorder = Recorder(redis, seals, versions, now, deadline=deadlines.store)
    sweep = Sweep(redis, store, recorder, kept_ms=round(KEEP_S * 1000))
    hotline = Hotline(
        versions=versions,
        store=store,
        seals=seals,
        desk=desk,
        dropped=DroppedCalls(redis, seals, deadline=deadlines.store),
        emergency=emergency,
        metrics=metrics,
        ledger=Ledger(trail, seals),
        recorder=recorder,
        live=live,
        write=page_writer(settings.public_url),
        hang_up=HANG_UP,
        refusal_step=settings.refusal_step,
        worker=f"worker-{settings.worker}",
        deadlines=deadlines,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: HotlineApp) -> AsyncIterator[None]:
        await accounts.open()
        await versions.serve(versions.current)
        trail.start()
        tended = (
            *(emergency.watch(), edits.watch(), versions.look_after_them(), accounts.watch()),
            *(recorder.watch(hotline.endings.note), sweep.watch(), live.watch(), orders.watch(), metrics.watch()),
        )
        watching = [asyncio.create_task(one) for one in tended]
        app.state.started = True
        yield
        for task in watching:
            task.cancel()
        await app.pages.stop()
        await versions.leave()
        await hotline.works.drain(DRAIN_SECONDS)
        await calling_off.stop(CALLING_OFF_STOPS_SECONDS)
        await recorder.send_on()
        await live.send()
        metrics.tell()
        await trail.stop(AUDIT_STOPS_SECONDS)
        await accounts.close()
        await redis.aclose()

    app = HotlineApp(lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.state.started = app.state.draining = False
    app.state.hotline = hotline
    app.state.reload = edits.look_now
    app.state.metrics = metrics
    sid, tokens = settings.twilio_account_sid, settings.auth_tokens
    gate = Gate(public_url=settings.public_url, account_sid=sid, auth_tokens=tokens)
    leg_calls = LegCalls(
        legs,
        queue,
        Outcomes(redis, deadline=deadlines.store),
        RingLimits(counters),
        library=lambda: versions.current,
        now=now,
        speaks=recorder.speaks,
    )
    health = Health(counters, accounts, trail)
    routes = voice_routes(hotline, gate, metrics, _quarantine(settings, hotline))
    routes += leg_routes(leg_calls, gate, metrics, caller_id=settings.outbound_number)
    app.voice = Router(routes, redirect_slashes=False)
    patience = PATIENCE * deadlines.store
    app.pages = Later(
        lambda: _site(
            Parts(
                settings=settings,
                now=now,
                redis=connect(settings.redis_url, patience=patience, connections=PAGES_CONNECTIONS),
                seals=seals,
                trail=trail,
                versions=versions,
                leaving=lambda: app.state.draining,
                patience=patience,
                health=health,
                orders=orders,
                problems=lambda: len(edits.refused),
            )
        )
    )

    @app.get("/healthz")
    async def healthz() -> Response:
        return JSONResponse({"status": "alive"})

    @app.get("/readyz")
    async def readyz() -> Response:
        if app.state.draining or not app.state.started:
            return JSONResponse({"status": "draining" if app.state.draining else "starting"}, status_code=503)
        reasons = [fault.sentence for fault in await health.faults()]
        told = {"version": versions.current.version, "problems": len(edits.refused)}
        return JSONResponse({"status": "ready", "degraded": bool(reasons), "reasons": reasons, "flows": told})

    door = Door(settings)
    vitals = VitalsReader(redis, seals, counters, lambda: versions.current, now, deadline=deadlines.store)

    @app.get("/metrics")
    async def told_metrics(request: Request) -> Response:
        return door.refusal(request) or Response(metrics.text() + await vitals.text(), media_type=CONTENT_TYPE)

    return app


def _site(parts: Parts) -> Built:
    from ivr.web.site import Site

    return Site(parts)


def _quarantine(settings: Settings, hotline: Hotline) -> Quarantine | None:
    if settings.crashes is None:
        return None
    deaths = Deaths(settings.crashes)
    hotline.works.known_dead = deaths.of_worker
    flights = Flights(flights_file(settings.crashes, settings.worker), hotline.works.worker)
    return Quarantine(flights, deaths, hotline.pages, hotline.stepping)
