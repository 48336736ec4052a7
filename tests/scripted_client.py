"""The scripted account service as the lookups see it, without HTTP: for calls on the engine alone."""

import json
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from scripted_accounts import (
    EXPIRED,
    MESSAGES,
    OUTAGE,
    PASSWORD_CHANGES,
    SMS_CODES,
    VERIFICATIONS,
    ScriptedAccounts,
    verification,
)

from ivr.accounts import contract
from ivr.accounts.client import AccountClient, Outage, ReferenceExpired, Refused
from ivr.accounts.contract import Verified
from ivr.call import Credential

Record = TypeVar("Record")


class ScriptedClient(AccountClient):
    """Reads the same scripted answers as the service, through the same contract."""

    def __init__(self, accounts: ScriptedAccounts) -> None:
        super().__init__("http://127.0.0.1:9", "unused")
        self._accounts = accounts

    async def verify(
        self, credential: Credential, secret_kind: str, secret: str, *, call_id: str, region: str | None
    ) -> Verified | Refused:
        self._reach()
        question = verification(secret_kind)
        body = {"credential": _told(credential), "secret": {"value": secret}, "region": region}
        self._accounts.asked.append((question, call_id, body))
        status, answer = VERIFICATIONS[self._accounts._next(question)]
        if status == 200:
            return Verified.model_validate_json(json.dumps(answer))
        if answer["code"] in ("invalid_credentials", "locked"):
            return Refused(locked=status == 423)
        raise Outage(answer["code"])

    async def send_sms_code(self, credential: Credential, *, call_id: str, idempotency_key: str) -> None:
        self._reach()
        body = {"credential": _told(credential), "idempotency_key": idempotency_key}
        self._accounts.asked.append(("sms-codes", call_id, body))
        status, _ = SMS_CODES[self._accounts._next("sms-codes")]
        if status not in (202, 429):
            raise Outage("unavailable")

    async def change_pin(self, _: str, new_pin: str, *, call_id: str) -> Literal["changed", "weak"]:
        self._reach()
        self._accounts.asked.append(("pin", call_id, {"new_pin": new_pin}))
        problem = PASSWORD_CHANGES[self._accounts._next("pin")][1]
        if problem is None:
            return "changed"
        if problem["code"] == "reference_expired":
            raise ReferenceExpired("the member reference has expired")
        if problem["code"] != "weak_pin":
            raise Outage(problem["code"])
        return "weak"

    async def send_message(self, _: str, text: str, *, call_id: str, idempotency_key: str) -> None:
        self._reach()
        self._accounts.asked.append(("messages", call_id, {"text": text, "idempotency_key": idempotency_key}))
        problem = MESSAGES[self._accounts._next("messages")][1]
        if problem is not None:
            raise ReferenceExpired("ended") if problem["code"] == "reference_expired" else Outage(problem["code"])

    async def _read(self, _: str, what: str, read: Callable[[bytes], Record], call_id: str) -> Record:
        self._reach()
        self._accounts.asked.append((what.partition("?")[0], call_id, None))
        answer: Any = self._accounts._next(what.partition("?")[0])
        if answer == OUTAGE:
            raise Outage("unavailable")
        if answer == EXPIRED:
            raise ReferenceExpired("the member reference has expired")
        return read(json.dumps(answer).encode())

    def _reach(self) -> None:
        if self.out:
            raise Outage("not_asked")


def _told(credential: Credential) -> dict[str, str]:
    return {"kind": credential.kind, "number": credential.number}


__all__ = ["ScriptedClient", "contract"]
