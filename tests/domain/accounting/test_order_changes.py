"""What Amazon changes after a document was posted (accounting.md R7, R11, 7.2), as an accountant would book it.

Without these income that Amazon took back would stay in the books, or be taken out of them twice.
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
import trade
from syrupy.assertion import SnapshotAssertion

from domain.document import CreditMemo, Invoice, Payment, RefundReceipt
from domain.flow import Flow
from domain.order import Order, Package
from domain.policy import Policies
from domain.posting import Posting, PostingHeld, PostingPlanned, PostingRejected, Reason, evolve

ONE = "111-0000001-0000001"
INVOICE = ("invoice", ONE)
CREDIT, APPLIED = ("credit_memo", f"{ONE}C1"), ("payment", f"{ONE}C1")
Documents = dict[tuple[str, str], Posting]


def at(month: int, day: int) -> datetime:
    return datetime(2026, month, day, 20, tzinfo=UTC)


OCTOBER_ORDER = trade.order(ONE, trade.item(ITEM="20.00"), shipped=at(10, 31))
CANCELLED = msgspec.structs.replace(OCTOBER_ORDER, status="CANCELLED", updated=at(11, 2))
CHEAPER = msgspec.structs.replace(OCTOBER_ORDER, items=(trade.item(ITEM="18.00"),), updated=at(11, 2))
DEARER = msgspec.structs.replace(OCTOBER_ORDER, items=(trade.item(ITEM="20.00", GIFT_WRAP="3.99"),), updated=at(11, 2))
OPEN = trade.FLOW
CLOSED = msgspec.structs.replace(trade.FLOW, book_close_date=date(2026, 10, 31))


def posted(flow: Flow = OPEN) -> Documents:
    return trade.book(trade.seen(OCTOBER_ORDER), {}, flow)


def settled(state: Order, **amounts: str) -> Order:
    """The order as a settlement pays it."""
    state.settled = {"28471003921": {key: trade.usd(amount) for key, amount in amounts.items()}}
    return state


def codes(documents: Documents, name: tuple[str, str] = INVOICE) -> list[str]:
    return [reason.code for reason in (*documents[name].reasons, *documents[name].attention)]


def test_r11_cancelled_before_it_was_sent_leaves_nothing() -> None:
    documents = trade.book(trade.seen(OCTOBER_ORDER), {}, post=False)

    after = trade.book(trade.seen(OCTOBER_ORDER, CANCELLED), documents)

    assert after[INVOICE].status == "withdrawn"
    assert trade.standing(after) == []


def test_e09a_r11_cancelled_after_invoice_in_an_open_month_is_voided() -> None:
    documents = posted()

    (event,) = trade.decide(trade.seen(OCTOBER_ORDER, CANCELLED), documents)[INVOICE]
    after = trade.book(trade.seen(OCTOBER_ORDER, CANCELLED), documents)

    assert isinstance(event, PostingPlanned)
    assert (event.operation, event.generation) == ("void", 2)
    assert event.why.startswith("cancelled_after_invoicing")
    assert after[INVOICE].status == "voided"
    assert trade.decide(trade.seen(OCTOBER_ORDER, CANCELLED), after) == {}


def test_e09b_r11_cancelled_in_a_closed_month_is_credited_in_the_open_one(snapshot: SnapshotAssertion) -> None:
    after = trade.book(trade.seen(OCTOBER_ORDER, CANCELLED), posted(), CLOSED)

    assert trade.ledger_text(*trade.standing(after)) == snapshot
    memo, payment = after[CREDIT].document, after[APPLIED].document
    assert isinstance(memo, CreditMemo)
    assert isinstance(payment, Payment)
    assert (memo.invoice, memo.day) == (f"invoice/{ONE}", date(2026, 11, 2))
    assert (payment.total, payment.applied[0].amount, payment.credits[0].posting) == (0, 2000, f"credit_memo/{ONE}C1")
    assert after[APPLIED].depends_on == (f"invoice/{ONE}", f"credit_memo/{ONE}C1")
    assert len(memo.number) <= 21
    assert trade.decide(trade.seen(OCTOBER_ORDER, CANCELLED), after, CLOSED) == {}


def test_a_credit_is_dated_when_amazon_changed_the_order_but_never_in_the_closed_month() -> None:
    early = msgspec.structs.replace(CANCELLED, updated=at(10, 31).replace(hour=23))

    after = trade.book(trade.seen(OCTOBER_ORDER, early), posted(), CLOSED)

    assert after[CREDIT].document.day == date(2026, 11, 1)  # type: ignore[union-attr]


def test_r11_cancelled_and_paid_is_left_to_the_refund_that_comes_with_a_settlement() -> None:
    """A credit beside the refund line of a settlement would take the income away twice."""
    state = settled(trade.seen(OCTOBER_ORDER, CANCELLED), SALES="20.00")

    after = trade.book(state, posted())

    assert codes(after) == ["cancelled_after_invoicing"]
    assert [type(document) for document in trade.standing(after)] == [Invoice]


def test_r11_cancelled_and_paid_in_part_is_left_to_a_person_but_never_below_what_is_paid() -> None:
    state = settled(trade.seen(OCTOBER_ORDER, CANCELLED), SALES="5.00")

    after = trade.book(state, posted())

    assert codes(after) == ["cancelled_after_invoicing"]
    assert CREDIT not in after


def test_e26_r7_a_price_cut_that_a_settlement_shows_is_credited(snapshot: SnapshotAssertion) -> None:
    state = settled(trade.seen(OCTOBER_ORDER, CHEAPER), SALES="18.00")

    after = trade.book(state, posted())

    assert trade.ledger_text(*trade.standing(after)) == snapshot
    memo = after[CREDIT].document
    assert isinstance(memo, CreditMemo)
    assert [(line.component, line.amount) for line in memo.lines] == [("ITEM", 200)]
    assert trade.decide(state, after) == {}


def test_r7_a_price_cut_of_a_closed_month_is_credited_by_component(snapshot: SnapshotAssertion) -> None:
    order = trade.order(ONE, trade.item(ITEM="20.00", SHIPPING="5.00", DISCOUNT_ITEM="-1.00"), shipped=at(10, 31))
    cut = msgspec.structs.replace(
        order, items=(trade.item(ITEM="20.00", SHIPPING="3.00", DISCOUNT_ITEM="-4.00"),), updated=at(11, 2)
    )
    documents = trade.book(trade.seen(order), {})

    after = trade.book(trade.seen(order, cut), documents, CLOSED)

    assert trade.ledger_text(*trade.standing(after)) == snapshot


def test_a_cancelled_order_with_a_promotion_is_credited_in_one_document() -> None:
    order = trade.order(ONE, trade.item(ITEM="20.00", DISCOUNT_ITEM="-5.00"), shipped=at(10, 31))
    gone = msgspec.structs.replace(order, status="CANCELLED", updated=at(11, 2))
    documents = trade.book(trade.seen(order), {})

    after = trade.book(trade.seen(order, gone), documents, CLOSED)

    assert after[CREDIT].document.total == 1500  # type: ignore[union-attr]
    assert sorted(after) == [CREDIT, INVOICE, APPLIED]


def test_a_credit_that_was_not_sent_goes_when_amazon_takes_its_change_back() -> None:
    back = msgspec.structs.replace(OCTOBER_ORDER, updated=at(11, 3))
    documents = {**posted(), **trade.book(trade.seen(OCTOBER_ORDER, CHEAPER), posted(), CLOSED, post=False)}
    assert documents[CREDIT].status == "planned"

    after = trade.book(trade.seen(OCTOBER_ORDER, CHEAPER, back), documents, CLOSED)

    assert (after[CREDIT].status, after[APPLIED].status) == ("withdrawn", "withdrawn")


def test_what_amazon_takes_back_after_the_credit_was_posted_is_invoiced_beside_it(snapshot: SnapshotAssertion) -> None:
    back = msgspec.structs.replace(OCTOBER_ORDER, updated=at(11, 3))
    documents = trade.book(trade.seen(OCTOBER_ORDER, CHEAPER), posted(), CLOSED)

    after = trade.book(trade.seen(OCTOBER_ORDER, CHEAPER, back), documents, CLOSED)

    assert trade.ledger_text(*trade.standing(after)) == snapshot
    assert trade.decide(trade.seen(OCTOBER_ORDER, CHEAPER, back), after, CLOSED) == {}


def test_what_is_dearer_after_its_month_was_closed_is_invoiced_beside_it(snapshot: SnapshotAssertion) -> None:
    after = trade.book(trade.seen(OCTOBER_ORDER, DEARER), posted(), CLOSED)

    assert trade.ledger_text(*trade.standing(after)) == snapshot
    assert after["invoice", f"{ONE}-2"].document.corrects == f"invoice/{ONE}"  # type: ignore[union-attr]


def test_another_amount_in_an_open_month_is_voided_and_only_then_billed_anew(snapshot: SnapshotAssertion) -> None:
    state = trade.seen(OCTOBER_ORDER, CHEAPER)
    documents = trade.book(state, posted(), post=False)
    assert documents[INVOICE].operation == "void"
    assert codes(documents, ("invoice", f"{ONE}-2")) == ["waits_for_void"]
    assert trade.decide(state, documents) == {}  # nothing new before QuickBooks has voided it

    voided = {**documents, INVOICE: msgspec.structs.replace(documents[INVOICE], status="voided", operation="create")}
    after = trade.book(state, voided)

    assert trade.ledger_text(*trade.standing(after)) == snapshot
    assert trade.decide(state, after) == {}


def test_strict_audit_mode_never_amends_and_voids_all_the_same() -> None:
    strict = msgspec.structs.replace(trade.FLOW, policies=Policies(audit_mode="strict"))

    operations = {
        event.operation
        for events in trade.decide(trade.seen(OCTOBER_ORDER, CHEAPER), posted(), strict).values()
        for event in events
        if isinstance(event, PostingPlanned)
    }

    assert operations == {"void"}


def test_a_receipt_of_a_closed_month_gives_the_money_back_through_clearing(snapshot: SnapshotAssertion) -> None:
    receipts = msgspec.structs.replace(CLOSED, policies=Policies(order_document="sales_receipt"), had_receipts=True)
    documents = trade.book(trade.seen(OCTOBER_ORDER), {}, msgspec.structs.replace(receipts, book_close_date=None))

    after = trade.book(trade.seen(OCTOBER_ORDER, CANCELLED), documents, receipts)

    assert trade.ledger_text(*trade.standing(after)) == snapshot
    assert isinstance(after["refund_receipt", f"{ONE}C1"].document, RefundReceipt)
    assert trade.decide(trade.seen(OCTOBER_ORDER, CANCELLED), after, receipts) == {}


def test_the_other_shipment_of_an_order_is_left_alone() -> None:
    items = (trade.item(1, ITEM="20.00"), trade.item(2, ITEM="30.00"))
    parcels = (Package("UPS", "1", at(10, 30), {"1": 1}), Package("UPS", "2", at(11, 1), {"2": 1}))
    order = trade.order(ONE, *items, shipped=at(11, 1), packages=parcels)
    cut = msgspec.structs.replace(order, items=(items[0], trade.item(2, ITEM="25.00")), updated=at(11, 2))
    documents = trade.book(trade.seen(order), {})

    decided = trade.decide(trade.seen(order, cut), documents, CLOSED)

    assert sorted(decided) == [("invoice", f"{ONE}-2"), ("invoice", f"{ONE}-3")]  # of the second, in an open month
    assert [event.operation for event in decided["invoice", f"{ONE}-2"]] == ["void"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("flow", "paid", "amended"),
    [
        (OPEN, False, True),
        (CLOSED, False, False),
        (OPEN, True, False),
        (msgspec.structs.replace(OPEN, policies=Policies(audit_mode="strict")), False, False),
    ],
    ids=["open", "closed month", "paid", "strict"],
)
def test_a_parcels_number_is_added_later_only_where_nothing_hangs_on_the_invoice(
    flow: Flow, paid: bool, amended: bool
) -> None:
    tracked = msgspec.structs.replace(OCTOBER_ORDER, packages=(Package("AMZN_US", "TBA1"),), updated=at(11, 9))
    state = trade.seen(OCTOBER_ORDER, tracked)
    if paid:
        settled(state, SALES="20.00")

    after = trade.book(state, posted(), flow)

    invoice = after[INVOICE].document
    assert isinstance(invoice, Invoice)
    assert (invoice.tracking_number, invoice.total, invoice.day) == (
        "TBA1" if amended else "",
        2000,
        date(2026, 10, 31),
    )
    assert trade.decide(state, after, flow) == {}


# --- what is left to a person --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "UNSHIPPED"}, "amended_after_invoicing"),
        ({"amazon_channel": False}, "amended_after_invoicing"),
        ({"marketplace": "Amazon.ca"}, "amended_after_invoicing"),
        ({"problem": "unreadable"}, "amended_after_invoicing"),
        ({"packages": (Package("UPS", "1Z", at(9, 30)),)}, "dated_otherwise"),
        ({"packages": (Package("UPS", "1Z", at(10, 29)),)}, None),
    ],
    ids=["not shipped", "not amazon's", "another customer", "unreadable", "another month", "another day"],
)
def test_every_other_change_that_leaves_an_invoice_wrong_is_flagged(change: dict[str, Any], code: str | None) -> None:
    changed = msgspec.structs.replace(OCTOBER_ORDER, updated=at(11, 2), **change)

    after = trade.book(trade.seen(OCTOBER_ORDER, changed), posted())

    assert after[INVOICE].status == "posted"
    assert codes(after)[:1] == ([code] if code else [])


def test_a_flag_goes_when_amazon_takes_its_change_back() -> None:
    documents = posted()
    documents[INVOICE].attention = (Reason("amended_after_invoicing", "was cheaper"), Reason("total_differs", "tax"))

    (event,) = trade.decide(trade.seen(OCTOBER_ORDER), documents)[INVOICE]

    assert isinstance(event, PostingHeld)
    assert [reason.code for reason in event.reasons] == ["total_differs"]  # QuickBooks' own word stands


@pytest.mark.parametrize("code", ["total_differs", "adopted_otherwise", "change_refused"])
def test_what_was_edited_in_quickbooks_is_never_overwritten(code: str) -> None:
    documents = posted()
    documents[INVOICE].attention = (Reason(code, "by hand"),)

    after = trade.book(trade.seen(OCTOBER_ORDER, CANCELLED), documents)

    assert after[INVOICE].status == "posted"
    assert codes(after) == [code, "cancelled_after_invoicing"]
    assert trade.decide(trade.seen(OCTOBER_ORDER, CANCELLED), after) == {}


def refused(code: str) -> Documents:
    """The invoice of a cancelled order after QuickBooks refused to void it."""
    documents = trade.book(trade.seen(OCTOBER_ORDER, CANCELLED), posted(), post=False)
    documents[INVOICE].status = "submitted"
    event = PostingRejected(kind="invoice", key=ONE, generation=2, code=code, message="no", **trade.STAMP.fields())
    return {**documents, INVOICE: evolve(documents[INVOICE], event)}


def test_a_void_that_quickbooks_refuses_is_not_asked_for_again() -> None:
    after = trade.book(trade.seen(OCTOBER_ORDER, CANCELLED), refused("6000"))

    assert after[INVOICE].status == "posted"
    assert codes(after) == ["change_refused", "cancelled_after_invoicing"]
    assert trade.decide(trade.seen(OCTOBER_ORDER, CANCELLED), after) == {}


def test_a_void_that_quickbooks_refuses_since_its_month_is_closed_becomes_a_credit() -> None:
    after = trade.book(trade.seen(OCTOBER_ORDER, CANCELLED), refused("6210"))

    assert [type(document) for document in trade.standing(after)] == [Invoice, CreditMemo, Payment]
    assert trade.decide(trade.seen(OCTOBER_ORDER, CANCELLED), after) == {}


def test_a_void_that_was_not_sent_before_its_month_was_closed_becomes_a_credit() -> None:
    """The flow's own lock date is nothing that QuickBooks would refuse."""
    locked = msgspec.structs.replace(trade.FLOW, policies=Policies(lock_date=date(2026, 10, 31)))
    state = trade.seen(OCTOBER_ORDER, CANCELLED)
    documents = trade.book(state, posted(), post=False)
    assert documents[INVOICE].operation == "void"

    taken_back = trade.book(state, documents, locked, post=False)
    assert (taken_back[INVOICE].status, taken_back[INVOICE].operation) == ("posted", "create")
    after = trade.book(state, taken_back, locked)

    assert [type(document) for document in trade.standing(after)] == [Invoice, CreditMemo, Payment]
    assert codes(after) == []


def test_an_invoice_that_is_under_way_is_looked_at_again_when_it_stands() -> None:
    documents = trade.book(trade.seen(OCTOBER_ORDER), {}, post=False)
    documents[INVOICE].status = "submitted"

    waiting = trade.book(trade.seen(OCTOBER_ORDER, CANCELLED), documents, post=False)
    assert codes(waiting) == ["cancelled_after_invoicing"]
    waiting[INVOICE].status = "posted"

    (event,) = trade.decide(trade.seen(OCTOBER_ORDER, CANCELLED), waiting)[INVOICE]
    assert isinstance(event, PostingPlanned)
    assert event.operation == "void"
