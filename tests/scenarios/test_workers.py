"""Workers as they run in earnest: processes that are killed, stopped, put to sleep, and two at once, on both databases.

Without these, a flow would stand still after a crash, or be run by two that both think it theirs.
"""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from programs import Worker, wait_for, workers
from shop import Shop

from domain.flow import FlowSettings, Schedule

OpenShop = Callable[..., AbstractContextManager[Shop]]
WORLD: dict[str, Any] = {"orders": 70, "settlements": 2, "seed": 23}
TAKEOVER_SECONDS = 30
Start = Callable[..., Worker]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with workers(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, int], dict[str, str]]:
    """The books of a run that nothing happened to."""
    from shop import opened

    home = tmp_path_factory.mktemp("undisturbed")
    with opened(home, f"sqlite:///{home / 'books.db'}", **WORLD) as shop:
        shop.set_up()
        assert shop.sync().error == ""
        return shop.documents(), shop.trial_balance()


def books(shop: Shop) -> tuple[dict[str, int], dict[str, str]]:
    return shop.documents(), shop.trial_balance()


def sending(shop: Shop) -> list[str]:
    """Batches under way."""
    shop.services.views.catch_up()
    return shop.services.views.open_batches("us")


def cycles(shop: Shop) -> list[tuple[str, str]]:
    return [(row["status"], row["error"]) for row in reversed(shop.rows("cycles"))]


def finished(shop: Shop) -> bool:
    return any(status == "finished" for status, _ in cycles(shop))


def in_mid_batch(shop: Shop, start: Start, seconds: float) -> Worker:
    """A worker whose first batch is on its way and stays there for `seconds`."""
    shop.control("quickbooks", "faults", [{"on": "batch", "kind": f"slow:{seconds}", "times": 1}])
    worker = start(shop.environment())
    # At the stand-in, and so in no transaction: put to sleep in one, a process would keep SQLite's lock.
    wait_for(lambda: shop.control("quickbooks", "faults") == [], why=lambda: worker.said)
    assert sending(shop)
    return worker


def test_a_worker_runs_what_is_due_and_stops_when_told(open_shop: OpenShop, start: Start, undisturbed: Any) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        worker = start(shop.environment())
        wait_for(lambda: finished(shop), why=lambda: worker.said)
        assert books(shop) == undisturbed
        assert [row.alive for row in shop.services.leases.workers()] == [True]
        state = shop.services.leases.states()["us"]
        assert (state.due_at - state.ran["orders"]).total_seconds() == pytest.approx(900)

        shop.services.flow_setup.pause("us", "ada")
        shop.services.leases.ask("us")
        time.sleep(8)
        assert len(cycles(shop)) == 1  # a paused flow is never due

        shop.services.flow_setup.resume("us", "ada")
        wait_for(lambda: cycles(shop) == [("finished", "")] * 2, why=lambda: worker.said)
        assert worker.end() == 0
        assert shop.services.leases.workers() == []


def test_a_killed_worker_is_taken_over(open_shop: OpenShop, start: Start, undisturbed: Any) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        worker = in_mid_batch(shop, start, 2)
        worker.send(signal.SIGKILL)
        killed = time.monotonic()
        other = start(shop.environment())
        wait_for(lambda: shop.services.leases.states()["us"].fence == 2, 60, lambda: other.said)
        assert time.monotonic() - killed < TAKEOVER_SECONDS

        wait_for(lambda: finished(shop), why=lambda: other.said)
        assert books(shop) == undisturbed
        assert [status for status, _ in cycles(shop)] == ["stopped", "finished"]
        assert "its process went away" in cycles(shop)[0][1]
        assert shop.services.ledger.verify().ok


def test_sigterm_finishes_the_call_in_hand(open_shop: OpenShop, start: Start, undisturbed: Any) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        worker = in_mid_batch(shop, start, 2)
        assert worker.end() == 0, worker.said
        assert sending(shop) == []  # its answer was waited for and recorded
        assert cycles(shop) == [("stopped", "this process was asked to stop")]
        assert not shop.services.leases.states()["us"].held
        done = shop.documents()
        assert 0 < done["Invoice"] < undisturbed[0]["Invoice"]

        start(shop.environment())
        wait_for(lambda: finished(shop))
        assert books(shop) == undisturbed


def test_a_worker_that_slept_through_its_lease_writes_nothing_more(
    open_shop: OpenShop, start: Start, undisturbed: Any
) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        sleeper = in_mid_batch(shop, start, 2)
        sleeper.send(signal.SIGSTOP)
        other = start(shop.environment())
        wait_for(lambda: finished(shop), 60, lambda: other.said)
        assert books(shop) == undisturbed
        assert other.end() == 0
        end, calls = shop.services.store.end(), shop.control("quickbooks", "calls")

        sleeper.send(signal.SIGCONT)
        wait_for(
            lambda: "is another's now" in sleeper.said or "was taken over" in sleeper.said, why=lambda: sleeper.said
        )
        assert sleeper.end() == 0
        assert shop.services.store.end() == end
        assert shop.control("quickbooks", "calls") == calls
        assert books(shop) == undisturbed
        assert shop.services.ledger.verify().ok


def test_two_workers_double_nothing(open_shop: OpenShop, start: Start, undisturbed: Any) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        shop.services.flow_setup.configure("us", FlowSettings(schedule={"orders": Schedule(1)}), "ada")
        both = [start(shop.environment()) for _ in range(2)]
        for number in range(1, 4):
            wait_for(
                lambda: [status for status, _ in cycles(shop)].count("finished") >= number,  # noqa: B023
                60,
                lambda: [worker.said for worker in both],
            )
            shop.services.leases.ask("us")
        assert len(shop.services.leases.workers()) == 2
        assert [worker.end() for worker in both] == [0, 0]
        assert books(shop) == undisturbed
        assert {status for status, _ in cycles(shop)} <= {"finished", "stopped"}
        overlapping = [row for row in shop.rows("cycles") if row["status"] == "running"]
        assert overlapping == []
        assert shop.control("quickbooks", "misuse") == []
        assert shop.control("quickbooks", "calls")["replayed"] == 0
