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


class Package(msgspec.Struct, frozen=True, omit_defaults=True):
    """One parcel of an order the merchant ships."""

    carrier: str = ""
    tracking_number: str = ""
    shipped_at: datetime | None = None


class AmazonOrder(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one order is, as of `updated`; `currency` is empty while Amazon states no money."""

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


class Order(msgspec.Struct):
    """An order folded from its events.

    `first_shipped` is when we first saw it shipped (UTC): when it shipped only if `seen_before`, else it may have been
    long ago. `first_posted` is the earliest time at which a settlement shows its sale.
    """

    known: AmazonOrder | None = None
    first_shipped: datetime | None = None
    seen_before: bool = False
    first_posted: datetime | None = None
    settled: dict[str, dict[str, int]] = {}  # by settlement id, then account key
    recognised_by: str = ""


def content_hash(order: AmazonOrder) -> str:
    """A hash over everything but the time of the last update, which moves without cause."""
    still = msgspec.structs.replace(order, updated=order.created)
    return hashlib.blake2b(msgspec.json.encode(still), digest_size=16).hexdigest()


def record(order: AmazonOrder, known: Order, stamp: Stamp, evidence: str = "") -> list[Event]:
    """What is new about an order: nothing, or one event. An older report than the known one is no news."""
    if known.known is not None:
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
            state.known = event.order
            if event.order.status != "SHIPPED":
                state.seen_before = state.seen_before or state.first_shipped is None
            elif state.first_shipped is None:
                state.first_shipped = event.order.updated
        case OrderDated():
            state.first_posted = min(event.posted, state.first_posted or event.posted)
        case OrderSettled():
            state.settled = {**state.settled, event.settlement_id: event.amounts}
        case OrderRecognisedBySettlement():
            state.recognised_by = event.settlement_id
    return state


class Billable(msgspec.Struct, frozen=True):
    """An item's amounts as the buyer was charged: ITEM, SHIPPING, ... and DISCOUNT/<kind>; tax apart."""

    amounts: dict[str, int]
    tax: int


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
    if not tax_counted:
        return None  # tax inside the prices: which component holds how much of it is not stated
    amounts = {**charges, **{f"DISCOUNT/{subtype}": sign * value for subtype, value in discounts.items()}}
    return Billable({kind: amount for kind, amount in amounts.items() if amount}, tax)


def _by_subtype(parts: Iterable[Part]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for part in parts:
        key = part.subtype or "ITEM"
        sums[key] = sums.get(key, 0) + part.amount
    return sums


def order_stream(flow: str, order_id: str) -> UUID:
    return stream_id(flow, "order", order_id)
