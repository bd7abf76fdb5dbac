"""Settlements on a real store: journals, debts, suspense, accruals and policies, planned all or nothing.

Without these a debt could be booked without its settlement, an order twice, or a plan half under one policy.
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
import trade

from adapters.event_store import DatabaseEventStore
from application.bookkeeping import Bookkeeping
from application.recording import Tally
from domain.document import debits_and_credits
from domain.flow import FlowConfigured, FlowCreated, FlowSettings
from domain.ledger import Ledger, evolve, ledger_stream
from domain.mapping import MappingChanged, Rule
from domain.posting import BatchItem, Posting
from domain.posting_rules.accruals import Deferred, accrual_key, accrual_of
from domain.settlement import Statement

ONE, TWO = "111-0000001-0000001", "111-0000002-0000002"
OTHER = ("other-transaction", "other-transaction")
STORAGE = ("ServiceFee", "other-transaction", "Storage Fee")


@pytest.fixture
def books(store: DatabaseEventStore, clock: Any) -> Bookkeeping:
    made = Bookkeeping(store, clock)
    fields = {"flow": "us", "at": clock(), "by": "tests"}
    created = FlowCreated(
        region="na", realm="1", marketplaces=(), since=None, orders="amazon", zone="America/Los_Angeles",
        banks={"USD": "Checking"}, **fields,
    )  # fmt: skip
    made.create_flow(created)
    complete = trade.mapping()
    mapped = {name: getattr(complete, name) for name in ("accounts", "items", "customers", "banks")}
    made.change_mapping(MappingChanged(version=0, why="set up", **mapped, **fields), [])
    return made


def settle(books: Bookkeeping, settlement_id: str, day: int, *rows: tuple[str, ...]) -> Tally:
    lines = trade.lines(*rows)
    total = sum(line.amount for line in lines)
    statement = Statement(settlement_id, "USD", total, None, None, datetime(2026, 11, day, 20, tzinfo=UTC))
    return books.ingest_settlement(books.flow("us"), statement, lines, "tests")


def again(books: Bookkeeping, settlement_id: str) -> Tally:
    return books.replan_settlement(books.flow("us"), settlement_id, "tests")


def policies(books: Bookkeeping, **values: Any) -> None:
    flow = books.flow("us")
    new = FlowSettings(policies=msgspec.structs.replace(flow.policies, **values))
    books.record_on_flow(FlowConfigured(old=FlowSettings(), new=new, flow="us", at=trade.NOW, by="tests"))


def posting(books: Bookkeeping, name: str) -> Posting:
    kind, _, key = name.partition("/")
    return books.postings("us", [(kind, key)])[kind, key]


def under_way(books: Bookkeeping, *names: str) -> None:
    """Claim documents for a batch, as a posting run does before it sends them."""
    for number, name in enumerate(names):
        kind, _, key = name.partition("/")
        item = BatchItem("", kind, key, posting(books, name).generation, "1", "")
        assert books.claim("us", f"b{number}-{name}", "r", [item], "", "tests")


def sale(amount: str, order_id: str = ONE) -> tuple[str, ...]:
    return ("Order", "ItemPrice", "Principal", amount, order_id)


def test_a_debt_is_a_journal_and_the_next_settlement_collects_it_whatever_comes_first(books: Bookkeeping) -> None:
    settle(books, "2", 30, (*OTHER, "Payable to Amazon", "-5.27"), (*OTHER, "SAFE-T Reimbursement", "50.00"))
    assert [reason.code for reason in posting(books, "deposit/2").reasons] == ["balance_moved"]

    settle(books, "1", 16, (*STORAGE, "-5.27"))
    again(books, "2")

    assert posting(books, "journal/1").status == "planned"
    assert posting(books, "deposit/1").status == "none"
    assert (posting(books, "deposit/2").status, posting(books, "deposit/2").document.total) == ("planned", 4473)  # type: ignore[union-attr]


def test_a_settlement_held_for_its_debt_is_withdrawn_as_a_whole_when_it_is_disputed(
    books: Bookkeeping, store: DatabaseEventStore
) -> None:
    settle(books, "1", 16, (*STORAGE, "-5.27"), ("ServiceFee", "other-transaction", "SAFE-T", "1.00"))
    settle(books, "1", 16, (*STORAGE, "-5.28"), ("ServiceFee", "other-transaction", "SAFE-T", "1.00"))

    assert posting(books, "journal/1").status == "withdrawn"
    assert posting(books, "deposit/1").status == "held"
    ledger = Ledger()
    for event in store.load([ledger_stream("us", "USD")])[ledger_stream("us", "USD")]:
        ledger = evolve(ledger, event)
    assert ledger.booked == {}


def test_what_lies_in_suspense_is_moved_once_its_rule_is_there_and_only_once(books: Bookkeeping) -> None:
    policies(books, unmapped="suspense", suspense_cap=1000)
    settle(books, "1", 16, ("ServiceFee", "x", "Moon Fee", "-7.77"), (*OTHER, "SAFE-T Reimbursement", "50.00"))
    assert posting(books, "deposit/1").document.total == 4223  # type: ignore[union-attr]
    under_way(books, "deposit/1")
    assert books.reclass_suspense(books.flow("us"), "USD", "tests").planned == 0

    rule = Rule(0, "ServiceFee", "x", "Moon Fee", "fee", "OTHFEE")
    books.change_mapping(MappingChanged(version=0, why="", rules=(rule,), flow="us", at=trade.NOW, by="tests"), [])

    assert books.reclass_suspense(books.flow("us"), "USD", "tests").planned == 1
    assert books.reclass_suspense(books.flow("us"), "USD", "tests").planned == 0
    journal = posting(books, "journal/1-S1").document
    assert [(line.account, line.amount) for line in journal.lines] == [("OTHFEE", 777), ("SUSP", -777)]  # type: ignore[union-attr]


def test_an_invoice_that_is_not_sent_goes_where_its_settlement_books_the_order(books: Bookkeeping) -> None:
    books.ingest_orders(books.flow("us"), [trade.order(ONE, trade.item(ITEM="24.99"))], "tests")
    policies(books, order_document="none")

    settle(books, "1", 16, sale("24.99"))

    assert posting(books, f"invoice/{ONE}").status == "withdrawn"
    assert posting(books, "deposit/1").document.lines[0].account == "SALES"  # type: ignore[union-attr]


def test_orders_without_documents_are_billed_when_the_flow_wants_documents_again(books: Bookkeeping) -> None:
    policies(books, order_document="none")
    books.ingest_orders(books.flow("us"), [trade.order(ONE, trade.item(ITEM="24.99"))], "tests")
    policies(books, order_document="invoice")
    settle(books, "1", 16, sale("24.99"))
    assert [reason.code for reason in posting(books, "deposit/1").reasons] == ["order_not_invoiced"]

    again(books, "1")

    assert posting(books, f"invoice/{ONE}").status == "planned"
    assert posting(books, "payment/1-1").status == "planned"


def test_a_settlement_of_which_something_is_sent_keeps_its_policies(books: Bookkeeping) -> None:
    books.ingest_orders(books.flow("us"), [trade.order(ONE, trade.item(ITEM="24.99"))], "tests")
    settle(books, "1", 16, sale("24.99"))
    under_way(books, f"invoice/{ONE}", "payment/1-1")
    before = posting(books, "deposit/1").document
    policies(books, order_document="none", payment_batch="per_day")

    again(books, "1")

    assert posting(books, "deposit/1").document == before


def test_a_month_of_deferred_fees_is_accrued_and_taken_back_in_one_save(books: Bookkeeping) -> None:
    deferred = [Deferred("t1", ("Order", "ItemFees", "Commission"), -1500, ONE)]

    tally = books.accrue_deferred(books.flow("us"), date(2026, 11, 24), "USD", deferred, "tests")

    assert tally.planned == 2
    key = accrual_key(date(2026, 11, 1), "USD")
    back = posting(books, f"journal/{key}R")
    assert back.depends_on == (f"journal/{key}",)
    assert (posting(books, f"journal/{key}").document.day, back.document.day) == (date(2026, 11, 30), date(2026, 12, 1))  # type: ignore[union-attr]
    assert books.accrue_deferred(books.flow("us"), date(2026, 11, 24), "USD", deferred, "tests").planned == 0


def test_a_reversal_mirrors_the_accrual_that_is_out_whatever_is_told_late(books: Bookkeeping) -> None:
    told = [Deferred("t1", ("Order", "ItemFees", "Commission"), -1500, ONE)]
    month = date(2026, 11, 24)
    books.accrue_deferred(books.flow("us"), month, "USD", told, "tests")
    key = accrual_key(date(2026, 11, 1), "USD")
    under_way(books, f"journal/{key}")

    late = [*told, Deferred("t2", ("Order", "ItemFees", "Commission"), -300, ONE)]
    books.accrue_deferred(books.flow("us"), month, "USD", late, "tests")

    accrued, back = (posting(books, f"journal/{name}").document for name in (key, f"{key}R"))
    sums: dict[str, int] = {}
    for document in (accrued, back):
        for account, amount in debits_and_credits(document):  # type: ignore[arg-type]
            sums[account] = sums.get(account, 0) + amount
    assert set(sums.values()) == {0}


def test_two_flows_of_one_company_give_their_accruals_numbers_of_their_own() -> None:
    mapping = trade.mapping()
    told = [Deferred("t1", ("Order", "ItemFees", "Commission"), -1500, ONE)]
    numbers = set()
    for name in ("us", "us-two"):
        flow = msgspec.structs.replace(trade.FLOW, name=name)
        outcome = accrual_of(told, date(2026, 11, 24), "USD", flow, mapping)
        assert isinstance(outcome, list)
        numbers |= {one.document.number for one in outcome}  # type: ignore[union-attr]
    assert len(numbers) == 4
    assert all(len(number) <= 21 for number in numbers)
