"""Is the month closed? Ageing, trial balance, ledger entries and the month-end checklist of a flow."""

from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from litestar import Router
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from application import ageing as ages
from application import trial_balance as balances
from application.month_end import checklist, last_month
from application.month_end_facts import Result
from application.newness import newness
from domain.access import READER
from domain.errors import BadInput
from domain.reconciliation import Bucket
from entrypoints.web.access import read
from entrypoints.web.answers import Page, amount, money
from entrypoints.web.desk import Desk
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import AsOf, Cursor, FlowName, Limit, SettlementId, text_filter
from entrypoints.web.problems import Refusal

Row = dict[str, Any]
Of = Annotated[Literal["receivable", "clearing", "reserve"], QueryParameter(description="What is aged.")]
Month = Annotated[str, QueryParameter(max_length=7, description="Like 2026-10; the last one if none.")]
At = Annotated[str | None, text_filter("A day of the books, YYYY-MM-DD; everything posted if none.")]


class Answer(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Names as JSON has them."""


class BucketFacts(Answer, frozen=True):
    """Open amounts of one age in days, `0-7` to `> 90`."""

    days: str
    count: int
    amount: str


class OpenAmount(Answer, frozen=True):
    """An open amount: whose it is, since when (a day) and, on clearing, why (see docs/accounting.md)."""

    owner: str
    order_id: str | None
    settlement_id: str | None
    amount: str
    since: str
    days: int
    overdue: bool
    due: str | None
    reason: str | None
    text: str | None


class AgeingGroup(Answer, frozen=True):
    """The open amounts of a currency and, for receivables, of standard or invoiced orders."""

    currency: str
    terms: str | None
    balance: str
    overdue: int
    overdue_amount: str
    last_held: str | None
    last_released: str | None
    buckets: list[BucketFacts]
    items: list[OpenAmount]


class Ageing(Answer, frozen=True):
    """How old open money is on a day of the books."""

    of: str
    day: date
    position: int
    groups: list[AgeingGroup]


class BalanceFacts(Answer, frozen=True):
    """An account's balance on one of its sides."""

    account_key: str
    number: str
    account: str
    type: str
    currency: str
    debit: str
    credit: str
    entries: int


class Totals(Answer, frozen=True):
    """Debits and credits of a currency: equal, or the ledger is wrong."""

    currency: str
    debit: str
    credit: str


class TrialBalance(Answer, frozen=True):
    """The balances of the flow's documents in QuickBooks at the end of a day."""

    at: str | None
    position: int
    accounts: list[BalanceFacts]
    totals: list[Totals]


class EntryFacts(Answer, frozen=True):
    """What a posted document has on an account: debits positive."""

    day: str
    kind: str
    key: str
    quickbooks_id: str | None
    account_key: str
    currency: str
    amount: str | None
    settlement_id: str | None
    order_id: str | None


class CloseLine(Answer, frozen=True):
    """A line of the checklist; `result` is pass, fail, not_applicable or not_known (what is missing says `why`)."""

    number: int
    title: str
    value: str
    result: Result
    why: str
    command: str
    path: str


class Close(Answer, frozen=True):
    """The month-end checklist. `ready`: no line fails and none is not known."""

    month: str
    ready: bool
    position: int
    lines: list[CloseLine]


class FirstSeenFacts(Answer, frozen=True):
    """Amazon's words for a kind of line that no earlier settlement has."""

    transaction_type: str
    amount_type: str
    amount_description: str
    lines: int
    amount: str


class FeeChangeFacts(Answer, frozen=True):
    """A fee whose share of gross sales (percent) changed by more than a quarter."""

    account_key: str
    before: str
    now: str
    amount: str


class News(Answer, frozen=True):
    """What is new about a settlement; `before` is the one it is compared with, null where it is the first."""

    before: str | None
    first_seen: list[FirstSeenFacts]
    fees: list[FeeChangeFacts]


@read("/flows/{flow:str}/ageing", READER)
def show_ageing(flow: FlowName, desk: NamedDependency[Desk], of: Of = "receivable", as_of: AsOf = None) -> Ageing:
    """Receivables by days since shipment, clearing by settlement and reason, or Amazon's reserve."""
    desk.know(flow)
    position = desk.position(as_of)
    day = desk.day(flow, as_of)
    groups = ages.ageing(desk.views(as_of), flow, of, day)
    return Ageing(of, day, position, [_group(group) for group in groups])


@read("/flows/{flow:str}/trial-balance", READER)
def show_trial_balance(flow: FlowName, desk: NamedDependency[Desk], at: At = None, as_of: AsOf = None) -> TrialBalance:
    """The flow's documents in QuickBooks by account; each currency sums to zero."""
    desk.know(flow)
    position = desk.position(as_of)
    lines = balances.trial_balance(desk.views(as_of), flow, desk.services.bookkeeping.mapping(flow), day_of("at", at))
    accounts = [
        BalanceFacts(
            line.account.key,
            line.account.number,
            line.account.name,
            line.account.account_type,
            line.currency,
            money(line.debit, line.currency),
            money(line.credit, line.currency),
            line.entries,
        )
        for line in lines
    ]
    sums = balances.totals(lines)
    totals = [Totals(code, money(debit, code), money(credit, code)) for code, (debit, credit) in sums.items()]
    return TrialBalance(at, position, accounts, totals)


@read("/flows/{flow:str}/ledger", READER, kept=True)
def list_entries(
    flow: FlowName,
    desk: NamedDependency[Desk],
    account: Annotated[str | None, text_filter("An account key, for example CLR:USD.")] = None,
    currency: Annotated[str | None, text_filter("An ISO 4217 code.")] = None,
    from_day: Annotated[str | None, text_filter("Dated on this day or later, YYYY-MM-DD.")] = None,
    to_day: Annotated[str | None, text_filter("Dated on this day or earlier, YYYY-MM-DD.")] = None,
    settlement_id: Annotated[str | None, text_filter("Of this settlement.")] = None,
    order_id: Annotated[str | None, text_filter("Of this order's documents.")] = None,
    as_of: AsOf = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[EntryFacts]:
    """What posted documents have on accounts, in order of day."""
    filters = {"account": account, "currency": currency, "from_day": from_day, "to_day": to_day}
    filters |= {"settlement_id": settlement_id, "order_id": order_id}
    return Page(*desk.page("ledger", flow, filters, limit, cursor, _entry, as_of))


@read("/flows/{flow:str}/close", READER)
def show_close(flow: FlowName, desk: NamedDependency[Desk], month: Month = "", as_of: AsOf = None) -> Close:
    """The month-end checklist. QuickBooks is not asked: its own balance is compared by `ml-connector close`."""
    desk.know(flow)
    position = desk.position(as_of)
    day = desk.day(flow, as_of)
    bookkeeping = desk.services.bookkeeping
    views = desk.views(as_of)
    made = checklist(bookkeeping.flow(flow), bookkeeping.mapping(flow), views, month or last_month(day), day)
    lines = [
        CloseLine(one.number, one.title, one.value, one.result, one.why, one.command, one.path) for one in made.lines
    ]
    return Close(made.month, made.ready, position, lines)


@read("/flows/{flow:str}/settlements/{settlement_id:str}/news", READER)
def show_news(flow: FlowName, settlement_id: SettlementId, desk: NamedDependency[Desk], as_of: AsOf = None) -> News:
    """What is new since the settlement before: kinds of lines never seen, and fees that changed."""
    row = desk.one("settlements", flow, f"settlement {settlement_id}", settlement_id=settlement_id)
    found = newness(desk.views(as_of), flow, settlement_id, desk.services.bookkeeping.mapping(flow))
    if found is None:
        raise Refusal(409, f"settlement {settlement_id} is not complete", do="Read it again when its lines add up.")
    code = row["currency"]
    seen = [FirstSeenFacts(*one.triple, one.lines, money(one.amount, code)) for one in found.first_seen]
    fees = [
        FeeChangeFacts(one.account, f"{one.before / 100:.2f}", f"{one.now / 100:.2f}", money(one.amount, code))
        for one in found.fees
    ]
    return News(found.before or None, seen, fees)


def day_of(name: str, text: str | None) -> date | None:
    """A day that was asked for. Raises BadInput."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadInput(f"{name} {text!r}: expected a day like 2026-10-31") from None


def _group(group: Any) -> AgeingGroup:
    code = group.currency
    match group:
        case ages.Receivables():
            items = [_open(item, code, owner=item.owner, overdue=item.overdue, due=item.due) for item in group.items]
            overdue = group.overdue, money(group.overdue_amount, code)
            return AgeingGroup(
                code, group.terms, money(group.total, code), *overdue, None, None, _buckets(group.buckets, code), items
            )
        case ages.ClearingAge():
            items = [
                _open(item, code, owner=item.settlement_id or item.order_id, reason=item.reason, text=item.text)
                for item in group.items
            ]
            balance, aged = money(group.balance, code), _buckets(group.buckets, code)
            return AgeingGroup(code, None, balance, 0, money(0, code), None, None, aged, items)
    balance = money(group.balance, code)
    return AgeingGroup(code, None, balance, 0, money(0, code), group.last_held, group.last_released, [], [])


def _open(
    item: Any,
    code: str,
    owner: str,
    overdue: bool = False,
    due: str | None = None,
    reason: str | None = None,
    text: str | None = None,
) -> OpenAmount:
    return OpenAmount(
        owner=owner,
        order_id=item.order_id or None,
        settlement_id=getattr(item, "settlement_id", "") or None,
        amount=money(item.amount, code),
        since=item.since,
        days=item.days,
        overdue=overdue,
        due=due,
        reason=reason,
        text=text,
    )


def _buckets(buckets: list[Bucket], code: str) -> list[BucketFacts]:
    return [BucketFacts(bucket.name, bucket.count, money(bucket.amount, code)) for bucket in buckets]


def _entry(row: Row) -> EntryFacts:
    return EntryFacts(
        day=row["day"],
        kind=row["kind"],
        key=row["key"],
        quickbooks_id=row["quickbooks_id"] or None,
        account_key=row["account"],
        currency=row["currency"],
        amount=amount(row["amount"], row["currency"]),
        settlement_id=row["settlement_id"] or None,
        order_id=row["order_id"] or None,
    )


router = Router(
    "/", tags=["month-end"], route_handlers=[show_ageing, show_trial_balance, list_entries, show_close, show_news]
)
