"""The terminal phone: scripts of keys, and single keys from a real terminal."""

import asyncio
import io
import os
import pty
import signal
import termios
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qsl

import httpx2
import pytest

from ivr.carrier import Carrier
from ivr.carrier.carrier import AgentAnswers
from ivr.carrier.keypad import Keypad
from ivr.carrier.phone import parse_keys, run_interactive, run_script

GATHER = '<Gather numDigits="{}" timeout="{}" actionOnEmptyResult="true" action="/turn"><Say>{}</Say></Gather>'


class Echo:
    """A stand-in hotline that says which keys came, asks for more, and hangs up after key 0."""

    def __init__(self) -> None:
        self.pressed: list[str] = []
        self.statuses: list[str] = []
        self.keyed = asyncio.Event()
        self.digits, self.timeout, self.extra = 3, 1, ""
        self.transfer = ""

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        fields = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        if request.url.path == "/twilio/status":
            self.statuses.append(fields["CallStatus"])
            return httpx2.Response(204)
        text = "welcome"
        if request.url.path == "/turn":
            self.pressed.append(fields.get("Digits", ""))
            self.keyed.set()
            text = f"keyed {fields.get('Digits') or 'nothing'}"
        body = GATHER.format(self.digits, self.timeout, text) + self.extra
        if fields.get("Digits") == "0":
            body = self.transfer or "<Say>goodbye</Say><Hangup/>"
        return httpx2.Response(200, text=f"<Response>{body}</Response>", headers={"content-type": "text/xml"})


@pytest.fixture
def hotline() -> Echo:
    return Echo()


@pytest.fixture
async def carrier(hotline: Echo) -> AsyncIterator[Carrier]:
    async with httpx2.AsyncClient(transport=httpx2.MockTransport(hotline.answer)) as client:
        yield Carrier("http://hotline.example", account_sid="AC" + "0" * 32, auth_token="t", client=client)


