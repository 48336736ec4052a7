"""The command `check`: everything that is wrong with flows and prompts, before a caller hears it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from typer import echo

from ivr import lint
from ivr.commands.serving import read_settings
from ivr.emergency import problems_in
from ivr.library import LibraryError, default_dirs, load
from ivr.lookups import DECLARED
from ivr.problems import Problem
from ivr.settings import SettingsError


def _github(problem: Problem) -> str:
    """Write a problem as an annotation that the site's checks show beside the line."""
    text = " ".join(filter(None, (problem.message, problem.why, problem.remedy)))
    for sign, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
        text = text.replace(sign, code)
    place = f",line={problem.line},col={problem.column}" if problem.line else ""
    return f"::error file={problem.file}{place},title={problem.rule}::{text}"


FORMATS: Final[Mapping[str, Callable[[Problem], str]]] = {
    "text": str,
    "json": lambda problem: json.dumps(asdict(problem), ensure_ascii=False),
    "github": _github,
}
"""How a problem is printed: for people, one JSON object a line, or as annotations of a pull request."""


def check(flows: Path | None, prompts: Path | None, form: str = "text") -> int:
    """Print the problems of two folders, those of the settings where none are named; return the exit status.

    The last line names the folders: it is easily the wrong ones that are fine.
    """
    if form not in FORMATS:
        raise SettingsError(f"--format {form}: expected {', '.join(FORMATS)}.")
    settings = read_settings()
    for option, named in (("--flows", flows), ("--prompts", prompts)):
        if named is not None and not named.is_dir():
            raise SettingsError(f"{option} {named}: expected a folder.")
    own_flows, own_prompts = default_dirs()
    folders = flows or settings.flows_dir or own_flows, prompts or settings.prompts_dir or own_prompts
    read = f"({folders[0]}, {folders[1]})"
    problems = sorted([*_problems(*folders), *problems_in(folders[0])])
    for problem in problems:
        echo(FORMATS[form](problem))
    if problems:
        echo(f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'} found {read}.", err=True)
        return 1
    echo(f"Flows and prompts are fine {read}.", err=form != "text")
    return 0


def _problems(flows: Path, prompts: Path) -> list[Problem]:
    try:
        return lint.check(load(flows, prompts), DECLARED)
    except LibraryError as error:
        return error.problems
