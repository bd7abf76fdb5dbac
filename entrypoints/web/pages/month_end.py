"""The pages of a month's end: the checklist, how old open money is, the trial balance and the entries behind it."""

from datetime import date, timedelta
from typing import Annotated, Any

from litestar import Request, Response, Router
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from application import ageing as ages
from application import trial_balance as balances
from application.month_end import checklist, last_month, month_of
from domain.access import READER, Holder
from domain.reconciliation import OVERDUE_DAYS
from entrypoints.web.desk import Desk
from entrypoints.web.month_end import day_of
from entrypoints.web.pages.flow import AsOfMoment, PageCursor
from entrypoints.web.pages.html import render
from entrypoints.web.pages.look import Look, flow_names, itself, look_at
from entrypoints.web.pages.signing_in import page
from entrypoints.web.pages.standing import quickbooks_page
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import FlowName

SHOWN = 200  # open amounts of a group; the export has all
MONTHS_BACK = 4

Short = Annotated[str | None, QueryParameter(max_length=40)]


@page("/flows/{flow:str}/ageing", READER)
def show_ageing(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    of: Annotated[str, QueryParameter(max_length=20)] = "receivable",
    as_of: AsOfMoment = None,
) -> Response[str]:
    """Receivables, clearing or reserve by age, now or as of a moment."""
    look = look_at(desk, flow, as_of)
    groups = ages.ageing(look.views, flow, of, _today(desk, look))
    return render(
        request,
        "ageing.html",
        look=look,
        names=flow_names(request.user, desk),
        of=of,
        groups=groups,
        shown=SHOWN,
        limits=OVERDUE_DAYS,
    )


@page("/flows/{flow:str}/trial-balance", READER)
def show_trial_balance(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    at: Short = None,
    as_of: AsOfMoment = None,
) -> Response[str]:
    """The balances by account at the end of a day of the books."""
    look = look_at(desk, flow, as_of)
    today = _today(desk, look)
    day = day_of("at", at)
    lines = balances.trial_balance(look.views, flow, desk.services.bookkeeping.mapping(flow), day)
    months = [month_of(last_month(today))[1]]
    for _ in range(MONTHS_BACK - 1):
        months.append(months[-1].replace(day=1) - timedelta(days=1))
    return render(
        request,
        "trial_balance.html",
        look=look,
        names=flow_names(request.user, desk),
        lines=lines,
        totals=balances.totals(lines),
        at=day,
        months=months,
    )


@page("/flows/{flow:str}/ledger", READER)
def list_entries(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    account: Short = None,
    currency: Short = None,
    to_day: Short = None,
    as_of: AsOfMoment = None,
    cursor: PageCursor = None,
) -> Response[str]:
    """The entries of an account, in order of day, in pages."""
    look = look_at(desk, flow, as_of)
    filters = {"account": account, "currency": currency, "to_day": to_day or None}
    rows, following, _ = desk.page("ledger", flow, filters, PAGE, cursor, itself, look.asked)
    settings = desk.services.settings
    name = balances.account_of(account, desk.services.bookkeeping.mapping(flow)).name if account else "All accounts"
    for row in rows:
        row["quickbooks_page"] = quickbooks_page(settings, row["kind"], row["quickbooks_id"])
    return render(
        request,
        "ledger.html",
        look=look,
        names=flow_names(request.user, desk),
        account=account,
        currency=currency,
        title=name,
        to_day=day_of("to_day", to_day),
        entries=rows,
        first=cursor is None,
        next=look.path("ledger", account=account, currency=currency, to_day=to_day, cursor=following)
        if following
        else None,
    )


@page("/flows/{flow:str}/close", READER)
def show_close(
    request: Request[Holder, Any, Any],
    flow: FlowName,
    desk: NamedDependency[Desk],
    month: Short = None,
    as_of: AsOfMoment = None,
) -> Response[str]:
    """The month-end checklist; QuickBooks is not asked for it."""
    look = look_at(desk, flow, as_of)
    today = _today(desk, look)
    bookkeeping = desk.services.bookkeeping
    month = month or last_month(today)
    made = checklist(bookkeeping.flow(flow), bookkeeping.mapping(flow), look.views, month, today)
    months = [last_month(today)]
    for _ in range(MONTHS_BACK - 1):
        months.append(last_month(month_of(months[-1])[0]))
    return render(
        request,
        "close.html",
        look=look,
        names=flow_names(request.user, desk),
        made=made,
        months=sorted({*months, month}, reverse=True),
    )


def _today(desk: Desk, look: Look) -> date:
    return (look.then or desk.services.clock()).astimezone(look.zone).date()


router = Router("/", route_handlers=[show_ageing, show_trial_balance, list_entries, show_close])
