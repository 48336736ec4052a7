"""Any bytes where a form, an account answer or a data file is expected: read as that, or refused in plain words."""

import dataclasses
import json
from decimal import Decimal
from typing import Any
from urllib.parse import quote_from_bytes

from fuzzing import examples
from hypothesis import given
from hypothesis import strategies as st
from lint_examples import HELD, LOOKUPS, WORLD, WRONGS
from pydantic import BaseModel
from test_account_contract import SHAPES, Reader, wrap

from ivr.accounts.contract import ContractFault
from ivr.call import DialEnded, Garbled, Keyed, Silence
from ivr.channels.twilio.form import read_event, read_form, read_pairs
from ivr.library import LibraryError, build
from ivr.lint import check

# --- the form of a webhook -------------------------------------------------------------------------------------------

names = st.sampled_from(["CallSid", "Digits", "FinishedOnKey", "DialCallStatus", "DialBridged", "From", "CallStatus"])
values = st.one_of(
    st.sampled_from([b"1", b"#", b"*", b"123456", b"completed", b"true", b"", b"CA" + b"0" * 32]),
    st.text("0123456789*#", max_size=70).map(str.encode),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.binary(max_size=20),
)
fields = st.builds(lambda name, value: f"{name}={quote_from_bytes(value)}".encode(), names, values)
forms = st.lists(fields | st.binary(max_size=30), max_size=6).map(b"&".join)


@examples(80)
@given(forms | st.binary(max_size=300), st.booleans())
def test_any_body_is_an_event_within_the_grammar(body: bytes, is_form: bool) -> None:
    pairs = read_pairs(body)
    form = read_form(pairs, is_form=is_form)
    told = [name for name, _ in pairs]
    assert all(told.count(name.encode()) == 1 for name in form.values), "of a name that came twice no value is believed"
    assert form.call_sid is None or (len(form.call_sid) == 34 and form.call_sid.isascii())
    for party in (form.party("From"), form.party("To")):
        assert party.isascii()
        assert not party or party.isprintable()
    match read_event(form):
        case Keyed(digits, _):
            assert set(digits) <= set("0123456789*#")
            assert len(digits) <= 64
            assert form.clean
        case Silence() | DialEnded():
            assert form.clean
        case other:
            assert other == Garbled()


@examples(80)
@given(st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.binary(max_size=12)), max_size=6))
def test_what_was_escaped_arrives_as_it_was(pairs: list[tuple[bytes, bytes]]) -> None:
    body = b"&".join(
        quote_from_bytes(name, "").encode() + b"=" + quote_from_bytes(value, "").encode() for name, value in pairs
    )
    assert read_pairs(body) == pairs


# --- the answers of the account service ------------------------------------------------------------------------------

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["20180.05", "-0.00", "2026-11-20", "2026-02-30", "2026-13", "0000-01", "normal", "none", "1e5", "NaN"]
    ),
)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def beyond_doubt(value: object) -> None:
    """Hold a record to what may be spoken: no float, no number that is none, nothing unread."""
    match value:
        case BaseModel():
            for name in type(value).model_fields:
                beyond_doubt(getattr(value, name))
        case list():
            for one in value:
                beyond_doubt(one)
        case Decimal():
            assert value.is_finite()
            assert value == round(value, 2)
            assert not (value == 0 and value.is_signed())
        case int():
            assert abs(value) <= 10**9
        case other:
            assert not isinstance(other, float | dict)


def read_or_refused(read: Reader, body: bytes) -> None:
    """Read an answer; whatever is wrong with it is one short sentence that drags nothing along."""
    try:
        record = read(body)
    except ContractFault as told:
        fault = told
    else:
        beyond_doubt(record)
        return
    assert fault.__context__ is None
    assert "\n" not in str(fault)
    assert len(str(fault)) < 200


@examples(200)
@given(st.sampled_from(SHAPES), st.data())
def test_any_json_is_a_record_or_a_fault_of_the_contract(
    shape: tuple[Reader, dict[str, Any], bool], data: st.DataObject
) -> None:
    read, good, listed = shape
    changed = dict(good)
    for name in data.draw(st.lists(st.sampled_from(sorted(good)), max_size=2)):
        changed[name] = data.draw(anything)
    for name in data.draw(st.sets(st.sampled_from(sorted(good)), max_size=1)):
        del changed[name]
    whole = wrap(read, changed | data.draw(st.dictionaries(st.text(max_size=8), anything, max_size=2)), listed)
    read_or_refused(read, whole[: data.draw(st.integers(0, len(whole)) | st.none())])


@examples(80)
@given(
    st.sampled_from(SHAPES),
    st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode()) | st.just(b"[" * 60_000),
)
def test_any_bytes_are_a_record_or_a_fault_of_the_contract(
    shape: tuple[Reader, dict[str, Any], bool], body: bytes
) -> None:
    read_or_refused(shape[0], body)


# --- flows and prompts -----------------------------------------------------------------------------------------------

SPLINTERS = st.sampled_from(
    [
        *("{", "}", "[", "]", ": ", "&a ", "*a", "- ", "\t", "'", '"', "|", "~", "<<: *a", "!!python/x"),
        *("null", "on", "0417", "2026-01-01", "1e400", "kind: menu", "again", "menu", "{x:money}", "余", "\x00"),
    ]
) | st.text(max_size=6)


@dataclasses.dataclass
class Slip:
    """One slip of an author's hand, or worse."""

    at: float
    takes: int
    puts: bytes

    def of(self, text: bytes) -> bytes:
        place = int(self.at * len(text))
        return text[:place] + self.puts + text[place + self.takes :]


slips = st.builds(
    Slip,
    st.floats(0, 1),
    st.sampled_from([0, 0, 1, 2, 8, 40]),
    SPLINTERS.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=3),
)


@examples(25)
@given(st.sampled_from(sorted(WORLD)), st.lists(slips, min_size=1, max_size=3))
def test_any_slip_in_a_data_file_is_told_in_sentences(name: str, slips: list[Slip]) -> None:
    sources = {file: text.encode() for file, text in WORLD.items()}
    for slip in slips:
        sources[name] = slip.of(sources[name])
    try:
        problems = check(build(sources), LOOKUPS, phrases=HELD, entry_wrongs=WRONGS)
    except LibraryError as told:
        problems = told.problems
        assert problems
    for problem in problems:
        assert problem.file
        assert problem.message.strip()
        for word in ("Traceback", "pydantic", "Error(", "object at 0x", "ruamel"):
            assert word not in str(problem)
