"""The policy facts on file: what each kind of fact says and needs, whose it is, and how long it may be spoken."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema

from ivr.flow import Name

Topic = Literal["years", "transfer", "credit", "withdrawal", "channels", "gaps"]
Scheme = Literal["any", "employee", "flexible", "resident"]
Measure = Literal["years", "months", "days", "age", "money", "percent", "day"]

SPOKEN_AS: Final[Mapping[Measure, frozenset[str]]] = {
    "years": frozenset({"span", "duration"}),
    "months": frozenset({"span", "duration"}),
    "days": frozenset({"count"}),
    "age": frozenset({"count"}),
    "money": frozenset({"money"}),
    "percent": frozenset({"percent"}),
    "day": frozenset({"date"}),
}
"""The types by which a prompt may say a value, by what the value measures."""

CITY: Final = "city"
"""The fact that names a place: the id of the prompt with its name."""

UNNAMED: Final = "city.unnamed"
"""What a place is called that is not on file."""


class Kind(NamedTuple):
    """One sentence that facts can fill.

    `says` is what the sentence is about: two facts that say the same of one place and scheme must agree. `needs` are
    its values by name. A `placed` sentence holds for a place, the others for everybody. `beside` is a kind without
    which it is not spoken, `unless` what need not be said where this is: a general rule, where a place has its own.
    """

    topic: Topic
    says: str
    needs: Mapping[str, Measure] = {}
    placed: bool = False
    beside: str = ""
    unless: str = ""


_SEXES: Final[Mapping[str, Measure]] = {"men": "years", "women": "years"}
_BY_DATE: Final[Mapping[str, Measure]] = {
    "until": "day",
    "early": "years",
    "early_actual": "years",
    "since": "day",
    "late": "years",
    "late_actual": "years",
}
_BY_JOINING: Final[Mapping[str, Measure]] = {"until": "day", "early": "years", "since": "day", "late": "years"}

KINDS: Final[Mapping[str, Kind]] = {
    # Whoever reached the years but has not retired goes on paying. Without that sentence people stop.
    "years_by_sex": Kind("years", "years", _SEXES, placed=True, beside="go_on"),
    "years_by_sex_actual": Kind("years", "years", {**_SEXES, "actual": "years"}, placed=True, beside="go_on"),
    "years_alike": Kind("years", "years", {"years": "years"}, placed=True, beside="go_on"),
    "years_by_date": Kind("years", "years", _BY_DATE, placed=True, beside="go_on"),
    "years_by_joining": Kind("years", "years", _BY_JOINING, placed=True, beside="go_on"),
    "years_payable": Kind("years", "years", {"years": "years"}, placed=True, beside="go_on"),
    "years_flexible": Kind("years", "years", {"actual": "years"}, placed=True, beside="go_on"),
    "go_on": Kind("years", "go_on"),
    "years_short": Kind("years", "short"),
    "years_resident": Kind("years", "resident"),
    "transfer_steps": Kind("transfer", "steps"),
    "transfer_days": Kind("transfer", "days", {"old_days": "days", "all_days": "days"}),
    "transfer_balance": Kind("transfer", "balance"),
    "credit_who": Kind("credit", "who"),
    "credit_by_age": Kind(
        "credit", "amount", {"age": "age", "under": "money", "over": "money"}, placed=True, beside="credit_who"
    ),
    "credit_fixed": Kind("credit", "amount", {"amount": "money"}, placed=True, beside="credit_who"),
    "credit_favours_age": Kind("credit", "favour", placed=True),
    "credit_age_alike": Kind("credit", "favour", placed=True),
    "credit_rates": Kind("credit", "rates", {"low": "percent", "high": "percent"}, unless="amount"),
    "credit_example": Kind(
        "credit",
        "example",
        {"pension": "money", "rate": "percent", "amount": "money"},
        beside="credit_rates",
        unless="amount",
    ),
    "credit_keeps": Kind("credit", "keeps"),
    "credit_resident": Kind("credit", "resident"),
    "withdrawal_own": Kind("withdrawal", "own"),
    "withdrawal_liability": Kind("withdrawal", "liability"),
    "channels_national": Kind("channels", "national"),
    "channels_local": Kind("channels", "local"),
    "channels_offices": Kind("channels", "offices"),
    "channels_password": Kind("channels", "password"),
    "gaps_stop": Kind("gaps", "stop", {"months": "months"}),
    "gaps_late": Kind("gaps", "late"),
    "gaps_short": Kind("gaps", "short"),
}
"""Every sentence that a policy answer can have, in the order in which they are said. There is no other: none for one
rate of credit, for days of payment or for who may withdraw, because there the sources contradict each other."""

PLACED: Final[Mapping[Topic, str]] = {"years": "years_missing", "credit": "credit_missing"}
"""The topics that are answered for a place, and the kind of row which says that a place is not on file."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _must_be(fits: Callable[[Any], Any], expected: str) -> BeforeValidator:
    """Refuse what does not fit with one sentence; pydantic would tell every type that a value might have had."""

    def check(value: Any) -> Any:
        try:
            found = fits(value)
        except ValueError:
            found = None
        if found is None:
            raise ValueError(f"expected {expected}")
        return found

    return BeforeValidator(check)


