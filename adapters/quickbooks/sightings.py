"""Is it there already? Documents of QuickBooks that bear any mark of ours, compared with what was wanted.

People edit documents and QuickBooks takes most of them twice, so that any mark counts: the number, our name for it
anywhere in the note, and of a deposit what it does to the clearing account or its exact amount. What differs is told.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec

from adapters.quickbooks.documents import account_of
from adapters.quickbooks.marks import bears_mark, number
from adapters.quickbooks.wire import Ref, Transaction, decoded, found, literal
from application.ports import References, Sighting
from domain.document import (
    CreditMemo,
    Deposit,
    Document,
    Invoice,
    InvoiceLine,
    JournalEntry,
    Payment,
    Purchase,
    RefundReceipt,
    SalesReceipt,
    linked_payments,
)
from domain.mapping import QuickBooksRef
from domain.money import format_minor, to_minor

NEAR = timedelta(days=45)  # how far a person may have moved a document and it is still found
SAME_MONEY = timedelta(days=10)  # a deposit of the same amount so near is looked at, whoever made it
NUMBERS_A_QUERY = 50  # a query stands in an address

_NAMES = re.compile(r"\d+(?:-\d+)*")  # order ids, settlement ids and payment numbers within a note
_SETTLEMENT = re.compile(r"AMZ-SETTLEMENT\W*(\d+)")


def searches(documents: Sequence[Document], references: References, everywhere: bool) -> list[str]:
    """The conditions under which documents of one kind, or what became of them, are found."""
    first, last = (pick(document.day for document in documents) for pick in (min, max))
    around = f"TxnDate >= '{first - NEAR}' AND TxnDate <= '{last + NEAR}'"
    match documents[0]:
        case Payment():
            member = "PaymentRefNum"
        case JournalEntry() | Purchase():
            member = "DocNumber"
        case Invoice() | CreditMemo() | RefundReceipt() | SalesReceipt() if references.custom_numbers:
            member = "DocNumber"
        case _:
            return [around]  # these have no number of ours
    numbers = [literal(number(document)) for document in documents if not isinstance(document, Deposit)]
    by_number = [
        f"{member} IN ({', '.join(numbers[begin : begin + NUMBERS_A_QUERY])})"
        for begin in range(0, len(numbers), NUMBERS_A_QUERY)
    ]
    return [*by_number, around] if everywhere else by_number


def sightings(
    rows: Iterable[msgspec.Raw], documents: Sequence[Document], references: References, everywhere: bool
) -> list[list[Sighting]]:
    """For each document the rows that bear a mark of it, those that are it entirely first, then by age."""
    by_name: dict[str, set[int]] = {}
    for index, document in enumerate(documents):
        for name in _names(document):
            by_name.setdefault(name, set()).add(index)
    seen: list[dict[str, Sighting]] = [{} for _ in documents]
    for row in rows:
        told = decoded(row, Transaction)
        names = {told.doc_number, told.payment_ref_num, *_NAMES.findall(told.private_note or "")}
        marked = {index for name in names if name is not None for index in by_name.get(name, ())}
        for index, document in enumerate(documents):
            if not isinstance(document, Deposit):
                break
            if _same_money(told, document, references, NEAR if everywhere else SAME_MONEY):
                marked.add(index)
        for index in marked:
            if not _is_sibling(told, documents[index]):
                seen[index][told.id] = compared(row, documents[index], references)
    return [sorted(those.values(), key=lambda sighting: len(sighting.differs)) for those in seen]


def compared(content: bytes | msgspec.Raw, document: Document, references: References) -> Sighting:
    """What QuickBooks has beside what was wanted: the facts that differ, and what it moves through clearing.

    Raises VendorError where it does not say what it is.
    """
    told = decoded(content, Transaction)
    there = found(content, document.currency)
    note = told.private_note or ""
    differs = []
    if _has_number(document, references) and not isinstance(document, Deposit):
        if number(document) != (told.doc_number or told.payment_ref_num):
            differs.append(f"number {told.doc_number or told.payment_ref_num or 'none'}")
    if not bears_mark(note, document):
        differs.append("note without our mark")
    if there.day != document.day:
        differs.append(f"date {there.day}")
    if there.currency != document.currency:
        differs.append(f"currency {there.currency}")
    if there.total != document.total:
        differs.append(f"total {format_minor(there.total, there.currency)} {there.currency}")
    customer = getattr(document, "customer", "")
    if customer and _value_of(told.customer_ref) != _id(references.customers, customer):
        differs.append("customer")
    into = _value_of(told.account_ref if isinstance(document, Purchase) else told.deposit_to_account_ref)
    if (account := _into(document)) and into != _account(references, account):
        differs.append("account")
    if _lines_of(told, linked_in_full=not isinstance(document, Deposit)) != _lines_wanted(document, references):
        differs.append("lines")
    return Sighting(there, tuple(differs), _cleared(told, document, references, there.currency))


def _has_number(document: Document, references: References) -> bool:
    match document:
        case Deposit():
            return False
        case Payment() | JournalEntry() | Purchase():
            return True
        case _:
            return references.custom_numbers


def _into(document: Document) -> str:
    """The account key of the account a document names as a whole, if it does."""
    match document:
        case Payment() | SalesReceipt() | RefundReceipt():
            return document.clearing
        case Deposit():
            return f"BANK:{document.bank}"
        case Purchase():
            return document.paid_from
        case _:
            return ""


def _names(document: Document) -> tuple[str, ...]:
    match document:
        case Invoice():
            return (document.number, document.order_id)
        case Deposit():
            return (document.settlement_id,)
        case _:
            return (document.number,)


def _is_sibling(told: Transaction, document: Document) -> bool:
    """Whether it is the invoice of another shipment of the same order: each has a number of its own."""
    if not isinstance(document, Invoice) or not told.doc_number or told.doc_number == document.number:
        return False
    return told.doc_number == document.order_id or told.doc_number.startswith(f"{document.order_id}-")


def _same_money(told: Transaction, deposit: Deposit, references: References, within: timedelta) -> bool:
    """Whether a deposit may be this money though its note does not say so: made by hand, from the feed, or edited."""
    named = _SETTLEMENT.search(told.private_note or "")
    if named is not None and named.group(1) != deposit.settlement_id:
        return False
    clearing = _id(references.accounts, deposit.clearing)
    cleared = Decimal(format_minor(deposit.cleared, deposit.currency))
    if deposit.cleared and (clearing, cleared) in _lines_of(told):
        return True
    if (_value_of(told.currency_ref) or deposit.currency) != deposit.currency:
        return False
    same = told.total_amt == Decimal(format_minor(deposit.total, deposit.currency))
    return same and abs(told.txn_date - deposit.day) <= within


def _cleared(told: Transaction, document: Document, references: References, currency: str) -> int:
    """What a document of QuickBooks moves into the clearing account, a deposit out of it; see `document.cleared_by`."""
    match document:
        case Payment() | SalesReceipt() | RefundReceipt():
            into = _value_of(told.deposit_to_account_ref)
            moved = told.total_amt if into == _account(references, document.clearing) else Decimal(0)
            return to_minor(moved, currency) * (-1 if isinstance(document, RefundReceipt) else 1)
        case Deposit():
            return to_minor(_moved(told, {_account(references, document.clearing)}), currency)
        case JournalEntry() | Purchase():
            keys = {line.account for line in document.lines if line.account.partition(":")[0] == "CLR"}
            return to_minor(_moved(told, {_account(references, key) for key in keys}), currency)
        case Invoice() | CreditMemo():
            return 0


def _moved(told: Transaction, accounts: set[str]) -> Decimal:
    return sum((amount for account, amount in _lines_of(told) if account in accounts), Decimal(0))


def _lines_of(told: Transaction, linked_in_full: bool = True) -> list[tuple[str, Decimal]]:
    """A document's lines as (item, account or linked document, amount), sorted; subtotals left out.

    A credit of a journal is negative; a tax is a line of its own, under no id.
    """
    lines = []
    for line in told.line or ():
        amount = line.amount or Decimal(0)
        detail = line.sales_item_line_detail or line.deposit_line_detail or line.account_based_expense_line_detail
        journal = line.journal_entry_line_detail
        if journal is not None:
            lines.append((_value_of(journal.account_ref), -amount if journal.posting_type == "Credit" else amount))
        elif detail is not None:
            lines.append((_value_of(detail.item_ref) or _value_of(detail.account_ref), amount))
        elif line.linked_txn:
            # QuickBooks answers what a deposit links to without its cents; it is taken whole or not at all.
            lines.append((line.linked_txn[0].txn_id or "", amount if linked_in_full else Decimal(0)))
    tax = told.txn_tax_detail.total_tax if told.txn_tax_detail is not None else None
    return sorted([*lines, ("", tax)] if tax else lines)


def _lines_wanted(document: Document, references: References) -> list[tuple[str, Decimal]]:
    match document:
        case Invoice() | CreditMemo() | SalesReceipt():
            wanted = _items(document.lines, references)
            if document.tax:
                wanted.append(("", document.tax))
        case RefundReceipt():
            wanted = _items(document.lines, references)
        case Payment():
            applied = (*document.applied, *document.credits)
            wanted = [(references.postings.get(each.posting, ""), each.amount) for each in applied]
        case Deposit():
            linked = linked_payments(document)
            wanted = [
                (references.postings.get(linked[place], ""), 0)
                if place in linked
                else (_account(references, line.account), line.amount)
                for place, line in enumerate(document.lines)
            ]
            if document.cleared:
                wanted.append((_account(references, document.clearing), document.cleared))
        case JournalEntry() | Purchase():
            wanted = [(_account(references, line.account), line.amount) for line in document.lines]
    return sorted((key, Decimal(format_minor(minor, document.currency))) for key, minor in wanted)


def _items(lines: Iterable[InvoiceLine], references: References) -> list[tuple[str, int]]:
    return [(_id(references.items, line.account), line.amount) for line in lines]


def _account(references: References, key: str) -> str:
    found = account_of(references, key)
    return found.id if found is not None else ""


def _id(known: Mapping[str, QuickBooksRef], key: str) -> str:
    return known[key].id if key in known else ""


def _value_of(reference: Ref | None) -> str:
    return (reference.value if reference is not None else None) or ""
