"""The client of the account service: one deadline for each question, and no answer that is not beyond doubt."""

import asyncio
import time
from collections.abc import Callable
from typing import Literal, NamedTuple, Self, TypeVar
from urllib.parse import quote

from ivr.accounts import contract
from ivr.accounts.breaker import LOOK, Breaker
from ivr.accounts.contract import (
    Balance,
    Contribution,
    ContributionYears,
    Coverage,
    Credit,
    FamilySharing,
    Transaction,
    TransferCase,
    Verified,
)
from ivr.accounts.wire import Observe, Outage, Reply, Wire
from ivr.call import Credential

__all__ = ["AccountClient", "Outage", "ReferenceExpired", "Refused", "Verified"]

T = TypeVar("T")


class ReferenceExpired(Exception):  # noqa: N818 - it is no error: the verification has ended
    """The member reference is no longer good: verification ended, the caller is to be asked again."""


class Refused(NamedTuple):
    """The service does not take number and secret together; ``locked``: it takes nothing for this account now."""

    locked: bool


class AccountClient:
    """Ask the account service at ``base_url``; every question is answered, or an `Outage`, within ``deadline`` s.

    Reads are tried a second time after a broken connection or a 5xx; verifications, codes, password changes and
    messages are sent once. While the ``breaker`` is open nothing is asked: the outage is told at once.

    Raises:
        ValueError: a setting is not what it should be; the text does not repeat it, it may hold a secret.
    """

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        deadline: float = 9.0,
        observe: Observe = lambda *_: None,
        breaker: Breaker | None = None,
    ) -> None:
        self.breaker = breaker or Breaker()
        self._wire = Wire(base_url, token, deadline, observe, self.breaker)

    async def open(self) -> None:
        """Make ready to ask; called on the event loop that will ask."""
        await self._wire.open()

    async def close(self) -> None:
        """Let go of the connections; what is still being asked ends in an `Outage`."""
        await self._wire.close()

    @property
    def out(self) -> bool:
        """Tell whether the service is known to be out, or not known to be back."""
        return self.breaker.state != "closed"

    async def watch(self) -> None:
        """Look after the breaker for as long as the service is used: probe where an outage is suspected or may end."""
        async with asyncio.TaskGroup() as probes:
            while True:
                await asyncio.sleep(LOOK)
                if self.breaker.probe_due():
                    probes.create_task(self._probe())

    async def _probe(self) -> None:
        began = time.monotonic()
        well = await self._wire.healthy()
        self.breaker.probed(began, well=well)

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- without a member -------------------------------------------------------------------------------------------

    async def verify(
        self,
        credential: Credential,
        secret_kind: Literal["pin", "sms_code"],
        secret: str,
        *,
        call_id: str,
        region: str | None,
    ) -> Verified | Refused:
        """Check number and secret together; asked once, whatever happens.

        Raises:
            Outage: no answer, or one that is neither a verification nor a refusal of the caller (such as a 401 for
                the hotline's own token): the attempt may be given back.
        """
        reply = await self._wire.send(
            "verify",
            "POST",
            "/v1/verifications",
            body={
                "credential": {"kind": credential.kind, "number": credential.number},
                "secret": {"kind": secret_kind, "value": secret},
                **({} if region is None else {"region": region}),
                "call_id": call_id,
            },
        )
        del secret, credential  # a traceback that shows the values of names shows neither
        return self._told(reply, _verification)

    async def send_sms_code(self, credential: Credential, *, call_id: str, idempotency_key: str) -> None:
        """Have a code sent; returns alike whether one was sent, too many were, or the number is not known.

        Raises:
            Outage: neither 202 nor 429.
        """
        reply = await self._wire.send(
            "sms-code",
            "POST",
            "/v1/sms-codes",
            body={
                "credential": {"kind": credential.kind, "number": credential.number},
                "call_id": call_id,
                "idempotency_key": idempotency_key,
            },
        )
        del credential
        self._told(reply, _code_taken)

    async def healthy(self) -> bool:
        """Tell whether the service is there; never raises."""
        return await self._wire.healthy()

    # --- about a member: each raises Outage, and ReferenceExpired where the verification has ended -----------------

    async def balance(self, ref: str, *, call_id: str) -> Balance:
        """Ask for the balance of the personal account."""
        return await self._read(ref, "balance", contract.read_balance, call_id)

    async def years(self, ref: str, *, call_id: str) -> ContributionYears:
        """Ask for the contribution time."""
        return await self._read(ref, "contribution-years", contract.read_years, call_id)

    async def contributions(self, ref: str, limit: int = 3, *, call_id: str) -> tuple[Contribution, ...]:
        """Ask for the latest ``limit`` (1 to 24) months of contribution; newest first."""
        found = await self._read(ref, f"contributions?limit={limit}", contract.read_contributions, call_id)
        return tuple(sorted(found, key=lambda one: one.month, reverse=True)[:limit])

    async def credits(self, ref: str, limit: int = 3, *, call_id: str) -> tuple[Credit, ...]:
        """Ask for the latest ``limit`` (1 to 24) monthly credits; newest first."""
        found = await self._read(ref, f"credits?limit={limit}", contract.read_credits, call_id)
        return tuple(sorted(found, key=lambda one: one.month, reverse=True)[:limit])

    async def transactions(self, ref: str, limit: int = 3, *, call_id: str) -> tuple[Transaction, ...]:
        """Ask for the latest ``limit`` (1 to 24) payments; newest first."""
        found = await self._read(ref, f"transactions?limit={limit}", contract.read_transactions, call_id)
        return tuple(sorted(found, key=lambda one: one.date, reverse=True)[:limit])

    async def coverage(self, ref: str, *, call_id: str) -> Coverage:
        """Ask for the participation status."""
        return await self._read(ref, "coverage", contract.read_coverage, call_id)

    async def transfers(self, ref: str, *, call_id: str) -> tuple[TransferCase, ...]:
        """Ask for the cases of moving the insurance; newest first."""
        found = await self._read(ref, "transfers", contract.read_transfers, call_id)
        return tuple(sorted(found, key=lambda one: one.submitted_on, reverse=True))

    async def family_sharing(self, ref: str, *, call_id: str) -> FamilySharing:
        """Ask whether family mutual aid is on, and who is bound."""
        return await self._read(ref, "family-sharing", contract.read_family_sharing, call_id)

    async def change_pin(self, ref: str, new_pin: str, *, call_id: str) -> Literal["changed", "weak"]:
        """Set a new password; sent once."""
        reply = await self._wire.send("pin", "PUT", _of(ref, "pin"), call_id=call_id, body={"new_pin": new_pin})
        del new_pin
        return self._told(reply, lambda got: _change(got, ref))

    async def send_message(self, ref: str, text: str, *, call_id: str, idempotency_key: str) -> None:
        """Have ``text`` (at most 500 characters) sent to the registered mobile; sent once."""
        body = {"text": text, "idempotency_key": idempotency_key}
        reply = await self._wire.send("message", "POST", _of(ref, "messages"), call_id=call_id, body=body)
        self._told(reply, lambda got: _message_taken(got, ref))

    async def _read(self, ref: str, what: str, read: Callable[[bytes], T], call_id: str) -> T:
        reply = await self._wire.send(what.partition("?")[0], "GET", _of(ref, what), call_id=call_id, tries=2)
        return self._told(reply, lambda got: _record(got, ref, read))

    def _told(self, reply: Reply, read: Callable[[Reply], T]) -> T:
        """Read a reply, and let the breaker know what it was worth.

        A 4xx is an answer, except where it says that our own token is not taken, since then nobody can be verified.
        """
        try:
            found = read(reply)
        except Outage as outage:
            if 400 <= reply.status < 500 and outage.reason != "unauthorized":
                self.breaker.answered()
            elif outage.reason != "not_asked":
                self.breaker.failed(reply.ticket)
            raise
        except ReferenceExpired:
            self.breaker.answered()
            raise
        self.breaker.answered()
        return found


