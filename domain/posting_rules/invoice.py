"""A shipped order as documents, one a shipment: income is recorded here and nowhere else (accounting.md R1 to R11).

Tax that Amazon collects and remits is only a note (or a pass-through line, policy tax=gross); tax the seller owes is
part of the document. Fees are never on it: they come with the settlement.
"""

from collections.abc import Mapping as MappingOf
from datetime import date, datetime, timedelta

import msgspec

from domain.chart import PER_CURRENCY
from domain.document import Invoice, SalesReceipt
from domain.flow import Flow
from domain.mapping import Mapping
from domain.order import SHIPPING, AmazonOrder, Order
from domain.period import open_day, relates_to
from domain.posting import Posting, Reason
from domain.posting_rules.held import Held, missing_account, missing_bank, missing_customer, missing_item
from domain.posting_rules.order_lines import Earned, component_of, earned, money
from domain.posting_rules.shipments import MOST_SHIPMENTS, NO_NUMBER, Shipment, key_of, shipments

__all__ = ["NothingToPost", "OrderPlan", "component_of", "invoice_for", "plan_order", "ship_time", "shows_earlier"]

# An order paid by invoice reaches the seller at the latest so many days after the buyer had to pay (R30).
AMAZON_PAYS_AFTER = timedelta(days=7)
PER_ORDER_GRAINS = ("per_shipment", "per_order")
# Why an order makes no document although it shipped: the settlement books it, whatever stands already stays.
BY_SETTLEMENT = ("no_order_document", "summarised")

OrderDocument = Invoice | SalesReceipt


class NothingToPost(msgspec.Struct, frozen=True):
    """The order makes no document now.

    `why` is one of waiting, cancelled, not_amazon, free (no amounts), replacement, recognised, historical,
    no_order_document and summarised (by the flow's policies); of a settlement before_start.
    """

    why: str


class OrderPlan(msgspec.Struct, frozen=True):
    """A shipment and the document that should bill it now, or why none does."""

    shipment: Shipment
    outcome: OrderDocument | Held | NothingToPost


def plan_order(
    order: Order, standing: MappingOf[int, Posting], flow: Flow, mapping: Mapping
) -> list[OrderPlan] | Held | NothingToPost:
    """What each shipment of an order should be billed by now, or why the whole of it is not.

    `standing` are the documents of the order by number, as far as there are any.
    """
    known = order.known
    if known is None or (silence := _no_document(order, known, flow)):
        return NothingToPost(silence if known is not None else "waiting")
    if known.problem:
        text = f"order {known.order_id}: {known.problem}; it is read again when Amazon reports it anew"
        return Held((Reason("unreadable_order", text),), 0, known.currency)
    if reasons := _partly_shipped(known):
        return Held(tuple(reasons), known.total or sum(reason.amount for reason in reasons), known.currency)
    left = shipments(order, standing, flow)
    if any(shipment.number == NO_NUMBER for shipment in left):
        text = f"order {known.order_id} has used up its {MOST_SHIPMENTS} document numbers; bill the rest by hand"
        return Held((Reason("too_many_documents", text, known.total or 0),), known.total or 0, known.currency)
    plans = [OrderPlan(shipment, document_of(shipment, known, flow, mapping)) for shipment in left]
    return plans or NothingToPost("waiting")


def invoice_for(order: Order, flow: Flow, mapping: Mapping) -> OrderDocument | Held | NothingToPost:
    """The first document of an order of which nothing is in QuickBooks."""
    outcome = plan_order(order, {}, flow, mapping)
    return outcome[0].outcome if isinstance(outcome, list) else outcome


def ship_time(order: Order) -> datetime:
    """When the order first shipped: the first parcel's time, else when Amazon first reported it shipped (UTC).

    A settlement that shows its sale earlier is right: Amazon charges at shipment (accounting.md 2.6).
    """
    assert order.known is not None
    parcels = _parcel_times(order.known)
    shipped = min(parcels) if parcels else order.first_shipped or order.known.updated
    return shipped if order.first_posted is None else min(shipped, order.first_posted)


def shows_earlier(order: Order, posted: datetime, flow: Flow) -> bool:
    """Whether a settlement shows an order's sale (at `posted`, UTC) earlier than it is known to have shipped."""
    known = order.known
    if known is None or known.status not in SHIPPING or order.recognised_by:
        return False
    return flow.day(posted) < flow.day(ship_time(order))


def customer_key(marketplace: str, currency: str) -> str:
    """One generic customer per marketplace and currency: no buyer is ever named (accounting.md 1)."""
    return f"{marketplace} {currency}"


def _parcel_times(order: AmazonOrder) -> list[datetime]:
    return [package.shipped_at for package in order.packages if package.shipped_at is not None]


def _no_document(order: Order, known: AmazonOrder, flow: Flow) -> str:
    if order.recognised_by:
        return "recognised"
    if not known.amazon_channel:
        return "not_amazon"
    if known.status == "CANCELLED":
        return "cancelled"
    if known.status not in SHIPPING:
        return "waiting"
    if flow.since is not None and flow.day(_shipped_at_the_earliest(order, known)) < flow.since:
        return "historical"
    if flow.policies.order_document == "none":
        return "no_order_document"
    if flow.policies.grain not in PER_ORDER_GRAINS:
        return "summarised"
    return ""


