"""What a channel is given to write: a turn, and the sealed token that names where its caller goes on."""

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from ivr.agents.legs import queue_name
from ivr.call import End, Enqueue, Session, Turn, Utterance, Wait
from ivr.flow import AgentGroup
from ivr.seals import Position, Seals, position_of
from ivr.store import Ended, Kept


class AnotherCall(Exception):  # noqa: N818 - it is no error: somebody's webhook is not of the call that it names
    """A webhook names a call whose first webhook had another caller or another number dialled."""


class Call(NamedTuple):
    """A call as the carrier names it."""

    sid: str
    dialled: str
    calling: str = ""

    def bound(self, session: Session) -> Session:
        """Give a call's session the parties that it has from now on, where it has none yet.

        They lie sealed with the session. What the carrier did not tell, or told in no proper form, binds nothing.
        """
        return replace(session, parties=(self.calling, self.dialled)) if session.parties == ("", "") else session

    def checked(self, kept: Kept | Ended | None) -> Kept | Ended | None:
        """Give what the store has of this call; raises AnotherCall where it is of other parties than the webhook's.

        Parties do not change as long as a call lasts.
        """
        parties = kept.session.parties if isinstance(kept, Kept) else ("", "")
        for known, told in zip(parties, (self.calling, self.dialled), strict=True):
            if known and told and known != told:
                raise AnotherCall(self.sid)
        return kept


class Queue(NamedTuple):
    """The carrier's queue of one caller: its name, and the token that names where the call goes on after it."""

    name: str
    token: str


class Page(NamedTuple):
    """All that a channel needs to write a turn: `token` names where the caller goes on, `kind` how."""

    turn: Turn
    token: str
    kind: str
    group: AgentGroup | None = None
    queue: Queue | None = None


class Pages:
    """Turns into documents: `write` is the channel's. The same call at the same place always gets the same bytes."""

    def __init__(self, seals: Seals, write: Callable[[Page], bytes]) -> None:
        self._seals = seals
        self._write = write

    def token(self, call: Call, session: Session) -> str:
        """Give the token of the turn after the session's own."""
        return self._seals.seal_token("turn", call.sid, position_of(session))

    def turn(
        self, call: Call, session: Session, turn: Turn, group: AgentGroup | None, token: str | None = None
    ) -> bytes:
        """Write the turn that brought a call to where the session stands; ``token`` is its own where it is made yet."""
        queue = self._queue(call, session) if isinstance(turn.next, Enqueue) else None
        return self._write(Page(turn, token or self.token(call, session), "turn", group, queue))

    def poll(self, call: Call, before: Session, say: tuple[Utterance, ...]) -> bytes:
        """Write what is said while work goes on, and come back for its reply: made from where the call stood before."""
        return self._go_to("poll", call, position_of(before), say)

    def on(self, call: Call, position: Position, say: tuple[Utterance, ...] = ()) -> bytes:
        """Send the call on to a turn, without a word unless there is something to say."""
        return self._go_to("turn", call, position, say)

    def last(self, say: tuple[Utterance, ...]) -> bytes:
        """Say something and hang up."""
        return self._write(Page(Turn(say, End()), "", "turn"))

    def opened(self, kinds: tuple[str, ...], call: Call, token: str) -> Position | None:
        """Open a token of this call and of one of the kinds; None for anything else."""
        for kind in kinds:
            if found := self._seals.open_token(kind, call.sid, token):
                return found
        return None

    def _queue(self, call: Call, session: Session) -> Queue:
        """Give each caller a queue of the carrier's that nobody else is in: the order of callers is kept elsewhere."""
        return Queue(queue_name(call.sid), self._seals.seal_token("queue", call.sid, position_of(session)))

    def _go_to(self, kind: str, call: Call, position: Position, say: tuple[Utterance, ...]) -> bytes:
        return self._write(Page(Turn(say, Wait()), self._seals.seal_token(kind, call.sid, position), kind))


def turn_of(position: Position | None) -> int | None:
    """Give the turn that a token is for; None for one that did not open."""
    return None if position is None else position.turn
