"""An order in the form of the Orders 2026-01-01 model. Datasets appear only when they are asked for.

The model does not say whether DISCOUNT is negative, nor whether TAX is part of a total, so both are dials. By default
discounts are negative and tax is added: the parts of an item sum to its proceedsTotal.
"""

from datetime import datetime, timedelta
from typing import Any

from adapters.simulated.amazon.answers import iso
from adapters.simulated.world import Item, Order, money_text
from adapters.simulated.world.seller import STORE_NAME, TAX_COLLECTOR

DATASETS = (
    "BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES", "TAX",
    "PAYMENT", "FULFILLMENT_ORDERS",
)  # fmt: skip

_DELIVERY = timedelta(days=4)
_WAREHOUSE = {
    "name": STORE_NAME,
    "addressLine1": "410 Terry Ave N",
    "city": "Seattle",
    "stateOrRegion": "WA",
    "postalCode": "98109",
    "countryCode": "US",
}
_PRICELESS = ("PENDING", "PENDING_AVAILABILITY")  # Amazon shows no money before it has the buyer's


class Form:
    def __init__(self, now: datetime, *, discount_sign: int = -1, tax_in_total: bool = True) -> None:
        self._now = now
        self._discount_sign = discount_sign
        self._tax_in_total = tax_in_total

    def order(self, order: Order, included: frozenset[str]) -> dict[str, Any]:
        written: dict[str, Any] = {
            "orderId": order.id,
            "createdTime": iso(order.created),
            "lastUpdatedTime": iso(order.updated),
            "programs": list(order.programs),
            "salesChannel": {
                "channelName": "AMAZON",
                "marketplaceId": order.market.id,
                "marketplaceName": order.market.name,
            },
        }
        priced = order.status not in _PRICELESS
        if "PROCEEDS" in included and priced:
            written["proceeds"] = self._order_proceeds(order)
        if "PAYMENT" in included and priced and order.status != "CANCELLED":
            paid = sum(item.before_tax + item.total_tax for item in order.items)
            written["payment"] = {
                "paymentExecutions": [{"paymentMethod": "CreditCard", "paymentAmount": _money(order, paid)}]
            }
        if "FULFILLMENT" in included:
            written["fulfillment"] = _order_fulfillment(order)
        written["orderItems"] = [self._item(order, item, included, priced) for item in order.items]
        if "PACKAGES" in included and order.packages:
            written["packages"] = [
                {
                    "packageReferenceId": package.reference,
                    "createdTime": iso(package.shipped - timedelta(hours=2)),
                    "packageStatus": {"status": "DELIVERED" if package.shipped + _DELIVERY < self._now else "SHIPPED"},
                    "carrier": package.carrier,
                    "shipTime": iso(package.shipped),
                    "shippingService": package.service,
                    "trackingNumber": package.tracking,
                    "shipFromAddress": _WAREHOUSE,
                    "packageItems": [
                        {"orderItemId": item.id, "quantity": item.quantity}
                        for item in order.items
                        if item.id in package.item_ids
                    ],
                }
                for package in order.packages
            ]
        return written

    def _item(self, order: Order, item: Item, included: frozenset[str], priced: bool) -> dict[str, Any]:
        product: dict[str, Any] = {
            "asin": item.product.asin,
            "title": item.product.title,
            "sellerSku": item.product.sku,
            "condition": {"conditionType": "NEW", "conditionSubtype": "NEW"},
        }
        if priced:
            price: dict[str, Any] = {"unitPrice": _money(order, item.principal // item.quantity)}
            if "AMAZON_BUSINESS" in order.programs:
                price["priceDesignation"] = "BUSINESS_PRICE"
            product["price"] = price
        written: dict[str, Any] = {"orderItemId": item.id, "quantityOrdered": item.quantity, "product": product}
        if "PROCEEDS" in included and priced:
            written["proceeds"] = {
                "proceedsTotal": _money(order, self._total(item)),
                "breakdowns": self._breakdowns(order, item),
            }
        if "PROMOTION" in included and item.promotion_ids:
            written["promotion"] = {"breakdowns": [{"promotionId": each} for each in item.promotion_ids]}
        if "CANCELLATION" in included and order.status == "CANCELLED":
            written["cancellation"] = {
                "cancellationRequest": {"requester": "BUYER", "cancelReason": order.cancel_reason},
                "cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": order.cancel_reason},
            }
        if "FULFILLMENT" in included:
            sent = item.quantity if item.shipped else 0
            open_quantity = 0 if order.status == "CANCELLED" else item.quantity - sent
            fulfillment: dict[str, Any] = {"quantityFulfilled": sent, "quantityUnfulfilled": open_quantity}
            if item.gift_wrap:
                fulfillment["packing"] = {"giftOption": {"giftWrapLevel": "Classic"}}
            written["fulfillment"] = fulfillment
        if "TAX" in included and priced and item.tax_withheld:
            written["tax"] = {
                "taxCollections": [{"model": "MARKETPLACE_FACILITATOR", "responsibleParty": TAX_COLLECTOR}]
            }
        return written

    def _order_proceeds(self, order: Order) -> dict[str, Any]:
        sums: dict[str, int] = {}
        for item in order.items:
            for kind, amount, _ in self._parts(item):
                sums[kind] = sums.get(kind, 0) + amount
        return {
            "grandTotal": _money(order, sum(self._total(item) for item in order.items)),
            "breakdowns": [{"type": kind, "subtotal": _money(order, amount)} for kind, amount in sums.items()],
        }

    def _total(self, item: Item) -> int:
        return item.before_tax + (item.total_tax if self._tax_in_total else 0)

    def _breakdowns(self, order: Order, item: Item) -> list[dict[str, Any]]:
        breakdowns = []
        for kind, amount, details in self._parts(item):
            breakdown: dict[str, Any] = {"type": kind, "subtotal": _money(order, amount)}
            if details:
                breakdown["detailedBreakdowns"] = [
                    {"subtype": subtype, "value": _money(order, value)} for subtype, value in details if value
                ]
            breakdowns.append(breakdown)
        return breakdowns

    def _parts(self, item: Item) -> list[tuple[str, int, tuple[tuple[str, int], ...]]]:
        """What the buyer pays, by kind; ITEM is the line's total, not the price of one."""
        sign = self._discount_sign
        parts: list[tuple[str, int, tuple[tuple[str, int], ...]]] = [("ITEM", item.principal, ())]
        if item.shipping:
            parts.append(("SHIPPING", item.shipping, ()))
        if item.gift_wrap:
            parts.append(("GIFT_WRAP", item.gift_wrap, ()))
        if item.tax or item.shipping_tax or item.gift_wrap_tax:
            taxes = (
                ("ITEM", item.tax),
                ("SHIPPING", item.shipping_tax),
                ("GIFT_WRAP", item.gift_wrap_tax),
                ("DISCOUNT", sign * item.tax_discount),
            )
            parts.append(("TAX", item.total_tax, taxes))
        if item.discount:
            details = (("ITEM", sign * item.item_discount), ("SHIPPING", sign * item.shipping_discount))
            parts.append(("DISCOUNT", sign * item.discount, details))
        return parts


def _order_fulfillment(order: Order) -> dict[str, Any]:
    day = order.created.replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "fulfillmentStatus": order.status,
        "fulfilledBy": "AMAZON" if order.by_amazon else "MERCHANT",
        "fulfillmentServiceLevel": "STANDARD",
        "shipByWindow": {"earliestDateTime": iso(day), "latestDateTime": iso(day + timedelta(days=2, seconds=-1))},
        "deliverByWindow": {
            "earliestDateTime": iso(day + timedelta(days=3)),
            "latestDateTime": iso(day + timedelta(days=7, seconds=-1)),
        },
    }


def _money(order: Order, minor: int) -> dict[str, str]:
    return {"amount": money_text(minor), "currencyCode": order.market.currency}
