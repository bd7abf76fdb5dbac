"""Every command that records facts: load, decide, append. The only writer of events.

Each method decides from freshly loaded streams and saves all that belongs together in one append; if another
writer was faster, it decides again on what is there now. The decisions themselves are the domain's.
"""

from collections.abc import Collection, Sequence
from collections.abc import Mapping as MappingOf
from datetime import datetime

import msgspec

from application.answers import answered, contested, seen_again, stands
from application.ports import Append, Fault, Found, Otherwise, Sighting
from application.recording import Recorder, Tally
from domain import alert as alerts
from domain import flow as flows
from domain import mapping as mappings
from domain import order as orders
from domain import posting as postings
from domain import settlement as settlements
from domain.document import Deposit
from domain.errors import BadInput, Conflict, UnknownFlow
from domain.event import Event, Stamp
from domain.flow import Flow
from domain.mapping import Mapping, MappingChanged, MappingFound, MappingMissing
from domain.order import AmazonOrder, Order, OrderDated, OrderRecognisedBySettlement, OrderSettled, order_stream
from domain.posting import (
    BatchAnswered,
    BatchItem,
    BatchReplayed,
    BatchSubmitted,
    Posting,
    PostingReleased,
    PostingSubmitted,
    PostingWithdrawn,
    Reason,
    batch_stream,
    posting_stream,
)
from domain.posting_rules import (
    Held,
    NothingToPost,
    SettlementPlan,
    gap_keys,
    invoice_for,
    plan_settlement,
    sales_posted,
    shows_earlier,
)
from domain.posting_rules.changes import invoice_events, plan_unless_refused
from domain.posting_rules.settlement import orders_named
from domain.settlement import SettlementLine, Statement, settlement_stream


class SentBatch(msgspec.Struct, frozen=True):
    """A batch, when it was last sent (UTC) and whether it is answered; `version` is its stream's."""

    submitted: BatchSubmitted
    last_sent: datetime
    replays: int
    answered: bool
    version: int


