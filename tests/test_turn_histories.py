"""Histories of calls whose webhooks race on two workers: all that was answered fits one order of turns."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import httpx2
import pytest
from fuzzing import examples
from hotline_under_test import AUTH_TOKEN, UnderTest, serving
from hypothesis import given
from hypothesis import strategies as st
from tampering import BALANCE, NUMBER, PASSWORD, SEALS, Caller, Document, emptied, token_at, verifications

from ivr.carrier.carrier import Carrier
from ivr.carrier.verbs import Gather
from ivr.hotline import Deadlines
from ivr.redis_line import connect
from ivr.seals import Position
from ivr.settings import DEMO_ACCOUNT_SID

UNHURRIED = Deadlines(reply=3.0, work=6.0, claim=8.0, look=0.005)
"""No filler here: which of two equal webhooks still gets it is a matter of milliseconds."""

Kind = Literal["awaited", "other keys", "stale", "future"]


class Shot(NamedTuple):
    """A webhook that is sent beside the caller's own: what it is, how much later, and to which worker."""

    kind: Kind
    after_ms: int
    worker: int


@dataclass
class Answered:
    """An entry of the history: the turn that a webhook was for, when it was sent and answered, and what it got.

    `guessed` is a token of the test's own, for a turn that nobody was sent to. It makes that turn where it can, and is
    told the last reply where it is beaten by work that goes on, or where this turn is awaited in other bytes.
    """

    turn: int
    began: float
    ended: float
    got: int
    body: bytes
    document: Document
    guessed: bool = False


shots = st.lists(
    st.builds(
        Shot,
        st.sampled_from(["awaited", "awaited", "awaited", "other keys", "stale", "future"]),
        st.sampled_from([0, 0, 1, 3, 8, 20]),
        st.integers(0, 1),
    ),
    max_size=5,
)


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    folder = tmp_path_factory.mktemp("data")
    with serving(valkey_url, folder, workers=2, refusal_step=0.01, deadlines=UNHURRIED) as under_test:
        yield under_test


class Racing:
    """One call whose webhooks are sent as a schedule says; `history` is what came of them."""

    def __init__(self, hotline: UnderTest, client: httpx2.AsyncClient) -> None:
        self.callers = [
            Caller(
                hotline,
                Carrier(
                    url,
                    public_url=hotline.public_url,
                    account_sid=DEMO_ACCOUNT_SID,
                    auth_token=AUTH_TOKEN,
                    client=client,
                ),
            )
            for url in hotline.urls
        ]
        self.sid = self.callers[1].sid = self.callers[0].sid
        self.history: list[Answered] = []
        self.tokens: list[str] = []
        self.tasks: list[asyncio.Task[Answered]] = []

    async def sends(
        self, token: str, digits: str, *, worker: int = 0, after_ms: int = 0, guessed: bool = False
    ) -> Answered:
        await asyncio.sleep(after_ms / 1000)
        clock = asyncio.get_running_loop().time
        began = clock()
        url, fields = (f"/twilio/turn/{token}", {"Digits": digits}) if token else ("/twilio/voice", {})
        document = await self.callers[worker].post(url, **fields)
        got = self.turn_of(document.token) - 1
        one = Answered(self.turn_of(token), began, clock(), got, document.body, document, guessed)
        self.history.append(one)
        return one

    def turn_of(self, token: str) -> int:
        if not token:
            return 0
        position = SEALS.open_token("turn", self.sid, token)
        assert isinstance(position, Position)
        return position.turn

    async def goes_through(self, schedule: list[list[Shot]]) -> None:
        """Send the caller's own webhook of each turn, and the others around it; who was late meets the next turn."""
        here = (await self.sends("", "")).document
        for one_turn in schedule:
            self.tokens.append(here.token)
            keys = self.keys(here)
            own = asyncio.create_task(self.sends(here.token, keys))
            self.tasks += [asyncio.create_task(self.shot(one, here.token, keys)) for one in one_turn]
            await own
            here = max(self.history, key=lambda one: one.got).document
        await asyncio.gather(*self.tasks)

    def keys(self, here: Document) -> str:
        last = here.verbs[-1]
        assert isinstance(last, Gather)
        if not last.finish_on_key:
            return "1" if "请输入" not in here.said else "9"
        return PASSWORD if last.num_digits == 6 else NUMBER

    async def shot(self, one: Shot, token: str, keys: str) -> Answered:
        match one.kind:
            case "other keys":
                keys = "9" if len(keys) == 1 else "975318"
            case "stale":
                token, keys = self.tokens[0], "2"
            case "future":
                token, keys = token_at(self.sid, token, turn=self.turn_of(token) + 3), "9"
            case "awaited":
                pass
        guessed = one.kind == "future"
        return await self.sends(token, keys, worker=one.worker, after_ms=one.after_ms, guessed=guessed)


def check_history(history: list[Answered]) -> None:
    """Hold a history to one order: a turn has one reply, time never runs back, and nobody answers before he is asked.

    That is all there is to it, because every webhook either makes its turn or is told of a later one: whatever fits
    these four is what one worker would have answered, had it got the webhooks one after another.
    """
    replies = {one.got: one.body for one in history}
    assert all(one.body == replies[one.got] for one in history), "two replies for one turn"
    assert all(one.got >= one.turn for one in history if not one.guessed), "a webhook got a turn before its own"
    for one in history:
        causes = [other for other in history if other.turn == one.got and other.began <= one.ended]
        assert causes, "a turn was made that nobody had asked for"
        later = [other for other in history if other.began > one.ended]
        assert all(other.got >= one.got for other in later), "a call went back to an earlier turn"


@examples(12)
@given(st.lists(shots, min_size=3, max_size=6), st.sampled_from([0.0, 0.02]))
def test_whatever_races_the_answers_fit_one_order_of_turns(
    hotline: UnderTest, schedule: list[list[Shot]], delay: float
) -> None:
    hotline.accounts.script({"verify": ["ok"] * 40, "balance": [BALANCE] * 40})
    hotline.accounts.delay = delay

    async def play() -> list[Answered]:
        async with connect(hotline.redis_url) as redis, httpx2.AsyncClient(trust_env=False, verify=False) as client:
            await emptied(redis)
            racing = Racing(hotline, client)
            await racing.goes_through(schedule)
            return racing.history

    history = asyncio.run(play())
    check_history(history)
    made = {one.turn for one in history if one.got >= one.turn}
    assert verifications(hotline) <= len(made)


def entry(turn: int, began: float, ended: float, got: int, body: bytes = b"") -> Answered:
    return Answered(turn, began, ended, got, body or b"%d" % got, Document(b"", (), 0.0))


@pytest.mark.parametrize(
    "history",
    [
        [entry(0, 0, 1, 0), entry(1, 1, 2, 1, b"one"), entry(1, 1, 2, 1, b"other")],
        [entry(0, 0, 1, 0), entry(1, 1, 2, 0)],
        [entry(0, 0, 1, 0), entry(1, 2, 3, 1), entry(0, 4, 5, 0)],
        [entry(0, 0, 1, 1)],
        [entry(0, 0, 1, 1), entry(1, 2, 3, 1)],
    ],
)
def test_histories_that_fit_no_order_are_found(history: list[Answered]) -> None:
    with pytest.raises(AssertionError):
        check_history(history)
