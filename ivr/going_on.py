"""Going on with a call that broke off: what is kept of it, and how the next call of the same caller comes there."""

from ivr.call import Answered, Session
from ivr.flow import CallNode, LookupNode, MenuNode
from ivr.inquiry import Inquiry
from ivr.library import Library

SERVICES = ("balance", "years", "details", "status")
"""Choices in the main menu that a call which broke off goes on with, by the names of their nodes.

All of them ask for a verification, so none is named before it. Policy needs none, and would name itself; so would the
password menu, whose callers may have no password to verify with.
"""


def unfinished(library: Library, session: Session) -> str:
    """Give the choice that a call ends in the middle of, also where it had been gone on with; nothing where none."""
    if session.answered or not session.in_service or session.hotline not in library.hotlines.hotlines:
        return ""
    service = service_of(library, session.hotline, session.asked)
    return service if service in SERVICES else ""


def service_of(library: Library, hotline: str, chosen: str) -> str:
    """Give the name of a choice in the main menu, also where a call that broke off was gone on with."""
    ways = [node.outcomes for node in _goes_on(library, hotline)] if hotline in library.hotlines.hotlines else []
    return next((one for one in SERVICES if chosen in (one, *(way.get(one) for way in ways))), chosen)


def services_of(library: Library, session: Session) -> tuple[str, ...]:
    """Give the choices of a call in the main menu, by name, each once."""
    return tuple(dict.fromkeys(service_of(library, session.hotline, one) for one in session.services))


async def dropped(inquiry: Inquiry) -> Answered:
    """Say whether this caller's last call broke off before its answer, and can be gone on with at this hotline."""
    chosen = inquiry.session.facts.get("dropped", "")
    return Answered("yes" if chosen in SERVICES and _has(inquiry, chosen) else "no")


def _has(inquiry: Inquiry, service: str) -> bool:
    """Tell whether a menu of the hotline's first flow leads to a service; the call may have broken off at another."""
    nodes = inquiry.library.flows[inquiry.hotline.flow].nodes
    chosen = {to for node in nodes.values() if isinstance(node, MenuNode) for to in node.keys.values()}
    ways = (node.outcomes[service] for node in _goes_on(inquiry.library, inquiry.session.hotline))
    return service in chosen and any(isinstance(nodes[way], CallNode) for way in ways)


def _goes_on(library: Library, hotline: str) -> list[LookupNode]:
    """Give the nodes of a hotline's first flow that lead to what had been chosen."""
    nodes = library.flows[library.hotlines.hotlines[hotline].flow].nodes.values()
    return [node for node in nodes if isinstance(node, LookupNode) and node.call == "go_on"]


async def go_on(inquiry: Inquiry) -> Answered:
    """Say what was chosen in the call that broke off; it is named to nobody before the verification."""
    chosen = inquiry.session.facts.get("dropped", "")
    return Answered(chosen if chosen in SERVICES else SERVICES[0])
