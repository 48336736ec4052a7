"""The verbs of TwiML as typed values, with the carrier's defaults."""

from dataclasses import dataclass

from ivr.carrier.say import Say

PLAY_SECONDS = 5.0
"""An audio file is taken to last this long."""


@dataclass(frozen=True, slots=True)
class Play:
    """An audio file by its URL, or keys played as tones."""

    url: str
    loop: int = 1
    digits: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    length: int = 1


Prompt = Say | Play | Pause


def seconds_of(prompt: Prompt) -> float:
    """Return how long a prompt plays."""
    match prompt:
        case Say():
            return prompt.seconds * prompt.loop
        case Play():
            return (0.5 * len(prompt.digits) or PLAY_SECONDS) * prompt.loop
        case Pause():
            return float(prompt.length)


@dataclass(frozen=True, slots=True)
class Gather:
    """Wait for keys while prompts play. Without ``action`` the current document is requested; waits are seconds."""

    action: str | None = None
    num_digits: int | None = None
    finish_on_key: str = "#"
    timeout: int = 5
    action_on_empty: bool = False
    barge_in: bool = True
    prompts: tuple[Prompt, ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    url: str


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


@dataclass(frozen=True, slots=True)
class Leave:
    pass


@dataclass(frozen=True, slots=True)
class Reject:
    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Enqueue:
    """Put the caller into a queue; without ``action`` the document goes on afterwards."""

    name: str
    action: str | None = None
    wait_url: str | None = None
    max_size: int = 100


@dataclass(frozen=True, slots=True)
class Callee:
    """A number or a SIP address; ``url`` whispers to whoever answers there."""

    address: str
    url: str | None = None
    status_callback: str | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    """The first caller of a queue; ``url`` plays to that caller before both are connected."""

    name: str
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Dial:
    """Connect with one of the targets; without ``action`` the document goes on afterwards. Seconds throughout."""

    targets: tuple[Callee | Queue, ...]
    action: str | None = None
    caller_id: str | None = None
    timeout: int = 30
    time_limit: int = 14_400


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller; without ``action`` the current document is requested."""

    action: str | None = None
    finish_on_key: str = "1234567890*#"
    max_length: int = 3600
    timeout: int = 5


Verb = Say | Play | Pause | Gather | Redirect | Hangup | Leave | Reject | Enqueue | Dial | Record
