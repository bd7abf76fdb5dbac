"""The same money as the settlements, told as Finances tells it: transactions, event groups, balances.

Made from the settlements' own lines, so that the two agree to the cent; what is not settled yet comes from the orders.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import groupby

import msgspec

from adapters.simulated.world.history import World
from adapters.simulated.world.orders import Order
from adapters.simulated.world.seller import CATALOGUE, UMLAUT, Market, share
from adapters.simulated.world.settlements import (
    INVOICED,
    STANDARD,
    Line,
    Settlement,
    label_lines,
    order_lines,
    total_of,
)

Leaf = tuple[str, int]  # where it stands in the tree of amounts, and how much it is

_ASINS = {product.sku: product.asin for product in (*CATALOGUE, UMLAUT)}
_RATE = 7312  # USD for 1 CAD, in ten thousandths: what Amazon's currency converter paid
_PATHS = {
    ("ItemPrice", "Principal"): "ProductCharges/OurPricePrincipal",
    ("ItemPrice", "Tax"): "Tax/OurPriceTax",
    ("ItemPrice", "Shipping"): "ShippingPrincipal",
    ("ItemPrice", "ShippingTax"): "Tax/ShippingTax",
    ("ItemPrice", "GiftWrap"): "GiftwrapPrincipal",
    ("ItemPrice", "GiftWrapTax"): "Tax/GiftwrapTax",
    ("Promotion", "Principal"): "Promo/OurPriceDiscount",
    ("Promotion", "Shipping"): "Promo/ShippingDiscount",
    ("Promotion", "TaxDiscount"): "Promo/ShippingTaxDiscount",
    ("Cost of Advertising", "TransactionTotalAmount"): "AdvertisingFee",
    ("other-transaction", "Subscription Fee"): "Subscription",
    ("other-transaction", "Storage Fee"): "FBAStorageFee",
    ("other-transaction", "Shipping label purchase"): "PaidServicesFee",
    ("other-transaction", "Current Reserve Amount"): "ReserveDebit",
    ("other-transaction", "Previous Reserve Amount Balance"): "ReserveCredit",
    ("FBA Inventory Reimbursement", "REVERSAL_REIMBURSEMENT"): "FBAReversedReimbursement",
}


class Item(msgspec.Struct, frozen=True):
    sku: str
    quantity: int
    leaves: tuple[Leaf, ...]

    @property
    def asin(self) -> str:
        return _ASINS.get(self.sku, "")


class Entry(msgspec.Struct, frozen=True):
    """A transaction. `items` break it down, or `leaves` do where Amazon tells no item's amounts."""

    id: str
    kind: str
    description: str
    posted: datetime
    market: Market
    account_type: str
    status: str
    total: int
    by_amazon: bool = True
    order_id: str = ""
    shipment: str = ""
    settlement_id: str = ""
    group_id: str = ""
    deferral: str = ""
    matures: datetime | None = None
    releases: str = ""
    released_by: str = ""
    items: tuple[Item, ...] = ()
    leaves: tuple[Leaf, ...] = ()


class Group(msgspec.Struct, frozen=True):
    id: str
    market: Market
    account_type: str
    start: datetime
    end: datetime | None
    total: int
    beginning: int
    settlement: Settlement | None


