"""The bulk report of orders as orders in the domain's words (GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL).

It has no item ids and no total, and does not say who owes the tax. In the United States Amazon is the marketplace
facilitator in every state that has a sales tax (Missouri was the last, 2023-01-01): prices are without tax, and Amazon
remits it; the settlement proves that, for tax that it did not withhold is held there. Elsewhere prices may hold VAT,
so an item with tax is left without a total, and is not billed before Amazon is asked for its order.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from adapters.amazon.bulk_report import Row, moment, rows
from adapters.amazon.settlement_report.numbers import parse_amount, parse_quantity
from application.order_ports import UnreadableRow
from domain.errors import BadInput
from domain.order import REPORT, ROW, AmazonOrder, OrderItem, Part

_NEEDED = ("amazon-order-id", "purchase-date", "last-updated-date", "order-status", "quantity", "item-price")
_FACILITATED = {"Amazon.com": datetime(2023, 1, 1, tzinfo=UTC)}  # since when Amazon remits all of a marketplace's tax

_STATUS = {
    "pending": "PENDING",
    "unshipped": "UNSHIPPED",
    "partiallyshipped": "PARTIALLY_SHIPPED",
    "shipping": "PARTIALLY_SHIPPED",
    "shipped": "SHIPPED",
    "complete": "SHIPPED",
    "cancelled": "CANCELLED",
    "canceled": "CANCELLED",
    "unfulfillable": "UNFULFILLABLE",
}
_CHARGES = (("ITEM", "item-price"), ("SHIPPING", "shipping-price"), ("GIFT_WRAP", "gift-wrap-price"))
_TAXES = (("ITEM", "item-tax"), ("SHIPPING", "shipping-tax"), ("GIFT_WRAP", "gift-wrap-tax"))
_DISCOUNTS = (("ITEM", "item-promotion-discount"), ("SHIPPING", "ship-promotion-discount"))


def read_order_report(source: BinaryIO, *, charset: str = "") -> Iterator[AmazonOrder | UnreadableRow]:
    """See order_ports.OrderReportReader. An order of which a row cannot be read is told, not given in part."""
    orders: dict[str, list[Row]] = {}
    spoilt: set[str] = set()
    for found in rows(source, charset, _NEEDED):
        if isinstance(found, UnreadableRow):
            spoilt.add(found.order_id)
            yield found
            continue
        number, row = found
        order_id = row["amazon-order-id"]
        if not order_id:
            yield UnreadableRow(number, "", "no amazon-order-id")
            continue
        orders.setdefault(order_id, []).append({**row, "": str(number)})
    for order_id, same in orders.items():
        if order_id in spoilt:
            continue
        try:
            yield _order(order_id, same)
        except BadInput as error:
            yield UnreadableRow(int(same[0][""]), order_id, str(error))


def _order(order_id: str, same: list[Row]) -> AmazonOrder:
    first = same[0]
    currency = next((row["currency"] for row in same if row.get("currency")), "")
    said = first["order-status"].partition("-")[0].strip().lower().replace(" ", "")
    status = _STATUS.get(said, first["order-status"])
    channel = first.get("sales-channel", "")
    facilitated = channel in _FACILITATED and moment(first["purchase-date"]) >= _FACILITATED[channel]
    items = tuple(
        _item(number, row, currency, status, facilitated)
        for number, row in enumerate(sorted(same, key=_by_content), start=1)
    )
    known = [item.proceeds for item in items if item.proceeds is not None]
    return AmazonOrder(
        order_id=order_id,
        status=status,
        created=moment(first["purchase-date"]),
        updated=max(moment(row["last-updated-date"]) for row in same),
        currency=currency,
        marketplace=channel,
        amazon_channel=not channel.lower().startswith("non-amazon"),
        fulfilled_by="AMAZON" if first.get("fulfillment-channel") == "Amazon" else "MERCHANT",
        total=sum(known) if known and len(known) == len(items) else None,
        items=items,
        programs=("AMAZON_BUSINESS",) if first.get("is-business-order", "").lower() == "true" else (),
        replaces=first.get("original-order-id", ""),
        source=REPORT,
    )


def _by_content(row: Row) -> list[tuple[str, str]]:
    """The same order gives the same items in the same order, however the report sorts its rows."""
    return sorted((name, value) for name, value in row.items() if name)


def _item(number: int, row: Row, currency: str, status: str, facilitated: bool) -> OrderItem:
    quantity = parse_quantity(row.get("quantity", "")) or 0
    cancelled = row.get("item-status", "").lower() in ("cancelled", "canceled") or status == "CANCELLED"
    parts = [Part(kind, amount) for kind, column in _CHARGES if (amount := _amount(row, column, currency))]
    taxes = [Part("TAX", amount, kind) for kind, column in _TAXES if (amount := _amount(row, column, currency))]
    # Discounts are written as what is taken off, by some accounts with a minus.
    parts += [
        Part("DISCOUNT", -abs(amount), kind)
        for kind, column in _DISCOUNTS
        if (amount := _amount(row, column, currency))
    ]
    stated = any(row.get(column) for _, column in (*_CHARGES, *_TAXES, *_DISCOUNTS))
    sure = facilitated or not taxes
    item_status = row.get("item-status", "").lower()
    sent = quantity if status == "SHIPPED" or item_status == "shipped" else 0
    return OrderItem(
        order_item_id=f"{ROW}{number}",
        sku=row.get("sku", ""),
        asin=row.get("asin", ""),
        title=row.get("product-name", ""),
        quantity=quantity,
        shipped=0 if cancelled else sent,
        proceeds=sum(part.amount for part in [*parts, *taxes]) if stated and sure else None,
        parts=(*parts, *taxes),
        facilitator=bool(taxes) and facilitated,
        cancelled=cancelled,
    )


def _amount(row: Row, column: str, currency: str) -> int:
    text = row.get(column, "")
    if not text:
        return 0
    if not currency:
        raise BadInput(f"{column} is {text} and no currency is named")
    return parse_amount(text, currency)
