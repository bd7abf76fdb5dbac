"""The three-way control of a flow's settlements, read off its read models: as of now, or of any moment they show.

What the comparison says is decided in domain/control.py. What it tells of a settlement's account and of its payout in
the bank's currency is recorded on the settlement, where the posting rules find it.
"""

from datetime import datetime
from typing import Any

import msgspec

from application.ports import Views
from domain.control import Control, Said, SettlementFacts, control
from domain.event import Event
from domain.event_group import EventGroup, Payout, SettlementMatched, Summary

Row = dict[str, Any]


class Converted(msgspec.Struct, frozen=True):
    """What a settlement's payout was in the bank's currency, minor units."""

    amount: int
    currency: str


def controls(views: Views, flow: str) -> list[Control]:
    """Every settlement of a flow held against everything Amazon says elsewhere, newest first."""
    told: dict[str, list[str]] = {}
    for row in views.query("told_accounts", flow, kind="settlement"):
        told.setdefault(row["key"], []).append(row["account_type"])
    settlements = [_facts(row, told) for row in views.query("settlement_sums", flow)]
    return control(settlements, said(views, flow)) if settlements else []


def said(views: Views, flow: str) -> Said:
    """What Amazon says beside its reports."""
    groups: dict[str, set[str]] = {}
    for row in views.query("told_accounts", flow, kind="group"):
        groups.setdefault(row["key"], set()).add(row["account_type"])
    sources = [row["data"] for row in views.query("finance_facts", flow, kind="source")]
    return Said(
        groups=_told(views, flow, "group", EventGroup),
        payouts=_told(views, flow, "payout", Payout),
        summaries=_told(views, flow, "summary", Summary),
        unavailable={each["source"]: each.get("reason", "") for each in sources if not each["available"]},
        group_accounts={key: next(iter(accounts)) for key, accounts in groups.items() if len(accounts) == 1},
    )


def matches(found: list[Control], flow: str, at: datetime, by: str) -> list[SettlementMatched]:
    """What the control tells of settlements beyond agreeing; of one that nothing is told of there is none."""
    made = []
    for each in found:
        group, payout = each.group, each.payout
        if group is None and payout is None and not each.account_type:
            continue
        made.append(
            SettlementMatched(
                settlement_id=each.settlement_id,
                group_id=group.group_id if group is not None else "",
                account_type=each.account_type,
                converted_total=group.converted_total if group is not None else None,
                converted_currency=group.converted_currency if group is not None else "",
                transfer_status=group.transfer_status if group is not None else payout.status if payout else "",
                transfer_date=group.transfer_date if group is not None else None,
                trace_id=(group.trace_id if group is not None else "") or (payout.trace_id if payout else ""),
                account_tail=(group.account_tail if group is not None else "")
                or (payout.account_tail if payout else ""),
                flow=flow,
                at=at,
                by=by,
            )
        )
    return made


def bare(match: Row) -> Row:
    """The facts of a match, without who told them when."""
    return {name: value for name, value in match.items() if name not in Event.__struct_fields__}


def converted_total(views: Views, flow: str, settlement_id: str) -> Converted | None:
    """What reached the bank for a settlement, as its event group states it (ConvertedTotal); None while it does not.

    It may be in the settlement's own currency: then nothing was converted. For rule R25 of accounting.md.
    """
    for row in views.query("finance_facts", flow, kind="match", key=settlement_id):
        match = row["data"]
        if match.get("converted_total") is not None:
            return Converted(match["converted_total"], match.get("converted_currency", ""))
    return None


def _facts(row: Row, told: dict[str, list[str]]) -> SettlementFacts:
    return SettlementFacts(
        settlement_id=row["settlement_id"],
        currency=row["currency"],
        total=row["total"],
        lines_sum=row["lines_sum"],
        lines=row["lines"],
        start=_time(row["start"]),
        end=_time(row["end"]),
        marketplace=row["marketplace"],
        current=row["kept"],
        previous=row["freed"],
        current_line=row["kept_line"],
        previous_line=row["freed_line"],
        told=tuple(told.get(row["settlement_id"], ())),
    )


def _told(views: Views, flow: str, kind: str, shape: Any) -> list[Any]:
    return [msgspec.convert(row["data"], shape) for row in views.query("finance_facts", flow, kind=kind)]


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
