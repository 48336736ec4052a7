"""Records as answers: pages, rows and the corners of the contract, each asked of a scripted account service."""

import asyncio
from datetime import date
from typing import Any

import pytest
from scripted_accounts import ScriptedAccounts
from scripted_client import ScriptedClient

from ivr.bookings import Bookings
from ivr.call import Answered, Credential, Member, Said, Session
from ivr.counters import Counters
from ivr.inquiry import Desk, Inquiry, Queues, Trail
from ivr.kept_password import KeptPasswords
from ivr.library import default_dirs, load
from ivr.lookups import DECLARED
from ivr.messages import Messages
from ivr.records import RELATIVES
from ivr.refusal_times import RefusalTimes
from ivr.seals import Seals
from ivr.surveys import Surveys
from ivr.texting import LONGEST, message

LIBRARY = load(*default_dirs())
NAME, HOTLINE = LIBRARY.hotline_for("12333")
NOW = 1_795_132_800_000
"""2026-11-20, eight in the morning in China: a Friday."""
TODAY = date(2026, 11, 20)
MEMBER = Member("ref", NOW - 1000, NOW + 60_000)

MONTHS = [{"month": f"20{26 - n // 12}-{12 - n % 12:02d}", "amount": "1.00", "status": "paid"} for n in range(30)]


class Nobody:
    """A part of the desk that no record needs: whoever asks for it fails."""


def inquiry_of(service: dict[str, list[Any]], session: Session | None = None, *, until: float = 5) -> Inquiry:
    """Give an inquiry of a verified member to an account service with these answers."""
    accounts = ScriptedAccounts()
    accounts.script(service)
    accounts.today = lambda: TODAY
    nobody: Any = Nobody()
    counters: Counters = nobody
    passwords: KeptPasswords = nobody
    times: RefusalTimes = nobody
    bookings: Bookings = nobody
    surveys: Surveys = nobody
    messages: Messages = nobody
    places: Queues = nobody
    client, seals = ScriptedClient(accounts), Seals([bytes(32)])
    trail: Trail = nobody
    desk = Desk(client, counters, seals, passwords, lambda: NOW, times, bookings, surveys, messages, places, trail)
    loop = asyncio.get_running_loop()
    return Inquiry(desk, "CA1", session or session_of(), LIBRARY, loop.time() + until)


def session_of(**fields: Any) -> Session:
    known: dict[str, Any] = {"member": MEMBER, "credential": Credential("social_security_card", "204718365")}
    return Session(NAME, LIBRARY.version, NOW, **(known | fields))


async def ask(lookup: str, answer: Any, **fields: Any) -> Answered:
    """Ask a lookup whose one question to the account service has this answer, and hold it to what it declares."""
    question = {"payments": "transactions", "family": "family-sharing"}.get(lookup, lookup).removesuffix("_more")
    answered = await DECLARED[lookup].answer(inquiry_of({question: [answer]}, session_of(**fields)))
    declared = DECLARED[lookup]
    assert answered.facts.keys() == declared.outcomes[answered.outcome]
    for kind, facts in answered.rows:
        assert facts.keys() == declared.rows[answered.outcome][kind]
    return answered


# --- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("there", "shown", "outcome", "told"),
    [
        (0, 0, "none", 0),
        (1, 0, "last", 1),
        (3, 0, "last", 3),
        (4, 0, "more", 3),
        (3, 3, "none", 0),
        (4, 3, "last", 1),
        (6, 3, "last", 3),
        (7, 3, "more", 3),
        (24, 18, "more", 3),
        (24, 21, "last", 3),
        (30, 21, "last", 3),  # the account service gives no more than 24
        (30, 24, "none", 0),
    ],
)
async def test_a_list_is_told_by_three(there: int, shown: int, outcome: str, told: int) -> None:
    lookup, facts = ("contributions_more", {"shown": str(shown)}) if shown else ("contributions", {})
    answered = await ask(lookup, MONTHS[:there], facts=facts)
    assert answered.outcome == outcome
    expected = [month["month"] for month in MONTHS[shown : shown + told]]
    assert [facts["month"] for _, facts in answered.rows] == expected
    assert answered.facts == ({"shown": str(shown + told)} if told else {})


@pytest.mark.parametrize("shown", [0, 3, 21, 24])
async def test_no_more_is_asked_for_than_the_contract_allows(shown: int) -> None:
    asked: list[int] = []
    inquiry = inquiry_of({"contributions": [MONTHS]}, session_of(facts={"shown": str(shown)}))
    read = inquiry.desk.accounts.contributions

    async def noting(ref: str, limit: int = 3, *, call_id: str) -> Any:
        asked.append(limit)
        return await read(ref, limit, call_id=call_id)

    inquiry.desk.accounts.contributions = noting  # type: ignore[method-assign]
    await DECLARED["contributions_more"].answer(inquiry)
    assert asked == [min(24, shown + 4)]


