"""The whole service under test: the application on a real Valkey, a scripted account service, a strict carrier."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI
from scripted_accounts import ScriptedAccounts
from served import Served

from ivr.accounts.breaker import Breaker
from ivr.agents.places import Places
from ivr.app import create_app
from ivr.carrier.carrier import Carrier
from ivr.clock import wall_clock
from ivr.hotline import Deadlines
from ivr.library import Library
from ivr.orders import Orders
from ivr.settings import DEMO_ACCOUNT_SID, Settings

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
SECRET_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
AT_HOME = "http://localhost:8000"
"""A public URL with which a service is not in production: browsers may come without encryption."""
OPERATOR_TOKEN = "fedcba9876543210fedcba9876543210"
OPERATOR = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
"""The header that opens what is for operators alone."""
OUTBOUND_NUMBER = "+12025550100"
"""Who calls where the hotline places calls: it does, so that callers may wait for agents."""
NO_CARRIER = "http://127.0.0.1:9"
"""Where no carrier takes calls; a test that rings agents' phones has one of its own."""
REFUSAL_STEP = 0.05


@dataclass
class Clock:
    """Wall time that a test can move on, in milliseconds since 1970."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        return wall_clock() + self.ahead_ms


@dataclass
class UnderTest:
    """A service that answers calls, and what a test needs to steer it."""

    urls: list[str]
    public_url: str
    redis_url: str
    accounts: ScriptedAccounts
    clock: Clock = field(default_factory=Clock)
    breakers: list[Breaker] = field(default_factory=list)
    crashes: Path | None = None
    served: list[Served] = field(default_factory=list)
    make: Callable[[], FastAPI] | None = None

    @property
    def queues(self) -> list[Places]:
        """Give the queues as each worker knows them."""
        return [one.app.state.hotline.stepping.desk.places for one in self.served]

    def worker_dies(self, place: int) -> None:
        """Let a worker die as if killed: what it works on is never finished, and another one takes its place."""
        assert self.make is not None
        self.served[place].run(_drops_its_work())
        self.served[place].__exit__(None, None, None)
        self.served[place] = Served(self.make(), port=int(self.urls[place].rpartition(":")[2])).__enter__()
        self.breakers[place] = breaker_of(self.served[place])

    def new_calls_begin_with(self, library: Library) -> None:
        """Let every worker serve another version of flows and prompts from now on."""
        for one in self.served:
            one.run(one.app.state.hotline.stepping.versions.serve(library))

    def goes_to_agents_only(self, *hotlines: str) -> None:
        """Let new calls of these hotlines, and of no others, go to agents, at every worker from now on."""
        for one in self.served:
            orders = one.app.state.hotline.stepping.emergency.orders
            if orders.now.agents_only != frozenset(hotlines):
                orders.now = Orders(orders.now.number + 1, frozenset(hotlines))

    def carrier(self, *, strict: bool = True, agent: str = "answered", fallback: bool = True) -> Carrier:
        """Give a carrier that signs for this service and asks its workers in turn."""
        return Carrier(
            self.urls,
            public_url=self.public_url,
            account_sid=DEMO_ACCOUNT_SID,
            auth_token=AUTH_TOKEN,
            strict=strict,
            agent_answers=agent,  # type: ignore[arg-type]
            fallback=fallback,
        )


def breaker_of(served: Served) -> Breaker:
    """Give the breaker before the account service of a worker."""
    breaker: Breaker = served.app.state.hotline.stepping.desk.accounts.breaker
    return breaker


async def _drops_its_work() -> None:
    for task in asyncio.all_tasks():
        if getattr(task.get_coro(), "__qualname__", "") == "Hotline._work":
            task.cancel()


@contextmanager
def serving(
    redis_url: str,
    data_dir: Path,
    *,
    workers: int = 1,
    refusal_step: float = REFUSAL_STEP,
    deadlines: Deadlines | None = None,
    patience: float = 2.0,
    accounts: ScriptedAccounts | None = None,
    accounts_through: Callable[[str], str] = lambda url: url,
    crashes: Path | None = None,
    entry_patience: float = 10.0,
    **settings_of: str,
) -> Iterator[UnderTest]:
    """Serve the application, as so many workers, on a Redis whose counters are confirmed already.

    `patience` with Redis and `entry_patience` with the audit trail, in seconds, are longer than in service, since a
    busy machine is no fault; tests of faults shorten them.
    `accounts_through` gives the address under which the hotline finds the account service, such as that of a proxy;
    further settings go by their names: with `outbound_number` empty nobody waits, the numbers of a group are rung.
    """
    accounts = accounts or ScriptedAccounts()
    clock = Clock()
    with Served(accounts.app()) as account_service:
        settings = Settings(_env_file=None).changed(
            twilio_account_sid=DEMO_ACCOUNT_SID,
            redis_url=redis_url,
            account_url=accounts_through(account_service.url),
            data_dir=data_dir,
            public_url="http://hotline.test",
            refusal_step=refusal_step,
            crashes=crashes,
        )
        settings = Settings.model_validate(
            settings.model_dump()
            | {"twilio_auth_token": AUTH_TOKEN, "secret_key": SECRET_KEY, "account_token": "a-token-of-the-tests"}
            | {"operator_token": OPERATOR_TOKEN, "outbound_number": OUTBOUND_NUMBER}
            | {"twilio_api_url": NO_CARRIER, **settings_of}
        )
        patient = (deadlines or Deadlines())._replace(store=patience)

        def make() -> FastAPI:
            app = create_app(settings, now=clock, deadlines=patient)
            app.state.hotline.stepping.desk.trail._entry_s = entry_patience
            return app

        served = [Served(make()) for _ in range(workers)]
        for one in served:
            one.__enter__()
        try:
            breakers = [breaker_of(one) for one in served]

            def forgiven() -> None:
                for breaker in breakers:
                    breaker.answered()

            accounts.on_script = forgiven
            urls = [one.url for one in served]
            yield UnderTest(
                urls, settings.public_url, redis_url, accounts, clock, breakers, crashes, served=served, make=make
            )
        finally:
            for one in served:
                one.__exit__(None, None, None)
