"""Keep a call between two turns in Redis: load it, claim work on it, commit its next turn, end it.

A call is one hash ``ivr:{CallSid}`` (n committed turn, t digest of the awaited token, s sealed session, r sealed last
reply, c claim, f failed credentials) and a tombstone ``ivr:{CallSid}:end``, both in one slot; so is what is left of it
for its record. Every write is one script, so that it happens as a whole or not at all, and by the server's clock.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from msgspec import Struct
from redis.asyncio import Redis

from ivr.call import Session
from ivr.redis_line import PATIENCE, Command, RedisLine, StoreAway
from ivr.seals import COMPRESS_ABOVE, Seals

__all__ = ["Busy", "CallStore", "Claim", "Claimed", "Committed", "Ended", "Kept", "Lost", "Peek", "Spent", "StoreAway"]

CLAIM_S = 12.0
"""A claim lives longer than any work (10 s), so only a dead or stalled worker leaves one behind."""
LAST_REPLY_S = 60.0
TOMBSTONE_S = 4 * 3600.0
LEFT_MS = 24 * 3600_000
ROOM = 1600
"""Bytes of session and reply together up to which a call takes about 2 kB in Redis without compression, unless an
attempt failed in it: then counters are kept as well. Compressing one takes a fortieth of a turn's processor time."""

_WORD = re.compile(r"[!-~]{1,100}")


class Claim(Struct, frozen=True):
    """Who works on the turn that is awaited; ``live`` is False once the work can no longer be going on."""

    id: str
    worker: str
    live: bool


class Kept(Struct, frozen=True):
    """A call as it was committed last."""

    turn: int
    awaited: bytes
    session: Session
    open_reply: Callable[[], bytes | None]
    claim: Claim | None
    failed: int

    @property
    def reply(self) -> bytes | None:
        """The last reply; None where it was lost, or nothing was committed yet.

        It is opened where it is asked for: most turns go on to the next one and never need it.
        """
        return self.open_reply()

    def awaits(self, token: str) -> bool:
        """Tell whether these very bytes were handed out for the next turn."""
        return hmac.compare_digest(self.awaited, _digest(token))


class Ended(Struct, frozen=True):
    """A call that is over; for a short while it still has the reply of the turn that ended it."""

    turn: int | None
    reply: bytes | None


class Peek(Struct, frozen=True):
    """What those need to know who wait for the reply of a claim; ``turn`` is None where there is no call."""

    turn: int | None
    claim: Claim | None
    ended: bool


class Committed(Struct, frozen=True):
    """The turn is committed; ``failed`` is what now counts as failed credentials of the call."""

    failed: int


class Lost(Struct, frozen=True):
    """Somebody else moved the call (``reply`` is theirs), it ended, or, where ``claimed``, somebody works on it."""

    turn: int | None
    reply: bytes | None
    ended: bool = False
    claimed: bool = False


class Claimed(Struct, frozen=True):
    """The work is ours; ``failed`` counts the credential reserved for it, ``alongside`` are the answers to steps."""

    failed: int
    alongside: tuple[Any, ...] = ()


class Busy(Struct, frozen=True):
    """Somebody claimed this work already. A dead claim is never taken over: only a commit clears it."""

    claim: Claim


class Spent(Struct, frozen=True):
    """The call has no attempt left; nothing was claimed."""

    failed: int


