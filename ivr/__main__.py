"""The `ivr` command: how each command is called, and how a wrong call is answered."""

import re
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.exceptions import TyperException

from ivr.commands.agent_options import agents
from ivr.commands.audit_options import audit, database
from ivr.commands.callback_options import callbacks, queue, surveys
from ivr.commands.phone_options import answer, exchange
from ivr.commands.record_options import records, report
from ivr.settings import SettingsError

DISTRIBUTION = "hotline-12333"
INTERRUPTED = 130

app = typer.Typer(
    name="ivr",
    help="The telephone hotline of a social-insurance bureau: start it, call it, check what it says.",
    no_args_is_help=False,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
counters = typer.Typer(help="The counters that keep passwords from being tried out.", rich_markup_mode=None)
account = typer.Typer(help="The account service: check your own, or start the reference one.", rich_markup_mode=None)
app.add_typer(counters, name="counters")
app.add_typer(account, name="account")
app.add_typer(agents, name="agents")
app.add_typer(audit, name="audit")
app.add_typer(callbacks, name="callbacks")
app.add_typer(database, name="database")
app.add_typer(records, name="records")


def _whole(smallest: int, largest: int) -> Callable[[int | str], int]:
    """Give what reads an option's whole number, and tells in our words where it is none."""

    def read(given: int | str) -> int:
        text = str(given)
        if re.fullmatch(r"[0-9]{1,5}", text) and smallest <= int(text) <= largest:
            return int(text)
        raise typer.BadParameter(f"expected a whole number from {smallest} to {largest}, not {text}.")

    return read


Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is every address.", metavar="ADDRESS")]
Port = Annotated[
    int, typer.Option(parser=_whole(0, 65535), help="Port to listen on; 0 takes a free one.", metavar="NUMBER")
]


@app.callback()
def ivr(context: typer.Context) -> int:
    """Show the help where no command is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
    return 0


@app.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[
        int, typer.Option(parser=_whole(1, 64), help="Processes that answer calls, 1 to 64.", metavar="NUMBER")
    ] = 1,
) -> int:
    """Start the hotline.

    With no setting at all it is a demo: sample members, a store of its own, and a phone to call with (ivr call).
    Settings come from IVR_... names in the environment or in a file .env in this folder.
    """
    from ivr.commands import serving

    return serving.serve(host, port, workers)


@app.command()
def call(
    keys: Annotated[
        str | None,
        typer.Option(
            help="What is keyed: a blank between prompts, - is silence, ! hangs up. Without it you key.", metavar="KEYS"
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="The hotline to call. Without it: the one running here, else one just for this call.", metavar="URL"
        ),
    ] = None,
    to: Annotated[str, typer.Option(help="The number dialled.", metavar="NUMBER")] = "12333",
    from_: Annotated[str, typer.Option("--from", help="The number that calls.", metavar="NUMBER")] = "+8613800000000",
) -> int:
    """Call the hotline from this terminal.

    Example: ivr call --keys "1 110105198503122173# 846275"
    """
    from ivr.commands import calling

    return calling.call(keys=keys, url=url, to=to, from_=from_)


@app.command()
def check(
    flows: Annotated[Path | None, typer.Option(help="Folder of the flow files.", metavar="FOLDER")] = None,
    prompts: Annotated[Path | None, typer.Option(help="Folder of the prompt files.", metavar="FOLDER")] = None,
    form: Annotated[str, typer.Option("--format", help="text, json or github.", metavar="FORMAT")] = "text",
) -> int:
    """Check flows and prompts before a caller hears them.

    Every problem is told with file and line; exit status 1 where there is one. Without options these are the folders
    of IVR_FLOWS_DIR and IVR_PROMPTS_DIR, else those of the package.
    """
    from ivr.commands import checking

    return checking.check(flows, prompts, form)


@app.command()
def draw(
    flow: Annotated[
        str | None, typer.Option(help="The only flow to draw; without it all of them.", metavar="FLOW")
    ] = None,
    form: Annotated[
        Literal["mermaid", "svg", "dot"], typer.Option("--format", help="mermaid, svg or dot.", metavar="FORMAT")
    ] = "mermaid",
) -> int:
    """Draw the flows as a chart: nodes, keys and outcomes.

    The flows are those of IVR_FLOWS_DIR, else those of the package.
    """
    from ivr.commands import drawing

    return drawing.draw_flows(flow, form)


@app.command()
def seconds(to: Annotated[str, typer.Option(help="The number dialled.", metavar="NUMBER")] = "12333") -> int:
    """Show how long callers listen before the sum of their balance has been said.

    In each language of the hotline, for who keys at once and for who hears every prompt to its end. The flows are
    those of IVR_FLOWS_DIR, else those of the package.
    """
    from ivr.commands import seconds as speech_seconds

    return speech_seconds.print_seconds(to)


@app.command()
def hours(
    on: Annotated[str | None, typer.Option(help="The day, as 2027-02-10; without it today.", metavar="DAY")] = None,
) -> int:
    """Show when the agents of each hotline answer on a day, and why.

    By the duty calendars in flows/hotlines.yaml, holidays, and what flows/working_days.yaml adds to them.
    """
    from ivr.commands import hours as agents_hours

    return agents_hours.show_hours(on)


app.command()(report)
app.command()(queue)
app.command()(surveys)
app.command()(answer)
app.command(hidden=True)(exchange)


@app.command()
def schemas(
    write: Annotated[bool, typer.Option("--write", help="Write them anew.")] = False,
    folder: Annotated[
        Path | None, typer.Option(help="Folder of the schemas; without it that of the package.", metavar="FOLDER")
    ] = None,
) -> int:
    """Show the JSON Schemas by which an editor checks data files.

    Exit status 1 where one of them is not what this version reads.
    """
    from ivr.commands import schema_writing

    return schema_writing.show_or_write(folder, write=write)


@app.command()
def flows(
    form: Annotated[str, typer.Option("--format", help="table or json.", metavar="FORMAT")] = "table",
) -> int:
    """List the versions of flows and prompts: which is current, and the calls that are still on each.

    They are those of the store at IVR_REDIS_URL, else of the service on this data folder. Every call is looked at, for
    a minute at most.
    """
    from ivr.commands import flow_listing

    return flow_listing.list_flows(form)


@counters.command("confirm")
def counters_confirm() -> int:
    """Confirm that the store at IVR_REDIS_URL may count, after it has lost what it had counted.

    Until then nobody is verified: attempts of the last 24 hours are forgotten with the store's data.
    """
    from ivr.commands import counting

    return counting.confirm()


@account.command("serve")
def account_serve(
    host: Host = "127.0.0.1",
    port: Port = 8001,
    fd: Annotated[int | None, typer.Option(hidden=True)] = None,
    life_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> int:
    """Start the reference account service alone, with sample members.

    It keeps them in the database of IVR_DATABASE_URL, else in the data folder.
    """
    from ivr.commands import serving

    return serving.account_serve(fd, life_fd, host, port)


@account.command("check")
def account_check(
    id_number: Annotated[
        str, typer.Option(help="ID number of a member of your own, who may be verified.", metavar="NUMBER")
    ],
    password: Annotated[
        str | None, typer.Option(help="The member's password. Without it you are asked.", metavar="PIN")
    ] = None,
    card_number: Annotated[
        str | None, typer.Option(help="The member's social security card number.", metavar="NUMBER")
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Base URL of the service; without it IVR_ACCOUNT_URL.", metavar="URL")
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="Its bearer token; without it IVR_ACCOUNT_TOKEN.", metavar="TOKEN")
    ] = None,
    writing: Annotated[
        bool,
        typer.Option("--writing", help="Also send a code and a text message, change the password and change it back."),
    ] = False,
) -> int:
    """Check whether an account service honours the contract, a line for each rule.

    Without --writing nothing is changed there, but three wrong passwords are tried, a right one after each. With it, at
    most one code and two text messages reach the member's mobile. Exit status 1 where a rule does not hold.
    """
    from ivr.commands import account_checking

    return account_checking.check_service(url, token, id_number, password, card_number, writing=writing)


@app.command(hidden=True)
def worker(
    fd: Annotated[list[int], typer.Option(help="A listening socket.")] = [],  # noqa: B006 - typer copies it
    life_fd: Annotated[int, typer.Option(help="The pipe that ends with the parent.")] = -1,
    calls_fd: Annotated[int | None, typer.Option(help="A listening socket, from TAKE_CALLS on.")] = None,
    mould_fd: Annotated[int | None, typer.Option(help="The socket on which the parent asks for forks.")] = None,
) -> int:
    """Be one process of ivr serve, or fork such processes; only ivr serve calls this."""
    from ivr.commands import serving

    return serving.worker(fd, life_fd, calls_fd) if mould_fd is None else serving.mould(mould_fd)


@app.command()
def version() -> int:
    """Show the version."""
    try:
        typer.echo(f"ivr {installed_version(DISTRIBUTION)}")
    except PackageNotFoundError:
        typer.echo("ivr, from a folder of source that is not installed")
    return 0


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status; whatever is wrong with it is told in a sentence."""
    try:
        status = app(list(arguments), prog_name="ivr", standalone_mode=False)
    except SettingsError as error:
        typer.echo(str(error), err=True)
        return 2
    except TyperException as error:
        typer.echo(_sentence(error), err=True)
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return status if isinstance(status, int) else 0


def _sentence(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "ivr"
    text = " ".join(error.format_message().split())
    return f"{text if text.endswith(('.', '?')) else text + '.'} `{path} --help` tells how it is called."


def main() -> None:
    """Be the `ivr` command."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
