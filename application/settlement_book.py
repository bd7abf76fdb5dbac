"""Recording settlements, and what they become: payments and a deposit, or held with their reasons."""

from collections.abc import Sequence

from application.order_book import OrderBook, collect_gaps
from application.ports import Append
from application.recording import Tally
from domain import order as orders
from domain import posting as postings
from domain import settlement as settlements
from domain.document import Deposit
from domain.errors import BadInput
from domain.event import Stamp
from domain.flow import Flow
from domain.mapping import Mapping
from domain.order import Order, OrderDated, OrderRecognisedBySettlement, OrderSettled, order_stream
from domain.posting import (
    Posting,
    PostingWithdrawn,
    Reason,
    posting_stream,
)
from domain.posting_rules import (
    Held,
    NothingToPost,
    SettlementPlan,
    plan_settlement,
    sales_posted,
    shows_earlier,
)
from domain.posting_rules.changes import plan_unless_refused
from domain.posting_rules.settlement import orders_named
from domain.settlement import SettlementLine, Statement, settlement_stream


class SettlementBook(OrderBook):
    """The commands about settlements; every method names the flow it works on."""

    def ingest_settlement(
        self, flow: Flow, statement: Statement, lines: Sequence[SettlementLine], by: str, evidence: str = ""
    ) -> Tally:
        """Record a settlement and plan or hold its payments and deposit, in one save. Seen again, it is no news."""
        tally = Tally()
        digest = settlements.content_hash(statement, lines)
        stream = settlement_stream(flow.name, statement.settlement_id)
        if statement.total == sum(line.amount for line in lines) and stream not in self._store.heads([stream]):
            # Of one that is disputed, or was here before, orders learn when it is planned again.
            self._date_orders(flow, statement.settlement_id, lines, Stamp(flow.name, self._clock(), by, evidence))

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by, evidence)
            state, version = self._one(stream, settlements.Settlement(), settlements.evolve)
            events = settlements.record(statement, lines, state, stamp, evidence)
            if not events:
                return []
            tally.new += not version
            tally.changed += bool(version)
            for event in events:
                state = settlements.evolve(state, event)
            return [
                Append(stream, version, events, digest),
                *self._settlement_appends(flow, statement.settlement_id, state, stamp, tally),
            ]

        tally.position = self._until_saved(decide, tally)
        return tally

    def dispute_document(self, flow: Flow, settlement_id: str, reason: str, by: str, evidence: str) -> Tally:
        """Record that a settlement, or a whole document, could not be read: nothing vanishes, a person must look."""
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by, evidence)
            stream = settlement_stream(flow.name, settlement_id)
            state, version = self._one(stream, settlements.Settlement(), settlements.evolve)
            if state.closed is not None or evidence in state.hashes:
                return []
            currency = state.disputed.currency if state.disputed is not None else ""
            event = settlements.SettlementDisputed(
                settlement_id=settlement_id,
                currency=currency,
                reason=reason,
                content_hash=evidence,
                evidence=evidence,
                **stamp.fields(),
            )
            tally.new += not version
            deposit, deposit_version = self._postings(flow.name, [("deposit", settlement_id)])["deposit", settlement_id]
            reasons = (Reason("unreadable", reason),)
            events = postings.hold("deposit", settlement_id, reasons, 0, currency, deposit, stamp)
            appends = [Append(stream, version, [event], evidence)]
            if events:
                tally.held += 1
                appends.append(Append(posting_stream(flow.name, "deposit", settlement_id), deposit_version, events))
            return appends

        tally.position = self._until_saved(decide, tally)
        return tally

    def lift_dispute(self, flow: Flow, settlement_id: str, by: str, why: str) -> Tally:
        """A person keeps a disputed settlement as it was closed. Raises BadInput where there is nothing to keep."""
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by)
            stream = settlement_stream(flow.name, settlement_id)
            state, version = self._one(stream, settlements.Settlement(), settlements.evolve)
            events = settlements.lift(state, why, stamp, by_person=True)
            if not events:
                raise BadInput(
                    f"settlement {settlement_id} of flow {flow.name} cannot be kept as it was: it is not disputed, or "
                    "no document of it ever added up; then download it from Seller Central and import it: "
                    f"ml-connector settlement import {flow.name} FILE"
                )
            for event in events:
                state = settlements.evolve(state, event)
            return [
                Append(stream, version, events),
                *self._settlement_appends(flow, settlement_id, state, stamp, tally),
            ]

        tally.position = self._until_saved(decide, tally)
        return tally

    def replan_settlement(self, flow: Flow, settlement_id: str, by: str, retry: bool = False) -> Tally:
        """Decide a held or refused settlement again, from its stored lines: nothing is fetched."""
        tally = Tally()
        stream = settlement_stream(flow.name, settlement_id)
        known = self._one(stream, settlements.Settlement(), settlements.evolve)[0]
        if known.closed is not None and known.disputed is None:
            self._date_orders(flow, settlement_id, known.lines, Stamp(flow.name, self._clock(), by))

        def decide() -> list[Append]:
            stamp = Stamp(flow.name, self._clock(), by)
            state, version = self._one(stream, settlements.Settlement(), settlements.evolve)
            if not version or (state.closed is None and not state.lines):
                return []
            return self._settlement_appends(flow, settlement_id, state, stamp, tally, retry)

        tally.position = self._until_saved(decide, tally)
        return tally

    def _date_orders(self, flow: Flow, settlement_id: str, lines: Sequence[SettlementLine], stamp: Stamp) -> None:
        """Tell orders that a settlement shows their sale earlier: invoices not sent move, others are flagged."""
        posted = sales_posted(lines) if flow.has_orders else {}

        def decide() -> list[Append]:
            states = self._orders(flow.name, list(posted))
            earlier = [order_id for order_id, at in posted.items() if shows_earlier(states[order_id][0], at, flow)]
            appends: list[Append] = []
            dated: dict[str, tuple[Order, int]] = {}
            for order_id in earlier:
                state, version = states[order_id]
                event = OrderDated(
                    order_id=order_id, settlement_id=settlement_id, posted=posted[order_id], **stamp.fields()
                )
                appends.append(Append(order_stream(flow.name, order_id), version, [event]))
                dated[order_id] = (orders.evolve(state, event), version + 1)
            return [*appends, *self._invoice_appends(flow, dated, stamp, Tally())]

        if posted:
            self._until_saved(decide)

    def _settlement_appends(
        self,
        flow: Flow,
        settlement_id: str,
        settlement: settlements.Settlement,
        stamp: Stamp,
        tally: Tally,
        retry: bool = False,
    ) -> list[Append]:
        mapping = self.mapping(flow.name)
        named = orders_named(settlement.lines) if flow.has_orders else []
        known_orders = self._orders(flow.name, named)
        invoices = self._postings(flow.name, [("invoice", order_id) for order_id in named])
        outcome = plan_settlement(
            settlement,
            {order_id: state for order_id, (state, version) in known_orders.items() if version},
            {key: posting for (_, key), (posting, version) in invoices.items() if version},
            flow,
            mapping,
        )
        if isinstance(outcome, SettlementPlan):
            appends = self._plan_appends(flow, settlement_id, outcome, known_orders, mapping, stamp, tally, retry)
            if not isinstance(appends, Held):
                return appends
            outcome = appends
        deposit, version = self._postings(flow.name, [("deposit", settlement_id)])["deposit", settlement_id]
        if isinstance(outcome, NothingToPost):
            return self._withdraw_settlement(flow.name, settlement_id, outcome.why, deposit, version, stamp)
        events = postings.hold(
            "deposit", settlement_id, outcome.reasons, outcome.amount, outcome.currency, deposit, stamp
        )
        gaps: dict[str, tuple[str, int, str]] = {}
        collect_gaps(gaps, outcome, f"settlement {settlement_id}")
        if events:
            tally.held += 1
            stream = posting_stream(flow.name, "deposit", settlement_id)
            withdrawn = self._withdraw_payments(flow.name, deposit, stamp, "its settlement is held")
            return [Append(stream, version, events), *withdrawn, *self._gap_appends(gaps, stamp)]
        return self._gap_appends(gaps, stamp)

    def _withdraw_settlement(
        self, flow: str, settlement_id: str, why: str, deposit: Posting, version: int, stamp: Stamp
    ) -> list[Append]:
        """A settlement that is not to be posted after all, as far as QuickBooks has not been told."""
        if deposit.status not in ("planned", "held", "rejected"):
            return []
        withdrawn = PostingWithdrawn(kind="deposit", key=settlement_id, why=why, **stamp.fields())
        stream = posting_stream(flow, "deposit", settlement_id)
        return [Append(stream, version, [withdrawn]), *self._withdraw_payments(flow, deposit, stamp, why)]

    def _withdraw_payments(self, flow: str, deposit: Posting, stamp: Stamp, why: str) -> list[Append]:
        """A settlement that is not posted after all is not paid either, as far as QuickBooks has not been told."""
        if deposit.status != "planned" or not isinstance(deposit.document, Deposit):
            return []
        known = self._postings(flow, [("payment", key) for key in deposit.document.payments])
        return [
            Append(
                posting_stream(flow, kind, key),
                version,
                [PostingWithdrawn(kind=kind, key=key, why=why, **stamp.fields())],
            )
            for (kind, key), (posting, version) in known.items()
            if posting.status == "planned"
        ]

    def _plan_appends(
        self,
        flow: Flow,
        settlement_id: str,
        plan: SettlementPlan,
        known_orders: dict[str, tuple[Order, int]],
        mapping: Mapping,
        stamp: Stamp,
        tally: Tally,
        retry: bool,
    ) -> list[Append] | Held:
        """Save a settlement's plan; documents QuickBooks has already must be the same ones, else it is held."""
        names = [*(("payment", key) for key in plan.payments), ("deposit", settlement_id)]
        known = self._postings(flow.name, names)
        appends: list[Append] = []
        standing = known["deposit", settlement_id][0].document
        former = standing.payments if isinstance(standing, Deposit) else ()
        dropped = [key for key in former if key not in plan.payments]
        for (kind, key), (posting, version) in self._postings(flow.name, [("payment", key) for key in dropped]).items():
            if posting.is_final:
                text = f"payment {key} of this settlement stands in QuickBooks and would not be made now"
                amount, currency = plan.deposit.total, plan.deposit.currency
                return Held((Reason("posted_otherwise", text, amount),), amount, currency)
            if posting.status in ("planned", "rejected"):
                withdrawn = PostingWithdrawn(kind=kind, key=key, why="its settlement is planned anew", **stamp.fields())
                appends.append(Append(posting_stream(flow.name, kind, key), version, [withdrawn]))
        for name in names:
            kind, key = name
            posting, version = known[name]
            document = plan.payments[key] if kind == "payment" else plan.deposit
            if posting.is_final:
                if posting.document != document:
                    text = f"{kind} {key} stands in QuickBooks otherwise than it would be booked now"
                    return Held((Reason("posted_otherwise", text, document.total),), document.total, document.currency)
                if events := postings.settled(kind, key, posting, stamp):
                    appends.append(Append(posting_stream(flow.name, kind, key), version, events))
                continue
            depends_on = (
                [invoice.posting for invoice in plan.payments[key].applied]
                if kind == "payment"
                else [f"payment/{payment}" for payment in plan.payments]
            )
            events = plan_unless_refused(document, key, depends_on, posting, mapping.version, stamp, retry)
            if events:
                tally.planned += 1
                appends.append(Append(posting_stream(flow.name, kind, key), version, events))
        for order_id, amounts in plan.settled.items():
            state, version = known_orders[order_id]
            if state.settled.get(settlement_id) != amounts:
                event = OrderSettled(
                    order_id=order_id,
                    settlement_id=settlement_id,
                    posting=f"payment/{plan.paid_by[order_id]}" if order_id in plan.paid_by else "",
                    amounts=amounts,
                    **stamp.fields(),
                )
                appends.append(Append(order_stream(flow.name, order_id), version, [event]))
        for order_id, amount in plan.recognised.items():
            state, version = known_orders[order_id]
            if not state.recognised_by:
                recognised = OrderRecognisedBySettlement(
                    order_id=order_id,
                    settlement_id=settlement_id,
                    amount=amount,
                    currency=plan.deposit.currency,
                    **stamp.fields(),
                )
                appends.append(Append(order_stream(flow.name, order_id), version, [recognised]))
        return appends
