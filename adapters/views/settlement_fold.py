"""Settlements, and what else Amazon says of them. See fold.py."""

from datetime import date, datetime
from typing import TYPE_CHECKING

from adapters.views.bank_fold import fold_returns
from adapters.views.finance_fold import (
    fold_fact,
    fold_release,
    fold_sums,
    fold_transaction,
)
from adapters.views.rows import NOTHING, Subject, as_text, maybe_text
from adapters.views.schema import (
    FlowRow,
    SettlementRow,
)
from application.ports import Recorded
from domain.event_group import (
    BalancesSeen,
    EventGroupSeen,
    PayoutSeen,
    SettlementMatched,
    SourceAvailability,
    SummarySeen,
)
from domain.flow import (
    Flow,
)
from domain.ledger import SettlementBooked, SettlementUnbooked
from domain.settlement import (
    SettlementClosed,
    SettlementDisputed,
    SettlementDisputeLifted,
    SettlementLinesIngested,
)
from domain.transaction import TransactionIngested, TransactionReleased

if TYPE_CHECKING:
    from adapters.views.fold import Fold


def fold_settlement_lines(fold: "Fold", event: SettlementLinesIngested, _: Recorded) -> Subject:
    fold_returns(fold, event)
    fold.named_orders |= {
        (event.flow, order_id, event.settlement_id) for order_id in {line.order_id for line in event.lines} if order_id
    }
    fold_sums(fold, event)
    fold.ledger.lines(event)
    return Subject(settlement_id=event.settlement_id)


def fold_settlement_closed(fold: "Fold", event: SettlementClosed, _: Recorded) -> Subject:
    row = fold.settlements.take(event.flow, event.settlement_id)
    row.currency, row.total, row.lines = event.currency, event.total, event.lines
    row.period_start, row.period_end, row.deposit_date = (
        maybe_text(event.start),
        maybe_text(event.end),
        maybe_text(event.deposit_date),
    )
    row.marketplace, row.dispute, row.content_hash = event.marketplace, "", event.content_hash
    row.received_at = row.received_at or as_text(event.at)
    row.difference = settlement_difference(row)
    return Subject(settlement_id=event.settlement_id)


def fold_settlement_disputed(fold: "Fold", event: SettlementDisputed, _: Recorded) -> Subject:
    row = fold.settlements.take(event.flow, event.settlement_id)
    row.dispute = event.reason
    if row.lines is None:  # never complete: the document's own words are all there is
        row.currency, row.total = event.currency, event.total
    row.received_at = row.received_at or as_text(event.at)
    return Subject(settlement_id=event.settlement_id)


def fold_settlement_lifted(fold: "Fold", event: SettlementDisputeLifted, _: Recorded) -> Subject:
    fold.settlements.take(event.flow, event.settlement_id).dispute = ""
    return Subject(settlement_id=event.settlement_id)


def fold_about_settlement(fold: "Fold", event: SettlementBooked | SettlementUnbooked, _: Recorded) -> Subject:
    return Subject(settlement_id=event.settlement_id)


def settlement_status(row: SettlementRow, flow: FlowRow | None) -> str:
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


def settlement_difference(row: SettlementRow) -> int | None:
    """What QuickBooks deposited less what Amazon states to have paid: must be 0."""
    return None if row.deposit_total is None or row.total is None else row.deposit_total - row.total


def fold_transaction_ingested(fold: "Fold", event: TransactionIngested, _: Recorded) -> Subject:
    fold_transaction(fold, event)
    seen = event.transaction
    return Subject(seen.related("ORDER_ID"), seen.related("SETTLEMENT_ID"))


def fold_transaction_released(fold: "Fold", event: TransactionReleased, _: Recorded) -> Subject:
    fold_release(fold, event)
    return NOTHING


def fold_group_seen(fold: "Fold", event: EventGroupSeen, _: Recorded) -> Subject:
    fold_fact(fold, event, event.group.start, event.group)
    return NOTHING


def fold_payout_seen(fold: "Fold", event: PayoutSeen, _: Recorded) -> Subject:
    fold_fact(fold, event, event.payout.created, event.payout)
    return Subject(settlement_id=event.payout.settlement_id)


def fold_summary_seen(fold: "Fold", event: SummarySeen, _: Recorded) -> Subject:
    fold_fact(fold, event, None, event.summary)
    return Subject(settlement_id=event.summary.settlement_id)


def fold_finance_told(fold: "Fold", event: BalancesSeen | SourceAvailability, _: Recorded) -> Subject:
    fold_fact(fold, event, None, event)
    return NOTHING


def fold_settlement_matched(fold: "Fold", event: SettlementMatched, _: Recorded) -> Subject:
    fold_fact(fold, event, None, event)
    return Subject(settlement_id=event.settlement_id)
