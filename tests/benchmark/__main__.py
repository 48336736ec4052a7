"""The benchmark command: measure the hotline beside the least that could answer, and say whether it clears its bars.

``python tests/benchmark`` starts everything itself: Valkey, an account service, a worker for each contender. It runs
on Linux, on two cores: one for the contender that is asked, one for all else. Exit status 1: a bar is not cleared.
"""

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    # However it is run, nothing else tells where the package of these modules lies.
    sys.path.insert(0, str(Path(__file__).parent.parent))

if TYPE_CHECKING:
    from benchmark.contenders import Cores
    from benchmark.rounds import Round

BROKEN = 2
"""The exit status where nothing could be measured."""


async def measure_all(options: argparse.Namespace, cores: "Cores") -> "tuple[list[Round], dict[str, float]]":
    """Start everybody and measure the rounds; give them, and the resident memory of each contender in MB.

    Where a process happens to lie in memory makes it faster or slower than another one of the same code, by up to a
    tenth. So everybody is started anew several times, and the rounds are shared out among those processes.
    """
    from benchmark.contenders import taking_part
    from benchmark.processes import resident_mb
    from benchmark.rounds import measure

    rounds: list[Round] = []
    resident: dict[str, float] = {}
    for _ in range(options.processes):
        with tempfile.TemporaryDirectory(prefix="ivr") as folder:
            async with taking_part(Path(folder), cores.contender) as field:
                await measure(field, options.turns, 0)  # not counted: imports, connections and caches are not measured
                for _ in range(options.rounds):
                    rounds.append(await measure(field, options.turns, len(rounds) + 1))
                for name, one in field.contenders.items():
                    resident[name] = max(resident.get(name, 0.0), resident_mb(one.pid))
    return rounds, resident


def run(options: argparse.Namespace) -> int:
    """Measure and tell; return the exit status."""
    import uvloop
    from benchmark.bars import Run, show
    from benchmark.calls import NotAnswered
    from benchmark.contenders import two_cores
    from benchmark.processes import NotStarted
    from benchmark.startup import seconds_until_ready
    from rich.console import Console

    try:
        with two_cores() as cores:
            starts_s = [seconds_until_ready() for _ in range(options.starts)]
            cores.leave_to_contenders()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                rounds, resident = runner.run(measure_all(options, cores))
    except (NotStarted, NotAnswered) as error:
        sys.stderr.write(f"The benchmark could not be run: {error}\n")
        return BROKEN
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    return 0 if show(Run(rounds, resident, starts_s), console) else 1


def be(options: argparse.Namespace) -> None:
    """Be one of the processes of the benchmark, on an inherited socket, as a worker of the hotline is."""
    from benchmark.as_it_comes import serve_as_it_comes
    from benchmark.contenders import PLAIN, TRANSITIONS

    app: Any
    if options.who == "accounts":
        from benchmark.constant_accounts import ConstantAccounts

        app = ConstantAccounts()
    elif options.who == PLAIN:
        from benchmark.plain import plain_app

        app = plain_app(options.redis, options.accounts)
    else:
        from benchmark import peers

        move = peers.by_transitions() if options.who == TRANSITIONS else peers.by_statemachine()
        app = peers.peer_app(move, options.redis, options.accounts, options.url)
    serve_as_it_comes(app, options.fd, options.life_fd)


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; what is wrong with it is told in a sentence, with exit status 2."""
    parser = argparse.ArgumentParser(prog="python tests/benchmark", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--processes", type=_count, default=4, help="how often everybody is started anew (4)")
    parser.add_argument("--rounds", type=_count, default=3, help="how often each process is measured (3)")
    parser.add_argument("--turns", type=_count, default=200, help="turns of a kind that each makes in a round (200)")
    parser.add_argument("--starts", type=_count, default=3, help="how often ivr serve is started (3)")
    parser.set_defaults(who=None)
    if arguments[:1] == ["be"]:  # one of our own processes
        parser.add_argument("who")
        for name in ("redis", "accounts", "url"):
            parser.add_argument(f"--{name}", default="")
        for name in ("fd", "life-fd"):
            parser.add_argument(f"--{name}", type=int, required=True)
        return parser.parse_args(arguments[1:])
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 to 100000, not {text!r}")
    return number


def main() -> int:
    """Be the command."""
    options = read_options(sys.argv[1:])
    if options.who is not None:
        be(options)
        return 0
    if not hasattr(os, "sched_setaffinity"):
        sys.stderr.write("The benchmark runs on Linux only: it reads processor time as Linux tells it.\n")
        return BROKEN
    return run(options)


if __name__ == "__main__":
    sys.exit(main())
