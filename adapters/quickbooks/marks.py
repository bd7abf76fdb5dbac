"""How a document of ours is known again: its number and its mark in the private note."""

import re

from adapters.quickbooks.wire import text
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
from domain.errors import BadInput

NUMBER_LENGTH = 21
Numbered = Invoice | Payment | JournalEntry | CreditMemo | RefundReceipt | SalesReceipt | Purchase


def note_marker(document: Document) -> str:
    """The mark in a document's private note by which it can be found again."""
    match document:
        case Invoice():
            return (
                f"AMZ-ORDER {document.number if document.number.startswith(document.order_id) else document.order_id}"
            )
        case Payment():
            return f"AMZ-SETTLEMENT {document.settlement_id} PAYMENT {document.number}"
        case Deposit():
            return f"AMZ-SETTLEMENT {document.settlement_id}"
        case JournalEntry():
            about = f"SETTLEMENT {document.settlement_id} " if document.settlement_id else ""
            return f"AMZ-{about}JOURNAL {document.number}"
        case CreditMemo():
            return f"AMZ-CREDIT {document.number}"
        case RefundReceipt():
            return f"AMZ-REFUND {document.number}"
        case SalesReceipt():
            return f"AMZ-RECEIPT {document.number}"
        case Purchase():
            return f"AMZ-SETTLEMENT {document.settlement_id} PURCHASE {document.number}"


def bears_mark(note: str, document: Document) -> bool:
    """Whether a private note holds the document's whole mark: settlement 123 is not settlement 1234."""
    return re.search(rf"(?<![\w-]){re.escape(note_marker(document))}(?![\w-])", note) is not None


def number(document: Numbered) -> str:
    """The document's number. Raises BadInput where QuickBooks has no room for it: a cut one could be another's."""
    if len(document.number) > NUMBER_LENGTH:
        raise BadInput(f"number {document.number} is longer than the {NUMBER_LENGTH} characters QuickBooks takes")
    return text(document.number, NUMBER_LENGTH)
