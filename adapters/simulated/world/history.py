"""The world: a seller's orders and settlements over the last weeks, and the reports that carry the settlements.

Settlements follow each other without a gap, fourteen days each, the last one closed about two and a half days before
`now`. What was shipped after that is not settled yet. `troubles` add known difficulties one by one.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

import msgspec

from adapters.simulated.world.orders import Item, Order, make_order
from adapters.simulated.world.seller import CATALOGUE, MARKETS, UMLAUT, Market, Product, money_text, share
from adapters.simulated.world.settlements import (
    INVOICED,
    Line,
    Settlement,
    fee_lines,
    label_lines,
    order_lines,
    refund_lines,
    reserve_line,
    total_of,
)

FORTNIGHT = timedelta(days=14)
# The last settlement closes this long before now: its payout is under way, the newest orders wait for the next one.
OPEN_PERIOD = timedelta(days=2, hours=9, minutes=31, seconds=21)

Deferral = tuple[str, timedelta]

TROUBLES = {
    "unmapped_line": "the last settlement has a line of a kind nobody has seen",
    "tax_not_withheld": "one order's tax is paid out to the seller instead of being withheld",
    "negative_settlement": "one settlement is below zero, and the next one shows the charge to the seller's card",
    "unseen_order": "a settlement pays an order that the Orders API never shows",
    "unlisted_order": "a settlement pays an order that no search shows, though it can be asked for",
    "wrong_total": "the last settlement's total is one cent more than its lines",
    "repeated_settlement": "the last document repeats the first settlement",
    "amended_order": "a settled order was changed after its shipment",
    "foreign_currency": "the seller also trades in Canada and has a settlement in CAD",
    "comma_decimals": "documents come in German form and in cp1252",
    "deferred_sales": "some sales are paid days after they were made: business orders, and a third of the others",
    "invoiced_account": "business orders are settled in an account of their own",
    "converted_payout": "what is earned in another currency is paid out in the seller's own",
}


class Report(msgspec.Struct, frozen=True):
    """A report in Amazon's list, and what its document holds."""

    id: str
    document_id: str
    created: datetime
    market: Market
    settlements: tuple[Settlement, ...]


class World:
    """What Amazon knows about one seller. Tests may build one by hand; only `amend` changes it."""

    def __init__(
        self,
        now: datetime,
        market: Market,
        orders: Collection[Order],
        settlements: Collection[Settlement],
        *,
        reports: Collection[Report] | None = None,
        hidden: Collection[str] = (),
        unlisted: Collection[str] = (),
        troubles: Collection[str] = (),
        deferred: Mapping[str, Deferral] | None = None,
    ) -> None:
        self.now = now
        self.market = market
        self.orders = {order.id: order for order in orders}
        self.settlements = tuple(settlements)
        self.reports = tuple(_one_report_each(self.settlements) if reports is None else reports)
        self.hidden = frozenset(hidden)  # paid by a settlement, never shown by the Orders API
        self.unlisted = frozenset(unlisted)  # never in a search or report, but there when asked for by id
        self.troubles = frozenset(troubles)
        self.deferred = dict(deferred or {})  # order id -> why, and how long its money is kept
        self.version = 0  # counts amendments, so that whoever sorted the orders knows to sort again

    @property
    def since(self) -> str:
        """The day before the first order, as an ISO date."""
        first = min((order.created for order in self.orders.values()), default=self.now)
        return (first - timedelta(days=1)).date().isoformat()

    @property
    def visible_orders(self) -> list[Order]:
        return [order for order in self.orders.values() if order.id not in self.hidden]

    @property
    def markets(self) -> list[Market]:
        found = {self.market.id: self.market} | {order.market.id: order.market for order in self.orders.values()}
        return list(found.values())

    def amend(self, order_id: str, at: datetime) -> Order:
        """Change an order after the fact: its first item becomes a tenth cheaper, and the order counts as updated."""
        order = self.orders[order_id]
        first = order.items[0]
        unit_price = first.principal // first.quantity
        cheaper = msgspec.structs.replace(
            first,
            principal=(unit_price - share(unit_price, 1000)) * first.quantity,
            tax=first.tax - share(first.tax, 1000),
        )
        items = (cheaper, *order.items[1:])
        amended = msgspec.structs.replace(order, items=items, updated=at.replace(microsecond=0))
        self.orders[order_id] = amended
        self.version += 1
        return amended

    def expected(self) -> dict[str, Any]:
        """What a reader of everything should have found."""
        return {
            "settlements": [
                {
                    "id": settlement.id,
                    "currency": settlement.market.currency,
                    "total": money_text(settlement.total),
                    "lines_total": money_text(total_of(settlement.lines)),
                    "lines": len(settlement.lines),
                    "start": settlement.start.isoformat(),
                    "end": settlement.end.isoformat(),
                    "deposit_date": settlement.deposit.date().isoformat(),
                }
                for settlement in self.settlements
            ],
            "orders": dict(sorted(Counter(order.status for order in self.visible_orders).items())),
            "troubles": sorted(self.troubles),
        }


