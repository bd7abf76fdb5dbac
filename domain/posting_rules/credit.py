"""What an order earns otherwise than its documents in QuickBooks say, and the documents that set it right.

Of a document that may not be changed any more (paid, or of a closed month) what it books too much is credited, by
component, and applied to it by a payment of 0; what it books too little is invoiced beside it (accounting.md R7, R11).
"""

import re
from collections.abc import Iterable
from datetime import date

import msgspec

from domain.document import (
    AppliedInvoice,
    CreditMemo,
    Document,
    Invoice,
    InvoiceLine,
    Payment,
    RefundReceipt,
    SalesReceipt,
)
from domain.posting_rules.invoice import OrderDocument

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MOST_CREDITS = 35
_CREDIT_KEY = re.compile(r"(\d{3}-\d{7}-\d{7})C[1-9A-Z]")


class Difference(msgspec.Struct, frozen=True):
    """What is to be added to a document, by component and account, signed as an invoice has it; tax apart."""

    lines: tuple[InvoiceLine, ...] = ()
    tax: int = 0

    @property
    def is_none(self) -> bool:
        return not (self.lines or self.tax)

    @property
    def amount(self) -> int:
        """Negative where money is to be credited."""
        return sum(line.amount for line in self.lines) + self.tax


def difference(expected: OrderDocument | None, standing: OrderDocument, others: Iterable[Document]) -> Difference:
    """What is amiss with a document beside `others` (its credits and supplements); `expected` None: it books nothing.

    A component that another account would take today is no difference: that is the mapping's (accounting.md 7.2).
    """
    booked: dict[str, int] = {}
    accounts: dict[str, str] = {}
    tax = standing.tax
    for line in standing.lines:
        _count(booked, accounts, line, +1)
    for other in others:
        if isinstance(other, CreditMemo | RefundReceipt | Invoice | SalesReceipt):
            sign = -1 if isinstance(other, CreditMemo | RefundReceipt) else +1
            tax += sign * getattr(other, "tax", 0)
            for line in other.lines:
                _count(booked, accounts, line, sign)
    wanted: dict[str, int] = {}
    by_component = any(line.component for line in standing.lines)
    for line in expected.lines if expected is not None else ():
        name = line.component if by_component else line.account
        wanted[name] = wanted.get(name, 0) + line.amount
        accounts.setdefault(name, line.account)
    lines = []
    for name in [*booked, *(name for name in wanted if name not in booked)]:
        change = wanted.get(name, 0) - booked.get(name, 0)
        if change:
            component = name if by_component else ""
            lines.append(InvoiceLine(accounts[name], change, _words(name), component=component))
    return Difference(tuple(lines), (expected.tax if expected is not None else 0) - tax)


def _count(booked: dict[str, int], accounts: dict[str, str], line: InvoiceLine, sign: int) -> None:
    name = line.component or line.account
    booked[name] = booked.get(name, 0) + sign * line.amount
    accounts.setdefault(name, line.account)


def _words(name: str) -> str:
    return f"{name.replace('/', ' of ').replace('_', ' ').title()} changed by Amazon"


def credit_for(
    standing: OrderDocument, key: str, number: str, amiss: Difference, day: date, clearing: str, why: str
) -> CreditMemo | RefundReceipt:
    """What takes away what `standing` (posting key `key`) books too much: of a receipt, money given back."""
    memo = f"AMZ-ORDER {standing.order_id}; credits {standing.number}; {why}"
    lines = tuple(msgspec.structs.replace(line, amount=-line.amount) for line in amiss.lines)
    if isinstance(standing, SalesReceipt):
        if amiss.tax:
            lines = (*lines, InvoiceLine(standing.tax_account, -amiss.tax, "Tax"))
        return RefundReceipt(
            number=number,
            order_id=standing.order_id,
            customer=standing.customer,
            day=max(day, standing.day),
            currency=standing.currency,
            clearing=clearing,
            lines=lines,
            total=-amiss.amount,
            memo=memo,
            rate=standing.rate,
            corrects=f"sales_receipt/{key}",
        )
    return CreditMemo(
        number=number,
        order_id=standing.order_id,
        customer=standing.customer,
        day=max(day, standing.day),
        currency=standing.currency,
        lines=lines,
        total=-amiss.amount,
        invoice=f"invoice/{key}",
        memo=memo,
        tax=-amiss.tax,
        tax_account=standing.tax_account if amiss.tax else "",
        rate=standing.rate,
    )


def applying(memo: CreditMemo, key: str, clearing: str) -> Payment:
    """The payment of 0 that uses a credit memo (posting key `key`) up on its invoice."""
    return Payment(
        number=memo.number,
        settlement_id="",
        customer=memo.customer,
        day=memo.day,
        currency=memo.currency,
        clearing=clearing,
        applied=(AppliedInvoice(memo.invoice, memo.order_id, memo.total),),
        total=0,
        credits=(AppliedInvoice(f"credit_memo/{key}", memo.order_id, memo.total),),
        rate=memo.rate,
    )


def supplement_for(standing: OrderDocument, key: str, number: str, amiss: Difference, day: date) -> OrderDocument:
    """A document beside `standing` (posting key `key`) for what it books too little."""
    kind = "sales_receipt" if isinstance(standing, SalesReceipt) else "invoice"
    return msgspec.structs.replace(
        standing,
        number=number,
        day=max(day, standing.day),
        lines=amiss.lines,
        total=amiss.amount,
        tax=amiss.tax,
        tax_account=standing.tax_account if amiss.tax else "",
        memo=f"AMZ-ORDER {standing.order_id}; supplements {standing.number}",
        units={},
        corrects=f"{kind}/{key}",
    )


def credit_key(order_id: str, number: int) -> str:
    """The key and number of an order's credits: `113-1234567-1234567C1`, 21 characters."""
    return f"{order_id}C{_DIGITS[number]}"


def order_of_credit(key: str) -> str:
    """The order whose credit, or payment of 0, bears this key; empty of any other key."""
    known = _CREDIT_KEY.fullmatch(key)
    return known.group(1) if known is not None else ""


def corrects(document: Document | None) -> str:
    """The posting that a credit or a supplement sets right; empty of any other document."""
    match document:
        case CreditMemo():
            return document.invoice if not document.settlement_id else ""
        case RefundReceipt() | Invoice() | SalesReceipt():
            return document.corrects
    return ""
