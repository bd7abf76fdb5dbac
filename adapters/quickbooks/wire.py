"""Documents as QuickBooks takes them, each by its own explicit builder, and objects as it gives them back.

Amounts are JSON numbers written from exact minor units and read as Decimal, never floats. Shapes and limits:
accounting.md 2.4 and quickbooks.md 5 and 6.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from adapters.http import UNREADABLE
from adapters.nul import without_nul
from adapters.quickbooks.faults import fault_in
from application.ports import Fault, Found, References
from domain.document import (
    CreditMemo,
    Deposit,
    Document,
    Invoice,
    JournalEntry,
    Payment,
    Purchase,
    RefundReceipt,
    SalesReceipt,
)
from domain.errors import BadInput, OutcomeUnknown, VendorError
from domain.mapping import QuickBooksRef
from domain.money import exponent, format_minor, to_minor

NUMBER_LENGTH = 21
TEXT_LENGTH = 4_000
ENTITIES = {"invoice": "Invoice", "payment": "Payment", "deposit": "Deposit"}
VENDOR = "quickbooks"

# What product titles are full of and Latin-1 lacks.
_TYPOGRAPHY = str.maketrans({**dict.fromkeys("‐‑‒–—−", "-"), **dict.fromkeys("‘’‚", "'"), **dict.fromkeys("“”„", '"'),
                             "…": "...", "™": "(TM)", "€": "EUR"})  # fmt: skip

_T = TypeVar("_T")
Numbered = Invoice | Payment | JournalEntry | CreditMemo | RefundReceipt | SalesReceipt | Purchase


# --- what we send ------------------------------------------------------------------------------------------------


def batch_body(
    documents: Sequence[tuple[str, Document]], references: References, global_tax_calculation: str = ""
) -> bytes:
    """The exact bytes of a batch that creates documents; the same documents make the same bytes.

    `global_tax_calculation` is needed outside of the US only, and refused by QuickBooks there. Raises BadInput where
    something a document names has no id in QuickBooks, or a number is too long.
    """
    items = []
    for item, document in documents:
        entity, value = _entity(document, references)
        if global_tax_calculation and entity != "Payment":
            value["GlobalTaxCalculation"] = global_tax_calculation
        items.append({"bId": item, "operation": "create", entity: value})
    return msgspec.json.encode({"BatchItemRequest": items})


def note_marker(document: Document) -> str:
    """The mark in a document's private note by which it can be found again."""
    match document:
        case Invoice():
            return f"AMZ-ORDER {document.order_id}"
        case Payment():
            return f"AMZ-SETTLEMENT {document.settlement_id} PAYMENT {document.number}"
        case Deposit():
            return f"AMZ-SETTLEMENT {document.settlement_id}"
        case _:
            return f"AMZ-{document.number}"


def bears_mark(note: str, document: Document) -> bool:
    """Whether a private note holds the document's whole mark: settlement 123 is not settlement 1234."""
    return re.search(rf"(?<![\w-]){re.escape(note_marker(document))}(?![\w-])", note) is not None


def number(document: Numbered) -> str:
    """The document's number. Raises BadInput where QuickBooks has no room for it: a cut one could be another's."""
    if len(document.number) > NUMBER_LENGTH:
        raise BadInput(f"number {document.number} is longer than the {NUMBER_LENGTH} characters QuickBooks takes")
    return text(document.number, NUMBER_LENGTH)


def amount(minor: int, currency: str) -> msgspec.Raw:
    """Minor units as a JSON number."""
    return msgspec.Raw(format_minor(minor, currency).encode())


def text(words: str, length: int) -> str:
    """Latin-1 without control characters, cut to what QuickBooks takes: other characters end in a fault 500."""
    plain = unicodedata.normalize("NFC", words).translate(_TYPOGRAPHY).encode("latin-1", "replace").decode("latin-1")
    return "".join(letter if letter.isprintable() else " " for letter in plain)[:length]


