"""A look at one flow, now or as of a moment: what every page of a flow starts from."""

from datetime import datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from adapters.views import DatabaseViews
from application.ports import EventStore
from domain.access import Holder
from domain.errors import BadInput
from entrypoints.web.desk import Desk, visible
from entrypoints.web.pages.html import address
from entrypoints.web.problems import Refusal

Row = dict[str, Any]
_S = TypeVar("_S")


class Look(msgspec.Struct, frozen=True):
    """`then` is the moment looked at, None for now; `as_of` is how addresses name it (in the books' zone)."""

    name: str
    flow: Row
    zone: ZoneInfo
    views: DatabaseViews
    then: datetime | None
    as_of: str

    @property
    def asked(self) -> str | None:
        """The moment as the desk takes it."""
        return self.then.isoformat() if self.then is not None else None

    @property
    def zone_name(self) -> str:
        return self.zone.key.replace("_", " ")

    def path(self, *parts: str, **query: str | None) -> str:
        """The address of a page of the flow as of the same moment."""
        return address("flows", self.name, *parts, **{**query, "as_of": self.as_of})


def look_at(desk: Desk, flow: str, as_of: str | None = None) -> Look:
    """Raises UnknownFlow, BadInput, and refuses a moment before the flow was there."""
    now = _row(desk.services.views, flow)
    if now is None:
        desk.know(flow)
        raise Refusal(404, f"there is no flow named {flow!r}")
    zone = ZoneInfo(now["zone"])
    if not as_of:
        return Look(flow, now, zone, desk.services.views, None, "")
    then = moment(as_of, zone)
    views = desk.views(then.isoformat())
    row = _row(views, flow)
    if row is None:
        raise Refusal(404, f"flow {flow} was not there yet at {then.astimezone(zone):%Y-%m-%d %H:%M}")
    return Look(flow, row, zone, views, then, then.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S"))


def flow_names(holder: Holder, desk: Desk) -> list[str]:
    """The flows one may see."""
    rows: list[Row] = [{"flow": name} for name in desk.services.views.flows()]
    return [row["flow"] for row in visible(holder, rows)]


def itself(row: Row) -> Row:
    """What a page of rows is made of, where the templates take them as they are."""
    return row


def moment(text: str, zone: ZoneInfo) -> datetime:
    """A moment as people write it; without a zone in the books' own, a day is its end. Raises BadInput."""
    try:
        at = datetime.fromisoformat(text.replace(" ", "+") if len(text) > 19 else text)
        if len(text) == 10:
            at += timedelta(days=1, microseconds=-1)
        at = at if at.tzinfo is not None else at.replace(tzinfo=zone)
        at.astimezone(ZoneInfo("UTC")).isoformat()
    except (ValueError, OverflowError):
        raise BadInput(f"as_of {text[:40]!r}: expected a day like 2026-11-24 or a time like 2026-11-24T08:00") from None
    return at


def folded(store: EventStore, stream: Any, start: _S, evolve: Any, look: Look) -> _S:
    """A stream as it stood at the moment looked at."""
    state = start
    for event in store.load([stream]).get(stream, []):
        if look.then is None or event.at <= look.then:
            state = evolve(state, event)
    return state


def _row(views: DatabaseViews, flow: str) -> Row | None:
    return next((row for row in views.query("flows", flow)), None)
