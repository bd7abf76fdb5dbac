"""The stand-ins' clock: real time, or real time made to run fast, for quotas by the minute in tests of seconds."""

import time
from datetime import UTC, datetime, timedelta


class FastClock:
    """UTC time that starts at `start` and passes `speed` times as fast as the wall clock."""

    def __init__(self, speed: float = 1.0, start: datetime | None = None) -> None:
        self.speed = speed
        self._start = start or datetime.now(UTC)
        self._origin = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.seconds())

    def seconds(self) -> float:
        """Simulated seconds since the start; monotonic, for token buckets."""
        return (time.monotonic() - self._origin) * self.speed
