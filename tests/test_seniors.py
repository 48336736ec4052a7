"""Callers of 60 and over, by the day on which they call; what they then hear is told by the call scripts."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from hotline_under_test import UnderTest, serving
from redis.asyncio import Redis
from scripted_accounts import VERIFICATIONS, VERIFIED
from tampering import BALANCE, LIBRARY, PASSWORD, emptied, words

from ivr.call import Credential, Member
from ivr.carrier.line import Heard
from ivr.engine import begin
from ivr.walk import Walk

CARD = "1234567890"


def at(moment: str) -> int:
    """Give milliseconds since 1970 of a moment in China."""
    return round(datetime.fromisoformat(f"{moment}+08:00").timestamp() * 1000)


def with_x(first_17: str) -> str:
    """Make an ID number of its first 17 digits."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(first_17, weights, strict=True))
    return first_17 + "10X98765432"[total % 11]


BORN = [
    ("19491231", "2026-11-20T12:00", True),
    ("19661119", "2026-11-20T12:00", True),
    ("19661120", "2026-11-20T12:00", True),
    ("19661120", "2026-11-20T00:00", True),
    ("19661120", "2026-11-19T23:59", False),
    ("19661121", "2026-11-20T12:00", False),
    ("19661231", "2027-01-01T00:00", True),
    ("19670101", "2026-12-31T23:59", False),
    ("19640229", "2024-02-28T12:00", False),
    ("19640229", "2024-02-29T12:00", True),
    ("19680229", "2028-02-28T12:00", False),
    ("19680229", "2028-02-29T00:00", True),
    ("19680301", "2028-02-29T12:00", False),
    ("20200101", "2026-11-20T12:00", False),
    ("19000101", "2026-11-20T12:00", True),
]


@pytest.mark.parametrize(("born", "moment", "senior"), BORN)
@pytest.mark.parametrize("head", ["110105", "810000", "911101"])
def test_by_the_birth_date_of_an_id_number(head: str, born: str, moment: str, senior: bool) -> None:
    assert is_senior(Credential("id_card", with_x(f"{head}{born}002")), None, moment) == senior


@pytest.mark.parametrize(
    ("year", "moment", "senior"),
    [
        (1965, "2026-11-20T12:00", True),
        (1966, "2026-01-01T00:00", True),
        (1966, "2025-12-31T23:59", False),
        (1967, "2026-12-31T23:59", False),
        (None, "2026-11-20T12:00", False),
    ],
)
def test_by_the_birth_year_where_a_card_was_keyed(year: int | None, moment: str, senior: bool) -> None:
    assert is_senior(Credential("social_security_card", CARD), year, moment) == senior


def test_the_date_of_the_id_number_goes_before_the_year_of_the_account_service() -> None:
    young, old = (Credential("id_card", with_x(f"110105{born}002")) for born in ("19850312", "19491231"))
    assert not is_senior(young, 1949, "2026-11-20T12:00")
    assert is_senior(old, 1985, "2026-11-20T12:00")


def test_whoever_has_keyed_nothing_is_no_senior() -> None:
    assert not is_senior(None, None, "2026-11-20T12:00")


def is_senior(credential: Credential | None, birth_year: int | None, moment: str) -> bool:
    now = at(moment)
    session = begin(LIBRARY, "demo", now)
    walk = Walk(LIBRARY, session, now)
    walk.change(credential=credential, member=Member("ref", now, now + 900_000, birth_year=birth_year))
    return walk.senior()


@pytest.fixture(scope="module")
def hotline(valkey_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[UnderTest]:
    with serving(valkey_url, tmp_path_factory.mktemp("data")) as under_test:
        yield under_test


@pytest.mark.parametrize(
    ("known", "menu", "offered"),
    [
        ({"birth_year": 1950}, "after.menu_senior", ()),
        ({"birth_year": 1985}, "after.menu", ("silence.agent",)),
        ({}, "after.menu", ("silence.agent",)),
    ],
    ids=["born in 1950", "born in 1985", "no year is told"],
)
async def test_a_card_number_over_http(
    known: dict[str, int],
    menu: str,
    offered: tuple[str, ...],
    hotline: UnderTest,
    redis: Redis,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await emptied(redis)
    told = {name: value for name, value in VERIFIED.items() if name != "birth_year"}
    monkeypatch.setitem(VERIFICATIONS, "of this age", (200, told | known))
    hotline.accounts.script({"verify": ["of this age"], "balance": [BALANCE]})
    async with hotline.carrier() as carrier:
        call = await carrier.dial()
        await call.press("1")
        await call.press(CARD + "#")
        assert said(await call.press(PASSWORD)).endswith(words(menu))
        assert said(await call.silence()) == "".join(map(words, ("silence.first", menu, *offered)))


def said(heard: list[Heard]) -> str:
    return "".join(one.text for one in heard)
