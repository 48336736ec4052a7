"""Whole calls of members with unique digits, and everything of them that leaves the process, kept for the scan.

`python tests/canary_calls.py --steps 100000` sends so many webhooks of members who key at random, and tells every
canary that it has found; exit status 1 where there was one.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
from canaries import Leak, Monitor, Scan
from hotline_under_test import AUTH_TOKEN, OPERATOR, UnderTest, serving
from logging_to import Logged, logging_to
from redis.asyncio import Redis
from tampering import Caller, emptied

from ivr.carrier.carrier import Carrier
from ivr.carrier.overrides import Retrying
from ivr.carrier.webhook import Exchange
from ivr.embedded import EmbeddedValkey
from ivr.redis_line import connect
from ivr.settings import DEMO_ACCOUNT_SID
from ivr.validators import check_character

FUZZED_AT_ONCE = 1000
NAMES = random.Random(20261126)


def _call_id() -> str:
    """Name a call, the same in every run: by chance a name may have a canary's digits in it, in Redis even in parts."""
    return f"CA{NAMES.randbytes(16).hex()}"


@dataclass(frozen=True)
class Member:
    """Somebody whose every digit is nobody else's; `calling` is the telephone, `spoken` how the balance is said."""

    number: str
    pin: str
    code: str
    new_pin: str
    balance: str
    spoken: str
    calling: str

    @property
    def secrets(self) -> tuple[str, ...]:
        """Give what may be found nowhere: `number` is said to its own caller by its last four digits only."""
        return tuple(dict.fromkeys((self.number, self.pin, self.code, self.new_pin, self.calling[1:])))

    @property
    def answers(self) -> Mapping[str, list[Any]]:
        """Give what the account service says of this member, more often than any call can ask."""
        balance = {"balance": self.balance, "as_of": "2026-11-20", "status": "normal"}
        once = {"verify": "ok", "verify-code": "ok", "sms-codes": "sent", "pin": "changed", "messages": "sent"}
        return {question: [answer] * 50 for question, answer in once.items()} | {"balance": [balance] * 50}


def _id_number(first17: str) -> str:
    return first17 + check_character(first17)


MEMBERS = (
    Member(
        _id_number("31010619740823957"),
        "905172",
        "618439",
        "274908",
        "73915.26",
        "七万三千九百一十五元二角六分",
        "+8613961748205",
    ),
    Member(
        _id_number("44030519680917283"),
        "380649",
        "752961",
        "493817",
        "58264.39",
        "五万八千二百六十四元三角九分",
        "+8613927460853",
    ),
    Member(
        _id_number("51010719910205629"),
        "716394",
        "840273",
        "962748",
        "36478.94",
        "三万六千四百七十八元九角四分",
        "+8613952038167",
    ),
    Member("6042738195", "529483", "317604", "850796", "84537.61", "八万四千五百三十七元六角一分", "+8618973615024"),
)

CALLS: dict[str, tuple[str, dict[str, list[Any]]]] = {
    "an answer, texted, heard again": ("1 {number}# {pin} 1 9", {}),
    "a wrong password, then the right one": ("1 {number}# {new_pin} {pin} 3", {"verify": ["wrong", "ok"]}),
    "three wrong passwords": ("1 {number}# {pin} {code} {new_pin} -", {"verify": ["wrong"] * 3}),
    "a weak password, a code, another password": ("1 {number}# {weak} 1 {code} {new_pin} {new_pin} 9", {}),
    "an initial password": ("1 {number}# {pin} 1 {code} {new_pin} {code} * -", {"verify": ["must_change"]}),
    "a code": ("1 {number}# # 1 {code} 1", {}),
    "an outage": ("1 {number}# {pin} 0", {"verify": ["outage"]}),
    "entries that are none": ("1 {number}5# {pin}7# {number} {pin}# # -", {}),
    "an agent": ("1 {number}# {pin} 0", {}),
}
"""What is keyed, and what the account service answers where it is not all that it can."""


class ListeningCarrier(Carrier):
    """A carrier that keeps every answer for the scan, and the documents by call."""

    def __init__(self, hotline: UnderTest, scan: Scan) -> None:
        super().__init__(
            hotline.urls, public_url=hotline.public_url, account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN
        )
        self._scan = scan
        self.heard: dict[str, list[bytes]] = {}
        self.posted = 0

    async def exchange(self, url: str, form: bytes, rules: Retrying, headers: Mapping[str, str]) -> Exchange:
        exchange = await super().exchange(url, form, rules, headers)
        self.posted += 1
        self._scan.saw("TwiML", exchange.body)
        self._scan.saw("headers", repr(dict(exchange.headers)))
        self._scan.saw("URLs", exchange.url)
        self.heard.setdefault(exchange.params.get("CallSid", ""), []).append(exchange.body)
        return replace(exchange, elapsed=0.0)  # what leaks is looked for here, and a busy machine is no fault


