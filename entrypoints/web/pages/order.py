"""One order: what Amazon says it is worth, its invoice, what paid it, and its story; and the search for any of them."""

from typing import Annotated, Any

from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Redirect

from application.lineage import LineageReader
from domain.access import READER, Holder
from entrypoints.web.desk import Desk
from entrypoints.web.pages import words
from entrypoints.web.pages.flow import AsOfMoment, PageCursor
from entrypoints.web.pages.html import address, render
from entrypoints.web.pages.look import Look, Row, flow_names, itself, look_at
from entrypoints.web.pages.settlement import STORY, documents
from entrypoints.web.pages.signing_in import page
from entrypoints.web.pages.standing import quickbooks_page
from entrypoints.web.parameters import FlowName, OrderId
from entrypoints.web.problems import Refusal

FOUND = 20


@page("/flows/{flow:str}/orders/{order_id:str}", READER)
def show_order(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    order_id: OrderId,
    desk: NamedDependency[Desk],
    as_of: AsOfMoment = None,
    story: PageCursor = None,
) -> Response[str]:
    """One order, now or as of a moment; also one that only a settlement names."""
    look = look_at(desk, flow, as_of)
    today = (look.then or desk.services.clock()).astimezone(look.zone).date().isoformat()
    rows = look.views.query("order_states", flow, order_id=order_id, today=today)
    named_by = look.views.settlements_naming(flow, order_id)
    if not rows and not named_by:
        raise Refusal(404, f"flow {flow} has no order {order_id}")
    events, following, _ = desk.page("story", flow, {"order_id": order_id}, STORY, story, itself, look.asked)
    order = rows[0] if rows else None
    currency = order["currency"] if order is not None else ""
    return render(
        request,
        "order.html",
        look=look,
        names=flow_names(request.user, desk),
        order_id=order_id,
        order=order,
        documents=documents(desk, look.views.query("postings", flow, order_id=order_id, limit=FOUND)),
        held=[
            *look.views.query("held", flow, order_id=order_id, limit=FOUND),
            *look.views.query("held", flow, waits_for=f"order:{order_id}", limit=FOUND),
        ],
        settlements=_settlements(look, order, named_by),
        lines=_lines(desk, look, order_id, named_by) if look.then is None else [],
        currency=currency,
        events=events,
        first=story is None,
        next=look.path("orders", order_id, story=following) if following else None,
    )


@page("/search", READER)
def search(
    request: Request[Holder, Any, Any],
    desk: NamedDependency[Desk],
    q: Annotated[str, QueryParameter(max_length=200)] = "",
) -> Response[Any]:
    """An order, a settlement or a QuickBooks document by its number: its page, or all that have the number."""
    wanted = q.strip()
    names = flow_names(request.user, desk)
    found = [hit for name in names for hit in _find(desk, name, wanted)] if wanted else []
    if len({hit["path"] for hit in found}) == 1:
        return Redirect(found[0]["path"], status_code=303)
    return render(request, "found.html", status=200 if found or not wanted else 404, q=wanted, found=found, names=names)


def _find(desk: Desk, flow: str, wanted: str) -> list[Row]:
    views = desk.services.views

    def hit(what: str, kind: str, key: str) -> Row:
        return {"flow": flow, "what": what, "path": address("flows", flow, kind, key)}

    if views.query("orders", flow, order_id=wanted) or views.settlements_naming(flow, wanted):
        return [hit(f"Order {wanted}", "orders", wanted)]
    if views.query("settlements", flow, settlement_id=wanted):
        return [hit(f"Settlement {wanted}", "settlements", wanted)]
    hits = []
    for row in views.query("postings", flow, quickbooks_id=wanted, limit=FOUND):
        what = f"{words.document(row['kind'])} {wanted} in QuickBooks"
        if row["order_id"]:
            hits.append(hit(f"{what}: order {row['order_id']}", "orders", row["order_id"]))
        elif row["settlement_id"]:
            hits.append(hit(f"{what}: settlement {row['settlement_id']}", "settlements", row["settlement_id"]))
    return hits


def _settlements(look: Look, order: Row | None, named_by: list[str]) -> list[Row]:
    """The settlements that pay the order or name it, with what each pays."""
    paid: dict[str, int] = order["settlements"] if order is not None else {}
    found = []
    for settlement_id in dict.fromkeys([*paid, *named_by]):
        for row in look.views.query("settlements", look.name, settlement_id=settlement_id):
            found.append({**row, "paid": paid.get(settlement_id)})
    return found


def _lines(desk: Desk, look: Look, order_id: str, named_by: list[str]) -> list[Row]:
    """Where each amount Amazon names for the order stands in QuickBooks."""
    settings = desk.services.settings
    return [
        {
            "from": use.source.what,
            "settlement_id": use.source.settlement_id,
            "ordinal": use.source.ordinal,
            "amount": use.source.amount,
            "kind": use.kind,
            "account": use.line.account_name or use.line.account if use.line is not None else "",
            "quickbooks_id": use.quickbooks_id,
            "quickbooks_page": quickbooks_page(settings, use.kind, use.quickbooks_id),
        }
        for use in LineageReader(desk.services.store, look.name).of_order(order_id, named_by)
    ]


router = Router("/", route_handlers=[show_order, search])