def literal(value: str) -> str:
    """A query literal: backslash and quote are escaped by a backslash; doubling the quote is wrong there."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _entity(document: Document, references: References) -> tuple[str, dict[str, Any]]:
    match document:
        case Invoice():
            return "Invoice", _invoice(document, references)
        case Payment():
            return "Payment", _payment(document, references)
        case Deposit():
            return "Deposit", _deposit(document, references)
        case _:
            raise BadInput(f"{type(document).__name__} {document.number} has no form towards QuickBooks yet")


def _invoice(invoice: Invoice, references: References) -> dict[str, Any]:
    lines = []
    for line in invoice.lines:
        detail: dict[str, Any] = {
            "ItemRef": _reference(references.items, line.account, "item"),
            # A line without a code counts as taxable, and automated sales tax would then add tax Amazon remits.
            "TaxCodeRef": {"value": "NON"},
        }
        price = _unit_price(line.amount, line.quantity, invoice.currency)
        if price is not None:
            detail |= {"Qty": line.quantity, "UnitPrice": price}
        lines.append(
            {
                "Amount": amount(line.amount, invoice.currency),
                "DetailType": "SalesItemLineDetail",
                "Description": text(line.description, TEXT_LENGTH),
                "SalesItemLineDetail": detail,
            }
        )
    value: dict[str, Any] = {
        "TxnDate": invoice.day.isoformat(),
        "CustomerRef": _reference(references.customers, invoice.customer, "customer"),
        "Line": lines,
        "PrivateNote": text(invoice.memo, TEXT_LENGTH),
        "AllowOnlineCreditCardPayment": False,
        "AllowOnlineACHPayment": False,
    }
    if references.custom_numbers:
        value["DocNumber"] = number(invoice)
    if references.multicurrency:
        value["CurrencyRef"] = {"value": invoice.currency}
    if invoice.tracking_number:
        value["TrackingNum"] = text(invoice.tracking_number, 31)
    if invoice.ship_day is not None:
        value["ShipDate"] = invoice.ship_day.isoformat()
    if invoice.ship_method:
        value["ShipMethodRef"] = {"value": text(invoice.ship_method, 31)}
    return value


def _payment(payment: Payment, references: References) -> dict[str, Any]:
    value: dict[str, Any] = {
        "TxnDate": payment.day.isoformat(),
        "CustomerRef": _reference(references.customers, payment.customer, "customer"),
        "TotalAmt": amount(payment.total, payment.currency),
        "PaymentRefNum": number(payment),
        "DepositToAccountRef": _reference(references.accounts, payment.clearing, "account"),
        "PrivateNote": note_marker(payment),
        "Line": [
            {
                "Amount": amount(applied.amount, payment.currency),
                "LinkedTxn": [{"TxnId": _posted(references, applied.posting), "TxnType": "Invoice"}],
            }
            for applied in payment.applied
        ],
    }
    if references.multicurrency:
        value["CurrencyRef"] = {"value": payment.currency}
    return value


def _deposit(deposit: Deposit, references: References) -> dict[str, Any]:
    """No number, which a deposit does not have, and no Entity, whose currency would override the deposit's."""
    rows = [(line.account, line.amount, line.description) for line in deposit.lines]
    if deposit.cleared:
        rows.insert(0, (deposit.clearing, deposit.cleared, f"Orders of {note_marker(deposit)}, booked by payments"))
    value: dict[str, Any] = {
        "TxnDate": deposit.day.isoformat(),
        "DepositToAccountRef": _reference(references.banks, deposit.bank, "bank"),
        "PrivateNote": note_marker(deposit),
        "Line": [
            {
                "Amount": amount(minor, deposit.currency),
                "DetailType": "DepositLineDetail",
                "Description": text(description, TEXT_LENGTH),
                "DepositLineDetail": {"AccountRef": _reference(references.accounts, account, "account")},
            }
            for account, minor, description in rows
        ],
    }
    if references.multicurrency:
        value["CurrencyRef"] = {"value": deposit.currency}
    return value


def _reference(known: Any, key: str, what: str) -> dict[str, str]:
    try:
        return {"value": known[key].id}
    except KeyError:
        raise BadInput(f"{what} {key!r} has no counterpart in QuickBooks; map it first") from None


def _posted(references: References, posting: str) -> str:
    found = references.postings.get(posting, "")
    if not found:
        raise BadInput(f"{posting} is not in QuickBooks yet; a payment can only be applied to a posted invoice")
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


# --- what we are given -------------------------------------------------------------------------------------------


class _Pascal(msgspec.Struct, rename="pascal", frozen=True):
    pass


class Ref(msgspec.Struct, frozen=True):
    value: str | None = None


class LinkedTransaction(_Pascal, frozen=True):
    txn_id: str | None = None


class LineDetail(_Pascal, frozen=True):
    item_ref: Ref | None = None
    account_ref: Ref | None = None


class Line(_Pascal, frozen=True):
    amount: Decimal | None = None
    detail_type: str | None = None
    sales_item_line_detail: LineDetail | None = None
    deposit_line_detail: LineDetail | None = None
    linked_txn: list[LinkedTransaction] | None = None


