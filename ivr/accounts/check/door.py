"""Rules about who is let in, and about requests that do not fit the contract."""

from typing import Any, Final

from ivr.accounts.check.expectations import expect_problem, expect_status
from ivr.accounts.check.visit import Visit, about, credential

_HEALTH_WITHIN: Final = 2.0
_UNKNOWN_REF: Final = "no-such-reference"


async def is_healthy(visit: Visit) -> None:
    """GET /healthz answers 200 within 2 s, without the token."""
    answer = await visit.ask("GET", "/healthz", token=None, deadline=_HEALTH_WITHIN)
    expect_status(answer, 200, "GET /healthz")


async def asks_for_the_token(visit: Visit) -> None:
    """Without the bearer token every request is answered 401 with the code unauthorized."""
    await _is_turned_away(visit, None)


async def knows_its_token(visit: Visit) -> None:
    """With a wrong bearer token every request is answered 401 with the code unauthorized."""
    await _is_turned_away(visit, "not-the-token-of-the-hotline")


async def _is_turned_away(visit: Visit, token: str | None) -> None:
    # All of them about nobody: where the token is not looked at, nothing is changed all the same.
    nobody = credential(visit.nobody)
    requests: list[tuple[str, str, dict[str, Any] | None]] = [
        ("POST", "/v1/verifications", visit.verification(visit.nobody, visit.wrong_password, visit.call)),
        ("POST", "/v1/sms-codes", {"credential": nobody, "call_id": visit.call, "idempotency_key": visit.call}),
        ("PUT", about(_UNKNOWN_REF, "pin"), {"new_pin": visit.wrong_password}),
        ("POST", about(_UNKNOWN_REF, "messages"), {"text": "…", "idempotency_key": visit.call}),
        *(("GET", about(_UNKNOWN_REF, what), None) for what in ("balance", "contribution-years", "contributions")),
        *(("GET", about(_UNKNOWN_REF, what), None) for what in ("credits", "transactions", "coverage")),
        *(("GET", about(_UNKNOWN_REF, what), None) for what in ("transfers", "family-sharing")),
    ]
    for method, path, body in requests:
        call = visit.call if path.startswith("/v1/members/") else None
        answer = await visit.ask(method, path, body=body, token=token, call=call)
        expect_problem(answer, "unauthorized", what=f"{method} {path}")
        expect_status(answer, 401, f"{method} {path}")


async def refuses_malformed_verifications(visit: Visit) -> None:
    """A verification that does not fit the contract is answered with a problem, bad_request."""
    # About nobody, so that a service that overlooks the fault counts no failure of the member's.
    right = visit.verification(visit.nobody, visit.wrong_password, visit.call)
    misfits: list[tuple[str, object, tuple[str, ...]]] = [
        ("a list", [right], ()),
        ("no credential", _without(right, "credential"), ()),
        ("no secret", _without(right, "secret"), ()),
        ("no call_id", _without(right, "call_id"), ()),
        ("an unknown kind of number", right | {"credential": {"kind": "passport", "number": visit.nobody}}, ()),
        ("an unknown kind of secret", right | {"secret": {"kind": "voice", "value": "000000"}}, ()),
        ("a password that is no text", right | {"secret": {"kind": "pin", "value": 123}}, ()),
        # Whether a number can be one at all is a service's own knowledge: it may as well say that it knows none such.
        ("a number of eight digits", right | {"credential": credential("12345678")}, ("invalid_credentials",)),
        ("a password of five digits", right | {"secret": {"kind": "pin", "value": "12345"}}, ("invalid_credentials",)),
    ]
    await _refuses(visit, "/v1/verifications", misfits)


async def refuses_malformed_code_requests(visit: Visit) -> None:
    """A request for a code that does not fit the contract is answered with a problem, bad_request."""
    right = {"credential": credential(visit.nobody), "call_id": visit.call, "idempotency_key": visit.call}
    misfits: list[tuple[str, object, tuple[str, ...]]] = [
        ("a list", [right], ()),
        *((f"no {name}", _without(right, name), ()) for name in right),
    ]
    await _refuses(visit, "/v1/sms-codes", misfits)


async def _refuses(visit: Visit, path: str, misfits: list[tuple[str, object, tuple[str, ...]]]) -> None:
    for name, raw in (("an empty body", b""), ("half of an object", b'{"credential": '), ("no UTF-8", b'{"\xff": 1}')):
        expect_problem(await visit.ask("POST", path, raw=raw), "bad_request", what=name)
    for name, body, also in misfits:
        expect_problem(await visit.ask("POST", path, body=body), "bad_request", *also, what=name)


def _without(body: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}
