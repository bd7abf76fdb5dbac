"""The bank's events as its commands would write them, for histories of the views."""

from datetime import date
from typing import Any

from domain import bank
from domain.bank import BankLine
from domain.settlement import SettlementLine, SettlementLinesIngested, settlement_stream


def bank_step(history: Any, flow: str, which: int, settlement_id: str) -> None:
    """One step on the bank of a flow; one that makes no sense now does nothing. `history.bank` keeps line states."""
    lines: dict[tuple[str, str], bank.LineState] = history.bank
    fields = history.stamp(flow, "ada").fields()
    mine = [line for of, line in lines if of == flow]
    line = mine[which // 7 % len(mine)] if mine else ""
    state = lines.get((flow, line), bank.LineState())
    match which % 7:
        case 0:
            _import(history, flow, len(mine), fields)
            return
        case 1 if line and not state.settlements and not state.aside:
            _match(history, flow, line, settlement_id, "exact", fields)
        case 2 if state.settlements or state.aside:
            _undo(history, flow, line, state, fields)
        case 3 if line:
            event = bank.MatchRejected(account="USD", line=line, settlements=(settlement_id,), why="rent", **fields)
            _say(history, flow, line, event)
        case 4 if line and not state.settlements and not state.aside:
            _say(history, flow, line, bank.BankLineSetAside(account="USD", line=line, why="a loan", **fields))
        case 5 if line and not state.settlements and not state.aside:
            _match(history, flow, line, settlement_id, "returned", fields)
        case 6:
            event = bank.BankAccountSet(account="USD", currency="USD", fees=(which,), why="a new fee", **fields)
            history.write((bank.account_stream(flow, "USD"), [event]))
            back = SettlementLine(1, "other-transaction", "", "Transfer of funds unsuccessful: 1", 2000)
            lines_event = SettlementLinesIngested(settlement_id="90001", content_hash="h", lines=(back,), **fields)
            history.write((settlement_stream(flow, "90001"), [lines_event]))


def _import(history: Any, flow: str, number: int, fields: dict[str, Any]) -> None:
    day = date(2026, 11, 1 + number % 28)
    made = [
        BankLine(f"{flow}{number:04}a", day, 2000, "AMAZON PAYMENTS", f"f{number}", "CREDIT", "c1", "ofx"),
        BankLine(f"{flow}{number:04}b", day, -500, "", f"g{number}", "DEBIT", "c2", "ofx", f"{flow}{number:04}a"),
    ]
    shared = {"account": "USD", "currency": "USD", "statement": f"s{number}", **fields}
    account = bank.BankAccountSet(account="USD", currency="USD", tail="4321", columns=bank.ColumnMap("Date"), **fields)
    statement = bank.BankStatementImported(
        form="ofx", file="a.qfx", tail="4321", start=day, end=day, entries=2, new=2, total=1500, closing=1500, **shared
    )
    history.write(
        (bank.account_stream(flow, "USD"), [account]),
        (bank.lines_stream(flow, "USD", "2026-11"), [bank.BankLineImported(lines=tuple(made), **shared)]),
        (bank.statement_stream(flow, "USD", f"s{number}"), [statement]),
    )
    for line in made:
        history.bank[flow, line.line] = bank.LineState()


def _match(history: Any, flow: str, line: str, settlement_id: str, kind: Any, fields: dict[str, Any]) -> None:
    shared = {"account": "USD", "line": line, "day": date(2026, 11, 3), "amount": 2000, "currency": "USD", **fields}
    _say(history, flow, line, bank.DepositMatched(settlements=(settlement_id,), kind=kind, how="auto", **shared))
    banked = bank.SettlementBanked(settlement_id=settlement_id, returned=kind == "returned", reference="r", **shared)
    history.write((bank.banked_stream(flow, settlement_id), [banked]))


def _undo(history: Any, flow: str, line: str, state: bank.LineState, fields: dict[str, Any]) -> None:
    undone = bank.MatchUndone(account="USD", line=line, settlements=state.settlements, why="wrong", **fields)
    _say(history, flow, line, undone)
    for name in state.settlements:
        event = bank.SettlementUnbanked(settlement_id=name, line=line, why="wrong", **fields)
        history.write((bank.banked_stream(flow, name), [event]))


def _say(history: Any, flow: str, line: str, event: Any) -> None:
    history.bank[flow, line] = bank.evolve_line(history.bank[flow, line], event)
    history.write((bank.line_stream(flow, line), [event]))
