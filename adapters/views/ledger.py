"""The general ledger of what stands in QuickBooks: every posted document by account, and what is open by order.

Entries are written when a document is posted and taken back when it is amended, voided, deleted or found not to be
ours, so they say what QuickBooks has, never what is planned. `settlement_triples` and `refunds` sum Amazon's lines as
they are recorded; a settlement that came with other lines first is told apart by its content hash.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec

from adapters.database import Cursor, insert_many
from adapters.views.schema import (
    LEDGER,
    RECEIVABLES,
    REFUNDS,
    TRIPLES,
    PostingRow,
    ReceivableRow,
    RefundRow,
    TripleRow,
)
from domain.document import Document, Invoice, Payment, debits_and_credits
from domain.mapping import default_rules, first_fit
from domain.posting import Posted
from domain.settlement import SettlementLinesIngested

UNKNOWN = "UNKNOWN"  # what a document found in QuickBooks books in another way than ours did
RECEIVABLE = "AR"

PostingKey = tuple[str, str, str]
Entry = tuple[str, int, str]  # account key, amount (debit positive), whose receivable it is

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[Entry]).decode


def entries_of(document: Document) -> list[Entry]:
    """The document by account; receivables by the order that owes them. They sum to zero."""
    if isinstance(document, Payment):
        lines = [(document.clearing, document.total, "")]
        lines += [(RECEIVABLE, -one.amount, one.order_id) for one in document.applied]
        lines += [(RECEIVABLE, one.amount, one.order_id) for one in document.credits]
    else:
        owner = getattr(document, "order_id", "")
        lines = [
            (account, amount, owner if account == RECEIVABLE else "")
            for account, amount in debits_and_credits(document)
        ]
    if len(lines) < 3:
        return lines
    if isinstance(document, Payment):
        return lines
    return _by_account(lines)


def as_posted(kind: str, entries: list[Entry], total: int, cleared: int | None) -> list[Entry]:
    """The entries with the total QuickBooks has (more than planned by `total`) and what really moved on clearing.

    What that leaves without a place is on UNKNOWN: the document was not written by us, so its lines are not known.
    """
    made = list(entries)
    if made and total:
        account, amount, owner = made[0]
        made[0] = (account, amount + (total if amount >= 0 else -total), owner)
    if cleared is not None:
        signed = -cleared if kind == "deposit" else cleared
        made = [entry for entry in made if entry[0].partition(":")[0] != "CLR"]
        clearing = next((entry[0] for entry in entries if entry[0].partition(":")[0] == "CLR"), "")
        if clearing:
            made.append((clearing, signed, ""))
    rest = sum(amount for _, amount, _ in made)
    return [*made, (UNKNOWN, -rest, "")] if rest else made


class Ledger:
    """What a batch of events changes in the ledger."""

    def __init__(self) -> None:
        # LedgerRow's fields; all rows of a posting are replaced together.
        self.rows: dict[PostingKey, list[tuple[Any, ...]]] = {}
        self._plans: dict[str, list[Entry]] = {}  # by their text: most are posted in the batch they are planned in
        self.receivables: dict[tuple[str, str, str], ReceivableRow] = {}  # what is added to each
        self.triples: dict[tuple[str, ...], TripleRow] = {}
        self.refunds: dict[tuple[str, ...], RefundRow] = {}

    def plan(self, row: PostingRow, document: Document) -> None:
        """Remember what a document will book once it is posted."""
        entries = entries_of(document)
        row.entries = _encode(entries).decode()
        self._plans[row.entries] = entries
        row.due = document.due_day.isoformat() if isinstance(document, Invoice) and document.due_day else None

    def book(self, row: PostingRow, event: Posted) -> None:
        """The document stands now, as it was planned last. `row` is still as it was before."""
        text = row.entries or row.booked_entries
        cleared = event.cleared if event.cleared != row.clearing or not row.entries else None
        entries = self._plans.get(text) or (_decode(text) if text else [])
        if cleared is not None or event.total != row.amount:
            entries = as_posted(row.kind, entries, event.total - row.amount, cleared)
            text = _encode(entries).decode()
        day = event.day.isoformat()
        if row.booked_entries:
            self._receivable(row, _decode(row.booked_entries), -1, day)
        self._receivable(row, entries, +1, day)
        row.booked_entries, row.entries = text, ""
        if len(entries) > 2:
            entries = _by_account(entries)
        place = (row.flow, row.kind, row.key)
        rest = (day, row.settlement_id, row.order_id)
        self.rows[place] = [
            (*place, number, account, event.currency, amount, *rest)
            for number, (account, amount, _) in enumerate(entries, start=1)
        ]

    def unbook(self, row: PostingRow) -> None:
        """The document books nothing any more."""
        if row.booked_entries:
            self._receivable(row, _decode(row.booked_entries), -1, row.day or "")
            row.booked_entries = ""
            self.rows[row.flow, row.kind, row.key] = []

    def lines(self, event: SettlementLinesIngested) -> None:
        """Sum Amazon's lines by what they are, and refunds by order."""
        place = (event.flow, event.settlement_id, event.content_hash)
        for line in event.lines:
            key = (*place, *line.triple)
            triple = self.triples.get(key)
            if triple is None:
                triple = self.triples[key] = TripleRow(*key)
            triple.lines += 1
            triple.amount += line.amount
            if line.quantity and line.amount_description == "Principal":
                triple.units += line.quantity
            if line.order_id and _gives_back(line.triple):
                at = (event.flow, line.order_id, *place[1:])
                refund = self.refunds.get(at)
                if refund is None:
                    refund = self.refunds[at] = RefundRow(*at)
                refund.amount += line.amount
                if line.posted is not None:
                    refund.posted = max(refund.posted, line.posted.isoformat())

    def _receivable(self, row: PostingRow, entries: list[Entry], sign: int, day: str) -> None:
        """Add (or take away) what a document moves on receivables."""
        for account, amount, owner in entries:
            if account == RECEIVABLE:
                key = (row.flow, owner or f"{row.kind}/{row.key}", row.currency)
                found = self.receivables.get(key)
                if found is None:
                    found = self.receivables[key] = ReceivableRow(*key, 0, day)
                found.amount += sign * amount
                found.day = min(found.day, day)
                found.due = max(found.due, row.due or "")


