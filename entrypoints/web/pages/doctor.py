"""Is the flow able to work? The doctor's findings, asked of both vendors at this moment; nothing is written there."""

from typing import Any

from litestar import Request, Response, Router
from litestar.di import NamedDependency

from application.diagnosis import worst
from domain.access import OPERATOR, Holder
from entrypoints.web.desk import Desk
from entrypoints.web.pages.html import render
from entrypoints.web.pages.look import flow_names, look_at
from entrypoints.web.pages.signing_in import page
from entrypoints.web.parameters import FlowName


@page("/flows/{flow:str}/doctor", OPERATOR)
def examine(request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk]) -> Response[str]:
    """The findings about one flow, and about the installation for those whose token is not limited to flows."""
    look = look_at(desk, flow)
    findings = desk.examine(flow, installation=not request.user.flows)
    return render(
        request,
        "doctor.html",
        look=look,
        names=flow_names(request.user, desk),
        findings=findings,
        worst=worst(findings),
        at=desk.services.clock(),
    )


router = Router("/", route_handlers=[examine])