class Bookkeeping(Recorder):
    """The commands of one installation; every method names the flow it works on."""

    # --- reading what commands need -------------------------------------------------------------------------

    def flow(self, name: str) -> Flow:
        """Raises UnknownFlow."""
        state, version = self._one(flows.flow_stream(name), Flow(), flows.evolve)
        if not version:
            raise UnknownFlow(f"there is no flow named {name!r}; see: ml-connector flow list")
        return state

    def many_flows(self, names: Sequence[str]) -> dict[str, Flow]:
        """Many flows at once; names without a flow are absent."""
        streams = {name: flows.flow_stream(name) for name in names}
        loaded = self._many(list(streams.values()), Flow, flows.evolve)
        return {name: loaded[stream][0] for name, stream in streams.items() if loaded[stream][1]}

    def mapping(self, flow: str) -> Mapping:
        return self._one(mappings.mapping_stream(flow), Mapping(), mappings.evolve)[0]

    def postings(self, flow: str, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Posting]:
        """Postings by (kind, key); those that do not exist have status `none`."""
        streams = {name: posting_stream(flow, *name) for name in names}
        loaded = self._many(list(streams.values()), Posting, postings.evolve)
        return {name: loaded[stream][0] for name, stream in streams.items()}

    def batch(self, flow: str, batch: str) -> SentBatch:
        """A batch as it was sent and what is known of it. Raises BadInput where there is none."""
        events = self._store.load([batch_stream(flow, batch)]).get(batch_stream(flow, batch), [])
        submitted = next((event for event in events if isinstance(event, BatchSubmitted)), None)
        if submitted is None:
            raise BadInput(f"flow {flow} has no batch {batch}")
        replays = [event for event in events if isinstance(event, BatchReplayed)]
        return SentBatch(
            submitted=submitted,
            last_sent=replays[-1].at if replays else submitted.at,
            replays=len(replays),
            answered=any(isinstance(event, BatchAnswered) for event in events),
            version=len(events),
        )

    # --- flows and their settings ---------------------------------------------------------------------------

    def create_flow(self, created: flows.FlowCreated) -> int:
        """Raises BadInput if a setting cannot be or the name is taken."""
        flows.check_settings(created.flow, created.region, created.realm, created.orders, created.zone, created.banks)
        try:
            return self._store.append([Append(flows.flow_stream(created.flow), 0, [created])])
        except Conflict:
            raise BadInput(f"a flow named {created.flow!r} exists; choose another name") from None

    def record_on_flow(self, event: Event) -> int:
        """A connection made or lost."""

        def decide() -> list[Append]:
            stream = flows.flow_stream(event.flow)
            version = len(self._store.load([stream]).get(stream, []))
            if not version:
                raise UnknownFlow(f"there is no flow named {event.flow!r}; see: ml-connector flow list")
            return [Append(stream, version, [event])]

        return self._until_saved(decide)

    def alert_channels(self, flow: str) -> dict[str, alerts.Channel]:
        """Where alerts of the flow go, by the channels' names."""
        return self._one(alerts.channels_stream(flow), alerts.Channels(), alerts.evolve)[0].standing

    def lost_connections(self, flow: str) -> dict[str, flows.ConnectionLost]:
        """By vendor, the refusals since which nobody connected again."""
        stream = flows.flow_stream(flow)
        return alerts.lost_connections(self._store.load([stream]).get(stream, []))

    def record_alert_channel(self, event: alerts.AlertChannelAdded | alerts.AlertChannelRemoved) -> int:
        """A channel added or removed. Raises UnknownFlow."""
        self.flow(event.flow)

        def decide() -> list[Append]:
            stream = alerts.channels_stream(event.flow)
            return [Append(stream, len(self._store.load([stream]).get(stream, [])), [event])]

        return self._until_saved(decide)

    def change_mapping(self, changed: MappingChanged, open_gaps: Sequence[str]) -> int:
        """Record a change (its `version` is set here) and which of the open gaps it closes."""

        return self._until_saved(lambda: self.mapping_appends(changed, open_gaps))

    def mapping_appends(self, changed: MappingChanged, open_gaps: Sequence[str]) -> list[Append]:
        """What `change_mapping` saves, for commands that save more with it."""
        state, version = self._one(mappings.mapping_stream(changed.flow), Mapping(), mappings.evolve)
        event = msgspec.structs.replace(changed, version=state.version + 1)
        after = mappings.evolve(state, event)
        stamp = Stamp(changed.flow, changed.at, changed.by, changed.cause)
        appends = [Append(mappings.mapping_stream(changed.flow), version, [event])]
        found = [key for key in open_gaps if mappings.resolves(after, key)]
        streams = self._store.load([mappings.gap_stream(changed.flow, key) for key in found])
        for key in found:
            stream = mappings.gap_stream(changed.flow, key)
            seen = streams.get(stream, [])
            if seen and isinstance(seen[-1], MappingMissing):
                appends.append(Append(stream, len(seen), [MappingFound(key=key, **stamp.fields())]))
        return appends

    # --- orders -----------------------------------------------------------------------------------------------

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
                _collect_gaps(gaps, outcome, f"order {order_id}")
            if events:
                tally.planned += isinstance(events[-1], postings.PostingPlanned)
                tally.held += isinstance(events[-1], postings.PostingHeld)
                appends.append(Append(posting_stream(flow.name, "invoice", order_id), version, events))
        return appends + self._gap_appends(gaps, stamp)

    # --- settlements ------------------------------------------------------------------------------------------

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
        _collect_gaps(gaps, outcome, f"settlement {settlement_id}")
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

    # --- posting ------------------------------------------------------------------------------------------------

    def claim(self, flow: str, batch: str, request_id: str, items: Sequence[BatchItem], body: str, by: str) -> bool:
        """Claim every posting of a batch and record the batch as it will be sent, in one save.

        False if any of them is no longer planned as it was: somebody else has it, nothing is claimed.
        """
        stamp = Stamp(flow, self._clock(), by, f"batch:{batch}")
        known = self._postings(flow, [(item.kind, item.key) for item in items])
        appends = []
        for item in items:
            posting, version = known[item.kind, item.key]
            if posting.status != "planned" or posting.generation != item.generation:
                return False
            claimed = PostingSubmitted(
                kind=item.kind, key=item.key, generation=item.generation, batch=batch, **stamp.fields()
            )
            appends.append(Append(posting_stream(flow, item.kind, item.key), version, [claimed]))
        submitted = BatchSubmitted(batch=batch, request_id=request_id, items=tuple(items), body=body, **stamp.fields())
        try:
            self._store.append([*appends, Append(batch_stream(flow, batch), 0, [submitted])])
        except Conflict:
            return False
        return True

    def claim_replay(self, sent: SentBatch, by: str) -> bool:
        """Record that a batch is about to be sent again; False if somebody else is at it."""
        submitted = sent.submitted
        stamp = Stamp(submitted.flow, self._clock(), by, f"batch:{submitted.batch}")
        stream = batch_stream(submitted.flow, submitted.batch)
        replayed = BatchReplayed(batch=submitted.batch, **stamp.fields())
        try:
            self._store.append([Append(stream, sent.version, [replayed])])
        except Conflict:
            return False
        return True

    def confirm(
        self,
        submitted: BatchSubmitted,
        outcomes: MappingOf[str, Found | Fault | Sighting | Otherwise],
        answer: str,
        by: str,
        how: str = "answer",
        adopted: Collection[str] = (),
    ) -> Tally:
        """Record what became of each item of a batch, in one save. Again is no harm.

        `adopted` are the items that a look-up told of, not the answer to our call.
        """
        flow = submitted.flow
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow, self._clock(), by, f"batch:{submitted.batch}")
            stream = batch_stream(flow, submitted.batch)
            written = self._store.load([stream])[stream]
            if any(isinstance(event, BatchAnswered) for event in written):
                return []
            known = self._postings(flow, [(item.kind, item.key) for item in submitted.items])
            appends = []
            for item in submitted.items:
                posting, version = known[item.kind, item.key]
                if posting.status != "submitted" or posting.batch != submitted.batch:
                    continue
                outcome = outcomes[item.item]
                found_there = how == "look-up" or item.item in adopted
                events = answered(item, outcome, posting, submitted.batch, answer, found_there, stamp)
                tally.new += isinstance(outcome, Found | Sighting)
                tally.held += not isinstance(outcome, Found | Sighting)
                appends.append(Append(posting_stream(flow, item.kind, item.key), version, events))
            decided = BatchAnswered(
                batch=submitted.batch, answer=answer, posted=tally.new, rejected=tally.held, how=how, **stamp.fields()
            )
            return [*appends, Append(stream, len(written), [decided])]

        tally.position = self._until_saved(decide, tally)
        return tally

    def record_seen(
        self, flow: str, kind: str, key: str, outcome: Sighting | Otherwise | None, answer: str, by: str
    ) -> Tally:
        """What a look-up found of a document that is planned, contested, or stands otherwise than it should.

        Ours entirely, it stands; otherwise it is held until a person says; None of a contested one: it is sent anew.
        """
        tally = Tally()

        def decide() -> list[Append]:
            stamp = Stamp(flow, self._clock(), by)
            posting, version = self._postings(flow, [(kind, key)])[kind, key]
            events: list[Event] = []
            match outcome:
                case Sighting() if posting.status == "posted":
                    events = seen_again(kind, key, outcome, posting, answer, stamp)
                case Sighting() if posting.status == "planned" or posting.is_contested:
                    events = stands(kind, key, outcome, posting, answer, True, stamp)
                    tally.new += 1
                case Otherwise() if posting.status == "planned" or posting.is_contested:
                    held = contested(kind, key, outcome, posting, stamp)
                    events = [] if held.reasons in (posting.reasons, posting.attention) else [held]
                    tally.held += 1
                case None if posting.is_contested:
                    why = "nothing of it is in QuickBooks any more"
                    events = [PostingReleased(kind=kind, key=key, why=why, **stamp.fields())]
            return [Append(posting_stream(flow, kind, key), version, events)] if events else []

        tally.position = self._until_saved(decide, tally)
        return tally

    def adopt(self, flow: str, kind: str, key: str, sighting: Sighting, answer: str, by: str, why: str) -> int:
        """A person says that this document of QuickBooks is the contested one. Raises BadInput if none is contested."""

        def decide() -> list[Append]:
            posting, version = self._postings(flow, [(kind, key)])[kind, key]
            if not posting.is_contested:
                raise BadInput(_no_word_needed(flow, kind, key))
            stamp = Stamp(flow, self._clock(), by, f"because: {why}")
            events = stands(kind, key, sighting, posting, answer, True, stamp)
            return [Append(posting_stream(flow, kind, key), version, events)]

        return self._until_saved(decide)

    def release(self, flow: str, kind: str, key: str, not_ours: Sequence[str], by: str, why: str) -> int:
        """A person says that no such document is the contested one, or the one it was taken for. Raises BadInput."""

        def decide() -> list[Append]:
            posting, version = self._postings(flow, [(kind, key)])[kind, key]
            taken = posting.status == "posted" and posting.adopted
            if not (posting.is_contested or taken):
                raise BadInput(_no_word_needed(flow, kind, key))
            others = dict.fromkeys([*not_ours, *([posting.quickbooks_id] if taken else [])])
            stamp = Stamp(flow, self._clock(), by)
            released = PostingReleased(kind=kind, key=key, why=why, not_ours=tuple(others), **stamp.fields())
            return [Append(posting_stream(flow, kind, key), version, [released])]

        return self._until_saved(decide)

    # --- cycles ---------------------------------------------------------------------------------------------------

    def record_cycle(
        self,
        event: flows.CycleStarted
        | flows.WatermarkAdvanced
        | flows.CycleFinished
        | flows.CycleFailed
        | flows.CycleStopped,
    ) -> int:
        def decide() -> list[Append]:
            stream = flows.cycle_stream(event.flow, event.cycle)
            return [Append(stream, len(self._store.load([stream]).get(stream, [])), [event])]

        return self._until_saved(decide)

    # --- the store ------------------------------------------------------------------------------------------------

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


def _no_word_needed(flow: str, kind: str, key: str) -> str:
    return (
        f"{kind} {key} of flow {flow} does not wait for anybody's word; "
        f"what does is listed with the reason found_otherwise by: ml-connector held {flow}"
    )


def _collect_gaps(gaps: dict[str, tuple[str, int, str]], held: Held, first_object: str) -> None:
    for key, amount in gap_keys(held.reasons).items():
        standing = gaps.get(key)
        gaps[key] = (
            (first_object, amount, held.currency)
            if standing is None
            else (standing[0], standing[1] + amount, standing[2])
        )
