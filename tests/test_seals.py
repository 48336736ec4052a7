"""Seals: what is sealed opens only as what it is, for whom it is, and never as something else."""

import base64
import hashlib
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.call import Credential, Member, Said, Session
from ivr.seals import SESSION_FORM, Position, Seals, position_of, session_from

NEW, OLD = b"n" * 32, b"o" * 32
SEALS = Seals([NEW])
CALL = "CA" + "1" * 32
SESSION = Session(
    hotline="beijing",
    version="f" * 64,
    started=1_790_000_000_000,
    stack=(("main", "menu"), ("identify", "password")),
    turn=7,
    lang="yue",
    slow=True,
    silences=1,
    wrongs=2,
    failed=1,
    key_turns=9,
    key_ms=41_000,
)
KNOWING = msgspec.structs.replace(
    SESSION,
    kept="110105198503",
    old_form="110105850312217",
    credential=Credential("id_card", "110105198503122173"),
    member=Member("ref-1", 1, 2, birth_year=1985),
    facts={"balance": "20180.05"},
    said=(Said("balance.tell", {"balance": "20180.05"}, personal=True),),
)
POSITION = position_of(SESSION)
TOKEN = SEALS.seal_token("turn", CALL, POSITION)


def test_a_token_gives_the_position_back_and_two_workers_seal_the_same_bytes() -> None:
    assert SEALS.open_token("turn", CALL, TOKEN) == POSITION
    assert Seals([NEW]).seal_token("turn", CALL, position_of(session_from(POSITION))) == TOKEN


def test_a_position_is_of_the_next_turn_and_knows_nothing_personal() -> None:
    assert position_of(KNOWING) == POSITION
    assert POSITION.turn == 8
    assert session_from(POSITION) == SESSION


def test_a_token_fits_into_a_url() -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{100,300}", TOKEN)


@pytest.mark.parametrize(("kind", "call"), [("leg", CALL), ("turn", "CA2"), ("turn", ""), ("", CALL), ("turnCA", "")])
def test_a_token_opens_only_as_its_kind_and_for_its_call(kind: str, call: str) -> None:
    assert SEALS.open_token(kind, call, TOKEN) is None


@pytest.mark.parametrize(
    "token",
    ["", "A", "====", "!!!!", TOKEN + "=", TOKEN + "A", TOKEN[:-1], "+" + TOKEN[1:], " " + TOKEN, TOKEN + "\n", "壹",
     "٣" * 40, "A" * 22, "A" * 1024, "A" * 100_000, "\udcff", "\0" * 40],
)  # fmt: skip
def test_garbage_opens_as_nothing(token: str) -> None:
    assert SEALS.open_token("turn", CALL, token) is None


