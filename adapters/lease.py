"""One fenced lease per flow, and a row per worker, on the database's clock; the same SQL on both databases.

A claim is one UPDATE: it takes what is due and free, and counts the fence up. Whoever held the lease before has an old
fence from then on, and each of its writes asks for the fence in its own transaction (`guard`). A holder that stays
silent for TTL_SECONDS is taken to be dead.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.database import Cursor, Database, server_time
from application.ports import LeaseState, WorkerState
from domain.errors import LeaseLost

TTL_SECONDS = 15.0
HEARTBEAT_SECONDS = 5.0
WORKER_SECONDS = 30.0  # a worker that has not been seen for this long is not counted as alive
FORGET_SECONDS = 86_400.0

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS leases (flow TEXT PRIMARY KEY, due_at DOUBLE PRECISION NOT NULL, owner TEXT NOT NULL, "
    "fence BIGINT NOT NULL, lease_until DOUBLE PRECISION NOT NULL, asked_at DOUBLE PRECISION NOT NULL, "
    "ran TEXT NOT NULL, progress TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS workers (worker TEXT PRIMARY KEY, kind TEXT NOT NULL, "
    "started DOUBLE PRECISION NOT NULL, seen DOUBLE PRECISION NOT NULL)",
)

_MINE = "flow = ? AND owner = ? AND fence = ?"

log = logging.getLogger(__name__)


class DatabaseLease:
    """`application.ports.Lease`: a claimed row."""

    def __init__(
        self, database: Database, flow: str, owner: str, fence: int, row: tuple[str, float, float], seconds: "_Seconds"
    ) -> None:
        self.flow = flow
        self.owner = owner
        self.fence = fence
        ran, asked_at, now = row
        self.ran = _times(ran)
        self.asked = asked_at > 0
        self.claimed_at = _time(now)
        self._asked_at = asked_at
        self._database = database
        self._seconds = seconds
        self._progress: dict[str, int] = {}
        self._lost = threading.Event()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """See ports.Lease.kept."""
        ended = threading.Event()
        beating = threading.Thread(target=self._beat, args=(ended,), name=f"lease-{self.flow}", daemon=True)
        beating.start()
        try:
            yield
        finally:
            ended.set()
            beating.join()

    def note(self, what: str, done: int) -> None:
        """See ports.Lease.note."""
        self._progress[what] = self._progress.get(what, 0) + done

    def heartbeat(self) -> None:
        """Hold the lease for another while. Raises LeaseLost."""
        with self._database.transaction() as cursor:
            until = server_time(cursor) + self._seconds.ttl
            progress = msgspec.json.encode(dict(self._progress)).decode()
            cursor.execute(
                f"UPDATE leases SET lease_until = ?, progress = ? WHERE {_MINE}", (until, progress, *self._me())
            )
            if cursor.rowcount != 1:
                raise self._loss()

    def check(self) -> None:
        """See ports.Lease.check."""
        if self._lost.is_set():
            raise self._loss()
        with self._database.reading() as cursor:
            cursor.execute(f"SELECT 1 FROM leases WHERE {_MINE}", self._me())
            if cursor.fetchone() is None:
                raise self._loss()

    def guard(self, cursor: Cursor) -> None:
        """For `DatabaseEventStore.guarded`. The row stays locked to the append's end: no claim comes between."""
        cursor.execute(f"UPDATE leases SET fence = fence WHERE {_MINE}", self._me())
        if cursor.rowcount != 1:
            raise self._loss()

    def finish(self, ran: Mapping[str, datetime], due_at: datetime, *, done: bool) -> None:
        """See ports.Lease.finish."""
        text = msgspec.json.encode({source: at.timestamp() for source, at in ran.items()}).decode()
        # What was asked for after this run began is another run's work.
        asked = self._asked_at if done else 0.0
        with self._database.transaction() as cursor:
            cursor.execute(
                "UPDATE leases SET owner = '', lease_until = 0, progress = '{}', ran = ?, due_at = ?, "
                f"asked_at = CASE WHEN asked_at > ? THEN asked_at ELSE 0 END WHERE {_MINE}",
                (text, due_at.timestamp(), asked, *self._me()),
            )
            if cursor.rowcount != 1:
                raise self._loss()

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(self._seconds.heartbeat):
            try:
                self.heartbeat()
            except LeaseLost:
                log.warning("the lease of flow %s was taken over; this run stops", self.flow)
                self._lost.set()
                return
            except Exception as error:
                # The next beat may do; if none does, another worker takes over and the fence holds this one off.
                log.warning("the lease of flow %s could not be renewed: %s", self.flow, error)

    def _me(self) -> tuple[str, str, int]:
        return self.flow, self.owner, self.fence

    def _loss(self) -> LeaseLost:
        return LeaseLost(f"the lease of flow {self.flow} is another's now; this run writes nothing more")


