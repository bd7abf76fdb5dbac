"""The calendar of schedules: minutes, and cron expressions by croniter.

A cron expression is read in its own time zone. On the day clocks go forward, what falls into the missing hour is due
right after it; when they go back, what falls into the doubled hour is due twice, and a cycle more does no harm.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from croniter import CroniterError, croniter

from domain.errors import BadInput
from domain.flow import Schedule


class CronTimetable:
    """`application.ports.Timetable`."""

    def next(self, schedule: Schedule, after: datetime) -> datetime:
        """See ports.Timetable.next."""
        if not schedule.cron:
            return after + timedelta(minutes=schedule.every_minutes)
        try:
            found: datetime = croniter(schedule.cron, after.astimezone(ZoneInfo(schedule.zone))).get_next(datetime)
        except (CroniterError, ValueError, TypeError) as error:
            raise BadInput(
                f"cron expression {schedule.cron!r}: {error}; expected minute hour day month weekday, for example "
                "'0 6 * * *' (daily at six)"
            ) from None
        return found.astimezone(UTC)
