"""A shipped order as an invoice: income is recorded here and nowhere else (accounting.md R1 to R5).

Lines carry Amazon's line totals, never price times quantity. Tax that Amazon collects and remits is only a note;
tax the seller owes is held. Fees are never on an invoice: they come with the settlement.
"""

from datetime import datetime

import msgspec

from domain.document import Invoice, InvoiceLine
from domain.flow import Flow
from domain.mapping import Mapping
from domain.money import format_minor
from domain.order import AmazonOrder, Order, OrderItem, billable
from domain.posting import Reason
from domain.posting_rules.held import Held, missing_bank, missing_customer, missing_item, missing_rule

# Amazon's word for a part of an order's proceeds, and the settlement triple that is the same money.
_COMPONENTS = {
    "ITEM": ("Order", "ItemPrice", "Principal"),
    "SHIPPING": ("Order", "ItemPrice", "Shipping"),
    "GIFT_WRAP": ("Order", "ItemPrice", "GiftWrap"),
    "COD_FEE": ("Order", "ItemPrice", "COD"),
    "DISCOUNT/ITEM": ("Order", "Promotion", "Principal"),
    "DISCOUNT/SHIPPING": ("Order", "Promotion", "Shipping"),
    "DISCOUNT/GIFT_WRAP": ("Order", "Promotion", "GiftWrap"),
}
_COMPONENT_BY_TRIPLE = {triple: component for component, triple in _COMPONENTS.items()}


class NothingToPost(msgspec.Struct, frozen=True):
    """The order makes no document now.

    `why` is one of waiting, cancelled, not_amazon, free (no amounts), zero (amounts that cancel out), recognised,
    historical; of a settlement before_start.
    """

    why: str


def invoice_for(order: Order, flow: Flow, mapping: Mapping) -> Invoice | Held | NothingToPost:
    """The invoice of an order that shipped, why it is held, or why there is none."""
    known = order.known
    if known is None or (silence := _no_invoice(order, known, flow)):
        return NothingToPost(silence if known is not None else "waiting")

    if known.problem:
        text = f"order {known.order_id}: {known.problem}; it is read again when Amazon reports it anew"
        return Held((Reason("unreadable_order", text),), 0, known.currency)
    reasons: list[Reason] = []
    lines: list[InvoiceLine] = []
    tax = 0
    for item in known.items:
        if item.cancelled and not item.shipped:
            continue
        item_lines, item_tax, item_reasons = _item_lines(item, known, mapping)
        lines += item_lines
        tax += item_tax
        reasons += item_reasons
    total = sum(line.amount for line in lines)
    stake = total or known.total or 0
    if not lines and not reasons:
        return NothingToPost("free")
    if not reasons and total == 0:
        return NothingToPost("zero")
    if not reasons and total < 0:
        reasons.append(
            Reason("total_not_positive", f"order {known.order_id} has a total of {_money(total, known)}", total)
        )
    if known.currency not in flow.banks:
        reasons.append(missing_bank(known.currency, stake))
    customer = customer_key(known.marketplace_id or known.marketplace, known.currency)
    if customer not in mapping.customers:
        reasons.append(missing_customer(customer, stake))
    for key in sorted({line.account for line in lines} - mapping.items.keys()):
        reasons.append(missing_item(key, sum(line.amount for line in lines if line.account == key)))
    if reasons:
        return Held(tuple(reasons), stake, known.currency)

    shipped_at = ship_time(order)
    day = flow.day(shipped_at)
    tracked = [package for package in known.packages if package.tracking_number]
    return Invoice(
        number=known.order_id,
        order_id=known.order_id,
        customer=customer,
        day=day,
        currency=known.currency,
        lines=tuple(lines),
        total=total,
        memo=_memo(known, tax),
        tracking_number=tracked[0].tracking_number if tracked else "",
        ship_method=tracked[0].carrier if tracked else "",
        ship_day=day,
    )


def ship_time(order: Order) -> datetime:
    """When the order shipped: the first parcel's time, else when Amazon first reported it shipped (UTC).

    A settlement that shows its sale earlier is right: Amazon charges at shipment (accounting.md 2.6).
    """
    assert order.known is not None
    parcels = _parcel_times(order.known)
    shipped = min(parcels) if parcels else order.first_shipped or order.known.updated
    return shipped if order.first_posted is None else min(shipped, order.first_posted)


