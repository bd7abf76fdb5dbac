"""Two reports that are made on request: all orders by last update, and what Amazon shipped itself.

Flat files, tab separated, with the columns they have in life, those about people included: a client must not keep
them. Amazon gives no order item ids in the first, and both take their time.
"""

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from adapters.simulated.amazon.answers import invalid_input, iso
from adapters.simulated.clock import FastClock
from adapters.simulated.world import Item, Order, World, money_text

ORDERS = "GET_FLAT_FILE_ALL_ORDERS_DATA_BY_LAST_UPDATE_GENERAL"
SHIPMENTS = "GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL"
TYPES = (ORDERS, SHIPMENTS)

QUEUE_SECONDS = 45
WORK_SECONDS = 150
_LONGEST = timedelta(days=31)
_SHIPMENTS_KEPT = timedelta(days=18 * 30)
_SHIPMENTS_LAG = timedelta(hours=24)
_NEAR_REAL_TIME = timedelta(minutes=30)

ORDER_COLUMNS = (
    "amazon-order-id", "merchant-order-id", "purchase-date", "last-updated-date", "order-status",
    "fulfillment-channel", "sales-channel", "order-channel", "ship-service-level", "product-name", "sku", "asin",
    "item-status", "quantity", "currency", "item-price", "item-tax", "shipping-price", "shipping-tax",
    "gift-wrap-price", "gift-wrap-tax", "item-promotion-discount", "ship-promotion-discount", "ship-city",
    "ship-state", "ship-postal-code", "ship-country", "promotion-ids", "is-business-order", "purchase-order-number",
    "price-designation",
)  # fmt: skip
SHIPMENT_COLUMNS = (
    "amazon-order-id", "merchant-order-id", "shipment-id", "shipment-item-id", "amazon-order-item-id",
    "merchant-order-item-id", "purchase-date", "payments-date", "shipment-date", "reporting-date", "buyer-email",
    "buyer-name", "buyer-phone-number", "sku", "product-name", "quantity-shipped", "currency", "item-price",
    "item-tax", "shipping-price", "shipping-tax", "gift-wrap-price", "gift-wrap-tax", "ship-service-level",
    "recipient-name", "ship-address-1", "ship-address-2", "ship-city", "ship-state", "ship-postal-code",
    "ship-country", "ship-phone-number", "item-promotion-discount", "ship-promotion-discount", "carrier",
    "tracking-number", "estimated-arrival-date", "fulfillment-center-id", "fulfillment-channel", "sales-channel",
)  # fmt: skip
_STATUS = {
    "PENDING": "Pending",
    "PENDING_AVAILABILITY": "Pending",
    "UNSHIPPED": "Unshipped",
    "PARTIALLY_SHIPPED": "Shipping",
    "SHIPPED": "Shipped",
    "CANCELLED": "Cancelled",
    "UNFULFILLABLE": "Cancelled",
}
BUYER = {"buyer-email": "q7x@marketplace.example", "buyer-name": "Pat Doe", "buyer-phone-number": "555-0100",
         "recipient-name": "Pat Doe", "ship-address-1": "1 Main St", "ship-city": "SPRINGFIELD", "ship-state": "IL",
         "ship-postal-code": "62701-1234", "ship-country": "US", "ship-phone-number": "555-0100"}  # fmt: skip


class Made(msgspec.Struct):
    """A report that somebody asked for; `fate` is one of done, fatal, cancelled, stuck."""

    id: str
    type: str
    begin: datetime
    end: datetime
    created: datetime
    since: float  # the clock's second
    fate: str
    body: bytes

    @property
    def document_id(self) -> str:
        return f"amzn1.spdoc.1.4.na.{self.id}"


