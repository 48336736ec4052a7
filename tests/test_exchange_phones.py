"""Phones at the exchange over HTTP, and those of the terminal: a caller in one window, an agent in another."""

import asyncio
import io
import os
import pty
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, contextmanager

import httpx2
import pytest
from served import served_here
from test_exchange import AGENT, CALLER, ORDER, PACE, Ear, Hotline, gather, queueing

from ivr.carrier.keypad import Keypad
from ivr.exchange.client import Declined, NoExchange, RemotePhone, plugged_in
from ivr.exchange.service import create_exchange
from ivr.exchange.switch import Switch
from ivr.exchange.terminal import TerminalPhone

SID, TOKEN = "AC" + "0" * 32, "a-token"


class Served:
    """An exchange over HTTP, with a stand-in hotline behind it."""

    def __init__(self, url: str, switch: Switch, hotline: Hotline) -> None:
        self.url, self.switch, self.hotline = url, switch, hotline

    def client(self, token: str = TOKEN) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.url, auth=(SID, token), trust_env=False)

    def phone(self, number: str = CALLER, *, answers: bool = False) -> AbstractAsyncContextManager[RemotePhone]:
        return plugged_in(self.url, account_sid=SID, auth_token=TOKEN, number=number, answers=answers)


@pytest.fixture
async def exchange() -> AsyncIterator[Served]:
    hotline = Hotline()
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(hotline.answer)) as client:
        switch = Switch("http://hotline.example", account_sid=SID, auth_token=TOKEN, client=client, pace=4 * PACE)
        async with served_here(create_exchange(switch, numbers=frozenset({ORDER.from_})), lifespan="on") as url:
            yield Served(url, switch, hotline)


async def test_without_the_token_there_is_nothing(exchange: Served) -> None:
    async with exchange.client() as mine, exchange.client("another") as stranger:
        plugged = (await mine.post("/phones", json={"number": CALLER})).json()["phone"]
        for method, path in (
            ("POST", "/phones"),
            ("GET", f"/phones/{plugged}/events"),
            ("DELETE", f"/phones/{plugged}"),
        ):
            assert (await stranger.request(method, path, json={"number": CALLER})).status_code in (401, 404)
        assert (await mine.delete(f"/phones/{plugged}")).status_code == 204
        assert (await stranger.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("does", "body", "status", "sentence"),
    [
        ("dial", {"to": "x"}, 400, "x is no telephone number"),
        ("dial", {}, 400, "to was expected"),
        ("keys", {"keys": "12a"}, 400, "A keypad has the keys"),
        ("keys", {"keys": "1" * 65}, 400, "at most 64"),
        ("keys", {"keys": "1"}, 409, "not on a call"),
        ("words", {"text": "w" * 501}, 400, "at most 500"),
        ("words", {"text": "w" * 5000}, 400, "4096 bytes"),
        ("words", [], 400, "A JSON object was expected"),
        ("said", {"number": "1"}, 400, "number was expected"),
        ("pick-up", {}, 409, "does not ring"),
        ("repeat", {}, 409, "not on a call"),
        ("slow", {"seconds": 11}, 400, "from 0 to 10"),
        ("slow", {"seconds": 1}, 409, "not the demo's own"),
        ("explode", {}, 404, ""),
        ("hang-up", {}, 204, ""),
    ],
)
async def test_what_a_phone_cannot_do_is_a_sentence(
    exchange: Served, does: str, body: object, status: int, sentence: str
) -> None:
    async with exchange.client() as client:
        plugged = (await client.post("/phones", json={"number": CALLER})).json()["phone"]
        answer = await client.post(f"/phones/{plugged}/{does}", json=body)
        assert (answer.status_code, sentence in answer.text) == (status, True)


