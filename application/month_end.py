"""The month-end checklist (accounting.md 6.4): eighteen lines, each with its value, how it stands, and where to look.

A line passes only on what was looked at. What nothing here can tell yet is `not_known` and says what is missing, so a
month is never closed on a guess.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from application import month_end_lines as lines
from application.month_end_facts import Facts, Line
from application.ports import Views
from domain.errors import BadInput
from domain.flow import Flow
from domain.mapping import Mapping as FlowMapping

BAND_MONTHS = 6


class Checklist(msgspec.Struct, frozen=True):
    """The lines of a month; `ready` is true when none fails and none is not known."""

    flow: str
    month: str
    first: date
    last: date
    lines: list[Line]

    @property
    def counts(self) -> dict[str, int]:
        found = dict.fromkeys(("pass", "fail", "not_known", "not_applicable"), 0)
        for line in self.lines:
            found[line.result] += 1
        return found

    @property
    def ready(self) -> bool:
        return all(line.result in ("pass", "not_applicable") for line in self.lines)


def month_of(text: str) -> tuple[date, date]:
    """The first and last day of `2026-10`. Raises BadInput."""
    try:
        if len(text) != 7:
            raise ValueError
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise BadInput(f"month {text[:40]!r}: expected one like 2026-10") from None
    return first, _next(first) - timedelta(days=1)


def last_month(today: date) -> str:
    """The month before a day's: the one that is closed now."""
    return f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"


def checklist(
    flow: Flow,
    mapping: FlowMapping,
    views: Views,
    month: str,
    today: date,
    quickbooks: Mapping[str, int] | None = None,
    answers_differ: Sequence[str] | None = None,
    packet: str = "",
) -> Checklist:
    """The checklist of a month.

    `quickbooks` are QuickBooks' own balances of clearing by currency, `answers_differ` what the independent count of
    QuickBooks' answers shows otherwise than the ledger (None: not asked), `packet` the hash of the packet made now.
    """
    first, last = month_of(month)
    zone = ZoneInfo(flow.zone)
    begin, end = _midnight(first, zone), _midnight(_next(first), zone)
    before = first
    for _ in range(BAND_MONTHS):
        before = (before - timedelta(days=1)).replace(day=1)
    balances = {
        (row["account"], row["currency"]): row["balance"]
        for row in views.query("trial_balance", flow.name, at=last.isoformat())
    }
    facts = Facts(
        flow=flow,
        mapping=mapping,
        first=first,
        last=last,
        begin=begin,
        end=end,
        today=today,
        settlements=[row for row in views.query("settlements", flow.name) if row["state"] != "historical"],
        counts=views.query("counts", flow.name)[0],
        gaps=views.query("gaps", flow.name, status="open"),
        held=views.query("held", flow.name),
        balances=balances,
        clearing=views.query("clearing", flow.name),
        receivable=views.query("receivable", flow.name),
        triples=views.query("triples", flow.name, since=_midnight(before, zone).isoformat(), before=end.isoformat()),
        shipped=views.query("shipped", flow.name, since=begin.isoformat(), before=end.isoformat()),
        deposits=views.query("ledger", flow.name, kind="deposit", from_day=first.isoformat(), to_day=last.isoformat()),
        tranches=_tranches(views, flow.name, first, last),
        quickbooks=quickbooks,
        answers_differ=answers_differ,
        packet=packet,
    )
    return Checklist(flow.name, month, first, last, [check(facts) for check in lines.ALL])


def _tranches(views: Views, flow: str, first: date, last: date) -> set[str]:
    """Settlements that have a journal or a payment within the month."""
    rows: list[dict[str, Any]] = []
    for kind in ("journal", "payment"):
        rows += views.query("ledger", flow, kind=kind, from_day=first.isoformat(), to_day=last.isoformat())
    return {row["settlement_id"] for row in rows if row["settlement_id"]}


def _next(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