def shows_earlier(order: Order, posted: datetime, flow: Flow) -> bool:
    """Whether a settlement shows an order's sale (at `posted`, UTC) earlier than it is known to have shipped."""
    known = order.known
    if known is None or known.status != "SHIPPED" or order.recognised_by:
        return False
    return flow.day(posted) < flow.day(ship_time(order))


def component_of(triple: tuple[str, str, str]) -> str:
    """The component of an invoice that a settlement's sales line pays."""
    return _COMPONENT_BY_TRIPLE.get(triple, triple[2])


def _parcel_times(order: AmazonOrder) -> list[datetime]:
    return [package.shipped_at for package in order.packages if package.shipped_at is not None]


def customer_key(marketplace: str, currency: str) -> str:
    """One generic customer per marketplace and currency: no buyer is ever named (accounting.md 1)."""
    return f"{marketplace} {currency}"


def _no_invoice(order: Order, known: AmazonOrder, flow: Flow) -> str:
    if order.recognised_by:
        return "recognised"
    if not known.amazon_channel:
        return "not_amazon"
    if known.status == "CANCELLED":
        return "cancelled"
    if known.status != "SHIPPED":
        return "waiting"
    if flow.since is not None and flow.day(_shipped_at_the_earliest(order, known)) < flow.since:
        return "historical"
    return ""


def _shipped_at_the_earliest(order: Order, known: AmazonOrder) -> datetime:
    """The ship time where it is known, else when the order was placed.

    Amazon states no ship time for what it ships itself. Of an order first seen when it had shipped already, and
    ordered before the cut-off, the income may be in the books: it is booked when a settlement pays it, not invoiced.
    """
    return ship_time(order) if order.seen_before or _parcel_times(known) else known.created


def _item_lines(item: OrderItem, order: AmazonOrder, mapping: Mapping) -> tuple[list[InvoiceLine], int, list[Reason]]:
    """An item's invoice lines, its tax, and what keeps it from being invoiced."""
    stake = item.proceeds or 0
    if not item.parts and not stake:
        return [], 0, []
    if item.shipped is not None and item.shipped != item.quantity:
        text = f"item {item.sku or item.order_item_id}: {item.shipped} of {item.quantity} shipped in a shipped order"
        return [], 0, [Reason("partly_shipped", text, stake)]
    read = billable(item)
    if read is None:
        text = (
            f"item {item.sku or item.order_item_id}: its amounts do not add up to Amazon's proceeds of "
            f"{_money(stake, order)} in exactly one way"
        )
        return [], 0, [Reason("proceeds_unclear", text, stake)]
    if read.tax and not item.facilitator:
        text = f"item {item.sku or item.order_item_id}: tax of {_money(read.tax, order)} that Amazon does not remit"
        return [], 0, [Reason("tax_owed_by_seller", text, read.tax)]
    lines: list[InvoiceLine] = []
    reasons: list[Reason] = []
    for component, amount in read.amounts.items():
        triple = _COMPONENTS.get(component, ("Order", "ItemPrice", component))
        rule = mapping.rule_for(triple)
        if rule is None or rule.role != "order_charge":
            reasons.append(missing_rule(triple, amount, order.currency))
            continue
        lines.append(
            InvoiceLine(
                account=rule.account,
                amount=amount,
                description=_describe(item, component),
                quantity=item.quantity if component == "ITEM" else 0,
                sku=item.sku,
                component=component,
            )
        )
    return lines, read.tax, reasons


def _describe(item: OrderItem, component: str) -> str:
    what = {"ITEM": "", "SHIPPING": "Shipping, ", "GIFT_WRAP": "Gift wrap, "}.get(component, f"{component.title()}, ")
    name = f"{item.sku} {item.title}".strip() or item.order_item_id
    return f"{what}{name}" + (f" x {item.quantity}" if component == "ITEM" and item.quantity > 1 else "")


def _memo(order: AmazonOrder, tax: int) -> str:
    parts = [f"AMZ-ORDER {order.order_id}"]
    if tax:
        parts.append(f"tax collected and remitted by Amazon {_money(tax, order)}")
    tracking = [f"{package.carrier} {package.tracking_number}".strip() for package in order.packages]
    if any(tracking):
        parts.append("parcels " + ", ".join(number for number in tracking if number))
    return "; ".join(parts)


def _money(amount: int, order: AmazonOrder) -> str:
    return f"{format_minor(amount, order.currency)} {order.currency}" if order.currency else str(amount)
