"""Recording settlements, and what they become: payments and a deposit, or held with their reasons."""

from collections.abc import Sequence
from datetime import date

import msgspec

from application.order_book import Documents, OrderBook, collect_gaps
from application.ports import Append
from application.recording import Tally
from domain import bank
from domain import ledger as ledgers
from domain import order as orders
from domain import posting as postings
from domain import settlement as settlements
from domain.bank import BankedState
from domain.document import Deposit
from domain.errors import BadInput
from domain.event import Event, Stamp
from domain.flow import Flow
from domain.ledger import Ledger, SettlementBooked, ledger_stream
from domain.order import SHIPPING, Order, OrderDated, OrderRecognisedBySettlement, OrderSettled, order_stream
from domain.posting import (
    Posting,
    PostingHeld,
    PostingPlanned,
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
from domain.posting_rules.changes import CREDIT_KINDS, by_number
from domain.posting_rules.currency import Converted
from domain.posting_rules.dispositions import books_orders
from domain.posting_rules.settlement import orders_named
from domain.posting_rules.settlement_events import (
    Decided,
    Planning,
    as_begun,
    held_events,
    ledger_events,
    planned_events,
    withdrawn_events,
)
from domain.settlement import SettlementLine, Statement, settlement_stream

INVOICED = "invoiced"


class PayoutFacts(msgspec.Struct, frozen=True):
    """What is known of a settlement's payout beside its file (accounting.md R25, R30).

    What Amazon paid in another currency, when the bank had it, and which of the marketplace's accounts it is of.
    """

    converted: Converted | None = None
    bank_day: date | None = None
    account_type: str = ""


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
            stamp = Stamp(flow.name, self._clock(), by)
            self._date_orders(flow, settlement_id, known.lines, stamp)
            self._bill_orders(flow, known.lines, stamp)

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

    def _bill_orders(self, flow: Flow, lines: Sequence[SettlementLine], stamp: Stamp) -> None:
        """Bill shipped orders that no document shows: their flow had no documents of orders when they came."""
        if not flow.has_orders or not books_orders(flow):
            return

        def decide() -> list[Append]:
            states = self._orders(flow.name, orders_named(lines))
            documents = self._order_documents(flow, states)
            missing = {
                order_id: (state, version)
                for order_id, (state, version) in states.items()
                if state.known is not None
                and state.known.status in SHIPPING
                and not state.recognised_by
                and all(posting.status in ("none", "withdrawn") for posting, _ in documents[order_id].values())
            }
            return self._invoice_appends(flow, missing, stamp, Tally())

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
        documents = self._order_documents(flow, known_orders)
        told = self._payouts(flow, settlement_id)
        ledger, ledger_version = self._ledger(flow, settlement, told)
        standing = self._standing(flow.name, settlement_id, ledger.booked.get(settlement_id))
        flow = as_begun(flow, ledger.booked.get(settlement_id), standing)
        outcome = plan_settlement(
            settlement,
            {order_id: state for order_id, (state, version) in known_orders.items() if version},
            {order_id: _oldest_first(known) for order_id, known in documents.items()},
            flow,
            mapping,
            ledger=ledger,
            converted=told.converted,
            bank_day=told.bank_day,
            account_type=told.account_type,
        )
        planning = Planning(settlement_id, flow, stamp, mapping.version, standing, retry)
        decided: Decided | Held
        match outcome:
            case SettlementPlan():
                names = [(one.kind, one.key) for one in outcome.documents]
                planning.documents |= self._postings(flow.name, [name for name in names if name not in standing])
                decided = planned_events(planning, outcome)
            case Held():
                decided = outcome
            case NothingToPost():
                decided = withdrawn_events(planning, outcome.why)
        gaps: dict[str, tuple[str, int, str]] = {}
        reasons: tuple[Reason, ...] = ()
        if isinstance(decided, Held):
            collect_gaps(gaps, decided, f"settlement {settlement_id}")
            reasons = decided.reasons
            decided = held_events(planning, decided)
        elif isinstance(outcome, SettlementPlan):
            collect_gaps(gaps, Held(outcome.notes, outcome.total, outcome.currency), f"settlement {settlement_id}")
        tally.planned += sum(isinstance(events[-1], PostingPlanned) for events in decided.values())
        tally.held += any(isinstance(events[-1], PostingHeld) for events in decided.values())
        appends = [
            Append(posting_stream(flow.name, *name), planning.documents[name][1], events)
            for name, events in decided.items()
        ]
        if isinstance(outcome, SettlementPlan) and not reasons:
            appends += self._order_appends_of(outcome, known_orders, documents, flow, stamp)
        if events := ledger_events(planning, ledger, settlement, None if reasons else outcome, told.account_type):
            currency = settlement.closed.currency if settlement.closed is not None else ""
            appends.append(Append(ledger_stream(flow.name, currency, told.account_type), ledger_version, events))
        return [*appends, *self._gap_appends(gaps, stamp)]

    def _order_appends_of(
        self,
        plan: SettlementPlan,
        known_orders: dict[str, tuple[Order, int]],
        documents: dict[str, Documents],
        flow: Flow,
        stamp: Stamp,
    ) -> list[Append]:
        """What each order is told of a settlement's plan, as far as it is news; an unsent invoice of it may go then."""
        settlement_id = plan.settlement_id
        appends: list[Append] = []
        recognised: dict[str, tuple[Order, int]] = {}
        for order_id, (state, version) in known_orders.items():
            amounts = plan.settled.get(order_id, {})
            events: list[Event] = []
            if state.settled.get(settlement_id, {}) != amounts:
                posting = f"payment/{plan.paid_by[order_id]}" if order_id in plan.paid_by else ""
                events.append(
                    OrderSettled(
                        order_id=order_id,
                        settlement_id=settlement_id,
                        posting=posting,
                        amounts=amounts,
                        **stamp.fields(),
                    )
                )
            if order_id in plan.recognised and not state.recognised_by:
                events.append(
                    OrderRecognisedBySettlement(
                        order_id=order_id,
                        settlement_id=settlement_id,
                        amount=plan.recognised[order_id],
                        currency=plan.currency,
                        **stamp.fields(),
                    )
                )
            if events:
                appends.append(Append(order_stream(flow.name, order_id), version, events))
            if order_id in plan.recognised and any(posting.document for posting, _ in documents[order_id].values()):
                for event in events:
                    state = orders.evolve(state, event)
                recognised[order_id] = (state, version + len(events))
        return [*appends, *self._invoice_appends(flow, recognised, stamp, Tally())]

    def _payouts(self, flow: Flow, settlement_id: str) -> PayoutFacts:
        """What Amazon's other accounts and the bank's statements told of a settlement, from their events."""
        stream = settlement_stream(flow.name, settlement_id)
        matched = self._one(stream, settlements.Settlement(), settlements.evolve)[0].matched
        banked = self._one(bank.banked_stream(flow.name, settlement_id), BankedState(), bank.evolve_banked)[0]
        bank_day = banked.arrived.day if banked.arrived is not None else None
        if matched is None:
            return PayoutFacts(bank_day=bank_day)
        converted = None
        if matched.converted_total is not None and matched.converted_currency:
            converted = Converted(matched.converted_total, matched.converted_currency)
        # Standard orders keep the marketplace's own ledger, whether or not anything tells that they are.
        account_type = INVOICED if matched.account_type.lower().startswith(INVOICED) else ""
        return PayoutFacts(converted, bank_day, account_type)

    def _ledger(self, flow: Flow, settlement: settlements.Settlement, told: PayoutFacts) -> tuple[Ledger, int]:
        if settlement.closed is None:
            return Ledger(), 0
        stream = ledger_stream(flow.name, settlement.closed.currency, told.account_type)
        return self._one(stream, Ledger(), ledgers.evolve)

    def _standing(self, flow: str, settlement_id: str, booked: SettlementBooked | None) -> Documents:
        """The postings a settlement has already, by kind and key; always its deposit's."""
        names = [("deposit", settlement_id)]
        for name in booked.documents if booked is not None else ():
            kind, _, key = name.partition("/")
            names.append((kind, key))
        found = self._postings(flow, list(dict.fromkeys(names)))
        deposit = found["deposit", settlement_id][0].document
        former = deposit.payments if isinstance(deposit, Deposit) else ()
        return found | self._postings(flow, [("payment", key) for key in former if ("payment", key) not in found])


def _oldest_first(documents: Documents) -> list[Posting]:
    """An order's postings: what bills it by number, then what credits that."""
    sales = by_number({name: posting for name, (posting, _) in documents.items()})
    credits = [posting for (kind, _), (posting, _) in sorted(documents.items()) if kind in CREDIT_KINDS]
    return [*(posting for _, posting in sorted(sales.items())), *credits]
