"""The scripted account service as the lookups see it, without HTTP: for calls on the engine alone."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from ivr.accounts import contract
from ivr.accounts.client import AccountClient, Outage, ReferenceExpired, Refused
from ivr.accounts.contract import Verified
from ivr.call import Credential
from scripted_accounts import EXPIRED, OUTAGE, VERIFICATIONS, ScriptedAccounts

Record = TypeVar("Record")


class ScriptedClient(AccountClient):
    """Reads the same scripted answers as the service, through the same contract."""

    def __init__(self, accounts: ScriptedAccounts) -> None:
        super().__init__("http://127.0.0.1:9", "unused")
        self._accounts = accounts

    async def verify(
        self, credential: Credential, secret_kind: str, secret: str, *, call_id: str, region: str | None
    ) -> Verified | Refused:
        self._accounts.asked.append(("verify", call_id, {"secret": {"value": secret}}))
        status, answer = VERIFICATIONS[self._accounts._next("verify")]
        if status == 200:
            return Verified.model_validate_json(json.dumps(answer))
        if answer["code"] in ("invalid_credentials", "locked"):
            return Refused(locked=status == 423)
        raise Outage(answer["code"])

    async def _read(self, ref: str, what: str, read: Callable[[bytes], Record], call_id: str) -> Record:
        answer: Any = self._accounts._next(what)
        if answer == OUTAGE:
            raise Outage("unavailable")
        if answer == EXPIRED:
            raise ReferenceExpired("the member reference has expired")
        return read(json.dumps(answer).encode())


__all__ = ["ScriptedClient", "contract"]
