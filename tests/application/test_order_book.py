"""Orders in parts and in closed months, on a real store: each document once, whatever comes first.

Without these a second shipment could overwrite the invoice of the first, or a document could be dated where the books
are closed.
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
import trade

from adapters.database import Database
from adapters.event_store import DatabaseEventStore
from adapters.views import DatabaseViews
from application.bookkeeping import Bookkeeping
from application.closing import replan_closed
from domain.flow import BooksClosed, FlowConfigured, FlowCreated, FlowSettings
from domain.mapping import MappingChanged
from domain.order import AmazonOrder, Package
from domain.policy import Policies

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


def in_parts(parcels: int) -> AmazonOrder:
    """An order of three units, of which so many have left, one a day from the 3rd of November."""
    item = msgspec.structs.replace(trade.item(1, quantity=3, ITEM="10.00"), shipped=parcels)
    return trade.order(
        ONE,
        item,
        status="SHIPPED" if parcels == 3 else "PARTIALLY_SHIPPED",
        shipped=datetime(2026, 11, 3 + parcels, tzinfo=UTC),
        packages=tuple(
            Package("UPS", f"1Z{number}", datetime(2026, 11, 3 + number, 20, tzinfo=UTC), {"1": 1})
            for number in range(parcels)
        ),
    )


def documents(books: Bookkeeping) -> dict[str, Any]:
    keys = [ONE, f"{ONE}-2", f"{ONE}-3", f"{ONE}-4"]
    postings = books.postings("us", [("invoice", key) for key in keys])
    return {key: posting for (_, key), posting in postings.items() if posting.status != "none"}


@pytest.mark.parametrize("looks", [[1, 2, 3], [3], [1, 3], [2, 3], [3, 1], [1, 1, 3, 3, 2]])
def test_three_shipments_are_three_invoices_whenever_they_are_seen(books: Bookkeeping, looks: list[int]) -> None:
    for parcels in looks:
        books.ingest_orders(books.flow("us"), [in_parts(parcels)], "tests")

    found = documents(books)
    assert [(key[-2:], posting.document.total, posting.document.day.day) for key, posting in found.items()] == [
        ("01", 333, 3),
        ("-2", 334, 4),
        ("-3", 333, 5),
    ]
    assert books.ingest_orders(books.flow("us"), [in_parts(3)], "tests").planned == 0


def test_what_is_planned_when_its_month_is_closed_is_held_and_goes_on_when_it_is_open_again(
    books: Bookkeeping, database: Database, store: DatabaseEventStore, clock: Any
) -> None:
    books.ingest_orders(books.flow("us"), [in_parts(3)], "tests")
    views = DatabaseViews(database, store)

    def close(until: date | None) -> None:
        books.record_on_flow(BooksClosed(until=until, flow="us", at=clock(), by="tests"))
        views.catch_up()
        replan_closed(books.flow("us"), books, views, "tests")

    close(date(2026, 11, 4))
    held = documents(books)
    assert [posting.status for posting in held.values()] == ["held", "held", "planned"]
    assert [reason.code for reason in held[ONE].reasons] == ["closed_period"]

    books.record_on_flow(
        FlowConfigured(
            old=FlowSettings(), new=FlowSettings(policies=Policies(late_event="next_open_day")), flow="us", at=clock(),
            by="tests",
        )
    )  # fmt: skip
    books.replan_invoices(books.flow("us"), [ONE], "tests")
    moved = documents(books)
    assert [posting.document.day.day for posting in moved.values()] == [5, 5, 5]
    assert "relates to 2026-11" in moved[ONE].document.memo

    close(None)
    books.replan_invoices(books.flow("us"), [ONE], "tests")
    assert [posting.document.day.day for posting in documents(books).values()] == [3, 4, 5]
