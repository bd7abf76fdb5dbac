"""Settlements: the lines of one payout period, in Amazon's vocabulary, always with their exact sum.

Signs are the seller's view: what is earned is positive, what Amazon keeps is negative, and a refund is the mirror of
its sale.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from random import Random

import msgspec

from adapters.simulated.world.orders import Item, Order
from adapters.simulated.world.seller import Market, share

STANDARD, INVOICED = "Standard Orders", "Invoiced Orders"


class Line(msgspec.Struct, frozen=True, gc=False):
    """One row of the flat file, without the settlement's own columns."""

    transaction_type: str
    amount_type: str
    amount_description: str
    amount: int
    posted: datetime
    order_id: str = ""
    adjustment_id: str = ""
    shipment_id: str = ""
    marketplace_name: str = ""
    fulfillment: str = ""
    item_code: str = ""
    adjustment_item: str = ""
    sku: str = ""
    quantity: int = 0
    promotion_id: str = ""


class Settlement(msgspec.Struct, frozen=True):
    id: str
    market: Market
    start: datetime
    end: datetime
    deposit: datetime
    total: int  # what the header says; differs from the lines' sum only where a trouble wants it
    lines: tuple[Line, ...]
    account_type: str = STANDARD  # no report says it


def order_lines(order: Order, item: Item) -> Iterator[Line]:
    """The lines of one shipped item, in the order Amazon gives them."""
    posted = item.posted
    assert posted is not None, "only what was shipped is settled"
    for amount_type, description, amount, promotion in _sale(order, item):
        yield Line(
            "Order", amount_type, description, amount, posted, order.id, "", item.shipment, order.market.name,
            "AFN" if order.by_amazon else "MFN", item.id, "", item.product.sku, item.quantity, promotion,
        )  # fmt: skip


def _sale(order: Order, item: Item) -> Iterator[tuple[str, str, int, str]]:
    yield "ItemPrice", "Principal", item.principal, ""
    if item.tax:
        yield "ItemPrice", "Tax", item.tax, ""
    if item.shipping:
        yield "ItemPrice", "Shipping", item.shipping, ""
    if item.shipping_tax:
        yield "ItemPrice", "ShippingTax", item.shipping_tax, ""
    if item.gift_wrap:
        yield "ItemPrice", "GiftWrap", item.gift_wrap, ""
    if item.gift_wrap_tax:
        yield "ItemPrice", "GiftWrapTax", item.gift_wrap_tax, ""
    if item.tax_withheld:
        withheld = order.market.withheld
        if item.shipping_tax != item.tax_discount:
            yield "ItemWithheldTax", f"{withheld}-Shipping", item.tax_discount - item.shipping_tax, ""
        if item.gift_wrap_tax:
            yield "ItemWithheldTax", f"{withheld}-Other", -item.gift_wrap_tax, ""
        if item.tax:
            yield "ItemWithheldTax", f"{withheld}-Principal", -item.tax, ""
    if order.by_amazon:
        yield "ItemFees", "FBAPerUnitFulfillmentFee", -item.product.fba_fee * item.quantity, ""
    yield "ItemFees", "Commission", -item.commission, ""
    if item.product.closing_fee:
        yield "ItemFees", "VariableClosingFee", -item.product.closing_fee * item.quantity, ""
    # What Amazon ships and wraps itself it also earns: the buyer's payment for it is taken back.
    if order.by_amazon and item.shipping > item.shipping_discount:
        yield "ItemFees", "ShippingChargeback", item.shipping_discount - item.shipping, ""
    if order.by_amazon and item.gift_wrap:
        yield "ItemFees", "GiftwrapChargeback", -item.gift_wrap, ""
    if item.item_discount:
        yield "Promotion", "Principal", -item.item_discount, item.promotion_ids[0]
    if item.shipping_discount:
        yield "Promotion", "Shipping", -item.shipping_discount, item.promotion_ids[-1]
    if item.tax_discount:
        yield "Promotion", "TaxDiscount", -item.tax_discount, item.promotion_ids[-1]


def label_lines(order: Order) -> Iterator[Line]:
    """Labels the seller bought from Amazon for their own parcels."""
    for package in order.packages:
        if package.label:
            yield Line(
                "other-transaction", "other-transaction", "Shipping label purchase", -package.label, package.shipped,
                order.id, marketplace_name=order.market.name,
            )  # fmt: skip


