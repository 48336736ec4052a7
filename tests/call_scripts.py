"""Call scripts: YAML files that tell what is pressed and what is heard, run on the engine and over HTTP.

    call: balance is told after one wrong password
    to: "12333"                                   # the number dialled
    at: "2026-11-18T14:00+08:00"                  # when the call comes in; without it at no time in particular
    from: anonymous                               # the calling number; without it one of the mainland
    dropped: years                                # what the caller had chosen in a call that broke off just before
    queue: true                                   # callers wait for agents; without it the group's numbers are rung
    ahead: 2                                      # so many wait for a human already
    brisk: true                                   # humans have answered ten callers in the last ten minutes
    agents_only: true                             # self-service is switched off when the call comes in
    agent: busy                                   # how a dial ends: answered, busy, no-answer, failed, canceled
    rings: 120                                    # seconds that pass until a dial has ended
    service: {verify: [wrong, ok], balance: [{balance: "12034.50", as_of: "2026-10-31", status: normal}]}
    used_up: ["id_card 110105198503122173"]       # accounts that have no attempt left today
    codes_used_up: ["id_card 110105198503122173"] # accounts to which no code may be sent any more today
    booked: ["13800138000"]                       # numbers to which a callback is open already
    callbacks_used_up: true                       # the caller may book no more callbacks today
    messages_used_up: true                        # the caller may leave no more messages today
    verified: ["id_card 110105198503122173"]      # the numbers that reach the account service, in their order
    set: ["738215"]                               # the new passwords that reach the account service, in their order
    texts: ["余额…"]                               # the text messages that reach the account service, in their order
    script:
      - hears: [main.long]
      - press: "1"                                # keys at one prompt; "-" is silence
        hears: [identify.ask_number]              # prompt ids, in their order, and nothing else
        spoken: 请输入…                            # optionally, words that must be among what is heard
        slow: false                               # optionally, whether all of it is spoken slowly
        waits: 10                                 # optionally, seconds that are then waited for a key
        then: end                                 # the call ends here; without it the call goes on
      - press: "9"
        times: 3                                  # the same again, so many times in all
        hears: [main.long]
      - press: "speak 12 #"                       # a message of 12 seconds is spoken and ended by this key, # or *
        hears: [message.kept]
      - press: "agent takes"                      # not a key: out of the queue, for a talk
        hears: [survey.ask]
      - press: "one goes"                         # not a key: one of those who are ahead is served; nothing is heard
      - press: "one comes"                        # not a key: somebody else begins to wait; nothing is heard
      - press: "wait 301"                         # not a key: seconds pass; nothing is heard
      - press: "counts lost"                      # not a key: the store loses its counts; nothing is heard
      - press: "nothing kept"                     # not a key: the store keeps nothing that was keyed or said
      - press: "service out"                      # not a key: the account service is known to be out; nothing is heard

What is heard is compared to the prompts of the library, so that scripts survive a rewording. Every scripted answer of
the service must be used, and a call that has ended takes no more keys.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from scripted_accounts import ScriptedAccounts

from ivr.call import DialOutcome, Utterance
from ivr.library import Library

CALLS = Path(__file__).parent / "calls"

COUNTS_LOST = "counts lost"

NOTHING_KEPT = "nothing kept"

SERVICE_OUT = "service out"

AGENT_TAKES = "agent takes"

ONE_GOES, ONE_COMES = "one goes", "one comes"

VERIFYING = ("verify", "verify-code")

AGENTS: Mapping[str, DialOutcome] = {
    "answered": "answered",
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "no_answer",
}
"""How a dial ends, by the carrier's word for it: one that was taken back has reached nobody either."""

SERVICE_KEYS: Mapping[str, str] = {
    "balance": "1",
    "years": "2",
    "details": "3",
    "status": "4",
    "policy": "5",
    "password": "6",
}
"""The keys of the main menu by what they choose."""

VOICE_LANGUAGES: Mapping[str, str] = {"cmn-CN": "zh", "yue-CN": "yue", "en-US": "en"}

