"""The bank's events folded into its tables, and into the settlements whose money it is. See fold.py."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from adapters.views.bank_schema import BankAccountRow, BankLineRow, BankReturnRow, BankStatementRow
from adapters.views.schema import BANK_ACCOUNTS, BANK_LINES, BANK_RETURNS, BANK_STATEMENTS, SettlementRow
from application.ports import Recorded
from domain.bank import (
    AMAZON,
    BankAccountSet,
    BankLineImported,
    BankLineSetAside,
    BankStatementImported,
    DepositMatched,
    MatchRejected,
    MatchUndone,
    SettlementBanked,
    SettlementUnbanked,
)
from domain.bank_matching import gives_back
from domain.event import Event
from domain.settlement import SettlementLinesIngested

if TYPE_CHECKING:
    from adapters.views.fold import Fold
    from adapters.views.rows import Rows, Subject

Key = tuple[Any, ...]


class BankRows:
    """The bank's rows that a batch touches."""

    def __init__(self, rows: Callable[..., "Rows[Any]"]) -> None:
        self.accounts: Rows[BankAccountRow] = rows(BANK_ACCOUNTS, BankAccountRow)
        self.lines: Rows[BankLineRow] = rows(BANK_LINES, BankLineRow)
        self.statements: Rows[BankStatementRow] = rows(BANK_STATEMENTS, BankStatementRow)
        self.returns: Rows[BankReturnRow] = rows(BANK_RETURNS, BankReturnRow)

    @property
    def tables(self) -> tuple["Rows[Any]", ...]:
        return self.accounts, self.lines, self.statements, self.returns


def needed_bank(batch: Sequence[Recorded]) -> dict[str, set[Key]]:
    """Primary keys by table of the bank's rows that the events touch."""
    keys: dict[str, set[Key]] = {
        table.name: set() for table in (BANK_ACCOUNTS, BANK_LINES, BANK_STATEMENTS, BANK_RETURNS)
    }
    for recorded in batch:
        event: Any = recorded.event
        match event:
            case BankAccountSet():
                keys[BANK_ACCOUNTS.name].add((event.flow, event.account))
            case BankLineImported():
                keys[BANK_LINES.name] |= {(event.flow, line.line) for line in event.lines}
            case BankStatementImported():
                keys[BANK_STATEMENTS.name].add((event.flow, event.account, event.statement))
            case DepositMatched() | MatchUndone() | MatchRejected() | BankLineSetAside():
                keys[BANK_LINES.name].add((event.flow, event.line))
            case SettlementLinesIngested():
                keys[BANK_RETURNS.name] |= {
                    (event.flow, event.settlement_id, line.ordinal) for line in event.lines if gives_back(line)
                }
    return keys


def fold_returns(fold: "Fold", event: SettlementLinesIngested) -> None:
    """Called with a settlement's lines: those by which Amazon takes back a transfer."""
    for line in event.lines:
        if gives_back(line):
            fold.bank.returns.take(event.flow, event.settlement_id, line.ordinal).amount = line.amount


def bank_status(row: SettlementRow) -> str:
    """How far the settlement's money is followed: reconciled where Amazon, QuickBooks and the bank agree."""
    if not row.bank_line:
        return ""
    if row.bank_returned:
        return "transfer_failed"
    agree = row.deposit_status == "posted" and row.difference == 0 and not bank_difference(row)
    return "reconciled" if agree else "bank_matched"


def bank_difference(row: SettlementRow) -> int | None:
    """What the bank got (and kept) less what QuickBooks deposited; None until both are known, in one currency."""
    if not row.bank_line or row.deposit_total is None or row.bank_currency != row.currency:
        return None
    return (row.bank_amount or 0) + row.bank_fee - row.deposit_total


def _account_set(fold: "Fold", event: BankAccountSet, about: type["Subject"]) -> "Subject":
    row = fold.bank.accounts.take(event.flow, event.account)
    row.currency, row.tail = event.currency, event.tail
    row.fees, row.rates = _json(event.fees), _json(event.rates)
    row.columns = _json(event.columns) if event.columns is not None else ""
    return about()


