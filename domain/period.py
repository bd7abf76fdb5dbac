"""Closed periods: no document is dated on or before the day the books are closed until (accounting.md 7.1).

Two dates close the books: QuickBooks' own (`BookCloseDate`, read with the company's preferences each cycle) and the
flow's policy `lock_date`; the later one counts. What falls into a closed period is held, or moves to the first open
day with a note of the month it belongs to, as the policy `late_event` says.
"""

from datetime import date, timedelta

from domain.flow import Flow
from domain.posting import Reason

CLOSED_PERIOD = "closed_period"


def closed_until(flow: Flow) -> date | None:
    """The last closed day; None where nothing is closed."""
    days = [day for day in (flow.book_close_date, flow.policies.lock_date) if day is not None]
    return max(days, default=None)


def is_closed(day: date, flow: Flow) -> bool:
    last = closed_until(flow)
    return last is not None and day <= last


def first_open_day(flow: Flow, wanted: date) -> date:
    """`wanted`, or the day after the closed period where it falls into it: for what a correction dates itself."""
    last = closed_until(flow)
    return wanted if last is None or wanted > last else last + timedelta(days=1)


def open_day(day: date, flow: Flow) -> date | Reason:
    """The day a document of `day` may bear: itself, the first open day, or why it is held (no amount is named)."""
    last = closed_until(flow)
    if last is None or day > last:
        return day
    if flow.policies.late_event == "next_open_day":
        return last + timedelta(days=1)
    text = (
        f"it is of {day}, and the books are closed until {last}; reopen them (in QuickBooks under Account and "
        "settings, Advanced, or by the flow's policy lock_date), or set the flow's policy late_event to "
        "next_open_day: then it is booked on the first open day"
    )
    return Reason(CLOSED_PERIOD, text)


def relates_to(day: date, booked: date) -> str:
    """The note on a document booked later than it belongs: `relates to 2026-10`; empty where it is not."""
    return "" if day == booked else f"relates to {day:%Y-%m}"
