"""Orders as documents (accounting.md R1 to R11, R26 to R31): each rule by name, its debits and credits as a snapshot.

Without these a shipment could be billed twice or never, tax could land in income, or a cent could be lost in a split.
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
import trade
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from domain.document import Invoice, SalesReceipt, debits_and_credits
from domain.flow import Flow
from domain.order import AmazonOrder, OrderItem, Package, Part
from domain.policy import Policies
from domain.posting_rules import Held, NothingToPost, invoice_for
from domain.posting_rules.shipments import key_of, number_of, order_of, share

ONE = "111-0000001-0000001"
TWO = "111-0000002-0000002"


def november(day: int, hour: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def flow(**policies: Any) -> Flow:
    return msgspec.structs.replace(trade.FLOW, policies=Policies(**policies))


def taxed(item: OrderItem, amount: str, kind: str = "ITEM", included: bool = False) -> OrderItem:
    """The item with tax on a component: beside its price, or inside it."""
    part = Part("TAX", trade.usd(amount), kind)
    proceeds = (item.proceeds or 0) + (0 if included else part.amount)
    return msgspec.structs.replace(item, parts=(*item.parts, part), proceeds=proceeds)


def shipped(order: AmazonOrder, *counts: int, at: datetime | None = None, **more: Any) -> AmazonOrder:
    """The order with so many units of each item gone."""
    items = tuple(msgspec.structs.replace(item, shipped=count) for item, count in zip(order.items, counts, strict=True))
    complete = all(item.shipped == item.quantity for item in items)
    return msgspec.structs.replace(
        order,
        items=items,
        status="SHIPPED" if complete else "PARTIALLY_SHIPPED" if any(counts) else "UNSHIPPED",
        updated=at or order.updated,
        **more,
    )


SINGLE = {
    "E01 R1 R5 FBA order, facilitator tax is a note": (trade.order(ONE, trade.item(ITEM="24.99", tax="2.06")), {}),
    "E01b R5 facilitator tax shown as pass-through": (
        trade.order(ONE, trade.item(ITEM="24.99", tax="2.06")),
        {"tax": "gross"},
    ),
    "E02 R2 shipping charged": (trade.order(ONE, trade.item(ITEM="40.00", SHIPPING="5.99")), {}),
    "E03 R3 shipping and gift wrap": (
        trade.order(ONE, trade.item(ITEM="30.00", SHIPPING="4.99", GIFT_WRAP="3.99")),
        {},
    ),
    "E04 R4 promotions of item and shipping": (
        trade.order(ONE, trade.item(ITEM="50.00", SHIPPING="5.99", DISCOUNT_ITEM="-10.00", DISCOUNT_SHIPPING="-5.99")),
        {},
    ),
    "E05 R6 tax the seller remits": (
        trade.order(ONE, trade.item(ITEM="100.00", tax="7.00", facilitator=False)),
        {},
    ),
    "E06 R8 VAT inside the price, the seller's": (
        trade.order(ONE, taxed(trade.item(ITEM="24.00", facilitator=False), "4.00", included=True)),
        {},
    ),
    "E07 R9 deemed supplier: VAT inside the price, Amazon's": (
        trade.order(ONE, taxed(trade.item(ITEM="24.00"), "4.00", included=True)),
        {},
    ),
    "R8 VAT of item and shipping": (
        trade.order(
            ONE,
            taxed(
                taxed(trade.item(ITEM="24.00", SHIPPING="6.00", facilitator=False), "4.00", included=True),
                "1.00",
                "SHIPPING",
                included=True,
            ),
        ),
        {},
    ),
    "E29 R31 Vine unit, price and full rebate": (
        trade.order(ONE, trade.item(ITEM="20.00", DISCOUNT_ITEM="-20.00")),
        {},
    ),
    "E24 R30 B2B paid by invoice": (
        trade.order(ONE, trade.item(ITEM="900.00"), programs=("AMAZON_BUSINESS",), terms_days=30),
        {},
    ),
    "Haul and Bazaar are sales like others": (
        trade.order(ONE, trade.item(ITEM="3.00"), programs=("AMAZON_HAUL", "AMAZON_BAZAAR")),
        {},
    ),
    "policy order_document=sales_receipt": (
        trade.order(ONE, trade.item(ITEM="24.99", tax="2.06")),
        {"order_document": "sales_receipt"},
    ),
}


@pytest.mark.parametrize("name", SINGLE)
def test_an_order_is_billed_as_its_rule_says(name: str, snapshot: SnapshotAssertion) -> None:
    order, policies = SINGLE[name]
    document = invoice_for(trade.seen(order), flow(**policies), with_pass_through())

    assert isinstance(document, Invoice | SalesReceipt)
    due = getattr(document, "due_day", None)
    assert f"{trade.ledger_text(document)}\n{document.memo}{f'; due {due}' if due else ''}" == snapshot


def with_pass_through() -> Any:
    mapping = trade.mapping()
    mapping.items["MFT"] = mapping.items["SALES"]
    return mapping


@pytest.mark.parametrize(
    ("order", "why", "policies"),
    [
        (trade.order(ONE, status="PENDING"), "waiting", {}),
        (trade.order(ONE, status="PENDING_AVAILABILITY", programs=("PREORDER",)), "waiting", {}),
        (shipped(trade.order(ONE), 0), "waiting", {}),
        (trade.order(ONE, status="CANCELLED"), "cancelled", {}),
        (trade.order(ONE, amazon_channel=False), "not_amazon", {}),
        (trade.order(ONE, trade.item(), replaces=TWO), "replacement", {}),
        (trade.order(ONE, trade.item()), "free", {}),
        (trade.order(ONE), "no_order_document", {"order_document": "none"}),
        (trade.order(ONE), "summarised", {"grain": "per_settlement"}),
    ],
    ids=[
        *("pending", "R1 pre-order", "nothing left yet", "R11 cancelled before", "E22 R28 MCF", "E23 R29 replacement"),
        *("free", "policy order_document=none", "policy grain=per_settlement"),
    ],
)
def test_an_order_that_makes_no_document_says_why(order: AmazonOrder, why: str, policies: dict[str, Any]) -> None:
    assert invoice_for(trade.seen(order), flow(**policies), trade.mapping()) == NothingToPost(why)


@pytest.mark.parametrize(
    "order",
    [
        trade.order(ONE, taxed(trade.item(ITEM="24.00", facilitator=False), "4.00", "OTHER", included=True)),
        trade.order(
            ONE,
            taxed(trade.item(1, ITEM="24.00"), "4.00", included=True),
            taxed(trade.item(2, ITEM="24.00"), "4.00"),
        ),
        trade.order(ONE, msgspec.structs.replace(trade.item(ITEM="24.00", tax="4.00"), proceeds=1)),
    ],
    ids=["tax inside no stated component", "one item with tax inside, one beside", "nothing sums to the proceeds"],
)
def test_amounts_that_can_be_read_in_no_or_several_ways_are_held(order: AmazonOrder) -> None:
    outcome = invoice_for(trade.seen(order), trade.FLOW, trade.mapping())

    assert isinstance(outcome, Held)
    assert {reason.code for reason in outcome.reasons} == {"proceeds_unclear"}


# --- R10: one document a shipment ----------------------------------------------------------------------------------


TWO_ITEMS = trade.order(ONE, trade.item(1, ITEM="20.00"), trade.item(2, ITEM="30.00"), shipped=november(3))


def test_e08_r10_each_shipment_has_its_own_invoice(snapshot: SnapshotAssertion) -> None:
    first = shipped(TWO_ITEMS, 1, 0)
    both = shipped(TWO_ITEMS, 1, 1, at=november(20))

    documents = trade.book(trade.seen(first), {})
    assert sorted(documents) == [("invoice", ONE)]
    documents = trade.book(trade.seen(first, both), documents)

    assert trade.ledger_text(*trade.standing(documents)) == snapshot
    assert sorted(documents) == [("invoice", ONE), ("invoice", f"{ONE}-2")]
    assert [posting.document.number for posting in documents.values()] == [ONE, f"{ONE}-2"]  # type: ignore[union-attr]
    assert trade.decide(trade.seen(first, both), documents) == {}


def test_parcels_with_their_contents_tell_the_shipments_at_once(snapshot: SnapshotAssertion) -> None:
    """What we did not look at in between is told by the parcels: the documents are the same."""
    parcels = (
        Package("UPS", "1Z1", november(3), {"1": 1}),
        Package("UPS", "1Z2", november(20), {"2": 1}),
    )
    documents = trade.book(trade.seen(shipped(TWO_ITEMS, 1, 1, at=november(21), packages=parcels)), {})

    assert trade.ledger_text(*trade.standing(documents)) == snapshot
    assert [document.tracking_number for document in trade.standing(documents)] == ["1Z1", "1Z2"]  # type: ignore[union-attr]


def test_policy_per_order_bills_once_and_only_when_all_has_left() -> None:
    first = shipped(TWO_ITEMS, 1, 0)
    both = shipped(TWO_ITEMS, 1, 1, at=november(20))
    per_order = flow(grain="per_order")

    assert trade.book(trade.seen(first), {}, per_order) == {}
    (document,) = trade.standing(trade.book(trade.seen(first, both), {}, per_order))

    assert (document.total, document.day) == (trade.usd("50.00"), date(2026, 11, 20))


def test_policy_changed_between_two_shipments_bills_each_once() -> None:
    first = shipped(TWO_ITEMS, 1, 0)
    both = shipped(TWO_ITEMS, 1, 1, at=november(20))
    documents = trade.book(trade.seen(first), {})

    after = trade.book(trade.seen(first, both), documents, flow(order_document="sales_receipt"))

    assert sorted(after) == [("invoice", ONE), ("sales_receipt", f"{ONE}-2")]
    assert sum(document.total for document in trade.standing(after)) == trade.usd("50.00")


def test_an_order_booked_by_settlements_keeps_the_invoice_that_stands() -> None:
    documents = trade.book(trade.seen(trade.order(ONE)), {})

    assert trade.decide(trade.seen(trade.order(ONE)), documents, flow(order_document="none")) == {}


@pytest.mark.parametrize(
    ("number", "key"), [(1, ONE), (2, f"{ONE}-2"), (9, f"{ONE}-9"), (10, f"{ONE}-A"), (35, f"{ONE}-Z")]
)
def test_a_shipments_number_has_at_most_21_characters(number: int, key: str) -> None:
    assert key_of(ONE, number) == key
    assert len(key) <= 21
    assert (order_of(key), number_of(key)) == (ONE, number)


def test_more_shipments_than_numbers_are_billed_with_the_last() -> None:
    item = trade.item(1, ITEM="40.00", quantity=40)
    versions = [
        shipped(trade.order(ONE, item), count, at=datetime(2026, 10 + count // 31, 1 + count % 30, 20, tzinfo=UTC))
        for count in range(1, 41)
    ]
    documents: dict[tuple[str, str], Any] = {}
    documents = trade.book(trade.seen(*versions), documents)

    assert len(documents) == 35
    assert sum(document.total for document in trade.standing(documents)) == trade.usd("40.00")


def test_units_of_a_shipped_order_that_did_not_leave_are_held() -> None:
    """Whether the amounts are for all units or for those that left is not stated."""
    order = msgspec.structs.replace(
        shipped(trade.order(ONE, trade.item(quantity=2, ITEM="20.00")), 1), status="SHIPPED"
    )

    outcome = invoice_for(trade.seen(order), trade.FLOW, trade.mapping())

    assert isinstance(outcome, Held)
    assert [reason.code for reason in outcome.reasons] == ["partly_shipped"]


@given(st.integers(-100_000, 100_000), st.integers(1, 40), st.data())
def test_the_parts_of_an_amount_sum_to_the_whole_and_none_is_off_by_a_cent(amount: int, units: int, data: Any) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, units), max_size=6)))
    bounds = [0, *cuts, units]
    parts = [share(amount, ((begin, end),), units) for begin, end in zip(bounds, bounds[1:], strict=False)]

    assert sum(parts) == amount
    for part, begin, end in zip(parts, bounds, bounds[1:], strict=False):
        assert abs(part * units - amount * (end - begin)) <= units  # within one cent of its exact share


@pytest.mark.parametrize(("price", "discount"), [(2, 1), (1_001, 1_000), (1_000, 1_000), (3, 2)])
def test_no_parcel_of_a_nearly_free_item_comes_to_less_than_nothing(price: int, discount: int) -> None:
    """Divided one by one, 10.01 and -10.00 would make a parcel of -0.01, which no invoice can show."""
    parts = (Part("ITEM", price), Part("DISCOUNT", -discount, "ITEM"))
    item = OrderItem("1", "SKU-1", quantity=3, proceeds=price - discount, parts=parts, facilitator=True)
    order = trade.order(ONE, item)
    versions = [shipped(order, count, at=november(3 + count)) for count in (1, 2, 3)]

    documents = trade.book(trade.seen(*versions), {})

    assert all(posting.status == "posted" for posting in documents.values()), documents
    assert sum(document.total for document in trade.standing(documents)) == price - discount
    for component, whole in (("ITEM", price), ("DISCOUNT/ITEM", -discount)):
        lines = [line for document in trade.standing(documents) for line in document.lines]  # type: ignore[union-attr]
        assert sum(line.amount for line in lines if line.component == component) == whole


ITEM_AMOUNTS = st.tuples(st.integers(1, 9_999), st.integers(0, 999), st.integers(0, 500), st.integers(1, 4))


@settings(max_examples=200, deadline=None)
@given(st.lists(ITEM_AMOUNTS, min_size=1, max_size=3), st.data())
def test_any_shipments_bill_the_order_once_whenever_they_are_looked_at(
    amounts: list[tuple[int, int, int, int]], data: Any
) -> None:
    """Seen after each parcel, or all at once, repeated or out of order: every unit once, every cent once."""
    items = tuple(
        OrderItem(
            str(number),
            sku=f"SKU-{number}",
            quantity=quantity,
            shipped=0,
            proceeds=price + shipping - discount,
            parts=(Part("ITEM", price), Part("SHIPPING", shipping), Part("DISCOUNT", -discount, "ITEM")),
            facilitator=True,
        )
        for number, (price, shipping, discount, quantity) in enumerate(amounts, start=1)
        if price >= discount
    )
    if not items:
        return
    order = trade.order(ONE, *items)
    units = [item.order_item_id for item in items for _ in range(item.quantity)]
    parcels = tuple(
        Package("UPS", f"1Z{number}", november(3 + number), {item: 1})
        for number, item in enumerate(data.draw(st.permutations(units)))
    )

    def version(count: int) -> AmazonOrder:
        gone = [sum(parcel.quantities.get(item.order_item_id, 0) for parcel in parcels[:count]) for item in items]
        return shipped(order, *gone, at=november(3 + count), packages=parcels[:count])

    versions = [version(count) for count in range(len(parcels) + 1)]
    step_by_step: dict[tuple[str, str], Any] = {}
    for count in range(1, len(versions) + 1):
        step_by_step = trade.book(trade.seen(*versions[:count]), step_by_step)
    at_once = trade.book(trade.seen(versions[-1]), {})
    looks = data.draw(st.lists(st.sampled_from(versions), max_size=6))
    at_random: dict[tuple[str, str], Any] = {}
    for number in range(1, len(looks) + 1):
        at_random = trade.book(trade.seen(*looks[:number]), at_random)
    at_random = trade.book(trade.seen(*looks, versions[-1]), at_random)

    total = sum(item.proceeds or 0 for item in items)
    for documents in (step_by_step, at_once, at_random):
        books = trade.standing(documents)
        assert sum(document.total for document in books) == total
        assert all(sum(amount for _, amount in debits_and_credits(document)) == 0 for document in books)
    assert trade.ledger_text(*trade.standing(step_by_step)) == trade.ledger_text(*trade.standing(at_once))


def test_an_order_known_by_other_item_ids_first_is_billed_once_and_keeps_its_day() -> None:
    """A bulk report has no item ids; what Amazon says of the single order later has them."""
    rows = tuple(msgspec.structs.replace(item, order_item_id=f"row-{item.order_item_id}") for item in TWO_ITEMS.items)
    reported = msgspec.structs.replace(TWO_ITEMS, items=rows)
    single = msgspec.structs.replace(TWO_ITEMS, updated=november(9))

    documents = trade.book(trade.seen(reported), {})
    assert trade.decide(trade.seen(reported, single), documents) == {}
    unsent = trade.book(trade.seen(reported, single), trade.book(trade.seen(reported), {}, post=False))

    (document,) = trade.standing(unsent)
    assert (document.day, document.total) == (date(2026, 11, 3), trade.usd("50.00"))


# --- closed periods ------------------------------------------------------------------------------------------------


def test_an_order_of_a_closed_month_is_held_or_booked_on_the_first_open_day_with_a_note() -> None:
    closed = msgspec.structs.replace(trade.FLOW, book_close_date=date(2026, 11, 15))
    moving = msgspec.structs.replace(closed, policies=Policies(late_event="next_open_day"))
    state = trade.seen(trade.order(ONE))

    held = invoice_for(state, closed, trade.mapping())
    moved = invoice_for(state, moving, trade.mapping())

    assert isinstance(held, Held)
    assert [(reason.code, reason.amount) for reason in held.reasons] == [("closed_period", trade.usd("24.99"))]
    assert isinstance(moved, Invoice)
    assert (moved.day, moved.ship_day) == (date(2026, 11, 16), date(2026, 11, 3))
    assert "relates to 2026-11" in moved.memo


def test_an_invoice_that_stands_is_not_troubled_by_its_month_being_closed() -> None:
    documents = trade.book(trade.seen(trade.order(ONE)), {})
    closed = msgspec.structs.replace(trade.FLOW, book_close_date=date(2026, 11, 15))

    assert trade.decide(trade.seen(trade.order(ONE)), documents, closed) == {}
