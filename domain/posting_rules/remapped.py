"""A document as it would be booked with today's mapping: the same money, day and lines' origin, other accounts.

An order's document is told by its components, a settlement's by the lines behind it (accounting.md 7.2).
"""

from collections.abc import Mapping as MappingOf
from typing import TypeVar

import msgspec

from domain.chart import PER_CURRENCY, default_chart
from domain.document import (
    CreditMemo,
    Deposit,
    DepositLine,
    Document,
    Invoice,
    InvoiceLine,
    JournalEntry,
    JournalLine,
    SalesReceipt,
)
from domain.mapping import Mapping
from domain.posting_rules.order_lines import COMPONENTS
from domain.settlement import SettlementLine

_UNMOVED_ROLES = ("tax_in", "tax_out", "review", "balance")
_BALANCES = ("CLR", "AR", "BANK", "RSV", "XACC", "DEF")  # what ties to Amazon, a customer or a bank is never moved
_L = TypeVar("_L", DepositLine, JournalLine)


def remapped(document: Document, mapping: Mapping, lines: MappingOf[int, SettlementLine]) -> Document:
    """The document with today's accounts; what no rule fits stays where it is. `lines` are its settlement's."""
    match document:
        case Invoice() | SalesReceipt() | CreditMemo():
            return msgspec.structs.replace(document, lines=tuple(_order_line(line, mapping) for line in document.lines))
        case Deposit():
            parts = [part for line in document.lines for part in _parts(line, mapping, lines, document.currency)]
            return msgspec.structs.replace(document, lines=tuple(parts))
        case JournalEntry():
            moved = [part for line in document.lines for part in _parts(line, mapping, lines, document.currency)]
            debits = sum(line.amount for line in moved if line.amount > 0)
            return msgspec.structs.replace(document, lines=tuple(moved), total=debits)
    return document


def not_on_a_deposit(document: Document) -> list[str]:
    """The accounts of a deposit's lines that QuickBooks takes on none."""
    if not isinstance(document, Deposit):
        return []
    chart = default_chart()
    keys = {line.account.partition(":")[0] for line in document.lines}
    return sorted(key for key in keys if key not in chart or not chart[key].on_deposit_line)


def _order_line(line: InvoiceLine, mapping: Mapping) -> InvoiceLine:
    triple = COMPONENTS.get(line.component, ("Order", "ItemPrice", line.component))
    rule = mapping.rule_for(triple) if line.component else None
    if rule is None or rule.role != "order_charge":
        return line
    return msgspec.structs.replace(line, account=rule.account)


def _parts(line: _L, mapping: Mapping, lines: MappingOf[int, SettlementLine], currency: str) -> list[_L]:
    """A line of a settlement's document, divided where its lines go to several accounts now."""
    known = [lines[ordinal] for ordinal in line.ordinals if ordinal in lines]
    if len(known) != len(line.ordinals) or not known or line.account.partition(":")[0] in _BALANCES:
        return [line]
    sums: dict[str, int] = {}
    ordinals: dict[str, list[int]] = {}
    for one in known:
        rule = mapping.rule_for(one.triple)
        chart = default_chart()
        moves = rule is not None and rule.role not in _UNMOVED_ROLES and rule.account in chart
        key = rule.account if rule is not None and moves else line.account
        if key in PER_CURRENCY:
            key = f"{key}:{currency}"
        sums[key] = sums.get(key, 0) + one.amount
        ordinals.setdefault(key, []).append(one.ordinal)
    if set(sums) == {line.account}:
        return [line]
    sign = 1 if sum(sums.values()) == line.amount else -1
    if sign * sum(sums.values()) != line.amount:
        return [line]  # it bears more than its lines: nobody knows which part belongs where
    return [
        msgspec.structs.replace(line, account=key, amount=sign * amount, ordinals=tuple(ordinals[key]))
        for key, amount in sums.items()
        if amount
    ]