def _of(ref: str, what: str) -> str:
    return f"/v1/members/{quote(ref, safe='')}/{what}"


def _verification(reply: Reply) -> Verified | Refused:
    if reply.status == 200:
        verified = reply.fit(contract.read_verified)
        # The contract asks for no such header here; where it is there, it may not be another member's.
        if reply.refs not in {(), (verified.member_ref,)}:
            raise Outage("other_member")
        return verified
    match reply.means():
        case "invalid_credentials":
            return Refused(locked=False)
        case "locked":
            return Refused(locked=True)
        case reason:
            raise Outage(reason)


def _code_taken(reply: Reply) -> None:
    if reply.status != 202 and (reason := reply.means()) != "too_many_codes":
        raise Outage(reason)


def _change(reply: Reply, ref: str) -> Literal["changed", "weak"]:
    if _done(reply, ref, 204):
        return "changed"
    if reply.means() == "weak_pin":
        return "weak"
    raise _ended(reply)


def _message_taken(reply: Reply, ref: str) -> None:
    if not _done(reply, ref, 202):
        raise _ended(reply)


def _record(reply: Reply, ref: str, read: Callable[[bytes], T]) -> T:
    if reply.status != 200:
        raise _ended(reply)
    if reply.refs != (ref,):
        raise Outage("other_member")
    return reply.fit(read)


def _done(reply: Reply, ref: str, status: int) -> bool:
    if reply.status != status:
        return False
    # The contract asks for the header on a 200; where another answer has it, it must hold there too.
    if reply.refs not in {(), (ref,)}:
        raise Outage("other_member")
    return True


def _ended(reply: Reply) -> Outage | ReferenceExpired:
    reason = reply.means()
    return ReferenceExpired("the member reference has expired") if reason == "reference_expired" else Outage(reason)
