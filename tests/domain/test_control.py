"""The control as tables: every source against every settlement, and what is missing between two of them."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.cadence import overdue, usual_period
from domain.control import INVOICED, STANDARD, Check, Said, SettlementFacts, account_name, control
from domain.event_group import EventGroup, Payout, Summary

FIRST = datetime(2026, 10, 1, 14, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)


def settlement(number: int = 1, total: int | None = 10_000, **more: object) -> SettlementFacts:
    start = FIRST + (number - 1) * FORTNIGHT
    facts: dict[str, object] = {
        "settlement_id": f"S{number}", "currency": "USD", "total": total, "lines_sum": 10_000, "lines": 4,
        "start": start, "end": start + FORTNIGHT, "marketplace": "Amazon.com", "told": (STANDARD,), **more,
    }  # fmt: skip
    return SettlementFacts(**facts)  # type: ignore[arg-type]


def group(number: int = 1, total: int | None = 10_000, **more: object) -> EventGroup:
    start = FIRST + (number - 1) * FORTNIGHT
    facts: dict[str, object] = {
        "group_id": f"G{number}", "status": "Closed", "currency": "USD", "total": total, "start": start,
        "end": start + FORTNIGHT, **more,
    }  # fmt: skip
    return EventGroup(**facts)  # type: ignore[arg-type]


def checked(name: str, *settlements: SettlementFacts, **said: object) -> Check:
    """The check of the newest settlement."""
    newest = control(settlements, Said(**said))[0]  # type: ignore[arg-type]
    return next(check for check in newest.checks if check.name == name)


@pytest.mark.parametrize(
    ("name", "facts", "said", "state", "row", "text"),
    [
        ("lines", {}, {}, "agrees", "the heading row of settlement S1", ""),
        ("lines", {"lines_sum": 9_999}, {}, "differs", "the heading row of settlement S1",
         "it states 100.00, its 4 lines make 99.99"),
        ("lines", {"total": None}, {}, "differs", "the heading row of settlement S1", "the report states no total"),
        ("summary", {}, {}, "missing", "", "Amazon has not stated it yet"),
        ("summary", {}, {"unavailable": {"listSummary": "403"}}, "unavailable", "",
         "Amazon does not offer it to this account: 403"),
        ("summary", {}, {"summaries": [Summary("S1", "USD", 10_000)]}, "agrees", "the summary of SETTLEMENT_ID S1", ""),
        ("summary", {}, {"summaries": [Summary("S1", "USD", 10_001)]}, "differs", "the summary of SETTLEMENT_ID S1",
         "it states 100.01, the report states 100.00"),
        ("summary", {}, {"summaries": [Summary("S1", "CAD", 10_000)]}, "differs", "the summary of SETTLEMENT_ID S1",
         "it is in CAD, not USD"),
        ("summary", {}, {"summaries": [Summary("S1", "USD", None, problem="netProceeds: 'x'")]}, "differs",
         "the summary of SETTLEMENT_ID S1", "it cannot be read: netProceeds: 'x'"),
        ("payout", {}, {"payouts": [Payout("P", "S1", "PAID", currency="USD", amount=10_000)]}, "agrees", "payout P",
         ""),
        ("payout", {}, {"payouts": [Payout("P", "S1", "FAILED", currency="USD", amount=10_000)]}, "differs", "payout P",
         "Amazon says that it failed"),
        ("payout", {"total": -5, "lines_sum": -5}, {"payouts": [Payout("P", "S1", "NO_PAYOUT")]}, "agrees", "payout P",
         "Amazon says that nothing is paid out"),
        ("payout", {}, {"payouts": [Payout("P", "S1", "NO_PAYOUT")]}, "differs", "payout P",
         "Amazon says that nothing is paid out"),
        ("event_group", {}, {"groups": [group()]}, "agrees", "event group G1", ""),
        ("event_group", {}, {"groups": [group(total=9_000)]}, "differs", "event group G1",
         "it states 90.00, the report states 100.00"),
        ("event_group", {}, {"groups": [group(total=None)]}, "missing", "event group G1",
         "the closed group states no OriginalTotal"),  # docs#3295
        ("event_group", {}, {"groups": [group(status="Open")]}, "missing", "",
         "no closed event group has its period and currency"),
        ("event_group", {}, {"groups": [group(currency="CAD")]}, "missing", "",
         "no closed event group has its period and currency"),
        ("event_group", {}, {"groups": [group(2)]}, "missing", "", "no closed event group has its period and currency"),
        ("event_group", {}, {"groups": [group(start=FIRST + timedelta(minutes=3), end=FIRST + FORTNIGHT)]}, "agrees",
         "event group G1", ""),
    ],
)  # fmt: skip
def test_each_source_is_held_against_the_report(
    name: str, facts: dict[str, object], said: dict[str, object], state: str, row: str, text: str
) -> None:
    check = checked(name, settlement(**facts), **said)  # type: ignore[arg-type]
    assert (check.state, check.row, check.text) == (state, row, text)


def test_of_two_ledgers_of_the_same_period_each_gets_its_own_group() -> None:
    standard, invoiced = settlement(), settlement(settlement_id="S9", total=700, lines_sum=700, told=(INVOICED,))
    groups = [group(total=700, group_id="GA"), group(total=10_000, group_id="GB")]
    found = {each.settlement_id: each for each in control([standard, invoiced], Said(groups=groups))}
    assert found["S1"].group == groups[1]
    assert found["S9"].group == groups[0]
    assert (found["S1"].account_type, found["S9"].account_type) == (STANDARD, INVOICED)
    # With one of them wrong the other keeps its own, and the rest is what differs.
    groups[1] = group(total=9_998, group_id="GB")
    found = {each.settlement_id: each for each in control([standard, invoiced], Said(groups=groups))}
    assert [check.name for check in found["S1"].differing] == ["event_group"]
    assert found["S9"].state == "agrees"


@pytest.mark.parametrize(
    ("facts", "said", "account"),
    [
        ({"told": ("Standard Orders",)}, {}, STANDARD),
        ({"told": ()}, {"groups": [group()], "group_accounts": {"G1": "Invoiced Orders"}}, INVOICED),
        ({"told": ()}, {"payouts": [Payout("P", "S1", account_type="STANDARD_ORDERS")]}, STANDARD),
        ({"told": ()}, {"summaries": [Summary("S1", account_type="Invoiced Orders")]}, INVOICED),
        ({"told": ()}, {}, ""),
        ({"told": ("Standard Orders", "Invoiced Orders")}, {}, ""),  # they disagree: nobody guesses
    ],
)
def test_the_account_is_what_amazons_words_tell(
    facts: dict[str, object], said: dict[str, object], account: str
) -> None:
    (found,) = control([settlement(**facts)], Said(**said))  # type: ignore[arg-type]
    assert found.account_type == account


def test_an_account_is_named_in_one_way() -> None:
    assert {account_name("STANDARD_ORDERS"), account_name("Standard Orders")} == {STANDARD}
    assert account_name("Haul Orders") == "Haul Orders"


@pytest.mark.parametrize(
    ("before", "now", "state", "words"),
    [
        ({"current": -500}, {"previous": 500}, "agrees", ""),
        ({}, {}, "agrees", ""),
        ({"current": -500, "current_line": 9}, {"previous": 400, "previous_line": 3}, "differs",
         "Previous Reserve Amount Balance is 4.00 (line 3), but settlement S1 kept 5.00 back (line 9)"),
        ({"current": -500}, {}, "differs",
         "Previous Reserve Amount Balance is 0.00 (no line), but settlement S1 kept 5.00 back"),
        ({"current": -500, "told": ()}, {"told": ()}, "unsure", "is not known, so this may be no error"),
        ({"current": -500, "told": ()}, {"previous": 500, "told": ()}, "agrees", ""),
        ({"current": -500, "told": (INVOICED,)}, {}, "first", "no earlier settlement of this account is known"),
        ({"current": -500, "currency": "CAD"}, {}, "first", "no earlier settlement of this account is known"),
        ({"current": -500, "marketplace": "Amazon.ca"}, {}, "first", "no earlier settlement"),
    ],
)  # fmt: skip
def test_the_reserve_is_carried_from_one_settlement_to_the_next(
    before: dict[str, object], now: dict[str, object], state: str, words: str
) -> None:
    check = checked("reserve", settlement(1, **before), settlement(2, **now))  # type: ignore[arg-type]
    assert check.state == state
    assert words in check.text


@pytest.mark.parametrize(
    ("start", "told", "state", "words"),
    [
        (FIRST + FORTNIGHT, (STANDARD,), "agrees", ""),
        (FIRST + FORTNIGHT + timedelta(seconds=40), (STANDARD,), "agrees", ""),
        (FIRST + FORTNIGHT + timedelta(days=14), (STANDARD,), "differs", "a gap of 14 days 0 h: settlement S1 ends"),
        (FIRST + FORTNIGHT - timedelta(hours=5), (STANDARD,), "differs", "an overlap of 5 h 0 min: settlement S1 ends"),
        (FIRST + FORTNIGHT + timedelta(days=1), (), "unsure", "a gap of 1 days 0 h"),
        (None, (STANDARD,), "missing", "its report states no period"),
    ],
)
def test_a_period_begins_where_the_last_one_ended(
    start: datetime | None, told: tuple[str, ...], state: str, words: str
) -> None:
    end = start + FORTNIGHT if start is not None else None
    found = control([settlement(1, told=told), settlement(2, start=start, end=end, told=told)], Said())
    check = next(c for each in found if each.settlement_id == "S2" for c in each.checks if c.name == "period")
    assert check.state == state
    assert words in check.text


def test_ledgers_are_followed_apart() -> None:
    """Two accounts of one shop, settled on the same days: each follows its own."""
    facts = [
        settlement(1, current=-500), settlement(2, previous=500),
        settlement(1, settlement_id="I1", told=(INVOICED,)), settlement(2, settlement_id="I2", told=(INVOICED,)),
    ]  # fmt: skip
    for each in control(facts, Said()):
        assert {check.state for check in each.checks if check.name in ("reserve", "period")} <= {"agrees", "first"}


def test_only_others_words_prove_a_total() -> None:
    (alone,) = control([settlement()], Said())
    (proven,) = control([settlement()], Said(groups=[group()]))
    (wrong,) = control([settlement()], Said(groups=[group()], summaries=[Summary("S1", "USD", 1)]))
    assert (alone.state, proven.state, wrong.state) == ("alone", "agrees", "differs")


@pytest.mark.parametrize(
    ("ends", "now", "late"),
    [
        ([], 100, False),
        ([0], 16, False),
        ([0], 17, True),
        ([0, 14, 28], 44, False),
        ([0, 14, 28], 45, True),  # sixteen days are right for a fortnightly one
        ([0, 1, 2, 3, 4, 5, 6], 8, False),
        ([0, 1, 2, 3, 4, 5, 6], 10, True),  # a daily one is missed after three
        ([0, 1, 4, 6, 13, 14], 22, False),  # on demand: the longest of the last waits is no alarm yet
        ([0, 300, 314, 328], 362, True),  # a pause of a year ago makes a month at most
    ],
)
def test_a_settlement_is_overdue_in_the_sellers_own_rhythm(ends: list[int], now: int, late: bool) -> None:
    known = [FIRST + timedelta(days=day) for day in ends]
    assert (overdue(known, FIRST + timedelta(days=now)) is not None) is late


def test_the_rhythm_is_that_of_the_last_settlements() -> None:
    days = [0, 14, 28, 42, *range(43, 50)]
    assert usual_period(FIRST + timedelta(days=day) for day in days) == timedelta(days=1)