@dataclass
class Watched:
    """A hotline of which nothing goes unseen."""

    hotline: UnderTest
    redis: Redis
    monitor: Monitor
    logged: Logged
    carrier: ListeningCarrier
    scan: Scan
    log_read: int = field(default=0)

    async def call(self, member: Member, keys: str, answers: Mapping[str, list[Any]]) -> Caller:
        """Make a call of a member with the keys of each prompt, until it ends."""
        self.hotline.accounts.script(dict(member.answers) | dict(answers))
        caller = Caller(self.hotline, self.carrier, _call_id(), calling=member.calling)
        here = await caller.rings()
        known = {name: getattr(member, name) for name in ("number", "pin", "code", "new_pin")}
        for key in keys.format(weak=member.number[-6:], **known).split():
            if here.hangs_up:
                break
            here = await (caller.go(here.next, DialCallStatus="busy") if here.dials else caller.keys(key))
            here = await caller.follows()
            await self.scan.saw_redis(self.redis)
        return caller

    async def look(self) -> None:
        """See what lies in Redis, what it was sent, what was logged and what is counted."""
        await self.scan.saw_redis(self.redis)
        self.scan.saw("MONITOR", *await self.monitor.heard(self.redis))
        text = self.logged.text
        self.scan.saw("log", text[self.log_read :])
        self.log_read = len(text)
        async with httpx2.AsyncClient(trust_env=False) as client:
            for url in self.hotline.urls:
                self.scan.saw("metrics", (await client.get(f"{url}/metrics", headers=OPERATOR)).content)


@asynccontextmanager
async def watched(hotline: UnderTest, logged: Logged) -> AsyncIterator[Watched]:
    """Watch a hotline on a Redis that is emptied first."""
    scan = Scan(tuple(secret for member in MEMBERS for secret in member.secrets))
    async with (
        connect(hotline.redis_url) as redis,
        Monitor(hotline.redis_url) as monitor,
        ListeningCarrier(hotline, scan) as carrier,
    ):
        await emptied(redis)
        yield Watched(hotline, redis, monitor, logged, carrier, scan)


async def fuzz(watched: Watched, steps: int, seed: int) -> None:
    """Send so many webhooks of members who key at random; some come again, some calls are lost in the middle."""
    dice = random.Random(seed)
    until = watched.carrier.posted + steps
    while watched.carrier.posted < until:
        member = dice.choice(MEMBERS)
        watched.hotline.accounts.script(dict(member.answers))
        caller = Caller(watched.hotline, watched.carrier, _call_id(), calling=member.calling)
        here = await caller.rings()
        for _ in range(dice.randrange(4, 25)):
            if here.hangs_up or watched.carrier.posted >= until:
                break
            entry = dice.choice((member.number + "#", member.pin, member.code, member.new_pin, member.number[-6:]))
            keys = dice.choice((entry, entry, entry, *"1234560*#9-"))
            await (caller.go(here.next, DialCallStatus="busy") if here.dials else caller.keys(keys))
            if dice.random() < 0.1:
                await caller.again(2, at_once=True)
            if dice.random() < 0.02:
                await watched.redis.delete(f"ivr:{{{caller.sid}}}")
            here = await caller.follows()


async def _fuzzed(steps: int, seed: int) -> list[Leak]:
    found: list[Leak] = []
    with tempfile.TemporaryDirectory(prefix="ivr") as folder:
        valkey = EmbeddedValkey(Path(folder))
        await valkey.start()
        try:
            with (
                logging_to(Path(folder) / "log") as logged,
                serving(valkey.url, Path(folder), workers=2, outbound_number="") as hotline,
            ):
                async with watched(hotline, logged) as watching:
                    for begin in range(0, steps, FUZZED_AT_ONCE):
                        await fuzz(watching, min(FUZZED_AT_ONCE, steps - begin), seed + begin)
                        await watching.look()
                        found += watching.scan.leaks
                        watching.scan.seen.clear()
                        await emptied(watching.redis)
        finally:
            await valkey.stop()
    return found


def main() -> int:
    """Fuzz for as long as asked; return the exit status."""
    reading = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reading.add_argument("--steps", type=int, default=100_000, help="webhooks that are sent")
    reading.add_argument("--seed", type=int, default=1)
    given = reading.parse_args()
    found = asyncio.run(_fuzzed(given.steps, given.seed))
    for leak in found:
        sys.stdout.write(f"{leak.where}: {leak.secret} as {leak.spelling}\n")
    sys.stdout.write(f"{given.steps} steps, {len(found)} canaries found.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
