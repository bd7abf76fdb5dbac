"""The clock and the timetable."""

from datetime import datetime
from typing import Protocol

from domain.flow import Schedule


class Clock(Protocol):
    """The time now, UTC; injected, so that tests and replays decide what time it is."""

    def __call__(self) -> datetime: ...


class Timetable(Protocol):
    """The calendar of schedules."""

    def next(self, schedule: Schedule, after: datetime) -> datetime:
        """When a schedule is next due behind a time, UTC. Raises BadInput where its cron expression is none."""
