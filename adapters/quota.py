"""Vendors' quotas as rows that all workers share, and a meter of calls.

A quota is a GCRA row: one UPDATE takes a place and says how long to wait for it. A rate that the vendor announced is
kept in a row too, so that one worker's answer slows or hastens all. Rates are multiplied by `speed` where a stand-in's
clock runs fast.
"""

import math
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import NamedTuple

from adapters.database import Cursor, Database, server_time
from domain.errors import Throttled

SCHEMA = (
    "CREATE TABLE IF NOT EXISTS quotas (name TEXT PRIMARY KEY, next_free DOUBLE PRECISION NOT NULL, "
    "paused_until DOUBLE PRECISION NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS announced_rates (name TEXT PRIMARY KEY, rate DOUBLE PRECISION NOT NULL)",
    "CREATE TABLE IF NOT EXISTS calls (flow TEXT NOT NULL, vendor TEXT NOT NULL, operation TEXT NOT NULL, "
    "day TEXT NOT NULL, calls BIGINT NOT NULL, PRIMARY KEY (flow, vendor, operation, day))",
)

PIECE_SECONDS = 0.5
# An announced rate is heeded between these multiples of the documented one: a header that is quite wrong must neither
# stop a flow for days nor have it refused all day.
SLOWEST, FASTEST = 1 / 20, 20
LONG_SECONDS = 5.0  # a run that is asked to stop waits this long for a call that is decided already


class CallsOfDay(NamedTuple):
    """How often one operation was called on a day (UTC, ISO), tries included."""

    day: str
    vendor: str
    operation: str
    calls: int


def _heeded(announced: float | None, documented: float) -> float:
    if announced is None:
        return documented
    return min(max(announced, documented * SLOWEST), documented * FASTEST)


