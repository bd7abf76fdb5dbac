"""What may be done about a document after it was posted, by its kind and state: the table of accounting.md 7.2.

QuickBooks voids invoices, payments and sales receipts; of the others it knows only deletion. A deposit that a bank
line was matched with is never touched, nor is anything in a closed month: there a journal says what should have been.
"""

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from datetime import date
from typing import Literal
from uuid import UUID

import msgspec

from domain.document import Document, JournalEntry, JournalLine, debits_and_credits
from domain.errors import BadInput
from domain.event import Event, stream_id
from domain.flow import Flow
from domain.period import is_closed
from domain.policy import AuditMode
from domain.posting import SEEN_IN_QUICKBOOKS, Posting

State = Literal["planned", "open", "matched", "closed", "paid", "edited"]
Change = Literal["mapping", "amount", "date", "remove"]
Remedy = Literal[
    "replan", "drop", "amend", "void", "void_and_new", "delete", "reclass", "credit", "journal", "ask", "no"
]

# What QuickBooks said to an earlier change of a document, by the reason's code: the change is not asked for again.
_MATCHED = frozenset(["bank_matched", "deposited"])
_CLOSED = frozenset(["closed_period"])
_EDITED = frozenset([*SEEN_IN_QUICKBOOKS, "change_refused", "changed_by_hand", "subscription_ended"])
STANDS_IN_THE_WAY = _MATCHED | _CLOSED | _EDITED
VOIDABLE = frozenset(["invoice", "payment", "sales_receipt"])

# By state, what is done about a changed mapping, a changed amount, a changed date, and a document not wanted any more.
# `replan`, `drop`: QuickBooks has nothing yet. `credit`: a credit memo, or an invoice for what is missing. `journal`:
# the difference against clearing, and an alert. `ask`: a person compares, and adopts or restores. `no`: never.
_TABLE: MappingOf[State, tuple[Remedy, Remedy, Remedy, Remedy]] = {
    "planned": ("replan", "replan", "replan", "drop"),
    "open": ("amend", "void_and_new", "amend", "void"),
    "matched": ("reclass", "journal", "no", "no"),
    "closed": ("reclass", "journal", "no", "no"),
    "paid": ("reclass", "credit", "no", "no"),
    "edited": ("ask", "ask", "ask", "ask"),
}
# What differs of a kind: income documents of a closed month are credited, which keeps receivables true (R11).
_OF_KIND: MappingOf[tuple[str, State, Change], Remedy] = {
    ("invoice", "closed", "amount"): "credit",
    ("invoice", "closed", "remove"): "credit",
    ("invoice", "paid", "remove"): "credit",
    ("sales_receipt", "closed", "amount"): "credit",
    ("sales_receipt", "closed", "remove"): "credit",
    ("sales_receipt", "paid", "amount"): "credit",
    ("sales_receipt", "paid", "remove"): "credit",
}
_CHANGES: tuple[Change, ...] = ("mapping", "amount", "date", "remove")


def remedy(kind: str, state: State, change: Change, audit_mode: AuditMode = "amend") -> Remedy:
    """What is done about a change. In `strict` mode nothing is amended or deleted: void and anew, or a journal."""
    if state == "paid" and kind not in ("invoice", "sales_receipt"):
        state = "open"  # a settlement pays an order's documents alone
    found = _OF_KIND.get((kind, state, change), _TABLE[state][_CHANGES.index(change)])
    if found in ("void", "void_and_new") and kind not in VOIDABLE:
        if audit_mode == "strict":
            return "reclass" if change == "mapping" else "journal"
        return "delete" if change == "remove" else "amend"
    if found == "amend" and audit_mode == "strict":
        return "void_and_new" if kind in VOIDABLE else ("reclass" if change == "mapping" else "journal")
    return found


def state_of(posting: Posting, flow: Flow, paid: bool = False, matched: bool = False) -> State:
    """Where a document stands; `paid`: a settlement pays it, `matched`: a bank line or a reconciliation names it."""
    if not posting.is_final:
        return "planned"
    codes = {reason.code for reason in posting.attention}
    if codes & _EDITED:
        return "edited"
    if matched or codes & _MATCHED:
        return "matched"
    if codes & _CLOSED or (posting.document is not None and is_closed(posting.document.day, flow)):
        return "closed"
    return "paid" if paid else "open"


