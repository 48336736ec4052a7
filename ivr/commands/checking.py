"""The command `check`: everything that is wrong with flows and prompts, before a caller hears it."""

from pathlib import Path

from typer import echo

from ivr import lint
from ivr.commands.serving import read_settings
from ivr.library import LibraryError, default_dirs, load
from ivr.lookups import DECLARED
from ivr.problems import Problem
from ivr.settings import SettingsError


def check(flows: Path | None, prompts: Path | None) -> int:
    """Print the problems of two folders, those of the settings where none are named; return the exit status."""
    settings = read_settings()
    for option, named in (("--flows", flows), ("--prompts", prompts)):
        if named is not None and not named.is_dir():
            raise SettingsError(f"{option} {named}: expected a folder.")
    own_flows, own_prompts = default_dirs()
    problems = _problems(flows or settings.flows_dir or own_flows, prompts or settings.prompts_dir or own_prompts)
    for problem in problems:
        echo(str(problem))
    if problems:
        echo(f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'} found.", err=True)
        return 1
    echo("Flows and prompts are fine.")
    return 0


def _problems(flows: Path, prompts: Path) -> list[Problem]:
    try:
        return lint.check(load(flows, prompts), DECLARED)
    except LibraryError as error:
        return error.problems
