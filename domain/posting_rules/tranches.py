"""On which day a settlement's line is booked (accounting.md 2.4, R23).

With `month_split` a line posted in an earlier month than the deposit's is dated on that month's last day, so that one
deposit carries money of two months and each month has its own income and fees. What falls into a closed period is
held, or moves to the first open day, by the policy `late_event`.
"""

from calendar import monthrange
from datetime import date, datetime, time, timedelta

from domain.flow import Flow
from domain.period import open_day
from domain.posting import Reason
from domain.settlement import SettlementClosed, SettlementLine


class Days:
    """The days of one settlement's lines. `last` is the deposit's day; nothing is dated behind it."""

    def __init__(self, closed: SettlementClosed, flow: Flow, last: date, closing: date | None = None) -> None:
        self.last = last
        self.closing = closing or last  # of the deposit's month decides what is earlier, not the day it may bear
        self.refused: dict[date, Reason] = {}
        self._flow = flow
        self._untold = flow.day(closed.end) if closed.end is not None else last
        self._posted: dict[datetime, date] = {}
        self._booked: dict[tuple[date, bool], date] = {}

    def posted(self, line: SettlementLine) -> date:
        """The books' day on which Amazon posted a line; without one, the day the settlement ended."""
        if line.posted is None:
            return self._untold
        day = self._posted.get(line.posted)
        if day is None:
            day = self._posted[line.posted] = self._flow.day(midday(line.posted))
        return day

    def of(self, line: SettlementLine, daily: bool = False) -> date:
        """The day a line is booked on; `daily`: on its own day, for policies that book day by day."""
        posted = self.posted(line)
        key = (posted, daily)
        booked = self._booked.get(key)
        if booked is None:
            booked = self._booked[key] = self._of_day(posted, daily)
        return booked

    def _of_day(self, posted: date, daily: bool) -> date:
        wanted = self.closing
        if daily:
            wanted = min(posted, self.closing)
        elif self._flow.policies.month_split and (posted.year, posted.month) < (self.closing.year, self.closing.month):
            wanted = month_end(posted)
        if wanted == self.closing:
            return self.last
        return min(self.open(wanted), self.last)

    def open(self, wanted: date) -> date:
        """`wanted`, or the day it moves to; a day that cannot be booked is remembered in `refused`."""
        moved = open_day(wanted, self._flow)
        if isinstance(moved, Reason):
            self.refused[wanted] = moved
            return wanted
        return moved


def midday(posted: datetime) -> datetime:
    """A posting time that is a date alone, as its noon: that is the same day in every books zone but few."""
    return posted + timedelta(hours=12) if posted.time() == time() else posted


def month_end(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])
