"""A batch of events folded into changes of rows: pure, so that any cut of the log into batches gives the same tables.

`Fold` is given the rows a batch touches (`needed` and `needed_by_postings` say which), changes them in memory event by
event, and holds at the end what is to be written: each row once, however often it changed.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec

from adapters.views.bank_fold import BANK_FOLDS, BankRows, bank_difference, bank_status, fold_returns
from adapters.views.finance_fold import (
    FinanceRows,
    fold_fact,
    fold_release,
    fold_sums,
    fold_transaction,
    needed_finances,
)
from adapters.views.ledger import Ledger
from adapters.views.schema import (
    BATCHES,
    CYCLES,
    FLOWS,
    GAPS,
    ORDERS,
    POSTINGS,
    SETTLEMENTS,
    WATERMARKS,
    BatchRow,
    CycleRow,
    DependencyRow,
    FlowRow,
    GapRow,
    HeldRow,
    OrderRow,
    PostingRow,
    SettlementRow,
    Table,
    WatermarkRow,
)
from adapters.views.words import in_words
from application.ports import Recorded
from domain.bank import SettlementBanked, SettlementUnbanked
from domain.document import Document, cleared_by
from domain.event import Event
from domain.event_group import (
    BalancesSeen,
    EventGroupSeen,
    PayoutSeen,
    SettlementMatched,
    SourceAvailability,
    SummarySeen,
)
from domain.flow import (
    AmazonConnected,
    ConnectionLost,
    CycleFailed,
    CycleFinished,
    CycleStarted,
    CycleStopped,
    Flow,
    FlowConfigured,
    FlowCreated,
    FlowPaused,
    FlowResumed,
    QuickBooksConnected,
    WatermarkAdvanced,
)
from domain.ledger import SettlementBooked, SettlementUnbooked
from domain.mapping import MappingFound, MappingMissing
from domain.order import (
    AmazonOrder,
    OrderAmended,
    OrderCancelled,
    OrderDated,
    OrderIngested,
    OrderNotFound,
    OrderRecognisedBySettlement,
    OrderSettled,
    ParcelsReported,
)
from domain.posting import (
    POSTED_KINDS,
    BatchAnswered,
    BatchSubmitted,
    Posted,
    PostingAmended,
    PostingDeleted,
    PostingHeld,
    PostingPlanned,
    PostingRejected,
    PostingReleased,
    PostingSubmitted,
    PostingVoided,
    PostingWithdrawn,
    Reason,
    refusal,
)
from domain.settlement import (
    SettlementClosed,
    SettlementDisputed,
    SettlementDisputeLifted,
    SettlementLinesIngested,
)
from domain.transaction import TransactionIngested, TransactionReleased

Key = tuple[Any, ...]
PostingKey = tuple[str, str, str]  # flow, kind, key
R = TypeVar("R", bound=msgspec.Struct)

_CORRECTION = re.compile(r"RC\d+-.*|.*R\d+")
_ORDER_ID = re.compile(r"\d{3}-\d{7}-\d{7}")
_NEEDED_BY_DEFAULT = {"payment": "invoice", "deposit": "payment"}
_encode = msgspec.json.Encoder().encode


class Rows(Generic[R]):
    """The rows of one table that a batch touches, by primary key; `changed` are those to be written."""

    def __init__(self, table: Table, make: Callable[..., R]) -> None:
        self.table = table
        self.known: dict[Key, R] = {}
        self.changed: dict[Key, R] = {}
        self._stored: frozenset[Key] = frozenset()
        self._make = make

    def stand(self, rows: dict[Key, R]) -> None:
        """The rows as they are stored, all of those that the batch touches."""
        self.known = rows
        self._stored = frozenset(rows)

    def get(self, *key: Any) -> R | None:
        return self.known.get(key)

    def take(self, *key: Any) -> R:
        """The row to change; a new one where there is none."""
        row = self.changed.get(key)
        if row is None:
            row = self.known.get(key)
            if row is None:
                row = self.known[key] = self._make(*key)
            self.changed[key] = row
        return row

    def added(self) -> list[R]:
        """Changed rows that are not stored yet: they go in the fast way."""
        return [row for key, row in self.changed.items() if key not in self._stored]

    def replaced(self) -> list[R]:
        return [row for key, row in self.changed.items() if key in self._stored]


class Fold:
    """Rows as they stand, and after `apply` the changes to them."""

    def __init__(self) -> None:
        self.flows = Rows(FLOWS, FlowRow)
        self.orders = Rows(ORDERS, OrderRow)
        self.settlements = Rows(SETTLEMENTS, SettlementRow)
        self.postings = Rows(POSTINGS, PostingRow)
        self.gaps = Rows(GAPS, GapRow)
        self.batches = Rows(BATCHES, BatchRow)
        self.cycles = Rows(CYCLES, CycleRow)
        self.watermarks = Rows(WATERMARKS, WatermarkRow)
        self.finances = FinanceRows(Rows)
        self.bank = BankRows(Rows)
        self.audit: list[tuple[Any, ...]] = []  # AuditRow's fields; there are as many as events
        self.named_orders: set[tuple[str, str, str]] = set()  # NamedOrderRow's fields
        self.ledger = Ledger()
        # All rows of a posting are replaced together.
        self.held: dict[PostingKey, list[HeldRow]] = {}
        self.dependencies: dict[PostingKey, list[DependencyRow]] = {}

    @property
    def tables(self) -> tuple[Rows[Any], ...]:
        """The tables of which rows are replaced one by one."""
        return (
            self.orders,
            self.settlements,
            self.postings,
            self.gaps,
            self.batches,
            self.cycles,
            self.watermarks,
            self.flows,
            *self.finances.tables,
            *self.bank.tables,
        )

    def apply(self, batch: Iterable[Recorded]) -> None:
        """Fold events in order; the rows they need must be known."""
        for recorded in batch:
            event = recorded.event
            fold = _FOLDS.get(type(event))
            about = fold(self, event, recorded) if fold is not None else _NOTHING
            self.audit.append(
                (
                    event.flow,
                    recorded.position,
                    as_text(event.at),
                    event.by,
                    recorded.name,
                    recorded.stream,
                    recorded.version,
                    about.order_id,
                    about.settlement_id,
                    about.posting,
                    in_words(event, about.currency, about.stands),
                    event.cause,
                )
            )
        for order in self.orders.changed.values():
            order.reconciliation = _reconciliation(order)
        for settlement in self.settlements.changed.values():
            settlement.status = _settlement_status(settlement, self.flows.get(settlement.flow))
            settlement.bank_difference = bank_difference(settlement)
            settlement.bank_status = bank_status(settlement)


# --- which rows a batch needs ------------------------------------------------------------------------------------


def needed(batch: Sequence[Recorded]) -> dict[str, set[Key]]:
    """Primary keys by table of the rows that the events themselves name and that may be stored."""
    keys: dict[str, set[Key]] = {table.name: set() for table in (ORDERS, SETTLEMENTS, POSTINGS, GAPS, BATCHES, CYCLES)}
    for recorded in batch:
        event: Any = recorded.event
        names = _NAMES.get(type(event))
        if names is not None:
            table, key = names(event)
            keys[table].add(key)
    return keys | needed_finances(batch)


def _names_order(event: OrderIngested | OrderAmended | OrderCancelled) -> tuple[str, Key]:
    return "orders", (event.flow, event.order.order_id)


def _names_settled_order(event: OrderSettled | OrderDated | OrderRecognisedBySettlement) -> tuple[str, Key]:
    return "orders", (event.flow, event.order_id)


def _names_settlement(
    event: SettlementClosed | SettlementDisputed | SettlementDisputeLifted | SettlementBanked | SettlementUnbanked,
) -> tuple[str, Key]:
    return "settlements", (event.flow, event.settlement_id)


def _names_posting(
    event: PostingPlanned
    | PostingHeld
    | PostingSubmitted
    | PostingRejected
    | PostingWithdrawn
    | PostingReleased
    | PostingAmended
    | PostingVoided
    | PostingDeleted,
) -> tuple[str, Key]:
    return "postings", (event.flow, event.kind, event.key)


def _names_posted(event: Posted) -> tuple[str, Key]:
    return "postings", (event.flow, POSTED_KINDS[type(event)], event.key)


def _names_gap(event: MappingMissing | MappingFound) -> tuple[str, Key]:
    return "gaps", (event.flow, event.key)


def _names_batch(event: BatchSubmitted | BatchAnswered) -> tuple[str, Key]:
    return "batches", (event.flow, event.batch)


def _names_cycle(event: CycleStarted | CycleFinished | CycleFailed | CycleStopped) -> tuple[str, Key]:
    return "cycles", (event.flow, event.cycle)


_NAMES: dict[type[Event], Callable[[Any], tuple[str, Key]]] = {
    **dict.fromkeys((OrderIngested, OrderAmended, OrderCancelled), _names_order),
    **dict.fromkeys((OrderSettled, OrderDated, OrderRecognisedBySettlement), _names_settled_order),
    **dict.fromkeys((SettlementClosed, SettlementDisputed, SettlementDisputeLifted), _names_settlement),
    **dict.fromkeys((SettlementBanked, SettlementUnbanked), _names_settlement),
    **dict.fromkeys(
        (
            *(PostingPlanned, PostingHeld, PostingSubmitted, PostingRejected, PostingWithdrawn, PostingReleased),
            *(PostingAmended, PostingVoided, PostingDeleted),
        ),
        _names_posting,
    ),
    **dict.fromkeys(POSTED_KINDS, _names_posted),
    **dict.fromkeys((MappingMissing, MappingFound), _names_gap),
    **dict.fromkeys((BatchSubmitted, BatchAnswered), _names_batch),
    **dict.fromkeys((CycleStarted, CycleFinished, CycleFailed, CycleStopped), _names_cycle),
}


def needed_by_postings(
    batch: Sequence[Recorded], touched: Iterable[PostingKey], known: dict[Key, PostingRow]
) -> dict[str, set[Key]]:
    """Primary keys of the orders and settlements to which the touched postings belong."""
    keys: dict[str, set[Key]] = {ORDERS.name: set(), SETTLEMENTS.name: set()}

    def add(flow: str, order_id: str, settlement_id: str) -> None:
        if order_id:
            keys[ORDERS.name].add((flow, order_id))
        if settlement_id:
            keys[SETTLEMENTS.name].add((flow, settlement_id))

    for posting in touched:
        row = known.get(posting)
        add(posting[0], *((row.order_id, row.settlement_id) if row is not None else _owner(posting[1], posting[2])))
    for recorded in batch:
        if isinstance(recorded.event, PostingPlanned):
            add(recorded.event.flow, *_document_owner(recorded.event.document))
    return keys


# --- flows, cycles, mapping ----------------------------------------------------------------------------------------


class Subject(msgspec.Struct, frozen=True, gc=False):
    """What an event is about; `currency` and `stands` (QuickBooks has the document) are what its words may need."""

    order_id: str = ""
    settlement_id: str = ""
    posting: str = ""
    currency: str = ""
    stands: bool = False


_NOTHING = Subject()


def _flow_created(fold: Fold, event: FlowCreated, _: Recorded) -> Subject:
    row = fold.flows.take(event.flow)
    row.region, row.realm, row.orders, row.zone = event.region, event.realm, event.orders, event.zone
    row.since = event.since.isoformat() if event.since is not None else None
    row.banks = _json(event.banks)
    row.created = as_text(event.at)
    return _NOTHING


def _flow_configured(fold: Fold, event: FlowConfigured, _: Recorded) -> Subject:
    row = fold.flows.take(event.flow)
    new = event.new.named()
    for name in new.keys() & {"banks", "schedule"}:
        setattr(row, name, _json(new[name]))
    row.zone = new.get("zone", row.zone)
    if "since" in new:
        row.since = new["since"].isoformat() if new["since"] is not None else None
    if "marketplaces" in new and fold.watermarks.get(event.flow, "orders") is not None:
        # Nobody has read the added shops' past: the next cycle begins from the start, where what is known costs little.
        fold.watermarks.take(event.flow, "orders").cursor = ""
    return _NOTHING


def _flow_paused(fold: Fold, event: FlowPaused | FlowResumed, _: Recorded) -> Subject:
    fold.flows.take(event.flow).paused = as_text(event.at) if isinstance(event, FlowPaused) else ""
    return _NOTHING


def _amazon_connected(fold: Fold, event: AmazonConnected, _: Recorded) -> Subject:
    fold.flows.take(event.flow).amazon = "connected"
    return _NOTHING


def _quickbooks_connected(fold: Fold, event: QuickBooksConnected, _: Recorded) -> Subject:
    row = fold.flows.take(event.flow)
    row.quickbooks, row.company = "connected", event.company
    row.realm = row.realm or event.realm
    return _NOTHING


def _connection_lost(fold: Fold, event: ConnectionLost, _: Recorded) -> Subject:
    row = fold.flows.take(event.flow)
    if event.vendor == "amazon":
        row.amazon = "lost"
    else:
        row.quickbooks = "lost"
    return _NOTHING


def _cycle_started(fold: Fold, event: CycleStarted, _: Recorded) -> Subject:
    fold.cycles.take(event.flow, event.cycle).started = as_text(event.at)
    return _NOTHING


def _cycle_ended(fold: Fold, event: CycleFinished | CycleFailed | CycleStopped, _: Recorded) -> Subject:
    row = fold.cycles.take(event.flow, event.cycle)
    row.finished, row.counts = as_text(event.at), _json(event.counts)
    if isinstance(event, CycleFailed):
        row.status, row.error = "failed", event.error
    elif isinstance(event, CycleStopped):
        row.status, row.error = "stopped", event.why
    else:
        row.status = "finished"
    return _NOTHING


def _watermark(fold: Fold, event: WatermarkAdvanced, _: Recorded) -> Subject:
    row = fold.watermarks.take(event.flow, event.source)
    row.cursor, row.seen = event.cursor, _json(event.seen)
    return _NOTHING


def _mapping_missing(fold: Fold, event: MappingMissing, recorded: Recorded) -> Subject:
    row = fold.gaps.take(event.flow, event.key)
    row.first_object, row.amount, row.currency = event.first_object, event.amount, event.currency
    row.status, row.since, row.position = "open", as_text(event.at), recorded.position
    return _NOTHING


def _mapping_found(fold: Fold, event: MappingFound, _: Recorded) -> Subject:
    fold.gaps.take(event.flow, event.key).status = "found"
    return _NOTHING


def _batch_submitted(fold: Fold, event: BatchSubmitted, recorded: Recorded) -> Subject:
    row = fold.batches.take(event.flow, event.batch)
    row.request_id, row.items, row.at, row.position = (
        event.request_id,
        len(event.items),
        as_text(event.at),
        recorded.position,
    )
    return _NOTHING


def _batch_answered(fold: Fold, event: BatchAnswered, _: Recorded) -> Subject:
    fold.batches.take(event.flow, event.batch).status = "answered"
    return _NOTHING


# --- orders --------------------------------------------------------------------------------------------------------


def _order_reported(fold: Fold, event: OrderIngested | OrderAmended | OrderCancelled, _: Recorded) -> Subject:
    order = event.order
    row = fold.orders.take(event.flow, order.order_id)
    row.status, row.marketplace, row.currency, row.total = order.status, order.marketplace, order.currency, order.total
    row.created, row.updated = as_text(order.created), as_text(order.updated)
    parcels = [package.shipped_at for package in order.packages if package.shipped_at is not None]
    row.parcel = as_text(min(parcels)) if parcels else None
    if order.status != "SHIPPED":
        row.seen_before = int(row.seen_before or row.first_shipped is None)
    elif row.first_shipped is None:
        row.first_shipped = row.updated
    row.shipped = _shipped(row)
    row.item_count = len(order.items)
    row.silent = _silent(order, row, fold.flows.get(event.flow))
    return Subject(order.order_id)


def _order_dated(fold: Fold, event: OrderDated, _: Recorded) -> Subject:
    row = fold.orders.take(event.flow, event.order_id)
    posted = as_text(event.posted)
    row.posted = min(posted, row.posted or posted)
    row.shipped = _shipped(row)
    if row.silent in ("", "historical"):
        row.silent = "historical" if _is_historical(row, fold.flows.get(event.flow)) else ""
    return Subject(event.order_id, event.settlement_id)


def _order_settled(fold: Fold, event: OrderSettled, _: Recorded) -> Subject:
    row = fold.orders.take(event.flow, event.order_id)
    settlements: dict[str, int] = msgspec.json.decode(row.settlements)
    settlements[event.settlement_id] = sum(event.amounts.values())
    row.settlements = _json(settlements)
    row.settled = sum(settlements.values())
    return Subject(event.order_id, event.settlement_id, event.posting, row.currency)


def _order_recognised(fold: Fold, event: OrderRecognisedBySettlement, _: Recorded) -> Subject:
    fold.orders.take(event.flow, event.order_id).recognised_by = event.settlement_id
    return Subject(event.order_id, event.settlement_id)


def _order_told(_: Fold, event: OrderNotFound | ParcelsReported, __: Recorded) -> Subject:
    """Part of the order's story; no row says it."""
    return Subject(event.order_id)


