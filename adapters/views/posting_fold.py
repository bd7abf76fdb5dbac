"""Postings, why they wait, and what they contribute to their order or settlement. See fold.py."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from adapters.views.needed import document_owner, owner_of
from adapters.views.rows import Subject, as_text
from adapters.views.schema import (
    DependencyRow,
    HeldRow,
    OrderRow,
    PostingRow,
)
from adapters.views.settlement_fold import settlement_difference
from application.ports import Recorded
from domain.document import cleared_by
from domain.posting import (
    POSTED_KINDS,
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

if TYPE_CHECKING:
    from adapters.views.fold import Fold


_NEEDED_BY_DEFAULT = {"payment": "invoice", "deposit": "payment"}


def fold_held(fold: "Fold", event: PostingHeld, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    if row.status not in ("submitted", "posted"):  # what QuickBooks has, or may have, stays so and needs attention
        _owned(fold, row, -1)
        row.status, row.amount, row.currency = "held", event.amount, event.currency
        _owned(fold, row, +1)
    _give_reasons(fold, row, event.reasons, event.currency, event.at)
    return _subject(row)


def fold_planned(fold: "Fold", event: PostingPlanned, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    document = event.document
    _owned(fold, row, -1)
    row.order_id, row.settlement_id = document_owner(document)
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


def fold_withdrawn(fold: "Fold", event: PostingWithdrawn, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    _set_status(fold, row, "posted" if row.quickbooks_id else "withdrawn")  # of a change: as QuickBooks has it
    _give_reasons(fold, row, (), row.currency, event.at)
    return _subject(row)


def fold_submitted(fold: "Fold", event: PostingSubmitted, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    _set_status(fold, row, "submitted")
    row.batch = event.batch
    return _subject(row)


def fold_posted(fold: "Fold", event: Posted, recorded: Recorded) -> Subject:
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


def fold_ended(fold: "Fold", event: PostingVoided | PostingDeleted, recorded: Recorded) -> Subject:
    """Voided or deleted in QuickBooks: it books nothing any more."""
    row = _posting(fold, event.kind, event.key, recorded)
    _owned(fold, row, -1)
    row.status, row.booked, row.operation = "voided" if isinstance(event, PostingVoided) else "deleted", 0, ""
    row.generation, row.answer = event.generation, event.answer
    fold.ledger.unbook(row)
    _owned(fold, row, +1)
    _give_reasons(fold, row, (), row.currency, event.at)
    return _subject(row)


def fold_rejected(fold: "Fold", event: PostingRejected, recorded: Recorded) -> Subject:
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


def fold_released(fold: "Fold", event: PostingReleased, recorded: Recorded) -> Subject:
    row = _posting(fold, event.kind, event.key, recorded)
    _owned(fold, row, -1)
    row.status, row.booked, row.quickbooks_id = "rejected", 0, ""
    fold.ledger.unbook(row)
    _owned(fold, row, +1)
    _give_reasons(fold, row, (), row.currency, event.at)
    return _subject(row)


def _posting(fold: "Fold", kind: str, key: str, recorded: Recorded) -> PostingRow:
    row = fold.postings.take(recorded.event.flow, kind, key)
    if not row.stream:
        row.stream = recorded.stream
        row.order_id, row.settlement_id = owner_of(kind, key)
    row.position = recorded.position
    return row


def _set_status(fold: "Fold", row: PostingRow, status: str) -> None:
    _owned(fold, row, -1)
    row.status = status
    _owned(fold, row, +1)


def _owned(fold: "Fold", row: PostingRow, sign: int) -> None:
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
            settlement.difference = settlement_difference(settlement)


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


def _give_reasons(fold: "Fold", row: PostingRow, reasons: Sequence[Reason], currency: str, at: datetime) -> None:
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


def _needs(kind: str, name: str) -> tuple[str, str]:
    """A dependency's kind and key from `kind/key`, or from a bare key of the kind this one builds on."""
    needs_kind, slash, key = name.partition("/")
    return (needs_kind, key) if slash else (_NEEDED_BY_DEFAULT.get(kind, "invoice"), name)
