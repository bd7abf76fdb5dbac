"""Quotas that all workers share: never faster than the vendor allows, together; and the meter."""

import time
from datetime import UTC, date, datetime
from itertools import pairwise

import pytest
from workers import take_places, together

from adapters.database import Database
from adapters.quota import CallsOfDay, GuardedQuotas, Quotas
from domain.errors import Stopped


@pytest.fixture
def now() -> list[float]:
    """The time, set by hand."""
    return [1_000_000.0]


@pytest.fixture
def quotas(database: Database, now: list[float]) -> Quotas:
    return Quotas(database, now=lambda: now[0])


def test_a_new_bucket_is_half_full_and_refills_at_its_rate(quotas: Quotas, now: list[float]) -> None:
    waits = [quotas.reserve("orders", rate=2, burst=10) for _ in range(8)]
    assert waits == pytest.approx([0, 0, 0, 0, 0, 0.5, 1.0, 1.5])
    now[0] += 1_000
    waits = [quotas.reserve("orders", rate=2, burst=10) for _ in range(12)]  # full by now, and no fuller
    assert waits == pytest.approx([0] * 10 + [0.5, 1.0])


def test_a_new_bucket_may_start_full(quotas: Quotas, now: list[float]) -> None:
    waits = [quotas.reserve("orders", rate=2, burst=4, start_at_half_burst=False) for _ in range(6)]
    assert waits == pytest.approx([0, 0, 0, 0, 0.5, 1.0])


