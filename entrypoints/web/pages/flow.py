"""The overview of flows and the page of one: does it tie, what is held and what frees it, and the clearing proof."""

import hashlib
from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import QueryParameter, URLEncodedBody
from litestar.response import Redirect
from msgspec import Meta

from application.cycle_request import ask_for_cycle
from application.mapping_changes import change_rules
from domain.access import OPERATOR, READER, Holder
from domain.chart import default_chart
from domain.mapping import Rule
from entrypoints.web.desk import Desk
from entrypoints.web.pages import words
from entrypoints.web.pages.html import address, render, to_text
from entrypoints.web.pages.look import Look, Row, flow_names, itself, look_at
from entrypoints.web.pages.signing_in import form, page
from entrypoints.web.pages.standing import NEWEST, groups, quickbooks_page, running, standing
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import FlowName
from entrypoints.web.problems import Refusal

AsOfMoment = Annotated[str | None, QueryParameter(max_length=40)]
PageCursor = Annotated[str | None, QueryParameter(max_length=2000)]
Filter = Annotated[str | None, QueryParameter(max_length=300)]

NOTICES = {
    "asked": "A cycle is asked for. It begins within seconds, and this page follows it.",
    "paused": "The flow is paused: it does not run by its schedule until it is resumed.",
    "resumed": "The flow runs by its schedule again.",
}

# What a person may call an amount that no rule places; the rest is for the command line.
KINDS = {
    "fee": "A fee or charge of Amazon's",
    "reimbursement": "A reimbursement or credit",
    "refund": "A refund to a buyer",
    "claim": "An A-to-z claim or chargeback",
}


class MapIt(msgspec.Struct, frozen=True):
    """The form that says where an amount goes."""

    transaction_type: Annotated[str, Meta(max_length=200)] = ""
    amount_type: Annotated[str, Meta(max_length=200)] = ""
    amount_description: Annotated[str, Meta(max_length=200)] = ""
    account: Annotated[str, Meta(max_length=40)] = ""
    role: Annotated[str, Meta(max_length=40)] = "fee"
    why: Annotated[str, Meta(max_length=500, pattern=r"^[^\u0000-\u001F\u007F]*$")] = ""


class Why(msgspec.Struct, frozen=True):
    """The reason for a command, which may be empty."""

    why: Annotated[str, Meta(max_length=500, pattern=r"^[^\u0000-\u001F\u007F]*$")] = ""


@page("/", READER)
def show_overview(request: Request[Holder, Any, Any], desk: NamedDependency[Desk]) -> Response[Any]:
    """The flows one may see; where it is one, that one."""
    names = flow_names(request.user, desk)
    if len(names) == 1:
        return Redirect(address("flows", names[0]), status_code=303)
    looks = [look_at(desk, name) for name in names]
    flows = [{"look": look, "standing": standing(look), "running": running(desk, look)} for look in looks]
    return render(request, "overview.html", flows=flows)


@page("/flows/{flow:str}", READER)
def show_flow(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    as_of: AsOfMoment = None,
    done: Annotated[str | None, QueryParameter(max_length=20)] = None,
    planned: Annotated[int | None, QueryParameter(ge=0, le=10_000_000)] = None,
) -> Response[str]:
    """One flow, now or as of a moment."""
    look = look_at(desk, flow, as_of)
    notice = NOTICES.get(done or "", "")
    if done == "mapped":
        count = planned or 0
        what = "1 document is" if count == 1 else f"{count:,} documents are"
        notice = f"The mapping is changed and {what} planned. The next cycle posts what is planned."
    body, seen = _live(request, desk, look)
    return render(
        request,
        "flow.html",
        look=look,
        live=body,
        seen=seen,
        notice=notice,
        names=flow_names(request.user, desk),
        lively=_lively(desk, look),
    )


@page("/flows/{flow:str}/live", READER, quiet=True)
def show_live(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    seen: Annotated[str, QueryParameter(max_length=40)] = "",
) -> Response[Any]:
    """What changes of the page while it is open; nothing (204) if all is as it was seen."""
    look = look_at(desk, flow)
    body, now = _live(request, desk, look)
    if seen == now:
        return Response(None, status_code=204)
    return render(request, "live.html", look=look, live=body, seen=now, lively=_lively(desk, look))


@form("/flows/{flow:str}/sync", OPERATOR)
def sync_now(request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk]) -> Redirect:
    """Ask for a cycle now."""
    services = desk.services
    ask_for_cycle(flow, services.bookkeeping, services.leases, services.clock, request.user.by)
    return _back(desk, flow, "asked")


@form("/flows/{flow:str}/pause", OPERATOR)
def pause(
    request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk], data: URLEncodedBody[Why]
) -> Redirect:
    """Stop the flow from being due."""
    desk.services.flow_setup.pause(flow, request.user.by, data.why.strip())
    return _back(desk, flow, "paused")


