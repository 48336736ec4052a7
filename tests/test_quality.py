"""The house: ruff and mypy are content, modules import downwards only, and every module says what it is for."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "ivr").rglob("*.py"))

# A room is a module or a package directly in ivr/. It imports from its own floor and from those below.
FLOORS = [
    "ages call calling_numbers clock datafolder deadline duty envfile facts first_use large_pages logs place problems "
    "production seals settings short_names speech telephones urls validators weakness",
    "accounts bookings counters database dropped embedded filefaults flow kept_password lasting live messages metrics "
    "orders pace policyfacts prompts redis_line refusal_times store surveys waiting_room whispers yamlfile yamlslips",
    "agents attempts balance_and_years codes emergency engine entries going_on identity inquiry library lookups "
    "newpassword parts policy records texting waiting walk",
    "audit call_records crashes dialling drawing endings hotline lint pages public_mode queueing schemas shedding "
    "stepping versions works",
    "carrier channels exchange",
    "app commands connections crew door health keepers mould serve standins supervisor vitals web worker __main__",
]
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms.split()}

# The call logic waits for nothing, logs nothing and asks for no time: it can be run again from any point of a call.
PURE = ("call", "engine", "entries", "flow", "lasting", "pace", "place", "short_names", "waiting", "walk")
IMPURE = {
    "aiohttp",
    "asyncio",
    "httpx2",
    "logging",
    "os",
    "pathlib",
    "random",
    "redis",
    "secrets",
    "socket",
    "structlog",
}
CLOCKS = {"now", "today", "utcnow", "time", "monotonic"}

# Long modules need a reason that a reader would accept.
LONGEST = 320
REASONS_TO_BE_LONG: dict[str, str] = {}

UNSPEAKING = frozenset({"base", "common", "handler_factory", "helpers", "manager", "misc", "processor", "utils"})


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def room_of(path: Path) -> str:
    return path.relative_to(ROOT / "ivr").parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Give line and full name of every module that is imported, inside functions as well."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module="ivr", names=names):
                yield from ((node.lineno, f"ivr.{alias.name}") for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield node.lineno, module
            case ast.ImportFrom():
                yield node.lineno, "a relative import"


def rooms_needed(path: Path) -> Iterator[tuple[int, str]]:
    for line, module in imports(path):
        if module.startswith("ivr."):
            yield line, module.split(".")[1]


def run(*command: str) -> None:
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_is_content() -> None:
    run("ruff", "check", "ivr", "tests")


def test_mypy_is_content() -> None:
    run("mypy", "ivr", "tests")


def test_every_room_has_a_floor() -> None:
    rooms = {room_of(path) for path in MODULES} - {"__init__"}
    assert rooms == set(FLOOR_OF), "give the new room a floor, or take the old one away"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_from_its_floor_and_below(path: Path) -> None:
    mine = FLOOR_OF.get(room_of(path), 0)
    upward = [f"line {line}: {room}" for line, room in rooms_needed(path) if FLOOR_OF[room] > mine]
    relative = [f"line {line}" for line, module in imports(path) if module == "a relative import"]
    assert upward == []
    assert relative == []


def test_no_rooms_import_each_other_in_a_circle() -> None:
    needs: dict[str, set[str]] = {room: set() for room in FLOOR_OF}
    for path in MODULES:
        if (room := room_of(path)) in needs:
            needs[room] |= {other for _, other in rooms_needed(path)} - {room}
    while free := {room for room, others in needs.items() if not others}:
        needs = {room: others - free for room, others in needs.items() if room not in free}
    assert needs == {}


@pytest.mark.parametrize("room", PURE)
def test_the_call_logic_neither_acts_nor_reads_a_clock(room: str) -> None:
    path = ROOT / "ivr" / f"{room}.py"
    assert {module.split(".")[0] for _, module in imports(path)} & IMPURE == set()
    called = [node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
    assert [func.attr for func in called if isinstance(func, ast.Attribute) and func.attr in CLOCKS] == []


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_says_in_a_sentence_what_it_is_for_and_stays_short(path: Path) -> None:
    text = path.read_text("utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    assert docstring.split("\n\n")[0].endswith((".", ":")), "the first line of a module is a sentence"
    assert path.stem not in UNSPEAKING
    assert len(text.splitlines()) <= LONGEST or name_of(path) in REASONS_TO_BE_LONG


def test_no_reason_is_kept_for_a_module_that_is_short_again() -> None:
    for name in REASONS_TO_BE_LONG:
        assert len((ROOT / name).read_text("utf-8").splitlines()) > LONGEST