def test_a_script_is_split_at_blanks() -> None:
    script = " 1 11010519491231002*#  - 846275 ! "
    assert parse_keys(script) == ["1", "11010519491231002*#", "-", "846275", "!"]
    assert parse_keys("") == []


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("1 2a", "part 2 is '2a'; keys of 0-9 [*] # were expected, or - for silence, or ! to hang up"),
        ("1-", "part 1 is '1-'"),
        ("--", "part 1 is '--'"),
        ("١", "part 1 is '١'"),
        ("１", "part 1"),
        ("! 1", "something follows !"),
    ],
)
async def test_wrong_keys_are_one_sentence_and_status_2(carrier: Carrier, script: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as told:
        parse_keys(script)
    out, err = io.StringIO(), io.StringIO()
    assert await run_script(carrier, script, out, err) == 2
    assert (out.getvalue(), err.getvalue()) == ("", f"{told.value}\n")


async def test_a_script_is_played_and_printed_turn_by_turn(hotline: Echo, carrier: Carrier) -> None:
    out = io.StringIO()
    assert await run_script(carrier, "12# - 846", out) == 0
    assert out.getvalue().splitlines() == [
        "   dials  12333 from +8613800000000",
        "   hears  welcome  (en-US)",
        "    keys  12#",
        "   hears  keyed 12  (en-US)",
        "    keys  (silence)",
        "   hears  keyed nothing  (en-US)",
        "    keys  846",
        "   hears  keyed 846  (en-US)",
        "          The keys have run out, so you hang up.",
    ]
    assert (hotline.pressed, hotline.statuses) == (["12", "", "846"], ["completed"])


async def test_what_the_hotline_ends_is_not_keyed_any_more(hotline: Echo, carrier: Carrier) -> None:
    out = io.StringIO()
    assert await run_script(carrier, "0# 1 2", out) == 0
    assert out.getvalue().splitlines()[-2:] == [
        "          The call has ended; not keyed any more: 1 2",
        "          The hotline has hung up.",
    ]
    assert hotline.pressed == ["0"]


DIAL = '<Say>one moment</Say><Dial action="/turn"><Number>+12025550133</Number></Dial>'


@pytest.mark.parametrize(
    ("answers", "told"),
    [("answered", "as if a human had answered, talked and hung up"), ("busy", "as if it had ended with busy")],
)
async def test_who_is_rung_is_told_between_what_is_heard_before_and_after(
    hotline: Echo, carrier: Carrier, answers: AgentAnswers, told: str
) -> None:
    hotline.transfer, carrier.agent_answers = DIAL, answers
    out = io.StringIO()
    assert await run_script(carrier, "0# 1", out) == 0
    assert out.getvalue().splitlines()[2:] == [
        "    keys  0#",
        "   hears  one moment  (en-US)",
        f"   rings  +12025550133  (nobody is really rung: the call goes on {told})",
        "   hears  keyed nothing  (en-US)",
        "    keys  1",
        "   hears  keyed 1  (en-US)",
        "          The keys have run out, so you hang up.",
    ]


async def test_an_exclamation_mark_hangs_up(hotline: Echo, carrier: Carrier) -> None:
    out = io.StringIO()
    assert await run_script(carrier, "!", out) == 0
    assert out.getvalue().splitlines()[-1].strip() == "You hang up."
    assert (hotline.pressed, hotline.statuses) == ([], ["completed"])


@pytest.mark.parametrize("strict", [True, False])
async def test_a_rejected_answer_is_told_in_a_sentence_and_status_1(
    hotline: Echo, carrier: Carrier, strict: bool
) -> None:
    hotline.extra, carrier.strict = "<Fax/>", strict
    out = io.StringIO()
    assert await run_script(carrier, "1", out) == 1
    assert ("welcome" in out.getvalue()) == (not strict)
    sentence = "http://hotline.example/twilio/voice: <Fax> in line 1 is unknown to the carrier. [element]"
    assert f"REJECTED  The carrier would have rejected an answer: {sentence}" in out.getvalue()


async def test_nothing_heard_may_steer_the_terminal(hotline: Echo, carrier: Carrier) -> None:
    hotline.extra, carrier.strict = "<Say>&#155;2J</Say>", False
    hotline.timeout = 1
    carrier.to = "\x1b[2J"
    out = io.StringIO()
    await run_script(carrier, "", out)
    assert "\x1b" not in out.getvalue()


# --- a real terminal -------------------------------------------------------------------------------------------------


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """A pseudo terminal: where the fingers are, and where the phone reads."""
    fingers, phone = pty.openpty()
    yield fingers, phone
    os.close(fingers)
    os.close(phone)


async def test_single_keys_are_read_until_hang_up(hotline: Echo, carrier: Carrier, terminal: tuple[int, int]) -> None:
    fingers, phone = terminal
    hotline.timeout = 60
    before = termios.tcgetattr(phone)
    asyncio.get_running_loop().call_later(0.1, os.write, fingers, b"1x2#846!")
    out = io.StringIO()
    async with asyncio.timeout(10):
        assert await run_interactive(carrier, out, Keypad(phone)) == 0
    assert (hotline.pressed, hotline.statuses) == (["12", "846"], ["completed"])
    assert out.getvalue().splitlines()[0].strip() == "The keyboard is the keypad: 0-9 * #. Ctrl-C or ! hangs up."
    assert "hears  keyed 846" in out.getvalue()
    assert termios.tcgetattr(phone) == before


async def test_a_pause_as_long_as_the_hotline_waits_is_silence(
    hotline: Echo, carrier: Carrier, terminal: tuple[int, int]
) -> None:
    fingers, phone = terminal

    async def dial() -> int:
        return await run_interactive(carrier, io.StringIO(), Keypad(phone), aloud=True)

    async with asyncio.timeout(10):
        running = asyncio.create_task(dial())
        await hotline.keyed.wait()
        os.write(fingers, b"0#")
        assert await running == 0
    assert hotline.pressed == ["", "0"]


async def test_ctrl_c_hangs_up(hotline: Echo, carrier: Carrier, terminal: tuple[int, int]) -> None:
    _, phone = terminal
    asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGINT)
    async with asyncio.timeout(30):
        assert await run_interactive(carrier, io.StringIO(), Keypad(phone)) == 0
    assert (hotline.pressed, hotline.statuses) == ([], ["completed"])
