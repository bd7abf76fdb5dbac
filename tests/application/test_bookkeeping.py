"""Commands on a real store: decided from what is there, saved all or nothing, decided again on a conflict.

Without these an amended order could unbalance a settlement, or two writers could plan the same document twice.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest
import trade

from adapters.event_store import DatabaseEventStore
from application.bookkeeping import Bookkeeping
from application.ports import Append
from domain import settlement as settlements
from domain.document import Invoice, Payment
from domain.errors import BadInput
from domain.flow import FlowCreated
from domain.mapping import MappingChanged
from domain.order import AmazonOrder, Package
from domain.settlement import Statement

ONE = "111-0000001-0000001"


@pytest.fixture
def books(store: DatabaseEventStore, clock: Any) -> Bookkeeping:
    made = Bookkeeping(store, clock)
    created = FlowCreated(
        flow="us", at=clock(), by="tests", region="na", realm="1", marketplaces=(), since=None, orders="amazon",
        zone="America/Los_Angeles", banks={"USD": "Checking"},
    )  # fmt: skip
    made.create_flow(created)
    complete = trade.mapping()
    made.change_mapping(
        MappingChanged(
            flow="us", at=clock(), by="tests", version=0, why="set up", accounts=complete.accounts,
            items=complete.items, customers=complete.customers, banks=complete.banks,
        ),
        [],
    )  # fmt: skip
    return made


def ingest(books: Bookkeeping, *orders: AmazonOrder) -> Any:
    return books.ingest_orders(books.flow("us"), orders, "tests")


def settle(books: Bookkeeping, amount: str, settlement_id: str = "284") -> Any:
    rows = trade.lines(("Order", "ItemPrice", "Principal", amount, ONE))
    statement = Statement(settlement_id, "USD", trade.usd(amount), None, None, trade.NOW)
    return books.ingest_settlement(books.flow("us"), statement, rows, "tests")


def settle_again(books: Bookkeeping, *amounts: str, settlement_id: str = "284") -> Any:
    """The settlement's document, once more and perhaps with other lines."""
    rows = trade.lines(*[("Order", "ItemPrice", "Principal", amount, ONE) for amount in amounts])
    statement = Statement(settlement_id, "USD", sum(row.amount for row in rows), None, None, trade.NOW)
    return books.ingest_settlement(books.flow("us"), statement, rows, "tests")


def later(order: AmazonOrder, **changes: Any) -> AmazonOrder:
    return msgspec.structs.replace(order, updated=order.updated + timedelta(hours=1), **changes)


def posting(books: Bookkeeping, kind: str = "invoice", key: str = ONE) -> Any:
    return books.postings("us", [(kind, key)])[kind, key]


def test_an_order_and_its_invoice_are_saved_together_and_once(books: Bookkeeping, store: DatabaseEventStore) -> None:
    order = trade.order(ONE, trade.item(ITEM="24.99"))

    assert (ingest(books, order).new, posting(books).status) == (1, "planned")
    end = store.end()
    assert ingest(books, order).new == 0
    assert ingest(books, later(order)).changed == 0  # the time alone is no news
    assert store.end() == end


def test_an_older_report_of_an_order_changes_nothing(books: Bookkeeping) -> None:
    order = trade.order(ONE, trade.item(ITEM="24.99"))
    ingest(books, later(order, status="SHIPPED"))
    ingest(books, msgspec.structs.replace(order, status="UNSHIPPED"))

    assert posting(books).status == "planned"


def test_an_order_amended_before_its_invoice_is_sent_is_simply_planned_anew(books: Bookkeeping) -> None:
    order = trade.order(ONE, trade.item(ITEM="24.99"))
    ingest(books, order)
    ingest(books, later(order, items=(trade.item(ITEM="20.00"),)))

    planned = posting(books)
    assert (planned.status, planned.generation, planned.document.total) == ("planned", 2, 2000)


