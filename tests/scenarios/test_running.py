"""Who runs which flow when, in one process: what is due is run, once, by one, and what fails stops nothing else."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from programs import wait_for
from shop import Shop

from domain.errors import ConnectionLost, FlowBusy, LeaseLost
from domain.flow import SOURCES, FlowSettings, Schedule
from entrypoints.runner import Timer

OpenShop = Callable[..., AbstractContextManager[Shop]]
WORLD: dict[str, Any] = {"orders": 40, "settlements": 1, "seed": 29}
NEVER = Schedule(cron="0 0 29 2 *")


@pytest.fixture
def shop(open_shop: OpenShop) -> Iterator[Shop]:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        yield shop


def run_due(shop: Shop, **more: Any) -> Any:
    """A look at what is due, and its cycle."""
    assert due(shop) == ["us"]
    report = shop.services.run_cycle("us", when_due=True, **more)
    assert report is not None
    return report


def statuses(shop: Shop) -> list[str]:
    return [row["status"] for row in reversed(shop.rows("cycles"))]


def due(shop: Shop) -> list[str]:
    return Timer(shop.services).due()


def test_a_flow_is_due_until_it_ran_and_then_by_its_schedule(shop: Shop) -> None:
    report = run_due(shop)
    assert report.counts["orders_new"] == 40
    assert due(shop) == []
    assert shop.services.run_cycle("us", when_due=True) is None
    state = shop.services.leases.states()["us"]
    assert state.due_at - state.ran["orders"] == timedelta(minutes=15)

    shop.services.leases.ask("us")
    assert due(shop) == ["us"]
    assert shop.services.run_cycle("us", when_due=True) is not None
    assert due(shop) == []
    assert shop.services.run_cycle("us") is not None  # by hand it always runs


def test_a_changed_schedule_holds_at_once(shop: Shop) -> None:
    run_due(shop)
    assert due(shop) == []
    with shop.services.database.transaction() as cursor:  # two minutes ago
        cursor.execute("UPDATE leases SET ran = ?", ('{"orders":1.0,"settlements":1.0,"finances":1.0,"posting":1.0}',))
    every = dict.fromkeys(SOURCES, NEVER)
    shop.services.flow_setup.configure("us", FlowSettings(schedule=every), "ada")
    assert due(shop) == []
    assert shop.services.leases.states()["us"].due_at.year >= 2028
    shop.services.flow_setup.configure("us", FlowSettings(schedule={"posting": Schedule(1)}), "ada")
    assert due(shop) == ["us"]


def test_only_the_sources_that_are_due_are_run(shop: Shop) -> None:
    """An hourly look at orders with a nightly posting: orders are planned by day and posted at night."""
    asleep = {"settlements": NEVER, "finances": NEVER, "posting": NEVER}
    shop.services.flow_setup.configure("us", FlowSettings(schedule=asleep), "ada")
    report = run_due(shop)
    assert report.counts == {"orders_new": 40, "orders_changed": 0}
    assert "Invoice" not in shop.documents()
    assert set(shop.services.leases.states()["us"].ran) == {"orders"}

    before = shop.services.quotas.calls("us")["amazon"]
    night = {"orders": NEVER, "posting": Schedule(1)}
    shop.services.flow_setup.configure("us", FlowSettings(schedule=night), "ada")
    report = run_due(shop)
    assert set(report.counts) == {"invoices_posted"}
    assert shop.services.quotas.calls("us")["amazon"] == before


def test_a_paused_or_lost_flow_is_never_due(shop: Shop) -> None:
    shop.services.flow_setup.pause("us", "ada")
    shop.services.leases.ask("us")
    assert due(shop) == []
    assert shop.services.run_cycle("us", when_due=True) is None
    shop.services.flow_setup.resume("us", "ada")
    assert due(shop) == ["us"]

    shop.services.vault.put("us", "amazon", {"refresh_token": "Atzr|revoked"})
    report = shop.services.run_cycle("us")
    assert report is not None
    assert "connect amazon us" in report.error
    shop.services.leases.ask("us")
    assert due(shop) == []


def test_a_second_cycle_is_refused_and_told_who_runs(shop: Shop) -> None:
    lease = shop.services.leases.claim("us", "worker on host-7, process 12", when_due=False)
    assert lease is not None
    with pytest.raises(FlowBusy, match="flow us is being run by worker on host-7, process 12; try again"):
        shop.services.run_cycle("us")
    assert shop.services.run_cycle("us", when_due=True) is None
    assert statuses(shop) == []


def test_the_command_line_says_who_runs_the_flow(shop: Shop) -> None:
    assert shop.services.leases.claim("us", "worker on host-7, process 12", when_due=False) is not None
    done = subprocess.run(
        [sys.executable, "-m", "entrypoints.cli", "sync", "us"],
        env={**os.environ, **shop.environment()},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "flow us is being run by worker on host-7, process 12" in done.stderr


def test_a_cycle_that_is_stopped_says_so_and_stays_due(shop: Shop) -> None:
    seen: list[str] = []

    report = run_due(shop, progress=lambda what, done: seen.append(what), stop=lambda: "invoice" in seen)
    assert report.stopped
    assert statuses(shop) == ["stopped"]
    assert shop.documents()["Invoice"] == 30  # one batch: it was finished, the next not begun
    assert shop.services.views.open_batches("us") == []
    report = run_due(shop)
    assert not report.error
    assert statuses(shop) == ["stopped", "finished"]


def test_a_cycle_whose_lease_is_taken_asks_no_vendor_any_more(shop: Shop) -> None:
    calls: list[dict[str, Any]] = []

    def take_over(what: str, done: int) -> None:
        if what == "invoice" and not calls:
            calls.append(shop.control("quickbooks", "calls"))
            with shop.services.database.transaction() as cursor:
                cursor.execute("UPDATE leases SET fence = fence + 1, owner = 'another'")

    with pytest.raises(LeaseLost):
        shop.services.run_cycle("us", take_over)
    assert shop.control("quickbooks", "calls") == calls[0]
    assert statuses(shop) == ["running"]
    with shop.services.database.transaction() as cursor:
        cursor.execute("UPDATE leases SET lease_until = 0")
    assert shop.services.run_cycle("us") is not None
    assert statuses(shop) == ["stopped", "finished"]


def test_what_is_not_connected_is_tried_again_by_the_schedule_only(shop: Shop) -> None:
    shop.services.vault.delete("us", "quickbooks")
    assert due(shop) == ["us"]
    with pytest.raises(ConnectionLost):
        shop.services.run_cycle("us", when_due=True)
    assert not shop.services.leases.states()["us"].held
    assert due(shop) == []


def test_a_flow_that_fails_stops_no_other(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """The timer runs on through a flow's bug, a lost connection and a database that is away for a moment."""
    ended: list[tuple[str, str]] = []
    done = threading.Event()

    def after(flow: str, report: Any) -> None:
        ended.append((flow, report.error))
        done.set()
        raise RuntimeError("an alert that cannot be sent")

    timer = Timer(shop.services, after=after, tick_seconds=0.05)
    ticks = 0
    look = timer.due

    def shaky() -> list[str]:
        nonlocal ticks
        ticks += 1
        if ticks == 1:
            raise OSError("the database is away")
        return ["no-such-flow", *look()]

    timer.due = shaky  # type: ignore[method-assign]
    with caplog.at_level(logging.WARNING):
        timer.start()
        assert done.wait(30)
        wait_for(lambda: [row.kind for row in shop.services.leases.workers()] == ["timer"])
        timer.stop()
        timer.join()
    assert ended == [("us", "")]
    for words in ("what is due could not be seen", "no flow named 'no-such-flow'", "nobody thought of"):
        assert words in caplog.text
    assert shop.services.leases.workers() == []
