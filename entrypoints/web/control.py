"""What Amazon says of the same money in several places: the control of settlements, and its transactions."""

from datetime import datetime
from typing import Annotated, Any, Literal

from litestar import Router
from litestar.di import NamedDependency

from application.control import controls
from domain.access import READER
from domain.control import Check, Control
from domain.errors import BadInput
from domain.money import format_minor
from entrypoints.web.access import read
from entrypoints.web.answers import Answer, Page
from entrypoints.web.desk import Desk
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import AsOf, Cursor, FlowName, Limit, SettlementId, text_filter
from entrypoints.web.problems import Refusal


class CheckFacts(Answer, frozen=True):
    """One comparison: `state` is agrees, differs, missing, unavailable, first or unsure. `row` names what differs."""

    name: str
    state: str
    source: str
    row: str
    expected: str | None
    found: str | None
    text: str


class ControlFacts(Answer, frozen=True):
    """A settlement held against everything else Amazon says: `state` is agrees, differs or alone (nobody else spoke).

    `accountType` is empty where nothing tells it; `convertedTotal` is the payout in the bank's currency.
    """

    settlement_id: str
    state: Literal["agrees", "differs", "alone"]
    account_type: str
    currency: str
    total: str | None
    start: datetime | None
    end: datetime | None
    event_group: str | None
    converted_total: str | None
    converted_currency: str | None
    checks: list[CheckFacts]


class ControlAnswer(Answer, frozen=True):
    """Every settlement, newest first; `agrees` is false while any of them differs from something."""

    position: int
    agrees: bool
    items: list[ControlFacts]


class LeafFacts(Answer, frozen=True):
    """One amount of a transaction: `path` is what it stands under, for example AmazonFees/Commission."""

    path: str
    amount: str
    sku: str


class TransactionFacts(Answer, frozen=True):
    """A transaction of Amazon's Finances. `problem` says why it is held, empty if it is not; `unknown` names what is
    not known here. `counted` is false where another transaction tells the same money: the one of its `releaseId`.
    """

    transaction_id: str
    kind: str
    status: str
    posted: datetime | None
    currency: str
    total: str | None
    account_type: str
    marketplace_id: str
    order_id: str
    settlement_id: str
    description: str
    deferral: str
    matures: datetime | None
    deferred_id: str
    release_id: str
    released: datetime | None
    counted: bool
    problem: str
    unknown: list[str]
    leaves: list[LeafFacts]


@read("/flows/{flow:str}/control", READER, kept=True)
def show_control(flow: FlowName, desk: NamedDependency[Desk], as_of: AsOf = None) -> ControlAnswer:
    """Lines = total = what Amazon says elsewhere, for every settlement; reserve and periods without a break."""
    found = controls(desk.views(as_of), flow)
    if not found:
        desk.know(flow)
    agrees = all(each.state != "differs" for each in found)
    return ControlAnswer(desk.position(as_of), agrees, [control_facts(each) for each in found])


@read("/flows/{flow:str}/settlements/{settlement_id:str}/control", READER, kept=True)
def show_settlement_control(flow: FlowName, settlement_id: SettlementId, desk: NamedDependency[Desk]) -> ControlFacts:
    """The control of one settlement."""
    for each in controls(desk.views(), flow):
        if each.settlement_id == settlement_id:
            return control_facts(each)
    desk.know(flow)
    raise Refusal(404, f"flow {flow} has no settlement {settlement_id}", do="The lists of the flow name what there is.")


@read("/flows/{flow:str}/transactions", READER, kept=True)
def list_transactions(
    flow: FlowName,
    desk: NamedDependency[Desk],
    status: Annotated[str | None, text_filter("DEFERRED, DEFERRED_RELEASED or RELEASED.")] = None,
    kind: Annotated[str | None, text_filter("Amazon's type, for example Shipment.")] = None,
    order_id: Annotated[str | None, text_filter("Of an Amazon order.")] = None,
    settlement_id: Annotated[str | None, text_filter("Of a settlement, where Amazon names it.")] = None,
    held: Annotated[bool | None, text_filter("true: only those whose amounts cannot be believed.")] = None,
    unknown: Annotated[bool | None, text_filter("true: only those with something that is not known here.")] = None,
    as_of: AsOf = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[TransactionFacts]:
    """Amazon's transactions, newest first."""
    filters: dict[str, Any] = {"status": status, "kind": kind, "order_id": order_id, "settlement_id": settlement_id}
    filters |= {"held": held or None, "unknown": unknown or None}
    return Page(*desk.page("transactions", flow, filters, limit, cursor, transaction_facts, as_of))


def control_facts(found: Control) -> ControlFacts:
    group = found.group
    return ControlFacts(
        settlement_id=found.settlement_id,
        state=found.state,
        account_type=found.account_type,
        currency=found.currency,
        total=_amount(found.total, found.currency),
        start=found.start,
        end=found.end,
        event_group=group.group_id if group is not None else None,
        converted_total=_amount(group.converted_total, group.converted_currency) if group is not None else None,
        converted_currency=(group.converted_currency or None) if group is not None else None,
        checks=[_check(check, found.currency) for check in found.checks],
    )


def transaction_facts(row: dict[str, Any]) -> TransactionFacts:
    currency = row["currency"]
    same = (
        *("transaction_id", "kind", "status", "currency", "account_type", "marketplace_id", "order_id"),
        *("settlement_id", "description", "deferral", "deferred_id", "release_id", "problem", "unknown"),
    )
    return TransactionFacts(
        **{name: row[name] for name in same},
        posted=_time(row["posted"]),
        total=_amount(row["total"], currency),
        matures=_time(row["matures"]),
        released=_time(row["released"]),
        counted=bool(row["counted"]),
        leaves=[
            LeafFacts(path, _amount(amount, currency) or "", rest[1] if len(rest) > 1 else "")
            for path, amount, *rest in row["leaves"]
        ],
    )


def _check(check: Check, currency: str) -> CheckFacts:
    return CheckFacts(
        check.name,
        check.state,
        check.source,
        check.row,
        _amount(check.expected, currency),
        _amount(check.found, currency),
        check.text,
    )


def _amount(minor: int | None, currency: str) -> str | None:
    if minor is None:
        return None
    try:
        return format_minor(minor, currency)
    except BadInput:  # of a currency that nobody knows there are minor units only
        return str(minor)


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


router = Router("/", tags=["control"], route_handlers=[show_control, show_settlement_control, list_transactions])