class CallStore:
    """Calls in Redis. Every method raises StoreAway within ``deadline`` seconds where Redis does not confirm."""

    def __init__(
        self,
        redis: Redis,
        seals: Seals,
        *,
        deadline: float = PATIENCE,
        claim_s: float = CLAIM_S,
        last_reply_s: float = LAST_REPLY_S,
        tombstone_s: float = TOMBSTONE_S,
    ) -> None:
        self._seals = seals
        self._claim_ms = round(claim_s * 1000)
        self._last_reply_ms = round(last_reply_s * 1000)
        self._tombstone_ms = round(tombstone_s * 1000)
        self._line = RedisLine(redis, deadline=deadline)
        self._look = self._line.script("look")
        self._commit = self._line.script("commit")
        self._claim = self._line.script("claim")
        self._end = self._line.script("end")
        self._forget = self._line.script("forget")

    async def load(self, call: str) -> Kept | Ended | None:
        """Load a call; None where there is none.

        A call whose session does not open (damaged, foreign, sealed with a secret that is gone) is forgotten, but for
        its failed credentials and a claim on which somebody works: from then on it counts as absent.
        """
        seen = await self._seen(call)
        if seen.ended:
            return Ended(_number(seen.turn), self._open(call, "reply", seen.reply))
        session = None if seen.session is None else self._seals.open_session(seen.session, call=call)
        if session is not None and seen.turn == b"%d" % session.turn:
            return Kept(
                turn=session.turn,
                awaited=seen.awaited or b"",
                session=session,
                open_reply=partial(self._open, call, "reply", seen.reply),
                claim=seen.claim(),
                failed=_number(seen.failed) or 0,
            )
        if seen.kind == b"foreign" or seen.turn is not None or seen.session is not None:
            args = (seen.turn or b"", seen.session or b"", self._tombstone_ms)
            await self._line.ask(self._forget(keys=_keys(call)[:1], args=args))
        return None

    async def peek(self, call: str) -> Peek:
        """Look at a call's turn and claim alone."""
        seen = await self._seen(call)
        return Peek(_number(seen.turn), seen.claim(), bool(seen.ended))

    async def commit(
        self,
        call: str,
        *,
        expected: int | None,
        session: Session,
        reply: bytes,
        ttl_s: float,
        awaited_token: str | None = None,
        claim: str | None = None,
        give_back_failed: int = 0,
        ends: bool = False,
        left: bytes = b"",
        alongside: Sequence[Command] = (),
    ) -> Committed | Lost:
        """Commit the turn ``session.turn`` with its reply, by compare-and-set.

        Without ``claim`` it goes through where the call still is at turn ``expected`` (None: where there is no call)
        and nobody works on it; a dead claim is cleared. With ``claim``, where that claim still stands; ``expected`` is
        then not looked at. Never after the end. Failed credentials only rise to ``session.failed``, unless
        ``give_back_failed`` returns so many. ``ends`` keeps turn and reply for 60 s, a tombstone for 4 h, and for a day
        what is ``left`` for the record. The steps ``alongside`` are made in the same trip, committed or not.
        """
        if expected is not None and session.turn <= expected:
            raise ValueError(f"A call moves forward: turn {session.turn} cannot be committed after turn {expected}.")
        most = COMPRESS_ABOVE if session.failed or session.owes else ROOM
        sealed = b"" if ends else self._seals.seal_session(session, call=call, room=most)
        commit = self._commit.command(
            keys=[*_keys(call), left_key(call)] if ends else _keys(call),
            args=[
                "" if expected is None else expected,
                claim or "",
                session.turn,
                b"" if awaited_token is None or ends else _digest(awaited_token),
                sealed,
                self._seals.seal(reply, call=call, what="reply", room=max(COMPRESS_ABOVE, most - len(sealed))),
                session.failed,
                int(give_back_failed),
                self._last_reply_ms if ends else round(ttl_s * 1000),
                int(ends),
                self._tombstone_ms,
                *((left, LEFT_MS) if ends else ()),
            ],
        )
        answer = (await self._line.ask_all([commit, *alongside]))[0]
        return Committed(answer[1]) if answer[0] == b"committed" else self._lost(call, answer)

    async def claim(
        self,
        call: str,
        *,
        expected: int | None,
        claim_id: str,
        worker: str,
        session: Session,
        ttl_s: float,
        reserve_failed: bool = False,
        limit_failed: int = 3,
        alongside: Sequence[Command] = (),
    ) -> Claimed | Lost | Busy | Spent:
        """Claim the work of the turn after ``expected``, once for all workers; the same ``claim_id`` again is told so.

        ``session`` is the session before that turn: where there is no call (``expected`` None) the claim makes one of
        it, and its failed credentials count at least. With ``reserve_failed`` the claim takes one of ``limit_failed``
        attempts, or is refused as `Spent`. ``claim_id`` and ``worker`` are printable ASCII without blanks. The steps
        ``alongside`` are made in the same trip, claimed or not.
        """
        if not (_WORD.fullmatch(claim_id) and _WORD.fullmatch(worker)):
            raise ValueError(f"Id and worker are 1-100 printable characters, not {claim_id!r}, {worker!r}.")
        who, counts = (claim_id, worker, self._claim_ms), (int(reserve_failed), limit_failed, session.failed)
        claim = self._claim.command(
            keys=_keys(call),
            args=[
                "" if expected is None else expected,
                *who,
                *counts,
                session.turn,
                self._seals.seal_session(session, call=call) if expected is None else b"",
                max(round(ttl_s * 1000), 2 * self._claim_ms),  # a call must outlive the claim on it
            ],
        )
        answer, *others = await self._line.ask_all([claim, *alongside])
        match answer[0]:
            case b"claimed":
                return Claimed(answer[1], tuple(others))
            case b"spent":
                return Spent(answer[1])
            case b"busy":
                return Busy(Claim(answer[1].decode(), answer[2].decode(), bool(answer[3])))
        return self._lost(call, answer)

    async def end(self, call: str, *, left: bytes = b"", of_turn: int | None = None) -> bool:
        """End a call that the carrier reports as completed: whatever is still worked on comes too late.

        What is ``left`` of it is kept for its record, for a day. With ``of_turn`` a call that is at another turn by now
        is not ended, and False is given.
        """
        args: list[str | bytes | int] = [self._tombstone_ms, left, LEFT_MS, "" if of_turn is None else of_turn]
        return bool(await self._line.ask(self._end(keys=[*_keys(call), left_key(call)], args=args)))

    async def _seen(self, call: str) -> "_Seen":
        return _Seen(*await self._line.ask(self._look(keys=_keys(call))))

    def _open(self, call: str, what: str, sealed: bytes | None) -> bytes | None:
        return None if sealed is None else self._seals.open(sealed, call=call, what=what)

    def _lost(self, call: str, answer: Any) -> Lost:
        why, turn, reply = answer
        return Lost(_number(turn), self._open(call, "reply", reply), why == b"ended", why == b"claimed")


class _Seen(NamedTuple):
    """What the look script gives, as it lies in Redis: nothing of it is to be trusted yet."""

    kind: bytes
    ended: int
    turn: bytes | None = None
    awaited: bytes | None = None
    session: bytes | None = None
    reply: bytes | None = None
    claim_id: bytes | None = None
    worker: bytes | None = None
    live: int = 0
    failed: bytes | None = None

    def claim(self) -> Claim | None:
        if self.claim_id is None or self.worker is None:
            return None
        return Claim(self.claim_id.decode("ascii", "replace"), self.worker.decode("ascii", "replace"), bool(self.live))


def new_password_key(call: str) -> str:
    """Name the key that holds a new password between its two entries, in the call's slot; it ends with the call."""
    return f"ivr:{{{call}}}:new"


def left_key(call: str) -> str:
    """Name the key that has what is left of a call that is over, until its record is on its way."""
    return f"ivr:{{{call}}}:left"


def _keys(call: str) -> list[str]:
    return [f"ivr:{{{call}}}", f"ivr:{{{call}}}:end", new_password_key(call)]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()[:16]


def _number(value: bytes | None) -> int | None:
    return int(value) if value is not None and len(value) <= 9 and value.isdigit() else None