def test_a_machine_whose_clock_is_wrong_waits_no_longer(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers on several machines share a PostgreSQL: its clock counts. SQLite has one machine."""
    quotas = Quotas(database)
    for _ in range(3):
        quotas.reserve("orders", rate=1, burst=2)
    quotas.pause("reports", 5)
    if database.dialect == "postgresql":
        monkeypatch.setattr("adapters.quota.time.time", lambda: 1_000_000.0)
    assert 1 < quotas.reserve("orders", rate=1, burst=2) <= 3
    assert 4 < quotas.reserve("reports", rate=1, burst=2) <= 5


def test_buckets_do_not_know_each_other(quotas: Quotas, now: list[float]) -> None:
    for _ in range(20):
        quotas.reserve("orders", rate=1, burst=1)
    assert quotas.reserve("reports", rate=1, burst=4) == 0


def test_a_fast_clock_has_faster_quotas(database: Database, now: list[float]) -> None:
    quotas = Quotas(database, speed=100, now=lambda: now[0])
    waits = [quotas.reserve("orders", rate=1, burst=1) for _ in range(4)]
    assert [after - before for before, after in pairwise(waits)] == pytest.approx([0.01] * 3)


@pytest.mark.parametrize("burst", [1, 2, 20, 400])
def test_a_pause_holds_everybody_for_its_whole_length(quotas: Quotas, now: list[float], burst: int) -> None:
    """Also where a large burst would allow many calls at once: the vendor said no."""
    quotas.reserve("orders", rate=0.5, burst=burst)
    now[0] += 10_000
    quotas.pause("orders", 30)
    assert quotas.reserve("orders", rate=0.5, burst=burst) == pytest.approx(30)
    assert quotas.reserve("orders", rate=0.5, burst=burst) == pytest.approx(32)  # the bucket is empty then
    now[0] += 40_000
    assert [quotas.reserve("orders", rate=0.5, burst=burst) for _ in range(min(burst, 3))] == [0.0] * min(burst, 3)


def test_a_pause_of_an_unknown_bucket_and_a_shorter_one_after_it(quotas: Quotas, now: list[float]) -> None:
    quotas.pause("orders", 30)
    quotas.pause("orders", 5)
    assert quotas.reserve("orders", rate=1, burst=10) == pytest.approx(30)
    now[0] += 30.5
    assert quotas.reserve("orders", rate=1, burst=10) == pytest.approx(0.5)


def test_three_processes_together_stay_within_the_rate(database_url: str, quotas: Quotas) -> None:
    rate, burst, seconds = 20.0, 4.0, 1.5
    used = sorted(moment for times in together(take_places, 3, database_url, "orders", rate, burst, seconds)
                  for moment in times)  # fmt: skip
    # In any window the vendor counts no more than a full bucket and what drops in; two more for a late clock tick.
    for first in range(len(used)):
        for last in range(first, len(used)):
            assert last - first + 1 <= burst + rate * (used[last] - used[first]) + 2
    assert len(used) >= rate * seconds * 0.6  # and the quota is made use of


def test_the_meter(quotas: Quotas, database: Database) -> None:
    for _ in range(3):
        quotas.count("us", "amazon", "orders")
    quotas.count("us", "amazon", "token")
    quotas.count("us", "quickbooks", "batch", 30)
    quotas.count("eu", "amazon", "orders", 5)
    assert quotas.calls("us") == {"amazon": 4, "quickbooks": 30}
    assert quotas.calls_by_operation("us") == {
        ("amazon", "orders"): 3, ("amazon", "token"): 1, ("quickbooks", "batch"): 30,
    }  # fmt: skip
    assert quotas.calls("jp") == {}
    assert quotas.calls_by_operation("jp") == {}
    with database.reading() as cursor:
        cursor.execute("SELECT DISTINCT day FROM calls")
        assert cursor.fetchall() == [(time.strftime("%Y-%m-%d", time.gmtime()),)]


def test_an_announced_rate_counts_for_all_workers(database: Database, quotas: Quotas, now: list[float]) -> None:
    other = Quotas(database, now=lambda: now[0])  # another process on the same rows
    quotas.announce("orders", 4)

    for each in (quotas, other):
        waits = [each.reserve("orders", rate=2, burst=1) for _ in range(3)]
        assert [after - before for before, after in pairwise(waits)] == pytest.approx([0.25] * 2)

    other.announce("orders", 1)
    waits = [quotas.reserve("orders", rate=2, burst=1) for _ in range(3)]
    assert [after - before for before, after in pairwise(waits)] == pytest.approx([1.0] * 2)
    assert quotas.reserve("reports", rate=2, burst=1) == pytest.approx(0.25)  # half full, at its own rate


@pytest.mark.parametrize("nonsense", [0.0, -1.0, float("nan"), float("inf")])
def test_a_rate_that_cannot_be_is_not_heeded(quotas: Quotas, nonsense: float) -> None:
    quotas.announce("orders", nonsense)
    waits = [quotas.reserve("orders", rate=2, burst=1) for _ in range(2)]
    assert waits[1] - waits[0] == pytest.approx(0.5)


@pytest.mark.parametrize(("announced", "interval"), [(1e-9, 10.0), (1e9, 0.025)])
def test_a_rate_far_off_the_documented_one_is_heeded_within_bounds(
    quotas: Quotas, announced: float, interval: float
) -> None:
    quotas.announce("orders", announced)
    waits = [quotas.reserve("orders", rate=2, burst=1) for _ in range(2)]
    assert waits[1] - waits[0] == pytest.approx(interval)


def test_the_meter_tells_the_calls_of_each_day(database: Database, quotas: Quotas) -> None:
    today = datetime.now(UTC).date()
    for operation in ("searchOrders", "searchOrders", "token"):
        quotas.count("us", "amazon", operation)
    quotas.count("eu", "amazon", "token", 5)
    with database.transaction() as cursor:
        cursor.execute(
            "INSERT INTO calls (flow, vendor, operation, day, calls) VALUES ('us', 'amazon', 'token', '2026-01-02', 7)"
        )

    assert quotas.calls_by_day("us", today) == [
        CallsOfDay(today.isoformat(), "amazon", "searchOrders", 2),
        CallsOfDay(today.isoformat(), "amazon", "token", 1),
    ]
    assert quotas.calls_by_day("us", date(2026, 1, 1))[-1] == CallsOfDay("2026-01-02", "amazon", "token", 7)


def test_a_run_that_is_to_end_waits_no_longer_for_a_vendor(quotas: Quotas) -> None:
    """A vendor that refuses for minutes must not keep a process from ending."""
    asked: list[bool] = []

    def check(waiting: bool) -> None:
        asked.append(waiting)
        if waiting and len(asked) > 1:
            raise Stopped("asked to stop")

    started = time.monotonic()
    with pytest.raises(Stopped):
        GuardedQuotas(quotas, check).wait(600)
    assert time.monotonic() - started < 5
    GuardedQuotas(quotas, check).wait(0.01)  # a short one is waited out: the call is decided on
