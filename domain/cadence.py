"""How often a seller is settled, learned from the settlements that came: when is the next one overdue?

Payouts on demand make the rhythm a seller's own (amazon.md 4.5): sixteen days are right for a fortnightly one only.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec

FORTNIGHT = timedelta(days=14)  # what Amazon does where nothing else is arranged
GRACE = timedelta(days=2)  # the report comes hours after the period's end, sometimes a day
REMEMBERED = 6  # so many periods: an older rhythm says nothing any more
LONGEST = timedelta(days=31)


class Overdue(msgspec.Struct, frozen=True):
    """No settlement has come for longer than this ledger's rhythm. `usual` is its longest recent period."""

    last_end: datetime
    usual: timedelta
    waited: timedelta


def usual_period(ends: Iterable[datetime]) -> timedelta:
    """The longest of the last periods between settlements' ends, a month at most; a fortnight if too few are known."""
    known = sorted(set(ends))[-(REMEMBERED + 1) :]
    periods = [later - earlier for earlier, later in pairwise(known)]
    return min(max(periods), LONGEST) if len(periods) > 1 else max([*periods, FORTNIGHT])


def overdue(ends: Iterable[datetime], now: datetime) -> Overdue | None:
    """Whether the next settlement of a ledger should have come by now; ends are those of its settlements, UTC."""
    known = sorted(ends)
    if not known:
        return None
    usual = usual_period(known)
    waited = now - known[-1]
    return Overdue(known[-1], usual, waited) if waited > usual + GRACE else None