def test_an_order_cancelled_before_its_invoice_is_sent_has_none(books: Bookkeeping) -> None:
    order = trade.order(ONE, trade.item(ITEM="24.99"))
    ingest(books, order)
    ingest(books, later(order, status="CANCELLED"))

    assert posting(books).status == "withdrawn"


@pytest.mark.parametrize(
    "change", [{"status": "CANCELLED"}, {"items": (trade.item(ITEM="20.00"),)}], ids=["cancelled", "cheaper"]
)
def test_an_invoice_that_a_settlement_pays_is_never_planned_below_what_is_paid(
    books: Bookkeeping, change: dict[str, Any]
) -> None:
    order = trade.order(ONE, trade.item(ITEM="24.99"))
    ingest(books, order)
    settle(books, "24.99")
    assert posting(books, "payment", "284-1").status == "planned"

    ingest(books, later(order, **change))

    held = posting(books)
    assert held.status == "held"
    assert [reason.code for reason in held.reasons] == ["amended_after_settling"]


def test_two_settlements_cannot_pay_the_same_amount_of_one_invoice(books: Bookkeeping) -> None:
    ingest(books, trade.order(ONE, trade.item(ITEM="24.99")))
    settle(books, "24.99", "284")
    settle(books, "24.99", "285")

    assert posting(books, "deposit", "284").status == "planned"
    second = posting(books, "deposit", "285")
    assert (second.status, second.reasons[0].code) == ("held", "settled_differs")


def test_a_settlement_waits_for_its_order_and_is_planned_when_it_comes(books: Bookkeeping) -> None:
    ingest(books, trade.order(ONE, trade.item(ITEM="24.99"), status="UNSHIPPED"))
    settle(books, "24.99")
    assert posting(books, "deposit", "284").reasons[0].code == "order_not_invoiced"

    ingest(books, trade.order(ONE, trade.item(ITEM="24.99")))
    books.replan_settlement(books.flow("us"), "284", "tests")

    deposit = posting(books, "deposit", "284")
    payment = posting(books, "payment", "284-1")
    assert (deposit.status, payment.status) == ("planned", "planned")
    assert isinstance(payment.document, Payment)
    assert payment.depends_on == (f"invoice/{ONE}",)


def test_an_order_never_seen_is_booked_by_its_settlement_and_never_invoiced_afterwards(books: Bookkeeping) -> None:
    settle(books, "24.99")
    assert [reason.code for reason in posting(books, "deposit", "284").reasons] == ["order_not_seen"]

    books.record_orders_not_found(books.flow("us"), [ONE], "tests")  # Amazon was asked, and has it no more
    books.replan_settlement(books.flow("us"), "284", "tests")
    assert posting(books, "deposit", "284").document.lines[0].account == "SALES"

    ingest(books, trade.order(ONE, trade.item(ITEM="24.99")))

    assert posting(books, "invoice", ONE).status == "none"


def test_a_settlement_that_comes_back_with_other_lines_is_disputed_and_not_planned(books: Bookkeeping) -> None:
    ingest(books, trade.order(ONE, trade.item(ITEM="24.99")))
    settle(books, "24.99")
    settle(books, "24.98")

    deposit = posting(books, "deposit", "284")
    assert (deposit.status, deposit.reasons[0].code) == ("held", "disputed")
    assert posting(books, "payment", "284-1").status == "withdrawn"


def test_a_dispute_ends_when_amazon_gives_the_first_lines_again_and_begins_anew_with_the_others(
    books: Bookkeeping,
) -> None:
    ingest(books, trade.order(ONE, trade.item(ITEM="24.99")))
    settle(books, "24.99")
    settle(books, "24.98")
    settle(books, "24.99")
    assert (posting(books, "deposit", "284").status, posting(books, "payment", "284-1").status) == ("planned",) * 2

    settle(books, "24.98")
    assert posting(books, "deposit", "284").reasons[0].code == "disputed"


