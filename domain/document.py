"""Accounting documents as the books will show them: each balances when it is built, or is not built.

Amounts are minor units of the document's one currency. A document names accounts, items and customers by our keys
and other documents by their posting; the QuickBooks adapter puts QuickBooks' ids in their place when it sends.
Shapes follow accounting.md 2.4: Invoice at shipment, Payment from receivables to clearing, one Deposit a settlement.
"""

from datetime import date

import msgspec

from domain.errors import Unbalanced


class InvoiceLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """An amount on an invoice, booked through the item of `account`; a promotion is negative.

    `component` is Amazon's word for it (ITEM, SHIPPING, DISCOUNT/ITEM, ...): a settlement pays it by that.
    """

    account: str
    amount: int
    description: str = ""
    quantity: int = 0
    sku: str = ""
    component: str = ""


class Invoice(msgspec.Struct, frozen=True, tag="invoice", omit_defaults=True):
    """Dr accounts receivable, Cr income by line. `total` must be the sum of the lines and not negative."""

    number: str
    order_id: str
    customer: str
    day: date
    currency: str
    lines: tuple[InvoiceLine, ...]
    total: int
    memo: str = ""
    tracking_number: str = ""
    ship_day: date | None = None
    ship_method: str = ""

    def __post_init__(self) -> None:
        _must_equal("invoice " + self.number, self.total, sum(line.amount for line in self.lines))
        if self.total < 0:
            raise Unbalanced(f"invoice {self.number} has a negative total; QuickBooks takes none")


class AppliedInvoice(msgspec.Struct, frozen=True):
    """How much of a payment an invoice receives; `posting` is the invoice's posting, `order_id` for people."""

    posting: str
    order_id: str
    amount: int


class Payment(msgspec.Struct, frozen=True, tag="payment", omit_defaults=True):
    """Dr clearing, Cr receivables of one customer; `total` must be what the invoices receive, nothing unapplied."""

    number: str
    settlement_id: str
    customer: str
    day: date
    currency: str
    clearing: str
    applied: tuple[AppliedInvoice, ...]
    total: int

    def __post_init__(self) -> None:
        _must_equal("payment " + self.number, self.total, sum(invoice.amount for invoice in self.applied))


class DepositLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """An amount on a deposit, signed from the bank's side: income is positive, a fee negative.

    `ordinals` are the settlement's lines behind it, so that a cent can be walked back to Amazon's row.
    """

    account: str
    amount: int
    description: str
    ordinals: tuple[int, ...] = ()


class Deposit(msgspec.Struct, frozen=True, tag="deposit", omit_defaults=True):
    """Dr bank `total`; Cr clearing what other documents booked, Cr or Dr the direct lines.

    The clearing line is computed twice, as the total less the direct lines and as the sum of what was booked against
    clearing, and must agree: it is never a plug (accounting.md 2.4).
    """

    settlement_id: str
    day: date
    currency: str
    bank: str
    clearing: str
    cleared: int
    lines: tuple[DepositLine, ...]
    total: int
    netted_ordinals: tuple[int, ...] = ()
    cleared_ordinals: tuple[int, ...] = ()
    payments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _must_equal("deposit " + self.settlement_id, self.total, self.cleared + sum(line.amount for line in self.lines))
        if self.total < 0:
            raise Unbalanced(f"deposit {self.settlement_id} has a negative total; QuickBooks takes none")


Document = Invoice | Payment | Deposit


def debits_and_credits(document: Document) -> list[tuple[str, int]]:
    """The document as ledger lines by account key: debits positive, credits negative; they sum to zero."""
    match document:
        case Invoice():
            lines = [("AR", document.total), *((line.account, -line.amount) for line in document.lines)]
        case Payment():
            lines = [(document.clearing, document.total), ("AR", -document.total)]
        case Deposit():
            lines = [
                (f"BANK:{document.bank}", document.total),
                (document.clearing, -document.cleared),
                *((line.account, -line.amount) for line in document.lines),
            ]
    _must_equal(type(document).__name__, 0, sum(amount for _, amount in lines))
    return lines


def _must_equal(what: str, stated: int, computed: int) -> None:
    if stated != computed:
        raise Unbalanced(f"{what} does not balance: states {stated}, its lines make {computed} (minor units)")
