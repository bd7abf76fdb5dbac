"""Closed periods (accounting.md 7.1): without these a document could be dated where nobody looks any more."""

from datetime import date
from typing import Any

import msgspec
import pytest
import trade

from domain.flow import BooksClosed, Flow, evolve
from domain.period import closed_until, first_open_day, is_closed, open_day, relates_to
from domain.policy import Policies
from domain.posting import Reason

OCTOBER = date(2026, 10, 31)


def flow(quickbooks: date | None = None, **policies: Any) -> Flow:
    return msgspec.structs.replace(trade.FLOW, book_close_date=quickbooks, policies=Policies(**policies))


@pytest.mark.parametrize(
    ("quickbooks", "own", "last"),
    [
        (None, None, None),
        (OCTOBER, None, OCTOBER),
        (None, OCTOBER, OCTOBER),
        (date(2026, 9, 30), OCTOBER, OCTOBER),
        (OCTOBER, date(2026, 9, 30), OCTOBER),
    ],
)
def test_the_later_of_both_dates_closes_the_books(quickbooks: date | None, own: date | None, last: date | None) -> None:
    assert closed_until(flow(quickbooks, lock_date=own)) == last


def test_the_closing_day_itself_is_closed_and_the_next_is_not() -> None:
    books = flow(OCTOBER)
    assert is_closed(OCTOBER, books)
    assert not is_closed(date(2026, 11, 1), books)
    assert open_day(date(2026, 11, 1), books) == date(2026, 11, 1)
    assert first_open_day(books, date(2026, 1, 1)) == date(2026, 11, 1)
    assert first_open_day(books, date(2026, 11, 24)) == date(2026, 11, 24)


def test_what_falls_into_a_closed_period_is_held_by_default_and_says_what_to_do() -> None:
    held = open_day(OCTOBER, flow(OCTOBER))
    assert isinstance(held, Reason)
    assert held.code == "closed_period"
    assert "2026-10-31" in held.text
    assert "late_event" in held.text


def test_or_moves_to_the_first_open_day_with_a_note_of_its_month() -> None:
    moved = open_day(date(2026, 10, 14), flow(OCTOBER, late_event="next_open_day"))
    assert moved == date(2026, 11, 1)
    assert relates_to(date(2026, 10, 14), date(2026, 11, 1)) == "relates to 2026-10"
    assert relates_to(date(2026, 11, 1), date(2026, 11, 1)) == ""


def test_the_flow_knows_what_quickbooks_said_last() -> None:
    state = msgspec.structs.replace(trade.FLOW)
    for until in (OCTOBER, None):
        state = evolve(state, BooksClosed(until=until, **trade.STAMP.fields()))
        assert state.book_close_date == until
