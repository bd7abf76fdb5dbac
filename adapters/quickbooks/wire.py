"""Values as QuickBooks takes them, and objects as it gives them back.

Amounts are JSON numbers written from exact minor units and read as Decimal, never floats. Shapes and limits:
accounting.md 2.4 and quickbooks.md 5 and 6.
"""

import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

import msgspec

from adapters.http import UNREADABLE
from adapters.nul import without_nul
from adapters.quickbooks.faults import fault_in
from application.ports import Fault, Found, Removed
from domain.errors import BadInput, OutcomeUnknown, VendorError
from domain.mapping import QuickBooksRef
from domain.money import format_minor, to_minor

TEXT_LENGTH = 4_000
ENTITIES = {
    "invoice": "Invoice",
    "payment": "Payment",
    "deposit": "Deposit",
    "journal": "JournalEntry",
    "credit_memo": "CreditMemo",
    "refund_receipt": "RefundReceipt",
    "sales_receipt": "SalesReceipt",
    "purchase": "Purchase",
}
VENDOR = "quickbooks"

# What product titles are full of and Latin-1 lacks.
_TYPOGRAPHY = str.maketrans({**dict.fromkeys("‐‑‒–—−", "-"), **dict.fromkeys("‘’‚", "'"), **dict.fromkeys("“”„", '"'),
                             "…": "...", "™": "(TM)", "€": "EUR"})  # fmt: skip

_T = TypeVar("_T")


# --- values we send ---------------------------------------------------------------------------------------------


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


# --- what we are given -------------------------------------------------------------------------------------------


class _Pascal(msgspec.Struct, rename="pascal", frozen=True):
    pass


class Ref(msgspec.Struct, frozen=True):
    value: str | None = None


class LinkedTransaction(_Pascal, frozen=True):
    txn_id: str | None = None
    txn_type: str | None = None


class LineDetail(_Pascal, frozen=True):
    item_ref: Ref | None = None
    account_ref: Ref | None = None
    posting_type: str | None = None


class Line(_Pascal, frozen=True):
    amount: Decimal | None = None
    detail_type: str | None = None
    sales_item_line_detail: LineDetail | None = None
    deposit_line_detail: LineDetail | None = None
    journal_entry_line_detail: LineDetail | None = None
    account_based_expense_line_detail: LineDetail | None = None
    linked_txn: list[LinkedTransaction] | None = None


class TaxDetail(_Pascal, frozen=True):
    total_tax: Decimal | None = None


class Transaction(_Pascal, frozen=True):
    """What all documents have in common, and what only some have. A journal entry's `total_amt` is always 0."""

    id: str
    sync_token: str
    txn_date: date
    total_amt: Decimal = Decimal(0)
    currency_ref: Ref | None = None
    customer_ref: Ref | None = None
    deposit_to_account_ref: Ref | None = None
    account_ref: Ref | None = None
    txn_tax_detail: TaxDetail | None = None
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


class _Identified(msgspec.Struct, frozen=True, rename={"id": "Id"}):
    id: str


class _Removed(msgspec.Struct, frozen=True, rename={"id": "Id"}):
    """A document that is deleted is answered with its id and this word alone."""

    id: str = ""
    status: str = ""


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


def outcomes(answer: bytes, expected: Sequence[str]) -> dict[str, Found | Removed | Fault]:
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
        total = to_minor(_total(told), currency)
    except BadInput as error:
        problem = str(error)
    else:
        return Found(told.id, told.sync_token, total, currency, told.txn_date, bytes(content))
    raise VendorError(f"quickbooks' document {told.id}: {problem}", vendor=VENDOR, code=UNREADABLE)


def _total(told: Transaction) -> Decimal:
    """The stated total; of a journal entry, of which QuickBooks states 0, the sum of its debits."""
    debits = [
        line.amount or Decimal(0)
        for line in told.line or ()
        if line.journal_entry_line_detail is not None and line.journal_entry_line_detail.posting_type == "Debit"
    ]
    return sum(debits, Decimal(0)) if debits else told.total_amt


def identity(content: bytes | msgspec.Raw) -> str:
    return decoded(content, _Identified).id


def account_reference(account: Account) -> QuickBooksRef:
    return QuickBooksRef(account.id, account.name, account.account_type or "", _value(account.currency_ref))


def item_reference(item: Item) -> QuickBooksRef:
    return QuickBooksRef(item.id, item.name, _value(item.income_account_ref))


def customer_reference(customer: Customer) -> QuickBooksRef:
    return QuickBooksRef(customer.id, customer.display_name, "", _value(customer.currency_ref))


def _outcome(part: Members) -> Found | Removed | Fault:
    if "Fault" in part:
        fault = fault_in(b'{"Fault":' + bytes(part["Fault"]) + b"}")
        if fault is not None:
            return fault
    for entity in ENTITIES.values():
        if entity in part:
            removed = decoded(part[entity], _Removed)
            if removed.status == "Deleted":
                return Removed(removed.id, bytes(part[entity]))
            return found(part[entity])
    raise VendorError("an item has neither document nor fault", vendor=VENDOR)


def _item_id(item: Members) -> str:
    return decoded(item.get("bId", msgspec.Raw(b'""')), str)


def _value(reference: Ref | None) -> str:
    return (reference.value if reference is not None else None) or ""