class Finances:
    """What the account's money looks like at `now`; the world does not change but for amended orders."""

    def __init__(self, world: World, now: datetime) -> None:
        self._world = world
        self._now = now
        self._ledgers = _ledgers(world)
        self.entries = sorted(self._entries(), key=lambda entry: (entry.posted, entry.id))
        self.groups = self._groups()

    def _entries(self) -> list[Entry]:
        found: list[Entry] = []
        for settlement in self._world.settlements:
            for number, lines in enumerate(_transactions(settlement.lines)):
                made = _entry(lines, settlement.market, settlement.account_type, f"{settlement.id}-{number}")
                made = msgspec.structs.replace(made, settlement_id=settlement.id, group_id=group_id(settlement))
                found += self._told(made)
            found += _transfer(settlement, self._now)
        for order in self._world.visible_orders:
            found += self._unsettled(order)
        return [entry for entry in found if entry.posted <= self._now]

    def _unsettled(self, order: Order) -> list[Entry]:
        """What an order has brought since the last settlement of its account."""
        apart = "invoiced_account" in self._world.troubles and "AMAZON_BUSINESS" in order.programs
        account = INVOICED if apart else STANDARD
        closed = self._closed(order.market, STANDARD)
        _, kept = self._world.deferred.get(order.id, ("", timedelta()))
        found: list[Entry] = []
        for item in order.items:
            if item.posted is None or item.posted + kept < closed:
                continue
            lines = [msgspec.structs.replace(line, posted=item.posted + kept) for line in order_lines(order, item)]
            made = _entry(lines, order.market, account, f"open-{item.id}")
            found += self._told(msgspec.structs.replace(made, group_id=self._open_id(order.market, account)))
        for line in label_lines(order):
            if line.posted >= closed:
                made = _entry([line], order.market, STANDARD, f"open-label-{order.id}-{line.posted}")
                found.append(msgspec.structs.replace(made, group_id=self._open_id(order.market, STANDARD)))
        return found

    def _told(self, entry: Entry) -> list[Entry]:
        """A deferred sale is told twice: as it was made, and as it is released."""
        reason, kept = self._world.deferred.get(entry.order_id, ("", timedelta()))
        if entry.kind != "Shipment" or not reason:
            return [entry]
        released = entry.posted <= self._now
        deferred = msgspec.structs.replace(
            entry,
            id=_hash(f"deferred {entry.id}"),
            posted=entry.posted - kept,
            status="DEFERRED_RELEASED" if released else "DEFERRED",
            deferral=reason,
            matures=entry.posted,
            settlement_id="",
            group_id="",
            released_by=entry.id if released else "",
        )
        return [deferred, msgspec.structs.replace(entry, releases=deferred.id)] if released else [deferred]

    def _groups(self) -> list[Group]:
        found = []
        for settlement in self._world.settlements:
            before = next(
                (line for line in settlement.lines if line.amount_description.startswith("Previous Res")), None
            )
            beginning = before.amount if before is not None else 0
            found.append(
                Group(
                    group_id(settlement), settlement.market, settlement.account_type, settlement.start, settlement.end,
                    total_of(settlement.lines), beginning, settlement,
                )
            )  # fmt: skip
        for market, account in self._ledgers:
            identity = self._open_id(market, account)
            balance = sum(entry.total for entry in self.entries if entry.group_id == identity)
            start = self._closed(market, account)
            found.append(Group(identity, market, account, start, None, balance + self.kept(market, account),
                               self.kept(market, account), None))  # fmt: skip
        return sorted(found, key=lambda group: (group.start, group.id), reverse=True)

    def balances(self) -> list[tuple[Market, str, dict[str, int]]]:
        """By ledger: what is deferred, what is kept back, and what is available."""
        found = []
        for market, account in self._ledgers:
            mine = [e for e in self.entries if (e.market.id, e.account_type) == (market.id, account)]
            deferred = sum(entry.total for entry in mine if entry.status == "DEFERRED")
            open_id = self._open_id(market, account)
            available = sum(entry.total for entry in mine if entry.group_id == open_id)
            kept = self.kept(market, account)
            found.append(
                (market, account, {"DEFERRED": deferred, "ACCOUNT_LEVEL_RESERVE": kept, "AVAILABLE": available})
            )
        return found

    def kept(self, market: Market, account: str) -> int:
        """What the last settlement of a ledger kept back."""
        mine = [s for s in self._world.settlements if (s.market.id, s.account_type) == (market.id, account)]
        last = max(mine, key=lambda settlement: settlement.end, default=None)
        lines = last.lines if last is not None else ()
        return -sum(line.amount for line in lines if line.amount_description == "Current Reserve Amount")

    def converted(self, group: Group) -> tuple[int, str]:
        """What reached the bank, and in which currency."""
        home = self._world.market.currency
        if "converted_payout" in self._world.troubles and group.market.currency != home:
            return share(group.total, _RATE), home
        return group.total, group.market.currency

    def _closed(self, market: Market, account: str) -> datetime:
        ends = [s.end for s in self._world.settlements if (s.market.id, s.account_type) == (market.id, account)]
        return max(ends, default=min((o.created for o in self._world.orders.values()), default=self._now))

    def _open_id(self, market: Market, account: str) -> str:
        return _hash(f"open group {market.id} {account}")


