"""One settlement: from gross to deposit by account, its documents in QuickBooks, and its story."""

from typing import Any

from litestar import Request, Response, Router
from litestar.di import NamedDependency

from adapters.views import DatabaseViews
from application.control import controls
from application.newness import newness
from domain.access import READER, Holder
from domain.chart import default_chart
from domain.control import Control
from domain.mapping import Mapping, mapping_stream
from domain.mapping import evolve as evolve_mapping
from domain.settlement import Settlement, settlement_stream
from domain.settlement import evolve as evolve_settlement
from entrypoints.web.desk import Desk
from entrypoints.web.pages.flow import AsOfMoment, PageCursor
from entrypoints.web.pages.html import render
from entrypoints.web.pages.look import Row, flow_names, folded, itself, look_at
from entrypoints.web.pages.signing_in import page
from entrypoints.web.pages.standing import quickbooks_page
from entrypoints.web.pages.waterfall import waterfall
from entrypoints.web.parameters import FlowName, SettlementId
from entrypoints.web.problems import Refusal

STORY = 100
DOCUMENTS = 200
_TOLD_BY_THE_ORDER = "order.settled.v1"  # one for each order: it stands in the order's own story
_TRANSACTIONS = "transaction.%"  # Amazon's other account of the same lines: there are as many


@page("/flows/{flow:str}/settlements/{settlement_id:str}", READER)
def show_settlement(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    settlement_id: SettlementId,
    desk: NamedDependency[Desk],
    as_of: AsOfMoment = None,
    story: PageCursor = None,
) -> Response[str]:
    """One settlement, now or as of a moment."""
    look = look_at(desk, flow, as_of)
    rows = look.views.query("settlements", flow, settlement_id=settlement_id)
    if not rows:
        raise Refusal(404, f"flow {flow} has no settlement {settlement_id}")
    store = desk.services.store
    settlement = folded(store, settlement_stream(flow, settlement_id), Settlement(), evolve_settlement, look)
    mapping = folded(store, mapping_stream(flow), Mapping(), evolve_mapping, look)
    postings = look.views.query("postings", flow, settlement_id=settlement_id, limit=DOCUMENTS)
    filters = {"settlement_id": settlement_id, "without": _TOLD_BY_THE_ORDER, "unlike": _TRANSACTIONS}
    events, following, _ = desk.page("story", flow, filters, STORY, story, itself, look.asked)
    return render(
        request,
        "settlement.html",
        look=look,
        names=flow_names(request.user, desk),
        settlement=rows[0],
        waterfall=waterfall(settlement.lines, mapping, rows[0]["currency"]),
        newness=newness(look.views, flow, settlement_id, mapping),
        accounts=default_chart(),
        documents=documents(desk, postings),
        held=look.views.query("held", flow, settlement_id=settlement_id, limit=50),
        control=_control(look.views, flow, settlement_id),
        events=events,
        first=story is None,
        next=look.path("settlements", settlement_id, story=following) if following else None,
    )


def _control(views: DatabaseViews, flow: str, settlement_id: str) -> Control | None:
    """The settlement held against what Amazon says elsewhere."""
    return next((each for each in controls(views, flow) if each.settlement_id == settlement_id), None)


def documents(desk: Desk, postings: list[Row]) -> list[Row]:
    """The documents, in the order they are made, each with its page in QuickBooks."""
    order = {"invoice": 0, "payment": 1, "deposit": 2}
    settings = desk.services.settings
    return [
        {**row, "quickbooks_page": quickbooks_page(settings, row["kind"], row["quickbooks_id"])}
        for row in sorted(postings, key=lambda row: (order.get(row["kind"], 9), row["key"]))
    ]


router = Router("/", route_handlers=[show_settlement])
