"""Does it tie? Per flow, per settlement, per order, and the clearing account's proof."""

from typing import Annotated

from litestar import Router
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from application.lineage import LineageReader, Source, Use, settlement_source
from domain.access import READER
from entrypoints.web import answers, lineage
from entrypoints.web.access import read
from entrypoints.web.answers import Clearing, Counts, OrderFacts, Page, SettlementFacts, Status
from entrypoints.web.desk import Desk
from entrypoints.web.lineage import SettlementLineFacts, Trace
from entrypoints.web.paging import PAGE
from entrypoints.web.parameters import AsOf, Cursor, FlowName, Limit, OrderId, SettlementId, text_filter
from entrypoints.web.problems import Refusal

NEWEST = 50

Ordinal = Annotated[int, PathParameter(ge=1, description="The line's number within its settlement, from 1.")]


@read("/flows/{flow:str}/status", READER, kept=True)
def show_status(flow: FlowName, desk: NamedDependency[Desk], as_of: AsOf = None) -> Status:
    """Does each settlement tie and is the clearing account explained? `ties` is false while anything is open."""
    views = desk.views(as_of)
    counts = Counts(**views.query("counts", flow)[0])
    clearing = [answers.clearing_facts(row) for row in views.query("clearing", flow)]
    open_ = views.page("settlements", flow, {"open": True}, 1).rows
    settlements = views.page("settlements", flow, {}, NEWEST).rows
    cycles = views.page("cycles", flow, {}, 1).rows
    if not settlements and not cycles:
        desk.know(flow)
    explained = all(not row.unexplained.strip("-0.") for row in clearing)
    return Status(
        flow=flow,
        position=desk.position(as_of),
        ties=not open_ and explained and not counts.held and not counts.attention,
        counts=counts,
        clearing=clearing,
        settlements=[answers.settlement_facts(row) for row in settlements],
        last_cycle=answers.cycle_facts(cycles[0]) if cycles else None,
    )


