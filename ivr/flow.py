"""The flow file and the hotline file as typed values: what the people who run a hotline may write, and nothing else."""

from functools import cached_property
from typing import Annotated, Any, Final, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from ivr.duty.calendar import Duty
from ivr.duty.days import Day
from ivr.telephones import INTERNATIONAL

ANNOUNCEMENTS = "announcements"
"""In what a menu says, the place where the hotline's announcements of the day are said."""

AGAIN = "again"
"""The one target that is no node: hear again what was just heard. No node may have its name."""

LANGUAGE_KEYS: dict[str, dict[str, str]] = {
    "zh": {"7": "yue", "8": "en"},
    "yue": {"7": "zh", "8": "en"},
    "en": {"7": "yue", "8": "zh"},
}
"""In every menu, 7 and 8 switch to the other two languages, as far as the hotline offers them. Callers know them."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
PromptId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$", max_length=60)]
Key = Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]
Lang = Literal["zh", "yue", "en"]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Prompts = Annotated[tuple[PromptId, ...], BeforeValidator(_as_list), Field(strict=False)]
"""One prompt id, or a list of them, spoken one after the other."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _WithKeys(_Model):
    keys: dict[Key, Name] = {}

    def target(self, key: str) -> str | None:
        """Give where a key leads, if anywhere; anything may be asked about."""
        return cast("dict[str, str]", self.keys).get(key)


Entry = Literal["number", "part_region", "part_birth", "part_last", "password", "code", "new_password", "telephone"]


class SayNode(_Model):
    """Says prompts and goes on. `rows` are the prompts for the entries of a list, by their kind, said one by one."""

    kind: Literal["say"]
    say: Prompts = ()
    rows: dict[Name, PromptId] = {}
    to: Name


class Offer(_Model):
    """A menu item for some days: between `first` and `last`, both included, its key leads to `to` and `say` is said."""

    key: Key
    to: Name
    say: PromptId
    first: Day | None = None
    last: Day


class MenuNode(_WithKeys):
    """Says its options and listens for one key.

    `repeat` is the short form after the first time, `senior` what callers of 60 and over hear instead; `offers` are
    items for some days. `any` takes every key that is not listed, `silent` the first silence; without them a wrong key
    and a silence are told and counted.
    """

    kind: Literal["menu"]
    say: Prompts
    repeat: Prompts = ()
    senior: Prompts = ()
    offers: tuple[Offer, ...] = Field(default=(), strict=False)
    any: Name | None = None
    silent: Name | None = None
    wait: Annotated[int, Field(ge=1, le=60)] | None = None


class CollectNode(_Model):
    """Asks for a number, for one of its three parts, or for six digits.

    `wrong` has a sentence for each way in which the entry can be malformed; `help` is added from the second time on.
    """

    kind: Literal["collect"]
    entry: Entry
    say: Prompts
    repeat: Prompts = ()
    help: Prompts = ()
    kept: Prompts = ()
    wrong: dict[Name, PromptId]
    outcomes: dict[Name, Name]


class LookupNode(_Model):
    """Asks a named lookup; every outcome that the lookup declares leads to a node.

    `keep`: what was heard before stays what key 9 gives again (a text message does not replace the answer). `give`
    sets facts before the lookup is asked: the city that this key stands for.
    """

    kind: Literal["lookup"]
    call: Name
    give: dict[Name, Name] = {}
    keep: bool = False
    outcomes: dict[Name, Name]


class CallNode(_Model):
    """Enters another flow and goes on where that flow's outcome leads."""

    kind: Literal["call"]
    flow: Name
    returns: dict[Name, Name]


class ReturnNode(_Model):
    """Leaves this flow with an outcome, back to the node that called it."""

    kind: Literal["return"]
    outcome: Name


class Waiting(_WithKeys):
    """What callers hear and may key while they wait in the queue of a group.

    `position` is said first, and again when it has improved (``{n}`` callers are ahead); `next` instead of it where
    nobody is; `minutes` after it where it is known how long it may take; `patience` where there is nothing new. After a
    `pause` of seconds come the `options`, and after as long a pause the next round. A key leaves the queue for a node,
    and keeps the place for 2 minutes; ``again`` tells the position.
    """

    position: Prompts
    next: Prompts
    minutes: Prompts
    patience: Prompts
    options: Prompts
    pause: Annotated[int, Field(ge=5, le=20)] = 10


class TransferNode(_Model):
    """Says prompts and connects the caller with a human of the hotline's group.

    `waiting` is for groups that have a queue.
    """

    kind: Literal["transfer"]
    group: Name
    say: Prompts
    waiting: Waiting | None = None
    outcomes: dict[Literal["answered", "busy", "no_answer", "failed", "off_duty"], Name]


class RecordNode(_Model):
    """Says prompts, beeps and records what the caller says, for `longest` seconds at most."""

    kind: Literal["record"]
    say: Prompts
    longest: Annotated[int, Field(ge=10, le=300)] = 120
    outcomes: dict[Literal["recorded", "nothing", "back"], Name]


class HangupNode(_Model):
    """Says prompts and hangs up."""

    kind: Literal["hangup"]
    say: Prompts = ()


Node = Annotated[
    SayNode | MenuNode | CollectNode | LookupNode | CallNode | ReturnNode | TransferNode | RecordNode | HangupNode,
    Field(discriminator="kind"),
]


class Flow(_WithKeys):
    """One flow file. `keys` hold in every menu of this flow and of the flows it calls; so does `lost`."""

    flow: Name
    start: Name
    lost: Name | None = None
    nodes: dict[Name, Node]

    @cached_property
    def transfers(self) -> bool:
        """Tell whether the flow itself puts callers through to a human."""
        return any(isinstance(node, TransferNode) for node in self.nodes.values())


