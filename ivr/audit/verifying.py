"""Verify chains of audit entries: each file by itself, and its end against the head that the database knows."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from ivr.audit.chain import LONGEST_LINE, BrokenLine, ChainKey, Line, check, parsed
from ivr.audit.chainfile import chain_files, is_in_use
from ivr.audit.heads import Head
from ivr.walk import CHINA, china_day

FIRST_HEAD_MS = 2 * 60_000
"""Younger chains need not have a head yet: heads are written every minute."""


@dataclass(frozen=True)
class Days:
    """Days in China from which and to which is verified, both included; None is open."""

    first: date | None = None
    last: date | None = None

    def meet(self, began: int, ended: int) -> bool:
        """Tell whether a span (ms since 1970) has a part in these days."""
        first, last = self.first or date.min, self.last or date.max
        return china_day(began) <= last and first <= china_day(ended)

    def hold(self, at: int) -> bool:
        """Tell whether an instant is in these days."""
        return self.meet(at, at)


@dataclass
class Report:
    """What was found, a sentence each: `faults` that must not be, and `notes` of what can be in good order."""

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    chains: int = 0
    entries: int = 0


@dataclass
class _Read:
    """A file as it was read up to its first line that does not hold."""

    path: Path
    in_use: bool
    opening: Line | None = None
    last: Line | None = None
    broken: BrokenLine | None = None
    entries: int = 0
    mac_at_head: str | None = None

    @property
    def seq(self) -> int:
        return -1 if self.last is None else self.last.seq


def verify(
    folders: Iterable[Path],
    keys: Sequence[ChainKey],
    heads: Mapping[str, Head] | None,
    *,
    now: int,
    days: Days | None = None,
    machines: Collection[str] = (),
) -> Report:
    """Verify the chains of all folders. `heads` are those of the database, None where they cannot be read.

    A head whose file is in none of the folders is a fault, unless its machine is none of `machines`, where any are
    named. `now` is ms since 1970.
    """
    days = days or Days()
    report = Report()
    found: dict[str, Path] = {}
    for path in (path for folder in folders for path in chain_files(folder)):
        chain = chain_of(path)
        if chain in found:
            report.faults.append(f"{path}: the same chain stands in {found[chain]}.")
            continue
        found[chain] = path
        head = None if heads is None else heads.get(chain)
        read = _read(path, keys, head)
        began = read.opening.at if read.opening is not None else 0 if head is None else head.started
        ended = now if read.in_use or read.last is None else read.last.at
        if days.meet(began, max(ended, 0 if head is None else head.at)):
            report.chains += 1
            report.entries += read.entries
            _judge(report, read, head, now=now, has_heads=heads is not None)
    missing = [head for chain, head in (heads or {}).items() if chain not in found]
    _judge_missing(report, [head for head in missing if days.meet(head.started, head.at)], machines)
    return report


def chain_of(path: Path) -> str:
    """Give the chain that a file is of: by its first line, else by its name."""
    with path.open("rb") as file:
        opening = parsed(file.readline(LONGEST_LINE + 1))
    return (opening.chain if opening is not None else "") or path.stem.rpartition("-")[2]


def entries(folders: Iterable[Path], keys: Sequence[ChainKey]) -> Iterator[Line]:
    """Give the entries that hold, file by file; what does not hold `verify` tells."""
    for path in (path for folder in folders for path in chain_files(folder)):
        with path.open("rb") as file:
            for one in check(keys, file):
                if not isinstance(one, BrokenLine) and one.line.field:
                    yield one.line


def _read(path: Path, keys: Sequence[ChainKey], head: Head | None) -> _Read:
    read = _Read(path, is_in_use(path))
    with path.open("rb") as file:
        for one in check(keys, file):
            if isinstance(one, BrokenLine):
                read.broken = one
                break
            read.opening = read.opening or one.line
            read.last = one.line
            read.entries += bool(one.line.field)
            if head is not None and one.line.seq == head.seq:
                read.mac_at_head = one.line.mac
    return read


def _judge(report: Report, read: _Read, head: Head | None, *, now: int, has_heads: bool) -> None:
    path, broken, last = read.path, read.broken, read.last
    if broken is not None and not broken.torn:
        report.faults.append(f"{path}, line {broken.number}: {broken.why}. Nothing from there on can be relied on.")
        return
    if head is not None and head.seq > read.seq:
        missing = _numbers(read.seq + 1, head.seq)
        report.faults.append(f"{path}: {missing} cut off its end; the database knows of them ({instant(head.at)}).")
    elif head is not None and read.mac_at_head != head.mac:
        report.faults.append(f"{path}, line {head.seq + 1}: it is not the one that the database knows; one is forged.")
    elif head is None and has_heads and last is not None:
        young = now - last.at < FIRST_HEAD_MS  # in use or not: a worker may leave before its first head is written
        sentence = f"{path}: the database knows no head of it, so it cannot be told whether its end was cut off."
        (report.notes if young else report.faults).append(sentence)
    if read.in_use:
        report.notes.append(f"{path}: it is being written; {read.entries} entries so far.")
    elif last is None:
        report.notes.append(f"{path}: it has no whole line; its worker ended before it had written one.")
    elif not last.end:
        torn = ", in the middle of a line" if broken is not None else ""
        report.notes.append(
            f"{path}: its end is open after line {last.seq + 1} ({instant(last.at)}){torn}; its worker was ended there."
        )


def _judge_missing(report: Report, heads: Sequence[Head], machines: Collection[str]) -> None:
    pruned = [head for head in heads if head.pruned_at is not None]
    if pruned:
        report.notes.append(f"{len(pruned)} chains were deleted when their time had come.")
    elsewhere = set[str]()
    for head in heads:
        machine = head.worker.rpartition("/")[0]
        if head.pruned_at is not None:
            continue
        if machines and machine not in machines:
            elsewhere.add(machine)
            continue
        report.faults.append(
            f"Chain {head.chain} of worker {head.worker}, begun {instant(head.started)}: its file is missing; "
            f"the database knows of its lines to {head.seq + 1}."
        )
    if elsewhere:
        report.notes.append(f"Not looked at: chains of {', '.join(sorted(elsewhere))}.")


def _numbers(first: int, last: int) -> str:
    return f"line {first + 1} is" if first == last else f"lines {first + 1} to {last + 1} are"


def instant(at: int) -> str:
    """Write an instant (ms since 1970) as it is read in China."""
    return f"{datetime.fromtimestamp(at / 1000, UTC).astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
