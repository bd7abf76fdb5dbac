"""The bank's events as sentences; see words.py."""

from collections.abc import Callable
from typing import Any

from adapters.views.money_words import money
from domain.bank import (
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
from domain.event import Event

_KINDS = {
    "exact": "",
    "composite": ", together",
    "fee": ", less the bank's fee",
    "fx": ", converted",
    "returned": ", which went back",
}


def _account_set(event: BankAccountSet) -> str:
    parts = [f"Bank account {event.account}"]
    if event.tail:
        parts.append(f"ends in {event.tail}")
    if event.columns is not None:
        parts.append(f"has its CSV columns kept (date in {event.columns.date})")
    if event.fees:
        parts.append("keeps fees of " + ", ".join(money(fee, event.currency) for fee in event.fees))
    parts += [f"converts {currency} at about {rate}" for currency, rate in sorted(event.rates.items())]
    return "; ".join(parts) + _why(event.why)


def _lines(event: BankLineImported) -> str:
    count = len(event.lines)
    return f"{count} line{'s' * (count != 1)} of bank account {event.account} were recorded"


def _statement(event: BankStatementImported) -> str:
    new = "all of them new" if event.new == event.entries else f"{event.new} of them new"
    closing = f"; closing balance {money(event.closing, event.currency)}" if event.closing is not None else ""
    return (
        f"A statement of bank account {event.account}, {event.start} to {event.end}, was imported from {event.file}: "
        f"{event.entries} entries, {new}, together {money(event.total, event.currency)}{closing}"
    )


def _matched(event: DepositMatched) -> str:
    by = f" by itself (score {event.score})" if event.how == "auto" else ""
    fee = f", of which the bank kept {money(event.fee, event.currency)}" if event.fee else ""
    return (
        f"The bank line of {event.day} over {money(event.amount, event.currency)} is the money of "
        f"{_settlements(event.settlements)}{_KINDS[event.kind]}{fee}; matched{by}{_why(event.why)}"
    )


def _undone(event: MatchUndone) -> str:
    if not event.settlements:
        return f"Bank line {event.line} is no longer set aside{_why(event.why)}"
    return f"Bank line {event.line} is not the money of {_settlements(event.settlements)} after all{_why(event.why)}"


def _rejected(event: MatchRejected) -> str:
    return f"Bank line {event.line} was said not to be the money of {_settlements(event.settlements)}{_why(event.why)}"


def _aside(event: BankLineSetAside) -> str:
    return f"Bank line {event.line} was set aside: it is no payout{_why(event.why)}"


def _banked(event: SettlementBanked) -> str:
    what = "went back from" if event.returned else "reached"
    reference = f" as {event.reference}" if event.reference else ""
    amount = money(abs(event.amount), event.currency)
    return f"{amount} of settlement {event.settlement_id} {what} the bank on {event.day}{reference}"


def _unbanked(event: SettlementUnbanked) -> str:
    return f"Bank line {event.line} no longer counts as the money of settlement {event.settlement_id}{_why(event.why)}"


def _settlements(names: tuple[str, ...]) -> str:
    return f"settlement{'s' * (len(names) > 1)} {', '.join(names)}"


def _why(why: str) -> str:
    return f"; why: {why}" if why else ""


BANK_SENTENCES: dict[type[Event], Callable[[Any], str]] = {
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
