"""The report on the calls of some days: containment, time to answer, where callers were lost, the worst prompts."""

from collections.abc import Iterator
from datetime import date
from typing import Final, Literal, NamedTuple

from ivr.call_records.figures import DROPS, Group, Tally, percentile
from ivr.call_records.record import OUTCOMES
from ivr.call_records.ways import Place
from ivr.flow import ANNOUNCEMENTS, CollectNode, MenuNode, RecordNode, TransferNode
from ivr.library import Library

Value = str | int | float | None
Kind = Literal["text", "count", "share", "seconds"]

_AGES: Final = {"60+": "60 and over", "under 60": "under 60", "": "age not known"}
_PACES: Final = {True: "in slow mode", False: "at normal pace"}


class Column(NamedTuple):
    """A column: its name in CSV and JSON, its heading in the table, and what its values are."""

    name: str
    heading: str
    kind: Kind = "count"


class Section(NamedTuple):
    """One table of the report. `most` rows are shown to people; programs get all of them."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: list[tuple[Value, ...]]
    most: int = 1000

    def as_dicts(self) -> list[dict[str, Value]]:
        """Give the rows for programs."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


class Report(NamedTuple):
    """What is told of the days from `first` to `last`, both included; `unwhole` records miss a part of their call."""

    first: date
    last: date
    unwhole: int
    sections: tuple[Section, ...]

    def as_dict(self) -> dict[str, object]:
        """Give it for programs; shares are from 0 to 1, times are seconds."""
        days = {"from": str(self.first), "to": str(self.last), "incomplete_records": self.unwhole}
        return {**days, **{section.name: section.as_dicts() for section in self.sections}}

    def as_lines(self) -> Iterator[tuple[str, ...]]:
        """Give it as lines of CSV, one for each figure: section, row, measure, value."""
        yield ("section", "row", "measure", "value")
        for section in self.sections:
            for row in section.rows:
                for column, value in zip(section.columns[1:], row[1:], strict=True):
                    yield (section.name, str(row[0]), column.name, "" if value is None else str(value))


def report(tally: Tally, library: Library, first: date, last: date) -> Report:
    """Make the report; `library` knows which prompts the nodes say by now."""
    return Report(first, last, tally.unwhole, (_calls(tally), _nodes(tally), _prompts(tally, library)))


def _calls(tally: Tally) -> Section:
    groups = {
        "all calls": tally.every,
        **{_AGES[age]: tally.ages[age] for age in _AGES if age in tally.ages},
        **{_PACES[slow]: tally.paces[slow] for slow in _PACES if slow in tally.paces},
    }
    columns = (
        Column("calls", "", "text"),
        Column("count", "calls"),
        Column("containment", "contained", "share"),
        *(Column(outcome, outcome.replace("_", " ")) for outcome in OUTCOMES),
        Column("answered", "answered"),
        Column("answer_median", "to answer, half", "seconds"),
        Column("answer_90", "90 %", "seconds"),
    )
    return Section("calls", "Calls", columns, [_group(name, group) for name, group in groups.items()])


def _group(name: str, group: Group) -> tuple[Value, ...]:
    return (
        name,
        group.calls,
        None if group.containment is None else round(group.containment, 4),
        *(group.outcomes[outcome] for outcome in OUTCOMES),
        group.answered_after.total(),
        _seconds(percentile(group.answered_after, 0.5)),
        _seconds(percentile(group.answered_after, 0.9)),
    )


def _seconds(ms: int | None) -> float | None:
    return None if ms is None else round(ms / 1000, 1)


def _nodes(tally: Tally) -> Section:
    columns = (
        Column("node", "node", "text"),
        Column("heard", "heard"),
        *(Column(drop, drop.replace("_", " ")) for drop in DROPS),
        Column("lost", "lost", "share"),
    )
    lost = {place: [tally.drops[place, drop] for drop in DROPS] for place in tally.visits}
    most_first = sorted((place for place in lost if any(lost[place])), key=lambda place: (-sum(lost[place]), place))
    rows: list[tuple[Value, ...]] = [
        (
            _named(place),
            tally.visits[place],
            *lost[place],
            round(sum(lost[place]) / tally.visits[place], 4),
        )
        for place in most_first
    ]
    title = "Where callers were lost: they hung up, asked for a human, or had no tries left"
    return Section("nodes", title, columns, rows, most=20)


def _prompts(tally: Tally, library: Library) -> Section:
    columns = (
        Column("node", "node", "text"),  # first, as it names the row in CSV: two nodes may say the same
        Column("prompt", "prompt", "text"),
        Column("heard", "heard"),
        Column("silence", "silence"),
        Column("wrong_keys", "wrong keys"),
        Column("again", "key 9"),
        Column("hung_up", "hung up"),
        Column("trouble", "trouble", "share"),
    )
    rows: list[tuple[Value, ...]] = [
        (
            _named(one.place),
            _prompt(library, one.place),
            *(one.heard, one.silences, one.wrong_keys, one.repeats, one.hung_up),
            round(one.share, 4),
        )
        for one in tally.worst()
    ]
    return Section("prompts", "The ten worst prompts, by the share that is likely at least", columns, rows)


def _named(place: Place) -> str:
    return f"{place.flow}.{place.node}"


def _prompt(library: Library, place: Place) -> str:
    flow = library.flows.get(place.flow)
    node = flow.nodes.get(place.node) if flow is not None else None
    match node:
        case MenuNode() | CollectNode() | TransferNode() | RecordNode():
            return " ".join(one for one in node.say if one != ANNOUNCEMENTS)
        case _:
            return "(not in the flows any more)"


def shown(value: Value, kind: Kind) -> str:
    """Write a value for people."""
    if value is None:
        return "-"
    if kind == "share":
        return f"{float(value) * 100:.1f} %"
    return f"{value} s" if kind == "seconds" else str(value)
