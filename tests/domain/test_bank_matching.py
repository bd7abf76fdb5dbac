"""Every clause of accounting.md 6.3: which line of the bank is which settlement's money."""

import random
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.bank import BankLine
from domain.bank_coverage import Period, covered, joints, missing
from domain.bank_matching import (
    OpenLine,
    Payout,
    Proposal,
    Return,
    Terms,
    failed_transfers,
    gives_back,
    match,
)
from domain.settlement import SettlementLine

DAY = date(2026, 11, 18)


def line(name: str, amount: int, days: int = 0, tells: str = "AMAZON PAYMENTS", **more: Any) -> OpenLine:
    account = more.pop("account", "USD")
    tail = more.pop("tail", "")
    booked = BankLine(name, DAY + timedelta(days=days), amount, tells, **more)
    return OpenLine(account, account[:3], booked, tail)


def payout(name: str, total: int, days: int = 0, **more: Any) -> Payout:
    return Payout(name, more.pop("currency", "USD"), total, DAY + timedelta(days=days), **more)


def shown(proposals: list[Proposal]) -> list[tuple[str, str, tuple[str, ...], bool]]:
    return [(one.kind, one.line, one.settlements, one.auto) for one in proposals]


# --- the score -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tells", "days", "tail", "more", "score"),
    [
        ("AMAZON PAYMENTS", 0, "", {}, 80),  # 50 exact, 20 named, 10 on the day
        ("amzn mktp payout", 0, "", {}, 80),
        ("AMAZON PAYMENTS", 10, "", {}, 70),  # the last day of the window
        ("AMAZON PAYMENTS", -1, "", {}, 79),
        ("", 0, "", {}, 60),
        ("", 0, "4321", {"tail": "4321"}, 70),
        ("", 0, "4321", {"tail": "9999"}, 60),
        ("11000000001", 4, "", {}, 86),  # 50 exact, 30 the settlement's id, 6 by days
        ("021000021234567", 4, "", {"trace": "021000021234567"}, 86),
        ("AMAZON 11000000001", 0, "4321", {"tail": "4321"}, 120),
    ],
)
def test_the_score_is_the_sum_of_what_agrees(tells: str, days: int, tail: str, more: Any, score: int) -> None:
    (found,) = match([line("l", 1738, days, tells, tail=tail)], [payout("11000000001", 1738, **more)])
    assert (found.score, found.auto) == (score, score >= 70)
    assert found.why[0] == "the amount is exact"


@pytest.mark.parametrize(("days", "there"), [(-2, False), (-1, True), (0, True), (10, True), (11, False)])
def test_the_window_is_a_day_before_to_ten_days_behind(days: int, there: bool) -> None:
    assert bool(match([line("l", 1738, days)], [payout("s", 1738)])) is there


@pytest.mark.parametrize("amount", [1737, 1739, -1738, 0])
def test_another_amount_is_no_match_however_well_the_rest_agrees(amount: int) -> None:
    assert match([line("l", amount, tells="AMAZON 11000000001")], [payout("11000000001", 1738)]) == []


def test_another_currency_is_no_match() -> None:
    assert match([line("l", 1738, account="CAD")], [payout("s", 1738)]) == []


# --- several candidates ---------------------------------------------------------------------------------------------


def test_two_settlements_of_one_amount_are_proposed_by_the_order_of_dates() -> None:
    found = match([line("l2", 500, 5), line("l1", 500, 2)], [payout("s2", 500, 3), payout("s1", 500)])
    assert shown(found) == [("exact", "l1", ("s1",), False), ("exact", "l2", ("s2",), False)]
    assert all("paired by date" in one.why[-1] for one in found)


def test_of_two_settlements_of_one_amount_the_one_named_is_proposed() -> None:
    payouts = [payout("11000000001", 500), payout("11000000002", 500, 1)]
    found = match([line("l", 500, 5, "AMAZON 11000000002")], payouts)
    assert shown(found) == [("exact", "l", ("11000000002",), False)]


def test_two_lines_for_one_settlement_are_not_matched_by_themselves() -> None:
    found = match([line("l1", 500, 1), line("l2", 500, 2)], [payout("s", 500)])
    assert shown(found) == [("exact", "l1", ("s",), False)]


def test_a_line_of_somebody_else_with_the_same_amount_does_not_stand_in_the_way() -> None:
    found = match([line("rent", 500, 1, ""), line("amazon", 500, 2)], [payout("s", 500)])
    assert shown(found) == [("exact", "amazon", ("s",), True)]


