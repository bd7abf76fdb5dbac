"""Recording what Amazon says of orders beside their own reports: gone, shipped by Amazon, data it refuses."""

from collections.abc import Sequence
from datetime import datetime

from application.order_book import OrderBook
from application.ports import Append
from application.recording import Tally
from domain import flow as flows
from domain import settlement as settlements
from domain.event import Event, Stamp
from domain.flow import Flow, OrderDataLimited, flow_stream
from domain.order import OrderNotFound, Package, ParcelsReported, order_stream
from domain.posting_rules.settlement import orders_named
from domain.settlement import settlement_stream


class OrderFacts(OrderBook):
    """The commands about facts of orders that make no document by themselves."""

    def unseen_orders(self, flow: Flow, order_ids: Sequence[str]) -> list[str]:
        """Those of the orders that Amazon was never seen to have, and that it was not asked for in vain."""
        heads = self._store.heads([order_stream(flow.name, order_id) for order_id in order_ids])
        # Most have no stream at all; few have one because of their parcels, or since Amazon was asked.
        there = [order_id for order_id in order_ids if order_stream(flow.name, order_id) in heads]
        doubtful = [order_id for order_id in there if not heads[order_stream(flow.name, order_id)].content_hash]
        states = self._orders(flow.name, doubtful)
        seen = set(there) - {
            order_id for order_id, (state, _) in states.items() if state.known is None and not state.gone
        }
        return [order_id for order_id in order_ids if order_id not in seen]

    def unseen_orders_of(self, flow: Flow, settlement_id: str) -> list[str]:
        """The same of the orders that a recorded settlement names."""
        stream = settlement_stream(flow.name, settlement_id)
        settlement = self._one(stream, settlements.Settlement(), settlements.evolve)[0]
        return self.unseen_orders(flow, orders_named(settlement.lines))

    def record_orders_not_found(self, flow: Flow, order_ids: Sequence[str], by: str) -> Tally:
        """Remember that Amazon has these no more, so that it is not asked for ever. Orders that are known stay so."""
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by)
            return [
                Append(order_stream(flow.name, order_id), version, [OrderNotFound(order_id=order_id, **stamp.fields())])
                for order_id, (state, version) in self._orders(flow.name, order_ids).items()
                if state.known is None and not state.gone
            ]

        tally.position = self._until_saved(decide, tally)
        return tally

    def record_parcels(self, flow: Flow, parcels: dict[str, tuple[Package, ...]], by: str, evidence: str) -> Tally:
        """Record what Amazon shipped, by order. What was reported before stays beside it; nothing new is no news."""
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by, evidence)
            appends = []
            for order_id, (state, version) in self._orders(flow.name, list(parcels)).items():
                together = _together(state.parcels, parcels[order_id])
                if together != state.parcels:
                    event = ParcelsReported(order_id=order_id, parcels=together, evidence=evidence, **stamp.fields())
                    appends.append(Append(order_stream(flow.name, order_id), version, [event]))
            tally.changed = len(appends)
            return appends

        tally.position = self._until_saved(decide, tally)
        return tally

    def record_order_data(self, flow: Flow, datasets: Sequence[str], reason: str, at: datetime, by: str) -> Flow:
        """Remember which data sets Amazon refuses (none: it gives all again); the flow as it is now."""
        stamp = Stamp(flow.name, at, by)

        def decide() -> list[Append]:
            stream = flow_stream(flow.name)
            version = len(self._store.load([stream]).get(stream, []))
            event: Event = OrderDataLimited(datasets=tuple(sorted(datasets)), reason=reason, **stamp.fields())
            return [Append(stream, version, [event])]

        self._until_saved(decide)
        return self._one(flow_stream(flow.name), Flow(), flows.evolve)[0]


def _together(before: tuple[Package, ...], now: tuple[Package, ...]) -> tuple[Package, ...]:
    """Parcels by when, with whom and under which number they left; a later report of one replaces the former."""
    by_mark = {(one.shipped_at, one.carrier, one.tracking_number): one for one in (*before, *now)}
    return tuple(sorted(by_mark.values(), key=lambda one: (str(one.shipped_at), one.carrier, one.tracking_number)))
