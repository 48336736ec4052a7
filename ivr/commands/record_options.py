"""How the commands `ivr report` and `ivr records …` are called."""

from typing import Annotated, Literal

import typer

from ivr.commands.audit_options import First, Last

records = typer.Typer(help="Records of calls: what became of each, step by step.", rich_markup_mode=None)


def report(
    first: First = None,
    last: Last = None,
    form: Annotated[
        Literal["table", "csv", "json"], typer.Option("--format", help="table, csv or json.", metavar="FORMAT")
    ] = "table",
) -> int:
    """Show what the calls of some days came to, by age and by pace.

    How many self-service was enough for, how long callers waited for their answers, at which nodes they were lost, and
    the ten prompts they had most trouble with. Without days it is the last week; days are those of China.
    """
    from ivr.commands import reporting

    return reporting.show(first, last, form)


@records.command("show")
def records_show(
    call: Annotated[str, typer.Option(help="The call, by its CallSid.", metavar="CALLSID")],
    form: Annotated[Literal["text", "json"], typer.Option("--format", help="text or json.", metavar="FORMAT")] = "text",
) -> int:
    """Show the record of a call: its way through the flows with times, and what became of it.

    Exit status 1 where there is none.
    """
    from ivr.commands import call_records

    return call_records.show(call, form)


@records.command("prune")
def records_prune() -> int:
    """Delete records, notes and surveys of calls older than IVR_RECORD_DAYS, as ivr serve does once a day."""
    from ivr.commands import call_records

    return call_records.prune()
