"""Trades in a few words, for tables of rules: rows of a settlement, and books that are filled example by example."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import trade
from company import Books

from domain.document import Document, Invoice
from domain.mapping import QuickBooksRef
from domain.money import to_minor
from domain.order import AmazonOrder, OrderItem
from domain.posting import Posting
from domain.posting_rules import invoice_for
from domain.settlement import SettlementLine, Statement

ONE, TWO = "111-0000001-0000001", "111-0000002-0000002"
OLD = "109-0000000-0000009"
OTHER = ("other-transaction", "other-transaction")

Row = tuple[str, ...]


def at(day: str) -> datetime:
    """Noon in Los Angeles of a day like `11-18`."""
    month, _, number = day.partition("-")
    return datetime(2026, int(month), int(number), 20, tzinfo=UTC)


def sold(order_id: str, day: str, *items: OrderItem, **parts: str) -> AmazonOrder:
    return trade.order(order_id, *(items or (trade.item(**parts),)), shipped=at(day))


def sale(order_id: str, amount: str, description: str = "Principal", kind: str = "ItemPrice", day: str = "") -> Row:
    return ("Order", kind, description, amount, order_id, day)


def fee(order_id: str, amount: str, description: str = "Commission", kind: str = "Order", day: str = "") -> Row:
    return (kind, "ItemFees", description, amount, order_id, day)


def fba(order_id: str, amount: str = "-3.86", day: str = "") -> Row:
    return fee(order_id, amount, "FBAPerUnitFulfillmentFee", day=day)


def refund(order_id: str, amount: str, kind: str = "Refund") -> Row:
    return (kind, "ItemPrice", "Principal", amount, order_id, "")


def pair(order_id: str, collected: str, withheld: str, kind: str = "Order") -> list[Row]:
    return [
        (kind, "ItemPrice", "Tax", collected, order_id, ""),
        (kind, "ItemWithheldTax", "MarketplaceFacilitatorTax-Principal", withheld, order_id, ""),
    ]


def other(description: str, amount: str, day: str = "") -> Row:
    return (*OTHER, description, amount, "", day)


def service(description: str, amount: str, day: str = "") -> Row:
    return ("ServiceFee", "other-transaction", description, amount, "", day)


class Example(Books):
    """Books that are filled example by example."""

    settlements = 0
    lines: dict[str, list[SettlementLine]]

    def orders_of(self, *orders: AmazonOrder) -> "Example":
        for order in orders:
            self.order(order)
        return self

    def settled(self, deposit: str, *rows: Row, currency: str = "USD", **facts: Any) -> Any:
        """A settlement of rows `(type, amount type, description, amount, order id, day posted)`, paid on a day."""
        self.settlements += 1
        paid = at(deposit)
        lines = [
            SettlementLine(number, *row[:3], to_minor(row[3], currency), row[4], posted=at(row[5] or deposit))
            for number, row in enumerate(rows, start=1)
        ]
        total = sum(line.amount for line in lines)
        statement = Statement(
            f"2847100392{self.settlements}", currency, total, paid - timedelta(days=16), paid - timedelta(days=2), paid
        )
        outcome = self.settle(statement, lines, **facts)
        self.lines = {**getattr(self, "lines", {}), statement.settlement_id: lines}
        return outcome

    def invoice_in(self, currency: str, order_id: str, day: str, price: str, rate: str) -> None:
        """A foreign invoice as QuickBooks has it, at its own rate of the day."""
        customer = f"Amazon.com {currency}"
        self.mapping.customers[customer] = QuickBooksRef("c-2", customer)
        order = trade.order(order_id, trade.item(ITEM=price), shipped=at(day), currency=currency)
        invoice = invoice_for(trade.seen(order), self.flow, self.mapping)
        assert isinstance(invoice, Invoice), invoice
        self.orders[order_id] = trade.seen(order)
        self.of_order[order_id] = [("invoice", order_id)]
        self.postings["invoice", order_id] = Posting(status="posted", kind="invoice", key=order_id, document=invoice)
        self.record(f"invoice/{order_id}", msgspec.structs.replace(invoice, rate=rate))

    def by_hand(self, document: Document) -> None:
        """A document that QuickBooks or a person makes."""
        self.record(f"{type(document).__name__}/{len(self.documents)}", document)
