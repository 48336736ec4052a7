"""What every fact of a call is by its name, and by which types a prompt may say it."""

from collections.abc import Mapping
from typing import Final, Literal

Form = Literal["a sum", "a day", "a month", "months", "a count", "digits", "a text", "the id of a prompt", "a word"]

SAID_AS: Final[Mapping[Form, tuple[str, ...]]] = {
    "a sum": ("money", "money_abs"),
    "a day": ("date",),
    "a month": ("month",),
    "months": ("duration", "span", "count", "number"),
    "a count": ("count", "people", "number"),
    "digits": ("digits",),
    "a text": ("text",),
    "the id of a prompt": ("term",),
    "a word": (),
}
"""The types by which a prompt may say each form: what `ivr.speech.canonical` reads without an error, and makes sense.

A word (which service was chosen, who chose a place) is for lookups alone: no voice of any language could say it.
"""

FACTS: Final[Mapping[str, Form]] = {
    # The hotline's own, and what an entry leaves behind.
    "hotline": "a text",
    "hours": "a text",
    "n": "a count",
    "minutes": "a count",
    "tail": "digits",
    "phone_tail": "digits",
    # What a call remembers for its lookups.
    "dropped": "a word",
    "score": "a word",
    "topic": "a word",
    "place": "a word",
    "chosen_by": "a word",
    "shown": "a count",
    # What lookups find.
    "as_of": "a day",
    "balance": "a sum",
    "total": "months",
    "actual": "months",
    "deemed": "months",
    "missing": "months",
    "missing_actual": "months",
    "amount": "a sum",
    "month": "a month",
    "date": "a day",
    "credited_on": "a day",
    "case_tail": "digits",
    "code": "digits",
    "submitted_on": "a day",
    "due_by": "a day",
    "left": "a count",
    "scheme": "the id of a prompt",
    "since": "a month",
    "bound": "a count",
    "city": "the id of a prompt",
}
"""The one place that says what a fact is. The values of policy facts have their measures in `ivr.policyfacts`."""
