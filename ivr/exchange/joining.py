"""What joins two legs in real time: an agent takes a queued caller, a number is rung, both talk; and recordings."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from ivr.carrier import bridge, queues
from ivr.carrier.bridge import Dialled
from ivr.carrier.verbs import Callee, Dial, Queue, Record
from ivr.exchange import live
from ivr.exchange.happenings import HangsUp, Key, Nudge, Skip, Words

if TYPE_CHECKING:
    from ivr.exchange.live import LiveLeg

LONGEST_TALK_S = 3600.0
LOOKS_EVERY_S = 0.5
"""Seconds after which an agent who dials an empty queue looks again."""


async def converse(leg: "LiveLeg", seconds: float = LONGEST_TALK_S) -> None:
    """Talk with the partner until either of both hangs up, or so many seconds have passed.

    Raises HungUp where it was this party.
    """
    other = leg.partner
    if other is None:
        return
    leg.talking = True
    leg.tell({"kind": "connected"})
    until = leg.clock + seconds
    try:
        while leg.partner is other and (left := until - leg.clock) > 0:
            match await leg.next(left):
                case Words(text=text):
                    other.tell({"kind": "words", "text": text})
                case Key(key=key):
                    other.tell({"kind": "tone", "key": key})
    finally:
        leg.talking = False
        leg.part()
        leg.tell({"kind": "parted"})


async def be_taken(leg: "LiveLeg") -> None:
    """Be taken out of a queue: hear the warning, talk with the agent, go on as the queue's action says."""
    agent, queued = leg.partner, leg.queue
    if agent is None or queued is None:
        return
    leg.tell({"kind": "stops"})
    queued.result = "bridged"
    leg.talking = True
    try:
        if leg.warned_by:
            await queues.hear_warning(leg, leg.warned_by)
        leg.is_ready = True
        agent.happens(Nudge())
        await converse(leg)
    finally:
        leg.talking = False
        leg.part()
    await queues.leave(leg, queued.result)


async def dial(leg: "LiveLeg", verb: Dial) -> None:
    """Dial whom a document names; afterwards the document's action is asked how to go on."""
    first = verb.targets[0]
    if isinstance(first, Queue):
        dialled = await _dial_queue(leg, verb, first)
    else:
        dialled = await _dial_number(leg, verb, first)
    await bridge.go_on(leg, verb, dialled)


async def _dial_queue(leg: "LiveLeg", verb: Dial, queue: Queue) -> Dialled:
    """Take the first caller of a queue, or wait for one as long as the document says."""
    until = leg.clock + verb.timeout
    while (caller := _first(leg, queue.name)) is None:
        if leg.clock >= until:
            return Dialled("no-answer", False, 0.0, "")
        await leg.next(LOOKS_EVERY_S)
    leg.carrier.queues[queue.name].remove(caller)
    caller.warned_by = "" if queue.url is None else leg.carrier.resolve(queue.url, leg.page.url)
    leg.join(caller)
    while leg.partner is caller and not caller.is_ready:
        await leg.next(LONGEST_TALK_S)
    if leg.partner is not caller:
        return Dialled("no-answer", False, 0.0, caller.sid)
    began = leg.clock
    await converse(leg, verb.time_limit)
    return Dialled("completed", True, leg.clock - began, caller.sid)


def _first(leg: "LiveLeg", name: str) -> "LiveLeg | None":
    waiting = leg.carrier.queues.get(name, [])
    return next((one for one in waiting if isinstance(one, live.LiveLeg)), None)


async def _dial_number(leg: "LiveLeg", verb: Dial, callee: Callee) -> Dialled:
    """Ring a number for the caller; whoever answers hears the whisper first."""
    child = live.LiveLeg(leg.switch, verb.caller_id or leg.from_, callee.address, parent=leg.sid, context="whisper")
    leg.tell({"kind": "calls", "number": callee.address})
    ringing = asyncio.create_task(leg.switch.ring(child, verb.timeout))
    ringing.add_done_callback(lambda _: leg.happens(Nudge()))
    began, whispering = leg.clock, None
    try:
        while not ringing.done():
            await leg.next(LONGEST_TALK_S)
        ends = ringing.result()
        if ends != "answered":
            await bridge.report_leg(leg, child, callee, ends)
            return Dialled(ends, False, leg.clock - began, child.sid)
        leg.join(child)
        url = None if callee.url is None else leg.carrier.resolve(callee.url, leg.page.url)
        whispering = asyncio.create_task(be_called(child, url))
        while leg.partner is child and not child.is_ready:
            await leg.next(LONGEST_TALK_S)
        through, began = leg.partner is child, leg.clock
        await converse(leg, verb.time_limit)
        # Completed alone does not mean that a human spoke: a whisper may have hung up on a mailbox.
        return Dialled("completed", through, leg.clock - began, child.sid)
    finally:
        ringing.cancel()
        leg.part()
        child.happens(HangsUp("hotline"))
        if whispering is not None:
            with contextlib.suppress(Exception):
                await whispering
            await bridge.report_leg(leg, child, callee, "completed")


async def be_called(leg: "LiveLeg", whisper: str | None) -> None:
    """Be the callee of a dial: hear the whisper, then talk with the caller until either of both hangs up."""
    if whisper is not None:
        await leg.live(whisper)
        if leg.ended:
            return
    leg.is_ready = True
    if leg.partner is not None:
        leg.partner.happens(Nudge())
    by = "hotline"
    try:
        await converse(leg)
    except live.HungUp as hung_up:
        by = hung_up.by
    finally:
        await leg.finish(by)


async def record(leg: "LiveLeg", verb: Record) -> None:
    """Record what is said (in writing) until a key, a pause, or the longest that is recorded; nothing said goes on."""
    leg.tell({"kind": "records", "seconds": verb.max_length})
    began, has_spoken, ended_by, pause = leg.clock, False, "", 0.0
    while (left := began + verb.max_length - leg.clock) > 0:
        waits_until = leg.clock + verb.timeout
        try:
            happening = await leg.next(min(left, verb.timeout))
        except live.HungUp:
            if has_spoken:
                await bridge.report_recording(leg, verb, max(1.0, leg.clock - began), bridge.HANG_UP)
            raise
        match happening:
            case Words():
                has_spoken = True
            case Key(key=key) if key in verb.finish_on_key:
                ended_by = key
                break
            case Skip():
                break
            case None if leg.clock >= waits_until:
                pause = float(verb.timeout)
                break
    leg.tell({"kind": "recorded"})
    if has_spoken or ended_by:
        await bridge.report_recording(leg, verb, max(1.0, leg.clock - began - pause), ended_by)
