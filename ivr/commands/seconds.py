"""The command `seconds`: how long callers listen before the sum of their balance has been said, in each language."""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from typer import echo

from ivr.app import load_library
from ivr.call import Answered, Ask, Changes, Event, Keyed, Listen, Member, Next, Session, Started, Utterance
from ivr.clock import wall_clock
from ivr.commands.serving import read_settings
from ivr.engine import begin, step
from ivr.flow import LANGUAGE_KEYS
from ivr.library import Library, LibraryError
from ivr.lint.spoken import characters
from ivr.settings import SettingsError
from ivr.speech import words

PACES: Final = (120, 180)
"""Han characters, or words of English, a minute: slow speech, and the usual pace."""

NUMBER, PASSWORD = "110105198503122173", "846275"
BALANCE: Final = {"balance": "20180.05", "as_of": "2026-11-20"}
VERIFIED_MS: Final = 15 * 60_000

KEYS: Final[Sequence[tuple[str, str, Keyed]]] = (
    ("key", "for key 1", Keyed("1")),
    ("number", "for a number", Keyed(NUMBER, ended=True)),
    ("six", "for a password", Keyed(PASSWORD)),
)
"""The keys of the query, and what the hotline has to listen for at each."""


class NoSumError(ValueError):
    """This hotline tells no sum after key 1, a number and a password; the sentence says what it does instead."""


class Listening(NamedTuple):
    """Han characters and words of English that are heard until the sum has been said.

    `practised`: by who keys without waiting, so after the last key. `first_time`: by who hears all prompts to the end;
    in another language than the first one of the hotline, the greeting before its key as well.
    """

    lang: str
    practised: int
    first_time: int


def print_seconds(to: str) -> int:
    """Print the table for the hotline that a dialled number leads to; return the exit status."""
    if not re.fullmatch(r"\+?[0-9]{1,15}", to):
        raise SettingsError(f"--to {to}: expected a telephone number, digits and perhaps + before them.")
    settings = read_settings()
    try:
        library = load_library(settings)
        found = [listened(library, to, lang, wall_clock()) for lang in library.hotline_for(to)[1].languages]
    except (LibraryError, NoSumError) as error:
        echo(f"{error}\nNothing is counted until that is put right.", err=True)
        return 1
    name, _ = library.hotline_for(to)
    echo(f"Seconds of speech at hotline '{name}' until {BALANCE['balance']} has been said: key 1, number, password.")
    echo(_row("language", "caller", *(f"{pace} a minute" for pace in PACES)))
    for one in found:
        for caller, count in (("practised", one.practised), ("first-time", one.first_time)):
            echo(_row(one.lang, caller, *(f"{count * 60 / pace:.1f}" for pace in PACES)))
    echo("A minute has so many Han characters, or words of English. Who is practised keys at once; who calls for the")
    echo("first time hears everything to its end. Pauses, keying and the account service are not counted.")
    return 0


def listened(library: Library, to: str, lang: str, now: int) -> Listening:
    """Call the number on the engine, in one of its hotline's languages, at ``now`` (ms since 1970), and count.

    Raises `NoSumError` where the hotline tells no sum after key 1, a number and a password.
    """
    name, hotline = library.hotline_for(to)
    call = _Call(library, begin(library, name, now), now)
    heard = call.hears(Started())
    if lang != hotline.languages[0]:
        [key] = [key for key, leads_to in LANGUAGE_KEYS[hotline.languages[0]].items() if leads_to == lang]
        heard += call.hears(Keyed(key))
    last: list[Utterance] = []
    for mode, what, keys in KEYS:
        if not isinstance(call.next, Listen) or call.next.mode != mode:
            raise NoSumError(f"Hotline '{name}' does not listen {what} where it should, in a call for the balance.")
        heard += last
        last = call.hears(keys)
    practised = _until_sum(last, name)
    return Listening(lang, practised, sum(characters(one.text) for one in heard) + practised)


def _until_sum(said: Sequence[Utterance], hotline: str) -> int:
    count = 0
    for one in said:
        before, found, _ = one.text.partition(words(BALANCE["balance"], "money", one.lang))
        count += characters(before + found)
        if found:
            return count
    raise NoSumError(f"Hotline '{hotline}' says no sum after key 1, a number and a password.")


class _Call:
    """A call on the engine, in which everything that is asked goes well."""

    def __init__(self, library: Library, session: Session, now: int) -> None:
        self.next: Next | None = None
        self._library = library
        self._session = session
        self._now = now
        self._answers = {
            "dropped": Answered("no"),
            "gate": Answered("open"),
            "verify": Answered("ok", changes=Changes(member=Member("ref", now, now + VERIFIED_MS))),
            "balance": Answered("ok", BALANCE, personal=True),
        }

    def hears(self, event: Event) -> list[Utterance]:
        """Give what is said until the call waits for its caller again."""
        said: list[Utterance] = []
        while True:
            self._session, turn = step(self._library, self._session, event, self._now)
            said += turn.say
            self.next = turn.next
            if not isinstance(turn.next, Ask):
                return said
            if turn.next.lookup not in self._answers:
                raise NoSumError(f"A call for the balance asks '{turn.next.lookup}', which leads to no sum.")
            event = self._answers[turn.next.lookup]


def _row(*cells: str) -> str:
    return f"{cells[0]:<10}{cells[1]:<12}" + "".join(f"{cell:>14}" for cell in cells[2:])
