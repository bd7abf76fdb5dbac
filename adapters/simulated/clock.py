"""The stand-ins' clock: real time, or real time made to run fast, for quotas by the minute in tests of seconds."""

import time
from datetime import UTC, datetime, timedelta


class FastClock:
    """UTC time that starts at `start` and passes `speed` times as fast as the wall clock.

    What is given out to end after a time lasts `patience` seconds of the wall clock at least: an hour that is over in
    two seconds would end between a busy machine's two calls.
    """

    def __init__(self, speed: float = 1.0, start: datetime | None = None, patience: float = 0.0) -> None:
        self.speed = speed
        self.patience = patience
        self._start = start or datetime.now(UTC)
        self._origin = time.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.seconds())

    def seconds(self) -> float:
        """Simulated seconds since the start; monotonic, for token buckets."""
        return (time.monotonic() - self._origin) * self.speed

    def until(self, seconds: float) -> float:
        """When, in `seconds()`, what is given out now for so many seconds ends."""
        return self.seconds() + max(seconds, self.patience * self.speed)

    def of_callers(self) -> datetime:
        """The time of those who call: their clocks are not made to run fast."""
        return self._start + timedelta(seconds=time.monotonic() - self._origin)
