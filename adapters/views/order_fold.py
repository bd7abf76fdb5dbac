"""Orders. See fold.py."""

from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from adapters.views.rows import Subject, as_json, as_text
from adapters.views.schema import (
    FlowRow,
    OrderRow,
)
from application.ports import Recorded
from domain.flow import (
    Flow,
)
from domain.order import (
    AmazonOrder,
    OrderAmended,
    OrderCancelled,
    OrderDated,
    OrderIngested,
    OrderNotFound,
    OrderRecognisedBySettlement,
    OrderSettled,
    ParcelsReported,
)

if TYPE_CHECKING:
    from adapters.views.fold import Fold


def fold_order_reported(fold: "Fold", event: OrderIngested | OrderAmended | OrderCancelled, _: Recorded) -> Subject:
    order = event.order
    row = fold.orders.take(event.flow, order.order_id)
    row.status, row.marketplace, row.currency, row.total = order.status, order.marketplace, order.currency, order.total
    row.created, row.updated = as_text(order.created), as_text(order.updated)
    parcels = [package.shipped_at for package in order.packages if package.shipped_at is not None]
    row.parcel = as_text(min(parcels)) if parcels else None
    if order.status != "SHIPPED":
        row.seen_before = int(row.seen_before or row.first_shipped is None)
    elif row.first_shipped is None:
        row.first_shipped = row.updated
    row.shipped = _shipped(row)
    row.item_count = len(order.items)
    row.silent = _silent(order, row, fold.flows.get(event.flow))
    return Subject(order.order_id)


def fold_order_dated(fold: "Fold", event: OrderDated, _: Recorded) -> Subject:
    row = fold.orders.take(event.flow, event.order_id)
    posted = as_text(event.posted)
    row.posted = min(posted, row.posted or posted)
    row.shipped = _shipped(row)
    if row.silent in ("", "historical"):
        row.silent = "historical" if _is_historical(row, fold.flows.get(event.flow)) else ""
    return Subject(event.order_id, event.settlement_id)


def fold_order_settled(fold: "Fold", event: OrderSettled, _: Recorded) -> Subject:
    row = fold.orders.take(event.flow, event.order_id)
    settlements: dict[str, int] = msgspec.json.decode(row.settlements)
    settlements[event.settlement_id] = sum(event.amounts.values())
    row.settlements = as_json(settlements)
    row.settled = sum(settlements.values())
    return Subject(event.order_id, event.settlement_id, event.posting, row.currency)


def fold_order_recognised(fold: "Fold", event: OrderRecognisedBySettlement, _: Recorded) -> Subject:
    fold.orders.take(event.flow, event.order_id).recognised_by = event.settlement_id
    return Subject(event.order_id, event.settlement_id)


def fold_order_told(_: "Fold", event: OrderNotFound | ParcelsReported, __: Recorded) -> Subject:
    """Part of the order's story; no row says it."""
    return Subject(event.order_id)


def _silent(order: AmazonOrder, row: OrderRow, flow: FlowRow | None) -> str:
    """Why an order that shipped makes no invoice; the same answers as `posting_rules.invoice.invoice_for`."""
    if not order.amazon_channel:
        return "not_amazon"
    if _is_historical(row, flow):
        return "historical"
    if order.total == 0 and order.items:
        return "free"
    billed = (item for item in order.items if not item.cancelled or item.shipped)
    return "" if any(item.parts or item.proceeds for item in billed) else "free"


def _shipped(row: OrderRow) -> str | None:
    """The earliest sign of its shipping; the same answer as `posting_rules.invoice.ship_time`."""
    seen = row.parcel or row.first_shipped
    return min(seen, row.posted) if seen is not None and row.posted is not None else seen


def _is_historical(row: OrderRow, flow: FlowRow | None) -> bool:
    if row.shipped is None or flow is None or flow.since is None:
        return False
    sure = row.seen_before or row.parcel is not None
    day = Flow(zone=flow.zone).day(datetime.fromisoformat(row.shipped if sure else row.created))
    return day < date.fromisoformat(flow.since)


def order_reconciliation(row: OrderRow) -> str:
    if row.recognised_by:
        return "recognised"
    match row.invoice_status:
        case "posted":
            if row.settlements == "{}":
                return "invoiced"
            return "settled" if row.settled >= (row.invoice_total or 0) else "part_settled"
        case "planned" | "submitted":
            return "planned"
        case "held" | "rejected":
            return "held"
    if row.status == "CANCELLED":
        return "cancelled"
    if row.silent:
        # Not yet shipped it is only seen: its amounts come when it ships. What is not Amazon's never makes one.
        return "no_post" if row.status == "SHIPPED" or row.silent == "not_amazon" else "seen"
    return "ready" if row.status == "SHIPPED" else "seen"
