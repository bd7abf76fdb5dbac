"""Commands on a real store: decided from what is there, saved all or nothing, decided again on a conflict.

Without these an amended order could unbalance a settlement, or two writers could plan the same document twice.
"""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
import trade

from adapters.event_store import DatabaseEventStore
from application.bookkeeping import Bookkeeping
from application.ports import Append
from domain.document import Invoice, Payment
from domain.flow import FlowCreated
from domain.mapping import MappingChanged
from domain.order import AmazonOrder
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
    settle(books, "24.99")
    assert posting(books, "deposit", "284").reasons[0].code == "order_not_seen"

    ingest(books, trade.order(ONE, trade.item(ITEM="24.99")))
    books.replan_settlement(books.flow("us"), "284", "tests")

    deposit = posting(books, "deposit", "284")
    payment = posting(books, "payment", "284-1")
    assert (deposit.status, payment.status) == ("planned", "planned")
    assert isinstance(payment.document, Payment)
    assert payment.depends_on == (f"invoice/{ONE}",)


def test_a_settlement_that_comes_back_with_other_lines_is_disputed_and_not_planned(books: Bookkeeping) -> None:
    ingest(books, trade.order(ONE, trade.item(ITEM="24.99")))
    settle(books, "24.99")
    settle(books, "24.98")

    deposit = posting(books, "deposit", "284")
    assert (deposit.status, deposit.reasons[0].code) == ("held", "disputed")
    assert posting(books, "payment", "284-1").status == "withdrawn"


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
