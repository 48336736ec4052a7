"""How the commands `ivr agents …` are called."""

from typing import Annotated

import typer

agents = typer.Typer(help="Who may sign in to the console, where callers are answered.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The name to sign in with.", metavar="NAME")]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Take the password from standard input, its first line.")
]


@agents.command("add")
def agents_add(
    name: Name,
    role: Annotated[str, typer.Option(help="agent or supervisor.", metavar="ROLE")] = "agent",
    group: Annotated[
        list[str] | None,
        typer.Option(help="A group to answer for, as demo/general; can be given again.", metavar="HOTLINE/GROUP"),
    ] = None,
    phone: Annotated[
        str, typer.Option(help="The telephone that rings: one of the numbers of each group.", metavar="NUMBER")
    ] = "",
    password_stdin: FromInput = False,
) -> int:
    """Add somebody who may sign in; the password is asked for.

    Groups and numbers are those of flows/hotlines.yaml. A supervisor without a group looks after all of them.
    """
    from ivr.commands import agents as accounts

    return accounts.add(name, role, group or [], phone, from_input=password_stdin)


@agents.command("list")
def agents_list() -> int:
    """Show who may sign in, and who may no more."""
    from ivr.commands import agents as accounts

    return accounts.show()


@agents.command("disable")
def agents_disable(name: Name) -> int:
    """Let somebody sign in no more; who is signed in is signed out within seconds."""
    from ivr.commands import agents as accounts

    return accounts.disable(name)


@agents.command("enable")
def agents_enable(name: Name) -> int:
    """Let somebody sign in again."""
    from ivr.commands import agents as accounts

    return accounts.enable(name)


@agents.command("password")
def agents_password(name: Name, password_stdin: FromInput = False) -> int:
    """Give somebody a new password, which is asked for; who is signed in with the old one is signed out."""
    from ivr.commands import agents as accounts

    return accounts.change_password(name, from_input=password_stdin)
