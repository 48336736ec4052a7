"""The record of a call: what comes of its path and its end, put together from parts that may come in any order."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from ivr.call_records.path import AgeBand, Passage, passages
from ivr.call_records.ways import Ways
from ivr.calling_numbers import is_telephone

Ending = Literal["unknown", "hotline", "caller"]
"""Who hung up. Unknown: the carrier never told the end, and nothing was heard of the call for a quarter of an hour."""

Outcome = Literal["self_service", "agent", "left_word", "gave_up"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("self_service", "agent", "left_word", "gave_up")

WITHHELD: Final = "withheld"


class Trace(Struct, frozen=True, omit_defaults=True):
    """What is left of a call when it is over, as the worker that saw its end has it. Instants are ms since 1970.

    `path` is numbered by the `version`. `ended` is 0 where the end is not known.
    """

    call: str
    caller: str = ""
    hotline: str = ""
    version: str = ""
    started: int = 0
    ended: int = 0
    ending: Ending = "unknown"
    path: bytes = b""
    spoke: bool = False


class CallRecord(Struct, frozen=True, omit_defaults=True):
    """The record of a call, or a part of one. Instants are ms since 1970; `started` and `ended` are 0 if not known.

    `caller` is the last four digits of the calling number. `spoke`: the carrier told that a human was on the line.
    `agent` is who that was, where the console knows, and `group` the agents who were asked last.
    """

    call: str
    caller: str = ""
    hotline: str = ""
    version: str = ""
    started: int = 0
    ended: int = 0
    ending: Ending = "unknown"
    passages: tuple[Passage, ...] = ()
    spoke: bool = False
    agent: str = ""
    group: str = ""

    # --- what follows from it ---

    @property
    def began(self) -> int:
        """When the call began, or ended where that is all that is known."""
        return self.started or self.ended

    @property
    def whole(self) -> bool:
        """Whether every turn of the call is there, and its end. Redis may have lost some of it, or been away."""
        if self.ending == "unknown" or not self.passages or self.passages[0].turn:
            return False
        return all(follows(one, after) for one, after in pairwise(self.passages))

    @property
    def outcome(self) -> Outcome:
        """Say what became of the call.

        ``agent``: the caller spoke with a human. ``left_word``: a callback is booked, or a message left.
        ``self_service``: the hotline gave an answer, and no human was asked for after the last one. All else is
        ``gave_up``.
        """
        if self.spoke or any(one.spoke for one in self.passages):
            return "agent"
        if any(one.left_word for one in self.passages):
            return "left_word"
        last_answer = max((place for place, one in enumerate(self.passages) if one.told), default=None)
        served = last_answer is not None and not any(one.human for one in self.passages[last_answer:])
        return "self_service" if served else "gave_up"

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that were spoken, in the order in which they first were."""
        return tuple(dict.fromkeys(one.lang for one in self.passages if one.lang))

    @property
    def answered_after(self) -> int | None:
        """The ms from the start until the first answer was spoken; None where none was."""
        return next((one.at for one in self.passages if one.told), None)

    @property
    def age(self) -> AgeBand:
        """The caller's age as far as it became known last."""
        return next((one.age for one in reversed(self.passages) if one.age), "")

    @property
    def verified(self) -> bool:
        """Whether the caller was verified at any time of the call."""
        return any(one.verified for one in self.passages)

    @property
    def slow(self) -> bool:
        """Whether the call was in slow mode at any time."""
        return any(one.slow for one in self.passages)

    def slips(self, kind: str) -> int:
        """Count the silences, or the wrong keys and entries, of the call."""
        return sum(one.slip == kind for one in self.passages)


def follows(one: Passage, after: Passage) -> bool:
    """Tell whether nothing is missing between two passages; rounds in a queue are none."""
    return one.turn + 1 == after.turn or (one.human and one.turn < after.turn)


def record_of(trace: Trace, ways: Ways | None) -> CallRecord:
    """Make the record of a trace; without the ways of its version the path cannot be read and is left out."""
    walked = passages(trace.path, ways) if ways is not None else ()
    groups = ways.groups if ways is not None else {}
    asked = [groups[one.here] for one in walked if one.here in groups]
    return CallRecord(
        call=trace.call,
        caller=trace.caller,
        hotline=trace.hotline,
        version=trace.version,
        started=trace.started,
        ended=trace.ended,
        ending=trace.ending,
        passages=walked,
        spoke=trace.spoke,
        group=asked[-1] if asked else "",
    )


def merged(parts: Iterable[CallRecord]) -> CallRecord:
    """Put the parts of one call's record together, whichever came first and however often; at least one is needed.

    Of two passages of the same turn the one counts that came first: a turn is committed once, so they only differ where
    one was made without Redis. The first end that was told counts: the carrier may tell it again.
    """
    first, *others = parts
    for other in others:
        turns = {one.turn: one for one in (*other.passages, *first.passages)}
        first = replace(
            first,
            caller=first.caller or other.caller,
            hotline=first.hotline or other.hotline,
            version=first.version or other.version,
            started=min(filter(None, (first.started, other.started)), default=0),
            ended=_end(first, other),
            ending=_ending(first.ending, other.ending),
            passages=tuple(turns[turn] for turn in sorted(turns)),
            spoke=first.spoke or other.spoke,
            agent=first.agent or other.agent,
            group=first.group or other.group,
        )
    return first


def _end(one: CallRecord, other: CallRecord) -> int:
    known = [part.ended for part in (one, other) if part.ending != "unknown"]
    return min(known) if known else max(one.ended, other.ended)


def _ending(one: Ending, other: Ending) -> Ending:
    return "hotline" if "hotline" in (one, other) else "caller" if "caller" in (one, other) else "unknown"


def masked(calling: str) -> str:
    """Give what a record keeps of a calling number: its last four digits."""
    return calling[-4:] if is_telephone(calling) else WITHHELD
