"""Histories as the domain would write them, and what they must come to in the views, folded by the domain itself."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from bank_history import bank_step

from adapters.views.schema import TABLES
from application.ports import Append, EventStore
from domain import order as orders
from domain import posting as postings
from domain import settlement as settlements
from domain import transaction as transactions
from domain.access import EVERYWHERE, TokenCreated, TokenRevoked, token_stream
from domain.alert import AlertChannelAdded, AlertChannelRemoved, channels_stream
from domain.bank import LineState
from domain.corrections import BooksReclassified, Shift, reclass_stream
from domain.document import (
    AppliedInvoice,
    CreditMemo,
    Deposit,
    DepositLine,
    Document,
    Invoice,
    InvoiceLine,
    JournalEntry,
    JournalLine,
    Payment,
    Purchase,
    RefundReceipt,
    SalesReceipt,
)
from domain.event import Event, Stamp
from domain.event_group import (
    Balance,
    BalancesSeen,
    EventGroup,
    EventGroupSeen,
    Payout,
    PayoutSeen,
    SettlementMatched,
    SourceAvailability,
    Summary,
    SummarySeen,
    balances_stream,
    group_stream,
    payout_stream,
    source_stream,
    summary_stream,
)
from domain.flow import (
    AmazonConnected,
    BooksClosed,
    ConnectionLost,
    CycleAsked,
    CycleFailed,
    CycleFinished,
    CycleStarted,
    CycleStopped,
    FlowConfigured,
    FlowCreated,
    FlowPaused,
    FlowResumed,
    FlowSettings,
    OrderDataLimited,
    QuickBooksConnected,
    Schedule,
    WatermarkAdvanced,
    cycle_stream,
    flow_stream,
)
from domain.ledger import SettlementBooked, SettlementUnbooked, ledger_stream
from domain.mapping import MappingChanged, MappingFound, MappingMissing, QuickBooksRef, gap_stream, mapping_stream
from domain.order import (
    AmazonOrder,
    Order,
    OrderDated,
    OrderItem,
    OrderNotFound,
    OrderRecognisedBySettlement,
    OrderSettled,
    Package,
    ParcelsReported,
    Part,
    order_stream,
)
from domain.posting import (
    POSTED_KINDS,
    BatchAnswered,
    BatchItem,
    BatchReplayed,
    BatchSubmitted,
    Posting,
    PostingAmended,
    PostingDeleted,
    PostingHeld,
    PostingRejected,
    PostingReleased,
    PostingSubmitted,
    PostingVoided,
    PostingWithdrawn,
    Reason,
    batch_stream,
    posting_stream,
)
from domain.retention import EvidencePurged, evidence_stream
from domain.settlement import Settlement, SettlementLine, Statement, settlement_stream
from domain.transaction import Known, Leaf, Transaction, transaction_stream

START = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
PostingName = tuple[str, str, str]  # flow, kind, key
POSTED = {kind: event for event, kind in POSTED_KINDS.items()}


class History:
    """Writes events into a store the way the use cases do, and keeps what the domain folds them to.

    Every step that makes no sense in the present state does nothing, so that any list of steps is a valid history.
    """

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.now = START
        self.position = 0
        self.orders: dict[tuple[str, str], Order] = {}
        self.settlements: dict[tuple[str, str], Settlement] = {}
        self.postings: dict[PostingName, Posting] = {}
        self.documents: dict[PostingName, Document] = {}
        self.booked: dict[PostingName, Document] = {}
        self.gaps: dict[tuple[str, str], bool] = {}
        self.batches: dict[tuple[str, str], bool] = {}
        self.transactions: dict[UUID, Known] = {}
        self.bank: dict[tuple[str, str], LineState] = {}
        self._versions: dict[UUID, int] = {}

    def stamp(self, flow: str, by: str = "cycle:c1", cause: str = "") -> Stamp:
        self.now += timedelta(seconds=1)
        return Stamp(flow, self.now, by, cause)

    def write(self, *streams: tuple[UUID, Sequence[Event]]) -> int:
        appends = [Append(stream, self._versions.get(stream, 0), events) for stream, events in streams if events]
        if appends:
            self.position = self.store.append(appends)
            for append in appends:
                self._versions[append.stream] = append.expected + len(append.events)
        return self.position

    # --- flows, cycles, mapping

    def flow(self, flow: str, since: date | None = None) -> None:
        created = FlowCreated(
            region="na",
            realm="123" if flow == "us" else "",  # the other's is told when QuickBooks is connected
            marketplaces=("ATVPDKIKX0DER",),
            since=since,
            orders="amazon",
            zone="America/Los_Angeles",
            banks={"USD": "Checking"},
            **self.stamp(flow, "ada").fields(),
        )
        self.write((flow_stream(flow), [created]))

    def connection(self, flow: str, which: int) -> None:
        fields = self.stamp(flow, "ada").fields()
        event: Event = [
            AmazonConnected(marketplaces={"ATVPDKIKX0DER": ("Amazon.com", "USD")}, seller="A1SELLER", **fields),
            QuickBooksConnected(company="Bolt Shop", home_currency="USD", realm="123", **fields),
            ConnectionLost(vendor="amazon", reason="revoked", **fields),
            ConnectionLost(vendor="quickbooks", reason="expired", **fields),
            BooksClosed(until=date(2026, 9, 30), **fields),
        ][which % 5]
        self.write((flow_stream(flow), [event]))

    def reclassify(self, flow: str) -> None:
        fields = self.stamp(flow, "ada").fields()
        shifts = (Shift("2026-11", "OTHFEE", "USD", 777), Shift("2026-11", "SUSP", "USD", -777))
        event = BooksReclassified(why="it was a fee", journals=("journal/RC1",), shifts=shifts, new_version=3, **fields)
        self.write((reclass_stream(flow), [event]))

    def channel(self, flow: str, added: bool = True) -> None:
        fields = {"channel": "office", **self.stamp(flow, "ada").fields()}
        event: Event = (
            AlertChannelAdded(kind="smtp", address="books@example.com", **fields)
            if added
            else AlertChannelRemoved(**fields)
        )
        self.write((channels_stream(flow), [event]))

    def setting(self, flow: str, which: int) -> None:
        fields = self.stamp(flow, "ada").fields()

        def configured(**new: Any) -> FlowConfigured:
            return FlowConfigured(old=FlowSettings(), new=FlowSettings(**new), **fields)

        # Its first day and zone are fixed once anything is read (flow_setup.py): what was folded by them stands.
        begun = any(of == flow for of, _ in (*self.orders, *self.settlements))
        before_anything: dict[str, Any] = {} if begun else {"zone": "UTC", "since": date(2026, 11, 1)}
        event: Event = [
            configured(schedule={"orders": Schedule(cron="0 6 * * *", zone="America/Los_Angeles")}),
            configured(banks={"USD": "Savings", "EUR": "Sparkasse"}, **before_anything),
            configured(marketplaces=("A2EUQ1WTGCTBG2",)),
            configured(since=None),
            FlowPaused(why="stock-taking", **fields),
            FlowResumed(**fields),
        ][which % 6]
        self.write((flow_stream(flow), [event]))

    def cycle(self, flow: str, number: int, step: int) -> None:
        cycle = f"c{number}"
        fields = {"cycle": cycle, **self.stamp(flow).fields()}
        event: Event = [
            CycleStarted(**fields),
            WatermarkAdvanced(source="orders", cursor=f"2026-11-{step + 1:02}", seen=("1", "2"), **fields),
            CycleFinished(counts={"orders": step}, **fields),
            CycleFailed(error="Amazon is away", counts={"orders": 1}, **fields),
            CycleStopped(why="asked to stop", counts={"orders": 1}, **fields),
        ][step % 5]
        self.write((cycle_stream(flow, cycle), [event]))

    def gap(self, flow: str, number: int) -> None:
        key = f"rule:Order | Other | Fee {number}"
        stamp = self.stamp(flow)
        if self.gaps.get((flow, key)):
            changed = MappingChanged(
                version=1, why="it is a fee", accounts={"OTHFEE": QuickBooksRef("7", "Fees")}, **stamp.fields()
            )
            self.write(
                (mapping_stream(flow), [changed]), (gap_stream(flow, key), [MappingFound(key=key, **stamp.fields())])
            )
            self.gaps[flow, key] = False
        else:
            missing = MappingMissing(key=key, first_object="order 1", amount=5, currency="USD", **stamp.fields())
            self.write((gap_stream(flow, key), [missing]))
            self.gaps[flow, key] = True

    def ask(self, flow: str) -> None:
        self.write((flow_stream(flow), [CycleAsked(**self.stamp(flow, "ada").fields())]))

    def purge(self, flow: str) -> None:
        purged = EvidencePurged(pages=3, vouchers=1, **self.stamp(flow, "ada").fields())
        self.write((evidence_stream(flow), [purged]))

    def token(self, revoke: bool) -> None:
        fields = self.stamp(EVERYWHERE, "ada").fields()
        event: Event = (
            TokenRevoked(name="month-end", **fields)
            if revoke
            else TokenCreated(name="month-end", prefix="mlc_a1", role="reader", **fields)
        )
        self.write((token_stream("month-end"), [event]))

    # --- orders and their invoices

    def order(
        self,
        flow: str,
        number: int,
        status: str = "SHIPPED",
        cents: int = 2499,
        channel: bool = True,
        parcel: datetime | None = None,
    ) -> str:
        """Amazon reports an order; its id."""
        order_id = order_id_of(number)
        state = self.orders.setdefault((flow, order_id), Order())
        stamp = self.stamp(flow)
        reported = AmazonOrder(
            order_id=order_id,
            status=status,
            created=START - timedelta(days=number),
            updated=self.now,
            currency="USD",
            marketplace="Amazon.com",
            amazon_channel=channel,
            total=cents,
            packages=(Package("UPS", "1Z", parcel),) if parcel is not None else (),
            items=(OrderItem("1", "SKU", quantity=1, proceeds=cents, parts=(Part("ITEM", cents),)),) if cents else (),
        )
        events = orders.record(reported, state, stamp)
        for event in events:
            self.orders[flow, order_id] = orders.evolve(state, event)
        self.write((order_stream(flow, order_id), events))
        return order_id

    def plan_invoice(self, flow: str, number: int, cents: int = 2499) -> None:
        order_id = order_id_of(number)
        document = Invoice(
            number=order_id,
            order_id=order_id,
            customer="Amazon.com USD",
            day=date(2026, 11, 2),
            currency="USD",
            lines=(InvoiceLine("SALES", cents),),
            total=cents,
        )
        self._plan(flow, {order_id: document}, {})

    def hold(self, flow: str, kind: str, key: str, *texts: str, cents: int = 2499) -> None:
        known = self._known(flow, kind, key)
        reasons = [Reason("unmapped", text, cents, f"rule:{text}") for text in texts]
        self._on_posting(flow, kind, key, postings.hold(kind, key, reasons, cents, "USD", known, self.stamp(flow)))

    def withdraw(self, flow: str, kind: str, key: str) -> None:
        if self._known(flow, kind, key).status in ("planned", "held", "rejected"):
            event = PostingWithdrawn(kind=kind, key=key, why="cancelled", **self.stamp(flow).fields())
            self._on_posting(flow, kind, key, [event])

    def contest(self, flow: str, kind: str, key: str, release: bool) -> None:
        """QuickBooks has something like it; a person may say that it is another."""
        known = self._known(flow, kind, key)
        stamp = self.stamp(flow)
        reason = Reason(postings.FOUND_OTHERWISE, "QuickBooks has one of another total", 100)
        self._on_posting(flow, kind, key, postings.hold(kind, key, [reason], 100, "USD", known, stamp))
        if release and self._known(flow, kind, key).is_contested:
            event = PostingReleased(kind=kind, key=key, why="another's", not_ours=("q9",), **self.stamp(flow).fields())
            self._on_posting(flow, kind, key, [event])

    def settle_attention(self, flow: str, kind: str, key: str) -> None:
        known = self._known(flow, kind, key)
        if known.is_final:
            self._on_posting(flow, kind, key, postings.settled(kind, key, known, self.stamp(flow)))

    def date_order(self, flow: str, number: int, settlement_number: int, days: int) -> None:
        """A settlement shows the order's sale so many days before the order was first seen."""
        order_id = order_id_of(number)
        state = self.orders.get((flow, order_id))
        if state is None:
            return
        posted = START - timedelta(days=days)
        event = OrderDated(
            order_id=order_id, settlement_id=settlement_id_of(settlement_number), posted=posted,
            **self.stamp(flow).fields(),
        )  # fmt: skip
        orders.evolve(state, event)
        self.write((order_stream(flow, order_id), [event]))

    def ask_for(self, flow: str, number: int, found: bool) -> None:
        """An order that was asked for by its id and is gone, or whose parcels Amazon reports."""
        order_id = order_id_of(number)
        fields = self.stamp(flow).fields()
        parcels = (Package("UPS", f"1Z{number}", START, {"1": 1}),)
        event: Event = (
            ParcelsReported(order_id=order_id, parcels=parcels, **fields)
            if found
            else OrderNotFound(order_id=order_id, **fields)
        )
        state = self.orders.setdefault((flow, order_id), Order())
        self.orders[flow, order_id] = orders.evolve(state, event)
        self.write((order_stream(flow, order_id), [event]))

    def limit_orders(self, flow: str, *datasets: str) -> None:
        event = OrderDataLimited(datasets=datasets, reason="InvalidInput", **self.stamp(flow).fields())
        self.write((flow_stream(flow), [event]))

    def lift(self, flow: str, number: int) -> None:
        settlement_id = settlement_id_of(number)
        state = self.settlements.get((flow, settlement_id), Settlement())
        events = settlements.lift(state, "Amazon confirmed it", self.stamp(flow), by_person=True)
        for event in events:
            self.settlements[flow, settlement_id] = settlements.evolve(state, event)
        self.write((settlement_stream(flow, settlement_id), events))

    def book_settlement(self, flow: str, number: int, unbook: bool = False) -> None:
        settlement_id, stream = settlement_id_of(number), ledger_stream(flow, "USD")
        fields = self.stamp(flow).fields()
        booked = SettlementBooked(
            settlement_id=settlement_id, currency="USD", total=500, day=date(2026, 11, 18), **fields
        )
        unbooked = SettlementUnbooked(settlement_id=settlement_id, why="held", **fields)
        self.write((stream, [unbooked if unbook else booked]))

    def recognise(self, flow: str, number: int, settlement_number: int) -> None:
        order_id = order_id_of(number)
        state = self.orders.get((flow, order_id))
        if state is None or state.recognised_by:
            return
        event = OrderRecognisedBySettlement(
            order_id=order_id,
            settlement_id=settlement_id_of(settlement_number),
            amount=2499,
            currency="USD",
            **self.stamp(flow).fields(),
        )
        orders.evolve(state, event)
        self.write((order_stream(flow, order_id), [event]))

    # --- settlements

    def settlement(self, flow: str, number: int, cents: int = 2000, dispute: bool = False, again: int = 0) -> str:
        """Amazon's document arrives: a sale, a fee, a refund; its id. `again` makes it another document of that id."""
        settlement_id = settlement_id_of(number)
        state = self.settlements.setdefault((flow, settlement_id), Settlement())
        lines = [
            SettlementLine(1, "Order", "ItemPrice", "Principal", cents + 600 + again, order_id=order_id_of(number)),
            SettlementLine(2, "Order", "ItemFees", "Commission", -500, order_id=order_id_of(number)),
            SettlementLine(3, "Refund", "ItemPrice", "Principal", -100, order_id=order_id_of(number), posted=START),
        ]
        total = cents + again + (1 if dispute else 0)
        statement = Statement(
            settlement_id,
            "USD",
            total,
            START - timedelta(days=14 * number),
            START - timedelta(days=14 * (number - 1)),
            START - timedelta(days=14 * (number - 1) - 2),
        )
        events = settlements.record(statement, lines, state, self.stamp(flow), "evidence")
        for event in events:
            self.settlements[flow, settlement_id] = settlements.evolve(state, event)
        self.write((settlement_stream(flow, settlement_id), events))
        return settlement_id

    def plan_settlement(self, flow: str, number: int, order_numbers: Sequence[int], cents: int = 500) -> None:
        """One payment over the invoices of the orders that have one, and the deposit on top of it."""
        settlement_id = settlement_id_of(number)
        invoiced = [
            order_id
            for order_id in map(order_id_of, dict.fromkeys(order_numbers))
            if self._known(flow, "invoice", order_id).document is not None
        ]
        key = f"{settlement_id}-1"
        closed = self.settlements.get((flow, settlement_id), Settlement()).closed
        if (
            closed is None
            or not invoiced
            or any(self._known(flow, *name).is_final for name in (("payment", key), ("deposit", settlement_id)))
        ):
            return
        applied = tuple(AppliedInvoice(f"invoice/{order_id}", order_id, cents) for order_id in invoiced)
        paid = cents * len(applied)
        payment = Payment(
            number=key,
            settlement_id=settlement_id,
            customer="Amazon.com USD",
            day=date(2026, 11, 5),
            currency="USD",
            clearing="CLR:USD",
            applied=applied,
            total=paid,
        )
        deposit = Deposit(
            settlement_id=settlement_id,
            day=date(2026, 11, 5),
            currency="USD",
            bank="USD",
            clearing="CLR:USD",
            cleared=paid,
            lines=(DepositLine("REFFEE", -100, "fees"),),
            total=paid - 100,
            payments=(key,),
        )
        stamp = self.stamp(flow)
        settled = []
        for order_id in invoiced:
            event = OrderSettled(
                order_id=order_id,
                settlement_id=settlement_id,
                posting=f"payment/{key}",
                amounts={"SALES": cents},
                **stamp.fields(),
            )
            state = self.orders.setdefault((flow, order_id), Order())
            orders.evolve(state, event)
            settled.append((order_stream(flow, order_id), [event]))
        needs = {key: [f"invoice/{order_id}" for order_id in invoiced], settlement_id: [f"payment/{key}"]}
        self._plan(flow, {key: payment, settlement_id: deposit}, needs)
        self.write(*settled)

    # --- Finances

    def finance(self, flow: str, number: int, step: int, cents: int = 900) -> None:
        """Amazon says something beside its reports; a deferred sale and its release may come in any order."""
        stamp = self.stamp(flow)
        name, release = f"t{number}", f"r{number}"
        related = (("ORDER_ID", order_id_of(number)), ("SETTLEMENT_ID", settlement_id_of(number)))

        def seen(name: str, status: str, *pairs: tuple[str, str], problem: str = "") -> Transaction:
            leaves = (Leaf("ProductCharges/OurPricePrincipal", cents + 100), Leaf("AmazonFees/Commission", -100))
            return Transaction(
                name, "Shipment", status, posted=START, currency="USD", total=cents, account_type="Standard Orders",
                identifiers=(*related, *pairs), level="items", leaves=leaves, problem=problem,
            )  # fmt: skip

        def ingest(transaction: Transaction) -> None:
            stream = transaction_stream(flow, transaction.transaction_id)
            self._ingest(stream, lambda known: transactions.record(transaction, known, stamp))
            if transaction.deferred_id:
                self._ingest(
                    transaction_stream(flow, transaction.deferred_id),
                    lambda known: transactions.released_by(transaction, transaction.deferred_id, known, stamp),
                )

        match step % 10:
            case 0:
                ingest(seen(name, "DEFERRED"))
            case 1:
                ingest(seen(release, "RELEASED", ("DEFERRED_TRANSACTION_ID", name)))
            case 2:
                ingest(seen(name, "DEFERRED_RELEASED", ("RELEASE_TRANSACTION_ID", release)))
            case 3:
                ingest(seen(f"x{number}", "ON_HOLD", problem="its status is not known"))
            case 4:
                group = EventGroup(f"g{number}", "Closed", currency="USD", total=cents, start=START, end=START)
                self.write((group_stream(flow, group.group_id), [EventGroupSeen(group=group, **stamp.fields())]))
            case 5:
                payout = Payout(f"p{number}", settlement_id_of(number), "PAID", currency="USD", amount=cents)
                self.write((payout_stream(flow, payout.payout_id), [PayoutSeen(payout=payout, **stamp.fields())]))
            case 6:
                summary = Summary(settlement_id_of(number), "USD", cents)
                stream = summary_stream(flow, summary.settlement_id)
                self.write((stream, [SummarySeen(summary=summary, **stamp.fields())]))
            case 7:
                day = date(2026, 11, number)
                balances = (Balance("TOTAL", "USD", cents),)
                self.write((balances_stream(flow, day), [BalancesSeen(day=day, balances=balances, **stamp.fields())]))
            case 8:
                offered = SourceAvailability(source="listPayouts", available=bool(number % 2), **stamp.fields())
                self.write((source_stream(flow, "listPayouts"), [offered]))
            case 9:
                settlement_id = settlement_id_of(number)
                if (flow, settlement_id) in self.settlements:
                    match = SettlementMatched(
                        settlement_id=settlement_id, group_id=f"g{number}", account_type="Standard Orders",
                        converted_total=cents, converted_currency="USD", **stamp.fields(),
                    )  # fmt: skip
                    self.write((settlement_stream(flow, settlement_id), [match]))

    def _ingest(self, stream: UUID, decide: Callable[[Known], list[Event]]) -> None:
        known = self.transactions.setdefault(stream, Known())
        events = decide(known)
        for event in events:
            transactions.evolve(known, event)
        self.write((stream, events))

    # --- QuickBooks

    def submit(self, flow: str, names: Sequence[tuple[str, str]], batch: str) -> None:
        """Claim planned postings for a batch."""
        ready = [name for name in names if self._known(flow, *name).status == "planned"]
        if not ready or (flow, batch) in self.batches:
            return
        stamp = self.stamp(flow, cause=f"batch:{batch}")
        items = []
        for number, (kind, key) in enumerate(ready):
            generation = self._known(flow, kind, key).generation
            claimed = PostingSubmitted(kind=kind, key=key, generation=generation, batch=batch, **stamp.fields())
            self._on_posting(flow, kind, key, [claimed])
            items.append(BatchItem(str(posting_stream(flow, kind, key)), kind, key, generation, f"i{number}", "hash"))
        sent = BatchSubmitted(batch=batch, request_id=f"r-{batch}", items=tuple(items), body="body", **stamp.fields())
        self.batches[flow, batch] = True
        self.write((batch_stream(flow, batch), [sent]))

    def replay(self, flow: str, batch: str) -> None:
        """A batch whose answer was lost is sent again."""
        if self.batches.get((flow, batch)):
            self.write((batch_stream(flow, batch), [BatchReplayed(batch=batch, **self.stamp(flow).fields())]))

    def answer(self, flow: str, batch: str, refuse: bool = False, other_total: int = 0) -> None:
        """QuickBooks answers a batch: all posted (perhaps with another total than planned), or all refused."""
        if not self.batches.get((flow, batch)):
            return
        stamp = self.stamp(flow, cause=f"batch:{batch}")
        count = 0
        for (of, kind, key), posting in list(self.postings.items()):
            if of != flow or posting.status != "submitted" or posting.batch != batch:
                continue
            count += 1
            common: dict[str, Any] = {"key": key, "generation": posting.generation, "batch": batch, **stamp.fields()}
            if refuse:
                refused = PostingRejected(kind=kind, code="6240", message="Duplicate Name Exists", **common)
                self._on_posting(flow, kind, key, [refused])
                continue
            document = self.documents[flow, kind, key]
            self.booked[flow, kind, key] = document
            events: list[Event] = [
                POSTED[kind](
                    quickbooks_id=f"q{self.position}",
                    sync_token="0",
                    total=document.total + other_total,
                    currency=document.currency,
                    day=document.day,
                    answer="evidence",
                    item="i0",
                    **common,
                )
            ]
            if other_total:
                reason = Reason("total_differs", "QuickBooks shows another total", other_total)
                events.append(
                    PostingHeld(
                        kind=kind, key=key, reasons=(reason,), amount=other_total, currency="USD", **stamp.fields()
                    )
                )
            self._on_posting(flow, kind, key, events)
        self.batches[flow, batch] = False
        answered = BatchAnswered(
            batch=batch,
            posted=0 if refuse else count,
            rejected=count if refuse else 0,
            **stamp.fields(),
        )
        self.write((batch_stream(flow, batch), [answered]))

    def change(self, flow: str, kind: str, key: str, operation: str, refuse: bool = False) -> None:
        """Amend, void or delete a document that stands, or have QuickBooks refuse it."""
        known = self._known(flow, kind, key)
        if known.status != "posted" or known.document is None:
            return
        stamp, generation = self.stamp(flow, "ada"), known.generation + 1
        planned = postings.PostingPlanned(
            kind=kind,
            key=key,
            generation=generation,
            document=known.document,
            operation=operation,
            why="a correction",
            **stamp.fields(),
        )
        claimed = PostingSubmitted(kind=kind, key=key, generation=generation, batch="change", **stamp.fields())
        common: dict[str, Any] = {"kind": kind, "key": key, "generation": generation, **stamp.fields()}
        done: Event
        if refuse:
            done = PostingRejected(code="6540", message="Deposited Transaction cannot be changed", **common)
        elif operation == "void":
            done = PostingVoided(sync_token="2", **common)
        elif operation == "delete":
            done = PostingDeleted(**common)
        else:
            document = known.document
            done = PostingAmended(
                quickbooks_id=known.quickbooks_id,
                sync_token="2",
                total=document.total,
                currency=document.currency,
                day=document.day,
                **common,
            )
        self._on_posting(flow, kind, key, [planned, claimed, done])

    def others(self, flow: str, number: int, which: int, cents: int = 700) -> tuple[str, str]:
        """Plan one of the documents besides invoices, payments and deposits; its kind and key."""
        order_id, settlement_id = order_id_of(number), settlement_id_of(number)
        about = {"day": date(2026, 11, 5), "currency": "USD", "total": cents}
        lines, customer = (InvoiceLine("SALES", cents, component="ITEM"),), "Amazon.com USD"
        debit = (JournalLine("CLR:USD", cents),)
        documents: dict[str, Document] = {
            f"{settlement_id}-J1": JournalEntry(
                f"J{settlement_id}", lines=(*debit, JournalLine("LOAN", -cents)), settlement_id=settlement_id, **about
            ),
            f"{order_id}C": CreditMemo(f"{order_id}C", order_id, customer, lines=lines, **about),
            f"{settlement_id}-R1": RefundReceipt(
                f"{order_id}R",
                order_id,
                customer,
                clearing="CLR:USD",
                lines=lines,
                settlement_id=settlement_id,
                **about,
            ),
            order_id: SalesReceipt(order_id, order_id, customer, clearing="CLR:USD", lines=lines, **about),
            f"{settlement_id}-P1": Purchase(f"P{settlement_id}", settlement_id, paid_from="CC", lines=debit, **about),
        }
        key, document = list(documents.items())[which % len(documents)]
        self._plan(flow, {key: document}, {})
        return postings.kind_of(document), key

    def post(self, flow: str, *names: tuple[str, str]) -> None:
        """Send planned postings and have them accepted."""
        batch = f"b{self.position}"
        self.submit(flow, names, batch)
        self.answer(flow, batch)

    def _known(self, flow: str, kind: str, key: str) -> Posting:
        return self.postings.get((flow, kind, key), Posting())

    def _plan(self, flow: str, documents: dict[str, Document], needs: dict[str, list[str]]) -> None:
        stamp = self.stamp(flow)
        for key, document in documents.items():
            kind = postings.kind_of(document)
            known = self._known(flow, kind, key)
            if known.is_final:
                continue
            self.documents[flow, kind, key] = document
            self._on_posting(flow, kind, key, postings.plan(document, key, needs.get(key, ()), known, 1, stamp))

    def _on_posting(self, flow: str, kind: str, key: str, events: Sequence[Event]) -> None:
        state = self._known(flow, kind, key)
        for event in events:
            self.postings[flow, kind, key] = postings.evolve(state, event)
        self.write((posting_stream(flow, kind, key), events))

    # --- any history

    def step(self, what: int, flow_number: int, first: int, second: int) -> None:
        """One of all steps there are, chosen by small numbers: for random histories."""
        flow = ("us", "eu")[flow_number % 2]
        order_number, settlement_number = first % 4 + 1, first % 3 + 1
        order_id, settlement_id = order_id_of(order_number), settlement_id_of(settlement_number)
        mine = [name[1:] for name in self.postings if name[0] == flow]
        chosen = mine[first % len(mine)] if mine else ("invoice", order_id)
        batches = [batch for (of, batch), is_open in self.batches.items() if of == flow and is_open]
        batch = batches[first % len(batches)] if batches else ""
        statuses = ("PENDING", "UNSHIPPED", "SHIPPED", "CANCELLED")
        steps: list[Callable[[], object]] = [
            lambda: self.order(flow, order_number, statuses[second % 4], 1000 + 500 * (second % 3), second != 7),
            lambda: self.plan_invoice(flow, order_number, 1000 + 500 * (second % 2)),
            lambda: self.hold(flow, "invoice", order_id, *("no item", "no customer", "no rule")[: second % 3 + 1]),
            lambda: self.settlement(flow, settlement_number, dispute=second % 4 == 3, again=second % 2),
            lambda: self.plan_settlement(flow, settlement_number, [order_number, second % 4 + 1], 500),
            lambda: self.hold(flow, "deposit", settlement_id, "no bank", "no rule"),
            lambda: self.submit(flow, mine[first % 2 :], f"b{self.position}"),
            lambda: self.submit(flow, [chosen], f"b{self.position}"),
            lambda: self.answer(flow, batch),
            lambda: self.answer(flow, batch, refuse=second % 2 == 0, other_total=second % 3),
            lambda: self.withdraw(flow, *chosen),
            lambda: self.hold(flow, *chosen, "Amazon changed it after it was posted"),
            lambda: self.recognise(flow, order_number, settlement_number),
            lambda: self.gap(flow, first % 3),
            lambda: self.cycle(flow, first % 3, second % 4),
            lambda: self.connection(flow, second),
            lambda: self.setting(flow, second),
            lambda: self.contest(flow, *chosen, second % 2 == 0),
            lambda: self.settle_attention(flow, *chosen),
            lambda: self.date_order(flow, order_number, settlement_number, second),
            lambda: self.lift(flow, settlement_number),
            lambda: self.others(flow, order_number, second),
            lambda: self.change(flow, *chosen, ("amend", "void", "delete")[second % 3], refuse=second % 4 == 0),
            lambda: self.finance(flow, order_number, first + second, 900 + second % 2),
            lambda: bank_step(self, flow, second * 7 + first, settlement_id),
            lambda: self.ask_for(flow, order_number, second % 2 == 0),
            lambda: self.limit_orders(flow, *(("TAX",) if second % 2 else ())),
        ]
        steps[what % len(steps)]()


def order_id_of(number: int) -> str:
    return f"113-0000000-{number:07}"


def settlement_id_of(number: int) -> str:
    return f"1000{number}"


@pytest.fixture
def begin_history() -> Callable[[EventStore], History]:
    """A history of two flows, by what is built on it."""

    def begin(store: EventStore) -> History:
        history = History(store)
        history.flow("us")
        history.flow("eu")
        return history

    return begin


@pytest.fixture
def all_rows() -> Callable[[Any], dict[str, list[tuple[Any, ...]]]]:
    """Every row of every table of a database, in the order of keys."""

    def read(database: Any) -> dict[str, list[tuple[Any, ...]]]:
        found = {}
        with database.reading() as cursor:
            for table in TABLES:
                cursor.execute(f"SELECT {', '.join(table.columns)} FROM {table.name}")
                rows = [tuple(row) for row in cursor.fetchall()]
                found[table.name] = sorted(rows, key=lambda row: row[: table.key])
        return found

    return read
