"""Signatures: the carrier's known answers, and the same verdict as the carrier's own validator on any request."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from ivr.channels.twilio.form import read_form, read_pairs
from ivr.channels.twilio.signature import holds, sign

TOKEN = "12345"
KNOWN = {"CallSid": "CA1234567890ABCDE", "Digits": "1234", "To": "+18005551212"}
CALLER = "+14158675309"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def pairs_of(fields: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return list(read_pairs(urlencode(fields).encode()))


KNOWN_PAIRS = pairs_of(KNOWN | {"From": CALLER, "Caller": CALLER})


def test_the_known_answer() -> None:
    assert sign(TOKEN.encode(), URL, KNOWN_PAIRS) == SIGNATURE
    assert holds((TOKEN,), URL, KNOWN_PAIRS, SIGNATURE)


@pytest.mark.parametrize(
    ("url", "with_port"),
    [
        ("https://mycompany.com/x?a=1", "https://mycompany.com:443/x?a=1"),
        ("http://mycompany.com/x", "http://mycompany.com:80/x"),
        ("https://mycompany.com:8443/x", "https://mycompany.com/x"),
        ("https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"),
    ],
)
def test_the_url_counts_with_its_port_and_without(url: str, with_port: str) -> None:
    for signed in (url, with_port):
        assert holds((TOKEN,), url, KNOWN_PAIRS, sign(TOKEN.encode(), signed, KNOWN_PAIRS))


def test_either_of_two_tokens_holds_and_no_third() -> None:
    for token in ("old", "new"):
        assert holds(("new", "old"), URL, KNOWN_PAIRS, sign(token.encode(), URL, KNOWN_PAIRS))
    assert not holds(("new", "old"), URL, KNOWN_PAIRS, SIGNATURE)


@pytest.mark.parametrize("signature", ["", "=", SIGNATURE[:-1], SIGNATURE.lower(), f"{SIGNATURE} ", "你", "\xff" * 28])
def test_no_other_text_holds(signature: str) -> None:
    assert not holds((TOKEN,), URL, KNOWN_PAIRS, signature)


@pytest.mark.parametrize(
    "change",
    [{"Digits": "1235"}, {"Digits": ""}, {"Digits": "1234 "}, {"To": "18005551212"}, {"New": ""}, {"callsid": "x"}],
)
def test_a_changed_form_does_not_hold(change: dict[str, str]) -> None:
    changed = pairs_of(KNOWN | {"From": CALLER, "Caller": CALLER} | change)
    assert not holds((TOKEN,), URL, changed, SIGNATURE)
    assert not holds((TOKEN,), URL, KNOWN_PAIRS[:-1], SIGNATURE)


def test_blank_values_and_names_are_signed() -> None:
    blank = list(read_pairs(b"A=&B&C=3&=4"))
    assert blank == [(b"A", b""), (b"B", b""), (b"C", b"3"), (b"", b"4")]
    assert sign(b"k", "u", blank) == sign(b"k", "u", [(b"", b"4"), (b"AB", b"C3")])


@pytest.mark.parametrize(
    "city", ["北京", "Zürich", "\U0001f4de", " a b ", "+", "%41", "a&b=c", "\x00", "\r\n", "ÿ", "١٢"]
)
def test_places_in_any_script_are_signed_as_they_are(city: str) -> None:
    """A parser that takes bytes for ASCII refuses every webhook of a caller from such a place."""
    signature = RequestValidator(TOKEN).compute_signature(URL, KNOWN | {"FromCity": city})
    assert holds((TOKEN,), URL, pairs_of(KNOWN | {"FromCity": city}), signature)
    assert read_form(pairs_of({"FromCity": city})).values == {"FromCity": city}


@pytest.mark.parametrize("body", [b"a=%FF&b=1", b"a=\xff&b=1", b"%FF=1&b=1", b"a=%C0%80&b=1"])
def test_bytes_that_are_not_utf8_hold_as_they_are_and_as_senders_decode_them(body: bytes) -> None:
    pairs = read_pairs(body)
    replaced = {name.decode(errors="replace"): value.decode(errors="replace") for name, value in pairs}
    for signature in (sign(TOKEN.encode(), URL, pairs), RequestValidator(TOKEN).compute_signature(URL, replaced)):
        assert holds((TOKEN,), URL, pairs, signature)
    form = read_form(pairs)
    assert not form.clean
    assert form.values["b"] == "1"


class Several(dict[str, list[str]]):
    """Fields of which each may have several values, as the validator takes them."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
fields = st.lists(st.tuples(texts, texts), max_size=8)
urls = st.builds(
    lambda scheme, host, port, path, query: f"{scheme}://{host}{port}/{path}{query}",
    st.sampled_from(["http", "https"]),
    st.sampled_from(["a.example", "10.0.0.1", "localhost"]),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.text("abc/-_%20", max_size=8),
    st.sampled_from(["", "?a=1", "?a=1&b=%20"]),
)


@given(urls, fields, st.booleans(), st.sampled_from(["as signed", "token", "field", "path"]))
def test_the_same_verdict_as_the_carriers_own_validator(
    url: str, sent: list[tuple[str, str]], other_port: bool, forged: str
) -> None:
    theirs = Several()
    for name, value in sent:
        theirs.setdefault(name, []).append(value)
    validator = RequestValidator(TOKEN if forged != "token" else "other")
    signed_url = url
    if other_port:
        signed_url = url.replace(":8080", "").replace(":443", "").replace(":80", "")
    signature = validator.compute_signature(signed_url + ("x" if forged == "path" else ""), theirs)
    if forged == "field":
        theirs.setdefault("Digits", []).append("9")
        sent = [*sent, ("Digits", "9")]
    pairs = read_pairs(urlencode(sent).encode())
    expected = RequestValidator(TOKEN).validate(url, theirs, signature)
    assert holds((TOKEN,), url, pairs, signature) == expected
    if forged == "as signed":
        assert expected


@given(st.binary(max_size=300))
def test_any_body_is_read_without_an_error(body: bytes) -> None:
    form = read_form(read_pairs(body))
    assert all(isinstance(value, str) for value in form.values.values())
