"""Waiting for an agent: what a caller in the queue hears and may key, and how the call goes on afterwards. Pure."""

from typing import Final

from msgspec.structs import replace

from ivr import flow as nodes
from ivr.call import Dial, Enqueue, Hold, Leave, QueueLeft, Turn, Waited
from ivr.flow import AGAIN, LANGUAGE_KEYS
from ivr.pace import heard_again
from ivr.place import Place
from ivr.walk import Walk

SOONEST_MINUTES: Final = 2
"""No estimate is better than that, and nobody is told of one minute who then waits for two."""

WITHOUT_REDIS: Final = 2
"""After so many rounds in which nobody can be asked who is next, the numbers of the group are rung."""

LONGEST_MS: Final = 60 * 60_000
"""Whoever has waited for so long without a word is asked whether anybody is still there, and keeps the place."""

OVERTIME_MS: Final = 15 * 60_000
"""So long after the hours of a group its agents have to serve who came in time; then callers are told the hours."""


def queued(walk: Walk, turn: Turn) -> Turn:
    """Put callers into the queue who would be put through, where their group has one.

    Who comes back to a place that is kept does not hear again that it is a human they come to. Without Redis nobody
    keeps an order.
    """
    node = walk.node()
    if not isinstance(turn.next, Dial) or not isinstance(node, nodes.TransferNode) or walk.session.public:
        return turn
    group = walk.hotline.agents.get(turn.next.group)
    if group is None or not group.queue or node.waiting is None:
        return turn
    place = walk.session.place
    if place is not None and place.is_for(node.group, walk.now):
        place = replace(place, turn=-1, told=-1, choice="", missed=0, since=walk.now)
        turn = turn._replace(say=tuple(one for one in turn.say if one.prompt not in node.say))
    else:
        place = Place(node.group, walk.now, since=walk.now)
    walk.change(place=place, said=())
    return turn._replace(next=Enqueue(place.group))


def waits(walk: Walk, event: Waited) -> Turn:
    """Go on waiting: tell the position where it is new or asked for, or leave the queue by a key."""
    node, place = walk.node(), walk.session.place
    if not isinstance(node, nodes.TransferNode) or node.waiting is None or place is None:
        return walk.turn(Leave())  # nothing is said here to those who wait
    walk.change(said=())
    if event.ahead is None:
        place = replace(place, missed=place.missed + 1)
        walk.change(place=place)
        return (
            walk.turn(Leave()) if place.missed >= WITHOUT_REDIS else _round(walk, node.waiting, node.waiting.patience)
        )
    if event.key:
        walk.change(last_at=walk.now)
    chosen, via = node.waiting.target(event.key), event.key
    if chosen is None and not (event.served and _in_time(walk, place)):
        chosen, via = node.outcomes["off_duty"], "off_duty"
    elif chosen is None and walk.now - place.since >= LONGEST_MS:
        chosen, via = node.outcomes["no_answer"], "no_answer"
    if chosen is not None and chosen != AGAIN:
        walk.leave(via)
        walk.change(place=replace(place, choice=chosen))
        return walk.turn(Leave())
    if chosen == AGAIN:
        walk.session = heard_again(walk.session)
    lang = LANGUAGE_KEYS[walk.session.lang].get(event.key)
    switches = lang in walk.hotline.languages
    if switches:
        walk.change(lang=lang)
    tells = chosen == AGAIN or switches or place.told < 0 or event.ahead < place.told
    walk.change(place=replace(place, missed=0, told=event.ahead if tells else place.told))
    if not tells:
        return _round(walk, node.waiting, node.waiting.patience)
    facts = {"n": str(event.ahead), "minutes": str(max(event.minutes or 0, SOONEST_MINUTES))}
    said = node.waiting.position if event.ahead else node.waiting.next
    return _round(walk, node.waiting, (*said, *(node.waiting.minutes if event.minutes is not None else ())), facts)


def left(walk: Walk, event: QueueLeft) -> Turn:
    """Go on after the queue: where a key led, with another group, or where what came of the wait leads."""
    node, place = walk.node(), walk.session.place
    walk.change(last_at=walk.now, said=())
    if not isinstance(node, nodes.TransferNode) or place is None:
        return walk.hear_again()
    if event.to in walk.hotline.agents and event.outcome == "answered":
        walk.change(place=Place(event.to, place.joined, since=walk.now, wanted=node.group))
        return walk.turn(Enqueue(event.to))
    chosen = place.choice if event.outcome == "left" else ""
    if chosen:
        walk.change(place=replace(place, turn=-1, told=-1, choice="", aside_at=walk.now))
        return walk.go(chosen, fresh=True)
    if event.outcome in ("left", "again") and not walk.session.public:
        walk.change(place=Place(place.group, place.joined, since=place.since, wanted=place.wanted))
        return walk.turn(Enqueue(place.group))
    walk.change(place=None)
    if event.outcome in ("left", "again"):
        return walk.go(walk.session.stack[-1][1])
    walk.leave(event.outcome)
    return walk.go(node.outcomes["answered" if event.outcome == "answered" else "failed"])


def _in_time(walk: Walk, place: Place) -> bool:
    return any(walk.on_duty(place.group, walk.now - ago) for ago in (0, OVERTIME_MS))


def _round(walk: Walk, waiting: nodes.Waiting, prompts: tuple[str, ...], facts: dict[str, str] | None = None) -> Turn:
    """Say something, then after a pause what may be keyed."""
    walk.speak(prompts, facts=facts)
    said = len(walk.say)
    walk.speak(waiting.options)
    turn = walk.turn(Hold(tuple(walk.say[said:]), waiting.pause, waiting.pause))
    walk.change(said=())
    return turn._replace(say=tuple(walk.say[:said]))