_HEADERS = {"call", "to", "at", "agent", "rings", "service", "used_up", "codes_used_up", "verified"}
_HEADERS |= {"from", "booked", "callbacks_used_up", "messages_used_up", "dropped", "set", "texts", "script"}
_HEADERS |= {"queue", "ahead", "brisk", "agents_only"}
_FIELDS = {"press", "hears", "spoken", "slow", "waits", "then", "times"}
_PRESSES = re.compile(
    r"[0-9*#]+|-|wait [0-9]+|speak [0-9]+ [#*]|counts lost|nothing kept|service out"
    r"|agent takes|one goes|one comes"
)


@dataclass(frozen=True)
class Line:
    """One thing that the caller does, or that happens meanwhile, and what is heard next."""

    step: int
    press: str | None
    hears: tuple[str, ...]
    spoken: str | None
    slow: bool | None
    waits: int | None
    ends: bool

    @property
    def passes(self) -> int | None:
        """Give the seconds that pass, where that is all that happens."""
        press = self.press or ""
        return int(press.removeprefix("wait ")) if press.startswith("wait ") else None

    @property
    def speaks(self) -> tuple[int, str] | None:
        """Give the seconds of speech and the key that ends them, where a message is spoken."""
        seconds, _, key = (self.press or "").removeprefix("speak ").partition(" ")
        return (int(seconds), key) if key and seconds.isdecimal() else None

    def __str__(self) -> str:
        return f"step {self.step}, after {self.press!r}"


@dataclass(frozen=True)
class Script:
    """A whole call. Accounts are a kind and a number; `at` is milliseconds since 1970, None where any time will do."""

    call: str
    to: str
    at: int | None
    from_: str
    dropped: str
    agent: str
    rings: int
    service: dict[str, list[Any]]
    used_up: tuple[tuple[str, str], ...]
    codes_used_up: tuple[tuple[str, str], ...]
    booked: tuple[str, ...]
    callbacks_used_up: bool
    messages_used_up: bool
    queue: bool
    ahead: int
    brisk: bool
    agents_only: bool
    verified: tuple[tuple[str, str], ...] | None
    set: tuple[str, ...] | None
    texts: tuple[str, ...] | None
    lines: tuple[Line, ...]


@cache
def scripts(folder: Path = CALLS) -> tuple[Script, ...]:
    """Read every call script of a folder: once, and by the reader in C, since every process of the tests needs them."""
    return tuple(
        _script(path.name, data)
        for path in sorted(folder.glob("*.yaml"))
        for data in yaml.load_all(path.read_bytes(), yaml.CSafeLoader)
    )


def _script(file: str, data: dict[str, Any]) -> Script:
    where = f"{file}: '{data.get('call')}'"
    assert not data.keys() - _HEADERS, f"{where}: a call script has no {data.keys() - _HEADERS}"
    agent = data.get("agent", "answered")
    dropped = data.get("dropped", "")
    assert dropped in ("", *SERVICE_KEYS), f"{where}: a call can break off after {[*SERVICE_KEYS]}, not {dropped!r}"
    assert agent in AGENTS, f"{where}: an agent is one of {list(AGENTS)}, not {agent!r}"
    lines = tuple(one for step, line in enumerate(data["script"], 1) for one in _lines(where, step, line))
    assert not any(line.ends for line in lines[:-1]), f"{where}: something follows the end of the call"
    return Script(
        f"{file.removesuffix('.yaml')}: {data['call']}",
        data.get("to", "12333"),
        _moment(where, data["at"]) if "at" in data else None,
        data.get("from", ""),
        dropped,
        agent,
        data.get("rings", 0),
        data.get("service", {}),
        tuple(_account(one) for one in data.get("used_up", [])),
        tuple(_account(one) for one in data.get("codes_used_up", [])),
        tuple(data.get("booked", ())),
        data.get("callbacks_used_up", False),
        data.get("messages_used_up", False),
        data.get("queue", False),
        data.get("ahead", 0),
        data.get("brisk", False),
        data.get("agents_only", False),
        tuple(_account(one) for one in data["verified"]) if "verified" in data else None,
        tuple(data["set"]) if "set" in data else None,
        tuple(data["texts"]) if "texts" in data else None,
        lines,
    )


