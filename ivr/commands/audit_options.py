"""How the commands `ivr audit …` and `ivr database …` are called."""

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import typer

audit = typer.Typer(help="The audit trail: who was verified, and what was disclosed.", rich_markup_mode=None)
database = typer.Typer(help="The hotline's own database.", rich_markup_mode=None)


def _day(given: date | str) -> date:
    try:
        return given if isinstance(given, date) else date.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter(f"expected a day such as 2026-11-26, not {given}.") from None


Folders = Annotated[
    list[Path] | None,
    typer.Argument(help="Folders of audit files, those of all machines; without it IVR_AUDIT_DIR.", metavar="FOLDER"),
]
First = Annotated[date | None, typer.Option("--from", parser=_day, help="The first day, in China.", metavar="DAY")]
Last = Annotated[date | None, typer.Option("--to", parser=_day, help="The last day, in China.", metavar="DAY")]


@audit.command("verify")
def audit_verify(
    folders: Folders = None,
    first: First = None,
    last: Last = None,
    machine: Annotated[
        list[str] | None,
        typer.Option(help="Only this machine's files are in the folders; can be given again.", metavar="NAME"),
    ] = None,
) -> int:
    """Verify that no entry was changed, taken out or cut off.

    Every fault is told in a sentence, with the file and its first line that does not hold; exit status 1 where there
    is one. The ends of the files are held against IVR_DATABASE_URL.
    """
    from ivr.commands import auditing

    return auditing.verify_trail(folders, first, last, machine)


@audit.command("show")
def audit_show(
    folders: Folders = None,
    first: First = None,
    last: Last = None,
    call: Annotated[str | None, typer.Option(help="Only this call.", metavar="CALLSID")] = None,
    form: Annotated[Literal["text", "json"], typer.Option("--format", help="text or json.", metavar="FORMAT")] = "text",
) -> int:
    """Show the audit entries, a line each; members are keyed hashes."""
    from ivr.commands import auditing

    return auditing.show(folders, first, last, call, form)


@audit.command("prune")
def audit_prune() -> int:
    """Delete the files older than IVR_AUDIT_DAYS.

    Those of this machine, as ivr serve does once a day; the database remembers that they were deleted.
    """
    from ivr.commands import auditing

    return auditing.prune_folder()


@database.command("upgrade")
def database_upgrade() -> int:
    """Bring the hotline's tables up to date.

    Those at IVR_DATABASE_URL, as ivr serve does at every start.
    """
    from ivr.commands import auditing

    return auditing.upgrade_database()