async def test_there_are_only_so_many_phones(exchange: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.exchange.switch.MOST_PHONES", 2)
    async with exchange.client() as client:
        assert (await client.post("/phones", json={"number": "nobody"})).status_code == 400
        plugged = [await client.post("/phones", json={"number": CALLER}) for _ in range(2)]
        assert {answer.status_code for answer in plugged} == {201}
        with pytest.raises(Declined, match="no more can be plugged in"):
            async with exchange.phone():
                pass


async def test_a_phone_that_nobody_holds_is_hung_up(exchange: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange.hotline.documents["/twilio/voice"] = gather("/turn", "word " * 4000)
    monkeypatch.setattr("ivr.exchange.service.LOOKS_EVERY_S", 0.01)
    async with exchange.phone() as phone:
        ear = Ear(next(iter(exchange.switch.phones.values())))
        await phone.do("dial", to="12333")
        await ear.until("hears")
        monkeypatch.setattr("ivr.exchange.service.FORGOTTEN_S", 0.0)
        await ear.until("ended", by="phone")
        with pytest.raises(NoExchange):
            await phone.do("keys", keys="1")


# --- terminals -------------------------------------------------------------------------------------------------------


class Screen(io.StringIO):
    """What a terminal shows; ``changed`` tells that there is more of it."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = asyncio.Event()

    def write(self, text: str) -> int:
        self.changed.set()
        return super().write(text)


class Terminal:
    """A pseudo terminal: ``type`` is what fingers do, ``until`` what eyes wait for."""

    def __init__(self, fingers: int, keyboard: int) -> None:
        self.fingers, self.keyboard = fingers, keyboard
        self.screen = Screen()

    def type(self, keys: str) -> None:
        os.write(self.fingers, keys.encode())

    async def until(self, pattern: str) -> None:
        async with asyncio.timeout(10):
            while not re.search(pattern, self.screen.getvalue()):
                self.screen.changed.clear()
                await self.screen.changed.wait()


@contextmanager
def a_terminal() -> Iterator[Terminal]:
    with ExitStack() as stack:
        ends = pty.openpty()
        for end in ends:
            stack.callback(os.close, end)
        yield Terminal(*ends)


async def used(phone: RemotePhone, terminal: Terminal, number: str = "") -> int:
    async with Keypad(terminal.keyboard) as keys:
        held = TerminalPhone(phone, keys, terminal.screen)
        return await (held.call(number) if number else held.wait_for_calls(AGENT))


async def test_a_caller_in_one_window_and_an_agent_in_another(exchange: Served) -> None:
    queueing(exchange.hotline)
    with a_terminal() as one, a_terminal() as other:
        async with (
            exchange.phone() as caller,
            exchange.phone(AGENT, answers=True) as agent,
        ):
            agent_leaves = asyncio.create_task(used(agent, other))
            await other.until(re.escape(f"This is the phone {AGENT}."))
            call_ends = asyncio.create_task(used(caller, one, "12333"))
            await one.until("hears  please wait")
            # As the hotline does when an agent takes the next caller.
            async with exchange.client() as client:
                order = {"To": AGENT, "From": ORDER.from_, "Url": ORDER.url, "Timeout": "600"}
                placed = await client.post(f"/2010-04-01/Accounts/{SID}/Calls.json", data=order)
                assert placed.status_code == 201
            await other.until("rings  a call from .*any key picks up")
            other.type("5")
            await other.until("hears  a caller, press one")
            other.type("1")
            await one.until("hears  nobody asks for your password")
            await one.until("You are connected")
            await other.until("You are connected")
            one.type("我的卡丢了\n")
            await other.until("says  我的卡丢了")
            other.type("请稍等\n")
            await one.until("says  请稍等")
            other.type("!\n")
            assert await call_ends == 0
            await other.until("You hang up.")
            other.type("!")
            assert await agent_leaves == 0
    assert one.screen.getvalue().splitlines()[-2:] == [
        "   hears  goodbye  (en-US)",
        "          The hotline has hung up.",
    ]
    assert exchange.hotline.fields("/after")[0]["QueueResult"] == "bridged"


async def test_keys_are_shown_as_they_are_keyed_and_an_exclamation_mark_hangs_up(exchange: Served) -> None:
    exchange.hotline.documents["/twilio/voice"] = gather("/turn", "your number", digits="", timeout=600)
    exchange.hotline.documents["/turn"] = gather("/turn", "thank you", timeout=600) + "<Fax/>"
    with a_terminal() as terminal:
        async with exchange.phone() as caller:
            ends = asyncio.create_task(used(caller, terminal, "12333"))
            await terminal.until("your number")
            terminal.type("12")
            terminal.type("3#")
            await terminal.until("REJECTED .*<Fax>")
            terminal.type("!")
            assert await ends == 1
    lines = terminal.screen.getvalue().splitlines()
    assert "    keys  123#" in lines
    assert lines[-1].strip() == "You hang up."


async def test_a_message_is_spoken_by_typing_it(exchange: Served) -> None:
    exchange.hotline.documents["/twilio/voice"] = '<Record action="/recorded" timeout="60" finishOnKey="#"/>'
    with a_terminal() as terminal:
        async with exchange.phone() as caller:
            ends = asyncio.create_task(used(caller, terminal, "12333"))
            await terminal.until("Speak now")
            terminal.type("请给我回电话\n#\n")
            assert await ends == 0
    assert exchange.hotline.fields("/recorded")[0]["Digits"] == "#"


async def test_who_hangs_up_while_speaking_a_message_has_left_it(exchange: Served) -> None:
    exchange.hotline.documents["/twilio/voice"] = '<Record action="/recorded" timeout="60" finishOnKey="#"/>'
    with a_terminal() as terminal:
        async with exchange.phone() as caller:
            ends = asyncio.create_task(used(caller, terminal, "12333"))
            await terminal.until("Speak now")
            terminal.type("请给我回电话\n!\n")
            assert await ends == 0
    (recorded,) = exchange.hotline.fields("/recorded")
    assert (recorded["Digits"], recorded["CallStatus"]) == ("hangup", "completed")


async def test_an_exchange_that_goes_is_told(exchange: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.exchange.client.TRIES", 1)
    exchange.hotline.documents["/twilio/voice"] = gather("/turn", "word " * 4000)
    with a_terminal() as terminal:
        async with exchange.phone() as caller:
            ends = asyncio.create_task(used(caller, terminal, "12333"))
            await terminal.until("word")
            taken_away = dict(exchange.switch.phones)
            exchange.switch.phones.clear()
            await asyncio.wait([ends], timeout=10)
            with pytest.raises(NoExchange, match="does not know this phone"):
                await ends
            exchange.switch.phones |= taken_away
