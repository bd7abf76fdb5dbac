"""The shapes SP-API sends, as far as they are used; and orders in the domain's words.

No buyer, recipient, address or gift message is named here, so none can be read even if it were sent. Orders carry
amounts as decimal strings (amazon.md 3).
"""

from datetime import UTC, datetime

import msgspec

from domain.errors import BadInput, VendorError
from domain.money import to_minor
from domain.order import AmazonOrder, OrderItem, Package, Part


class _Camel(msgspec.Struct, rename="camel", frozen=True):
    pass


class Money(_Camel, frozen=True):
    amount: str
    currency_code: str


class Detail(_Camel, frozen=True):
    subtype: str = ""
    value: Money | None = None


class Breakdown(_Camel, frozen=True):
    type: str = ""
    subtotal: Money | None = None
    detailed_breakdowns: list[Detail] | None = None


class Proceeds(_Camel, frozen=True):
    grand_total: Money | None = None
    proceeds_total: Money | None = None
    breakdowns: list[Breakdown] | None = None


class Product(_Camel, frozen=True):
    asin: str = ""
    title: str = ""
    seller_sku: str = ""


class ItemFulfillment(_Camel, frozen=True):
    quantity_fulfilled: int | None = None


class Cancellation(_Camel, frozen=True):
    cancellation_execution: dict[str, str] | None = None


class TaxCollection(_Camel, frozen=True):
    model: str = ""


class ItemTax(_Camel, frozen=True):
    tax_collections: list[TaxCollection] | None = None


class Item(_Camel, frozen=True):
    order_item_id: str
    quantity_ordered: int = 0
    product: Product = Product()
    proceeds: Proceeds | None = None
    fulfillment: ItemFulfillment | None = None
    cancellation: Cancellation | None = None
    tax: ItemTax | None = None


class Channel(_Camel, frozen=True):
    channel_name: str = "AMAZON"
    marketplace_id: str = ""
    marketplace_name: str = ""


class Fulfillment(_Camel, frozen=True):
    fulfillment_status: str = ""
    fulfilled_by: str = ""


class Parcel(_Camel, frozen=True):
    carrier: str = ""
    tracking_number: str = ""
    ship_time: datetime | None = None


class Association(_Camel, frozen=True):
    order_id: str = ""
    association_type: str = ""


class Order(_Camel, frozen=True):
    order_id: str
    created_time: datetime
    last_updated_time: datetime
    sales_channel: Channel = Channel()
    fulfillment: Fulfillment | None = None
    proceeds: Proceeds | None = None
    order_items: list[Item] = []
    packages: list[Parcel] | None = None
    programs: list[str] | None = None
    associated_orders: list[Association] | None = None


class Pagination(_Camel, frozen=True):
    next_token: str = ""


class OrdersAnswer(_Camel, frozen=True):
    orders: list[Order] = []
    pagination: Pagination | None = None
    last_updated_before: datetime | None = None


class Report(_Camel, frozen=True):
    report_id: str
    processing_status: str
    created_time: datetime
    report_document_id: str = ""


class ReportsAnswer(_Camel, frozen=True):
    reports: list[Report] = []
    next_token: str = ""


class DocumentAnswer(_Camel, frozen=True):
    url: str
    compression_algorithm: str = ""


class Marketplace(_Camel, frozen=True):
    id: str
    name: str = ""
    country_code: str = ""
    default_currency_code: str = ""
    domain_name: str = ""


class MarketplaceParticipation(_Camel, frozen=True):
    is_participating: bool = False


class ParticipationEntry(_Camel, frozen=True):
    marketplace: Marketplace
    participation: MarketplaceParticipation = MarketplaceParticipation()
    store_name: str = ""


class ParticipationsAnswer(_Camel, frozen=True):
    payload: list[ParticipationEntry] = []


class ApiError(_Camel, frozen=True):
    code: str = ""
    message: str = ""


class ErrorsAnswer(_Camel, frozen=True):
    errors: list[ApiError] = []


def to_order(order: Order) -> AmazonOrder:
    """An order in the domain's words. Raises VendorError naming the order for amounts nobody can read."""
    total = order.proceeds.grand_total if order.proceeds is not None else None
    currency = total.currency_code if total is not None else _currency(order.order_items)
    fulfillment = order.fulfillment or Fulfillment()
    try:
        items = tuple(_item(item, currency) for item in order.order_items)
        total_minor = to_minor(total.amount, currency) if total is not None else None
    except BadInput as error:
        raise VendorError(f"order {order.order_id}: {error}", vendor="amazon") from None
    return AmazonOrder(
        order_id=order.order_id,
        status=fulfillment.fulfillment_status,
        created=order.created_time.astimezone(UTC),
        updated=order.last_updated_time.astimezone(UTC),
        currency=currency,
        marketplace=order.sales_channel.marketplace_name,
        marketplace_id=order.sales_channel.marketplace_id,
        amazon_channel=order.sales_channel.channel_name != "NON_AMAZON",
        fulfilled_by=fulfillment.fulfilled_by,
        total=total_minor,
        items=items,
        packages=tuple(
            Package(parcel.carrier, parcel.tracking_number, parcel.ship_time and parcel.ship_time.astimezone(UTC))
            for parcel in order.packages or ()
        ),
        programs=tuple(order.programs or ()),
        replaces=next(
            (
                link.order_id
                for link in order.associated_orders or ()
                if link.association_type == "REPLACEMENT_ORIGINAL_ID"
            ),
            "",
        ),
    )


def _item(item: Item, currency: str) -> OrderItem:
    proceeds = item.proceeds
    cancelled = item.cancellation is not None and bool(item.cancellation.cancellation_execution)
    collections = (item.tax.tax_collections if item.tax is not None else None) or []
    return OrderItem(
        order_item_id=item.order_item_id,
        sku=item.product.seller_sku,
        asin=item.product.asin,
        title=item.product.title,
        quantity=item.quantity_ordered,
        shipped=item.fulfillment.quantity_fulfilled if item.fulfillment is not None else None,
        proceeds=_minor(proceeds.proceeds_total, currency) if proceeds is not None else None,
        parts=tuple(
            part
            for breakdown in (proceeds.breakdowns or () if proceeds else ())
            for part in _parts(breakdown, currency)
        ),
        facilitator=any(collection.model == "MARKETPLACE_FACILITATOR" for collection in collections),
        cancelled=cancelled,
    )


def _parts(breakdown: Breakdown, currency: str) -> list[Part]:
    """TAX and DISCOUNT are told in detail where Amazon gives detail that adds up to the sub-total."""
    total = _minor(breakdown.subtotal, currency) or 0
    details = [
        Part(breakdown.type, _minor(detail.value, currency) or 0, detail.subtype)
        for detail in breakdown.detailed_breakdowns or ()
    ]
    if details and sum(part.amount for part in details) == total:
        return details
    return [Part(breakdown.type, total)]


def _minor(money: Money | None, currency: str) -> int | None:
    if money is None:
        return None
    if money.currency_code != currency:
        raise BadInput(f"amounts in {money.currency_code} and {currency} within one order")
    return to_minor(money.amount, currency)


def _currency(items: list[Item]) -> str:
    for item in items:
        if item.proceeds is not None and item.proceeds.proceeds_total is not None:
            return item.proceeds.proceeds_total.currency_code
    return ""