@pytest.mark.parametrize("lookup", ["contributions", "credits", "payments", "transfers"])
async def test_the_first_page_forgets_what_another_list_has_shown(lookup: str) -> None:
    entry = {
        "contributions": MONTHS[0],
        "credits": {"month": "2026-10", "amount": "1.00"},
        "payments": {"date": "2026-10-01", "amount": "1.00", "kind": "other"},
        "transfers": {"case_number": "1", "stage": "done", "submitted_on": "2026-10-01"},
    }[lookup]
    assert (await ask(lookup, [entry], facts={"shown": "9"})).facts == {"shown": "1"}


# --- entries ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lookup", "entry", "kind"),
    [
        ("contributions", {"month": "2026-10", "amount": "1.00", "status": "paid"}, "paid"),
        ("contributions", {"month": "2026-10", "amount": "1.00", "status": "pending"}, "pending"),
        ("contributions", {"month": "2026-10", "amount": "1.00", "status": "overdue"}, "overdue"),
        ("contributions", {"month": "2026-10", "amount": "-1.00", "status": "paid"}, "returned"),
        ("contributions", {"month": "2026-10", "amount": "-0.00", "status": "paid"}, "paid"),
        ("credits", {"month": "2026-10", "amount": "1.00", "credited_on": "2026-10-15"}, "dated"),
        ("credits", {"month": "2026-10", "amount": "1.00"}, "undated"),
        ("credits", {"month": "2026-10", "amount": "-1.00", "credited_on": "2026-10-15"}, "taken_back"),
        ("payments", {"date": "2026-10-01", "amount": "1.00", "kind": "pharmacy"}, "pharmacy"),
        ("payments", {"date": "2026-10-01", "amount": "1.00", "kind": "other"}, "other"),
        ("payments", {"date": "2026-10-01", "amount": "-1.00", "kind": "pharmacy"}, "refund"),
        ("payments", {"date": "2026-10-01", "amount": "-1.00", "kind": "refund"}, "refund"),
        ("payments", {"date": "2026-10-01", "amount": "1.00", "kind": "refund"}, "refund"),
    ],
)
async def test_an_entry_is_told_in_the_words_for_its_kind(lookup: str, entry: dict[str, str], kind: str) -> None:
    assert [found for found, _ in (await ask(lookup, [entry])).rows] == [kind]


@pytest.mark.parametrize(
    ("case", "rows"),
    [
        ({"case_number": "ZY2026431100274"}, [("numbered", "0274"), ("done", "")]),
        ({"case_number": "274"}, [("unnumbered", ""), ("done", "")]),
        ({"case_number": "20264311002-A"}, [("unnumbered", ""), ("done", "")]),
        ({"case_number": "１２３４"}, [("unnumbered", ""), ("done", "")]),
        ({"case_number": ""}, [("unnumbered", ""), ("done", "")]),
        ({"stage": "receiving", "due_by": "2026-11-27"}, [("receiving", ""), ("due_in", "2026-11-27 5")]),
        ({"stage": "receiving", "due_by": "2026-11-23"}, [("receiving", ""), ("due_in", "2026-11-23 1")]),
        ({"stage": "receiving", "due_by": "2026-11-22"}, [("receiving", ""), ("due_by", "2026-11-22")]),
        ({"stage": "accepted", "due_by": "2026-11-20"}, [("accepted", ""), ("due_by", "2026-11-20")]),
        ({"stage": "accepted", "due_by": "9999-12-31"}, [("accepted", ""), ("due_by", "9999-12-31")]),
        ({"stage": "submitted", "due_by": "2026-11-19"}, [("submitted", ""), ("overdue", "2026-11-19")]),
        ({"stage": "sending_out"}, [("sending_out", "")]),
        ({"stage": "done", "due_by": "2026-11-19"}, [("done", "")]),
        ({"stage": "rejected", "due_by": "2026-11-27", "balance_arrived": False}, [("rejected", "")]),
        ({"balance_arrived": True}, [("done", ""), ("arrived", "")]),
        ({"balance_arrived": True, "amount": "0.00"}, [("done", ""), ("arrived_sum", "0.00")]),
        ({"balance_arrived": True, "amount": "-1.00"}, [("done", ""), ("arrived", "")]),
        ({"balance_arrived": False, "amount": "2.22"}, [("done", ""), ("awaited_sum", "2.22")]),
        ({"balance_arrived": False}, [("done", ""), ("awaited", "")]),
        ({"amount": "2.22"}, [("done", "")]),
    ],
)
async def test_a_transfer_is_told_as_far_as_it_is_known(case: dict[str, Any], rows: list[tuple[str, str]]) -> None:
    known = {"case_number": "x", "stage": "done", "submitted_on": "2026-11-11", "from_region": "<Say>", "to_region": ""}
    answered = await ask("transfers", [known | case])
    found = [(kind, " ".join(facts[name] for name in sorted(facts))) for kind, facts in answered.rows]
    numbered = "case_number" in case
    assert [(kind, facts.removesuffix("2026-11-11").strip()) for kind, facts in found][not numbered :] == rows