def _lines(fold: "Fold", event: BankLineImported, about: type["Subject"]) -> "Subject":
    for line in event.lines:
        row = fold.bank.lines.take(event.flow, line.line)
        row.account, row.currency, row.statement = event.account, event.currency, event.statement
        row.day, row.amount, row.tells = line.day.isoformat(), line.amount, line.tells
        row.reference, row.kind, row.twin = line.reference, line.kind, line.twin
        row.amazon = int(AMAZON.search(line.tells) is not None)
        row.status = "twin" if line.twin else "open"
    return about()


def _statement(fold: "Fold", event: BankStatementImported, about: type["Subject"]) -> "Subject":
    row = fold.bank.statements.take(event.flow, event.account, event.statement)
    row.currency, row.form, row.file, row.tail = event.currency, event.form, event.file, event.tail
    row.first_day, row.last_day = event.start.isoformat(), event.end.isoformat()
    row.entries, row.fresh, row.total = event.entries, event.new, event.total
    row.opening, row.closing, row.evidence = event.opening, event.closing, event.evidence
    row.imported_at, row.imported_by = event.at.isoformat(), event.by
    return about()


def _matched(fold: "Fold", event: DepositMatched, about: type["Subject"]) -> "Subject":
    row = fold.bank.lines.take(event.flow, event.line)
    row.status, row.settlements = "matched", _json(event.settlements)
    row.match_kind, row.how, row.score, row.fee, row.why = event.kind, event.how, event.score, event.fee, event.why
    return about(settlement_id=event.settlements[0] if len(event.settlements) == 1 else "")


def _undone(fold: "Fold", event: MatchUndone, about: type["Subject"]) -> "Subject":
    row = fold.bank.lines.take(event.flow, event.line)
    if event.settlements:
        _reject(row, event.settlements)
    row.status, row.settlements = "open", "[]"
    row.match_kind, row.how, row.score, row.fee, row.why = "", "", 0, 0, event.why
    return about(settlement_id=event.settlements[0] if len(event.settlements) == 1 else "")


def _rejected(fold: "Fold", event: MatchRejected, about: type["Subject"]) -> "Subject":
    _reject(fold.bank.lines.take(event.flow, event.line), event.settlements)
    return about(settlement_id=event.settlements[0] if len(event.settlements) == 1 else "")


def _reject(row: BankLineRow, settlements: Sequence[str]) -> None:
    row.rejected = _json([*msgspec.json.decode(row.rejected), settlements])


def _aside(fold: "Fold", event: BankLineSetAside, about: type["Subject"]) -> "Subject":
    row = fold.bank.lines.take(event.flow, event.line)
    row.status, row.why = "aside", event.why
    return about()


def _banked(fold: "Fold", event: SettlementBanked, about: type["Subject"]) -> "Subject":
    row = fold.settlements.take(event.flow, event.settlement_id)
    if event.returned:
        row.bank_returned = event.line
    else:
        row.bank_line, row.bank_day, row.bank_reference = event.line, event.day.isoformat(), event.reference
        row.bank_amount, row.bank_currency, row.bank_fee = event.amount, event.currency, event.fee
    return about(settlement_id=event.settlement_id)


def _unbanked(fold: "Fold", event: SettlementUnbanked, about: type["Subject"]) -> "Subject":
    row = fold.settlements.take(event.flow, event.settlement_id)
    if row.bank_returned == event.line:
        row.bank_returned = ""
    if row.bank_line == event.line:
        row.bank_line, row.bank_day, row.bank_reference = "", None, ""
        row.bank_amount, row.bank_currency, row.bank_fee = None, "", 0
    return about(settlement_id=event.settlement_id)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


BANK_FOLDS: dict[type[Event], Callable[["Fold", Any, type["Subject"]], "Subject"]] = {
    BankAccountSet: _account_set,
    BankLineImported: _lines,
    BankStatementImported: _statement,
    DepositMatched: _matched,
    MatchUndone: _undone,
    MatchRejected: _rejected,
    BankLineSetAside: _aside,
    SettlementBanked: _banked,
    SettlementUnbanked: _unbanked,
}
