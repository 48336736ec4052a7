"""How the commands `ivr callbacks …`, `ivr queue` and `ivr surveys` are called."""

from typing import Annotated, Literal

import typer

from ivr.commands.audit_options import First, Last

callbacks = typer.Typer(
    help="Callbacks that callers have booked: who has to be called, and how it ended.", rich_markup_mode=None
)


@callbacks.command("list")
def callbacks_list(
    form: Annotated[
        Literal["table", "json"], typer.Option("--format", help="table or json.", metavar="FORMAT")
    ] = "table",
) -> int:
    """Show the open callbacks, the oldest first, with the number to call and the code to say first.

    Callers were told that whoever calls says this code before anything else.
    """
    from ivr.commands import callbacks as working_off

    return working_off.show(form)


@callbacks.command("note")
def callbacks_note(
    number: Annotated[int, typer.Argument(help="The id of the callback.", metavar="ID", min=1, max=2**31 - 1)],
    outcome: Annotated[str, typer.Argument(help="reached, no_answer or wrong_number.", metavar="OUTCOME")],
) -> int:
    """Note how a callback ended: reached, no_answer or wrong_number.

    Where nobody answers it stays open for three attempts, half an hour apart. What is done forgets number and code.
    """
    from ivr.commands import callbacks as working_off

    return working_off.note(number, outcome)


def queue(
    form: Annotated[
        Literal["table", "json"], typer.Option("--format", help="table or json.", metavar="FORMAT")
    ] = "table",
) -> int:
    """Show who waits for an agent now, group by group in the order in which they are served."""
    from ivr.commands import queue as waiting

    return waiting.show(form)


def surveys(first: First = None, last: Last = None) -> int:
    """Show what callers thought of the humans they spoke with, and which calls left somebody unhappy.

    Without days it is the last week.
    """
    from ivr.commands import surveys as answers

    return answers.show(first, last)