def write(cursor: Cursor, suffix: str, ledger: Ledger, stored: Iterable[PostingKey]) -> None:
    """`stored` are the postings that have entries already."""
    standing = set(stored)
    gone = [key for key in ledger.rows if key in standing]
    if gone:
        cursor.executemany(f"DELETE FROM {LEDGER.name}{suffix} WHERE flow = ? AND kind = ? AND key = ?", gone)
    made = [row for rows in ledger.rows.values() for row in rows]
    insert_many(cursor, LEDGER.name + suffix, LEDGER.columns, made, types=LEDGER.types)
    name = RECEIVABLES.name + suffix
    added = (
        f"ON CONFLICT (flow, owner, currency) DO UPDATE SET amount = {name}.amount + excluded.amount, "
        f"day = CASE WHEN excluded.day < {name}.day THEN excluded.day ELSE {name}.day END, "
        f"due = CASE WHEN excluded.due > {name}.due THEN excluded.due ELSE {name}.due END"
    )
    _add(cursor, name, RECEIVABLES, ledger.receivables.values(), added)
    name = TRIPLES.name + suffix
    sums = ", ".join(f"{column} = {name}.{column} + excluded.{column}" for column in ("lines", "amount", "units"))
    _add(cursor, name, TRIPLES, ledger.triples.values(), f"ON CONFLICT ({_keys(TRIPLES)}) DO UPDATE SET {sums}")
    name = REFUNDS.name + suffix
    refunds = (
        f"ON CONFLICT ({_keys(REFUNDS)}) DO UPDATE SET amount = {name}.amount + excluded.amount, "
        f"posted = CASE WHEN excluded.posted > {name}.posted THEN excluded.posted ELSE {name}.posted END"
    )
    _add(cursor, name, REFUNDS, ledger.refunds.values(), refunds)


def _add(cursor: Cursor, name: str, table: Any, rows: Iterable[msgspec.Struct], on_conflict: str) -> None:
    made = sorted(msgspec.structs.astuple(row) for row in rows)
    insert_many(cursor, name, table.columns, made, on_conflict, table.types)


def _keys(table: Any) -> str:
    return ", ".join(table.key_columns)


def _by_account(entries: Iterable[Entry]) -> list[Entry]:
    """One entry an account; receivables without whose they are if they are several's."""
    sums: dict[str, int] = {}
    owners: dict[str, str] = {}
    for account, amount, owner in entries:
        sums[account] = sums.get(account, 0) + amount
        owners.setdefault(account, owner)
    return [(account, amount, owners[account]) for account, amount in sums.items()]


@lru_cache(maxsize=4_096)
def _gives_back(triple: tuple[str, str, str]) -> bool:
    """Whether a line gives a buyer back what the order's invoice billed: by the default map, without tax and fees."""
    rule = first_fit(default_rules(), triple)
    return rule is not None and rule.role in ("refund", "claim")
