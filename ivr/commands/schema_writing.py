"""The command `schemas`: where the schemas of the data files lie, and writing them anew."""

from pathlib import Path

from typer import echo

from ivr import schemas
from ivr.settings import SettingsError


def show_or_write(folder: Path | None, *, write: bool) -> int:
    """Write the schemas, or tell whether those there are current; return the exit status."""
    where = schemas.FOLDER if folder is None else folder
    if where.exists() and not where.is_dir():
        raise SettingsError(f"--folder {where}: expected a folder.")
    if write:
        try:
            schemas.write(where)
        except OSError as error:
            reason = error.strerror or "unknown reason"
            raise SettingsError(f"{where} cannot be written ({reason}): expected a folder that can be.") from None
    stale = schemas.stale(where)
    if stale:
        for kind in stale:
            why = "is not what the models say now" if (where / kind.schema_file).exists() else "is missing"
            echo(f"{where / kind.schema_file} {why}; `ivr schemas --write` writes it.", err=True)
        return 1
    echo("An editor checks a data file by the schema that its first line names:")
    for kind in schemas.DATA_FILES:
        echo(f"{kind.files + ':':<25}{schemas.editor_line(where / kind.schema_file)}")
    return 0
