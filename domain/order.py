"""An order as Amazon reports it, stripped to what accounting needs: no buyer, no address, no gift message.

Amazon's order data are a forecast of money; the settlement is the truth. What the seller may bill is read from an
item's proceeds, whose signs and additivity Amazon does not state: `billable` accepts the one reading that sums to
the stated total and refuses to guess otherwise. Source: amazon.md section 3.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

from domain.event import Event, Stamp, stream_id

Status = Literal[
    "PENDING_AVAILABILITY", "PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED", "UNFULFILLABLE"
]

SHIPPING = ("PARTIALLY_SHIPPED", "SHIPPED")  # the states in which something has left


class Part(msgspec.Struct, frozen=True, array_like=True):
    """One amount of an item's proceeds: type and, for TAX and DISCOUNT, subtype in Amazon's words; minor units."""

    type: str
    amount: int
    subtype: str = ""


class OrderItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One item. `proceeds` is Amazon's total for the whole quantity, `parts` are its components as sent."""

    order_item_id: str
    sku: str = ""
    asin: str = ""
    title: str = ""
    quantity: int = 0
    shipped: int | None = None
    proceeds: int | None = None
    parts: tuple[Part, ...] = ()
    facilitator: bool = False  # Amazon is responsible for the item's tax
    cancelled: bool = False
    unshipped: int | None = None  # units still to be sent; those neither sent nor still to be sent are cancelled
    amazon_id: str = ""  # Amazon's own id, where the item was first known from a report, which has none


class Package(msgspec.Struct, frozen=True, omit_defaults=True):
    """One parcel. `quantities` are its units by order item id; empty where Amazon does not tell what is in it."""

    carrier: str = ""
    tracking_number: str = ""
    shipped_at: datetime | None = None
    quantities: dict[str, int] = {}
    status: str = ""


REPORT = "report"  # the source of an order known from a bulk report only
ROW = "row-"  # how the ids begin that items of such an order are given


class AmazonOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one order is, as of `updated`; `currency` is empty while Amazon states no money.

    `replaces` and `exchanges` are the orders it was made for. `missing` are the data sets that Amazon's region refused,
    so that what they hold is not known. `source` is `report` for one taken from a bulk report, which has no item ids.
    """

    order_id: str
    status: str
    created: datetime
    updated: datetime
    currency: str = ""
    marketplace: str = ""
    marketplace_id: str = ""
    amazon_channel: bool = True
    fulfilled_by: str = ""
    total: int | None = None
    items: tuple[OrderItem, ...] = ()
    packages: tuple[Package, ...] = ()
    programs: tuple[str, ...] = ()
    replaces: str = ""
    terms_days: int | None = None  # of an order paid by invoice: days the buyer has to pay
    exchanges: str = ""
    missing: tuple[str, ...] = ()
    source: str = ""
    problem: str = ""  # why its amounts cannot be read; they are left out then


class OrderIngested(Event, frozen=True, kw_only=True):
    """First sight of an order."""

    order: AmazonOrder
    evidence: str = ""


class OrderAmended(Event, frozen=True, kw_only=True):
    """Amazon reports the order otherwise than before."""

    order: AmazonOrder
    evidence: str = ""


class OrderCancelled(Event, frozen=True, kw_only=True):
    """The order is cancelled."""

    order: AmazonOrder
    evidence: str = ""


class OrderSettled(Event, frozen=True, kw_only=True):
    """A settlement pays (part of) the order: `amounts` in minor units by account key, carried by payment `posting`."""

    order_id: str
    settlement_id: str
    posting: str
    amounts: dict[str, int]


class OrderDated(Event, frozen=True, kw_only=True):
    """A settlement shows when the order's sale was posted (UTC), earlier than was known: it had shipped by then."""

    order_id: str
    settlement_id: str
    posted: datetime


class OrderRecognisedBySettlement(Event, frozen=True, kw_only=True):
    """A settlement booked the order directly as income, so that it is never invoiced later."""

    order_id: str
    settlement_id: str
    amount: int
    currency: str


class OrderNotFound(Event, frozen=True, kw_only=True):
    """Asked for by its id, since a settlement pays it: Amazon has it no more (or never had it)."""

    order_id: str


class ParcelsReported(Event, frozen=True, kw_only=True):
    """Amazon's report of the shipments it made itself: all parcels of the order that are known so."""

    order_id: str
    parcels: tuple[Package, ...]
    evidence: str = ""


class Order(msgspec.Struct):
    """An order folded from its events.

    `first_shipped` is when we first saw any of it shipped (UTC): when it shipped only if `seen_before`, else it may
    have been long ago. `first_posted` is the earliest time at which a settlement shows its sale. `left` is what had
    left by when, units by order item id, one entry for each time that more had. `gone`: Amazon has it no more.
    `parcels` are those of Amazon's own shipments.
    """

    known: AmazonOrder | None = None
    first_shipped: datetime | None = None
    seen_before: bool = False
    first_posted: datetime | None = None
    settled: dict[str, dict[str, int]] = {}  # by settlement id, then account key
    recognised_by: str = ""
    left: tuple[tuple[datetime, dict[str, int]], ...] = ()
    in_parts: bool = False  # it was seen shipped in part, or in parcels of several days
    gone: bool = False
    parcels: tuple[Package, ...] = ()