def _day(value: Any) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) and _DAY.fullmatch(value) else None


def _day_or_month(value: Any) -> date | None:
    """Take a month, which is all that is known of some sources, for its first day."""
    return _day(value) or _day(f"{value}-01")


def _or(word: str, fits: Callable[[Any], date | None]) -> Callable[[Any], date | str | None]:
    return lambda value: word if value == word else fits(value)


_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_REGION: Final = r"^[0-9]{2}([0-9]{2}([0-9]{2})?)?$"

Bound = Annotated[date | Literal["unknown"], _must_be(_or("unknown", _day), "a day such as 2026-10-01, or unknown")]
SourceDay = Annotated[
    date | Literal["unknown"],
    _must_be(_or("unknown", _day_or_month), "a day such as 2025-03-20, a month such as 2025-03, or unknown"),
    WithJsonSchema({"type": "string", "pattern": r"^([0-9]{4}-[0-9]{2}(-[0-9]{2})?|unknown)$"}),
]
ReviewDay = Annotated[date | Literal["never"], _must_be(_or("never", _day), "a day such as 2026-10-01, or never")]
LastDay = Annotated[date, _must_be(_day, "a day such as 2027-03-31")]

Region = Annotated[
    str,
    StringConstraints(pattern=_REGION),
    _must_be(
        lambda value: value if isinstance(value, str) and re.fullmatch(_REGION, value) else None,
        'the first two, four or six digits of a division code in quotes, such as "4401"',
    ),
]
"""The beginning of a division code: two digits for a province, four for a city, six for a county."""

Value = Annotated[
    int | str,
    _must_be(
        lambda value: value if isinstance(value, int | str) and not isinstance(value, bool) else None,
        'a whole number, or anything else in quotes, such as "2.5"',
    ),
]
Text = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Place(_Model):
    """A city or province with facts of its own; the prompt ``city.<name>`` says what it is called."""

    region: Region


class Refused(_Model):
    """What the sources say but nobody may speak: a topic, or of it only these kinds, this scheme, region or values."""

    topic: Topic
    kinds: tuple[Name, ...] = Field(default=(), strict=False)
    scheme: Scheme | None = None
    region: Region | None = None
    values: tuple[Value, ...] = Field(default=(), strict=False)
    why: Text


class NeverSaid(_Model):
    """Words that no prompt may have, whoever rewords it."""

    words: Text
    why: Text


