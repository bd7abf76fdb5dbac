"""Lines of the month-end checklist over facts set by hand: each passes, fails and does not apply where it should."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
import trade

from application.month_end import last_month, month_of
from application.month_end_facts import Facts
from application.month_end_lines import ALL
from application.newness import compare
from domain.errors import BadInput
from domain.policy import Policies

FLOW = msgspec.structs.replace(trade.FLOW, home_currency="USD")


def settlement(settlement_id: str = "9", start: str = "2026-10-03", end: str = "2026-10-17", **more: Any) -> Any:
    row = {"settlement_id": settlement_id, "currency": "USD", "marketplace": "Amazon.com", "state": "posted"}
    span = {"start": f"{start}T14:00:00+00:00", "end": f"{end}T14:00:00+00:00"}
    return {**row, **span, "difference": 0, "day": "2026-10-19", **more}


def triple(words: str, amount: int, end: str = "2026-10-17", lines: int = 1, **more: Any) -> Any:
    first, second, third = words.split("|")
    return {"settlement_id": "9", "currency": "USD", "marketplace": "Amazon.com", "end": f"{end}T14:00:00+00:00",
            "transaction_type": first, "amount_type": second, "amount_description": third, "lines": lines,
            "amount": amount, "units": 0, **more}  # fmt: skip


SALE = "Order|ItemPrice|Principal"
FEE = "Order|ItemFees|Commission"


MONTH_S_END = settlement("10", "2026-10-17", day="2026-11-03") | {"end": "2026-11-01T07:00:00+00:00"}
SHIPPED = {"reconciliation": "invoiced", "currency": "USD", "orders": 3, "amount": 900}


def facts(**more: Any) -> Facts:
    whole = {
        "flow": FLOW,
        "mapping": trade.mapping(),
        "first": date(2026, 10, 1),
        "last": date(2026, 10, 31),
        "begin": datetime(2026, 10, 1, 7, tzinfo=UTC),
        "end": datetime(2026, 11, 1, 7, tzinfo=UTC),
        "today": date(2026, 11, 5),
        "settlements": [settlement(), MONTH_S_END],
        "counts": {"held": 0, "attention": 0},
        "gaps": [],
        "held": [],
        "balances": {},
        "clearing": [],
        "receivable": [],
        "triples": [],
        "shipped": [],
        "deposits": [],
        "tranches": set(),
        "quickbooks": None,
        "answers_differ": None,
        "packet": "",
    }
    return Facts(**{**whole, **more})


def at(number: int, **more: Any) -> tuple[str, str]:
    line = ALL[number - 1](facts(**more))
    assert line.number == number
    assert line.value
    assert line.why
    assert line.command.startswith("ml-connector ")
    return line.result, f"{line.value}; {line.why}"


CLOSED = msgspec.structs.replace(FLOW, policies=Policies(lock_date=date(2026, 10, 31)))
CASH = msgspec.structs.replace(FLOW, policies=Policies(month_split=False, deferred_accrual=False))
STRADDLING = [settlement(), settlement("10", "2026-10-17", "2026-11-05")]
OPEN = {"currency": "USD", "balance": 500, "explained": [{"reason": "not_posted", "amount": 500}]}
RESERVE = triple("other-transaction|other-transaction|Current Reserve Amount", -700)
LATE = {"amount": 999, "currency": "USD", "terms": "standard", "since": "2026-09-01"}


@pytest.mark.parametrize(
    ("number", "given", "result", "said"),
    [
        (1, {}, "pass", "2 of 2 settlements"),
        (1, {"settlements": []}, "not_known", "no settlement that ended by then"),
        (1, {"settlements": [settlement(state="held:mapping")]}, "fail", "9 (held:mapping)"),
        (1, {"settlements": [settlement(difference=1)]}, "fail", "9"),
        (1, {"settlements": [settlement(end="2026-10-10"), settlement("8", "2026-10-12", "2026-10-20")]}, "fail",
         "covers 2026-10-10"),
        (1, {"settlements": [settlement(), settlement("8", state="checksum_failed") | {"end": None}]}, "fail", "8"),
        (2, {"settlements": STRADDLING}, "fail", "settlement 10"),
        (2, {"settlements": STRADDLING, "tranches": {"10"}}, "pass", "1 of 1"),
        (2, {"settlements": [settlement()]}, "not_known", "is not received"),
        (2, {}, "pass", "ends with the month"),
        (2, {"flow": CASH}, "not_applicable", "cash basis"),
        (3, {}, "pass", "nothing waits"),
        (3, {"counts": {"held": 1, "attention": 0}, "held": [{"code": "unmapped"}]}, "fail", "unmapped"),
        (3, {"balances": {("SUSP", "USD"): 5}}, "fail", "suspense"),
        (4, {"shipped": [SHIPPED]}, "pass", "3 of 3"),
        (4, {"shipped": [SHIPPED | {"reconciliation": "held"}]}, "fail", "9.00 USD"),
        (4, {"flow": trade.NO_ORDERS}, "not_applicable", "reads no orders"),
        (5, {"clearing": [OPEN]}, "not_known", "not posted yet"),
        (5, {"clearing": [OPEN], "quickbooks": {"USD": 500}}, "pass", "1 not shipped or not posted yet"),
        (5, {"clearing": [OPEN], "quickbooks": {"USD": 400}}, "fail", "-1.00 USD"),
        (6, {}, "not_applicable", "holds nothing"),
        (6, {"triples": [RESERVE], "balances": {("RSV:USD", "USD"): 700}}, "pass", "7.00 USD"),
        (6, {"triples": [RESERVE], "balances": {("RSV:USD", "USD"): 600}}, "fail", "7.00 USD"),
        (6, {"triples": [RESERVE]}, "fail", "7.00 USD"),
        (7, {}, "pass", "none is older"),
        (7, {"receivable": [LATE]}, "fail", "9.99 USD"),
        (7, {"receivable": [{**LATE, "terms": "invoiced"}]}, "pass", "1 order open"),
        (8, {}, "not_known", "deferred"),
        (8, {"flow": CASH}, "not_applicable", "accrues nothing"),
        (9, {"balances": {("AR", "USD"): 300, ("CLR:USD", "USD"): -100}}, "not_known", "2.00 USD"),
        (10, {}, "not_known", "bank statement"),
        (11, {}, "not_applicable", "fewer than 3"),
        (12, {"triples": [triple("Order|ItemPrice|Tax", 80)]}, "not_known", "0.80 USD"),
        (12, {}, "pass", "to the cent"),
        (12, {"balances": {("MFT", "USD"): 8}}, "fail", "0.08 USD"),
        (13, {}, "not_applicable", "no loan"),
        (13, {"balances": {("LOAN", "USD"): -800}}, "not_known", "owed 8.00 USD"),
        (14, {}, "not_applicable", "home currency"),
        (14, {"balances": {("AR", "EUR"): 1}}, "not_known", "EUR"),
        (15, {}, "not_applicable", "no settlement"),
        (15, {"triples": [triple(SALE, 100, units=3)]}, "pass", "3 units sold"),
        (16, {}, "not_known", "read back"),
        (16, {"held": [{"code": "total_differs", "kind": "invoice", "key": "1"}]}, "fail", "invoice 1"),
        (17, {"balances": {("AR", "USD"): 5, ("SALES", "USD"): -5}}, "not_known", "not compared"),
        (17, {"balances": {("AR", "USD"): 5, ("SALES", "USD"): -4}}, "fail", "differ"),
        (17, {"balances": {("AR", "USD"): 5, ("UNKNOWN", "USD"): -5}}, "fail", "unknown lines"),
        (17, {"balances": {("AR", "USD"): 5, ("SALES", "USD"): -5}, "answers_differ": []}, "pass", "to the cent"),
        (17, {"answers_differ": ["Amazon Sales: 1"]}, "fail", "Amazon Sales"),
        (18, {}, "fail", "set the lock date"),
        (18, {"flow": CLOSED}, "not_known", "no close packet"),
        (18, {"flow": CLOSED, "packet": "ab" * 32}, "pass", "close packet"),
    ],
)  # fmt: skip
def test_a_line(number: int, given: dict[str, Any], result: str, said: str) -> None:
    found, text = at(number, **given)
    assert found == result, text
    assert said in text


def test_the_band_is_the_range_of_the_months_before_and_a_quarter() -> None:
    before = [row for month in ("07", "08", "09") for row in (triple(SALE, 10_000, f"2026-{month}-15"),
              triple(FEE, -1_500, f"2026-{month}-15"))]  # fmt: skip
    for fee, expected in ((-1_500, "pass"), (-1_870, "pass"), (-1_900, "fail"), (-1_100, "fail")):
        assert at(11, triples=[*before, triple(SALE, 10_000), triple(FEE, fee)])[0] == expected


def test_there_are_eighteen_lines_and_each_leads_somewhere() -> None:
    lines = [check(facts()) for check in ALL]
    assert [line.number for line in lines] == list(range(1, 19))
    assert all(line.path.startswith("/flows/us") for line in lines)
    assert len({line.title for line in lines}) == 18


@pytest.mark.parametrize("text", ["2026", "2026-13", "October", "2026-10-01", ""])
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(BadInput, match="expected one like 2026-10"):
        month_of(text)


def test_months_end_on_their_last_day() -> None:
    assert month_of("2028-02") == (date(2028, 2, 1), date(2028, 2, 29))
    assert last_month(date(2027, 1, 15)) == "2026-12"


def test_what_was_never_seen_and_a_fee_that_rose_are_new() -> None:
    mapping = trade.mapping()
    own = [triple(SALE, 10_000), triple(FEE, -2_000), triple("ServiceFee|Moon|Fee", -5)]
    before = [triple(SALE, 10_000, "2026-10-03", settlement_id="8"),
              triple(FEE, -1_500, "2026-10-03", settlement_id="8")]  # fmt: skip
    found = compare(own, before, mapping)
    assert found.before == "8"
    assert [one.triple for one in found.first_seen] == [("ServiceFee", "Moon", "Fee")]
    (fee,) = found.fees
    assert (fee.account, fee.before, fee.now, fee.deviation) == ("REFFEE", 1_500, 2_000, 33)
    assert compare([triple(SALE, 10_000), triple(FEE, -1_870)], before, mapping).fees == []
    first = compare(own, [], mapping)
    assert (first.before, first.first_seen, first.fees) == ("", [], [])