def _silent(order: AmazonOrder, row: OrderRow, flow: FlowRow | None) -> str:
    """Why an order that shipped makes no invoice; the same answers as `posting_rules.invoice.invoice_for`."""
    if not order.amazon_channel:
        return "not_amazon"
    if _is_historical(row, flow):
        return "historical"
    if order.total == 0 and order.items:
        return "free"
    billed = (item for item in order.items if not item.cancelled or item.shipped)
    return "" if any(item.parts or item.proceeds for item in billed) else "free"


def _shipped(row: OrderRow) -> str | None:
    """The earliest sign of its shipping; the same answer as `posting_rules.invoice.ship_time`."""
    seen = row.parcel or row.first_shipped
    return min(seen, row.posted) if seen is not None and row.posted is not None else seen


def _is_historical(row: OrderRow, flow: FlowRow | None) -> bool:
    if row.shipped is None or flow is None or flow.since is None:
        return False
    sure = row.seen_before or row.parcel is not None
    day = Flow(zone=flow.zone).day(datetime.fromisoformat(row.shipped if sure else row.created))
    return day < date.fromisoformat(flow.since)


def _reconciliation(row: OrderRow) -> str:
    if row.recognised_by:
        return "recognised"
    match row.invoice_status:
        case "posted":
            if row.settlements == "{}":
                return "invoiced"
            return "settled" if row.settled >= (row.invoice_total or 0) else "part_settled"
        case "planned" | "submitted":
            return "planned"
        case "held" | "rejected":
            return "held"
    if row.status == "CANCELLED":
        return "cancelled"
    if row.silent:
        # Not yet shipped it is only seen: its amounts come when it ships. What is not Amazon's never makes one.
        return "no_post" if row.status == "SHIPPED" or row.silent == "not_amazon" else "seen"
    return "ready" if row.status == "SHIPPED" else "seen"


