"""The meter as a page: how often the flow asked its vendors, by day and operation."""

from datetime import UTC, timedelta
from typing import Any

from litestar import Request, Response, Router
from litestar.di import NamedDependency

from domain.access import READER, Holder
from entrypoints.web.calls import DAYS
from entrypoints.web.desk import Desk
from entrypoints.web.pages.html import render
from entrypoints.web.pages.look import flow_names, look_at
from entrypoints.web.pages.signing_in import page
from entrypoints.web.parameters import FlowName


@page("/flows/{flow:str}/calls", READER)
def show_calls(request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk]) -> Response[str]:
    """The last days' calls: a row an operation, a column a day."""
    look = look_at(desk, flow)
    today = desk.services.clock().astimezone(UTC).date()
    days = [(today - timedelta(days=back)).isoformat() for back in range(DAYS)]
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for row in desk.services.quotas.calls_by_day(flow, today - timedelta(days=DAYS - 1)):
        counted.setdefault((row.vendor, row.operation), {})[row.day] = row.calls
    return render(
        request,
        "calls.html",
        look=look,
        names=flow_names(request.user, desk),
        days=days,
        counted=sorted(counted.items()),
    )


router = Router("/", route_handlers=[show_calls])
