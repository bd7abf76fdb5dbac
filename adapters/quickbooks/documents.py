"""Documents as QuickBooks takes them, each by its own explicit builder (accounting.md 2.4, quickbooks.md 5 and 6).

A change of a document that stands is sent with the version that was just read; its lines are always whole, since
QuickBooks takes away what a list of lines leaves out.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from adapters.quickbooks.marks import bears_mark, note_marker, number
from adapters.quickbooks.wire import ENTITIES, TEXT_LENGTH, amount, text
from application.ports import References, Write
from domain.document import (
    AppliedInvoice,
    CreditMemo,
    Deposit,
    Document,
    Invoice,
    InvoiceLine,
    JournalEntry,
    JournalLine,
    Payment,
    Purchase,
    RefundReceipt,
    SalesReceipt,
    linked_payments,
)
from domain.errors import BadInput
from domain.mapping import QuickBooksRef
from domain.money import exponent
from domain.posting import kind_of

Body = dict[str, Any]
_LINKED = {"invoice": "Invoice", "credit_memo": "CreditMemo"}


def batch_body(writes: Sequence[Write], references: References) -> bytes:
    """The exact bytes of a batch; the same writes make the same bytes.

    Raises BadInput where something a document names has no id in QuickBooks, or a number is too long.
    """
    return msgspec.json.encode({"BatchItemRequest": [_item(write, references) for write in writes]})


def _item(write: Write, references: References) -> Body:
    entity = ENTITIES[kind_of(write.document)]
    if write.operation == "create":
        value, operation = _built(write.document, references), "create"
    else:
        value, operation = {"Id": write.quickbooks_id, "SyncToken": write.sync_token}, "update"
    if write.operation == "amend":
        # What a sparse update leaves out stays as it was: a tax that is no more must be said to be nothing.
        value |= {"sparse": True, **_no_tax(write.document), **_built(write.document, references)}
    if write.operation in ("create", "amend") and entity != "Payment":
        value |= _tax_calculation(write.document, references)
    item: Body = {"bId": write.item, "operation": operation, entity: value}
    if write.operation == "delete":
        item["operation"] = "delete"
    elif write.operation == "void":
        value["sparse"] = True
        item["optionsData"] = "void"
    return item


def _built(document: Document, references: References) -> Body:
    match document:
        case Invoice():
            return _invoice(document, references)
        case Payment():
            return _payment(document, references)
        case Deposit():
            return _deposit(document, references)
        case JournalEntry():
            return _journal(document, references)
        case CreditMemo():
            return _credit_memo(document, references)
        case RefundReceipt():
            return _refund_receipt(document, references)
        case SalesReceipt():
            return _sales_receipt(document, references)
        case Purchase():
            return _purchase(document, references)


def _invoice(invoice: Invoice, references: References) -> Body:
    value: Body = {
        "TxnDate": invoice.day.isoformat(),
        "CustomerRef": _reference(references.customers, invoice.customer, "customer"),
        "Line": _item_lines(invoice.lines, invoice.currency, bool(invoice.tax), references),
        "PrivateNote": _note(invoice, invoice.memo),
        "AllowOnlineCreditCardPayment": False,
        "AllowOnlineACHPayment": False,
        **_numbered(invoice, references),
        **_currency(invoice, references),
        **_tax(invoice.tax, invoice.currency),
        **_shipping(invoice),
    }
    if invoice.due_day is not None:
        value["DueDate"] = invoice.due_day.isoformat()
    return value


def _credit_memo(memo: CreditMemo, references: References) -> Body:
    return {
        "TxnDate": memo.day.isoformat(),
        "CustomerRef": _reference(references.customers, memo.customer, "customer"),
        "Line": _item_lines(memo.lines, memo.currency, bool(memo.tax), references),
        "PrivateNote": _note(memo, memo.memo),
        **_numbered(memo, references),
        **_currency(memo, references),
        **_tax(memo.tax, memo.currency),
    }


def _refund_receipt(receipt: RefundReceipt, references: References) -> Body:
    return {
        "TxnDate": receipt.day.isoformat(),
        "CustomerRef": _reference(references.customers, receipt.customer, "customer"),
        "DepositToAccountRef": _account(references, receipt.clearing),
        "Line": _item_lines(receipt.lines, receipt.currency, False, references),
        "PrivateNote": _note(receipt, receipt.memo),
        **_numbered(receipt, references),
        **_currency(receipt, references),
    }


def _sales_receipt(receipt: SalesReceipt, references: References) -> Body:
    return {
        "TxnDate": receipt.day.isoformat(),
        "CustomerRef": _reference(references.customers, receipt.customer, "customer"),
        "DepositToAccountRef": _account(references, receipt.clearing),
        "Line": _item_lines(receipt.lines, receipt.currency, bool(receipt.tax), references),
        "PrivateNote": _note(receipt, receipt.memo),
        **_numbered(receipt, references),
        **_currency(receipt, references),
        **_tax(receipt.tax, receipt.currency),
        **_shipping(receipt),
    }


def _payment(payment: Payment, references: References) -> Body:
    """A payment of 0 that names a credit memo too applies the memo to the invoice."""
    return {
        "TxnDate": payment.day.isoformat(),
        "CustomerRef": _reference(references.customers, payment.customer, "customer"),
        "TotalAmt": amount(payment.total, payment.currency),
        "PaymentRefNum": number(payment),
        "DepositToAccountRef": _account(references, payment.clearing),
        "PrivateNote": note_marker(payment),
        "Line": [
            {
                "Amount": amount(applied.amount, payment.currency),
                "LinkedTxn": [{"TxnId": _posted(references, applied.posting), "TxnType": _linked_type(applied)}],
            }
            for applied in (*payment.applied, *payment.credits)
        ],
        **_currency(payment, references),
    }


def _deposit(deposit: Deposit, references: References) -> Body:
    """No number, which a deposit does not have, and no Entity, whose currency would override the deposit's."""
    linked = linked_payments(deposit)
    lines = [
        _linked_line(line.amount, linked[place], deposit.currency, references)
        if place in linked
        else _direct_line(line.account, line.amount, line.description, deposit.currency, references)
        for place, line in enumerate(deposit.lines)
    ]
    if deposit.cleared:
        words = f"Orders of {note_marker(deposit)}, booked by payments"
        lines.insert(0, _direct_line(deposit.clearing, deposit.cleared, words, deposit.currency, references))
    return {
        "TxnDate": deposit.day.isoformat(),
        "DepositToAccountRef": _reference(references.banks, deposit.bank, "bank"),
        "PrivateNote": note_marker(deposit),
        "Line": lines,
        **_currency(deposit, references),
    }


