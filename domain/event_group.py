"""What Amazon itself says a settlement came to: event groups (Finances v0), payouts, summaries and balances.

An event group is a settlement period of one account; it has no settlement id, and its ConvertedTotal is the only place
where a payout in another currency is told (amazon.md 4.1, 4.6). Payouts and summaries exist for some accounts only.
"""

from datetime import date, datetime
from uuid import UUID

import msgspec

from domain.event import Event, Stamp, stream_id

CLOSED = "Closed"


class EventGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event group; amounts in minor units of the currency beside them, None where Amazon states none.

    `total` of an open group is a running balance. `problem` says what of it could not be read.
    """

    group_id: str
    status: str = ""
    transfer_status: str = ""
    currency: str = ""
    total: int | None = None
    converted_currency: str = ""
    converted_total: int | None = None
    beginning: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    transfer_date: datetime | None = None
    trace_id: str = ""
    account_tail: str = ""
    problem: str = ""
    unknown: tuple[str, ...] = ()


class EventGroupSeen(Event, frozen=True, kw_only=True):
    """An event group opened, closed, or changed in what lasts; the running balance of an open one is no news."""

    group: EventGroup
    evidence: str = ""


class Payout(msgspec.Struct, frozen=True, omit_defaults=True):
    """A payout (Transfers 2024-06-01). `settlement_id` is empty where Amazon relates it to none."""

    payout_id: str
    settlement_id: str = ""
    status: str = ""
    kind: str = ""
    currency: str = ""
    amount: int | None = None
    account_type: str = ""
    marketplace_id: str = ""
    created: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    trace_id: str = ""
    account_tail: str = ""
    problem: str = ""
    unknown: tuple[str, ...] = ()


class PayoutSeen(Event, frozen=True, kw_only=True):
    """A payout came, or came with another status or amount."""

    payout: Payout
    evidence: str = ""


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Amazon's own sum of a settlement (Finances 2024-06-19, listSummary); `net` in minor units."""

    settlement_id: str
    currency: str = ""
    net: int | None = None
    account_type: str = ""
    marketplace_id: str = ""
    problem: str = ""
    unknown: tuple[str, ...] = ()


class SummarySeen(Event, frozen=True, kw_only=True):
    """A settlement's summary came, or came with other contents."""

    summary: Summary
    evidence: str = ""


class Balance(msgspec.Struct, frozen=True, array_like=True):
    """One balance of an account, minor units. Stored as an array: a new field goes to the end and has a default."""

    kind: str
    currency: str
    amount: int
    account_type: str = ""
    marketplace_id: str = ""


class BalancesSeen(Event, frozen=True, kw_only=True):
    """The balances Amazon stated on a day (UTC), each kind of each account: TOTAL, AVAILABLE, DEFERRED, …"""

    day: date
    balances: tuple[Balance, ...]
    evidence: str = ""
    problem: str = ""


class SourceAvailability(Event, frozen=True, kw_only=True):
    """Amazon offers, or does not offer, a part of Finances to this account; `reason` is Amazon's refusal."""

    source: str
    available: bool
    reason: str = ""


class SettlementMatched(Event, frozen=True, kw_only=True):
    """What Amazon's other accounts of a settlement tell of it.

    `account_type` is empty where none tells. `converted_total` is the payout in the bank's currency (minor units of
    `converted_currency`), None where Amazon states none: rule R25 of accounting.md waits for it.
    """

    settlement_id: str
    group_id: str = ""
    account_type: str = ""
    converted_total: int | None = None
    converted_currency: str = ""
    transfer_status: str = ""
    transfer_date: datetime | None = None
    trace_id: str = ""
    account_tail: str = ""


def group_news(seen: EventGroup, known: EventGroup | None, stamp: Stamp, evidence: str) -> list[Event]:
    """The event where a group is new or changed in what lasts."""
    if known is not None and _lasting(seen) == _lasting(known):
        return []
    return [EventGroupSeen(group=seen, evidence=evidence, **stamp.fields())]


def _lasting(group: EventGroup) -> EventGroup:
    if group.status == CLOSED:
        return group
    return msgspec.structs.replace(group, total=None, converted_total=None)


def group_stream(flow: str, group_id: str) -> UUID:
    return stream_id(flow, "event-group", group_id)


def payout_stream(flow: str, payout_id: str) -> UUID:
    return stream_id(flow, "payout", payout_id)


def summary_stream(flow: str, settlement_id: str) -> UUID:
    return stream_id(flow, "summary", settlement_id)


def balances_stream(flow: str, day: date) -> UUID:
    return stream_id(flow, "balances", day.isoformat())


def source_stream(flow: str, source: str) -> UUID:
    return stream_id(flow, "finance-source", source)
