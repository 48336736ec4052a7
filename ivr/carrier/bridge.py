"""What joins a caller with others on a virtual clock: dialling an agent with a whisper, queues, and recordings."""

import secrets
from typing import TYPE_CHECKING, NamedTuple

from ivr.carrier import line
from ivr.carrier.queues import hear_warning, leave
from ivr.carrier.verbs import Callee, Dial, Queue, Record
from ivr.carrier.violations import Violation

if TYPE_CHECKING:
    from ivr.carrier.leg import Leg
    from ivr.carrier.line import Call

MOST_WHISPERS = 5
HANG_UP = "hangup"
"""What the carrier gives as the key of a recording whose caller hung up."""
UNANSWERED_SECONDS = {"busy": 2.0, "failed": 1.0, "canceled": 5.0}


async def taken(call: "Call", seconds: float, url: str | None = None) -> None:
    """Connect a queued caller with an agent: ``url`` plays to the caller, both talk, then the call goes on."""
    if call.queue is None:
        raise ValueError("The call is in no queue.")
    if url is not None:
        await hear_warning(call, url)
    call.clock += seconds
    await leave(call, "bridged")


class Dialled(NamedTuple):
    """How a dial ended: the carrier's word, whether a human was put through, seconds, and the leg's identifier."""

    status: str
    bridged: bool
    seconds: float
    sid: str


async def dial(call: "Call", verb: Dial) -> None:
    """Dial whom a document names and go on with what the carrier's script makes of it."""
    first = verb.targets[0]
    if isinstance(first, Queue):
        dialled = await _dial_queue(call, verb, first)
    else:
        dialled = await _dial_callee(call, verb, first)
    call.clock += dialled.seconds
    await go_on(call, verb, dialled)


async def go_on(call: "Leg", verb: Dial, dialled: Dialled) -> None:
    """Request the action of a dial that is over; without one the document goes on."""
    if verb.action is not None:
        outcome = {
            "DialCallStatus": dialled.status,
            "DialBridged": "true" if dialled.bridged else "false",
            "DialCallSid": dialled.sid,
            "DialCallDuration": str(round(dialled.seconds) if dialled.bridged else 0),
        }
        await call.request(verb.action, outcome)


async def _dial_callee(call: "Call", verb: Dial, callee: Callee) -> Dialled:
    """Dial a number; the script says who answers."""
    carrier = call.carrier
    leg = line.Call(carrier, verb.caller_id or call.from_, callee.address, parent=call.sid, context="whisper")
    call.legs.append(leg)
    answers = carrier.agent_answers
    if answers != "answered":
        await report_leg(call, leg, callee, answers)
        return Dialled(answers, False, UNANSWERED_SECONDS.get(answers, float(verb.timeout)), leg.sid)
    through = callee.url is None or await _whisper(call, leg, callee.url)
    seconds = min(carrier.agent_seconds, float(verb.time_limit)) if through else leg.clock
    leg.clock += seconds if through else 0.0
    await report_leg(call, leg, callee, "completed")
    # Completed alone does not mean that a human spoke: a whisper may have hung up on a mailbox.
    return Dialled("completed", through, seconds, leg.sid)


async def _whisper(call: "Call", leg: "Call", url: str) -> bool:
    """Play a whisper to the callee, who keys what the script says; return whether the caller is put through."""
    await leg.ring(call.carrier.resolve(url, call.page.url))
    for _ in range(MOST_WHISPERS):
        if leg.waiting != "keys":
            break
        await (leg.press(call.carrier.agent_keys) if call.carrier.agent_keys else leg.silence())
    if leg.waiting == "keys":
        call.note([Violation("whisper", f"{leg.page.url}: A whisper goes on asking the callee for keys.")])
    return leg.waiting == "through"


async def report_leg(call: "Leg", leg: "Leg", callee: Callee, status: str) -> None:
    """Tell the hotline how a dialled leg ended, where it wants to hear of it."""
    if callee.status_callback is not None:
        await leg.report_status(call.carrier.resolve(callee.status_callback, call.page.url), status)
    call.violations.extend(leg.violations)
    leg.ended = True


async def _dial_queue(call: "Call", verb: Dial, queue: Queue) -> Dialled:
    """Connect with the first caller of a queue, if there is one on this carrier."""
    waiting = call.carrier.queues.get(queue.name, [])
    caller = next((leg for leg in waiting if isinstance(leg, line.Call)), None)
    if caller is None:
        return Dialled("no-answer", False, float(verb.timeout), "")
    seconds = min(call.carrier.agent_seconds, float(verb.time_limit))
    url = None if queue.url is None else call.carrier.resolve(queue.url, call.page.url)
    await caller.taken_by_agent(seconds, url)
    return Dialled("completed", True, seconds, caller.sid)


async def record(call: "Call", verb: Record, seconds: float, keys: str) -> None:
    """End a recording after ``seconds`` of speech, by a key or by a pause; nothing said goes on with the next verb."""
    if seconds <= 0:
        call.clock += verb.timeout
        return
    seconds = min(seconds, float(verb.max_length))
    ended_by = keys if keys and keys in verb.finish_on_key else ""
    call.clock += seconds if ended_by else seconds + verb.timeout
    await report_recording(call, verb, seconds, ended_by)


async def report_recording(call: "Leg", verb: Record, seconds: float, ended_by: str) -> None:
    """Request the action of a recording of so many seconds, which a key, a pause or `HANG_UP` has ended."""
    sid = "RE" + secrets.token_hex(16)
    call.carrier.recordings[sid] = seconds
    recording = {"RecordingSid": sid, "RecordingUrl": f"{call.carrier.public_url}/recordings/{sid}"}
    over = {"CallStatus": "completed"} if ended_by == HANG_UP else {}
    params = recording | {"RecordingDuration": str(round(seconds)), "Digits": ended_by} | over
    await call.request(verb.action, params)
