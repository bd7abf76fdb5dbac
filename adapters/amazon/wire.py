"""The shapes SP-API sends, as far as they are used; and orders in the domain's words.

No buyer, recipient, address or gift message is named here, so none can be read even if it were sent. Orders carry
amounts as decimal strings (amazon.md 3). What Amazon leaves out or sends as null is None; a missing id is an error.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from domain.errors import BadInput
from domain.money import to_minor
from domain.order import AmazonOrder, OrderItem, Package, Part


class _Camel(msgspec.Struct, rename="camel", frozen=True):
    pass


class Money(_Camel, frozen=True):
    amount: str
    currency_code: str


class Detail(_Camel, frozen=True):
    subtype: str | None = None
    value: Money | None = None


class Breakdown(_Camel, frozen=True):
    type: str
    subtotal: Money | None = None
    detailed_breakdowns: list[Detail] | None = None


class Proceeds(_Camel, frozen=True):
    grand_total: Money | None = None
    proceeds_total: Money | None = None
    breakdowns: list[Breakdown] | None = None


class Product(_Camel, frozen=True):
    asin: str | None = None
    title: str | None = None
    seller_sku: str | None = None


class ItemFulfillment(_Camel, frozen=True):
    quantity_fulfilled: int | None = None
    quantity_unfulfilled: int | None = None


class CancellationExecution(_Camel, frozen=True):
    cancelled_by: str | None = None


class Cancellation(_Camel, frozen=True):
    cancellation_execution: CancellationExecution | None = None


class TaxCollection(_Camel, frozen=True):
    model: str | None = None


class ItemTax(_Camel, frozen=True):
    tax_collections: list[TaxCollection] | None = None


class Item(_Camel, frozen=True):
    order_item_id: str
    programs: list[str] | None = None
    quantity_ordered: int | None = None
    product: Product | None = None
    proceeds: Proceeds | None = None
    fulfillment: ItemFulfillment | None = None
    cancellation: Cancellation | None = None
    tax: ItemTax | None = None


class Channel(_Camel, frozen=True):
    channel_name: str | None = None
    marketplace_id: str | None = None
    marketplace_name: str | None = None


class Fulfillment(_Camel, frozen=True):
    fulfillment_status: str | None = None
    fulfilled_by: str | None = None


class ParcelStatus(_Camel, frozen=True):
    status: str | None = None


class ParcelItem(_Camel, frozen=True):
    order_item_id: str | None = None
    quantity: int | None = None


class Parcel(_Camel, frozen=True):
    package_status: ParcelStatus | None = None
    package_items: list[ParcelItem] | None = None
    carrier: str | None = None
    tracking_number: str | None = None
    ship_time: datetime | None = None


class Association(_Camel, frozen=True):
    order_id: str | None = None
    association_type: str | None = None


class Order(_Camel, frozen=True):
    order_id: str
    created_time: datetime
    last_updated_time: datetime
    sales_channel: Channel | None = None
    fulfillment: Fulfillment | None = None
    proceeds: Proceeds | None = None
    order_items: list[Item] | None = None
    packages: list[Parcel] | None = None
    programs: list[str] | None = None
    associated_orders: list[Association] | None = None


class Pagination(_Camel, frozen=True):
    next_token: str | None = None


class OrderAnswer(_Camel, frozen=True):
    order: Order


class OrdersAnswer(_Camel, frozen=True):
    orders: list[Order]
    pagination: Pagination | None = None
    last_updated_before: datetime | None = None


class Report(_Camel, frozen=True):
    report_id: str
    processing_status: str
    created_time: datetime
    report_document_id: str | None = None
    report_type: str = ""
    data_start_time: datetime | None = None
    data_end_time: datetime | None = None


class CreatedReport(_Camel, frozen=True):
    report_id: str


class ReportsAnswer(_Camel, frozen=True):
    reports: list[Report]
    next_token: str | None = None


class DocumentAnswer(_Camel, frozen=True):
    url: str
    compression_algorithm: str | None = None

    def __repr__(self) -> str:
        return "<DocumentAnswer>"  # the address is a key to the document


class Marketplace(_Camel, frozen=True):
    id: str
    name: str = ""
    country_code: str = ""
    default_currency_code: str = ""
    domain_name: str | None = None


class MarketplaceParticipation(_Camel, frozen=True):
    is_participating: bool = False


class ParticipationEntry(_Camel, frozen=True):
    marketplace: Marketplace
    participation: MarketplaceParticipation = MarketplaceParticipation()


class ParticipationsAnswer(_Camel, frozen=True):
    payload: list[ParticipationEntry]


class ApiError(_Camel, frozen=True):
    code: str = ""
    message: str | None = None
    details: str | None = None


class ErrorsAnswer(_Camel, frozen=True):
    errors: list[ApiError] = []


# Without these nobody can say what an order comes to, or whether it is to be booked.
_NEEDED = ("PROCEEDS", "FULFILLMENT")


def to_order(order: Order, refused: Sequence[str] = ()) -> AmazonOrder:
    """An order in the domain's words; one whose amounts nobody can read has none, and says why.

    `refused` are the data sets that Amazon did not give with it.
    """
    items = order.order_items or []
    total = order.proceeds.grand_total if order.proceeds is not None else None
    currency = total.currency_code if total is not None else _currency(items)
    channel = order.sales_channel or Channel()
    fulfillment = order.fulfillment or Fulfillment()
    problem = ""
    total_minor: int | None
    try:
        total_minor = _minor(total, currency, "proceeds.grandTotal")
        parsed = tuple(_item(item, currency, f"orderItems[{number}]") for number, item in enumerate(items))
    except BadInput as error:
        # One such order must not keep the others from coming, nor be lost.
        problem, total_minor, parsed, currency = str(error), None, (), ""
    lacking = [name for name in refused if name in _NEEDED]
    if lacking and not problem:
        problem = f"Amazon refuses {' and '.join(lacking)} of its orders for the time being"
    return AmazonOrder(
        order_id=order.order_id,
        status=fulfillment.fulfillment_status or "",
        created=order.created_time.astimezone(UTC),
        updated=order.last_updated_time.astimezone(UTC),
        currency=currency,
        marketplace=channel.marketplace_name or "",
        marketplace_id=channel.marketplace_id or "",
        amazon_channel=channel.channel_name != "NON_AMAZON",
        fulfilled_by=fulfillment.fulfilled_by or "",
        total=total_minor,
        items=parsed,
        packages=tuple(
            Package(
                parcel.carrier or "",
                parcel.tracking_number or "",
                parcel.ship_time.astimezone(UTC) if parcel.ship_time is not None else None,
                _quantities(parcel),
                (parcel.package_status.status if parcel.package_status is not None else "") or "",
            )
            for parcel in order.packages or ()
        ),
        programs=tuple(
            dict.fromkeys([*(order.programs or ()), *(name for one in items for name in one.programs or ())])
        ),
        replaces=_made_for(order, "REPLACEMENT_ORIGINAL_ID"),
        exchanges=_made_for(order, "EXCHANGE_ORIGINAL_ID"),
        missing=tuple(refused),
        problem=problem,
    )


def _quantities(parcel: Parcel) -> dict[str, int]:
    """A parcel's units by order item; an item may be named more than once."""
    units: dict[str, int] = {}
    for item in parcel.package_items or ():
        if item.order_item_id and item.quantity:
            units[item.order_item_id] = units.get(item.order_item_id, 0) + item.quantity
    return units