class Quotas:
    """Shared quotas and the meter of one installation."""

    def __init__(self, database: Database, speed: float = 1.0, now: Callable[[], float] | None = None) -> None:
        self._database = database
        self._speed = speed
        self._now = now
        self._announced: dict[str, float] = {}  # what this process has written already
        database.create_schema(SCHEMA)

    def reserve(self, key: str, rate: float, burst: float, start_at_half_burst: bool = True) -> float:
        """Take a place in `key`'s bucket of `rate` per second and `burst`; the seconds to wait before using it.

        A new bucket starts half full, unless told otherwise: another process may have used it before us. `rate` is the
        documented one; where the vendor announced another, that one counts.
        """
        # next_free is the time at which the bucket would be full again; each call pushes it back by one interval.
        # A bucket that was paused is empty when the pause ends.
        latest = "MAX" if self._database.dialect == "sqlite" else "GREATEST"
        with self._database.transaction() as cursor:
            now = self._time(cursor)
            interval = 1 / (_heeded(self._announced_rate(cursor, key), rate) * self._speed)
            used = burst / 2 if start_at_half_burst else 0.0
            allowance = (burst - 1) * interval
            cursor.execute(
                "INSERT INTO quotas (name, next_free) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
                f"next_free = {latest}(quotas.next_free, quotas.paused_until + ?, ?) + ? RETURNING next_free",
                (key, now + (used + 1) * interval, allowance, now, interval),
            )
            row = cursor.fetchone()
        assert row is not None
        return max(0.0, float(row[0]) - interval - allowance - now)

    def pause(self, key: str, seconds: float) -> None:
        """Nobody uses `key` for that long: the vendor said so. Already in real seconds."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO quotas (name, next_free, paused_until) VALUES (?, 0, ?) ON CONFLICT (name) DO UPDATE SET "
                "paused_until = CASE WHEN quotas.paused_until > excluded.paused_until THEN quotas.paused_until "
                "ELSE excluded.paused_until END",
                (key, self._time(cursor) + seconds),
            )

    def announce(self, key: str, rate: float) -> None:
        """The vendor says at which rate per second the bucket of `key` fills; from now on that counts, for all."""
        if not math.isfinite(rate) or rate <= 0 or self._announced.get(key) == rate:
            return
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO announced_rates (name, rate) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET rate = excluded.rate",
                (key, rate),
            )
        self._announced[key] = rate

    def wait(self, seconds: float) -> None:
        """Let that much time pass."""
        time.sleep(seconds)

    def _announced_rate(self, cursor: Cursor, key: str) -> float | None:
        cursor.execute("SELECT rate FROM announced_rates WHERE name = ?", (key,))
        row = cursor.fetchone()
        return float(row[0]) if row is not None else None

    def _time(self, cursor: Cursor) -> float:
        return self._now() if self._now is not None else server_time(cursor)

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None:
        """Add to the meter."""
        with self._database.transaction() as cursor:
            cursor.execute(
                "INSERT INTO calls (flow, vendor, operation, day, calls) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (flow, vendor, operation, day) DO UPDATE SET calls = calls.calls + excluded.calls",
                (flow, vendor, operation, datetime.now(UTC).date().isoformat(), calls),
            )

    def calls_by_day(self, flow: str, since: date) -> list[CallsOfDay]:
        """The meter of a flow from a day (UTC) on: the newest day first, then by vendor and operation."""
        with self._database.reading() as cursor:
            cursor.execute(
                "SELECT day, vendor, operation, calls FROM calls WHERE flow = ? AND day >= ? "
                "ORDER BY day DESC, vendor, operation",
                (flow, since.isoformat()),
            )
            return [
                CallsOfDay(day, vendor, operation, int(calls)) for day, vendor, operation, calls in cursor.fetchall()
            ]

    def calls(self, flow: str) -> dict[str, int]:
        """Calls of a flow by vendor, all days."""
        with self._database.reading() as cursor:
            cursor.execute("SELECT vendor, SUM(calls) FROM calls WHERE flow = ? GROUP BY vendor", (flow,))
            return {vendor: int(calls) for vendor, calls in cursor.fetchall()}

    def calls_by_operation(self, flow: str) -> dict[tuple[str, str], int]:
        """Calls of a flow by vendor and operation, all days."""
        with self._database.reading() as cursor:
            cursor.execute(
                "SELECT vendor, operation, SUM(calls) FROM calls WHERE flow = ? GROUP BY vendor, operation", (flow,)
            )
            return {(vendor, operation): int(calls) for vendor, operation, calls in cursor.fetchall()}


class ImpatientQuotas:
    """The same quotas for somebody who does not wait: a place that is further off than `patience_seconds` is refused.

    The place stays taken, so that asking often does not get ahead of those who wait.
    """

    def __init__(self, quotas: Quotas, patience_seconds: float) -> None:
        self._quotas = quotas
        self._patience_seconds = patience_seconds

    def reserve(self, key: str, rate: float, burst: float) -> float:
        """Raises Throttled."""
        wait = self._quotas.reserve(key, rate, burst)
        if wait > self._patience_seconds:
            raise Throttled(f"our own share of the quota {key} is used up for {wait:.0f} s", code="quota")
        return wait

    def pause(self, key: str, seconds: float) -> None:
        self._quotas.pause(key, seconds)

    def announce(self, key: str, rate: float) -> None:
        self._quotas.announce(key, rate)

    def wait(self, seconds: float) -> None:
        self._quotas.wait(seconds)

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None:
        self._quotas.count(flow, vendor, operation, calls)


class GuardedQuotas:
    """The quotas of one run: `check` is asked before each call to a vendor leaves, and may raise.

    Waits are made here, in short pieces, so that a run which is to end does not first wait minutes for a place.
    """

    def __init__(self, quotas: Quotas, check: Callable[[bool], None]) -> None:
        """`check(waiting)` gets True where the call would have to wait for long."""
        self._quotas = quotas
        self._check = check

    def reserve(self, key: str, rate: float, burst: float) -> float:
        """See Quotas.reserve; the wait is over when it returns."""
        self.wait(self._quotas.reserve(key, rate, burst))
        self._check(False)
        return 0.0

    def wait(self, seconds: float) -> None:
        """See Quotas.wait. Raises what `check` does, so that a run which is to end need not wait for a vendor."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._check(left > LONG_SECONDS)
            time.sleep(min(left, PIECE_SECONDS))

    def pause(self, key: str, seconds: float) -> None:
        """See Quotas.pause."""
        self._quotas.pause(key, seconds)

    def announce(self, key: str, rate: float) -> None:
        """See Quotas.announce."""
        self._quotas.announce(key, rate)

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None:
        """See Quotas.count."""
        self._quotas.count(flow, vendor, operation, calls)
