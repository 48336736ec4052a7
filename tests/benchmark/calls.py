"""The calls of the load: each with its own number and member, and its webhooks as the carrier would post them."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from ivr.carrier.signing import sign
from ivr.settings import DEMO_ACCOUNT_SID
from ivr.speech import words
from ivr.validators import check_character

AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
PASSWORD = "846275"
BALANCE = "20180.05"
SPOKEN_BALANCE = words(BALANCE, "money", "zh")

_ACTION = re.compile(r'action="([^"#]+)')


class Entry(NamedTuple):
    """What a caller keys at a prompt, as the fields in which the carrier tells it."""

    digits: str
    finished_on: str = ""


class Phase(NamedTuple):
    """A turn that is measured: what has to be keyed before it, what is keyed in it, and what its reply has to hold.

    ``None`` among the entries stands for the caller's own ID number.
    """

    name: str
    before: tuple[Entry | None, ...]
    measured: Entry
    reply_holds: str


MENU = Phase("menu", (), Entry("1"), 'finishOnKey="#"')
_VERIFIED = (Entry("1"), None, Entry(PASSWORD), Entry("*"))
VERIFIED_BALANCE = Phase("verified balance", _VERIFIED, Entry("1"), SPOKEN_BALANCE)
"""A caller who is verified asks for the balance: a turn with one account request."""
PASSWORD_TURN = Phase("password to balance", (Entry("1"), None), Entry(PASSWORD), SPOKEN_BALANCE)
"""The turn before that: the password is checked and the balance told, with two account requests."""
PHASES = (MENU, VERIFIED_BALANCE, PASSWORD_TURN)


class NotAnswered(Exception):  # noqa: N818 - reads as what happened
    """A contender did not answer as a hotline does; the message is one sentence."""


@dataclass
class Caller:
    """One call: a caller nobody else is, and where the carrier posts next. ``url`` is the contender's public one."""

    sid: str
    number: str
    id_number: str
    url: str
    path: str = "/twilio/voice"

    def post(self, entry: Entry | None = None) -> bytes:
        """Give the whole signed request with which the carrier tells what was keyed; without an entry, of the call."""
        fields = {
            "CallSid": self.sid,
            "AccountSid": DEMO_ACCOUNT_SID,
            "From": self.number,
            "To": "12333",
            "Caller": self.number,
            "Called": "12333",
            "CallStatus": "ringing" if entry is None else "in-progress",
            "ApiVersion": "2010-04-01",
            "Direction": "inbound",
            **{f"{end}{part}": "" for end in ("From", "To") for part in ("City", "State", "Zip", "Country")},
        }
        if entry is not None:
            fields |= {"Digits": entry.digits, "FinishedOnKey": entry.finished_on, "msg": "Gather End"}
        body = urlencode(fields)
        signature = sign(AUTH_TOKEN, self.url + self.path, fields.items())
        head = (
            f"POST {self.path} HTTP/1.1\r\n"
            f"Host: {self.url.removeprefix('http://')}\r\n"
            "User-Agent: TwilioProxy/1.1\r\n"
            "Accept: */*\r\n"
            "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
            f"X-Twilio-Signature: {signature}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()

    def keyed(self, entry: Entry | None) -> Entry:
        """Give what this caller keys for an entry of a phase; a keypad has a star for X."""
        return Entry(self.id_number.replace("X", "*"), "#") if entry is None else entry

    def hear(self, reply: bytes) -> None:
        """Take from a reply where to post next. Raises `NotAnswered` where it does not say."""
        found = _ACTION.search(reply.decode("utf-8", "replace"))
        if found is None:
            raise NotAnswered(f"Expected a reply with an action to go on at, got {reply[:300]!r}.")
        action = html.unescape(found[1])
        self.path = "/" + action.partition("://")[2].partition("/")[2] if "://" in action else action


def callers(url: str, first: int = 0) -> Iterator[Caller]:
    """Give callers without end, none like another, from the ``first`` on; their ID numbers are valid ones."""
    index = first
    while True:
        days, order = divmod(index, 900)
        born = date(1950, 1, 1) + timedelta(days=days)
        first17 = f"110105{born:%Y%m%d}{100 + order}"
        yield Caller(f"CA{index:032x}", f"+86138{index:08}", first17 + check_character(first17), url)
        index += 1