@given(st.text() | st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")))
def test_no_text_makes_it_raise(token: str) -> None:
    assert SEALS.open_token("turn", CALL, token) is None


def test_no_character_of_a_token_can_be_another() -> None:
    """Also not in the bits of the last character that base64 leaves unused: one position has one spelling."""
    for place, character in enumerate(TOKEN):
        for other in "AZaz09-_":
            if other != character:
                assert SEALS.open_token("turn", CALL, TOKEN[:place] + other + TOKEN[place + 1 :]) is None


def test_unused_bits_of_the_last_character_do_not_count() -> None:
    by_length = {len(sealed) % 4: sealed for name in ("", "a", "ab") for sealed in [_sealed_with_hotline(name)]}
    for rest, unused in ((2, 16), (3, 4)):
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        token = by_length[rest]
        last = alphabet.index(token[-1])
        assert last % unused == 0
        assert SEALS.open_token("turn", CALL, token) is not None
        assert SEALS.open_token("turn", CALL, token[:-1] + alphabet[last + 1]) is None


def _sealed_with_hotline(name: str) -> str:
    return SEALS.seal_token("turn", CALL, msgspec.structs.replace(POSITION, hotline=name))


class LongerPosition(Position, frozen=True, kw_only=True):
    """What a later release may tell in its URLs."""

    more: int = 0


class LongerSession(Session, frozen=True, kw_only=True):
    """What a later release may remember."""

    more: int = 0


def without(data: bytes, name: str) -> bytes:
    """Give what a release would have written that has no such field of a session yet."""
    fields = msgspec.msgpack.decode(data)
    del fields[next(field.encode_name for field in msgspec.structs.fields(Session) if field.name == name)]
    return msgspec.msgpack.encode(fields)


def test_a_token_of_another_release_opens_rightly_or_as_nothing() -> None:
    same, more = (LongerPosition(*msgspec.structs.astuple(POSITION), more=more) for more in (0, 1))
    assert SEALS.open_token("turn", CALL, SEALS.seal_token("turn", CALL, same)) == POSITION
    assert SEALS.open_token("turn", CALL, SEALS.seal_token("turn", CALL, more)) is None
    wrong = msgspec.structs.replace(POSITION, turn="eight")
    assert SEALS.open_token("turn", CALL, SEALS.seal_token("turn", CALL, wrong)) is None


def test_a_session_of_a_newer_release_opens_rightly_or_as_nothing() -> None:
    same, more = (LongerSession(*msgspec.structs.astuple(KNOWING), more=more) for more in (0, 1))
    assert SEALS.open_session(SEALS.seal_session(same, call=CALL), call=CALL) == KNOWING
    assert SEALS.open_session(SEALS.seal_session(more, call=CALL), call=CALL) is None


def test_a_session_of_an_older_release_has_the_defaults_of_what_it_lacks() -> None:
    def older(*names: str) -> Session | None:
        data = msgspec.msgpack.encode(KNOWING)
        for name in names:
            data = without(data, name)
        return SEALS.open_session(SEALS.seal(b"%d\0" % SESSION_FORM + data, call=CALL, what="session"), call=CALL)

    assert older() == KNOWING
    assert older("said", "old_form") == msgspec.structs.replace(KNOWING, said=(), old_form="")
    assert older("version") is None


@pytest.mark.parametrize("form", [b"", b"0", b"1", b"3", b"02", b"two"])
def test_a_session_of_another_form_is_nothing(form: bytes) -> None:
    data = msgspec.msgpack.encode(KNOWING)
    assert SEALS.open_session(SEALS.seal(form + b"\0" + data, call=CALL, what="session"), call=CALL) is None
    assert SEALS.open_session(SEALS.seal(data, call=CALL, what="session"), call=CALL) is None


def test_a_token_of_another_form_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.seals.POSITION_FORM", 2)
    assert SEALS.open_token("turn", CALL, TOKEN) is None


def test_while_a_secret_changes_both_open_and_the_first_seals() -> None:
    before, during, after = Seals([OLD]), Seals([NEW, OLD]), Seals([NEW])
    token, value = before.seal_token("turn", CALL, POSITION), before.seal(b"x", call=CALL, what="reply")
    assert during.open_token("turn", CALL, token) == POSITION
    assert during.open(value, call=CALL, what="reply") == b"x"
    assert after.open_token("turn", CALL, token) is None
    assert after.open(value, call=CALL, what="reply") is None
    assert during.seal_token("turn", CALL, POSITION) == after.seal_token("turn", CALL, POSITION)
    assert after.open(during.seal(b"x", call=CALL, what="reply"), call=CALL, what="reply") == b"x"


@pytest.mark.parametrize("data", [b"", b"x", b"x" * 200, "您的余额".encode() * 200, bytes(range(256))])
def test_a_value_opens_as_it_was(data: bytes) -> None:
    sealed = SEALS.seal(data, call=CALL, what="session")
    assert SEALS.open(sealed, call=CALL, what="session") == data
    assert sealed != SEALS.seal(data, call=CALL, what="session")


def test_long_values_are_made_short() -> None:
    assert len(SEALS.seal("您的余额".encode() * 200, call=CALL, what="reply")) < 200


@pytest.mark.parametrize(("call", "what"), [("CA2", "session"), (CALL, "reply"), ("", "session"), (CALL, "")])
def test_a_value_opens_only_for_its_call_and_as_what_it_is(call: str, what: str) -> None:
    assert SEALS.open(SEALS.seal(b"secret", call=CALL, what="session"), call=call, what=what) is None


@pytest.mark.parametrize("data", [b"110105198503122173", b"110105198503122173" * 40])
def test_a_damaged_value_opens_as_nothing(data: bytes) -> None:
    sealed = SEALS.seal(data, call=CALL, what="session")
    for place in range(len(sealed)):
        for bit in (1, 2, 3, 128):
            damaged = bytearray(sealed)
            damaged[place] ^= bit
            assert SEALS.open(bytes(damaged), call=CALL, what="session") is None
        assert SEALS.open(sealed[:place], call=CALL, what="session") is None
    assert SEALS.open(sealed + b"\0", call=CALL, what="session") is None


def test_a_name_tells_nothing_and_is_never_a_plain_hash() -> None:
    name = SEALS.name("account", "110105198503122173")
    assert len(name) == 22
    assert name == Seals([NEW]).name("account", "110105198503122173")
    for algorithm in ("sha256", "sha1", "md5", "blake2b"):
        for plain in (b"110105198503122173", b"account110105198503122173"):
            digest = hashlib.new(algorithm, plain).digest()[:16]
            assert base64.urlsafe_b64encode(digest).decode().rstrip("=") != name
    assert Seals([OLD]).name("account", "110105198503122173") != name


def test_names_of_different_things_differ() -> None:
    pairs = [("account", "1"), ("number", "1"), ("account", "2"), ("a", "ccount1"), ("account1", ""), ("", "account1")]
    assert len({SEALS.name(*pair) for pair in pairs}) == len(pairs)


def test_names_look_under_every_secret_the_sealing_one_first() -> None:
    assert Seals([NEW, OLD]).names("account", "1") == (SEALS.name("account", "1"), Seals([OLD]).name("account", "1"))
    assert len(Seals([NEW, NEW]).names("account", "1")) == 1


@pytest.mark.parametrize("secrets", [[], [b"short"], [NEW, b"short"], [NEW, OLD, NEW], [b"x" * 33]])
def test_secrets_of_another_shape_are_refused_with_a_sentence(secrets: list[bytes]) -> None:
    with pytest.raises(ValueError, match="IVR_SECRET_KEY: expected one or two secrets of 32 bytes"):
        Seals(secrets)


def test_seals_do_not_show_their_secrets() -> None:
    assert "nnnn" not in repr(vars(SEALS))
    assert NEW.hex() not in repr(vars(SEALS))