async def test_relatives_are_counted_and_not_named() -> None:
    hostile = {"surname": "</Say><Hangup/>", "relation": "child"}
    relatives = [hostile, {"surname": "\u202e", "relation": "spouse"}, hostile, {"surname": "", "relation": "parent"}]
    answered = await ask("family", {"enabled": True, "relatives": relatives})
    assert answered.rows == (("spouse", {"bound": "1"}), ("parent", {"bound": "1"}), ("child", {"bound": "2"}))
    assert (await ask("family", {"enabled": False, "relatives": relatives})).outcome == "off"


@pytest.mark.parametrize(
    ("lookup", "answer"),
    [
        ("contributions", [{"month": "0000-01", "amount": "1.00", "status": "paid"}]),
        ("credits", [{"month": "0000-12", "amount": "1.00"}]),
        ("coverage", {"scheme": "employee", "status": "active", "since": "0000-06", "as_of": "2026-11-20"}),
    ],
)
async def test_a_month_of_the_year_zero_is_an_outage(lookup: str, answer: Any) -> None:
    """It fits the form of the contract, but no calendar and no voice has it."""
    assert await ask(lookup, answer) == Answered("error")


@pytest.mark.parametrize("lookup", [name for name, one in DECLARED.items() if one.personal and one.remote])
async def test_nothing_is_asked_without_a_verification_that_holds(lookup: str) -> None:
    for member in (None, Member("ref", NOW - 1000, NOW), Member("ref", NOW + 1, NOW + 60_000)):
        answered = await DECLARED[lookup].answer(inquiry_of({}, session_of(member=member)))
        assert answered == Answered("expired", forget=True)


@pytest.mark.parametrize("lookup", [name for name, one in DECLARED.items() if one.rows and one.personal])
async def test_a_late_answer_is_an_outage(lookup: str) -> None:
    inquiry = inquiry_of({}, until=-1)

    async def late(*_: object) -> Any:
        await asyncio.sleep(1)

    inquiry.desk.accounts._read = late  # type: ignore[method-assign, assignment]
    assert await DECLARED[lookup].answer(inquiry) == Answered("error")


# --- all of it as a message ------------------------------------------------------------------------------------------

LONGEST_PAGES: dict[str, Any] = {
    "contributions": [{"month": "2026-10", "amount": "-999999999999.99", "status": "paid"}] * 3,
    "credits": [{"month": "2026-10", "amount": "999999999999.99", "credited_on": "2026-10-15"}] * 3,
    "payments": [{"date": "2026-10-01", "amount": "999999999999.99", "kind": "outpatient"}] * 3,
    "transfers": [
        {
            "case_number": "ZY2026431100274",
            "stage": "submitted",
            "submitted_on": "2026-11-11",
            "due_by": "2026-11-19",
            "balance_arrived": False,
            "amount": "999999999999.99",
        }
    ]
    * 3,
    "coverage": {"scheme": "flexible", "status": "overdue", "since": "2011-11", "retired": True, "as_of": "2026-11-20"},
    "family": {"enabled": True, "relatives": [{"surname": "王", "relation": one} for one in RELATIVES]},
}


@pytest.mark.parametrize("lang", ["zh", "yue", "en"])
@pytest.mark.parametrize("lookup", LONGEST_PAGES)
async def test_the_longest_page_fits_into_one_message(lookup: str, lang: str) -> None:
    answered = await ask(lookup, LONGEST_PAGES[lookup])
    [node] = {
        tuple(sorted(node.rows.items())): node
        for node in LIBRARY.flows[lookup].nodes.values()
        if node.kind == "say" and node.rows.keys() == DECLARED[lookup].rows[answered.outcome].keys()
    }.values()
    said = [Said(prompt, answered.facts, lead=True, personal=True) for prompt in node.say]
    said += [Said(node.rows[kind], facts, lead=True, personal=True) for kind, facts in answered.rows]
    said += [Said("family.how", {}, lead=True, personal=True)] * (lookup == "family")
    texts = [message(inquiry_of({}, session_of(lang=lang, said=tuple(said[:length])))) for length in (-1, len(said))]
    assert len(texts[0]) < len(texts[1]) <= LONGEST, texts[1]