def test_a_person_may_keep_a_disputed_settlement_as_it_was(books: Bookkeeping) -> None:
    ingest(books, trade.order(ONE, trade.item(ITEM="24.99")))
    settle(books, "24.99")
    settle(books, "24.98")

    books.lift_dispute(books.flow("us"), "284", "ada", "Seller Support confirmed the first")
    assert posting(books, "deposit", "284").status == "planned"

    settle(books, "24.98")  # said once is enough
    assert posting(books, "deposit", "284").status == "planned"
    settle(books, "24.97")
    assert posting(books, "deposit", "284").reasons[0].code == "disputed"
    with pytest.raises(BadInput, match="285"):
        books.lift_dispute(books.flow("us"), "285", "ada", "no reason")


def test_the_same_lines_in_another_order_are_no_news(books: Bookkeeping, store: DatabaseEventStore) -> None:
    ingest(books, trade.order(ONE, trade.item(1, ITEM="20.00"), trade.item(2, ITEM="4.99")))
    settle_again(books, "20.00", "4.99")
    end = store.end()

    settle_again(books, "4.99", "20.00")

    assert store.end() == end


def test_lines_stored_by_an_older_version_dispute_nothing(books: Bookkeeping, store: DatabaseEventStore) -> None:
    """The stored hash may be of another making: what counts is what the lines say."""
    ingest(books, trade.order(ONE, trade.item(ITEM="24.99")))
    rows = trade.lines(("Order", "ItemPrice", "Principal", "24.99", ONE))
    statement = Statement("284", "USD", trade.usd("24.99"), None, None, trade.NOW)
    older = [
        msgspec.structs.replace(event, content_hash="of another making")
        for event in settlements.record(statement, rows, settlements.Settlement(), trade.STAMP)
    ]
    store.append([Append(settlements.settlement_stream("us", "284"), 0, older, "of another making")])

    again = books.ingest_settlement(books.flow("us"), statement, rows, "tests")

    assert (again.new, again.changed) == (0, 0)


def test_an_unreadable_copy_of_a_settlement_that_did_not_add_up_stops_nothing(books: Bookkeeping) -> None:
    rows = trade.lines(("Order", "ItemPrice", "Principal", "24.99", ONE))
    statement = Statement("284", "USD", trade.usd("25.00"), None, None, trade.NOW)
    books.ingest_settlement(books.flow("us"), statement, rows, "tests")
    books.dispute_document(books.flow("us"), "284", "report 7, line 3: no amount", "tests", "evidence-2")
    books.dispute_document(books.flow("us"), "report 8", "report 8: no header", "tests", "evidence-3")

    books.replan_settlement(books.flow("us"), "284", "tests")
    books.replan_settlement(books.flow("us"), "report 8", "tests")

    assert posting(books, "deposit", "284").status == "held"
    assert posting(books, "deposit", "report 8").status == "held"


def test_an_order_nobody_can_read_is_held_and_invoiced_when_amazon_mends_it(books: Bookkeeping) -> None:
    good = trade.order(ONE, trade.item(ITEM="24.99"))
    broken = msgspec.structs.replace(good, items=(), currency="", total=None, problem="proceeds.grandTotal: 'XYZ'")
    ingest(books, broken)
    assert [reason.code for reason in posting(books).reasons] == ["unreadable_order"]

    ingest(books, later(good))
    assert posting(books).status == "planned"


def test_a_settlement_that_shows_a_sale_earlier_moves_its_invoice_there(books: Bookkeeping) -> None:
    """In a backfill Amazon tells only when it last touched an order: that may be months after it shipped."""
    october = datetime(2026, 10, 30, 20, tzinfo=UTC)
    ingest(books, msgspec.structs.replace(trade.order(ONE, trade.item(ITEM="24.99")), created=october))
    rows = [
        msgspec.structs.replace(line, posted=october + timedelta(days=1))
        for line in trade.lines(("Order", "ItemPrice", "Principal", "24.99", ONE))
    ]
    statement = Statement("284", "USD", trade.usd("24.99"), None, None, datetime(2026, 11, 2, tzinfo=UTC))
    assert posting(books).document.day == date(2026, 11, 3)

    books.ingest_settlement(books.flow("us"), statement, rows, "tests")

    assert posting(books).document.day == date(2026, 10, 31)
    assert posting(books, "deposit", "284").status == "planned"  # not held as paid before it was invoiced