# --- hotlines.yaml ---------------------------------------------------------------------------------------------------

Texts = dict[Lang, Annotated[str, StringConstraints(min_length=1, max_length=200)]]
PhoneNumber = Annotated[str, StringConstraints(pattern=f"^{INTERNATIONAL}$")]
SipAddress = Annotated[str, StringConstraints(pattern=r"^sip:[A-Za-z0-9._-]+@[A-Za-z0-9.-]+(:[0-9]{1,5})?$")]


class AgentGroup(_Model):
    """The humans behind key 0: the only numbers ever dialled for a transfer, and when they answer.

    `hours` is what callers are told; by `duty` it is decided. Without `duty` they answer at all times. With `queue`
    callers wait in order until an agent takes them, whose phone is one of `numbers`; without Redis, and without
    `queue`, the numbers are rung for each caller.
    """

    numbers: tuple[PhoneNumber | SipAddress, ...] = Field(default=(), strict=False)
    ring_seconds: Annotated[int, Field(ge=5, le=120)] = 30
    hours: Texts
    duty: Duty | None = None
    queue: bool = False


FOR_HUMANS_TURNS: Final = 6
FOR_HUMANS_MS: Final = 2 * 60_000
"""So much of a call's limits, half of them at most, is kept for humans, or for a callback where none is on duty."""


class Limits(_Model):
    """How much a caller may try. The defaults are the ministry's; a hotline may be stricter.

    `failed_per_hotline` failed credentials of all callers within `failed_per_hotline_minutes`, a weak password counted
    twice, look like passwords tried at many numbers: until some of them are older, callers are sent to agents. It must
    lie well above what the hotline's own callers mistype, and above the attempts that go on at the same time.

    Humans are rung `dials_per_call` times, and for all callers `dials_a_day` times within 24 hours; then nobody can be
    reached. One calling number takes a fifth of a day's at most, and all who withhold theirs half. The last two are
    what each worker takes of new calls, after a burst of four times as many: from one number, and in all. What comes
    beyond gets a short answer.
    """

    silences: Annotated[int, Field(ge=1, le=3)] = 3
    wrong_keys: Annotated[int, Field(ge=1, le=3)] = 3
    failed_per_call: Annotated[int, Field(ge=1, le=3)] = 3
    failed_per_account_a_day: Annotated[int, Field(ge=1, le=5)] = 5
    failed_accounts_per_number_an_hour: Annotated[int, Field(ge=1, le=5)] = 5
    failed_per_hotline: Annotated[int, Field(ge=1, le=100_000)] = 600
    failed_per_hotline_minutes: Annotated[int, Field(ge=1, le=1440)] = 10
    codes_per_call: Annotated[int, Field(ge=1, le=2)] = 2
    codes_per_account_a_day: Annotated[int, Field(ge=1, le=3)] = 3
    key_turns: Annotated[int, Field(ge=10, le=60)] = 60
    key_minutes: Annotated[int, Field(ge=1, le=15)] = 15
    dials_per_call: Annotated[int, Field(ge=1, le=10)] = 5
    dials_a_day: Annotated[int, Field(ge=1, le=100_000)] = 5000
    new_calls_per_caller_a_second: Annotated[int, Field(ge=1, le=1000)] = 30
    new_calls_a_second: Annotated[int, Field(ge=1, le=10_000)] = 200

    @cached_property
    def of_self_service(self) -> tuple[int, int]:
        """Give the key turns, and the ms of keys, after which a call has nothing left but what is kept for humans."""
        turns, ms = self.key_turns, self.key_minutes * 60_000
        return turns - min(FOR_HUMANS_TURNS, turns // 2), ms - min(FOR_HUMANS_MS, ms // 2)


class Announcement(_Model):
    """A holiday or a topical note of at most ten characters, said from `first` to `last`, both included."""

    say: PromptId
    first: Day | None = None
    last: Day


class Hotline(_Model):
    """One number that can be dialled. `agents_only` is the flow of new calls while self-service is switched off."""

    name: Texts
    region: Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]
    languages: tuple[Lang, ...] = Field(min_length=1, strict=False)
    flow: Name
    agents_only: Name | None = None
    agents: dict[Name, AgentGroup] = {}
    limits: Limits = Limits()
    announcements: tuple[Announcement, ...] = Field(default=(), strict=False)

    @property
    def first_flows(self) -> tuple[str, ...]:
        """The flows with which calls may begin."""
        return tuple(name for name in (self.flow, self.agents_only) if name is not None)

    def facts(self, lang: str) -> dict[str, str]:
        """Give what every prompt of this hotline may say: its name, and the hours of its general agents."""
        group = self.agents.get("general")
        names, hours = cast("dict[str, str]", self.name), cast("dict[str, str]", group.hours if group else {})
        return {"hotline": names.get(lang, ""), "hours": hours.get(lang, "")}


SixDigits = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$")]


IdNumber = Annotated[str, StringConstraints(pattern=r"^[0-9]{17}[0-9X]$")]


class Hotlines(_Model):
    """hotlines.yaml: the hotlines by a short name, the numbers that lead to them, and the one for all other numbers.

    `issued_with_another_check` are ID numbers that were issued although their check characters do not compute: whoever
    has one is not told that a digit is wrong.
    """

    default: Name
    numbers: dict[Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{3,15}$")], Name] = {}
    weak_passwords: tuple[SixDigits, ...] = Field(default=(), strict=False)
    issued_with_another_check: tuple[IdNumber, ...] = Field(default=(), strict=False)
    hotlines: dict[Name, Hotline]
