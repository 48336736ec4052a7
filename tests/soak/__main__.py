"""The soak command: calls for as long as told, with a fault every so often, and what became of them.

``python tests/soak --minutes 10 --fault workers`` starts everything itself: the store, an account service in which
every member has a sum of their own, `ivr serve`, and a carrier that retries as the real one does. Exit status 1: a call
was lost, an answer was wrong, something stayed in Redis for ever, or the records do not add up with the calls.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    # However it is run, nothing else tells where the package of these modules lies.
    sys.path.insert(0, str(Path(__file__).parent.parent))

if TYPE_CHECKING:
    from soak.callers import Heard
    from soak.report import Report
    from soak.service import Running

BROKEN = 2
"""The exit status where the service could not be started."""
SAMPLE_EVERY_S = 5.0
LAST_REPLY_S = 65.0
"""After so long nothing of a call is left but its tombstone."""


async def soak(options: argparse.Namespace) -> "Report":
    """Start everything, make the calls, and add up what became of them."""
    from soak.faults import BY_TURNS, Faults
    from soak.left import left_in
    from soak.records import recorded
    from soak.report import memory_of, report
    from soak.service import running

    store = options.fault if options.fault in ("sentinel", "cluster") else "one"
    with tempfile.TemporaryDirectory(prefix="ivr") as folder:
        async with running(Path(folder), workers=options.workers, store=store) as one:
            faults = Faults(one, options.every or (2.0 if options.fault == "workers" else 30.0), options.lasting)
            samples: dict[int, list[tuple[float, float]]] = {}
            began = time.monotonic()
            beside = [asyncio.create_task(_watch_memory(one, samples))]
            if names := BY_TURNS[options.fault]:
                beside.append(asyncio.create_task(faults.go_on(names)))
            heard = await _calls(one, options, began)
            seconds = time.monotonic() - began
            for task in beside:
                task.cancel()
            ended = await asyncio.gather(*beside, return_exceptions=True)
            for error in ended:
                if isinstance(error, Exception):
                    raise error
            if not options.hasty:
                await asyncio.sleep(LAST_REPLY_S)
            lossy = options.fault not in ("none", "workers", "restart", "account")
            held = await recorded(one.settings, heard, lossy=lossy)
            left = await left_in(one.settings.redis_url)
            if options.log is not None:
                options.log.write_bytes(one.log.read_bytes())
            told = [name for _, name in faults.told]
            return report(options.fault, seconds, heard, told, faults.recovered, memory_of(samples), left, held)


async def _calls(one: "Running", options: argparse.Namespace, began: float) -> "list[Heard]":
    """Let callers ring at the rate that was asked for, whatever becomes of those before them."""
    from soak.callers import MIX, Caller
    from soak.members import member
    from soak.service import AUTH_TOKEN

    from ivr.carrier.carrier import Carrier
    from ivr.settings import DEMO_ACCOUNT_SID

    async with Carrier(one.url, account_sid=DEMO_ACCOUNT_SID, auth_token=AUTH_TOKEN, strict=False) as carrier:
        ringing = []
        for index in range(round(options.minutes * 60 * options.rate)):
            await asyncio.sleep(max(0.0, began + index / options.rate - time.monotonic()))
            caller = Caller(carrier, member(index), MIX[index % len(MIX)])
            ringing.append(asyncio.create_task(caller.calls()))
        heard = await asyncio.gather(*ringing)
    for call in heard:
        call.began -= began
    return heard


async def _watch_memory(one: "Running", samples: dict[int, list[tuple[float, float]]]) -> None:
    while True:
        for pid, mb in one.resident_mb().items():
            samples.setdefault(pid, []).append((time.monotonic(), mb))
        await asyncio.sleep(SAMPLE_EVERY_S)


def read_options(arguments: list[str]) -> argparse.Namespace:
    """Read the command line; a wrong one ends the process with 2 and a sentence."""
    from soak.faults import BY_TURNS

    parser = argparse.ArgumentParser(prog="python tests/soak", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=_positive, default=10.0, help="how long calls come in; 10 unless told")
    parser.add_argument("--fault", choices=sorted(BY_TURNS), default="none", help="what breaks; none unless told")
    parser.add_argument("--every", type=_positive, help="seconds between faults; 2 for workers, else 30 unless told")
    parser.add_argument("--lasting", type=_positive, default=5.0, help="seconds that a fault lasts; 5 unless told")
    parser.add_argument("--rate", type=_positive, default=5.5, help="new calls a second; 5.5 unless told")
    parser.add_argument("--workers", type=int, default=2, choices=range(1, 65), metavar="N", help="2 unless told")
    parser.add_argument("--json", type=Path, help="a file for the figures as JSON; - is standard output")
    parser.add_argument("--log", type=Path, help="a file for the log of the service")
    parser.add_argument("--hasty", action="store_true", help="do not wait until ended calls have left the store")
    return parser.parse_args(arguments)


def _positive(text: str) -> float:
    number = float(text) if text.replace(".", "", 1).isdecimal() else 0.0
    if not 0 < number <= 100_000:
        raise argparse.ArgumentTypeError(f"expected a number above 0, not {text!r}")
    return number


def be_the_accounts(arguments: list[str]) -> None:
    """Be the account service, on an inherited socket."""
    from soak.accounts import SoakAccounts

    from ivr.worker import serve_app

    parser = argparse.ArgumentParser()
    parser.add_argument("--fd", type=int, required=True)
    parser.add_argument("--life-fd", type=int, required=True)
    options = parser.parse_args(arguments)
    serve_app(SoakAccounts(), [options.fd], options.life_fd)


def main() -> int:
    """Be the command."""
    if sys.argv[1:2] == ["be-the-accounts"]:
        be_the_accounts(sys.argv[2:])
        return 0
    options = read_options(sys.argv[1:])
    import uvloop
    from benchmark.processes import NotStarted
    from rich.console import Console
    from soak.report import as_json, show

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            told = runner.run(soak(options))
    except NotStarted as error:
        sys.stderr.write(f"The soak could not be run: {error}\n")
        return BROKEN
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160, stderr=options.json == Path("-"))
    show(told, console)
    if options.json == Path("-"):
        sys.stdout.write(as_json(told) + "\n")
    elif options.json is not None:
        options.json.write_text(as_json(told) + "\n", "utf-8")
    return 0 if told.holds else 1


if __name__ == "__main__":
    sys.exit(main())
