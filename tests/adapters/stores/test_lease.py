"""The fenced lease on both databases: one holder, taken over when silent, and the former one's writes refused."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from workers import claim_once, together

from adapters.database import Database
from adapters.event_store import DatabaseEventStore
from adapters.lease import DatabaseLeases
from application.ports import Append
from domain.errors import LeaseLost
from domain.event import stream_id
from domain.flow import CycleStarted

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
A = stream_id("us", "thing", "a")
STARTED = CycleStarted(flow="us", at=LONG_AGO, by="tests", cycle="c1")


@pytest.fixture
def leases(database: Database) -> DatabaseLeases:
    return DatabaseLeases(database)


def test_a_held_lease_is_not_given_twice(leases: DatabaseLeases) -> None:
    lease = leases.claim("us", "one", when_due=False)
    assert lease is not None
    assert leases.claim("us", "two", when_due=False) is None
    assert leases.claim("eu", "two", when_due=False) is not None
    state = leases.states()["us"]
    assert (state.owner, state.fence, state.held) == ("one", 1, True)

    lease.finish({}, LONG_AGO, done=True)
    second = leases.claim("us", "two", when_due=False)
    assert second is not None
    assert second.fence == 2


def test_of_many_processes_one_gets_it(database_url: str, leases: DatabaseLeases) -> None:
    leases.schedule("us", 0, LONG_AGO)
    assert sorted(together(claim_once, 4, database_url, "us")) == [0, 0, 0, 1]


def test_a_flow_is_claimed_when_due_or_asked_for(leases: DatabaseLeases) -> None:
    assert leases.claim("us", "one", when_due=True) is None  # nobody has looked at its schedule yet
    leases.schedule("us", 0, leases.now() + timedelta(hours=1))
    assert leases.claim("us", "one", when_due=True) is None
    leases.ask("us")
    lease = leases.claim("us", "one", when_due=True)
    assert lease is not None
    assert lease.asked

    leases.ask("us")  # once more, while it runs: that is the next run's work
    later = lease.claimed_at + timedelta(minutes=30)
    lease.finish({"orders": lease.claimed_at}, later, done=True)
    assert leases.states()["us"].asked
    again = leases.claim("us", "one", when_due=True)
    assert again is not None
    assert again.ran == {"orders": lease.claimed_at}
    again.finish(again.ran, later, done=False)  # ended early: still asked for
    once_more = leases.claim("us", "one", when_due=True)
    assert once_more is not None
    once_more.finish(again.ran, later, done=True)
    assert leases.claim("us", "one", when_due=True) is None
    assert leases.states()["us"].due_at == later


def test_the_schedule_is_not_moved_by_who_looked_too_early(leases: DatabaseLeases) -> None:
    """Two timers see a flow due; one runs it meanwhile. What the other read must not make it due again."""
    leases.schedule("us", 0, LONG_AGO)
    lease = leases.claim("us", "one", when_due=True)
    assert lease is not None
    lease.finish({}, leases.now() + timedelta(hours=1), done=True)
    leases.schedule("us", 0, LONG_AGO)
    assert leases.claim("us", "two", when_due=True) is None


def test_a_silent_holder_is_taken_over_and_writes_nothing_more(database: Database, store: DatabaseEventStore) -> None:
    leases = DatabaseLeases(database, ttl_seconds=0.3, heartbeat_seconds=60)
    former = leases.claim("us", "one", when_due=False)
    assert former is not None
    store.guarded(former.guard).append([Append(A, 0, [STARTED])])
    former.heartbeat()
    assert leases.claim("us", "two", when_due=False) is None
    time.sleep(0.4)
    former.check()  # nobody has taken it: it is still its own

    current = leases.claim("us", "two", when_due=False)
    assert current is not None
    with pytest.raises(LeaseLost):
        store.guarded(former.guard).append([Append(A, 1, [STARTED])])
    for refused in (former.check, former.heartbeat, lambda: former.finish({}, LONG_AGO, done=True)):
        with pytest.raises(LeaseLost):
            refused()
    assert len(store.load([A])[A]) == 1
    store.guarded(current.guard).append([Append(A, 1, [STARTED])])
    current.check()


def test_a_lease_that_is_kept_is_not_taken_over(database: Database) -> None:
    leases = DatabaseLeases(database, ttl_seconds=0.6, heartbeat_seconds=0.1)
    lease = leases.claim("us", "one", when_due=False)
    assert lease is not None
    lease.note("orders", 100)
    with lease.kept():
        until = time.monotonic() + 1.2
        while time.monotonic() < until:
            assert leases.claim("us", "two", when_due=False) is None
            time.sleep(0.05)
        assert leases.states()["us"].progress == {"orders": 100}
    time.sleep(0.7)
    assert leases.claim("us", "two", when_due=False) is not None


def test_a_run_learns_of_its_loss_from_its_heartbeat(database: Database) -> None:
    leases = DatabaseLeases(database, ttl_seconds=0.0, heartbeat_seconds=0.1)
    lease = leases.claim("us", "one", when_due=False)
    assert lease is not None
    with lease.kept():
        leases.claim("us", "two", when_due=False)
        time.sleep(0.5)
        assert lease._lost.is_set()
        with pytest.raises(LeaseLost):
            lease.check()


def test_workers_show_life_and_leave(leases: DatabaseLeases, database: Database) -> None:
    leases.show_life("one", "worker")
    leases.show_life("two", "timer")
    leases.show_life("one", "worker")
    assert [(worker.worker, worker.kind, worker.alive) for worker in leases.workers()] == [
        ("one", "worker", True),
        ("two", "timer", True),
    ]
    with database.transaction() as cursor:
        cursor.execute("UPDATE workers SET seen = seen - 60 WHERE worker = ?", ("two",))
    leases.leave("one")
    assert [(worker.worker, worker.alive) for worker in leases.workers()] == [("two", False)]
    with database.transaction() as cursor:
        cursor.execute("UPDATE workers SET seen = seen - 100000")
    leases.show_life("three", "worker")
    assert [worker.worker for worker in leases.workers()] == ["three"]