# --- settlements ---------------------------------------------------------------------------------------------------


def _settlement_lines(fold: Fold, event: SettlementLinesIngested, _: Recorded) -> Subject:
    fold_returns(fold, event)
    fold.named_orders |= {
        (event.flow, order_id, event.settlement_id) for order_id in {line.order_id for line in event.lines} if order_id
    }
    fold_sums(fold, event)
    fold.ledger.lines(event)
    return Subject(settlement_id=event.settlement_id)


def _settlement_closed(fold: Fold, event: SettlementClosed, _: Recorded) -> Subject:
    row = fold.settlements.take(event.flow, event.settlement_id)
    row.currency, row.total, row.lines = event.currency, event.total, event.lines
    row.period_start, row.period_end, row.deposit_date = (
        _maybe(event.start),
        _maybe(event.end),
        _maybe(event.deposit_date),
    )
    row.marketplace, row.dispute, row.content_hash = event.marketplace, "", event.content_hash
    row.received_at = row.received_at or as_text(event.at)
    row.difference = _difference(row)
    return Subject(settlement_id=event.settlement_id)


def _settlement_disputed(fold: Fold, event: SettlementDisputed, _: Recorded) -> Subject:
    row = fold.settlements.take(event.flow, event.settlement_id)
    row.dispute = event.reason
    if row.lines is None:  # never complete: the document's own words are all there is
        row.currency, row.total = event.currency, event.total
    row.received_at = row.received_at or as_text(event.at)
    return Subject(settlement_id=event.settlement_id)