def test_an_order_that_turns_out_to_be_from_before_is_booked_by_its_settlement_alone(books: Bookkeeping) -> None:
    """It was planned and settled as this flow's; then Amazon names a parcel from before the first day."""
    flow = msgspec.structs.replace(books.flow("us"), since=date(2026, 11, 2))
    order = trade.order(ONE, trade.item(ITEM="24.99"))
    books.ingest_orders(flow, [order], "tests")
    rows = trade.lines(("Order", "ItemPrice", "Principal", "24.99", ONE))
    statement = Statement("284", "USD", trade.usd("24.99"), None, None, trade.NOW)
    books.ingest_settlement(flow, statement, rows, "tests")
    assert posting(books, "payment", "284-1").status == "planned"

    parcel = Package("UPS", "1Z", datetime(2026, 10, 30, tzinfo=UTC))
    books.ingest_orders(flow, [later(order, packages=(parcel,))], "tests")
    books.replan_settlement(flow, "284", "tests")

    assert (posting(books).status, posting(books, "payment", "284-1").status) == ("withdrawn", "withdrawn")
    deposit = posting(books, "deposit", "284").document
    assert [(line.account, line.amount) for line in deposit.lines] == [("SALES", 2499)]


def test_lines_that_do_not_add_up_move_no_invoice(books: Bookkeeping) -> None:
    october = datetime(2026, 10, 30, 20, tzinfo=UTC)
    ingest(books, msgspec.structs.replace(trade.order(ONE, trade.item(ITEM="24.99")), created=october))
    rows = [
        msgspec.structs.replace(line, posted=october)
        for line in trade.lines(("Order", "ItemPrice", "Principal", "24.99", ONE))
    ]
    statement = Statement("284", "USD", trade.usd("25.00"), None, None, trade.NOW)

    books.ingest_settlement(books.flow("us"), statement, rows, "tests")
    books.replan_settlement(books.flow("us"), "284", "tests")

    assert posting(books).document.day == date(2026, 11, 3)


def test_a_payment_that_is_no_longer_part_of_its_settlement_is_withdrawn(books: Bookkeeping) -> None:
    """Two customers make two payments; sent after a new plan without it, one would pay twice."""
    other = "111-0000002-0000002"
    orders = [trade.order(ONE, trade.item(ITEM="24.99")), trade.order(other, trade.item(ITEM="10.00"))]
    ingest(books, *orders)
    rows = trade.lines(
        ("Order", "ItemPrice", "Principal", "24.99", ONE), ("Order", "ItemPrice", "Principal", "10.00", other)
    )
    statement = Statement("284", "USD", trade.usd("34.99"), None, None, trade.NOW)
    books.ingest_settlement(books.flow("us"), statement, rows, "tests")
    flow = msgspec.structs.replace(books.flow("us"), since=date(2026, 11, 5))  # both are historical now

    books.replan_settlement(flow, "284", "tests")

    assert posting(books, "payment", "284-1").status == "withdrawn"
    assert posting(books, "deposit", "284").document.cleared == 0


def test_a_conflict_is_decided_again_on_what_is_there_now(books: Bookkeeping, store: DatabaseEventStore) -> None:
    """Another writer plans the same order between our reading and our writing: it is planned once."""
    order = trade.order(ONE, trade.item(ITEM="24.99"))
    other = Bookkeeping(store, lambda: trade.NOW)
    append = store.append
    raced = []

    class Racing:
        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def append(self, appends: list[Append]) -> int:
            if not raced:
                raced.append(True)
                ingest(other, order)
            return append(appends)

    racing = Bookkeeping(Racing(), lambda: trade.NOW)  # type: ignore[arg-type]

    tally = ingest(racing, order)

    assert raced
    assert tally.new == 0
    planned = posting(books)
    assert isinstance(planned.document, Invoice)
    assert planned.generation == 1