class Shift(msgspec.Struct, frozen=True, array_like=True):
    """What an account of a month must get for the books to be as mapped today: minor units, debits positive."""

    month: str
    account: str
    currency: str
    amount: int


class BooksReclassified(Event, frozen=True, kw_only=True):
    """What is booked was moved to other accounts by `journals` (posting keys), of one document or of all.

    `old_version` and `new_version` are the mapping's: by which it was booked, and by which it stands now.
    """

    why: str
    journals: tuple[str, ...]
    shifts: tuple[Shift, ...]
    new_version: int
    old_version: int = 0
    posting: str = ""


class Shifted(msgspec.Struct):
    """What journals have moved already, in all and by document: sums by month, account and currency."""

    sums: dict[tuple[str, str, str], int] = {}
    by_posting: dict[str, dict[tuple[str, str, str], int]] = {}
    times: int = 0


def evolve(state: Shifted, event: Event) -> Shifted:
    if isinstance(event, BooksReclassified):
        state.times += 1
        add(state.sums, event.shifts)
        if event.posting:
            add(state.by_posting.setdefault(event.posting, {}), event.shifts)
    return state


def add(sums: dict[tuple[str, str, str], int], shifts: Iterable[Shift]) -> None:
    for shift in shifts:
        key = (shift.month, shift.account, shift.currency)
        sums[key] = sums.get(key, 0) + shift.amount


def left_to_shift(wanted: Iterable[Shift], shifted: MappingOf[tuple[str, str, str], int]) -> tuple[Shift, ...]:
    """What is wanted less what was moved already, without what comes to nothing, by month and account."""
    sums = {key: -amount for key, amount in shifted.items()}
    add(sums, wanted)
    return tuple(Shift(*key, amount) for key, amount in sorted(sums.items()) if amount)


def shifts_between(standing: Document, wanted: Document) -> tuple[Shift, ...]:
    """What has to move for `standing` to book what `wanted` does; both are of one day and total."""
    sums: dict[str, int] = {}
    for sign, document in ((1, wanted), (-1, standing)):
        for account, amount in debits_and_credits(document):
            sums[account] = sums.get(account, 0) + sign * amount
    month = f"{standing.day:%Y-%m}"
    return tuple(Shift(month, key, standing.currency, amount) for key, amount in sorted(sums.items()) if amount)


def reclass_journal(
    number: str, day: date, currency: str, shifts: Iterable[Shift], memo: str, corrects: str = "", order_id: str = ""
) -> JournalEntry:
    """The journal that moves these amounts, all of one currency; months are told in its lines."""
    lines = tuple(
        JournalLine(shift.account, shift.amount, f"of {shift.month}") for shift in shifts if shift.currency == currency
    )
    return JournalEntry(
        number=number[-21:],
        day=day,
        currency=currency,
        lines=lines,
        total=sum(line.amount for line in lines if line.amount > 0),
        memo=memo,
        order_id=order_id,
        corrects=corrects,
    )


def reversed_journal(standing: JournalEntry, number: str, day: date, corrects: str, memo: str) -> JournalEntry:
    """The entry that takes a journal back (Storno)."""
    lines = tuple(msgspec.structs.replace(line, amount=-line.amount, ordinals=()) for line in standing.lines)
    return JournalEntry(
        number=number[-21:],
        day=day,
        currency=standing.currency,
        lines=lines,
        total=sum(line.amount for line in lines if line.amount > 0),
        memo=memo,
        settlement_id=standing.settlement_id,
        order_id=standing.order_id,
        corrects=corrects,
        rate=standing.rate,
    )


def corrected_key(key: str, revision: int) -> str:
    """The key of a correction: the original's and its revision, so that the same correction cannot be made twice."""
    return f"{key}R{revision}"


def refuse(kind: str, key: str, state: State, wanted: str, instead: str) -> BadInput:
    """Why a person's wish is not done, and what is."""
    words = {
        "planned": "is not in QuickBooks yet",
        "open": "is open and in an open month",
        "matched": "is matched with the bank: its amount and date must stay",
        "closed": "is dated in a closed month",
        "paid": "is paid by a settlement",
        "edited": "was changed in QuickBooks, or a change of it was refused there",
    }[state]
    return BadInput(f"{kind} {key} {words}, so it cannot be {wanted}; {instead}")


def reclass_stream(flow: str) -> UUID:
    return stream_id(flow, "reclass")