def _settlement_lifted(fold: Fold, event: SettlementDisputeLifted, _: Recorded) -> Subject:
    fold.settlements.take(event.flow, event.settlement_id).dispute = ""
    return Subject(settlement_id=event.settlement_id)


def _about_settlement(fold: Fold, event: SettlementBooked | SettlementUnbooked, _: Recorded) -> Subject:
    return Subject(settlement_id=event.settlement_id)


def _settlement_status(row: SettlementRow, flow: FlowRow | None) -> str:
    if row.dispute:
        return "disputed"
    if row.deposit_status == "posted":
        return "posted"
    if row.deposit_status in ("held", "rejected") or row.payments_held:
        return "held"
    without_deposit = row.total is not None and row.total <= 0 and row.deposit_status in ("", "withdrawn")
    if without_deposit and row.payments_done and not (row.payments_planned or row.payments_underway):
        return "posted"
    if row.deposit_status == "submitted" or row.payments_underway or row.payments_done:
        return "posting"
    if row.deposit_status == "planned" or row.payments_planned:
        return "planned"
    paid_at = row.deposit_date or row.period_end
    if flow is not None and flow.since is not None and paid_at is not None and row.lines is not None:
        if Flow(zone=flow.zone).day(datetime.fromisoformat(paid_at)) < date.fromisoformat(flow.since):
            return "before_start"
    return "received"