def content_hash(order: AmazonOrder) -> str:
    """A hash over everything but the time of the last update, which moves without cause."""
    still = msgspec.structs.replace(order, updated=order.created)
    return hashlib.blake2b(msgspec.json.encode(still, order="deterministic"), digest_size=16).hexdigest()


def record(order: AmazonOrder, known: Order, stamp: Stamp, evidence: str = "") -> list[Event]:
    """What is new about an order: nothing, or one event. An older report than the known one is no news."""
    if known.known is not None:
        if order.source == REPORT and known.known.source != REPORT:
            return []  # what Amazon says of a single order is better than any report
        order = with_parcels(completed(renamed(order, known.known), known.known), known.parcels)
        if order.updated < known.known.updated or content_hash(order) == content_hash(known.known):
            return []
    kind: type[OrderIngested] | type[OrderAmended] | type[OrderCancelled] = OrderAmended
    if known.known is None:
        kind = OrderIngested
    elif order.status == "CANCELLED" != known.known.status:
        kind = OrderCancelled
    return [kind(order=order, evidence=evidence, **stamp.fields())]


def evolve(state: Order, event: Event) -> Order:
    match event:
        case OrderIngested() | OrderAmended() | OrderCancelled():
            state.known, state.gone = with_parcels(event.order, state.parcels), False
            if event.order.status not in SHIPPING:
                state.seen_before = state.seen_before or state.first_shipped is None
            else:
                _ships(state, event.order)
        case OrderNotFound():
            state.gone = state.known is None
        case ParcelsReported():
            state.parcels = event.parcels
            if state.known is not None:
                state.known = with_parcels(state.known, event.parcels)
        case OrderDated():
            state.first_posted = min(event.posted, state.first_posted or event.posted)
        case OrderSettled():
            state.settled = {**state.settled, event.settlement_id: event.amounts}
        case OrderRecognisedBySettlement():
            state.recognised_by = event.settlement_id
    return state


def _ships(state: Order, order: AmazonOrder) -> None:
    if state.first_shipped is None:
        state.first_shipped = order.updated
    left = {item.order_item_id: units for item in order.items if (units := units_left(item, order))}
    so_far = state.left[-1][1] if state.left else {}
    if so_far and not left.keys() & so_far.keys() and sum(left.values()) == sum(so_far.values()):
        state.left = (*state.left[:-1], (state.left[-1][0], left))  # the same units under Amazon's own item ids
    elif any(units > so_far.get(item, 0) for item, units in left.items()):
        state.left = (*state.left, (order.updated, left))
    days = {package.shipped_at.date() for package in order.packages if package.shipped_at is not None}
    state.in_parts = state.in_parts or order.status != "SHIPPED" or len(state.left) > 1 or len(days) > 1


def units_of(item: OrderItem) -> int:
    """The units that an item's amounts are for; one where Amazon states none."""
    return max(item.quantity, 1)


def units_left(item: OrderItem, order: AmazonOrder) -> int:
    """How many units of an item have left: as Amazon counts them, else all of a shipped order, else by parcels."""
    if item.shipped is not None and item.quantity:
        return min(item.shipped, item.quantity)
    if item.cancelled:
        return 0
    if order.status == "SHIPPED":
        return units_of(item)
    return min(sum(package.quantities.get(item.order_item_id, 0) for package in order.packages), units_of(item))


def with_parcels(order: AmazonOrder, parcels: tuple[Package, ...]) -> AmazonOrder:
    """The order with carrier and tracking number of what Amazon shipped itself; its own packages go first.

    Days and contents of such parcels stay in their event: the report lags by days, and must not move what is booked.
    """
    own = [package for package in order.packages if package.shipped_at is not None or package.quantities]
    if own or not parcels:
        return order
    named = dict.fromkeys((parcel.carrier, parcel.tracking_number) for parcel in parcels if parcel.tracking_number)
    packages = tuple(Package(carrier, number) for carrier, number in named)
    return msgspec.structs.replace(order, packages=packages) if packages else order


