"""Rules about what holds for some days: offers in a menu, and the announcements of a hotline."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from ivr.flow import ANNOUNCEMENTS, Announcement, MenuNode, Offer
from ivr.lint.plan import Found, Plan
from ivr.lint.spoken import han
from ivr.problems import listed
from ivr.yamlfile import Path

MAX_ANNOUNCED: Final = 10
"""Han characters of an announcement; what is longer makes every caller wait for the options."""


def days_out_of_order(plan: Plan) -> Iterator[Found]:
    """What ends before it begins is heard on no day."""
    for flow, name, node in plan.nodes():
        for place, offer in enumerate(node.offers) if isinstance(node, MenuNode) else ():
            if _first(offer) > offer.last:
                message = f"The offer '{offer.say}' of menu '{name}' ends on {offer.last}, before it begins."
                path: Path = ("nodes", name, "offers", place, "last")
                yield plan.in_flow(flow.flow, path, message, f"It begins on {offer.first}: write a later last day.")
    for name, path, announcement in plan.announcements():
        if _first(announcement) > announcement.last:
            message = f"The announcement '{announcement.say}' of hotline '{name}' ends before it begins."
            remedy = f"It begins on {announcement.first}: write a later last day."
            yield plan.in_hotlines((*path, "last"), message, remedy)


def offer_key_taken(plan: Plan) -> Iterator[Found]:
    """Callers know their keys by heart; an offer of some days must not change what one of them does."""
    told: set[tuple[str, str, int]] = set()
    for stack, node in plan.calls.listening():
        flow, name = stack[-1]
        if not isinstance(node, MenuNode):
            continue
        for place, offer in enumerate(node.offers):
            taken = (
                node.target(offer.key) is not None
                or plan.calls.inherited(stack, offer.key) is not None
                or any(one.key == offer.key and _overlap(one, offer) for one in node.offers[:place])
            )
            if taken and (flow, name, place) not in told:
                told.add((flow, name, place))
                message = f"Menu '{name}' of flow '{flow}' offers '{offer.say}' at key {offer.key}, which is taken."
                yield plan.in_flow(flow, ("nodes", name, "offers", place, "key"), message, "Give it another key.")


def long_announcement(plan: Plan) -> Iterator[Found]:
    """Every caller has to sit through an announcement, whatever they call for: ten characters are the most."""
    for name, path, announcement in plan.announcements():
        for lang, catalog in plan.library.catalogs.items():
            prompt = catalog.prompts.get(announcement.say)
            length = sum(han(segment.text) for segment in prompt.segments) if prompt else 0
            if length > MAX_ANNOUNCED:
                message = (
                    f"Hotline '{name}' announces '{announcement.say}', which has {length} characters ({lang}); "
                    f"{MAX_ANNOUNCED} are the most."
                )
                yield plan.in_hotlines((*path, "say"), message, "Say it shorter, or make it an option of the menu.")


def announcements_out_of_place(plan: Plan) -> Iterator[Found]:
    """A menu says the announcements of the day, once, where its 'say' names them; they have no other place."""
    remedy = f"Name '{ANNOUNCEMENTS}' once in what a menu says."
    for flow, name, node in plan.nodes():
        for field in ("say", "repeat", "senior", "help", "kept"):
            places = [at for at, prompt in enumerate(getattr(node, field, ())) if prompt == ANNOUNCEMENTS]
            for place in places[1:] if isinstance(node, MenuNode) and field == "say" else places:
                message = f"{node.kind.capitalize()} '{name}' names '{ANNOUNCEMENTS}' in its '{field}'"
                again = " again." if place != places[0] else ", where none can be said."
                yield plan.in_flow(flow.flow, ("nodes", name, field, place), message + again, remedy)


def announcements_unsaid(plan: Plan) -> Iterator[Found]:
    """Announcements are said where a menu has a place for them; without one nobody hears them."""
    for start, hotlines in plan.calls.starts(self_service=True).items():
        menus = (plan.calls.node(stack) for stack in plan.calls.edges if stack[0][0] == start[0][0])
        if any(isinstance(node, MenuNode) and ANNOUNCEMENTS in node.say for node in menus):
            continue
        for name in hotlines:
            if announcements := plan.library.hotlines.hotlines[name].announcements:
                said = listed(one.say for one in announcements)
                message = f"Hotline '{name}' announces {said}, but no menu has a place for it."
                remedy = f"Name '{ANNOUNCEMENTS}' in what the main menu says, after key 1."
                yield plan.in_hotlines(("hotlines", name, "announcements"), message, remedy, key=True)


def _first(what: Offer | Announcement) -> date:
    return what.first or date.min


def _overlap(one: Offer, other: Offer) -> bool:
    return _first(one) <= other.last and _first(other) <= one.last
