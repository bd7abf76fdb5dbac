"""The proof that the history is what was written: the chain over the events, and what stands beside it."""

from collections.abc import Iterator
from uuid import UUID

import msgspec

from application.ports import AuditFinding, EventStore, Ledger, Recorded
from domain import order as orders

PAGE = 5_000


def verify(ledger: Ledger, store: EventStore) -> AuditFinding:
    """Recompute the chain, then the content hashes by which a changed order is told from an unchanged one.

    The hashes stand beside the chain: one that was altered could hide from us what Amazon changes about an order.
    """
    finding = ledger.verify()
    if not finding.ok:
        return finding
    last: dict[str, Recorded] = {}
    for recorded in _log(store):
        if isinstance(recorded.event, orders.OrderIngested | orders.OrderAmended | orders.OrderCancelled):
            last[recorded.stream] = recorded
    streams = {UUID(stream): recorded for stream, recorded in last.items()}
    heads = store.heads(list(streams))
    for stream, recorded in streams.items():
        event = recorded.event
        assert isinstance(event, orders.OrderIngested | orders.OrderAmended | orders.OrderCancelled)
        if stream not in heads or heads[stream].content_hash != orders.content_hash(event.order):
            return msgspec.structs.replace(
                finding,
                ok=False,
                position=recorded.position,
                stream=stream.hex,
                problem=f"the content hash kept of order {event.order.order_id} is not that of its last event "
                f"(position {recorded.position}): a change of the order could go unseen",
            )
    return finding


def _log(store: EventStore) -> Iterator[Recorded]:
    position, end = 0, store.end()
    while page := store.read(position, PAGE, upto=end):
        yield from page
        position = page[-1].position