def test_what_a_person_said_not_to_be_so_is_not_proposed_again() -> None:
    lines, payouts = [line("l", 500)], [payout("s", 500)]
    assert match(lines, payouts, rejected=[("l", ("s",))]) == []


# --- composites ------------------------------------------------------------------------------------------------------


def test_one_line_of_two_to_four_settlements_of_one_date_is_proposed() -> None:
    payouts = [payout("s1", 1000), payout("s2", 234), payout("s3", 55), payout("s4", 7)]
    for size, amount in ((2, 1234), (3, 1289), (4, 1296)):
        (found,) = match([line("l", amount, 1)], payouts)
        assert (found.kind, len(found.settlements), found.auto) == ("composite", size, False)


def test_five_settlements_or_several_dates_make_no_composite() -> None:
    five = [payout(f"s{number}", 10**number) for number in range(5)]
    assert match([line("l", 11111, 1)], five) == []
    assert match([line("l", 1234, 1)], [payout("s1", 1000), payout("s2", 234, 1)]) == []
    assert match([line("l", 1234, 1)], [payout("s1", 1000), payout("s2", 234, owner="another")]) == []


def test_a_composite_needs_a_line_that_names_amazon() -> None:
    assert match([line("l", 1234, 1, "")], [payout("s1", 1000), payout("s2", 234)]) == []


def test_a_debt_of_one_marketplace_may_lessen_the_payout_of_another() -> None:
    (found,) = match([line("l", 900)], [payout("s1", 1000), payout("s2", -100)])
    assert found.settlements == ("s1", "s2")


def test_of_many_sums_three_are_shown() -> None:
    payouts = [payout(f"s{number}", 100) for number in range(30)]
    assert len(match([line("l", 200)], payouts)) == 3


# --- fees, currencies, charges, failed transfers ---------------------------------------------------------------------


def test_what_the_bank_keeps_is_proposed_if_it_is_a_fee_of_its_list() -> None:
    lines, payouts = [line("l", 100_000 - 1500)], [payout("s", 100_000)]
    (found,) = match(lines, payouts, {"USD": Terms(fees=(1000, 1500))})
    assert (found.kind, found.fee, found.auto) == ("fee", 1500, False)
    assert match(lines, payouts, {"USD": Terms(fees=(1000,))}) == []
    assert match(lines, payouts) == []


def test_a_payout_that_amazon_converted_is_matched_by_what_it_came_to() -> None:
    (found,) = match([line("l", 7312)], [payout("s", 10_000, currency="CAD", converted=("USD", 7312))])
    assert (found.kind, found.auto) == ("exact", True)


@pytest.mark.parametrize(("amount", "there"), [(7312, True), (7494, True), (7495, False), (7130, True), (7129, False)])
def test_without_it_the_day_rate_with_two_and_a_half_percent_proposes(amount: int, there: bool) -> None:
    terms = {"USD": Terms(rates={"CAD": "0.7312"})}
    found = match([line("l", amount)], [payout("s", 10_000, currency="CAD")], terms)
    assert [(one.kind, one.auto) for one in found] == ([("fx", False)] if there else [])


def test_a_currency_without_cents_converts_too() -> None:
    found = match([line("l", 66_00)], [payout("s", 10_000, currency="JPY")], {"USD": Terms(rates={"JPY": "0.0066"})})
    assert [one.kind for one in found] == ["fx"]


@pytest.mark.parametrize(("account", "amount", "there"), [
    ("USD", -32169, True), ("USD-card", -32169, True), ("USD-card", 32169, True), ("USD", 32169, False),
])  # fmt: skip
def test_a_negative_settlement_is_a_charge_of_its_amount(account: str, amount: int, there: bool) -> None:
    found = match([line("l", amount, 1, account=account)], [payout("s", -32169)])
    assert [one.auto for one in found] == ([True] if there else [])


def test_a_payout_is_never_looked_for_on_a_card_and_nothing_for_a_settlement_of_nothing() -> None:
    assert match([line("l", 500, account="USD-card")], [payout("s", 500)]) == []
    assert match([line("l", 0)], [payout("s", 0)]) == []


def test_money_that_came_and_went_back_is_matched_where_amazon_says_that_the_transfer_failed() -> None:
    (found,) = match([line("l", -1419, 3)], [payout("s", 1419, arrived=DAY)])
    assert (found.kind, found.auto) == ("returned", True)
    assert match([line("l", -1419, 11)], [payout("s", 1419, arrived=DAY)]) == []
    assert match([line("l", -1419, -1)], [payout("s", 1419, arrived=DAY)]) == []