def _direct_line(account: str, minor: int, words: str, currency: str, references: References) -> Body:
    return {
        "Amount": amount(minor, currency),
        "DetailType": "DepositLineDetail",
        "Description": text(words, TEXT_LENGTH),
        "DepositLineDetail": {"AccountRef": _account(references, account)},
    }


def _linked_line(minor: int, payment: str, currency: str, references: References) -> Body:
    """A payment leaves undeposited funds whole. Without a DetailType: with one QuickBooks wants an account."""
    link = {"TxnId": _posted(references, payment), "TxnType": "Payment", "TxnLineId": "0"}
    return {"Amount": amount(minor, currency), "LinkedTxn": [link]}


def _journal(journal: JournalEntry, references: References) -> Body:
    """Amounts are positive and a side is named; a line on receivables names its customer."""
    lines = []
    for line in journal.lines:
        detail: Body = {
            "PostingType": "Debit" if line.amount > 0 else "Credit",
            "AccountRef": _account(references, line.account),
        }
        if line.customer:
            detail["Entity"] = {
                "Type": "Customer",
                "EntityRef": _reference(references.customers, line.customer, "customer"),
            }
        lines.append(
            {
                "Amount": amount(abs(line.amount), journal.currency),
                "DetailType": "JournalEntryLineDetail",
                "Description": text(line.description, TEXT_LENGTH),
                "JournalEntryLineDetail": detail,
            }
        )
    return {
        "TxnDate": journal.day.isoformat(),
        "DocNumber": number(journal),
        "PrivateNote": _note(journal, journal.memo),
        "Line": lines,
        **_currency(journal, references),
    }


def _purchase(purchase: Purchase, references: References) -> Body:
    card = purchase.paid_from.partition(":")[0] != "BANK"
    return {
        "TxnDate": purchase.day.isoformat(),
        "PaymentType": "CreditCard" if card else "Check",
        "AccountRef": _account(references, purchase.paid_from),
        "DocNumber": number(purchase),
        "PrivateNote": _note(purchase, purchase.memo),
        "Line": [_expense_line(line, purchase.currency, references) for line in purchase.lines],
        **_currency(purchase, references),
    }


def _expense_line(line: JournalLine, currency: str, references: References) -> Body:
    return {
        "Amount": amount(line.amount, currency),
        "DetailType": "AccountBasedExpenseLineDetail",
        "Description": text(line.description, TEXT_LENGTH),
        "AccountBasedExpenseLineDetail": {"AccountRef": _account(references, line.account)},
    }