class PolicyFact(_Model):
    """One fact: what it says of whom, where that was read, and how long it may be spoken.

    `kind` chooses the sentence and `values` fill it; without a `city` it holds for every place.
    """

    topic: Topic
    kind: Name
    city: Name | None = None
    scheme: Scheme
    effective_from: Bound
    effective_to: Bound
    source: Text
    source_date: SourceDay
    reviewed_on: ReviewDay
    review_by: LastDay
    values: dict[Name, Value] = {}

    def in_force(self, today: date) -> bool:
        """Tell whether the rule holds on a day; an unknown bound is none."""
        begun = not isinstance(self.effective_from, date) or self.effective_from <= today
        return begun and (not isinstance(self.effective_to, date) or today <= self.effective_to)

    def overlaps(self, other: "PolicyFact") -> bool:
        """Tell whether there is a day on which both hold."""
        starts = [one.effective_from for one in (self, other) if isinstance(one.effective_from, date)]
        ends = [one.effective_to for one in (self, other) if isinstance(one.effective_to, date)]
        return not starts or not ends or max(starts) <= min(ends)

    def speakable(self, today: date) -> bool:
        """Tell whether it may be spoken: not past its review, and either dated or reviewed."""
        return today <= self.review_by and self.checked_on() is not None

    def checked_on(self) -> date | None:
        """Give the day as of which it is known: that of its review, else of its source."""
        days = (self.reviewed_on, self.source_date)
        return next((day for day in days if isinstance(day, date)), None)

    def spoken_values(self) -> dict[str, str]:
        """Give the values as facts for a prompt. Raises `ValueError` where one is not of its measure."""
        needs = KINDS[self.kind].needs
        return {name: canonical(needs[name], value) for name, value in self.values.items()}


class PolicyFacts(_Model):
    """policy_facts.yaml: the places by a short name, the facts, and what must never be spoken."""

    places: dict[Name, Place] = {}
    refused: tuple[Refused, ...] = Field(default=(), strict=False)
    never_said: tuple[NeverSaid, ...] = Field(default=(), strict=False)
    facts: dict[Name, PolicyFact] = {}

    @property
    def terms(self) -> Mapping[str, tuple[str, ...]]:
        """Give what the fact `city` can be: the name of every place, and of a place that is not on file."""
        return {CITY: (UNNAMED, *(named(place) for place in self.places))} if self.places else {}

    def places_of(self, region: str) -> list[str]:
        """Give the places that a region lies in, the smallest first."""
        found = [name for name, place in self.places.items() if region.startswith(place.region)]
        return sorted(found, key=lambda name: len(self.places[name].region), reverse=True)

    def about(self, topic: Topic, region: str, today: date) -> list[PolicyFact]:
        """Give what is on file for a topic, in the order in which it is said.

        Of the places that a region lies in, only the smallest that has facts about the topic counts.
        """
        here = [fact for fact in self.facts.values() if fact.topic == topic and fact.in_force(today)]
        own: list[PolicyFact] = next(filter(None, self._by_place(here, region)), [])
        order = list(KINDS)
        return sorted([fact for fact in here if fact.city is None] + own, key=lambda fact: order.index(fact.kind))

    def _by_place(self, facts: list[PolicyFact], region: str) -> Iterator[list[PolicyFact]]:
        return ([fact for fact in facts if fact.city == place] for place in self.places_of(region))


def named(place: str) -> str:
    """Give the id of the prompt with the name of a place."""
    return f"city.{place}"


def canonical(measure: Measure, value: int | str) -> str:
    """Write a value of the file as prompts take it: durations in months, sums with two places.

    Raises `ValueError`, with what was expected, where the value is not of its measure.
    """
    match measure, value:
        case "years", int():
            return str(value * 12)
        case "months" | "days" | "age" | "percent", int():
            return str(value)
        case "money", int():
            return f"{Decimal(value):.2f}"
        case "money" | "percent" | "day", str():
            return value
    wanted = "text such as 2013-12-31" if measure == "day" else "a whole number"
    raise ValueError(f"{value!r} does not say {measure}: expected {wanted}.")