@form("/flows/{flow:str}/resume", OPERATOR)
def resume(
    request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk], data: URLEncodedBody[Why]
) -> Redirect:
    """Let the flow be due again."""
    desk.services.flow_setup.resume(flow, request.user.by, data.why.strip())
    return _back(desk, flow, "resumed")


@form("/flows/{flow:str}/mapping", OPERATOR)
def map_it(
    request: Request[Holder, Any, Any], flow: FlowName, desk: NamedDependency[Desk], data: URLEncodedBody[MapIt]
) -> Redirect:
    """Say where an amount goes; what waited for it is planned."""
    if data.role not in KINDS:
        raise Refusal(422, f"role {data.role!r} is not one of the form's", do="Choose what kind of amount it is.")
    services = desk.services
    rule = Rule(0, data.transaction_type, data.amount_type, data.amount_description, data.role, data.account)
    freed = change_rules(
        flow, [rule], [], data.why, services.bookkeeping, services.views, services.clock, request.user.by
    )
    return _back(desk, flow, "mapped", planned=str(freed.planned))


@page("/flows/{flow:str}/settlements", READER)
def list_settlements(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    stands: Annotated[str | None, QueryParameter(name="state", max_length=40)] = None,
    as_of: AsOfMoment = None,
    cursor: PageCursor = None,
) -> Response[str]:
    """All settlements, in pages."""
    look = look_at(desk, flow, as_of)
    rows, following, _ = desk.page("settlements", flow, {"state": stands}, PAGE, cursor, itself, look.asked)
    return render(
        request,
        "settlements.html",
        look=look,
        names=flow_names(request.user, desk),
        settlements=_with_links(desk, rows),
        total=look.views.query("counts", flow)[0]["settlements"],
        first=cursor is None,
        state=stands,
        next=look.path("settlements", state=stands, cursor=following) if following else None,
    )


@page("/flows/{flow:str}/orders", READER)
def list_orders(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    stands: Annotated[str | None, QueryParameter(name="state", max_length=40)] = None,
    as_of: AsOfMoment = None,
    cursor: PageCursor = None,
) -> Response[str]:
    """Orders and how far each is in the books, in pages."""
    look = look_at(desk, flow, as_of)
    today = (look.then or desk.services.clock()).astimezone(look.zone).date().isoformat()
    filters = {"state": stands, "today": today}
    rows, following, _ = desk.page("order_states", flow, filters, PAGE, cursor, itself, look.asked)
    return render(
        request,
        "orders.html",
        look=look,
        names=flow_names(request.user, desk),
        orders=rows,
        state=stands,
        first=cursor is None,
        next=look.path("orders", state=stands, cursor=following) if following else None,
    )


@page("/flows/{flow:str}/held", READER)
def list_held(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    code: Filter = None,
    waits_for: Filter = None,
    as_of: AsOfMoment = None,
    cursor: PageCursor = None,
) -> Response[str]:
    """What is held one by one, the oldest first, in pages."""
    look = look_at(desk, flow, as_of)
    filters = {"code": code, "waits_for": waits_for}
    rows, following, _ = desk.page("held", flow, filters, PAGE, cursor, itself, look.asked)
    return render(
        request,
        "held.html",
        look=look,
        names=flow_names(request.user, desk),
        held=rows,
        title=words.reason(code) if code else "Everything that is held",
        next=look.path("held", code=code, waits_for=waits_for, cursor=following) if following else None,
        first=cursor is None,
    )


def _live(request: Request[Holder, Any, Any], desk: Desk, look: Look) -> tuple[str, str]:
    """The part of the page that changes, and a mark of what it shows."""
    now = look.then is None
    found = standing(look)
    settlements = look.views.page("settlements", look.name, {}, NEWEST).rows
    cycles = look.views.page("cycles", look.name, {}, 1).rows
    body = to_text(
        request,
        "standing.html",
        look=look,
        standing=found,
        running=running(desk, look) if now else None,
        settlements=_with_links(desk, settlements),
        groups=groups(look),
        cycle=cycles[0] if cycles else None,
        may_operate=now and request.user.may(OPERATOR),
        accounts=sorted(default_chart().values(), key=lambda account: account.number),
        kinds=KINDS,
    )
    return body, hashlib.blake2b(body.encode(), digest_size=12).hexdigest()


def _lively(desk: Desk, look: Look) -> bool | None:
    """Whether to look often; None where nothing changes any more."""
    return running(desk, look).lively if look.then is None else None


def _with_links(desk: Desk, rows: list[Row]) -> list[Row]:
    settings = desk.services.settings
    return [{**row, "quickbooks_page": quickbooks_page(settings, "deposit", row["quickbooks_id"])} for row in rows]


def _back(desk: Desk, flow: str, done: str, **more: str) -> Redirect:
    desk.follower.follow()
    return Redirect(address("flows", flow, done=done, **more), status_code=303)


router = Router(
    "/",
    route_handlers=[
        show_overview,
        show_flow,
        show_live,
        sync_now,
        pause,
        resume,
        map_it,
        list_settlements,
        list_orders,
        list_held,
    ],
)