def test_a_failed_transfer_is_the_last_settlement_before_of_that_amount() -> None:
    payouts = [payout("s1", 1419), payout("s2", 1419, 14), payout("s3", 3704, 28), payout("s4", 1419, 42)]
    assert failed_transfers(payouts, [Return("s3", "USD", 1419, DAY + timedelta(days=28))]) == {"s2": "s3"}
    assert failed_transfers(payouts, [Return("s3", "CAD", 1419, DAY + timedelta(days=28))]) == {}


def test_only_the_line_of_a_failed_transfer_gives_back() -> None:
    def of(description: str, amount: int) -> SettlementLine:
        return SettlementLine(1, "other-transaction", "other-transaction", description, amount)

    assert gives_back(of("Transfer of funds unsuccessful: invalid account", 1419))
    assert not gives_back(of("Transfer of funds unsuccessful: invalid account", -1419))
    assert not gives_back(of("Previous Reserve Amount Balance", 1419))


# --- any order -------------------------------------------------------------------------------------------------------

_TELLS = st.sampled_from(["AMAZON", "", "AMZN 11000000001"])
_LINES = st.lists(st.tuples(st.integers(1, 5), st.integers(-1, 12), _TELLS), max_size=8)
_PAYOUTS = st.lists(st.tuples(st.integers(-3, 5), st.integers(0, 5)), max_size=8)


@given(_LINES, _PAYOUTS, st.randoms())
def test_the_order_of_what_is_there_does_not_matter_and_nothing_is_matched_twice(
    made: Any, paid: Any, chance: random.Random
) -> None:
    lines = [line(f"l{n}", amount * 100, days, tells) for n, (amount, days, tells) in enumerate(made)]
    payouts = [payout(f"s{n}", total * 100, days) for n, (total, days) in enumerate(paid)]
    found = match(lines, payouts, {"USD": Terms(fees=(100,))})
    chance.shuffle(lines)
    chance.shuffle(payouts)
    assert match(lines, payouts, {"USD": Terms(fees=(100,))}) == found
    sure = [one for one in found if one.auto]
    assert len({one.line for one in sure}) == len(sure) == len({one.settlements for one in sure})
    amounts = {one.line.line: one.line.amount for one in lines}
    totals = {one.settlement_id: one.total for one in payouts}
    for one in found:
        assert amounts[one.line] + one.fee == sum(totals[name] for name in one.settlements)


def test_many_lines_and_payouts_take_no_time() -> None:
    lines = [line(f"l{n:05}", 1000 + n, n % 10) for n in range(20_000)]
    payouts = [payout(f"s{n:05}", 1000 + n, n % 5) for n in range(0, 20_000, 40)]
    found = match(lines, payouts)
    assert sum(one.auto for one in found) >= 400


# --- coverage --------------------------------------------------------------------------------------------------------


def period(name: str, first: int, last: int, opening: int | None = None, closing: int | None = None) -> Period:
    return Period(name, date(2026, 11, first), date(2026, 11, last), opening, closing)


def test_statements_join_by_their_balances_else_by_their_days() -> None:
    found = joints([
        period("c", 21, 25, 700, 900), period("a", 1, 10, 0, 500), period("b", 11, 20, 500, 650),
        period("d", 24, 26), period("e", 28, 28), period("within", 2, 3, 1, 2),
    ])  # fmt: skip
    assert [(one.statement, one.state, one.missing) for one in found] == [
        ("a", "first", None), ("within", "joins", None), ("b", "joins", 0), ("c", "gap", 50), ("d", "joins", None),
        ("e", "unknown", None),
    ]  # fmt: skip


def test_a_payout_is_missing_only_where_ten_days_behind_it_are_covered() -> None:
    waits = [Payout("s", "USD", 500, date(2026, 11, 5))]
    assert [one.settlement_id for one in missing(waits, covered([period("a", 1, 15)]))] == ["s"]
    assert missing(waits, covered([period("a", 1, 14)])) == []
    assert missing(waits, covered([period("a", 6, 25)])) == []
    assert missing(waits, covered([period("a", 1, 7, 0, 5), period("b", 8, 20, 6, 9)])) == []  # a gap between them
    assert len(missing(waits, covered([period("a", 1, 7, 0, 5), period("b", 8, 20, 5, 9)]))) == 1
    assert missing([Payout("s", "USD", -500, date(2026, 11, 5))], covered([period("a", 1, 30)])) == []