# Fees that Amazon keeps although the buyer gets the money back.
_KEPT = ("FBAPerUnitFulfillmentFee", "VariableClosingFee")

# Amazon writes the price lines of a refund the other way round: tax first, the goods last.
_REFUND_ORDER = {"Tax": 0, "ShippingTax": 1, "GiftWrapTax": 2, "Shipping": 3, "GiftWrap": 4, "Principal": 5}


def refund_lines(order: Order, item: Item, posted: datetime, part: int, numbers: tuple[str, str]) -> Iterator[Line]:
    """The mirror of a sale, or `part` of it in basis points, with Amazon's fee for the trouble.

    Principal, tax and withheld tax are cut by the same rounding, so tax in and tax out still cancel.
    """
    adjustment, adjustment_item = numbers
    rows: list[tuple[str, str, int, str]] = []
    for amount_type, description, amount, promotion in _sale(order, item):
        if description in _KEPT:
            continue
        if part < 10000 and not _belongs_to_goods(description, amount_type):
            continue
        mirrored = share(-amount, part)
        if mirrored:
            rows.append((amount_type, description, mirrored, promotion))
        if description == "Commission":
            rows.append(("ItemFees", "RefundCommission", -min(500, share(mirrored, 2000)), ""))
    rows.sort(key=lambda row: _REFUND_ORDER[row[1]] if row[0] == "ItemPrice" else 9)
    for amount_type, description, amount, promotion in rows:
        yield Line(
            "Refund", amount_type, description, amount, posted, order.id, adjustment, "", order.market.name,
            "AFN" if order.by_amazon else "MFN", item.id, adjustment_item, item.product.sku, 0, promotion,
        )  # fmt: skip


def _belongs_to_goods(description: str, amount_type: str) -> bool:
    return description in ("Principal", "Tax", "Commission") or (
        amount_type == "ItemWithheldTax" and description.endswith("-Principal")
    )


def fee_lines(random: Random, market: Market, index: int, start: datetime, end: datetime, earned: int) -> list[Line]:
    """What a period costs beside its orders. Sized by what was earned, so that the payout stays positive."""

    def between() -> datetime:
        return start + (end - start) * random.randint(5, 95) / 100

    def line(kind: str, amount_type: str, description: str, amount: int) -> Line:
        return Line(kind, amount_type, description, amount, between().replace(microsecond=0))

    def of_goods(description: str, amount: int, adjustment_id: str = "") -> Line:
        found = line("other-transaction", "FBA Inventory Reimbursement", description, amount)
        return msgspec.structs.replace(found, sku="MUG-STONE-BLU", fulfillment="AFN", adjustment_id=adjustment_id)

    inbound = f"FBA15{''.join(random.choices('BCDFGHJKLMNPQRSTVWXZ0123456789', k=7))}"
    wished = [
        line("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", -share(earned, random.randint(300, 600))),
        line("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", -share(earned, random.randint(100, 300))),
        # Where retail lines have an order id, this one has the id of a shipment to Amazon's warehouse.
        msgspec.structs.replace(
            line("", "other-transaction", "FBAInboundTransportationFee", -share(earned, random.randint(100, 250))),
            order_id=inbound,
            marketplace_name=market.name,
        ),
        line("ServiceFee", "other-transaction", "Subscription Fee", -3999)
        if index % 2 == 0
        else line("ServiceFee", "other-transaction", "Storage Fee", -share(earned, random.randint(150, 300))),
    ]
    lines = [fee for fee in wished if fee.amount < 0 and -fee.amount * 5 < earned]
    number = str(random.randrange(10**10, 10**11))
    lines.append(of_goods("WAREHOUSE_DAMAGE", random.randint(600, 1900), number))
    if index % 2 and earned > 10000:
        lines.append(of_goods("REVERSAL_REIMBURSEMENT", -random.randint(300, 600)))
    return lines


def reserve_line(description: str, amount: int, posted: datetime) -> Line:
    return Line("other-transaction", "other-transaction", description, amount, posted)


def total_of(lines: Iterable[Line]) -> int:
    return sum(line.amount for line in lines)