class Transaction(_Pascal, frozen=True):
    """What invoices, payments and deposits have in common, and the number of those that have one."""

    id: str
    sync_token: str
    total_amt: Decimal
    txn_date: date
    currency_ref: Ref | None = None
    customer_ref: Ref | None = None
    deposit_to_account_ref: Ref | None = None
    private_note: str | None = None
    doc_number: str | None = None
    payment_ref_num: str | None = None
    line: list[Line] | None = None


class Account(_Pascal, frozen=True):
    id: str
    name: str
    account_type: str | None = None
    currency_ref: Ref | None = None
    current_balance: Decimal = Decimal(0)


class Item(_Pascal, frozen=True):
    id: str
    name: str
    income_account_ref: Ref | None = None


class Customer(_Pascal, frozen=True):
    id: str
    display_name: str
    currency_ref: Ref | None = None


class CompanyInfo(_Pascal, frozen=True):
    company_name: str | None = None
    country: str | None = None


class CurrencyPrefs(_Pascal, frozen=True):
    multi_currency_enabled: bool = False
    home_currency: Ref | None = None


class SalesFormsPrefs(_Pascal, frozen=True):
    custom_txn_numbers: bool = False


class AccountingInfoPrefs(_Pascal, frozen=True):
    book_close_date: str | None = None


class Preferences(_Pascal, frozen=True):
    currency_prefs: CurrencyPrefs = CurrencyPrefs()
    sales_forms_prefs: SalesFormsPrefs = SalesFormsPrefs()
    accounting_info_prefs: AccountingInfoPrefs = AccountingInfoPrefs()


Members = dict[str, msgspec.Raw]


class _BatchRequest(_Pascal, frozen=True):
    batch_item_request: list[Members]


class _BatchAnswer(_Pascal, frozen=True):
    batch_item_response: list[Members]


def decoded(content: bytes | msgspec.Raw, kind: type[_T]) -> _T:
    """Raises VendorError for what is not a JSON value of that kind."""
    try:
        return msgspec.json.decode(without_nul(bytes(content)), type=kind)
    except msgspec.DecodeError as error:
        raise VendorError(f"quickbooks' answer cannot be read: {error}", vendor=VENDOR, code=UNREADABLE) from None


def sent_items(body: bytes) -> list[str]:
    """The item ids of a batch of ours."""
    items = msgspec.json.decode(body, type=_BatchRequest).batch_item_request
    return [_item_id(item) for item in items]


def outcomes(answer: bytes, expected: Sequence[str]) -> dict[str, Found | Fault]:
    """What became of each item of a batch. Raises OutcomeUnknown where the answer does not tell it of all."""
    try:
        parts = {_item_id(part): part for part in decoded(answer, _BatchAnswer).batch_item_response}
        missing = [item for item in expected if item not in parts]
        if not missing:
            return {item: _outcome(parts[item]) for item in expected}
        problem = f"it lacks items {', '.join(missing)}"
    except VendorError as error:
        problem = str(error)
    raise OutcomeUnknown(f"quickbooks' batch answer does not tell what was done: {problem}", vendor=VENDOR)


def found(content: bytes | msgspec.Raw, home_currency: str = "USD") -> Found:
    """A document as QuickBooks has it. Raises VendorError where what we need of it is missing."""
    told = decoded(content, Transaction)
    currency = _value(told.currency_ref) or home_currency
    try:
        total = to_minor(told.total_amt, currency)
    except BadInput as error:
        problem = str(error)
    else:
        return Found(told.id, told.sync_token, total, currency, told.txn_date, bytes(content))
    raise VendorError(f"quickbooks' document {told.id}: {problem}", vendor=VENDOR, code=UNREADABLE)


def account_reference(account: Account) -> QuickBooksRef:
    return QuickBooksRef(account.id, account.name, account.account_type or "", _value(account.currency_ref))


def item_reference(item: Item) -> QuickBooksRef:
    return QuickBooksRef(item.id, item.name, _value(item.income_account_ref))


def customer_reference(customer: Customer) -> QuickBooksRef:
    return QuickBooksRef(customer.id, customer.display_name, "", _value(customer.currency_ref))


def _outcome(part: Members) -> Found | Fault:
    if "Fault" in part:
        fault = fault_in(b'{"Fault":' + bytes(part["Fault"]) + b"}")
        if fault is not None:
            return fault
    for entity in ENTITIES.values():
        if entity in part:
            return found(part[entity])
    raise VendorError("an item has neither document nor fault", vendor=VENDOR)


def _item_id(item: Members) -> str:
    return decoded(item.get("bId", msgspec.Raw(b'""')), str)


def _value(reference: Ref | None) -> str:
    return (reference.value if reference is not None else None) or ""