def _difference(row: SettlementRow) -> int | None:
    """What QuickBooks deposited less what Amazon states to have paid: must be 0."""
    return None if row.deposit_total is None or row.total is None else row.deposit_total - row.total


# --- finances ------------------------------------------------------------------------------------------------------


def _transaction(fold: Fold, event: TransactionIngested, _: Recorded) -> Subject:
    fold_transaction(fold, event)
    seen = event.transaction
    return Subject(seen.related("ORDER_ID"), seen.related("SETTLEMENT_ID"))


def _transaction_released(fold: Fold, event: TransactionReleased, _: Recorded) -> Subject:
    fold_release(fold, event)
    return _NOTHING


def _group_seen(fold: Fold, event: EventGroupSeen, _: Recorded) -> Subject:
    fold_fact(fold, event, event.group.start, event.group)
    return _NOTHING


def _payout_seen(fold: Fold, event: PayoutSeen, _: Recorded) -> Subject:
    fold_fact(fold, event, event.payout.created, event.payout)
    return Subject(settlement_id=event.payout.settlement_id)


def _summary_seen(fold: Fold, event: SummarySeen, _: Recorded) -> Subject:
    fold_fact(fold, event, None, event.summary)
    return Subject(settlement_id=event.summary.settlement_id)


def _finance_told(fold: Fold, event: BalancesSeen | SourceAvailability, _: Recorded) -> Subject:
    fold_fact(fold, event, None, event)
    return _NOTHING