def group_id(settlement: Settlement) -> str:
    """The event group of a settlement: another id, and no way from one to the other."""
    return _hash(f"group of {settlement.id}")


def _ledgers(world: World) -> list[tuple[Market, str]]:
    accounts = {(market.id, STANDARD): market for market in world.markets}
    accounts |= {(s.market.id, s.account_type): s.market for s in world.settlements}
    return [(market, account) for (_, account), market in sorted(accounts.items(), key=lambda each: each[0])]


def _transactions(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines of one event belong together: of one order at one moment; what has no order stands alone."""

    def key(pair: tuple[int, Line]) -> tuple[str, ...]:
        number, line = pair
        if not line.item_code:
            return ("", str(number).zfill(9))
        return (line.transaction_type, line.order_id, line.adjustment_id, line.posted.isoformat())

    pairs = sorted(enumerate(lines), key=lambda pair: (key(pair), pair[0]))
    return [[line for _, line in group] for _, group in groupby(pairs, key=key)]


def _entry(lines: list[Line], market: Market, account: str, identity: str) -> Entry:
    first = lines[0]
    kind, description = _kind(first)
    by_item = [(code, list(group)) for code, group in groupby(lines, key=lambda line: line.item_code)]
    items = tuple(
        Item(own[0].sku, max(line.quantity for line in own), tuple(_leaf(line) for line in own)) for _, own in by_item
    )
    alone = kind in ("FBAInventoryReimbursement", "Adjustment")
    return Entry(
        id=_hash(identity),
        kind=kind,
        description=description,
        posted=first.posted,
        market=market,
        account_type=account,
        status="RELEASED",
        total=total_of(lines),
        by_amazon=first.fulfillment != "MFN",
        order_id=first.order_id if first.item_code or first.transaction_type == "other-transaction" else "",
        shipment=first.shipment_id,
        # Amazon tells the amounts of some kinds for the whole transaction only: the items' breakdowns are null.
        items=tuple(msgspec.structs.replace(item, leaves=()) for item in items) if alone else items,
        leaves=tuple(_leaf(line) for line in lines) if alone else (),
    )


def _kind(line: Line) -> tuple[str, str]:
    match line.transaction_type, line.amount_type, line.amount_description:
        case "Order", _, _:
            return "Shipment", "Order Payment"
        case "Refund", _, _:
            return "Refund", "Refund Order"
        case _, "Cost of Advertising", _:
            return "ProductAdsPayment", "Cost of Advertising"
        case _, "FBA Inventory Reimbursement", description:
            return "FBAInventoryReimbursement", description
        case _, _, "Current Reserve Amount" | "Previous Reserve Amount Balance":
            return "Adjustment", line.amount_description
        case _, _, "Payable to Amazon" | "Successful charge":
            return "DebtRecovery", line.amount_description
        case _, "other-transaction", description:
            return "ServiceFee", description
        case transaction_type, _, description:
            return transaction_type.replace(" ", ""), description


def _leaf(line: Line) -> Leaf:
    if line.amount_type == "ItemFees":
        above = "FBAFees" if line.amount_description.startswith("FBA") else "AmazonFees"
        return f"{above}/{line.amount_description}", line.amount
    if line.amount_type == "FBA Inventory Reimbursement" and line.amount >= 0:
        return "FBAInventoryReimbursement", line.amount
    known = _PATHS.get((line.amount_type, line.amount_description))
    return known or line.amount_description, line.amount


def _transfer(settlement: Settlement, now: datetime) -> list[Entry]:
    """The payout itself: positive, although money leaves (amazon.md 4.4)."""
    if settlement.total <= 0 or settlement.deposit > now:
        return []
    return [
        Entry(
            _hash(f"transfer {settlement.id}"), "Transfer", "Disbursement", settlement.deposit, settlement.market,
            settlement.account_type, "RELEASED", settlement.total, settlement_id=settlement.id,
            group_id=group_id(settlement), leaves=(("FundTransfer", settlement.total),),
        )
    ]  # fmt: skip


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=24).hexdigest()
