"""Is it there already? Documents of QuickBooks that bear any mark of ours, compared with what was wanted.

People edit documents and QuickBooks takes most of them twice, so that any mark counts: the number, our name for it
anywhere in the note, and of a deposit what it does to the clearing account or its exact amount. What differs is told.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

import msgspec

from adapters.quickbooks.wire import Ref, Transaction, bears_mark, decoded, found, literal, number
from application.ports import References, Sighting
from domain.document import Deposit, Document, Invoice, Payment
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
        case Invoice() if references.custom_numbers:
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
    if isinstance(document, Payment) or (isinstance(document, Invoice) and references.custom_numbers):
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
    if isinstance(document, Invoice | Payment) and _value_of(told.customer_ref) != _id(
        references.customers, document.customer
    ):
        differs.append("customer")
    into = _value_of(told.deposit_to_account_ref)
    if isinstance(document, Payment) and into != _id(references.accounts, document.clearing):
        differs.append("account")
    if isinstance(document, Deposit) and into != _id(references.banks, document.bank):
        differs.append("account")
    if _lines_of(told) != _lines_wanted(document, references):
        differs.append("lines")
    return Sighting(there, tuple(differs), _cleared(told, document, references, there.currency))


def _names(document: Document) -> tuple[str, ...]:
    match document:
        case Invoice():
            return (document.number, document.order_id)
        case Payment():
            return (document.number,)
        case Deposit():
            return (document.settlement_id,)
        case _:
            return (document.number,)


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
    """What a payment or deposit of QuickBooks moves into or out of the clearing account, in minor units."""
    match document:
        case Payment():
            into = _value_of(told.deposit_to_account_ref)
            return to_minor(told.total_amt, currency) if into == _id(references.accounts, document.clearing) else 0
        case Deposit():
            clearing = _id(references.accounts, document.clearing)
            moved = sum((amount for account, amount in _lines_of(told) if account == clearing), Decimal(0))
            return to_minor(moved, currency)
        case _:
            return 0


def _lines_of(told: Transaction) -> list[tuple[str, Decimal]]:
    """A document's lines as (item, account or linked document, amount), sorted; subtotals left out."""
    lines = []
    for line in told.line or ():
        detail = line.sales_item_line_detail or line.deposit_line_detail
        if detail is not None:
            lines.append((_value_of(detail.item_ref) or _value_of(detail.account_ref), line.amount or Decimal(0)))
        elif line.linked_txn:
            lines.append((line.linked_txn[0].txn_id or "", line.amount or Decimal(0)))
    return sorted(lines)


def _lines_wanted(document: Document, references: References) -> list[tuple[str, Decimal]]:
    match document:
        case Invoice():
            wanted = [(_id(references.items, line.account), line.amount) for line in document.lines]
        case Payment():
            wanted = [(references.postings.get(applied.posting, ""), applied.amount) for applied in document.applied]
        case Deposit():
            wanted = [(_id(references.accounts, line.account), line.amount) for line in document.lines]
            if document.cleared:
                wanted.append((_id(references.accounts, document.clearing), document.cleared))
        case _:
            wanted = []
    return sorted((key, Decimal(format_minor(minor, document.currency))) for key, minor in wanted)


def _id(known: Mapping[str, QuickBooksRef], key: str) -> str:
    return known[key].id if key in known else ""


def _value_of(reference: Ref | None) -> str:
    return (reference.value if reference is not None else None) or ""