class OrderReports:
    def __init__(self, world: World, clock: FastClock) -> None:
        self._world = world
        self._clock = clock
        self._made: dict[str, Made] = {}

    def create(self, wanted: Mapping[str, Any], fate: str) -> dict[str, Any]:
        now = self._clock.now()
        begin, end = _moment(wanted, "dataStartTime", now), _moment(wanted, "dataEndTime", now)
        if begin > end:
            raise invalid_input("dataStartTime must not be later than dataEndTime")
        made = Made(
            id=f"{5_000_000_000 + len(self._made):011d}{secrets.randbelow(10**5):05d}",
            type=wanted["reportType"],
            begin=begin,
            end=end,
            created=now.replace(microsecond=0),
            since=self._clock.seconds(),
            fate=fate,
            body=b"",
        )
        if made.type == SHIPMENTS and begin < now - _SHIPMENTS_KEPT:
            made.fate = "fatal"
        made.body = self._document(made).encode()
        if made.fate == "done" and made.body.count(b"\n") <= 1 and made.type == SHIPMENTS:
            made.fate = "cancelled"  # no data
        self._made[made.id] = made
        return {"reportId": made.id}

    def forms(self) -> list[dict[str, Any]]:
        """All of them, newest first."""
        return [self._form(made) for made in reversed(self._made.values())]

    def form(self, report_id: str) -> dict[str, Any] | None:
        made = self._made.get(report_id)
        return self._form(made) if made is not None else None

    def body(self, document_id: str) -> bytes | None:
        """A document as far as it is ready."""
        for made in self._made.values():
            if made.document_id == document_id and "reportDocumentId" in self._form(made):
                return made.body
        return None

    def _form(self, made: Made) -> dict[str, Any]:
        waited = self._clock.seconds() - made.since
        form: dict[str, Any] = {
            "marketplaceIds": [self._world.market.id],
            "reportId": made.id,
            "reportType": made.type,
            "dataStartTime": iso(made.begin),
            "dataEndTime": iso(made.end),
            "createdTime": iso(made.created),
        }
        if waited < QUEUE_SECONDS:
            return form | {"processingStatus": "IN_QUEUE"}
        form["processingStartTime"] = iso(made.created + timedelta(seconds=QUEUE_SECONDS))
        if waited < QUEUE_SECONDS + WORK_SECONDS or made.fate == "stuck":
            return form | {"processingStatus": "IN_PROGRESS"}
        form["processingEndTime"] = iso(made.created + timedelta(seconds=QUEUE_SECONDS + WORK_SECONDS))
        if made.fate == "cancelled":
            return form | {"processingStatus": "CANCELLED"}
        status = "FATAL" if made.fate == "fatal" else "DONE"
        return form | {"processingStatus": status, "reportDocumentId": made.document_id}

    def _listed(self) -> list[Order]:
        return [order for order in self._world.visible_orders if order.id not in self._world.unlisted]

    def _document(self, made: Made) -> str:
        if made.fate == "fatal":
            return "An internal error occurred. Please request the report again.\n"
        if made.type == ORDERS and made.end - made.begin > _LONGEST:
            # In life the document itself says so, and the report is DONE.
            return "Date range exceeded. The maximum date range for this report is 30 days.\n"
        if made.type == ORDERS:
            latest = self._clock.now() - _NEAR_REAL_TIME
            orders = [
                order for order in self._listed() if made.begin <= order.updated <= made.end and order.updated <= latest
            ]
            return _table(ORDER_COLUMNS, (_order_row(order, item) for order in orders for item in order.items))
        latest = self._clock.now() - _SHIPMENTS_LAG
        shipped = [
            (order, item, item.shipped)
            for order in self._listed()
            if order.by_amazon
            for item in order.items
            if item.shipped is not None and made.begin <= item.shipped <= made.end and item.shipped <= latest
        ]
        return _table(SHIPMENT_COLUMNS, (_shipment_row(order, item, at) for order, item, at in shipped))


def tracking_of(item: Item) -> str:
    """The tracking number of what Amazon shipped, the same for all of a shipment."""
    return "TBA" + item.shipment.encode().hex().upper()[:12]


def _table(columns: tuple[str, ...], rows: Iterable[Mapping[str, str]]) -> str:
    lines = ["\t".join(columns)]
    lines += ["\t".join(row.get(column, "") for column in columns) for row in rows]
    return "\n".join(lines) + "\n"


def _order_row(order: Order, item: Item) -> dict[str, str]:
    priced = order.status not in ("PENDING", "PENDING_AVAILABILITY")
    status = _STATUS[order.status]
    money = {
        "item-price": item.principal,
        "item-tax": item.tax,
        "shipping-price": item.shipping,
        "shipping-tax": item.shipping_tax,
        "gift-wrap-price": item.gift_wrap,
        "gift-wrap-tax": item.gift_wrap_tax,
        "item-promotion-discount": item.item_discount,
        "ship-promotion-discount": item.shipping_discount,
    }
    return {
        "amazon-order-id": order.id,
        "merchant-order-id": order.id,
        "purchase-date": _time(order.created),
        "last-updated-date": _time(order.updated),
        "order-status": status,
        "fulfillment-channel": "Amazon" if order.by_amazon else "Merchant",
        "sales-channel": order.market.name,
        "order-channel": "WebsiteOrderChannel",
        "ship-service-level": "Standard",
        "product-name": item.product.title,
        "sku": item.product.sku,
        "asin": item.product.asin,
        "item-status": status if item.shipped or status != "Shipping" else "Unshipped",
        "quantity": str(item.quantity if order.status != "CANCELLED" else 0),
        "currency": order.market.currency if priced else "",
        **{name: money_text(amount) if priced and amount else "" for name, amount in money.items()},
        **{name: value for name, value in BUYER.items() if name.startswith("ship-") and name in ORDER_COLUMNS},
        "promotion-ids": ",".join(item.promotion_ids),
        "is-business-order": "true" if "AMAZON_BUSINESS" in order.programs else "false",
        "purchase-order-number": "PO-77" if "AMAZON_BUSINESS" in order.programs else "",
    }


def _shipment_row(order: Order, item: Item, shipped: datetime) -> dict[str, str]:
    return {
        "amazon-order-id": order.id,
        "shipment-id": item.shipment,
        "shipment-item-id": item.shipment + item.id[-2:],
        "amazon-order-item-id": item.id,
        "purchase-date": _time(order.created),
        "payments-date": _time(shipped),
        "shipment-date": _time(shipped),
        "reporting-date": _time(shipped + _SHIPMENTS_LAG),
        **BUYER,
        "sku": item.product.sku,
        "product-name": item.product.title,
        "quantity-shipped": str(item.quantity),
        "currency": order.market.currency,
        "item-price": money_text(item.principal),
        "ship-service-level": "Standard",
        "carrier": "AMZN_US",
        "tracking-number": tracking_of(item),
        "fulfillment-center-id": "ABE8",
        "fulfillment-channel": "AFN",
        "sales-channel": order.market.name,
    }


def _moment(wanted: Mapping[str, Any], name: str, default: datetime) -> datetime:
    text = wanted.get(name)
    if text is None:
        return default
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise invalid_input(f"{name} is not an ISO 8601 date-time: {text!r}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"
