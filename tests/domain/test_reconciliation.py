"""The names of what is open, as tables: a wrong name sends a bookkeeper looking in the wrong place."""

from datetime import date

import pytest

from domain.reconciliation import (
    BUCKETS,
    OVERDUE_DAYS,
    VARIANCES,
    buckets,
    clearing_reason,
    days_between,
    is_overdue,
)


@pytest.mark.parametrize(
    ("status", "total", "codes", "expected"),
    [
        ("posting", 1000, (), "not_posted"),
        ("planned", 1000, (), "not_posted"),
        ("held", 1000, ("unmapped",), "unmapped"),
        ("held", 1000, ("currency_without_bank",), "unmapped"),
        ("held", 1000, ("currency_differs",), "fx"),
        ("held", 1000, ("settled_differs",), "supplement"),
        ("held", 1000, ("order_not_seen",), "not_posted"),
        ("held", -1000, ("total_not_positive",), "carried_negative"),
        ("posted", -1000, (), "carried_negative"),
        ("disputed", 1000, (), "missing_rows"),
        ("posted", 1000, ("total_differs", "unmapped"), "changed_in_quickbooks"),
        ("posted", 1000, (), "changed_in_quickbooks"),
        ("", None, (), "not_posted"),
    ],
)
def test_an_open_amount_has_a_name(status: str, total: int | None, codes: tuple[str, ...], expected: str) -> None:
    assert clearing_reason(status, total, codes) == expected
    assert expected in VARIANCES


def test_each_age_is_in_one_bucket_and_the_buckets_are_the_specification_s() -> None:
    assert [bucket.name for bucket in buckets([])] == ["0-7", "8-14", "15-30", "31-45", "46-60", "61-90", "> 90"]
    ages = [(days, 1) for days in range(-3, 200)]
    found = buckets(ages)
    assert sum(bucket.count for bucket in found) == len(ages)
    assert [bucket.count for bucket in found] == [11, 7, 16, 15, 15, 30, 109]
    assert len(found) == len(BUCKETS)


@pytest.mark.parametrize(("terms", "limit"), OVERDUE_DAYS.items())
def test_an_order_is_overdue_the_day_after_its_limit(terms: str, limit: int) -> None:
    assert not is_overdue(terms, limit)
    assert is_overdue(terms, limit + 1)


def test_days_are_counted_from_a_day_or_an_instant() -> None:
    assert days_between("2026-10-31", date(2026, 11, 2)) == 2
    assert days_between("2026-10-31T23:59:59+00:00", date(2026, 11, 2)) == 2
