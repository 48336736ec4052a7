"""The values a call is made of: what comes in (events), what goes out (turns) and what is kept (the session)."""

from typing import Literal, NamedTuple

from msgspec import UNSET, Struct, UnsetType, field

from ivr import short_names
from ivr.place import Place

Rows = tuple[tuple[str, dict[str, str]], ...]
"""Entries of a list, newest first: the kind of each, which chooses its prompt, and its own facts."""

Facts = dict[str, str]
"""Facts are canonical strings (``"20180.05"``, ``"2026-11-20"``); only speech turns them into words."""

Owes = dict[str, tuple[str, ...]]
"""Accounts that must have a new password in this call before they open, each with attempts that a code gives back."""

CredentialKind = Literal["id_card", "social_security_card"]
ListenMode = Literal["key", "number", "six", "eight", "four"]
DialOutcome = Literal["answered", "busy", "no_answer", "failed"]
QueueOutcome = Literal["answered", "left", "failed", "again"]


# --- events: what the engine is told -------------------------------------------------------------------------------


class Started(Struct, frozen=True, tag=True):
    """The call has just come in; `dropped` was chosen in one that broke off before, `agents_only`: no self-service."""

    dropped: str = ""
    agents_only: bool = False


class Keyed(Struct, frozen=True, tag=True):
    """Keys of ``0-9*`` were keyed (and ``#`` where one key is listened for); ``ended`` tells that ``#`` closed them."""

    keys: str
    ended: bool = False


class Silence(Struct, frozen=True, tag=True):
    """Nothing was keyed within the wait."""


class Garbled(Struct, frozen=True, tag=True):
    """Something arrived that no keypad can send: counted like a wrong key, never read."""


class Answered(Struct, frozen=True, tag=True):
    """A lookup came back with one of its declared outcomes, and with the facts and rows it found.

    `personal` marks facts about a member; `forget` ends the verification; `gives_back` is how many
    failed credentials of the call do not count after all; `changes` is what the session remembers.
    """

    outcome: str
    facts: Facts = {}
    rows: Rows = ()
    personal: bool = False
    forget: bool = False
    gives_back: int = 0
    changes: "Changes | None" = None


class Changes(Struct, frozen=True, tag=True):
    """What a lookup has the session remember; a field that is not set stays as it was.

    `member` is verified. `pending` will be, once the weak or initial password is changed. `codes` are the SMS codes
    asked for in this call, `texted` what was sent. `owes` are the accounts, by keyed names, for which this call keyed
    such a password: none of them opens before it is changed. Each has the attempts that a code's success gives back.
    `callback` is the number to call back, `place` the caller's in a queue.
    """

    member: "Member | UnsetType | None" = UNSET
    pending: "Member | UnsetType | None" = UNSET
    codes: int | UnsetType = UNSET
    owes: Owes | UnsetType = UNSET
    texted: tuple[str, ...] | UnsetType = UNSET
    callback: str | UnsetType = UNSET
    place: Place | UnsetType | None = UNSET


class DialEnded(Struct, frozen=True, tag=True):
    """The attempt to reach a human is over."""

    outcome: DialOutcome


class Recorded(Struct, frozen=True, tag=True):
    """The caller has spoken a message, which the carrier keeps: its name there, its seconds, whether ``#`` ended it."""

    recording: str
    seconds: int
    ended: bool = False


class Waited(Struct, frozen=True, tag=True):
    """A round of waiting in the queue is over, or a key was pressed in it; `key` is empty where none was that counts.

    So many callers are `ahead`, and in so many `minutes` it may be this one's turn: None where nobody knows. `served`
    is not so where no agent can take anybody any more, since the group is gone from the flows of today.
    """

    key: str = ""
    ahead: int | None = None
    minutes: int | None = None
    served: bool = True


class QueueLeft(Struct, frozen=True, tag=True):
    """The caller is in the carrier's queue no more: spoke with an agent, left it by a key, or nothing came of it.

    ``again``: something went wrong on the line, and the caller belongs back into the queue. `to` is the group to which
    the agent has handed the caller over, if to any.
    """

    outcome: QueueOutcome
    to: str = ""


class NoAnswer(Struct, frozen=True, tag=True):
    """Work on the caller's last entry was lost (a worker died): the caller is told and asked again."""


Event = Started | Keyed | Silence | Garbled | Answered | DialEnded | Recorded | Waited | QueueLeft | NoAnswer


# --- turns: what the engine says, and the one thing it then does ---------------------------------------------------


class Utterance(NamedTuple):
    """One sentence in words, in one voice; ``slow`` asks the voice to speak slowly."""

    prompt: str
    lang: str
    text: str
    slow: bool = False


class Listen(NamedTuple):
    """Wait for keys: one key, a number that ends with ``#``, or so many digits. Waits are whole seconds."""

    mode: ListenMode
    first_wait: int
    key_wait: int


