"""The short names by which the fields of a call are written: with the long ones a session is a quarter longer.

A name stands for one field for ever: see `SESSION_FORM` of `ivr.seals`.
"""

from typing import Final

SAID: Final = {"prompt": "n", "facts": "f", "lead": "l", "personal": "p"}
MEMBER: Final = {"ref": "r", "verified_at": "v", "expires_at": "e", "birth_year": "b", "region": "g"}
CREDENTIAL: Final = {"kind": "k", "number": "n"}

PLACE: Final = {
    "group": "g", "joined": "j", "turn": "n", "told": "p", "choice": "c", "missed": "m", "aside_at": "a", "since": "s",
    "wanted": "w",
}  # fmt: skip

POSITION: Final = {
    "turn": "n", "version": "v", "stack": "s", "lang": "l", "slow": "p", "silences": "q", "wrongs": "w", "failed": "f",
    "key_turns": "k", "key_ms": "m", "hotline": "h", "started": "t", "place": "e",
}  # fmt: skip

SESSION: Final = {
    "hotline": "h", "version": "v", "started": "t", "stack": "s", "turn": "n", "lang": "l", "slow": "p",
    "silences": "q", "wrongs": "w", "failed": "f", "key_turns": "k", "key_ms": "m", "last_at": "a", "repeats": "r",
    "public": "u", "swallow": "z", "kept": "g", "old_form": "of", "credential": "c", "tails": "ct",
    "member": "b", "pending": "pm", "codes": "sc", "owes": "ow", "texted": "tx", "asked": "y", "answered": "x",
    "facts": "d", "said": "i", "heard": "e", "parties": "j", "dials": "di", "callback": "cb", "recording": "rc",
    "services": "sv", "all_repeats": "ar", "all_silences": "as", "place": "pl", "path": "pa",
}  # fmt: skip
