"""Refunds as documents of their own, where the policy wants them (accounting.md 2.3 `refund_document`).

`refund_receipt`: one document, Dr refunds, Cr clearing. `credit_memo`, for B2B and VAT credit notes: a credit memo, a
journal that takes the money out of clearing against receivables, and a payment of 0 that sets the two off.
"""

from collections.abc import Mapping as MappingOf
from datetime import date

import msgspec

from domain.document import (
    AppliedInvoice,
    CreditMemo,
    InvoiceLine,
    JournalEntry,
    JournalLine,
    Payment,
    RefundReceipt,
)
from domain.mapping import Mapping, Rule
from domain.order import Order
from domain.posting_rules.dispositions import DirectKey, Sorted
from domain.posting_rules.invoice import customer_key
from domain.posting_rules.order_payments import OrderBill
from domain.posting_rules.planned import NUMBER_LENGTH, Booking, PlannedDocument
from domain.posting_rules.tranches import Days
from domain.settlement import SettlementLine

RECEIVABLES = "AR"
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Refunded = list[tuple[Rule, SettlementLine]]


class RefundDocuments(msgspec.Struct):
    """The documents in the order they are made, and the item keys their lines need, with the money on them."""

    documents: list[PlannedDocument] = []
    items: dict[str, int] = {}


class _Refund(msgspec.Struct, frozen=True):
    """One order's refund: who it is for, when, and its amounts by account (positive: taken from income)."""

    order_id: str
    customer: str
    day: date
    lines: tuple[InvoiceLine, ...]
    total: int
    ordinals: tuple[int, ...]


def refunds_of(
    result: Sorted,
    booking: Booking,
    days: Days,
    known: MappingOf[str, Order],
    bills: MappingOf[str, OrderBill],
    mapping: Mapping,
) -> RefundDocuments:
    """A document for each order's refund. One that is none in sum, or of no known customer, stays a direct line."""
    found = RefundDocuments()
    for (order_id, transaction_type), lines in result.refunds.items():
        refund = _refund(order_id, lines, days, _customer(order_id, booking, known, bills, mapping))
        if refund is None:
            for rule, line in lines:
                result.book(DirectKey(days.of(line), rule.account), line.amount, (line.ordinal,))
            continue
        result.add("DIRECT", -refund.total)
        for one in refund.lines:
            found.items[one.account] = found.items.get(one.account, 0) + one.amount
        kind = "R" if transaction_type.lower().startswith("refund") else transaction_type[:1].upper()
        key = f"{booking.closed.settlement_id}-{kind}-{order_id}"
        if booking.flow.policies.refund_document == "refund_receipt":
            found.documents.append(PlannedDocument(key, _receipt(refund, kind, booking)))
        else:
            found.documents += _credited(key, refund, kind, booking)
    return found


def _refund(order_id: str, lines: Refunded, days: Days, customer: str) -> _Refund | None:
    sums: dict[str, int] = {}
    for rule, line in lines:
        sums[rule.account] = sums.get(rule.account, 0) - line.amount
    total = sum(sums.values())
    if total <= 0 or not customer:
        return None
    made = tuple(
        InvoiceLine(key, amount, f"Refund of order {order_id}") for key, amount in sorted(sums.items()) if amount
    )
    ordinals = tuple(line.ordinal for _, line in lines)
    return _Refund(order_id, customer, max(days.of(line) for _, line in lines), made, total, ordinals)


def _customer(
    order_id: str,
    booking: Booking,
    known: MappingOf[str, Order],
    bills: MappingOf[str, OrderBill],
    mapping: Mapping,
) -> str:
    """The customer of the order's invoice, of its marketplace, or the only one there is in the currency."""
    bill = bills.get(order_id)
    if bill is not None and bill.documents:
        return bill.documents[0].customer
    order = known.get(order_id)
    if order is not None and order.known is not None:
        key = customer_key(order.known.marketplace_id or order.known.marketplace, booking.closed.currency)
        if key in mapping.customers:
            return key
    only = [key for key in mapping.customers if key.endswith(f" {booking.closed.currency}")]
    return only[0] if len(only) == 1 else ""


def _number(refund: _Refund, kind: str, booking: Booking) -> str:
    """At most 21 characters, and another one for the same order in another settlement, nearly always."""
    settlement_id = booking.closed.settlement_id
    digit = _DIGITS[sum(ord(one) * place for place, one in enumerate(settlement_id, 1)) % len(_DIGITS)]
    return f"{kind}{refund.order_id}{digit}"[-NUMBER_LENGTH:]


def _receipt(refund: _Refund, kind: str, booking: Booking) -> RefundReceipt:
    return RefundReceipt(
        number=_number(refund, kind, booking),
        order_id=refund.order_id,
        customer=refund.customer,
        day=refund.day,
        currency=booking.closed.currency,
        clearing=booking.clearing,
        lines=refund.lines,
        total=refund.total,
        settlement_id=booking.closed.settlement_id,
        memo=_memo(booking),
        ordinals=refund.ordinals,
        rate=booking.payout.rate,
    )


def _credited(key: str, refund: _Refund, kind: str, booking: Booking) -> list[PlannedDocument]:
    number, currency, rate = _number(refund, kind, booking), booking.closed.currency, booking.payout.rate
    memo = CreditMemo(
        number=number,
        order_id=refund.order_id,
        customer=refund.customer,
        day=refund.day,
        currency=currency,
        lines=refund.lines,
        total=refund.total,
        settlement_id=booking.closed.settlement_id,
        memo=_memo(booking),
        rate=rate,
    )
    paid_out = JournalEntry(
        number=number,
        day=refund.day,
        currency=currency,
        lines=(
            JournalLine(
                RECEIVABLES, refund.total, f"Refund of order {refund.order_id}", refund.ordinals, refund.customer
            ),
            JournalLine(booking.clearing, -refund.total, _memo(booking)),
        ),
        total=refund.total,
        memo=_memo(booking),
        settlement_id=booking.closed.settlement_id,
        order_id=refund.order_id,
        rate=rate,
    )
    set_off = Payment(
        number=number,
        settlement_id=booking.closed.settlement_id,
        customer=refund.customer,
        day=refund.day,
        currency=currency,
        clearing=booking.clearing,
        applied=(AppliedInvoice(f"journal/{key}", refund.order_id, refund.total),),
        total=0,
        credits=(AppliedInvoice(f"credit_memo/{key}", refund.order_id, refund.total),),
        rate=rate,
    )
    needs = (f"credit_memo/{key}", f"journal/{key}")
    return [PlannedDocument(key, memo), PlannedDocument(key, paid_out), PlannedDocument(key, set_off, needs)]


def _memo(booking: Booking) -> str:
    return f"AMZ-SETTLEMENT {booking.closed.settlement_id}"