def _lines(where: str, step: int, data: dict[str, Any]) -> list[Line]:
    assert not data.keys() - _FIELDS, f"{where}: a line has no {data.keys() - _FIELDS}"
    press = data.get("press")
    assert press is None or isinstance(press, str), f"{where}: quote the keys of {data}"
    assert press is None or _PRESSES.fullmatch(press), f"{where}: nobody can do {press!r}"
    assert data.get("then") in (None, "end"), f"{where}: 'then' can only be 'end', not {data['then']!r}"
    line = Line(
        step,
        press,
        tuple(data.get("hears", ())),
        data.get("spoken"),
        data.get("slow"),
        data.get("waits"),
        data.get("then") == "end",
    )
    if line.passes is not None or press in (COUNTS_LOST, NOTHING_KEPT, SERVICE_OUT, ONE_GOES, ONE_COMES):
        assert data.keys() == {"press"}, f"{where}: nothing is heard at {press!r}"
    else:
        assert "hears" in data, f"{where}: what is heard after {press!r}?"
    return [line] * data.get("times", 1)


def _moment(where: str, text: Any) -> int:
    assert isinstance(text, str), f"{where}: quote the time in 'at'"
    moment = datetime.fromisoformat(text)
    assert moment.tzinfo is not None, f"{where}: the time in 'at' lacks its zone, such as +08:00"
    return round(moment.timestamp() * 1000)


def _account(text: str) -> tuple[str, str]:
    kind, number = text.split()
    return kind, number


def check_heard(library: Library, script: Script, line: Line, heard: Sequence[Utterance]) -> None:
    """Fail where something else is heard than the line says."""
    _, hotline = library.hotline_for(script.to)
    texts = [one.text for one in heard]
    rest = list(heard)
    for prompt in line.hears:
        lang = rest[0].lang if rest else "zh"
        count = _matches(library, hotline.languages, prompt, lang, rest)
        assert count, f"{line}: expected {prompt} of {line.hears}, heard {texts}"
        del rest[:count]
    assert not rest, f"{line}: expected {line.hears}, heard besides {[one.text for one in rest]}"
    if line.spoken is not None:
        assert line.spoken in "".join(texts), f"{line}: expected {line.spoken!r} in {texts}"
    if line.slow is not None:
        slow = [one.slow for one in heard]
        assert slow == [line.slow] * len(heard), f"{line}: expected slow {line.slow}, heard {slow}"


def check_asked(script: Script, accounts: ScriptedAccounts) -> None:
    """Fail where the account service was asked about other numbers, or for other things, than the script says."""
    assert not accounts.unused, f"the script has answers that nobody asked for: {accounts.unused}"
    if script.verified is not None:
        bodies = [body["credential"] for what, _, body in accounts.asked if what in VERIFYING and body]
        assert tuple((one["kind"], one["number"]) for one in bodies) == script.verified
    codes = [body for what, _, body in accounts.asked if what == "sms-codes" and body]
    numbers = {one["idempotency_key"]: one["credential"] for one in codes}
    assert all(numbers[one["idempotency_key"]] == one["credential"] for one in codes), "one key for two accounts' codes"
    if script.set is not None:
        assert tuple(body["new_pin"] for what, _, body in accounts.asked if what == "pin" and body) == script.set
    if script.texts is not None:
        assert tuple(body["text"] for what, _, body in accounts.asked if what == "messages" and body) == script.texts


def check_goes_on(line: Line, *, ended: bool, waits: int | None) -> None:
    """Fail where the call ends, or waits, in another way than the line says. ``waits`` is seconds."""
    assert ended == line.ends, f"{line}: the call {'has ended' if ended else 'goes on'}"
    if line.waits is not None:
        assert waits == line.waits, f"{line}: expected a wait of {line.waits} s, not {waits}"


def _matches(library: Library, offered: Sequence[str], prompt: str, lang: str, heard: Sequence[Utterance]) -> int:
    """Say how many of the first utterances make up a prompt, where these languages are offered; 0 where they do not."""
    for language in (lang, *library.catalogs):
        if language not in library.catalogs:
            continue
        wanted = [
            _pattern(segment.pieces)
            for segment in library.catalogs[language].prompts[prompt].segments
            if segment.lang in (language, *offered)
        ]
        if len(heard) >= len(wanted) and all(
            re.fullmatch(pattern, one.text) for pattern, one in zip(wanted, heard, strict=False)
        ):
            return len(wanted)
    return 0


def _pattern(pieces: Sequence[Any]) -> str:
    return "".join(re.escape(piece) if isinstance(piece, str) else ".+" for piece in pieces)
