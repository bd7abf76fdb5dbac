"""What stands beside the chain is checked too. Without this a changed row could hide what Amazon changed."""

import trade

from adapters.database import Database
from adapters.event_store import DatabaseEventStore
from application.audit import verify
from application.ports import Append
from domain import order as orders


def ingest(store: DatabaseEventStore, order_id: str) -> None:
    order = trade.order(order_id)
    (event,) = orders.record(order, orders.Order(), trade.STAMP)
    store.append([Append(orders.order_stream("us", order_id), 0, [event], orders.content_hash(order))])


def test_a_content_hash_that_was_altered_is_named(store: DatabaseEventStore, database: Database) -> None:
    for number in range(3):
        ingest(store, f"111-000000{number}-0000001")
    assert verify(store, store).ok

    stream = orders.order_stream("us", "111-0000001-0000001")
    with database.transaction() as cursor:
        cursor.execute("UPDATE stream_heads SET content_hash = 'other' WHERE stream = ?", [stream.hex])
    finding = verify(store, store)

    assert not finding.ok
    assert (finding.position, finding.stream) == (2, stream.hex)
    assert "111-0000001-0000001" in finding.problem
