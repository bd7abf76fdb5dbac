"""Recording orders, and what their invoices become: planned, held, withdrawn."""

from collections.abc import Sequence

from application.ports import Append
from application.recording import Recorder, Tally
from domain import mapping as mappings
from domain import order as orders
from domain import posting as postings
from domain.event import Stamp
from domain.flow import Flow
from domain.mapping import Mapping, MappingMissing
from domain.order import AmazonOrder, Order, order_stream
from domain.posting import (
    Posting,
    posting_stream,
)
from domain.posting_rules import (
    Held,
    gap_keys,
    invoice_for,
)
from domain.posting_rules.changes import invoice_events


class OrderBook(Recorder):
    """The commands about orders; every method names the flow it works on."""

    def mapping(self, flow: str) -> Mapping:
        return self._one(mappings.mapping_stream(flow), Mapping(), mappings.evolve)[0]

    def ingest_orders(self, flow: Flow, page: Sequence[AmazonOrder], by: str, evidence: str = "") -> Tally:
        """Record what is new about a page of orders and plan, hold or withdraw their invoices, in one save."""
        tally = Tally()

        def decide() -> list[Append]:
            newest = {order.order_id: order for order in sorted(page, key=lambda order: order.updated)}
            hashes = {order_id: orders.content_hash(order) for order_id, order in newest.items()}
            heads = self._store.heads([order_stream(flow.name, order_id) for order_id in newest])
            changed = [
                order
                for order_id, order in newest.items()
                if (head := heads.get(order_stream(flow.name, order_id))) is None
                or head.content_hash != hashes[order_id]
            ]
            return self._order_appends(flow, changed, hashes, Stamp(flow.name, self._clock(), by, evidence), tally)

        tally.position = self._until_saved(decide, tally)
        return tally

    def replan_invoices(self, flow: Flow, order_ids: Sequence[str], by: str, retry: bool = False) -> Tally:
        """Decide held and refused invoices again with today's mapping; a refusal that stands is left alone."""
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by)
            states = self._orders(flow.name, order_ids)
            return self._invoice_appends(flow, states, stamp, tally, retry)

        tally.position = self._until_saved(decide, tally)
        return tally

    def _order_appends(
        self, flow: Flow, changed: Sequence[AmazonOrder], hashes: dict[str, str], stamp: Stamp, tally: Tally
    ) -> list[Append]:
        states = self._orders(flow.name, [order.order_id for order in changed])
        appends: list[Append] = []
        touched: dict[str, tuple[Order, int]] = {}
        for order in changed:
            state, version = states[order.order_id]
            events = orders.record(order, state, stamp, stamp.cause)
            if not events:
                continue
            stream = order_stream(flow.name, order.order_id)
            appends.append(Append(stream, version, events, hashes[order.order_id]))
            tally.new += not version
            tally.changed += bool(version)
            for event in events:
                state = orders.evolve(state, event)
            touched[order.order_id] = (state, version)
        return appends + self._invoice_appends(flow, touched, stamp, tally)

    def _invoice_appends(
        self,
        flow: Flow,
        states: dict[str, tuple[Order, int]],
        stamp: Stamp,
        tally: Tally,
        retry: bool = False,
    ) -> list[Append]:
        if not states:
            return []
        mapping = self.mapping(flow.name)
        known = self._postings(flow.name, [("invoice", order_id) for order_id in states])
        appends: list[Append] = []
        gaps: dict[str, tuple[str, int, str]] = {}
        for order_id, (order, _) in states.items():
            posting, version = known["invoice", order_id]
            outcome = invoice_for(order, flow, mapping)
            events = invoice_events(order_id, order, outcome, posting, mapping.version, stamp, retry)
            if isinstance(outcome, Held):
                collect_gaps(gaps, outcome, f"order {order_id}")
            if events:
                tally.planned += isinstance(events[-1], postings.PostingPlanned)
                tally.held += isinstance(events[-1], postings.PostingHeld)
                appends.append(Append(posting_stream(flow.name, "invoice", order_id), version, events))
        return appends + self._gap_appends(gaps, stamp)

    def _orders(self, flow: str, order_ids: Sequence[str]) -> dict[str, tuple[Order, int]]:
        streams = {order_id: order_stream(flow, order_id) for order_id in order_ids}
        loaded = self._many(list(streams.values()), Order, orders.evolve)
        return {order_id: loaded[stream] for order_id, stream in streams.items()}

    def _postings(self, flow: str, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[Posting, int]]:
        streams = {name: posting_stream(flow, *name) for name in names}
        loaded = self._many(list(streams.values()), Posting, postings.evolve)
        return {name: loaded[stream] for name, stream in streams.items()}

    def _gap_appends(self, gaps: dict[str, tuple[str, int, str]], stamp: Stamp) -> list[Append]:
        """MappingMissing, once for each key that is not known to be missing already."""
        streams = {key: mappings.gap_stream(stamp.flow, key) for key in gaps}
        written = self._store.load(list(streams.values())) if streams else {}
        appends = []
        for key, (first_object, amount, currency) in gaps.items():
            events = written.get(streams[key], [])
            if events and isinstance(events[-1], MappingMissing):
                continue
            missing = MappingMissing(
                key=key, first_object=first_object, amount=amount, currency=currency, **stamp.fields()
            )
            appends.append(Append(streams[key], len(events), [missing]))
        return appends


def collect_gaps(gaps: dict[str, tuple[str, int, str]], held: Held, first_object: str) -> None:
    for key, amount in gap_keys(held.reasons).items():
        standing = gaps.get(key)
        gaps[key] = (
            (first_object, amount, held.currency)
            if standing is None
            else (standing[0], standing[1] + amount, standing[2])
        )