class Ask(NamedTuple):
    """Look something up, then come back with `Answered`. A secret dies with the step: nothing serialises an Ask."""

    lookup: str
    secret: str | None = None

    def __repr__(self) -> str:
        return f"Ask(lookup={self.lookup!r}, secret={'***' if self.secret else None})"


class Dial(NamedTuple):
    """Connect the caller with a human of the hotline's named group."""

    group: str


class Enqueue(NamedTuple):
    """Put the caller into the queue for the agents of the hotline's named group."""

    group: str


class Hold(NamedTuple):
    """One round of waiting in the queue: after what is said a pause, then `then`, then a wait; any key ends it.

    Pause and wait are whole seconds.
    """

    then: tuple[Utterance, ...]
    pause: int
    wait: int


class Leave(NamedTuple):
    """Take the caller out of the queue; that it is done is told by `QueueLeft`."""


class Record(NamedTuple):
    """Beep and record what the caller says, for so many seconds at most; ``#`` ends it, ``*`` drops it."""

    longest: int


class Wait(NamedTuple):
    """Come back for the reply to work that is still going on (the driver's filler, never the engine's)."""


class End(NamedTuple):
    """Hang up."""


ForHuman = Dial | Enqueue | Hold | Leave
"""What waits for a human, or speaks with one: nobody knows how long."""

Next = Listen | Ask | Dial | Enqueue | Hold | Leave | Record | Wait | End


class Edge(NamedTuple):
    """A way that was walked: out of a node by a key, an outcome, or what else leads on.

    Without a node it is an edge of the flow itself: a key that holds in all its menus, or ``lost``.
    """

    flow: str
    node: str
    via: str


class Turn(NamedTuple):
    """Say things, then do exactly one thing. `path` is how the call came here since the event."""

    say: tuple[Utterance, ...]
    next: Next
    path: tuple[Edge, ...] = ()


# --- what is kept of a call between turns ---------------------------------------------------------------------------
#
# Workers of two releases open each other's sessions, so fields go by names: one that is added has a default, and is not
# written while it has it. What says more than its reader knows does not open: `SESSION_FORM` of `ivr.seals` has more.


class Said(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename=short_names.SAID):
    """A prompt as it was spoken, with its facts, so that it can be given again in any language and pace.

    `lead` marks what key 9 repeats before the node's own prompt (an answer); the rest is repeated only after a
    swallowed ``#``. `personal` entries go when verification ends.
    """

    prompt: str
    facts: Facts = {}
    lead: bool = False
    personal: bool = False


class Member(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename=short_names.MEMBER):
    """A verified member: an opaque reference and how long it may be used. Instants are milliseconds since 1970."""

    ref: str
    verified_at: int
    expires_at: int
    birth_year: int | None = None
    region: str | None = None


class Credential(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename=short_names.CREDENTIAL):
    """A number that identifies an account: an ID card (18 characters) or a social security card number."""

    kind: CredentialKind
    number: str


class Session(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True, rename=short_names.SESSION):
    """All that a call remembers between two turns; it is sealed before it is stored. Instants are ms since 1970.

    `asked` is the service that was chosen last in the main menu (a human is none), `answered` whether it was given,
    `services` all that were chosen. `parties` are the numbers that called and were dialled, as the first webhook told
    them: no webhook of other ones is of this call. `dials` counts how often humans were rung, `all_repeats` and
    `all_silences` those of the whole call. `place` is the caller's in a queue. `recording` is what the carrier calls a
    message just spoken, with its seconds, until it is noted. `path` is what the record of the call will tell,
    see `ivr.call_records`.
    """

    hotline: str
    version: str
    started: int
    stack: tuple[tuple[str, str], ...] = ()
    turn: int = 0
    lang: str = "zh"
    slow: bool = False
    silences: int = 0
    wrongs: int = 0
    failed: int = 0
    key_turns: int = 0
    key_ms: int = 0
    last_at: int = 0
    repeats: int = 0
    public: bool = False
    swallow: Literal["", "#", "*#"] = ""
    kept: str = ""
    old_form: str = ""
    credential: Credential | None = None
    tails: tuple[str, ...] = ()
    member: Member | None = None
    pending: Member | None = None
    codes: int = 0
    owes: Owes = field(default_factory=dict)
    texted: tuple[str, ...] = ()
    asked: str = ""
    answered: bool = False
    facts: Facts = field(default_factory=dict)
    said: tuple[Said, ...] = ()
    heard: frozenset[str] = frozenset()
    parties: tuple[str, str] = ("", "")
    dials: int = 0
    callback: str = ""
    recording: tuple[str, int] | None = None
    services: tuple[str, ...] = ()
    all_repeats: int = 0
    all_silences: int = 0
    place: Place | None = None
    path: bytes = b""

    @property
    def in_service(self) -> bool:
        """Tell whether the call is in the service that was chosen last: not back in the menu, nor with a human."""
        return len(self.stack) > 1 and self.stack[0][1] == self.asked

    def waits_since(self, turn: int) -> bool:
        """Tell whether the call is in the carrier's queue into which it came with this turn."""
        return self.place is not None and self.place.turn == turn
