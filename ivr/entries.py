"""What the caller keyed at a prompt for a number or for six digits, and where the call goes from there."""

from datetime import date

from ivr.call import Garbled, Keyed, Silence, Turn
from ivr.flow import CollectNode
from ivr.validators import (
    WRONG_REASONS,
    Agent,
    Back,
    Entered,
    HashAlone,
    KeptDigits,
    Malformed,
    Nothing,
    Six,
    Wiped,
    Wrong,
    read_number,
    read_six,
)
from ivr.walk import Walk

MALFORMED = "malformed"

ENTRY_OUTCOMES = {"number": frozenset({"entered", "back"}), "password": frozenset({"entered", "back"})}
"""Where every kind of entry can lead; ``0#`` leads where key 0 of the flows leads."""

ENTRY_WRONGS: dict[str, tuple[str, ...]] = {"number": WRONG_REASONS, "password": (MALFORMED,)}
"""What can be wrong with every kind of entry; a collect node has a prompt for each."""

NUMBERS_REMEMBERED = 4
"""Numbers keyed in one call, of which a password must not be the end."""


def number_entry(walk: Walk, node: CollectNode, event: Keyed | Silence | Garbled, *, today: date) -> Turn:
    """Take an entry at the number prompt, joined with what was kept of an unfinished one."""
    session = walk.session
    keys, ended = _keyed(walk, event)
    entry = (
        Wrong("garbled")
        if isinstance(event, Garbled)
        else read_number(
            keys,
            ended,
            kept=session.kept,
            old_form=session.old_form,
            today=today,
            as_issued=walk.library.hotlines.issued_with_another_check,
        )
    )
    match entry:
        case Entered(credential, late_star):
            tails = (*session.tails, credential.number)[-NUMBERS_REMEMBERED:]
            facts = {**session.facts, "tail": credential.number[-4:]}
            walk.change(credential=credential, tails=tails, facts=facts, kept="", old_form="")
            if late_star:
                walk.change(swallow="*#")
            return _go_on(walk, node, "entered")
        case KeptDigits(digits):
            walk.change(kept=digits)
            return walk.silence(instead=node.kept, facts={"n": str(len(digits))})
        case Wrong(reason, n, old_form):
            walk.change(kept="", old_form=old_form or session.old_form)
            return _wrong(walk, node, reason, n)
        case Wiped():
            walk.change(kept="")
            return walk.hear_again()
        case Back():
            return _go_on(walk, node, "back")
        case Agent():
            return _agent(walk, node, "length")
        case Nothing():
            return walk.silence()


def six_entry(walk: Walk, node: CollectNode, event: Keyed | Silence | Garbled) -> Turn:
    """Take an entry at a prompt for six digits. The digits go on as a secret that dies with the step."""
    keys, ended = _keyed(walk, event)
    entry = Malformed() if isinstance(event, Garbled) else read_six(keys, ended)
    match entry:
        case Six(digits):
            return _go_on(walk, node, "entered", secret=digits)
        case Agent():
            return _agent(walk, node, MALFORMED)
        case Back():
            return _go_on(walk, node, "back")
        case Nothing():
            return walk.silence()
        case HashAlone() | Malformed():
            return _wrong(walk, node, MALFORMED)


def _keyed(walk: Walk, event: Keyed | Silence | Garbled) -> tuple[str, bool]:
    """Give the keys and whether ``#`` ended them; without it, a ``#`` that follows by habit will be swallowed."""
    match event:
        case Keyed(keys, ended):
            walk.change(swallow="" if ended else "#")
            return keys, ended
        case Garbled():
            walk.change(swallow="")
    return "", False


def _go_on(walk: Walk, node: CollectNode, outcome: str, secret: str | None = None) -> Turn:
    walk.change(silences=0, wrongs=0, kept="")
    walk.leave(outcome)
    return walk.go(node.outcomes[outcome], secret=secret, fresh=True)


def _agent(walk: Walk, node: CollectNode, otherwise: str) -> Turn:
    target = walk.inherited("0")
    if target is None:
        return _wrong(walk, node, otherwise)
    walk.change(silences=0, wrongs=0, kept="")
    walk.unwind(target[0])
    walk.leave("0", node="")
    return walk.go(target[1], fresh=True)


def _wrong(walk: Walk, node: CollectNode, reason: str, n: int = 0) -> Turn:
    """Say where the entry went wrong; from the second time on with the help that the node has."""
    help_ = node.help if walk.session.wrongs else ()
    walk.leave(f"wrong {reason}")
    return walk.wrong((node.wrong[reason], *help_), facts={"n": str(n)})
