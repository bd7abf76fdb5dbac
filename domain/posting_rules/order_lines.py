"""What a shipment of an order earns, line by line: item, shipping, gift wrap, promotions, and tax by who remits it.

Lines carry Amazon's line totals, never price times quantity (accounting.md R1 to R6, R8, R9).
"""

import msgspec

from domain.document import InvoiceLine
from domain.flow import Flow
from domain.mapping import Mapping
from domain.money import format_minor
from domain.order import AmazonOrder, Billable, OrderItem, billable, units_of
from domain.posting import Reason
from domain.posting_rules.held import missing_rule
from domain.posting_rules.shipments import Shipment, Spans, share, units_in

# Amazon's word for a part of an order's proceeds, and the settlement triple that is the same money.
COMPONENTS = {
    "ITEM": ("Order", "ItemPrice", "Principal"),
    "SHIPPING": ("Order", "ItemPrice", "Shipping"),
    "GIFT_WRAP": ("Order", "ItemPrice", "GiftWrap"),
    "COD_FEE": ("Order", "ItemPrice", "COD"),
    "DISCOUNT/ITEM": ("Order", "Promotion", "Principal"),
    "DISCOUNT/SHIPPING": ("Order", "Promotion", "Shipping"),
    "DISCOUNT/GIFT_WRAP": ("Order", "Promotion", "GiftWrap"),
}
_COMPONENT_BY_TRIPLE = {triple: component for component, triple in COMPONENTS.items()}
TAX = "TAX"  # the component of tax that Amazon remits, where it is shown (policy tax=gross)
SELLER_TAX, VAT = "STX", "VAT"


class Earned(msgspec.Struct):
    """What a shipment earns. `tax` the seller remits, to `tax_account`; `remitted` Amazon does."""

    lines: list[InvoiceLine] = []
    tax: int = 0
    tax_account: str = ""
    remitted: int = 0
    reasons: list[Reason] = []


def earned(shipment: Shipment, order: AmazonOrder, flow: Flow, mapping: Mapping) -> Earned:
    """The lines of a shipment, and what keeps it from being billed."""
    result = Earned()
    readings = {item.order_item_id: billable(item) for item in order.items}
    taxed = {read.included for read in readings.values() if read is not None and read.tax}
    if len(taxed) > 1:
        text = f"order {order.order_id}: the prices of some items hold their tax and those of others do not"
        result.reasons.append(Reason("proceeds_unclear", text, order.total or 0))
    for item in order.items:
        if item.order_item_id in shipment.ranges and (item.parts or item.proceeds):
            _add_item(result, item, readings[item.order_item_id], shipment, order, flow, mapping)
    return result


def component_of(triple: tuple[str, str, str]) -> str:
    """The component of an invoice that a settlement's sales line pays."""
    return _COMPONENT_BY_TRIPLE.get(triple, triple[2])


def _add_item(
    result: Earned,
    item: OrderItem,
    read: Billable | None,
    shipment: Shipment,
    order: AmazonOrder,
    flow: Flow,
    mapping: Mapping,
) -> None:
    spans = shipment.ranges[item.order_item_id]
    units = units_in(spans)
    if read is None:
        text = (
            f"item {item.sku or item.order_item_id}: its amounts do not add up to Amazon's proceeds of "
            f"{money(item.proceeds or 0, order)} in exactly one way"
        )
        result.reasons.append(Reason("proceeds_unclear", text, item.proceeds or 0))
        return
    for component, amount in _parts(read.amounts, spans, units_of(item)).items():
        triple = COMPONENTS.get(component, ("Order", "ItemPrice", component))
        rule = mapping.rule_for(triple)
        if rule is None or rule.role != "order_charge":
            result.reasons.append(missing_rule(triple, amount, order.currency))
        elif amount:
            result.lines.append(
                InvoiceLine(
                    account=rule.account,
                    amount=amount,
                    description=_describe(item, component, units),
                    quantity=min(units, item.quantity) if component == "ITEM" else 0,
                    sku=item.sku,
                    component=component,
                )
            )
    tax = share(read.tax, spans, units_of(item))
    if not item.facilitator:
        result.tax += tax
        if tax:
            result.tax_account = VAT if read.included else SELLER_TAX
        return
    result.remitted += tax
    if tax and flow.policies.tax == "gross":
        text = f"Tax Amazon collects and remits, {item.sku or item.order_item_id}"
        result.lines.append(InvoiceLine("MFT", tax, text, sku=item.sku, component=TAX))


def _parts(amounts: dict[str, int], spans: Spans, units: int) -> dict[str, int]:
    """What some of an item's units cost, by component: together their share of the whole item, each within its own.

    Cents of price and discount that are divided one by one could make a parcel of less than nothing, which no document
    can show. What is over of that goes to the largest component; over all parcels it comes to nothing.
    """
    parts = {component: share(whole, spans, units) for component, whole in amounts.items()}
    if parts:
        largest = max(amounts, key=lambda component: amounts[component])
        parts[largest] += share(sum(amounts.values()), spans, units) - sum(parts.values())
    return parts


def _describe(item: OrderItem, component: str, units: int) -> str:
    what = {"ITEM": "", "SHIPPING": "Shipping, ", "GIFT_WRAP": "Gift wrap, "}.get(component, f"{component.title()}, ")
    name = f"{item.sku} {item.title}".strip() or item.order_item_id
    return f"{what}{name}" + (f" x {units}" if component == "ITEM" and units > 1 else "")


def money(amount: int, order: AmazonOrder) -> str:
    return f"{format_minor(amount, order.currency)} {order.currency}" if order.currency else str(amount)
