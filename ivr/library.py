"""Read the flow and prompt files into one immutable Library, named by a hash of what they say."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import ValidationError

from ivr.duty.working_days import WorkingDays
from ivr.filefaults import faults
from ivr.flow import AGAIN, Flow, Hotline, Hotlines
from ivr.policyfacts import PolicyFacts
from ivr.problems import Problem, did_you_mean, listed
from ivr.prompts import Catalog, read_catalog
from ivr.speech import LANGUAGES
from ivr.yamlfile import YamlFile, read

FORMAT: Final = 1
"""Part of every version: raise it where the same files come to mean something else, for calls keep theirs."""

EMERGENCY: Final = "emergency.yaml"
"""A file beside the flows that is no flow: it is spoken outside every version."""

HOTLINES: Final = "flows/hotlines.yaml"
POLICY_FACTS: Final = "flows/policy_facts.yaml"
WORKING_DAYS: Final = "flows/working_days.yaml"


class LibraryError(ValueError):
    """The files do not make a library; `problems` has all that is wrong with them, sorted."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """All flows, prompts and hotlines of one version. Calls keep the version they began with.

    ``version`` is the hash of ``sources``, the bytes of every file by its name (``flows/main.yaml``); `build` makes the
    same library of them again, in any process. ``files`` has the positions, which the lint needs.
    """

    version: str
    flows: Mapping[str, Flow]
    catalogs: Mapping[str, Catalog]
    hotlines: Hotlines
    policy: PolicyFacts
    working_days: WorkingDays
    files: Mapping[str, YamlFile] = field(repr=False)
    sources: Mapping[str, bytes] = field(repr=False)

    def hotline_for(self, number: str) -> tuple[str, Hotline]:
        """Give the name and data of the hotline that a dialled number leads to; all unknown numbers have one."""
        name = self.hotlines.numbers.get(number, self.hotlines.default)
        return name, self.hotlines.hotlines[name]


def default_dirs() -> tuple[Path, Path]:
    """Give the folders of flows and prompts: those in the installed package, else those beside it in the repository."""
    package = Path(__file__).resolve().parent
    data = package / "data"
    home = data if (data / "flows").is_dir() else package.parent
    return home / "flows", home / "prompts"


def load(flows_dir: Path, prompts_dir: Path) -> Library:
    """Read two folders of YAML files. Raises `LibraryError` with everything that is wrong in any of them."""
    return build(*read_sources(flows_dir, prompts_dir))


def read_sources(flows_dir: Path, prompts_dir: Path) -> tuple[Mapping[str, bytes], Mapping[str, str]]:
    """Read the bytes of every file by its name, and what problems call it.

    Raises `LibraryError` with every file that cannot be read.
    """
    sources: dict[str, bytes] = {}
    shown: dict[str, str] = {}
    problems: list[Problem] = []
    for folder, kind in ((Path(flows_dir), "flows"), (Path(prompts_dir), "prompts")):
        problems += _read_folder(folder, kind, sources, shown)
    if problems:
        raise LibraryError(problems)
    return sources, shown


def is_read(path: Path) -> bool:
    """Tell whether what a folder holds is a file of flows or prompts, or is named almost like one."""
    hidden = path.name == EMERGENCY or path.name.startswith(".")
    return not hidden and path.suffix in (".yaml", ".yml") and not path.is_dir()


def version_of(sources: Mapping[str, bytes]) -> str:
    """Name a set of files by what they say: 32 hex digits, the same on every machine."""
    content = hashlib.blake2b(f"format {FORMAT}".encode(), digest_size=16)
    for name, data in sorted(sources.items()):
        content.update(f"\n{name} {len(data)}\n".encode() + data)
    return content.hexdigest()


def build(sources: Mapping[str, bytes], shown: Mapping[str, str] | None = None) -> Library:
    """Make a library of the bytes of its files by name: ``flows/….yaml`` and ``prompts/….yaml``.

    ``shown`` tells what problems call a file, where that is not its name. Raises `LibraryError` with all problems.
    """
    reader = _Reading(sources, shown or {})
    reader.read_all()
    if reader.problems or reader.hotlines is None:
        raise LibraryError(reader.problems)
    return Library(
        version_of(sources),
        MappingProxyType(reader.flows),
        MappingProxyType(reader.catalogs),
        reader.hotlines,
        reader.policy,
        reader.working_days,
        MappingProxyType(reader.files),
        MappingProxyType(dict(sources)),
    )


def _read_folder(folder: Path, kind: str, sources: dict[str, bytes], shown: dict[str, str]) -> list[Problem]:
    try:
        found = sorted(folder.iterdir())
    except OSError as error:
        message = f"The folder of the {kind} cannot be read: {error.strerror or 'unknown reason'}."
        return [Problem(str(folder), 0, 0, "folder", message, "", "Name a folder that holds the hotline's YAML files.")]
    problems: list[Problem] = []
    for path in found:
        if not is_read(path):
            continue
        name = short_name(path)
        if path.suffix == ".yml":
            problems.append(
                Problem(name, 0, 0, "folder", "Only files that end in .yaml are read.", "", "Rename this file.")
            )
            continue
        try:
            data = path.read_bytes()
        except OSError as error:
            message = f"This file cannot be read: {error.strerror or 'unknown reason'}."
            problems.append(Problem(name, 0, 0, "folder", message, "", "Give the service the right to read it."))
            continue
        sources[f"{kind}/{path.name}"], shown[f"{kind}/{path.name}"] = data, name
    return problems


def short_name(path: Path) -> str:
    """Show a path as a person at the command line would write it."""
    try:
        return str(path.resolve().relative_to(Path(os.curdir).resolve()))
    except ValueError:
        return str(path)


class _Reading:
    """Reading under way: what is found so far, and what is wrong with it."""

    def __init__(self, sources: Mapping[str, bytes], shown: Mapping[str, str]) -> None:
        self.sources = sources
        self.shown = shown
        self.problems: list[Problem] = []
        self.files: dict[str, YamlFile] = {}
        self.flows: dict[str, Flow] = {}
        self.catalogs: dict[str, Catalog] = {}
        self.hotlines: Hotlines | None = None
        self.policy = PolicyFacts()
        self.working_days = WorkingDays()

    def read_all(self) -> None:
        for name, data in sorted(self.sources.items()):
            folder, stem = name.removesuffix(".yaml").split("/", 1)
            file, problems = read(self.shown.get(name, name), data)
            self.problems += problems
            if file is None:
                continue
            self.files[name] = file
            if folder == "prompts":
                self._catalog(file, stem)
            elif name == HOTLINES:
                self._hotlines(file)
            elif name == POLICY_FACTS:
                self._policy(file)
            elif name == WORKING_DAYS:
                self._working_days(file)
            else:
                self._flow(file, stem)
        if HOTLINES not in self.sources:
            self._note_missing(HOTLINES, "There is no file of hotlines.", "It says which numbers lead to which flow.")
        if not any(name.startswith("prompts/") for name in self.sources):
            self._note_missing("prompts/zh.yaml", "There are no prompts.", "All that is spoken stands there.")

    def _catalog(self, file: YamlFile, lang: str) -> None:
        if lang not in LANGUAGES:
            near = did_you_mean(lang, LANGUAGES)
            self.problems.append(
                Problem(
                    file.name,
                    0,
                    0,
                    "unknown-language",
                    f"'{lang}' is no language that the hotline can speak.{near}",
                    "Numbers, sums and dates are put into words by rules that each language needs.",
                    f"A prompt file is named after its language: {listed(f'{known}.yaml' for known in LANGUAGES)}.",
                )
            )
            return
        self.catalogs[lang], problems = read_catalog(file, lang)
        self.problems += problems

    def _hotlines(self, file: YamlFile) -> None:
        try:
            self.hotlines = Hotlines.model_validate(file.value)
        except ValidationError as error:
            self.problems += faults(error, file, Hotlines)
            return
        names = self.hotlines.hotlines
        for path, name in (
            (("default",), self.hotlines.default),
            *((("numbers", number), name) for number, name in self.hotlines.numbers.items()),
        ):
            if name not in names:
                message = f"'{name}' is no hotline of this file.{did_you_mean(name, names)}"
                why = "Whoever dials that number would reach nothing."
                remedy = f"The hotlines are {listed(sorted(names))}."
                self.problems.append(Problem(file.name, *file.at(path), "unknown-hotline", message, why, remedy))

    def _policy(self, file: YamlFile) -> None:
        try:
            self.policy = PolicyFacts.model_validate(file.value)
        except ValidationError as error:
            self.problems += faults(error, file, PolicyFacts)

    def _working_days(self, file: YamlFile) -> None:
        try:
            self.working_days = WorkingDays.model_validate(file.value)
        except ValidationError as error:
            self.problems += faults(error, file, WorkingDays)

    def _flow(self, file: YamlFile, stem: str) -> None:
        try:
            flow = Flow.model_validate(file.value)
        except ValidationError as error:
            self.problems += faults(error, file, Flow)
            return
        self.flows[stem] = flow
        if flow.flow != stem:
            self.problems.append(
                Problem(
                    file.name,
                    *file.at(("flow",)),
                    "flow-name",
                    f"The flow is named '{flow.flow}', but its file is {stem}.yaml.",
                    "A call node finds a flow by its name, a person by its file.",
                    f"Write 'flow: {stem}', or rename the file to {flow.flow}.yaml.",
                )
            )
        if AGAIN in flow.nodes:
            self.problems.append(
                Problem(
                    file.name,
                    *file.key_at(("nodes", AGAIN)),
                    "node-name",
                    f"No node can be named '{AGAIN}'.",
                    f"A key that leads to '{AGAIN}' makes the caller hear the same again.",
                    "Give the node another name.",
                )
            )

    def _note_missing(self, name: str, message: str, why: str) -> None:
        self.problems.append(Problem(self.shown.get(name, name), 0, 0, "folder", message, why, f"Write {name}."))