def renamed(order: AmazonOrder, known: AmazonOrder) -> AmazonOrder:
    """An order first known from a report keeps the item ids it was given then: what is billed is billed by them.

    Items are told by Amazon's id once it is known, else by SKU and quantity, in the order they come.
    """
    left = [item for item in known.items if item.order_item_id.startswith(ROW)]
    if not left or order.source == REPORT:
        return order
    ids: dict[str, str] = {}
    likeness = (
        lambda item, old: old.amazon_id == item.order_item_id,
        lambda item, old: not old.amazon_id and (old.sku, old.quantity) == (item.sku, item.quantity),
        lambda item, old: not old.amazon_id and old.sku == item.sku,
    )
    for alike in likeness:
        for item in order.items:
            found = next((old for old in left if item.order_item_id not in ids and alike(item, old)), None)
            if found is not None:
                ids[item.order_item_id] = found.order_item_id
                left.remove(found)
    items = tuple(
        msgspec.structs.replace(item, order_item_id=ids[item.order_item_id], amazon_id=item.order_item_id)
        if item.order_item_id in ids
        else item
        for item in order.items
    )
    packages = tuple(
        msgspec.structs.replace(
            package, quantities={ids.get(item, item): units for item, units in package.quantities.items()}
        )
        for package in order.packages
    )
    return msgspec.structs.replace(order, items=items, packages=packages)


def completed(order: AmazonOrder, known: AmazonOrder) -> AmazonOrder:
    """An order whose region refused some data sets, with what is known of these from before."""
    if not order.missing:
        return order
    before = {item.order_item_id: item for item in known.items}
    items = tuple(
        _item_completed(item, before[item.order_item_id], order.missing) if item.order_item_id in before else item
        for item in order.items
    )
    changes: dict[str, object] = {"items": items}
    if "FULFILLMENT" in order.missing:
        changes |= {"status": known.status, "fulfilled_by": known.fulfilled_by}
    if "PROCEEDS" in order.missing and known.currency:
        changes |= {"total": known.total, "currency": known.currency}
    priced = known.currency and all(item.order_item_id in before for item in order.items)
    if "PROCEEDS" not in order.missing or priced:
        changes["problem"] = known.problem
    if "PACKAGES" in order.missing:
        changes["packages"] = known.packages
    whole = set(order.missing) & set(known.missing)
    changes["missing"] = tuple(name for name in order.missing if name in whole)
    return msgspec.structs.replace(order, **changes)


def _item_completed(item: OrderItem, known: OrderItem, missing: tuple[str, ...]) -> OrderItem:
    changes: dict[str, object] = {}
    if "PROCEEDS" in missing:
        changes |= {"proceeds": known.proceeds, "parts": known.parts}
    if "FULFILLMENT" in missing:
        changes |= {"shipped": known.shipped, "unshipped": known.unshipped}
    if "CANCELLATION" in missing:
        changes["cancelled"] = known.cancelled
    if "TAX" in missing:
        changes["facilitator"] = known.facilitator
    return msgspec.structs.replace(item, **changes)


class Billable(msgspec.Struct, frozen=True):
    """An item's amounts as the buyer was charged: ITEM, SHIPPING, ... and DISCOUNT/<kind>; tax apart.

    `included`: Amazon's prices hold the tax (VAT); it is taken out of `amounts`.
    """

    amounts: dict[str, int]
    tax: int
    included: bool = False


def billable(item: OrderItem) -> Billable | None:
    """The one reading of an item's parts that sums to its proceeds; None where no reading, or two that differ, fit.

    Amazon states neither the sign of DISCOUNT nor whether TAX is part of the total (amazon.md, 3, 'Traps'), so each
    combination is tried: discounts as sent or negated, tax added or already inside.
    """
    charges = {part.type: 0 for part in item.parts if part.type not in ("TAX", "DISCOUNT")}
    for part in item.parts:
        if part.type in charges:
            charges[part.type] += part.amount
    discounts = _by_subtype(part for part in item.parts if part.type == "DISCOUNT")
    tax = sum(part.amount for part in item.parts if part.type == "TAX")
    discount = sum(discounts.values())
    gross = sum(charges.values())
    if item.proceeds is None:
        return None
    readings = set()
    for sign in (1, -1):
        for tax_counted in (1, 0):
            if gross + sign * discount + tax_counted * tax == item.proceeds:
                # A discount is money the buyer did not pay: a reading that makes it a charge is none.
                if sign * discount <= 0:
                    readings.add((sign if discount else 1, tax_counted if tax else 1))
    if len(readings) != 1:
        return None
    (sign, tax_counted) = readings.pop()
    amounts = {**charges, **{f"DISCOUNT/{subtype}": sign * value for subtype, value in discounts.items()}}
    if not tax_counted:
        for subtype, held in _by_subtype(part for part in item.parts if part.type == "TAX").items():
            if abs(held) > abs(amounts.get(subtype, 0)):
                return None  # which component holds this tax is not stated
            amounts[subtype] -= held
    return Billable({kind: amount for kind, amount in amounts.items() if amount}, tax, included=not tax_counted)


def _by_subtype(parts: Iterable[Part]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in parts:
        key = part.subtype or "ITEM"
        sums[key] = sums.get(key, 0) + part.amount
    return sums


def order_stream(flow: str, order_id: str) -> UUID:
    return stream_id(flow, "order", order_id)
