"""How far a bank's statements reach, whether they join, and what should stand on them and does not: pure."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

import msgspec

from domain.bank_matching import AFTER, Payout

WEEKEND = timedelta(days=4)  # statements without balances that are this near each other are taken to join


class Period(msgspec.Struct, frozen=True):
    """A statement: what its days and balances are. Minor units; None where the bank does not state a balance."""

    statement: str
    start: date
    end: date
    opening: int | None = None
    closing: int | None = None


class Joint(msgspec.Struct, frozen=True):
    """How a statement joins the one before: `state` is first, joins, gap or unknown; `missing` is the gap's money."""

    statement: str
    state: str
    missing: int | None = None
    since: date | None = None


def joints(periods: Iterable[Period]) -> list[Joint]:
    """In the order of their days; a statement that lies within what is known already joins.

    Where both have balances, the opening one must be the closing one before it; else the days must join.
    """
    found: list[Joint] = []
    last: Period | None = None
    for period in sorted(periods, key=lambda one: (one.start, one.end, one.statement)):
        if last is None:
            found.append(Joint(period.statement, "first"))
        elif period.start <= last.end:
            found.append(Joint(period.statement, "joins"))
        elif period.opening is not None and last.closing is not None:
            missing = period.opening - last.closing
            found.append(Joint(period.statement, "gap" if missing else "joins", missing, last.end))
        else:
            near = period.start - last.end <= WEEKEND
            found.append(Joint(period.statement, "unknown" if near else "gap", None, last.end))
        if last is None or period.end >= last.end:
            last = period
    return found


def covered(periods: Iterable[Period]) -> list[tuple[date, date]]:
    """The spans of days of which every line is known."""
    ordered = sorted(periods, key=lambda one: (one.start, one.end, one.statement))
    states = {joint.statement: joint.state for joint in joints(ordered)}
    spans: list[tuple[date, date]] = []
    for period in ordered:
        if spans and (period.start <= spans[-1][1] or states[period.statement] in ("joins", "unknown")):
            spans[-1] = spans[-1][0], max(spans[-1][1], period.end)
        else:
            spans.append((period.start, period.end))
    return spans


def missing(payouts: Iterable[Payout], spans: Sequence[tuple[date, date]]) -> list[Payout]:
    """Those that should have arrived: ten days behind Amazon's deposit date the statements still do not have them."""
    return [
        payout
        for payout in payouts
        if payout.total > 0 and any(start <= payout.day and payout.day + AFTER <= end for start, end in spans)
    ]
