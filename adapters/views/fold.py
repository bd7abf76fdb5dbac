"""A batch of events folded into changes of rows: pure, so that any cut of the log into batches gives the same tables.

`Fold` is given the rows a batch touches (`needed` and `needed_by_postings` say which), changes them in memory event by
event, and holds at the end what is to be written: each row once, however often it changed.
"""

from collections.abc import Callable, Iterable
from typing import Any

from adapters.views.bank_fold import BANK_FOLDS, BankRows, bank_difference, bank_status
from adapters.views.finance_fold import (
    FinanceRows,
)
from adapters.views.flow_fold import (
    fold_amazon_connected,
    fold_batch_answered,
    fold_batch_submitted,
    fold_connection_lost,
    fold_cycle_ended,
    fold_cycle_started,
    fold_flow_configured,
    fold_flow_created,
    fold_flow_paused,
    fold_mapping_found,
    fold_mapping_missing,
    fold_quickbooks_connected,
    fold_watermark,
)
from adapters.views.ledger import Ledger
from adapters.views.order_fold import (
    fold_order_dated,
    fold_order_recognised,
    fold_order_reported,
    fold_order_settled,
    fold_order_told,
    order_reconciliation,
)
from adapters.views.posting_fold import (
    fold_ended,
    fold_held,
    fold_planned,
    fold_posted,
    fold_rejected,
    fold_released,
    fold_submitted,
    fold_withdrawn,
)
from adapters.views.rows import NOTHING, PostingKey, Rows, Subject, as_text
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
    WatermarkRow,
)
from adapters.views.settlement_fold import (
    fold_about_settlement,
    fold_finance_told,
    fold_group_seen,
    fold_payout_seen,
    fold_settlement_closed,
    fold_settlement_disputed,
    fold_settlement_lifted,
    fold_settlement_lines,
    fold_settlement_matched,
    fold_summary_seen,
    fold_transaction_ingested,
    fold_transaction_released,
    settlement_status,
)
from adapters.views.words import in_words
from application.ports import Recorded
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
    PostingAmended,
    PostingDeleted,
    PostingHeld,
    PostingPlanned,
    PostingRejected,
    PostingReleased,
    PostingSubmitted,
    PostingVoided,
    PostingWithdrawn,
)
from domain.settlement import (
    SettlementClosed,
    SettlementDisputed,
    SettlementDisputeLifted,
    SettlementLinesIngested,
)
from domain.transaction import TransactionIngested, TransactionReleased


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
            about = fold(self, event, recorded) if fold is not None else NOTHING
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
            order.reconciliation = order_reconciliation(order)
        for settlement in self.settlements.changed.values():
            settlement.status = settlement_status(settlement, self.flows.get(settlement.flow))
            settlement.bank_difference = bank_difference(settlement)
            settlement.bank_status = bank_status(settlement)


def _bank(fold: Fold, event: Event, _: Recorded) -> Subject:
    return BANK_FOLDS[type(event)](fold, event, Subject)


_FOLDS: dict[type[Event], Callable[[Fold, Any, Recorded], Subject]] = {
    FlowCreated: fold_flow_created,
    FlowConfigured: fold_flow_configured,
    **dict.fromkeys((FlowPaused, FlowResumed), fold_flow_paused),
    AmazonConnected: fold_amazon_connected,
    QuickBooksConnected: fold_quickbooks_connected,
    ConnectionLost: fold_connection_lost,
    CycleStarted: fold_cycle_started,
    CycleFinished: fold_cycle_ended,
    CycleFailed: fold_cycle_ended,
    CycleStopped: fold_cycle_ended,
    WatermarkAdvanced: fold_watermark,
    MappingMissing: fold_mapping_missing,
    MappingFound: fold_mapping_found,
    BatchSubmitted: fold_batch_submitted,
    BatchAnswered: fold_batch_answered,
    OrderIngested: fold_order_reported,
    OrderAmended: fold_order_reported,
    OrderCancelled: fold_order_reported,
    OrderSettled: fold_order_settled,
    OrderDated: fold_order_dated,
    OrderNotFound: fold_order_told,
    ParcelsReported: fold_order_told,
    OrderRecognisedBySettlement: fold_order_recognised,
    SettlementLinesIngested: fold_settlement_lines,
    SettlementClosed: fold_settlement_closed,
    SettlementDisputed: fold_settlement_disputed,
    SettlementDisputeLifted: fold_settlement_lifted,
    **dict.fromkeys((SettlementBooked, SettlementUnbooked), fold_about_settlement),
    TransactionIngested: fold_transaction_ingested,
    TransactionReleased: fold_transaction_released,
    EventGroupSeen: fold_group_seen,
    PayoutSeen: fold_payout_seen,
    SummarySeen: fold_summary_seen,
    BalancesSeen: fold_finance_told,
    SourceAvailability: fold_finance_told,
    SettlementMatched: fold_settlement_matched,
    PostingHeld: fold_held,
    PostingPlanned: fold_planned,
    PostingWithdrawn: fold_withdrawn,
    PostingReleased: fold_released,
    PostingSubmitted: fold_submitted,
    **dict.fromkeys((*POSTED_KINDS, PostingAmended), fold_posted),
    **dict.fromkeys((PostingVoided, PostingDeleted), fold_ended),
    PostingRejected: fold_rejected,
    **dict.fromkeys(BANK_FOLDS, _bank),
}
