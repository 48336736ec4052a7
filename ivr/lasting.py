"""How long a call may last: self-service ends a little before the call does, since a callback takes keys as well."""

from collections.abc import Mapping

from ivr.call import Session
from ivr.flow import Flow, Limits


def is_over(session: Session, limits: Limits) -> bool:
    """Tell whether a call has had all the key turns, or all the minutes of keys, that any call has."""
    return session.key_turns >= limits.key_turns or session.key_ms >= limits.key_minutes * 60_000


def self_service_is_over(session: Session, limits: Limits) -> bool:
    """Tell whether nothing is left of a call's limits but what is kept for humans."""
    turns, ms = limits.of_self_service
    return session.key_turns >= turns or session.key_ms >= ms


def nothing_left(session: Session, limits: Limits, flows: Mapping[str, Flow]) -> bool:
    """Tell whether a call stands where it is over: anywhere but with humans, or with what is offered in their stead."""
    return self_service_is_over(session, limits) and not any(flows[flow].transfers for flow, _ in session.stack)
