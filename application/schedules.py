"""When a flow's sources are due: computed each time anew, from the schedule and from when each last ran."""

from datetime import datetime

from application.ports import Timetable
from domain.flow import Flow, Source


def due(timetable: Timetable, flow: Flow, source: Source, ran: datetime | None) -> datetime:
    """When a source is next due. A cron schedule counts from when it was made: a new one is not due for its past."""
    schedule = flow.schedule[source]
    made = flow.scheduled_at
    assert made is not None  # every flow was created
    if not schedule.cron:
        return made if ran is None else timetable.next(schedule, ran)
    return timetable.next(schedule, made if ran is None else max(ran, made))


def next_due(timetable: Timetable, flow: Flow, ran: dict[str, datetime]) -> datetime:
    """When the first of a flow's sources is due."""
    return min(due(timetable, flow, source, ran.get(source)) for source in flow.sources)