def _settlement_matched(fold: Fold, event: SettlementMatched, _: Recorded) -> Subject:
    fold_fact(fold, event, None, event)
    return Subject(settlement_id=event.settlement_id)


# --- postings ------------------------------------------------------------------------------------------------------


def _held(fold: Fold, event: PostingHeld, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    if row.status not in ("submitted", "posted"):  # what QuickBooks has, or may have, stays so and needs attention
        _owned(fold, row, -1)
        row.status, row.amount, row.currency = "held", event.amount, event.currency
        _owned(fold, row, +1)
    _give_reasons(fold, row, event.reasons, event.currency, event.at)
    return _subject(row)


def _planned(fold: Fold, event: PostingPlanned, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    document = event.document
    _owned(fold, row, -1)
    row.order_id, row.settlement_id = _document_owner(document)
    if event.operation != "create" and row.status == "posted":
        row.standing_amount, row.standing_day = row.amount, row.day
    row.operation = event.operation if event.operation != "create" else ""
    row.status, row.generation = "planned", event.generation
    row.amount, row.currency, row.day = document.total, document.currency, document.day.isoformat()
    row.planned_at = as_text(event.at)
    row.clearing = cleared_by(document)
    fold.ledger.plan(row, document)
    _owned(fold, row, +1)
    posting = (row.flow, row.kind, row.key)
    fold.dependencies[posting] = [
        DependencyRow(*posting, *_needs(event.kind, name)) for name in dict.fromkeys(event.depends_on)
    ]
    _give_reasons(fold, row, (), row.currency, event.at)
    return _subject(row)


def _withdrawn(fold: Fold, event: PostingWithdrawn, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    _set_status(fold, row, "posted" if row.quickbooks_id else "withdrawn")  # of a change: as QuickBooks has it
    _give_reasons(fold, row, (), row.currency, event.at)
    return _subject(row)


def _submitted(fold: Fold, event: PostingSubmitted, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    _set_status(fold, row, "submitted")
    row.batch = event.batch
    return _subject(row)


def _posted(fold: Fold, event: Posted, recorded: Recorded) -> Subject:
    kind = event.kind if isinstance(event, PostingAmended) else POSTED_KINDS[type(event)]
    row = _posting(fold, kind, event.key, recorded)
    row.operation = ""
    # Its reasons came up after it was sent, and still stand; an amendment settles them.
    attention = row.status in ("submitted", "posted") and not isinstance(event, PostingAmended)
    _owned(fold, row, -1)
    fold.ledger.book(row, event)
    row.status, row.generation = "posted", event.generation
    row.quickbooks_id, row.sync_token = event.quickbooks_id, event.sync_token
    row.amount, row.currency, row.day = event.total, event.currency, event.day.isoformat()
    row.batch, row.item, row.answer = event.batch, event.item, event.answer
    row.posted_at = as_text(event.at)
    row.booked = row.clearing if event.cleared is None else event.cleared
    _owned(fold, row, +1)
    if not attention:
        _give_reasons(fold, row, (), row.currency, event.at)
    return _subject(row)


def _ended(fold: Fold, event: PostingVoided | PostingDeleted, recorded: Recorded) -> Subject:
    """Voided or deleted in QuickBooks: it books nothing any more."""
    row = _posting(fold, event.kind, event.key, recorded)
    _owned(fold, row, -1)
    row.status, row.booked, row.operation = "voided" if isinstance(event, PostingVoided) else "deleted", 0, ""
    row.generation, row.answer = event.generation, event.answer
    fold.ledger.unbook(row)
    _owned(fold, row, +1)
    _give_reasons(fold, row, (), row.currency, event.at)
    return _subject(row)


def _rejected(fold: Fold, event: PostingRejected, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    if row.operation:  # QuickBooks still has it as it was: the refusal of a change needs a person
        _owned(fold, row, -1)
        row.status, row.amount, row.day, row.operation = "posted", row.standing_amount, row.standing_day, ""
        _owned(fold, row, +1)
        _give_reasons(fold, row, (refusal(event.code, event.message, True, row.amount),), row.currency, event.at)
        return _subject(row)
    _set_status(fold, row, "rejected")
    _give_reasons(fold, row, (refusal(event.code, event.message, False, row.amount),), row.currency, event.at)
    return _subject(row)


def _released(fold: Fold, event: PostingReleased, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    _owned(fold, row, -1)
    row.status, row.booked, row.quickbooks_id = "rejected", 0, ""
    fold.ledger.unbook(row)
    _owned(fold, row, +1)
    _give_reasons(fold, row, (), row.currency, event.at)
    return _subject(row)


def _posting(fold: Fold, kind: str, key: str, recorded: Recorded) -> PostingRow:
    row = fold.postings.take(recorded.event.flow, kind, key)
    if not row.stream:
        row.stream = recorded.stream
        row.order_id, row.settlement_id = _owner(kind, key)
    row.position = recorded.position
    return row


def _set_status(fold: Fold, row: PostingRow, status: str) -> None:
    _owned(fold, row, -1)
    row.status = status
    _owned(fold, row, +1)


def _owned(fold: Fold, row: PostingRow, sign: int) -> None:
    """Take what a posting contributes to its order or settlement away (-1) before it changes, add it (+1) after."""
    if not row.status:
        return  # new: whose it is, its plan will tell
    match row.kind:
        case "invoice" | "sales_receipt" | "credit_memo" if row.order_id:
            _owned_by_order(fold.orders.take(row.flow, row.order_id), row, sign)
        case "payment" | "journal" | "refund_receipt" | "purchase" if row.settlement_id:
            settlement = fold.settlements.take(row.flow, row.settlement_id)
            match row.status:
                case "planned":
                    settlement.payments_planned += sign
                case "submitted":
                    settlement.payments_underway += sign
                case "posted":
                    settlement.payments_done += sign
                case "held" | "rejected":
                    settlement.payments_held += sign
            settlement.payments_posted += sign * row.booked
        case "deposit" if sign > 0:
            settlement = fold.settlements.take(row.flow, row.settlement_id)
            settlement.deposit_status = row.status
            settlement.deposit_cleared = row.booked
            settlement.day = row.day
            settlement.quickbooks_id = row.quickbooks_id
            settlement.currency = settlement.currency or row.currency
            settlement.deposit_total = row.amount if row.status == "posted" else None
            settlement.difference = _difference(settlement)


def _owned_by_order(order: OrderRow, row: PostingRow, sign: int) -> None:
    stands = row.status in ("planned", "submitted", "posted")
    if row.kind == "credit_memo":
        order.billed -= sign * row.amount * stands
    else:
        order.billed += sign * row.amount * stands
        order.invoices_planned += sign * (row.status in ("planned", "submitted"))
        order.invoices_done += sign * (row.status == "posted")
        order.invoices_held += sign * (row.status in ("held", "rejected"))
    if sign < 0:
        return
    if row.kind != "credit_memo" and (not order.invoice_key or row.key <= order.invoice_key):
        order.invoice_key, order.invoice_status = row.key, row.status
    if order.invoices_held:
        order.invoice_status = "held" if order.invoice_status != "rejected" else "rejected"
    elif order.invoices_planned:
        order.invoice_status = "planned" if order.invoice_status != "submitted" else "submitted"
    elif order.invoices_done:
        order.invoice_status = "posted"
    order.invoice_total = order.billed if order.invoices_planned or order.invoices_done else None


def _give_reasons(fold: Fold, row: PostingRow, reasons: Sequence[Reason], currency: str, at: datetime) -> None:
    """Replace a posting's reasons; they stand since the first of an unbroken run of them."""
    posting = (row.flow, row.kind, row.key)
    since = row.held_since or as_text(at)
    row.held_since = since if reasons else None
    if reasons or row.reasons:
        fold.held[posting] = [
            HeldRow(
                *posting,
                number,
                reason.code,
                reason.text,
                reason.amount,
                currency,
                reason.waits_for,
                since,
                row.order_id,
                row.settlement_id,
            )
            for number, reason in enumerate(reasons, start=1)
        ]
    row.reasons = len(reasons)


def _subject(row: PostingRow) -> Subject:
    return Subject(
        row.order_id,
        row.settlement_id,
        f"{row.kind}/{row.key}",
        row.currency,
        row.status in ("submitted", "posted"),
    )


def _owner(kind: str, key: str) -> tuple[str, str]:
    """The order and settlement of a posting that was never planned, from its key."""
    if (known := _ORDER_ID.match(key)) is not None:
        return known.group(), ""  # an order's documents, credits and corrections of whatever kind
    if kind == "journal" and _CORRECTION.fullmatch(key) is not None:
        return "", ""  # a correction tells what it corrects; it is of no settlement
    match kind:
        case "invoice":
            known = _ORDER_ID.match(key)
            return (known.group() if known is not None else key), ""
        case "sales_receipt" | "credit_memo":
            known = _ORDER_ID.match(key)
            return (known.group(), "") if known is not None else ("", key.partition("-")[0])
        case "payment" | "journal" | "refund_receipt" | "purchase":
            return "", key.partition("-")[0]
    return "", key


def _document_owner(document: Document) -> tuple[str, str]:
    return getattr(document, "order_id", ""), getattr(document, "settlement_id", "")


def _needs(kind: str, name: str) -> tuple[str, str]:
    """A dependency's kind and key from `kind/key`, or from a bare key of the kind this one builds on."""
    needs_kind, slash, key = name.partition("/")
    return (needs_kind, key) if slash else (_NEEDED_BY_DEFAULT.get(kind, "invoice"), name)


# --- values as columns ---------------------------------------------------------------------------------------------


@lru_cache(maxsize=4_096)  # the events of one transaction share their time
def as_text(at: datetime) -> str:
    """An instant as it stands in a column: ISO 8601, UTC, in an order that is the order of time."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat()


def _maybe(at: datetime | None) -> str | None:
    return as_text(at) if at is not None else None


def _json(value: object) -> str:
    return _encode(value).decode()


def _bank(fold: Fold, event: Event, _: Recorded) -> Subject:
    return BANK_FOLDS[type(event)](fold, event, Subject)


_FOLDS: dict[type[Event], Callable[[Fold, Any, Recorded], Subject]] = {
    FlowCreated: _flow_created,
    FlowConfigured: _flow_configured,
    **dict.fromkeys((FlowPaused, FlowResumed), _flow_paused),
    AmazonConnected: _amazon_connected,
    QuickBooksConnected: _quickbooks_connected,
    ConnectionLost: _connection_lost,
    CycleStarted: _cycle_started,
    CycleFinished: _cycle_ended,
    CycleFailed: _cycle_ended,
    CycleStopped: _cycle_ended,
    WatermarkAdvanced: _watermark,
    MappingMissing: _mapping_missing,
    MappingFound: _mapping_found,
    BatchSubmitted: _batch_submitted,
    BatchAnswered: _batch_answered,
    OrderIngested: _order_reported,
    OrderAmended: _order_reported,
    OrderCancelled: _order_reported,
    OrderSettled: _order_settled,
    OrderDated: _order_dated,
    OrderNotFound: _order_told,
    ParcelsReported: _order_told,
    OrderRecognisedBySettlement: _order_recognised,
    SettlementLinesIngested: _settlement_lines,
    SettlementClosed: _settlement_closed,
    SettlementDisputed: _settlement_disputed,
    SettlementDisputeLifted: _settlement_lifted,
    **dict.fromkeys((SettlementBooked, SettlementUnbooked), _about_settlement),
    TransactionIngested: _transaction,
    TransactionReleased: _transaction_released,
    EventGroupSeen: _group_seen,
    PayoutSeen: _payout_seen,
    SummarySeen: _summary_seen,
    BalancesSeen: _finance_told,
    SourceAvailability: _finance_told,
    SettlementMatched: _settlement_matched,
    PostingHeld: _held,
    PostingPlanned: _planned,
    PostingWithdrawn: _withdrawn,
    PostingReleased: _released,
    PostingSubmitted: _submitted,
    **dict.fromkeys((*POSTED_KINDS, PostingAmended), _posted),
    **dict.fromkeys((PostingVoided, PostingDeleted), _ended),
    PostingRejected: _rejected,
    **dict.fromkeys(BANK_FOLDS, _bank),
}