def _shipped_at_the_earliest(order: Order, known: AmazonOrder) -> datetime:
    """The ship time where it is known, else when the order was placed.

    Amazon states no ship time for what it ships itself. Of an order first seen when it had shipped already, and
    ordered before the cut-off, the income may be in the books: it is booked when a settlement pays it, not invoiced.
    """
    return ship_time(order) if order.seen_before or _parcel_times(known) else known.created


def _partly_shipped(known: AmazonOrder) -> list[Reason]:
    """Items of a shipped order of which not all left: whether their amounts are for all units is not stated."""
    return [
        Reason(
            "partly_shipped",
            f"item {item.sku or item.order_item_id}: {item.shipped} of {item.quantity} shipped in a shipped order",
            item.proceeds or 0,
        )
        for item in known.items
        if known.status == "SHIPPED"
        and item.shipped is not None
        and item.shipped != item.quantity
        and not (item.cancelled and not item.shipped)
        and (item.parts or item.proceeds)
    ]


def document_of(
    shipment: Shipment, known: AmazonOrder, flow: Flow, mapping: Mapping
) -> OrderDocument | Held | NothingToPost:
    """What bills a shipment. One that stands keeps its day; another is held, or moved, where its month is closed."""
    earnings = earned(shipment, known, flow, mapping)
    if not earnings.lines and not earnings.tax and not earnings.reasons:
        return NothingToPost("replacement" if known.replaces else "free")
    total = earnings.tax + sum(line.amount for line in earnings.lines)
    day = open_day(shipment.day, flow) if shipment.standing is None else shipment.day
    reasons = [*earnings.reasons, *_gaps(earnings, known, flow, mapping, total)]
    if total < 0 and not earnings.reasons:
        text = f"order {known.order_id} has a total of {money(total, known)}"
        reasons.append(Reason("total_not_positive", text, total))
    if isinstance(day, Reason):
        reasons.append(msgspec.structs.replace(day, amount=total))
    if reasons or isinstance(day, Reason):
        return Held(tuple(reasons), total or known.total or 0, known.currency)
    return _made(shipment, known, flow, earnings, total, day)


def _gaps(earnings: Earned, known: AmazonOrder, flow: Flow, mapping: Mapping, total: int) -> list[Reason]:
    """What is not mapped to QuickBooks yet."""
    reasons = []
    if known.currency not in flow.banks and not flow.multicurrency:  # else Amazon converts what it pays (R25)
        reasons.append(missing_bank(known.currency, total))
    elif flow.policies.order_document == "sales_receipt" and _clearing(known) not in mapping.accounts:
        reasons.append(missing_account(_clearing(known), total))
    customer = customer_key(known.marketplace_id or known.marketplace, known.currency)
    if customer not in mapping.customers:
        reasons.append(missing_customer(customer, total))
    for key in sorted({line.account for line in earnings.lines} - mapping.items.keys()):
        reasons.append(missing_item(key, sum(line.amount for line in earnings.lines if line.account == key)))
    return reasons


def _made(shipment: Shipment, known: AmazonOrder, flow: Flow, earnings: Earned, total: int, day: date) -> OrderDocument:
    tracked = [package for package in shipment.packages if package.tracking_number]
    late = relates_to(shipment.day, day)
    invoice = Invoice(
        number=key_of(known.order_id, shipment.number),
        order_id=known.order_id,
        customer=customer_key(known.marketplace_id or known.marketplace, known.currency),
        day=day,
        currency=known.currency,
        lines=tuple(earnings.lines),
        total=total,
        memo="; ".join([*_memo(shipment, known, earnings), *([late] if late else [])]),
        tracking_number=tracked[0].tracking_number if tracked else "",
        ship_method=tracked[0].carrier if tracked else "",
        ship_day=shipment.day,
        due_day=None if known.terms_days is None else day + timedelta(days=known.terms_days) + AMAZON_PAYS_AFTER,
        tax=earnings.tax,
        tax_account=earnings.tax_account,
        units=shipment.ranges,
    )
    standing = shipment.standing.kind if shipment.standing is not None else flow.policies.order_document
    return _receipt(invoice, _clearing(known)) if standing == "sales_receipt" else invoice


def _receipt(invoice: Invoice, clearing: str) -> SalesReceipt:
    fields = {name: getattr(invoice, name) for name in invoice.__struct_fields__ if name != "due_day"}
    return SalesReceipt(clearing=clearing, **fields)


def _clearing(known: AmazonOrder) -> str:
    return f"CLR:{known.currency}" if "CLR" in PER_CURRENCY else "CLR"


def _memo(shipment: Shipment, known: AmazonOrder, earnings: Earned) -> list[str]:
    parts = [f"AMZ-ORDER {known.order_id}"]
    if shipment.number > 1:
        parts.append(f"shipment {shipment.number}")
    if earnings.remitted:
        parts.append(f"tax collected and remitted by Amazon {money(earnings.remitted, known)}")
    tracking = [f"{package.carrier} {package.tracking_number}".strip() for package in shipment.packages]
    if any(tracking):
        parts.append("parcels " + ", ".join(number for number in tracking if number))
    return parts