class DatabaseLeases:
    """`application.ports.Leases`. The seconds are for tests."""

    def __init__(
        self, database: Database, ttl_seconds: float = TTL_SECONDS, heartbeat_seconds: float = HEARTBEAT_SECONDS
    ) -> None:
        self._database = database
        self._seconds = _Seconds(ttl_seconds, heartbeat_seconds)
        database.create_schema(SCHEMA)

    def now(self) -> datetime:
        """See ports.Leases.now."""
        with self._database.reading() as cursor:
            return _time(server_time(cursor))

    def states(self) -> dict[str, LeaseState]:
        """See ports.Leases.states."""
        with self._database.reading() as cursor:
            now = server_time(cursor)
            cursor.execute(
                "SELECT flow, due_at, owner, fence, lease_until, asked_at, ran, progress FROM leases ORDER BY flow"
            )
            rows = cursor.fetchall()
        return {
            flow: LeaseState(
                flow=flow,
                due_at=_time(due_at),
                owner=owner,
                fence=fence,
                lease_until=_time(until),
                held=until > now,
                asked=asked_at > 0,
                ran=_times(ran),
                progress=msgspec.json.decode(progress),
            )
            for flow, due_at, owner, fence, until, asked_at, ran, progress in rows
        }

    def schedule(self, flow: str, fence: int, due_at: datetime) -> None:
        """See ports.Leases.schedule."""
        with self._database.transaction() as cursor:
            self._begin(cursor, flow)
            cursor.execute(
                "UPDATE leases SET due_at = ? WHERE flow = ? AND fence = ?", (due_at.timestamp(), flow, fence)
            )

    def ask(self, flow: str) -> None:
        """See ports.Leases.ask."""
        with self._database.transaction() as cursor:
            self._begin(cursor, flow)
            cursor.execute("UPDATE leases SET asked_at = ? WHERE flow = ?", (server_time(cursor), flow))

    def claim(self, flow: str, owner: str, *, when_due: bool) -> DatabaseLease | None:
        """See ports.Leases.claim."""
        with self._database.transaction() as cursor:
            self._begin(cursor, flow)
            now = server_time(cursor)
            cursor.execute(
                "UPDATE leases SET owner = ?, fence = fence + 1, lease_until = ?, progress = '{}' "
                "WHERE flow = ? AND lease_until <= ? AND (due_at <= ? OR asked_at > 0) RETURNING fence, ran, asked_at",
                (owner, now + self._seconds.ttl, flow, now, now if when_due else 1e18),
            )
            row = cursor.fetchone()
        if row is None:
            return None
        fence, ran, asked_at = row
        return DatabaseLease(self._database, flow, owner, fence, (ran, asked_at, now), self._seconds)

    def show_life(self, worker: str, kind: str) -> None:
        """See ports.Leases.show_life."""
        with self._database.transaction() as cursor:
            now = server_time(cursor)
            cursor.execute(
                "INSERT INTO workers (worker, kind, started, seen) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (worker) DO UPDATE SET seen = excluded.seen",
                (worker, kind, now, now),
            )
            cursor.execute("DELETE FROM workers WHERE seen < ?", (now - FORGET_SECONDS,))

    def leave(self, worker: str) -> None:
        """See ports.Leases.leave."""
        with self._database.transaction() as cursor:
            cursor.execute("DELETE FROM workers WHERE worker = ?", (worker,))

    def workers(self) -> list[WorkerState]:
        """See ports.Leases.workers."""
        with self._database.reading() as cursor:
            now = server_time(cursor)
            cursor.execute("SELECT worker, kind, started, seen FROM workers ORDER BY started, worker")
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return [
            WorkerState(worker, kind, _time(started), _time(seen), seen > now - WORKER_SECONDS)
            for worker, kind, started, seen in rows
        ]

    def _begin(self, cursor: Cursor, flow: str) -> None:
        """A flow's row. It is not due before somebody has looked at its schedule."""
        cursor.execute(
            "INSERT INTO leases (flow, due_at, owner, fence, lease_until, asked_at, ran, progress) "
            "VALUES (?, ?, '', 0, 0, 0, '{}', '{}') ON CONFLICT (flow) DO NOTHING",
            (flow, _NEVER),
        )


class _Seconds(msgspec.Struct, frozen=True):
    ttl: float
    heartbeat: float


_NEVER = 253_402_300_000.0  # the last day of 9999


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _times(text: str) -> dict[str, datetime]:
    return {source: _time(seconds) for source, seconds in msgspec.json.decode(text, type=dict[str, float]).items()}
