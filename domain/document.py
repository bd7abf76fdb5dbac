"""Accounting documents as the books will show them: each balances when it is built, or is not built.

Amounts are minor units of the document's one currency. A document names accounts, items and customers by our keys
and other documents by their posting; the QuickBooks adapter puts QuickBooks' ids in their place when it sends.
Shapes follow accounting.md 2.4: Invoice at shipment, Payment from receivables to clearing, one Deposit a settlement.
"""

from datetime import date

import msgspec

from domain.errors import Unbalanced


class JournalLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """An amount on an account: debits positive, credits negative. `customer` where the account is receivables.

    `ordinals` are the settlement's lines behind it.
    """

    account: str
    amount: int
    description: str = ""
    ordinals: tuple[int, ...] = ()
    customer: str = ""


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
    """Dr accounts receivable, Cr income by line and `tax_account`. `total` is the lines and `tax`, never negative.

    `tax` is what the seller must remit (accounting.md R6, R8); tax Amazon remits is no part of the document. `rate` is
    the home currency's price of one unit as exact decimal text; empty: QuickBooks' own rate of the day. `units` are
    those it bills, by order item id: `{"05…": ((1, 3),)}` is the second and third; empty: all there are. `corrects` is
    the posting that it supplements.
    """

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
    due_day: date | None = None
    tax: int = 0
    tax_account: str = ""
    rate: str = ""
    units: dict[str, tuple[tuple[int, int], ...]] = {}
    corrects: str = ""

    def __post_init__(self) -> None:
        _must_equal("invoice " + self.number, self.total, self.tax + sum(line.amount for line in self.lines))
        if self.total < 0:
            raise Unbalanced(f"invoice {self.number} has a negative total; QuickBooks takes none")


class AppliedInvoice(msgspec.Struct, frozen=True):
    """How much of a payment an invoice receives; `posting` is the invoice's posting, `order_id` for people."""

    posting: str
    order_id: str
    amount: int


class Payment(msgspec.Struct, frozen=True, tag="payment", omit_defaults=True):
    """Dr clearing, Cr receivables of one customer; `total` must be what the invoices receive, nothing unapplied.

    `credits` are credit memos used up with it: a payment of 0 that has one applies the memo to its invoice.
    """

    number: str
    settlement_id: str
    customer: str
    day: date
    currency: str
    clearing: str
    applied: tuple[AppliedInvoice, ...]
    total: int
    credits: tuple[AppliedInvoice, ...] = ()
    rate: str = ""

    def __post_init__(self) -> None:
        applied = sum(invoice.amount for invoice in self.applied) - sum(memo.amount for memo in self.credits)
        _must_equal("payment " + self.number, self.total, applied)


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
    rate: str = ""

    def __post_init__(self) -> None:
        _must_equal("deposit " + self.settlement_id, self.total, self.cleared + sum(line.amount for line in self.lines))
        if self.total < 0:
            raise Unbalanced(f"deposit {self.settlement_id} has a negative total; QuickBooks takes none")


class JournalEntry(msgspec.Struct, frozen=True, tag="journal", omit_defaults=True):
    """Any accounts; its lines sum to zero. `total` is the sum of the debits, as QuickBooks states it.

    `settlement_id` and `order_id` tell what it belongs to, `corrects` the posting it corrects. The ordinals that no
    line has: `netted_ordinals` cancel out, `cleared_ordinals` move clearing itself (accounting.md 2.4).
    """

    number: str
    day: date
    currency: str
    lines: tuple[JournalLine, ...]
    total: int
    memo: str = ""
    settlement_id: str = ""
    order_id: str = ""
    corrects: str = ""
    netted_ordinals: tuple[int, ...] = ()
    cleared_ordinals: tuple[int, ...] = ()
    rate: str = ""

    def __post_init__(self) -> None:
        _must_equal("journal " + self.number, 0, sum(line.amount for line in self.lines))
        _must_equal("journal " + self.number, self.total, sum(line.amount for line in self.lines if line.amount > 0))


class CreditMemo(msgspec.Struct, frozen=True, tag="credit_memo", omit_defaults=True):
    """Dr what the invoice credited, Cr receivables; its lines are positive where they take income away.

    `invoice` is the posting it is applied to, by a payment of 0 (accounting.md R7, R11).
    """

    number: str
    order_id: str
    customer: str
    day: date
    currency: str
    lines: tuple[InvoiceLine, ...]
    total: int
    invoice: str = ""
    settlement_id: str = ""
    memo: str = ""
    tax: int = 0
    tax_account: str = ""
    rate: str = ""

    def __post_init__(self) -> None:
        _must_equal("credit memo " + self.number, self.total, self.tax + sum(line.amount for line in self.lines))
        if self.total < 0:
            raise Unbalanced(f"credit memo {self.number} has a negative total; QuickBooks takes none")


