"""The events of Amazon's Finances as sentences; see words.py."""

from collections.abc import Callable
from typing import Any

from domain.errors import BadInput
from domain.event_group import (
    BalancesSeen,
    EventGroupSeen,
    PayoutSeen,
    SettlementMatched,
    SourceAvailability,
    SummarySeen,
)
from domain.money import format_minor
from domain.transaction import TransactionIngested, TransactionReleased


def _money(amount: int | None, currency: str) -> str:
    if amount is None:
        return "an unstated amount"
    try:
        return f"{format_minor(amount, currency)} {currency}"
    except BadInput:
        return f"{amount} minor units {currency}".rstrip()


def _transaction(event: TransactionIngested) -> str:
    seen = event.transaction
    order = seen.related("ORDER_ID")
    of = f" of order {order}" if order else ""
    held = f"; it is held: {seen.problem}" if seen.problem else ""
    return (
        f"Amazon reports a transaction{of}: {seen.kind or 'of no type'}, {seen.status or 'of no status'}, "
        f"{_money(seen.total, seen.currency)}{held}"
    )


def _released(event: TransactionReleased) -> str:
    by = f" by {event.release_id}" if event.release_id else ""
    return f"Amazon released the deferred transaction {event.transaction_id}{by}"


def _group(event: EventGroupSeen) -> str:
    group = event.group
    converted = (
        f", paid out as {_money(group.converted_total, group.converted_currency)}"
        if group.converted_total is not None and group.converted_currency != group.currency
        else ""
    )
    transfer = f", transfer {group.transfer_status}" if group.transfer_status else ""
    total = f" with {_money(group.total, group.currency)}" if group.status == "Closed" else ""
    return f"Amazon reports event group {group.group_id}: {group.status or 'no status'}{total}{converted}{transfer}"


def _payout(event: PayoutSeen) -> str:
    payout = event.payout
    return f"Amazon reports payout {payout.payout_id}: {payout.status}, {_money(payout.amount, payout.currency)}"


def _summary(event: SummarySeen) -> str:
    summary = event.summary
    return f"Amazon's own sum of settlement {summary.settlement_id} is {_money(summary.net, summary.currency)}"


def _balances(event: BalancesSeen) -> str:
    totals = [_money(each.amount, each.currency) for each in event.balances if each.kind == "TOTAL"]
    return f"Amazon states the account's balances of {event.day}: {', '.join(totals) or 'none'}"


def _source(event: SourceAvailability) -> str:
    if event.available:
        return f"Amazon offers {event.source} to this account"
    return f"Amazon does not offer {event.source} to this account: {event.reason}"


def _matched(event: SettlementMatched) -> str:
    parts = [
        f"event group {event.group_id}" if event.group_id else "",
        event.account_type,
        f"paid out as {_money(event.converted_total, event.converted_currency)}"
        if event.converted_total is not None
        else "",
        f"transfer {event.transfer_status}" if event.transfer_status else "",
    ]
    told = ", ".join(part for part in parts if part)
    return f"Amazon tells more of settlement {event.settlement_id}: {told or 'nothing any more'}"


SENTENCES: dict[type, Callable[[Any], str]] = {
    TransactionIngested: _transaction,
    TransactionReleased: _released,
    EventGroupSeen: _group,
    PayoutSeen: _payout,
    SummarySeen: _summary,
    BalancesSeen: _balances,
    SourceAvailability: _source,
    SettlementMatched: _matched,
}
