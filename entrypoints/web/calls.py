"""The meter: how often a flow asked its vendors, by day and operation."""

from datetime import UTC, timedelta
from typing import Annotated

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from domain.access import READER
from entrypoints.web.access import read
from entrypoints.web.desk import Desk
from entrypoints.web.parameters import FlowName

DAYS = 7
Days = Annotated[int, QueryParameter(ge=1, le=400, description="How many days (UTC), today among them.")]


class CallsOfDay(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How often one operation was called on a day (UTC), repeated tries included."""

    day: str
    vendor: str
    operation: str
    calls: int


class Calls(msgspec.Struct, frozen=True, rename="camel"):
    """The meter of a flow, the newest day first."""

    flow: str
    calls: list[CallsOfDay]


@read("/flows/{flow:str}/calls", READER, follows=False)
def list_calls(flow: FlowName, desk: NamedDependency[Desk], days: Days = DAYS) -> Calls:
    """Calls to Amazon and QuickBooks by day and operation."""
    services = desk.services
    services.bookkeeping.flow(flow)
    since = services.clock().astimezone(UTC).date() - timedelta(days=days - 1)
    return Calls(flow, [CallsOfDay(*row) for row in services.quotas.calls_by_day(flow, since)])


router = Router("/", tags=["flows"], route_handlers=[list_calls])
