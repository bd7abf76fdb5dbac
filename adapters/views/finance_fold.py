"""The events of Amazon's Finances folded into their tables; see fold.py."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from adapters.views.finance_schema import FinanceFactRow, SettlementSumRow, TransactionRow
from adapters.views.schema import FINANCE_FACTS, SETTLEMENT_SUMS, TRANSACTIONS
from application.ports import Recorded
from domain.errors import BadInput
from domain.event import Event
from domain.event_group import (
    BalancesSeen,
    EventGroupSeen,
    PayoutSeen,
    SettlementMatched,
    SourceAvailability,
    SummarySeen,
)
from domain.money import format_minor
from domain.settlement import SettlementLinesIngested
from domain.transaction import TransactionIngested, TransactionReleased

if TYPE_CHECKING:
    from adapters.views.fold import Fold
    from adapters.views.rows import Rows

Key = tuple[Any, ...]
CURRENT, PREVIOUS = "Current Reserve Amount", "Previous Reserve Amount Balance"

_encode = msgspec.json.Encoder().encode


class FinanceRows:
    """The rows of Finances that a batch touches. `told_accounts` are ToldAccountRow's fields."""

    def __init__(self, rows: Callable[..., "Rows[Any]"]) -> None:
        self.transactions: Rows[TransactionRow] = rows(TRANSACTIONS, TransactionRow)
        self.facts: Rows[FinanceFactRow] = rows(FINANCE_FACTS, FinanceFactRow)
        self.sums: Rows[SettlementSumRow] = rows(SETTLEMENT_SUMS, SettlementSumRow)
        self.told_accounts: set[tuple[str, str, str, str]] = set()

    @property
    def tables(self) -> tuple["Rows[Any]", ...]:
        return self.transactions, self.facts, self.sums


def needed_finances(batch: Sequence[Recorded]) -> dict[str, set[Key]]:
    """Primary keys by table of the rows of Finances that the events touch."""
    keys: dict[str, set[Key]] = {table.name: set() for table in (TRANSACTIONS, FINANCE_FACTS, SETTLEMENT_SUMS)}
    for recorded in batch:
        event = recorded.event
        match event:
            case TransactionIngested():
                keys[TRANSACTIONS.name].add((event.flow, event.transaction.transaction_id))
            case TransactionReleased():
                keys[TRANSACTIONS.name].add((event.flow, event.transaction_id))
            case SettlementLinesIngested():
                keys[SETTLEMENT_SUMS.name].add((event.flow, event.settlement_id))
            case _ if (named := _named(event)) is not None:
                keys[FINANCE_FACTS.name].add((event.flow, *named))
    return keys


def _named(event: Event) -> tuple[str, str] | None:
    """Kind and key of the fact an event tells."""
    match event:
        case EventGroupSeen():
            return "group", event.group.group_id
        case PayoutSeen():
            return "payout", event.payout.payout_id
        case SummarySeen():
            return "summary", event.summary.settlement_id
        case BalancesSeen():
            return "balances", event.day.isoformat()
        case SourceAvailability():
            return "source", event.source
        case SettlementMatched():
            return "match", event.settlement_id
    return None


def fold_fact(fold: "Fold", event: Event, sort: datetime | None, told: object) -> None:
    """Keep what an event tells as JSON."""
    named = _named(event)
    assert named is not None
    row = fold.finances.facts.take(event.flow, *named)
    row.sort, row.data = (sort or event.at).isoformat(), _encode(told).decode()


def fold_transaction(fold: "Fold", event: TransactionIngested) -> None:
    seen = event.transaction
    row = fold.finances.transactions.take(event.flow, seen.transaction_id)
    row.kind, row.status, row.description = seen.kind or "?", seen.status, seen.description
    row.posted = seen.posted.isoformat() if seen.posted is not None else ""
    row.currency, row.total = seen.currency, seen.total
    row.account_type, row.marketplace_id = seen.account_type, seen.marketplace_id
    row.order_id, row.settlement_id = seen.related("ORDER_ID"), seen.related("SETTLEMENT_ID")
    row.group_id = seen.related("FINANCIAL_EVENT_GROUP_ID")
    row.deferral, row.matures = seen.deferral, seen.matures.isoformat() if seen.matures is not None else None
    row.level, row.leaves = seen.level, _encode(seen.leaves).decode()
    row.unknown, row.strange = _encode(seen.unknown).decode(), int(bool(seen.unknown))
    row.stated_problem, row.deferred_id = seen.problem, seen.deferred_id
    row.release_id = row.release_id or seen.release_id
    row.seen = row.seen or event.at.isoformat()
    _judge(row)
    if seen.account_type:
        for kind, key in (("settlement", row.settlement_id), ("group", row.group_id)):
            if key:
                fold.finances.told_accounts.add((event.flow, kind, key, seen.account_type))


def fold_release(fold: "Fold", event: TransactionReleased) -> None:
    row = fold.finances.transactions.take(event.flow, event.transaction_id)
    row.release_id = event.release_id or row.release_id
    row.released = (event.posted or event.at).isoformat()
    row.release_total = event.total
    _judge(row)


def _judge(row: TransactionRow) -> None:
    """Held for what its look says, else for being released with another amount than it was deferred with."""
    row.problem = row.stated_problem
    if not row.problem and row.kind and None not in (row.total, row.release_total) and row.total != row.release_total:
        row.problem = (
            f"it was deferred with {_money(row.total, row.currency)} and is released with "
            f"{_money(row.release_total, row.currency)} by {row.release_id}"
        )
    row.held = int(bool(row.problem))


def fold_sums(fold: "Fold", event: SettlementLinesIngested) -> None:
    row = fold.finances.sums.take(event.flow, event.settlement_id)
    if event.content_hash != row.content_hash:  # another document: its lines take the place of the former's
        row.content_hash = event.content_hash
        row.lines = row.lines_sum = row.kept = row.freed = row.kept_line = row.freed_line = 0
    row.lines += len(event.lines)
    for line in event.lines:
        row.lines_sum += line.amount
        if line.amount_description == CURRENT:
            row.kept += line.amount
            row.kept_line = row.kept_line or line.ordinal
        elif line.amount_description == PREVIOUS:
            row.freed += line.amount
            row.freed_line = row.freed_line or line.ordinal


def _money(amount: int | None, currency: str) -> str:
    try:
        return format_minor(amount or 0, currency)
    except BadInput:
        return str(amount)
