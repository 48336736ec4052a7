"""How the commands `ivr answer` and `ivr exchange` are called."""

from typing import Annotated

import typer


def answer(
    number: Annotated[
        str, typer.Option(help="The number at which it rings, such as one of an agent group's.", metavar="NUMBER")
    ],
) -> int:
    """Be a telephone that can be rung: an agent's, in a second terminal beside ivr serve.

    Any key picks up. Keys are keys until you are put through; then what you type, and end with Enter, is what you say.
    """
    from ivr.commands import answering

    return answering.answer(number)


def exchange(
    url: Annotated[str, typer.Option(help="Where the hotline listens.")],
    fd: Annotated[int, typer.Option(help="A listening socket.")],
    life_fd: Annotated[int, typer.Option(help="The pipe that ends with the parent.")],
) -> int:
    """Be the exchange of ivr serve; only ivr serve calls this."""
    from ivr.commands import exchanging

    return exchanging.exchange(url, fd, life_fd)
