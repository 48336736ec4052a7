"""How long a caller is waited for, at normal pace and in slow mode, and how keys are listened for."""

from typing import Final

from msgspec.structs import replace

from ivr import flow as nodes
from ivr.call import Listen, ListenMode, Session

WAITS: Final = {False: (8, 10), True: (12, 15)}
"""Seconds for the first key and between keys, at normal pace and in slow mode."""

_MODES: Final[dict[nodes.Entry, ListenMode]] = {
    "number": "number",
    "part_region": "six",
    "part_birth": "eight",
    "part_last": "four",
    "password": "six",
    "code": "six",
    "new_password": "six",
    "telephone": "number",
}


def listening(node: nodes.Node, *, slow: bool) -> Listen:
    """Say how a node listens; a menu may have a wait of its own for the first key, in seconds."""
    first, between = WAITS[slow]
    mode: ListenMode = "key"
    if isinstance(node, nodes.CollectNode):
        mode = _MODES[node.entry]
    elif isinstance(node, nodes.MenuNode) and node.wait:
        first = node.wait
    return Listen(mode, first, between)


def heard_again(session: Session) -> Session:
    """Count that the caller asks to hear something again: the second time it is slower, and so from then on."""
    repeats = session.repeats + 1
    return replace(session, repeats=repeats, all_repeats=session.all_repeats + 1, slow=session.slow or repeats >= 2)