def make_world(
    seed: int = 1,
    orders: int = 300,
    settlements: int = 3,
    now: datetime | None = None,
    marketplace: str = "US",
    troubles: Collection[str] = (),
) -> World:
    """A seller's last weeks until `now`, which is last midnight (UTC) unless given.

    The same seed gives the same ids and amounts, whatever `now` is.
    """
    now = now or datetime.combine(datetime.now(UTC).date(), time(), UTC)
    unknown = set(troubles) - TROUBLES.keys()
    if unknown:
        raise ValueError(f"no such trouble: {', '.join(sorted(unknown))}; known are {', '.join(TROUBLES)}")
    market = MARKETS[marketplace]
    products = (*CATALOGUE, UMLAUT) if "comma_decimals" in troubles else CATALOGUE
    trade = _Trade(Random(f"{seed} {market.code}"), market, products, orders, settlements, now, troubles)
    trades = [trade]
    if "foreign_currency" in troubles:
        canada = MARKETS["CA"]
        trades.append(_Trade(Random(f"{seed} abroad"), canada, products, max(6, orders // 12), 1, now, ()))
    all_orders = [order for each in trades for order in each.orders]
    world = World(
        now,
        market,
        sorted(all_orders, key=lambda order: order.created),
        [settlement for each in trades for settlement in each.settlements],
        hidden=trade.hidden,
        unlisted=trade.unlisted,
        troubles=troubles,
        deferred=trade.deferred,
    )
    if "repeated_settlement" in troubles and settlements:
        world.reports = _repeating(world.reports, trade.settlements)
    for order_id in trade.to_amend:
        world.amend(order_id, now - timedelta(minutes=30))
    return world


class _Trade:
    """The making of one marketplace's orders and settlements, step by step, from one source of chance."""

    def __init__(
        self,
        random: Random,
        market: Market,
        products: tuple[Product, ...],
        orders: int,
        settlements: int,
        now: datetime,
        troubles: Collection[str],
    ) -> None:
        self.random = random
        self.market = market
        self.products = products
        self.now = now
        self.troubles = troubles
        self.first = now - OPEN_PERIOD - settlements * FORTNIGHT
        self.closed = settlements
        self.invoiced_until: datetime | None = None
        self.hidden: list[str] = []
        self.unlisted: list[str] = []
        self.to_amend: list[str] = []
        self.orders = self._make_orders(orders)
        self._trouble_orders()
        self.deferred = self._deferred_orders() if "deferred_sales" in troubles else {}
        self.settlements = self._make_settlements()

    def _make_orders(self, count: int) -> list[Order]:
        span = (self.now - self.first) // timedelta(minutes=1) - 10
        number = self.random.randint(1_000_000, 8_000_000)
        made = []
        for index in range(count):
            # Spread evenly, oldest first, each at a chance moment of its share of the time.
            age = 10 + span * (1000 * (count - 1 - index) + self.random.randint(0, 999)) // (1000 * count)
            made.append(make_order(self.random, number + index, self.market, self.products, age, self.now))
        return made

    def _trouble_orders(self) -> None:
        """Choose a different settled order for each trouble that wants one; chance is drawn from elsewhere."""
        last_end = self.first + self.closed * FORTNIGHT
        candidates = [
            index
            for index, order in enumerate(self.orders)
            if order.status == "SHIPPED"
            and all(item.posted and item.posted < last_end and item.tax for item in order.items)
        ]
        for trouble in ("tax_not_withheld", "unseen_order", "amended_order", "unlisted_order"):
            if trouble not in self.troubles or not candidates:
                continue
            index = candidates.pop()
            order = self.orders[index]
            if trouble == "tax_not_withheld":
                items = tuple(msgspec.structs.replace(item, tax_withheld=False) for item in order.items)
                self.orders[index] = msgspec.structs.replace(order, items=items)
            elif trouble == "unseen_order":
                self.hidden.append(order.id)
            elif trouble == "unlisted_order":
                self.unlisted.append(order.id)
            else:
                self.to_amend.append(order.id)

    def _deferred_orders(self) -> dict[str, Deferral]:
        """Business orders until they are paid, and every third order until a week after its delivery."""
        business = {order.id for order in self.orders if "AMAZON_BUSINESS" in order.programs}
        some = {order.id for order in self.orders[::3]}
        return {
            order.id: ("B2B", timedelta(days=20)) if order.id in business else ("DD7", timedelta(days=10))
            for order in self.orders
            if order.id in business | some
        }

    def _make_settlements(self) -> list[Settlement]:
        sales: list[list[Line]] = [[] for _ in range(self.closed)]
        refunds: list[list[Line]] = [[] for _ in range(self.closed)]
        invoiced: list[list[Line]] = [[] for _ in range(self.closed)]
        for order in self.orders:
            apart = "invoiced_account" in self.troubles and "AMAZON_BUSINESS" in order.programs
            for item in order.items:
                if item.posted is None:
                    continue
                paid = item.posted + self.deferred[order.id][1] if order.id in self.deferred else item.posted
                lines = [msgspec.structs.replace(line, posted=paid) for line in order_lines(order, item)]
                self._place(invoiced if apart else sales, lines, paid)
                self._maybe_refund(invoiced if apart else refunds, order, item, paid)
            for line in label_lines(order):
                self._place(sales, [line], line.posted)

        number = self.random.randint(20_000_000_000, 28_000_000_000)
        settlements: list[Settlement] = []
        held = debt = 0
        for index in range(self.closed):
            start = self.first + index * FORTNIGHT
            lines, held, debt = self._period(index, start, sales[index], refunds[index], held, debt)
            total = total_of(lines)
            if "wrong_total" in self.troubles and index == self.closed - 1:
                total += 1
            end = start + FORTNIGHT
            number += self.random.randint(100_000_000, 300_000_000)
            settlements.append(
                Settlement(str(number), self.market, start, end, end + timedelta(days=2), total, tuple(lines))
            )
            if "invoiced_account" in self.troubles:
                settlements += self._invoiced(str(number + 7), start, invoiced, index)
        return settlements

    def _invoiced(self, number: str, start: datetime, lines: list[list[Line]], index: int) -> list[Settlement]:
        """The settlement of the invoiced account, if anything is paid out: what it owes is taken along."""
        total = total_of(lines[index])
        if total <= 0:
            if index + 1 < self.closed:
                lines[index + 1] = lines[index] + lines[index + 1]
            return []
        end = start + FORTNIGHT
        begin, self.invoiced_until = self.invoiced_until or start, end
        paid = end + timedelta(days=2)
        return [Settlement(number, self.market, begin, end, paid, total, tuple(lines[index]), INVOICED)]

    def _place(self, periods: list[list[Line]], lines: Any, posted: datetime) -> None:
        index = (posted - self.first) // FORTNIGHT
        if 0 <= index < len(periods):
            periods[index].extend(lines)

    def _maybe_refund(self, periods: list[list[Line]], order: Order, item: Item, posted: datetime) -> None:
        returned = self.random.random() < 0.06
        if not returned:
            return
        when = posted + timedelta(minutes=self.random.randint(4 * 1440, 18 * 1440))
        part = 10000 if self.random.random() < 0.8 else self.random.randint(10, 50) * 100
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        numbers = (
            "amzn1:crow:" + "".join(self.random.choices(letters, k=22)),
            str(self.random.randrange(10**18, 2 * 10**18)),
        )
        self._place(periods, refund_lines(order, item, when, part, numbers), when)

    def _period(
        self, index: int, start: datetime, sales: list[Line], refunds: list[Line], held: int, debt: int
    ) -> tuple[list[Line], int, int]:
        """One settlement's lines, the reserve it leaves behind, and the debt if it ends below zero."""
        end = start + FORTNIGHT
        few_seconds = timedelta(seconds=7)
        lines = [*sales, *refunds]
        earned = total_of(lines)
        if held:
            lines.append(reserve_line("Previous Reserve Amount Balance", held, start + few_seconds))
        lines += fee_lines(self.random, self.market, index, start, end, earned)
        if debt:
            # Amazon charged the seller's card for the last settlement: two lines that cancel.
            lines.append(reserve_line("Payable to Amazon", -debt, start + few_seconds))
            lines.append(reserve_line("Successful charge", debt, start + timedelta(days=3)))
        if "unmapped_line" in self.troubles and index == self.closed - 1:
            when = end - timedelta(days=1)
            lines.append(Line("ServiceFee", "Dispatch Surcharges", "QuantumDispatchSurcharge", -42, when))

        available = total_of(lines)
        if "negative_settlement" in self.troubles and index == (self.closed - 1) // 2:
            when = end - timedelta(days=2)
            lines.append(Line("ServiceFee", "other-transaction", "Storage Fee", -max(available, 0) - 32169, when))
            return lines, 0, -total_of(lines)
        if available < 500:
            # Too little trade to pay for its fees and refunds: Amazon found something it had lost.
            found = Line("other-transaction", "FBA Inventory Reimbursement", "WAREHOUSE_LOST", 2500 - available, end,
                         sku=CATALOGUE[0].sku, fulfillment="AFN")  # fmt: skip
            lines.append(found)
            available = total_of(lines)
        kept = share(available, self.random.randint(600, 1800))
        lines.append(reserve_line("Current Reserve Amount", -kept, end + few_seconds))
        return lines, kept, 0


def _one_report_each(settlements: Collection[Settlement]) -> list[Report]:
    return [_report(settlement, (settlement,)) for settlement in settlements]


def _report(newest: Settlement, settlements: tuple[Settlement, ...]) -> Report:
    document_id = f"amzn1.spdoc.1.4.na.{int(newest.id):016x}.T1{newest.id}"
    report_id = f"{int(newest.id) * 3 % 10**11:011d}20"
    return Report(report_id, document_id, newest.end + timedelta(hours=3), newest.market, settlements)


def _repeating(reports: tuple[Report, ...], settlements: list[Settlement]) -> tuple[Report, ...]:
    first, last = settlements[0], settlements[-1]
    if first is last:
        again = _report(last, (first,))
        later = msgspec.structs.replace(
            again,
            id=again.id[:-1] + "1",
            document_id=again.document_id + "9",
            created=again.created + timedelta(days=1),
        )
        return (*reports, later)
    repeating = _report(last, (first, last))
    return tuple(repeating if report.id == repeating.id else report for report in reports)
