"""Intuit's throttle: moving windows per company, measured on the simulated clock.

A refused call does not count against the window; whether it does at Intuit is not documented.
"""

from collections import deque

from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks.dials import Dials


class Quotas:
    def __init__(self, clock: FastClock, dials: Dials) -> None:
        self._clock, self._dials = clock, dials
        self._calls: deque[float] = deque()
        self._batches: deque[float] = deque()
        self.in_flight = 0

    def admit(self, is_batch: bool) -> bool:
        """Count a call and let it in, or refuse it."""
        now = self._clock.seconds()
        _forget(self._calls, now - 60)
        _forget(self._batches, now - 60)
        last_second = 0
        for moment in reversed(self._calls):
            if moment <= now - 1:
                break
            last_second += 1
        if (
            last_second >= self._dials.requests_per_second
            or len(self._calls) >= self._dials.requests_per_minute
            or (is_batch and len(self._batches) >= self._dials.batches_per_minute)
            or self.in_flight >= self._dials.concurrent_requests
        ):
            return False
        self._calls.append(now)
        if is_batch:
            self._batches.append(now)
        return True


def _forget(window: deque[float], before: float) -> None:
    while window and window[0] <= before:
        window.popleft()