@read("/flows/{flow:str}/settlements", READER, kept=True)
def list_settlements(
    flow: FlowName,
    desk: NamedDependency[Desk],
    status: Annotated[
        str | None, text_filter("disputed, received, before_start, held, planned, posting or posted.")
    ] = None,
    stands: Annotated[
        str | None, QueryParameter(name="state", description="A bookkeeper's status, for example held:mapping.")
    ] = None,
    currency: Annotated[str | None, text_filter("An ISO 4217 code.")] = None,
    from_day: Annotated[str | None, text_filter("Deposited on this day or later, YYYY-MM-DD.")] = None,
    to_day: Annotated[str | None, text_filter("Deposited on this day or earlier, YYYY-MM-DD.")] = None,
    as_of: AsOf = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[SettlementFacts]:
    """Settlements and whether they tie, newest first."""
    filters = {"status": status, "state": stands, "currency": currency, "from_day": from_day, "to_day": to_day}
    return Page(*desk.page("settlements", flow, filters, limit, cursor, answers.settlement_facts, as_of))


@read("/flows/{flow:str}/settlements/{settlement_id:str}", READER, kept=True)
def show_settlement(flow: FlowName, settlement_id: SettlementId, desk: NamedDependency[Desk]) -> SettlementFacts:
    """One settlement."""
    return answers.settlement_facts(
        desk.one("settlements", flow, f"settlement {settlement_id}", settlement_id=settlement_id)
    )


@read("/flows/{flow:str}/settlements/{settlement_id:str}/lines", READER)
def list_lines(
    flow: FlowName,
    settlement_id: SettlementId,
    desk: NamedDependency[Desk],
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[SettlementLineFacts]:
    """The settlement's lines as Amazon reported them, in its order."""
    row = desk.one("settlements", flow, f"settlement {settlement_id}", settlement_id=settlement_id)
    lines = LineageReader(desk.services.store, flow).lines(settlement_id)
    items, following = lineage.page_of_lines(lines, settlement_id, row["currency"], limit, cursor)
    return Page(items, following, desk.position(None))


@read("/flows/{flow:str}/settlements/{settlement_id:str}/lines/{ordinal:int}/lineage", READER)
def trace_line(flow: FlowName, settlement_id: SettlementId, ordinal: Ordinal, desk: NamedDependency[Desk]) -> Trace:
    """Where one line of a settlement went: the QuickBooks documents and lines it is in."""
    row = desk.one("settlements", flow, f"settlement {settlement_id}", settlement_id=settlement_id)
    reader = LineageReader(desk.services.store, flow)
    uses = reader.of_settlement_line(settlement_id, ordinal)
    if uses is None:
        raise Refusal(404, f"settlement {settlement_id} has no line {ordinal}", field="ordinal")
    (line,) = [line for line in reader.lines(settlement_id) if line.ordinal == ordinal]
    return lineage.trace([settlement_source(settlement_id, line)], uses, row["currency"])


@read("/flows/{flow:str}/orders", READER, kept=True)
def list_orders(
    flow: FlowName,
    desk: NamedDependency[Desk],
    reconciliation: Annotated[
        str | None,
        text_filter("seen, ready, held, planned, invoiced, part_settled, settled, cancelled, no_post or recognised."),
    ] = None,
    stands: Annotated[
        str | None, QueryParameter(name="state", description="A bookkeeper's status, for example overdue.")
    ] = None,
    status: Annotated[str | None, text_filter("Amazon's status, for example SHIPPED.")] = None,
    since: Annotated[str | None, text_filter("Created then or later: a time or a day.")] = None,
    until: Annotated[str | None, text_filter("Created then or earlier: a time or a day.")] = None,
    as_of: AsOf = None,
    limit: Limit = PAGE,
    cursor: Cursor = None,
) -> Page[OrderFacts]:
    """Orders and how far they are in the books, newest first."""
    filters = {"reconciliation": reconciliation, "state": stands, "status": status, "since": since, "until": until}
    filters["today"] = desk.day(flow, as_of).isoformat()
    return Page(*desk.page("order_states", flow, filters, limit, cursor, answers.order_facts, as_of))


@read("/flows/{flow:str}/orders/{order_id:str}", READER, kept=True)
def show_order(flow: FlowName, order_id: OrderId, desk: NamedDependency[Desk]) -> OrderFacts:
    """One order."""
    today = desk.day(flow, None).isoformat()
    return answers.order_facts(desk.one("order_states", flow, f"order {order_id}", order_id=order_id, today=today))


@read("/flows/{flow:str}/orders/{order_id:str}/lineage", READER)
def trace_order(flow: FlowName, order_id: OrderId, desk: NamedDependency[Desk]) -> Trace:
    """Where the money of an order went: every QuickBooks document and line that Amazon's amounts for it are in."""
    views = desk.services.views
    settlement_ids = views.settlements_naming(flow, order_id)
    orders = views.query("orders", flow, order_id=order_id)
    if not orders and not settlement_ids:
        desk.one("orders", flow, f"order {order_id}", order_id=order_id)
    reader = LineageReader(desk.services.store, flow)
    uses: list[Use] = reader.of_order(order_id, settlement_ids)
    sources: list[Source] = [
        settlement_source(settlement_id, line)
        for settlement_id in settlement_ids
        for line in reader.lines(settlement_id)
        if line.order_id == order_id
    ]
    settlements = (views.query("settlements", flow, settlement_id=name) for name in settlement_ids[:1])
    currency = orders[0]["currency"] if orders else next((rows[0]["currency"] for rows in settlements if rows), "")
    return lineage.trace(sources, uses, currency)


@read("/flows/{flow:str}/clearing", READER, kept=True)
def show_clearing(flow: FlowName, desk: NamedDependency[Desk], as_of: AsOf = None) -> Clearing:
    """The proof: what posted payments brought to clearing, what posted deposits took, and what explains the rest."""
    rows = desk.views(as_of).query("clearing", flow)
    if not rows:
        desk.know(flow)
    return Clearing(desk.position(as_of), [answers.clearing_facts(row) for row in rows])


router = Router(
    "/",
    tags=["reconciliation"],
    route_handlers=[
        show_status,
        list_settlements,
        show_settlement,
        list_lines,
        trace_line,
        list_orders,
        show_order,
        trace_order,
        show_clearing,
    ],
)
