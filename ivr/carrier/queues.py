"""The carrier's queues, as a caller's leg lives them: joining, the wait document, and going on afterwards."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.carrier.fields import call_fields
from ivr.carrier.say import Say
from ivr.carrier.verbs import Enqueue, Pause, Play, Redirect
from ivr.carrier.webhook import read_answer

if TYPE_CHECKING:
    from ivr.carrier.leg import Leg, Page


MUSIC_S = 30.0
"""Seconds of the carrier's own music, which plays where a queue has no wait document."""


@dataclass(slots=True)
class Queued:
    """A caller's place in a queue, and the document that goes on afterwards."""

    verb: Enqueue
    sid: str
    page: "Page"
    since: float
    result: str = "hangup"
    """What its action is told where the caller hangs up."""


def queue_params(call: "Leg", queued: Queued) -> dict[str, str]:
    """Return the fields that go with every webhook about a queue."""
    return {"QueueSid": queued.sid, "QueueTime": str(round(call.clock - queued.since))}


async def enqueue(call: "Leg", verb: Enqueue) -> None:
    """Put the call into a queue and play its wait document, or refuse where the queue is full."""
    waiting = call.carrier.queues.setdefault(verb.name, [])
    queued = Queued(verb, "QU" + call.sid[2:], call.page, call.clock)
    if len(waiting) >= verb.max_size:
        call.queue = queued
        await leave(call, "queue-full")
        return
    call.queue = queued
    waiting.append(call)
    await wait_on(call)


async def wait_on(call: "Leg") -> None:
    """Ask for the wait document of the call's queue; without one the carrier plays its own music."""
    queued = call.queue
    if queued is None:
        raise ValueError("The call is in no queue.")
    if queued.verb.wait_url is None:
        await call.wait_in_queue()
        return
    size = len(call.carrier.queues.get(queued.verb.name, []))
    position = {
        "QueuePosition": str(call.queue_position),
        "AvgQueueTime": "60",
        "CurrentQueueSize": str(max(size, call.queue_position)),
        "MaxQueueSize": str(queued.verb.max_size),
    }
    wait_url = call.carrier.resolve(queued.verb.wait_url, queued.page.url)
    await call.request(wait_url, queue_params(call, queued) | position, "wait")


def forget(call: "Leg") -> Queued | None:
    """Take the call out of its queue."""
    queued, call.queue = call.queue, None
    if queued is not None and call in call.carrier.queues.get(queued.verb.name, []):
        call.carrier.queues[queued.verb.name].remove(call)
    return queued


async def leave(call: "Leg", result: str) -> None:
    """Go on after the queue: with its action, told the result, or with the verb after ``<Enqueue>``."""
    queued = forget(call)
    if queued is None:
        # Only a document of a queue may say Leave, so this is a queue that the call has left by its fallback URL.
        return
    call.page = queued.page
    call.waiting, call.gather = "", None
    if queued.verb.action is not None:
        await call.request(queued.verb.action, queue_params(call, queued) | {"QueueResult": result})


async def hung_up(call: "Leg") -> None:
    """Tell the action of a queue that its caller has hung up; what it answers is checked, not played."""
    queued = forget(call)
    if queued is None or queued.verb.action is None:
        return
    url = call.carrier.resolve(queued.verb.action, queued.page.url)
    params = call_fields(call, "completed") | queue_params(call, queued) | {"QueueResult": queued.result}
    exchange = await call.carrier.webhook(url, params)
    call.turns.append(exchange)
    call.note(read_answer(exchange).violations)


async def hear_warning(call: "Leg", url: str) -> None:
    """Play the document at ``url`` to a queued caller, before an agent is put through."""
    if call.queue is None:
        raise ValueError("The call is in no queue.")
    _, verbs, _ = await call.fetch(url, queue_params(call, call.queue), "queue-url")
    for verb in verbs or ():
        match verb:
            case Redirect():
                break
            case Say() | Play() | Pause():
                await call.say(verb)