class RefundReceipt(msgspec.Struct, frozen=True, tag="refund_receipt", omit_defaults=True):
    """Dr refunds by line, Cr `clearing`: the policy that shows each refund as a document of its own.

    `corrects` is the sales receipt that it takes back, in part or whole.
    """

    number: str
    order_id: str
    customer: str
    day: date
    currency: str
    clearing: str
    lines: tuple[InvoiceLine, ...]
    total: int
    settlement_id: str = ""
    memo: str = ""
    ordinals: tuple[int, ...] = ()
    rate: str = ""
    corrects: str = ""

    def __post_init__(self) -> None:
        _must_equal("refund receipt " + self.number, self.total, sum(line.amount for line in self.lines))
        if self.total < 0:
            raise Unbalanced(f"refund receipt {self.number} has a negative total; QuickBooks takes none")


class SalesReceipt(msgspec.Struct, frozen=True, tag="sales_receipt", omit_defaults=True):
    """Dr `clearing`, Cr income by line: the policy that shows an order as paid when it ships."""

    number: str
    order_id: str
    customer: str
    day: date
    currency: str
    clearing: str
    lines: tuple[InvoiceLine, ...]
    total: int
    settlement_id: str = ""
    memo: str = ""
    tracking_number: str = ""
    ship_day: date | None = None
    ship_method: str = ""
    tax: int = 0
    tax_account: str = ""
    rate: str = ""
    units: dict[str, tuple[tuple[int, int], ...]] = {}
    corrects: str = ""

    def __post_init__(self) -> None:
        _must_equal("sales receipt " + self.number, self.total, self.tax + sum(line.amount for line in self.lines))
        if self.total < 0:
            raise Unbalanced(f"sales receipt {self.number} has a negative total; QuickBooks takes none")


class Purchase(msgspec.Struct, frozen=True, tag="purchase", omit_defaults=True):
    """Dr by line, Cr the account that paid (`paid_from`): a card that Amazon charged (accounting.md R21)."""

    number: str
    settlement_id: str
    day: date
    currency: str
    paid_from: str
    lines: tuple[JournalLine, ...]
    total: int
    memo: str = ""
    rate: str = ""

    def __post_init__(self) -> None:
        _must_equal("purchase " + self.number, self.total, sum(line.amount for line in self.lines))
        if self.total < 0:
            raise Unbalanced(f"purchase {self.number} has a negative total; QuickBooks takes none")


Document = Invoice | Payment | Deposit | JournalEntry | CreditMemo | RefundReceipt | SalesReceipt | Purchase


UNDEPOSITED = "UNDEP"  # the account key of QuickBooks' Undeposited Funds


def linked_payments(deposit: Deposit) -> dict[int, str]:
    """The postings of the payments that a deposit takes out of undeposited funds, by the place of their line."""
    places = [place for place, line in enumerate(deposit.lines) if line.account == UNDEPOSITED]
    if len(places) != len(deposit.payments):
        return {}
    return {place: f"payment/{key}" for place, key in zip(places, deposit.payments, strict=True)}


def debits_and_credits(document: Document) -> list[tuple[str, int]]:
    """The document as ledger lines by account key: debits positive, credits negative; they sum to zero."""
    match document:
        case Invoice():
            lines = [("AR", document.total), *_credits(document)]
        case Payment():
            lines = [(document.clearing, document.total), ("AR", -document.total)]
        case Deposit():
            lines = [
                (f"BANK:{document.bank}", document.total),
                (document.clearing, -document.cleared),
                *((line.account, -line.amount) for line in document.lines),
            ]
        case JournalEntry():
            lines = [(line.account, line.amount) for line in document.lines]
        case CreditMemo():
            lines = [*((key, -amount) for key, amount in _credits(document)), ("AR", -document.total)]
        case RefundReceipt():
            lines = [*((line.account, line.amount) for line in document.lines), (document.clearing, -document.total)]
        case SalesReceipt():
            lines = [(document.clearing, document.total), *_credits(document)]
        case Purchase():
            lines = [*((line.account, line.amount) for line in document.lines), (document.paid_from, -document.total)]
    _must_equal(type(document).__name__, 0, sum(amount for _, amount in lines))
    return lines


def cleared_by(document: Document) -> int:
    """What a document moves through its clearing account by itself: debits positive; a deposit what it takes out."""
    match document:
        case Payment() | SalesReceipt():
            return document.total
        case Deposit():
            return document.cleared
        case RefundReceipt():
            return -document.total
        case JournalEntry() | Purchase():
            return sum(line.amount for line in document.lines if line.account.partition(":")[0] == "CLR")
        case Invoice() | CreditMemo():
            return 0


def _credits(document: Invoice | CreditMemo | SalesReceipt) -> list[tuple[str, int]]:
    lines = [(line.account, -line.amount) for line in document.lines]
    return [*lines, (document.tax_account, -document.tax)] if document.tax else lines


def _must_equal(what: str, stated: int, computed: int) -> None:
    if stated != computed:
        raise Unbalanced(f"{what} does not balance: states {stated}, its lines make {computed} (minor units)")