def _item_lines(lines: Iterable[InvoiceLine], currency: str, taxed: bool, references: References) -> list[Body]:
    built = []
    for line in lines:
        detail: Body = {"ItemRef": _reference(references.items, line.account, "item")}
        if not references.is_abroad:
            # A line without a code counts as taxable, and automated sales tax would then add tax Amazon remits. The
            # two codes exist in the US only.
            detail["TaxCodeRef"] = {"value": "TAX" if taxed else "NON"}
        price = _unit_price(line.amount, line.quantity, currency)
        if price is not None:
            detail |= {"Qty": line.quantity, "UnitPrice": price}
        built.append(
            {
                "Amount": amount(line.amount, currency),
                "DetailType": "SalesItemLineDetail",
                "Description": text(line.description, TEXT_LENGTH),
                "SalesItemLineDetail": detail,
            }
        )
    return built


def _numbered(document: Invoice | CreditMemo | RefundReceipt | SalesReceipt, references: References) -> Body:
    """Where the company numbers by itself, a number that is sent is dropped or refused."""
    return {"DocNumber": number(document)} if references.custom_numbers else {}


def _currency(document: Document, references: References) -> Body:
    if not references.multicurrency:
        return {}
    value: Body = {"CurrencyRef": {"value": document.currency}}
    if document.rate:
        value["ExchangeRate"] = msgspec.Raw(document.rate.encode())
    return value


def _tax(minor: int, currency: str) -> Body:
    """Amazon's own figure of the tax; all other tax input is ignored under automated sales tax (accounting.md R6)."""
    return {"TxnTaxDetail": {"TotalTax": amount(minor, currency)}} if minor else {}


def _no_tax(document: Document) -> Body:
    if isinstance(document, Invoice | CreditMemo | SalesReceipt):
        return {"TxnTaxDetail": {"TotalTax": amount(0, document.currency)}}
    return {}


def _tax_calculation(document: Document, references: References) -> Body:
    """Outside of the US QuickBooks wants to be told how amounts stand to tax; there it refuses to be.

    A document with a tax of its own needs tax codes there, which we do not know: QuickBooks refuses it and it is held.
    """
    if not references.is_abroad:
        return {}
    taxed = isinstance(document, Invoice | CreditMemo | SalesReceipt) and document.tax
    return {"GlobalTaxCalculation": "TaxExcluded" if taxed else "NotApplicable"}


def _shipping(document: Invoice | SalesReceipt) -> Body:
    value: Body = {}
    if document.tracking_number:
        value["TrackingNum"] = text(document.tracking_number, 31)
    if document.ship_day is not None:
        value["ShipDate"] = document.ship_day.isoformat()
    if document.ship_method:
        value["ShipMethodRef"] = {"value": text(document.ship_method, 31)}
    return value


def _note(document: Document, memo: str) -> str:
    """The memo, with our mark in front where it does not have it."""
    return text(memo if bears_mark(memo, document) else f"{note_marker(document)} {memo}".rstrip(), TEXT_LENGTH)


def account_of(references: References, key: str) -> QuickBooksRef | None:
    """The account behind an account key; `BANK:USD` is the flow's bank account of that currency."""
    prefix, _, currency = key.partition(":")
    return references.banks.get(currency) if prefix == "BANK" else references.accounts.get(key)


def _account(references: References, key: str) -> dict[str, str]:
    found = account_of(references, key)
    if found is None:
        raise BadInput(f"account {key!r} has no counterpart in QuickBooks; map it first")
    return {"value": found.id}


def _reference(known: Any, key: str, what: str) -> dict[str, str]:
    try:
        return {"value": known[key].id}
    except KeyError:
        raise BadInput(f"{what} {key!r} has no counterpart in QuickBooks; map it first") from None


def _linked_type(applied: AppliedInvoice) -> str:
    return _LINKED[applied.posting.partition("/")[0]]


def _posted(references: References, posting: str) -> str:
    found = references.postings.get(posting, "")
    if not found:
        raise BadInput(f"{posting} is not in QuickBooks yet; only what is posted can be linked")
    return found


def _unit_price(minor: int, quantity: int, currency: str) -> msgspec.Raw | None:
    """Price for one, where it is exact in five decimals: QuickBooks refuses an Amount that is not Qty x UnitPrice."""
    if quantity <= 0:
        return None
    scaled = minor * 10 ** (5 - exponent(currency))
    if scaled % quantity:
        return None
    digits = str(abs(scaled // quantity)).rjust(6, "0")
    return msgspec.Raw(f"{'-' if minor < 0 else ''}{digits[:-5]}.{digits[-5:]}".encode())
