"""Recording orders, and what their invoices become: planned, held, withdrawn."""

from collections.abc import Callable, Sequence

from application.ports import Append
from application.recording import Recorder, Tally
from domain import mapping as mappings
from domain import order as orders
from domain import posting as postings
from domain.event import Event, Stamp
from domain.flow import Flow
from domain.mapping import Mapping, MappingMissing
from domain.order import AmazonOrder, Order, order_stream
from domain.posting import (
    Posting,
    posting_stream,
)
from domain.posting_rules import Held, gap_keys, plan_order
from domain.posting_rules.changes import CREDIT_KINDS, ORDER_KINDS, OrderCase, by_number, order_events
from domain.posting_rules.credit import MOST_CREDITS, credit_key
from domain.posting_rules.shipments import MOST_SHIPMENTS, key_of, number_taken, order_of

Documents = dict[tuple[str, str], tuple[Posting, int]]  # an order's postings and their versions, by kind and key


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
        """Decide the documents of orders again with today's mapping; a refusal that stands is left alone.

        A document's key (`113-…-2`) stands for its order.
        """
        tally = Tally()
        order_ids = list(dict.fromkeys(map(order_of, order_ids)))

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
            appends.append(Append(stream, version, events, _hash_of(events)))
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
        documents = self._order_documents(flow, states)
        appends: list[Append] = []
        gaps: dict[str, tuple[str, int, str]] = {}
        for order_id, (order, _) in states.items():
            known = documents[order_id]
            postings_now = {name: posting for name, (posting, _) in known.items()}
            outcome = plan_order(order, by_number(postings_now), flow, mapping)
            case = OrderCase(order_id, order, postings_now, flow, mapping.version, stamp, retry)
            for held in _held_of(outcome):
                collect_gaps(gaps, held, f"order {order_id}")
            for (kind, key), events in order_events(case, outcome).items():
                tally.planned += isinstance(events[-1], postings.PostingPlanned)
                tally.held += isinstance(events[-1], postings.PostingHeld)
                version = known[kind, key][1] if (kind, key) in known else 0
                appends.append(Append(posting_stream(flow.name, kind, key), version, events))
        return appends + self._gap_appends(gaps, stamp)

    def _order_documents(self, flow: Flow, states: dict[str, tuple[Order, int]]) -> dict[str, Documents]:
        """All documents of orders, by order: those that bill what left, credits, and payments that apply these.

        Nearly every order has one; further ones are asked for only where there may be some, the next as long as the
        last one exists.
        """
        kinds = ORDER_KINDS if flow.had_receipts else ("invoice",)
        found: dict[str, Documents] = {}
        first = self._postings(flow.name, [(kind, order_id) for order_id in states for kind in kinds])
        for order_id in states:
            found[order_id] = {(kind, order_id): first[kind, order_id] for kind in kinds}
        more = [
            order_id
            for order_id, (order, _) in states.items()
            if order.in_parts or any(number_taken(posting) for posting, _ in found[order_id].values())
        ]
        self._add_while_there_are(flow, more, found, kinds, range(2, MOST_SHIPMENTS + 1), key_of)
        credits = CREDIT_KINDS if flow.had_receipts else CREDIT_KINDS[:1]
        self._add_while_there_are(flow, more, found, (*credits, "payment"), range(1, MOST_CREDITS + 1), credit_key)
        return found

    def _add_while_there_are(
        self,
        flow: Flow,
        order_ids: Sequence[str],
        found: dict[str, Documents],
        kinds: Sequence[str],
        numbers: range,
        key: Callable[[str, int], str],
    ) -> None:
        for number in numbers:
            if not order_ids:
                return
            loaded = self._postings(
                flow.name, [(kind, key(order_id, number)) for order_id in order_ids for kind in kinds]
            )
            for order_id in order_ids:
                named = {(kind, key(order_id, number)) for kind in kinds}
                found[order_id] |= {name: loaded[name] for name in named}
            order_ids = [
                order_id for order_id in order_ids if any(loaded[kind, key(order_id, number)][1] for kind in kinds)
            ]

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


def _held_of(outcome: object) -> list[Held]:
    if isinstance(outcome, Held):
        return [outcome]
    plans = outcome if isinstance(outcome, list) else []
    return [plan.outcome for plan in plans if isinstance(plan.outcome, Held)]


def collect_gaps(gaps: dict[str, tuple[str, int, str]], held: Held, first_object: str) -> None:
    for key, amount in gap_keys(held.reasons).items():
        standing = gaps.get(key)
        gaps[key] = (
            (first_object, amount, held.currency)
            if standing is None
            else (standing[0], standing[1] + amount, standing[2])
        )


def _hash_of(events: Sequence[Event]) -> str:
    """The content hash of what is recorded: an order of several sources is more than the last of them said."""
    last = events[-1]
    assert isinstance(last, orders.OrderIngested | orders.OrderAmended | orders.OrderCancelled)
    return orders.content_hash(last.order)
