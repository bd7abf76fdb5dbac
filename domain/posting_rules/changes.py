"""What a new look at an order does to its invoice: planned, planned anew, held, withdrawn, or flagged in QuickBooks.

A document that QuickBooks has, or may have, is never replaced here; what Amazon changed about it is a difference that
a person sees. What QuickBooks refused is not sent again until something about it has changed.
"""

from collections.abc import Sequence

from domain.document import Document, Invoice
from domain.event import Event, Stamp
from domain.order import Order
from domain.posting import Posting, PostingWithdrawn, Reason, hold, plan, settled
from domain.posting_rules.held import Held
from domain.posting_rules.invoice import NothingToPost


def invoice_events(
    order_id: str,
    order: Order,
    outcome: Invoice | Held | NothingToPost,
    posting: Posting,
    mapping_version: int,
    stamp: Stamp,
    retry: bool,
) -> list[Event]:
    """What happens to an order's invoice: planned, held, withdrawn, or flagged where QuickBooks has it already."""
    booked_directly = isinstance(outcome, NothingToPost) and outcome.why in ("recognised", "historical")
    if order.settled and not posting.is_final and not booked_directly:
        # A settlement pays this invoice already: it may be planned anew, never below what is paid or away.
        held = _below_what_is_settled(order_id, order, outcome, posting.document)
        if held is not None:
            return hold("invoice", order_id, held.reasons, held.amount, held.currency, posting, stamp)
    match outcome:
        case Invoice():
            if not posting.is_final:
                return plan_unless_refused(outcome, order_id, (), posting, mapping_version, stamp, retry)
            if isinstance(posting.document, Invoice) and _same_money(outcome, posting.document):
                return _dated(outcome, posting.document, posting, stamp)
            standing = posting.document.total if posting.document is not None else 0
            text = (
                f"Amazon changed order {order_id} after its invoice was posted; QuickBooks still shows the former one"
            )
            reason = Reason("amended_after_invoicing", text, outcome.total - standing)
            return hold("invoice", order_id, [reason], outcome.total, outcome.currency, posting, stamp)
        case Held():
            reasons = outcome.reasons
            if posting.is_final:
                text = f"Amazon changed order {order_id} after its invoice was posted"
                reasons = (Reason("amended_after_invoicing", text, outcome.amount), *reasons)
            return hold("invoice", order_id, reasons, outcome.amount, outcome.currency, posting, stamp)
        case NothingToPost():
            if posting.is_final:
                document = posting.document
                total = document.total if document is not None else 0
                currency = document.currency if document is not None else ""
                reason = _no_longer_invoiced(order_id, outcome.why, total)
                return hold("invoice", order_id, [reason], total, currency, posting, stamp)
            if posting.status in ("planned", "held", "rejected"):
                return [PostingWithdrawn(kind="invoice", key=order_id, why=outcome.why, **stamp.fields())]
            return []


def _no_longer_invoiced(order_id: str, why: str, total: int) -> Reason:
    """QuickBooks has the invoice of an order that makes none any more."""
    if why == "cancelled":
        text = f"Amazon cancelled order {order_id} after its invoice was posted; it must be voided or credited"
        return Reason("cancelled_after_invoicing", text, total)
    words = {
        "waiting": "it has not shipped",
        "historical": "it shipped before the flow's first day",
        "not_amazon": "it is no sale of Amazon's",
    }.get(why, "it has nothing to invoice")
    text = f"Amazon changed order {order_id} after its invoice was posted: {words}; QuickBooks still shows the invoice"
    return Reason("amended_after_invoicing", text, -total)


def _dated(new: Invoice, standing: Invoice, posting: Posting, stamp: Stamp) -> list[Event]:
    """The same money; in another month it is a difference that a person sees."""
    if (new.day.year, new.day.month) == (standing.day.year, standing.day.month):
        return settled("invoice", new.order_id, posting, stamp)
    text = f"the invoice of order {new.order_id} is dated {standing.day}; Amazon now says it shipped on {new.day}"
    reason = Reason("dated_otherwise", text, standing.total)
    return hold("invoice", new.order_id, [reason], standing.total, standing.currency, posting, stamp)


def _below_what_is_settled(
    order_id: str, order: Order, outcome: Invoice | Held | NothingToPost, standing: Document | None
) -> Held | None:
    """Why an order's invoice cannot carry what settlements pay of it; None if it can."""
    if isinstance(outcome, Held):
        return outcome
    if isinstance(outcome, Invoice) and isinstance(standing, Invoice) and _charged(outcome) == _charged(standing):
        return None  # as it was when it was settled; at most its accounts are others
    invoiced: dict[str, int] = {}
    if isinstance(outcome, Invoice):
        for line in outcome.lines:
            invoiced[line.account] = invoiced.get(line.account, 0) + line.amount
    paid: dict[str, int] = {}
    for amounts in order.settled.values():
        for key, amount in amounts.items():
            paid[key] = paid.get(key, 0) + amount
    total = sum(paid.values())
    if total <= sum(invoiced.values()) and all(
        abs(amount) <= abs(invoiced.get(key, 0)) for key, amount in paid.items()
    ):
        return None
    currency = order.known.currency if order.known is not None else ""
    text = (
        f"Amazon changed or cancelled order {order_id} after a settlement paid it; the two must be looked at together"
    )
    return Held((Reason("amended_after_settling", text, total),), total, currency)


def plan_unless_refused(
    document: Document,
    key: str,
    depends_on: Sequence[str],
    posting: Posting,
    mapping_version: int,
    stamp: Stamp,
    retry: bool,
) -> list[Event]:
    """Plan, but not again what QuickBooks refused, until something about it changes, nor what waits for a word."""
    if posting.is_contested:
        return []
    refused = posting.status == "rejected" and not posting.lost
    if refused and not retry and posting.document == document and posting.mapping_version == mapping_version:
        return []
    return plan(document, key, depends_on, posting, mapping_version, stamp)


def _charged(invoice: Invoice) -> object:
    return invoice.customer, invoice.currency, sorted((line.component, line.amount) for line in invoice.lines)


def _same_money(new: Invoice, standing: Invoice) -> bool:
    """Whether two invoices book the same: parcels and notes may differ, amounts, accounts and customer may not."""

    def booked(invoice: Invoice) -> object:
        return invoice.customer, invoice.currency, [(line.account, line.amount, line.sku) for line in invoice.lines]

    return booked(new) == booked(standing)
