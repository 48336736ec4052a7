"""Signatures of the test carrier: known answers, and equality with the carrier's own library."""

# The carrier's library has no types.
# mypy: disable-error-code="import-untyped"

from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from ivr.carrier.signing import sign

KNOWN = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "To": "+18005551212"}
CALLER = {"From": "+14158675309", "Caller": "+14158675309"}


def test_the_known_answer_is_reached() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert sign("12345", url, (KNOWN | CALLER).items()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_the_fragment_is_not_signed() -> None:
    url = "https://hotline.example/twilio/turn/x"
    assert sign("t", url + "#rc=2&rp=all&rt=5000", KNOWN.items()) == sign("t", url, KNOWN.items())


def test_empty_values_are_signed() -> None:
    assert sign("t", "https://h.example/", {"Digits": ""}.items()) != sign("t", "https://h.example/", [])


class Fields(dict[str, list[str]]):
    """Fields with several values each, read by the library as a framework's form is."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


texts = st.text(st.characters(codec="utf-8"), max_size=12)


@given(st.text(min_size=1, max_size=20), st.dictionaries(texts, st.lists(texts, min_size=1, max_size=3), max_size=6))
def test_signatures_equal_those_of_the_carriers_library(token: str, fields: dict[str, list[str]]) -> None:
    url = "https://hotline.example/twilio/voice"
    pairs = [(name, value) for name, values in fields.items() for value in values]
    theirs: object = RequestValidator(token).compute_signature(url, Fields(fields))
    assert sign(token, url, pairs) == theirs
