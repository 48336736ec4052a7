"""The command `draw`: the flows as a chart that a page or an editor shows."""

from typing import Literal

from typer import echo

from ivr.commands.serving import read_settings
from ivr.drawing.chart import chart
from ivr.drawing.dot import dot
from ivr.drawing.mermaid import mermaid
from ivr.drawing.svg import svg
from ivr.library import LibraryError, default_dirs, load
from ivr.problems import did_you_mean, listed
from ivr.settings import SettingsError

Form = Literal["mermaid", "svg", "dot"]

_WRITERS = {"mermaid": mermaid, "svg": svg, "dot": dot}


def draw_flows(only: str | None, form: Form) -> int:
    """Print the chart of all flows, or of one; return the exit status."""
    settings = read_settings()
    own_flows, own_prompts = default_dirs()
    try:
        library = load(settings.flows_dir or own_flows, settings.prompts_dir or own_prompts)
    except LibraryError as error:
        echo(f"{error}\nNothing is drawn until that is put right.", err=True)
        return 1
    if only is not None and only not in library.flows:
        near = did_you_mean(only, library.flows)
        raise SettingsError(f"--flow {only}: expected one of {listed(sorted(library.flows))}.{near}")
    echo(_WRITERS[form](chart(library, only)), nl=False)
    return 0
