"""What the caller keyed at a prompt for a number, a part of one, or six digits, and where the call goes from there."""

from ivr.call import Credential, Garbled, Keyed, Silence, Turn
from ivr.flow import CollectNode
from ivr.parts import PART_WRONG_REASONS, Part, read_part
from ivr.telephones import Telephone, read_telephone
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
from ivr.walk import Walk, china_day

MALFORMED = "malformed"

_PARTS: dict[str, int] = {"part_region": 6, "part_birth": 8, "part_last": 4}
"""The three parts of an ID number, and how many characters each has."""

ENTRY_OUTCOMES: dict[str, frozenset[str]] = {
    "number": frozenset({"entered", "back", "parts"}),
    **{part: frozenset({"entered", "back"}) for part in _PARTS},
    "password": frozenset({"entered", "back", "code"}),
    "code": frozenset({"entered", "back", "code"}),
    "new_password": frozenset({"entered", "back"}),
    "telephone": frozenset({"entered", "back"}),
}
"""Where every kind of entry can lead; ``0#`` leads where key 0 of the flows leads, ``#`` alone to ``code``."""

ENTRY_WRONGS: dict[str, tuple[str, ...]] = {
    "number": WRONG_REASONS,
    **PART_WRONG_REASONS,
    "password": (MALFORMED,),
    "code": (MALFORMED,),
    "new_password": (MALFORMED,),
    "telephone": (MALFORMED,),
}
"""What can be wrong with every kind of entry; a collect node has a prompt for each."""

OFFER_PARTS_AFTER = 2
"""After so many malformed numbers the caller may key ``1#`` to give the number in three parts."""

ENDING = 7
"""So much of the end of each number keyed in a call is remembered, since a password must not be its last six digits."""

Input = Keyed | Silence | Garbled


def take_entry(walk: Walk, node: CollectNode, event: Input) -> Turn:
    """Take what was keyed at a collect node."""
    if node.entry == "number":
        return _number_entry(walk, node, event)
    if node.entry in _PARTS:
        return _part_entry(walk, node, event)
    if node.entry == "telephone":
        return _telephone_entry(walk, node, event)
    return _six_entry(walk, node, event)


def _number_entry(walk: Walk, node: CollectNode, event: Input) -> Turn:
    """Take an entry at the number prompt, joined with what was kept of an unfinished one."""
    session = walk.session
    keys, ended = _keyed(walk, event)
    if keys == "1" and ended and not session.kept and session.wrongs >= OFFER_PARTS_AFTER:
        return _go_on(walk, node, "parts")
    entry = (
        Wrong("garbled")
        if isinstance(event, Garbled)
        else read_number(
            keys,
            ended,
            kept=session.kept,
            old_form=session.old_form,
            today=china_day(walk.now),
            as_issued=walk.library.hotlines.issued_with_another_check,
        )
    )
    match entry:
        case Entered():
            return _identified(walk, node, entry)
        case KeptDigits(digits):
            walk.change(kept=digits, swallow="")  # it was not submitted: a # that follows ends what was kept
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


def _part_entry(walk: Walk, node: CollectNode, event: Input) -> Turn:
    """Take one of the three parts; those before it are kept, and each is checked by its structure alone."""
    session = walk.session
    keys, ended = _keyed(walk, event)
    entry = (
        Wrong("length")
        if isinstance(event, Garbled)
        else read_part(
            keys,
            ended,
            so_far=session.kept,
            length=_PARTS[node.entry],
            today=china_day(walk.now),
            as_issued=walk.library.hotlines.issued_with_another_check,
        )
    )
    match entry:
        case Part(digits):
            walk.change(silences=0, wrongs=0, kept=session.kept + digits)
            walk.leave("entered")
            return walk.go(node.outcomes["entered"], fresh=True)
        case Entered():
            return _identified(walk, node, entry)
        case Wrong(reason, n):
            return _wrong(walk, node, reason, n)
        case Back():
            return _go_on(walk, node, "back")
        case Agent():
            return _agent(walk, node, "length")
        case Nothing():
            return walk.silence()


def _six_entry(walk: Walk, node: CollectNode, event: Input) -> Turn:
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
        case HashAlone() if "code" in node.outcomes:
            return _go_on(walk, node, "code")
        case HashAlone() | Malformed():
            return _wrong(walk, node, MALFORMED)


def _telephone_entry(walk: Walk, node: CollectNode, event: Input) -> Turn:
    """Take the number to call back; the next prompt reads its last four back."""
    keys, ended = _keyed(walk, event)
    entry = Malformed() if isinstance(event, Garbled) else read_telephone(keys, ended)
    match entry:
        case Telephone(digits):
            walk.change(callback=digits, facts={**walk.session.facts, "phone_tail": digits[-4:]})
            return _go_on(walk, node, "entered")
        case Malformed():
            return _wrong(walk, node, MALFORMED)
        case Back():
            return _go_on(walk, node, "back")
        case Agent():
            return _agent(walk, node, MALFORMED)
        case Nothing():
            return walk.silence()


def _identified(walk: Walk, node: CollectNode, entered: Entered) -> Turn:
    """Remember the number; the next prompt reads its last four back."""
    credential: Credential = entered.credential
    session = walk.session
    tails = tuple(dict.fromkeys((*session.tails, credential.number[-ENDING:])))
    facts = {**session.facts, "tail": credential.number[-4:]}
    if credential != session.credential:  # what was proved belongs to the number keyed before
        walk.change(pending=None)
    walk.change(credential=credential, tails=tails, facts=facts, old_form="")
    if entered.late_star:
        walk.change(swallow="*#")
    return _go_on(walk, node, "entered")


def _keyed(walk: Walk, event: Input) -> tuple[str, bool]:
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