def _programs(order: Order, items: Sequence[Item]) -> tuple[str, ...]:
    """The programmes of the order and of its items, each once."""
    return tuple(dict.fromkeys([*(order.programs or ()), *(name for item in items for name in item.programs or ())]))


def _made_for(order: Order, association: str) -> str:
    links = order.associated_orders or ()
    return next((link.order_id for link in links if link.association_type == association and link.order_id), "")


def _item(item: Item, currency: str, path: str) -> OrderItem:
    product = item.product or Product()
    proceeds = item.proceeds or Proceeds()
    collections = (item.tax.tax_collections if item.tax is not None else None) or []
    return OrderItem(
        order_item_id=item.order_item_id,
        sku=product.seller_sku or "",
        asin=product.asin or "",
        title=product.title or "",
        quantity=item.quantity_ordered or 0,
        shipped=item.fulfillment.quantity_fulfilled if item.fulfillment is not None else None,
        unshipped=item.fulfillment.quantity_unfulfilled if item.fulfillment is not None else None,
        proceeds=_minor(proceeds.proceeds_total, currency, f"{path}.proceeds.proceedsTotal"),
        parts=tuple(
            part
            for number, breakdown in enumerate(proceeds.breakdowns or ())
            for part in _parts(breakdown, currency, f"{path}.proceeds.breakdowns[{number}]")
        ),
        # Where several parties collect, none of the tax is Amazon's alone.
        facilitator=bool(collections)
        and all(collection.model == "MARKETPLACE_FACILITATOR" for collection in collections),
        cancelled=item.cancellation is not None and item.cancellation.cancellation_execution is not None,
    )


def _parts(breakdown: Breakdown, currency: str, path: str) -> list[Part]:
    """TAX and DISCOUNT by their details, everything else whole.

    Tax whose details do not add up to its sub-total is given whole: only its sum is booked. A discount is given as
    detailed even then, so that it fits no reading and is held, not guessed.
    """
    total = _minor(breakdown.subtotal, currency, f"{path}.subtotal")
    if breakdown.type in ("TAX", "DISCOUNT") and breakdown.detailed_breakdowns:
        details = [
            Part(
                breakdown.type,
                _minor(detail.value, currency, f"{path}.detailedBreakdowns[{number}].value") or 0,
                detail.subtype or "",
            )
            for number, detail in enumerate(breakdown.detailed_breakdowns)
        ]
        if breakdown.type == "DISCOUNT" or total is None or sum(part.amount for part in details) == total:
            return details
    return [Part(breakdown.type, total or 0)]


def _minor(money: Money | None, currency: str, path: str) -> int | None:
    if money is None:
        return None
    if money.currency_code != currency:
        raise BadInput(f"{path} is in {money.currency_code}, the order in {currency}")
    try:
        return to_minor(money.amount, currency)
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def _currency(items: list[Item]) -> str:
    """The currency of the first amount there is; empty while Amazon states no money."""
    for proceeds in (item.proceeds for item in items if item.proceeds is not None):
        for money in (proceeds.proceeds_total, *(breakdown.subtotal for breakdown in proceeds.breakdowns or ())):
            if money is not None:
                return money.currency_code
    return ""
