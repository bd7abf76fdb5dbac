"""A random company: its orders and settlements as Amazon would tell them, and what its books must show in the end.

`Company` invents the trade and, line by line, says which account each amount belongs to, without asking the rules.
`Books` books any trade through the real functions, in memory: orders by `plan_order`, settlements by `plan_settlement`,
everything sent at once. Both are pure and seeded: the same seed is the same company.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import trade

from domain.document import Document, debits_and_credits
from domain.flow import Flow
from domain.ledger import Ledger
from domain.ledger import evolve as evolve_ledger
from domain.mapping import Mapping, Rule
from domain.order import AmazonOrder, Order, OrderRecognisedBySettlement, OrderSettled
from domain.order import evolve as evolve_order
from domain.order import record as record_order
from domain.policy import Policies
from domain.posting import Posting, PostingPlanned
from domain.posting import evolve as evolve_posting
from domain.posting_rules import Held, NothingToPost, SettlementPlan, plan_settlement
from domain.posting_rules.changes import CREDIT_KINDS, by_number
from domain.posting_rules.planned import PlannedDocument
from domain.posting_rules.settlement import orders_named
from domain.posting_rules.settlement_events import Planning, ledger_events
from domain.settlement import Settlement, SettlementLine, Statement
from domain.settlement import evolve as evolve_settlement
from domain.settlement import record as record_settlement

Name = tuple[str, str]

PERIOD = timedelta(days=14)
BALANCE = ""  # the account of a line that moves clearing itself, or is netted


class Company:
    """Orders and settlements of some fortnights, in USD. `truth` is what each account must hold when all is settled.

    Debits are positive. `troubles`: negative settlements, failed transfers, card charges, loans, unknown orders.
    """

    def __init__(self, seed: int, periods: int = 6, orders_a_period: int = 8, troubles: bool = True) -> None:
        self._random = Random(seed)
        self._troubles = troubles
        self._number = 0
        self._ordinal = 0
        self.truth: dict[str, int] = {}
        self.by_month: dict[tuple[str, str], int] = {}  # P&L by month of the posting and account
        self.orders: list[tuple[datetime, AmazonOrder]] = []
        self.settlements: list[tuple[Statement, list[SettlementLine]]] = []
        self._lines: list[SettlementLine] = []
        self._late: list[tuple[AmazonOrder, datetime, bool]] = []
        self._sold: list[tuple[AmazonOrder, datetime]] = []
        self._reserve = self._owed = self._failed = 0
        self._charge = False
        start = datetime(2026, 1, 5, 14, 7, tzinfo=UTC)  # never midnight: that would be a date without a time
        for number in range(periods):
            self._period(number, start + number * PERIOD, orders_a_period, last=number == periods - 1)

    def trade(self) -> Iterator[AmazonOrder | tuple[Statement, list[SettlementLine]]]:
        """Orders and settlements in the order in which they are told."""
        told: list[tuple[datetime, int, AmazonOrder | tuple[Statement, list[SettlementLine]]]] = []
        told += [(at, 0, order) for at, order in self.orders]
        told += [
            (statement.end or at, 1, (statement, lines)) for statement, lines in self.settlements for at in [trade.NOW]
        ]
        for _, _, one in sorted(told, key=lambda entry: entry[:2]):
            yield one

    # --- what happens -----------------------------------------------------------------------------------------------

    def _period(self, number: int, start: datetime, orders: int, last: bool) -> None:
        self._lines, self._ordinal = [], 0
        self._balances(start, last)
        late, self._late = self._late, []
        for order, shipped, seen in late:
            self._sale(order, shipped, seen)
        for _ in range(self._random.randint(1, orders)):
            order, shipped, seen = self._order(start)
            if self._random.random() < 0.2 and not last:
                self._late.append((order, shipped, seen))
            else:
                self._sale(order, shipped, seen)
        self._refunds(start)
        self._fees(start)
        self._reserves(start, last)
        total = sum(line.amount for line in self._lines)
        if not self._troubles and total <= 0:
            self._add(
                "other-transaction",
                "FBA Inventory Reimbursement",
                "WAREHOUSE_LOST",
                1000 - total,
                start,
                account="REIMB",
            )
            total = 1000
        if total < 0:
            self._owed, self._charge = -total, self._random.random() < 0.5
        elif total and self._troubles and self._random.random() < 0.1 and not last:
            self._failed = total
        end = start + PERIOD
        statement = Statement(f"{28_000_000_000 + number}", "USD", total, start, end, end + timedelta(days=2))
        self.settlements.append((statement, self._lines))

    def _order(self, start: datetime) -> tuple[AmazonOrder, datetime, bool]:
        self._number += 1
        random = self._random
        shipped = start + timedelta(days=random.randint(0, 12), hours=random.randint(0, 20))
        parts = {"ITEM": random.randint(100, 20_000)}
        if random.random() < 0.4:
            parts["SHIPPING"] = random.randint(1, 900)
        if random.random() < 0.2:
            parts["GIFT_WRAP"] = random.randint(1, 500)
        if random.random() < 0.3:
            parts["DISCOUNT_ITEM"] = -random.randint(1, parts["ITEM"] // 2)
        if "SHIPPING" in parts and random.random() < 0.5:
            parts["DISCOUNT_SHIPPING"] = -parts["SHIPPING"]
        tax = random.choice([0, parts["ITEM"] // 12])
        facilitator = random.random() < 0.85
        item = trade.item(
            1, f"{tax / 100:.2f}", 1, facilitator, **{key: f"{value / 100:.2f}" for key, value in parts.items()}
        )
        order = trade.order(f"111-{self._number:07}-0000000", item, shipped=shipped)
        seen = not self._troubles or random.random() < 0.93
        if seen:
            self.orders.append((shipped, order))
        return order, shipped, seen

    def _sale(self, order: AmazonOrder, shipped: datetime, seen: bool) -> None:
        order_id, (item,) = order.order_id, order.items
        for part in item.parts:
            if part.type == "DISCOUNT":
                word = {"ITEM": "Principal", "SHIPPING": "Shipping"}[part.subtype]
                self._add("Order", "Promotion", word, part.amount, shipped, order_id, "PROMO")
            elif part.type == "TAX":
                self._tax(part.amount, item.facilitator, shipped, order_id)
            else:
                word, account = {
                    "ITEM": ("Principal", "SALES"),
                    "SHIPPING": ("Shipping", "SHIPINC"),
                    "GIFT_WRAP": ("GiftWrap", "GIFT"),
                }[part.type]  # fmt: skip
                self._add("Order", "ItemPrice", word, part.amount, shipped, order_id, account)
        principal = item.parts[0].amount
        if self._troubles and self._random.random() < 0.08 and all(part.type != "GIFT_WRAP" for part in item.parts):
            self._add("Order", "ItemPrice", "GiftWrap", 399, shipped, order_id, "GIFT")  # the order feed did not tell
        self._add("Order", "ItemFees", "Commission", -(principal * 15 // 100), shipped, order_id, "REFFEE")
        if self._random.random() < 0.7:
            self._add("Order", "ItemFees", "FBAPerUnitFulfillmentFee", -386, shipped, order_id, "FBAFEE")
        self._sold.append((order, shipped))

    def _tax(self, amount: int, withheld: bool, shipped: datetime, order_id: str) -> None:
        short = amount // 7 if withheld and self._troubles and self._random.random() < 0.1 else 0
        owed = amount if not withheld else short
        self._add("Order", "ItemPrice", "Tax", amount, shipped, order_id, BALANCE)
        if withheld:
            self._add(
                "Order",
                "ItemWithheldTax",
                "MarketplaceFacilitatorTax-Principal",
                short - amount,
                shipped,
                order_id,
                BALANCE,
            )
        if owed:
            self.truth["STX"] = self.truth.get("STX", 0) - owed

    def _refunds(self, start: datetime) -> None:
        for order, _ in self._random.sample(self._sold, min(len(self._sold), self._random.randint(0, 2))):
            at = start + timedelta(days=self._random.randint(0, 13))
            amount = order.items[0].parts[0].amount
            part = amount if self._random.random() < 0.6 else amount * 4 // 10
            kind, account = self._random.choice([("Refund", "REFUND")] * 4 + [("A-to-z Guarantee Refund", "CLAIMS")])
            self._add(kind, "ItemPrice", "Principal", -part, at, order.order_id, account)
            self._add(kind, "ItemFees", "Commission", part * 15 // 100, at, order.order_id, "REFFEE")
            self._add(kind, "ItemFees", "RefundCommission", -min(500, part * 3 // 100), at, order.order_id, "RFADMIN")

    def _fees(self, start: datetime) -> None:
        wished = [
            ("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", -1, 4_000, "ADS"),
            ("ServiceFee", "other-transaction", "Storage Fee", -1, 2_000, "STORAGE"),
            ("ServiceFee", "other-transaction", "Subscription Fee", -1, 3_999, "SUBSCR"),
            ("", "other-transaction", "FBAInboundTransportationFee", -1, 900, "INBOUND"),
            ("other-transaction", "FBA Inventory Reimbursement", "WAREHOUSE_LOST", 1, 1_500, "REIMB"),
            ("other-transaction", "other-transaction", "SAFE-T Reimbursement", 1, 800, "SAFET"),
            ("CouponRedemptionFee", "CouponRedemptionFee", "Coupon", -1, 700, "PROGFEE"),
            ("Liquidations", "ItemPrice", "Principal", 1, 900, "LIQ"),
            ("Order", "ItemFees", "FBAPerUnitFulfillmentFee", -1, 799, "FBAFEE"),
        ]
        if self._troubles:
            wished.append(("other-transaction", "other-transaction", "Amazon Capital Services", -1, 900, "LOAN"))
            wished.append(
                ("Debt Adjustment", "other-transaction", "Cross-Account Debt Adjustment against MX", -1, 50, "XACC")
            )
            wished.append(("ServiceFee", "other-transaction", "Storage Fee", -1, 60_000, "STORAGE"))
        for *triple, sign, most, account in self._random.sample(wished, self._random.randint(0, 4)):
            at = start + timedelta(days=self._random.randint(0, 13))
            order_id = "S01-1234567-1234567" if triple[0] == "Order" else ""
            self._add(*triple, sign * self._random.randint(1, most), at, order_id, account)  # type: ignore[arg-type]

    def _reserves(self, start: datetime, last: bool) -> None:
        if self._reserve:
            self._add(
                "other-transaction",
                "other-transaction",
                "Previous Reserve Amount Balance",
                self._reserve,
                start,
                account="RSV",
            )
            self._reserve = 0
        if self._random.random() < 0.4 and not last:
            self._reserve = self._random.randint(1, 2_000)
            self._add(
                "other-transaction", "other-transaction", "Current Reserve Amount", -self._reserve, start, account="RSV"
            )

    def _balances(self, start: datetime, last: bool) -> None:
        """What the settlement before left: a debt that is collected or charged to a card, a transfer that failed."""
        if self._owed:
            self._add("other-transaction", "other-transaction", "Payable to Amazon", -self._owed, start)
            if self._charge:
                self._add("other-transaction", "other-transaction", "Successful charge", self._owed, start)
                self.truth["CC"] = self.truth.get("CC", 0) - self._owed
            self._owed = 0
        if self._failed:
            self._add(
                "other-transaction",
                "other-transaction",
                "Transfer of funds unsuccessful: account closed",
                self._failed,
                start,
            )
            self._failed = 0

    def _add(
        self, transaction_type: str, amount_type: str, description: str, amount: int, at: datetime,
        order_id: str = "", account: str = BALANCE,
    ) -> None:  # fmt: skip
        if not amount:
            return
        self._ordinal += 1
        self._lines.append(
            SettlementLine(
                self._ordinal,
                transaction_type,
                amount_type,
                description,
                amount,
                order_id,
                posted=at,
                marketplace="Amazon.com",
            )
        )
        if account != BALANCE:
            self.truth[account] = self.truth.get(account, 0) - amount
            month = f"{trade.FLOW.day(at):%Y-%m}"
            self.by_month[month, account] = self.by_month.get((month, account), 0) - amount


class Books:
    """A company's books in memory: every document in the order in which it is made, and what it leaves on accounts.

    `check` is called after each document.
    """

    def __init__(self, flow: Flow = trade.FLOW, mapping: Mapping | None = None) -> None:
        self.flow = flow
        self.mapping = mapping or trade.mapping()
        self.orders: dict[str, Order] = {}
        self.postings: dict[Name, Posting] = {}
        self.of_order: dict[str, list[Name]] = {}
        self.ledger = Ledger()
        self.documents: list[tuple[str, Document]] = []
        self.balances: dict[str, int] = {}
        self.by_month: dict[tuple[str, str], int] = {}
        self.plans: list[SettlementPlan] = []
        self.waiting: list[tuple[Statement, Sequence[SettlementLine], Held]] = []

    def policy(self, policies: Policies) -> "Books":
        """The books under other policies from now on; orders that no document shows are looked at again."""
        self.flow = msgspec.structs.replace(self.flow, policies=policies)
        for order_id, state in self.orders.items():
            if state.known is not None and order_id not in self.of_order:
                self._decide(order_id)
        return self

    def take(self, one: AmazonOrder | tuple[Statement, Sequence[SettlementLine]]) -> None:
        if isinstance(one, AmazonOrder):
            self.order(one)
        else:
            self.settle(*one)

    def order(self, order: AmazonOrder) -> None:
        """An order as Amazon tells it: its documents are planned and sent."""
        state = self.orders.get(order.order_id, Order())
        for event in record_order(order, state, trade.STAMP):
            state = evolve_order(state, event)
        self.orders[order.order_id] = state
        self._decide(order.order_id)

    def _decide(self, order_id: str) -> None:
        state, names = self.orders[order_id], self.of_order.get(order_id, [])
        for name, events in trade.decide(state, {name: self.postings[name] for name in names}, self.flow).items():
            for event in events:
                self.postings[name] = evolve_posting(self.postings.get(name, Posting()), event)
            self.of_order.setdefault(order_id, []).extend([name] if name not in names else [])
            if self.postings[name].status == "planned":
                self._send(name)

    def settle(
        self, statement: Statement, lines: Sequence[SettlementLine], **facts: Any
    ) -> SettlementPlan | Held | NothingToPost:
        """A settlement: its documents are planned and sent, or it waits. `facts`: see `plan_settlement`."""
        settlement = Settlement()
        for event in record_settlement(statement, lines, settlement, trade.STAMP):
            settlement = evolve_settlement(settlement, event)
        for order_id in orders_named(lines):
            self.orders.setdefault(order_id, Order(gone=True))  # it was asked for, and Amazon has it no more
        outcome = plan_settlement(
            settlement, self.orders, self.invoices(), self.flow, self.mapping, ledger=self.ledger, **facts
        )
        if isinstance(outcome, Held):
            self.waiting.append((statement, lines, outcome))
        if not isinstance(outcome, SettlementPlan):
            return outcome
        for one in outcome.documents:
            self._plan(one)
        planning = Planning(statement.settlement_id, self.flow, trade.STAMP, 1, {})
        for event in ledger_events(planning, self.ledger, settlement, outcome, ""):
            self.ledger = evolve_ledger(self.ledger, event)
        fields = {"settlement_id": statement.settlement_id, **trade.STAMP.fields()}
        for order_id, amounts in outcome.settled.items():
            settled = OrderSettled(order_id=order_id, posting="", amounts=amounts, **fields)
            self.orders[order_id] = evolve_order(self.orders[order_id], settled)
        for order_id, amount in outcome.recognised.items():
            here = OrderRecognisedBySettlement(order_id=order_id, amount=amount, currency=outcome.currency, **fields)
            self.orders[order_id] = evolve_order(self.orders.get(order_id, Order()), here)
        self.plans.append(outcome)
        return outcome

    def learn(self, description: str, account: str = "OTHFEE") -> None:
        """A rule of one's own for a description."""
        self.mapping.own_rules = (*self.mapping.own_rules, Rule(0, "*", "*", description, "fee", account))
        self.mapping.looked_up = {}

    def again(self) -> None:
        """Try once more what waits."""
        waiting, self.waiting = self.waiting, []
        for statement, lines, _ in waiting:
            self.settle(statement, lines)

    def invoices(self) -> dict[str, list[Posting]]:
        """By order, what bills it and what credits that."""
        found = {}
        for order_id, names in self.of_order.items():
            known = {name: self.postings[name] for name in names}
            sales = by_number(known)
            credits = [posting for (kind, _), posting in sorted(known.items()) if kind in CREDIT_KINDS]
            found[order_id] = [*(posting for _, posting in sorted(sales.items())), *credits]
        return found

    def check(self) -> None:
        """The trial balance is zero after every document (I6)."""
        assert sum(self.balances.values()) == 0

    def balance(self, account: str) -> int:
        return self.balances.get(account, 0)

    def standing(self) -> dict[str, int]:
        """Balances by account key, without those that are zero."""
        return {key: amount for key, amount in sorted(self.balances.items()) if amount}

    def _plan(self, one: PlannedDocument) -> None:
        name = (one.kind, one.key)
        planned = PostingPlanned(
            kind=one.kind,
            key=one.key,
            generation=1,
            document=one.document,
            depends_on=one.depends_on,
            **trade.STAMP.fields(),
        )
        assert name not in self.postings, f"{name} is planned twice"
        self.postings[name] = evolve_posting(Posting(), planned)
        for needed in one.depends_on:
            kind, _, key = needed.partition("/")
            assert self.postings[kind, key].status == "posted", f"{one.name} goes before {needed}"
        self._send(name)

    def _send(self, name: Name) -> None:
        posting = self.postings[name]
        document, gone = posting.document, posting.operation in ("void", "delete")
        assert document is not None
        posting.status = {"void": "voided", "delete": "deleted"}.get(posting.operation, "posted")  # type: ignore[assignment]
        posting.operation, posting.standing = "create", None
        self.record(f"{name[0]}/{name[1]}", document, gone)

    def record(self, name: str, document: Document, gone: bool = False) -> None:
        """A document as it is booked; `gone`: it is taken out of the books again."""
        for account, amount in debits_and_credits(document):
            signed = -amount if gone else amount
            self.balances[account] = self.balances.get(account, 0) + signed
            month = (f"{document.day:%Y-%m}", account)
            self.by_month[month] = self.by_month.get(month, 0) + signed
        if gone:
            self.documents = [entry for entry in self.documents if entry[0] != name]
        else:
            self.documents.append((name, document))
        self.check()


def book_all(company: Company, books: Books) -> Books:
    """All of a company's trade, in its order; what had to wait is tried again at the end."""
    for one in company.trade():
        books.take(one)
    books.again()
    return books


def under(policies: Policies, flow: Flow = trade.FLOW) -> Flow:
    """A flow under policies."""
    return msgspec.structs.replace(flow, policies=policies)


def days_of(documents: Sequence[tuple[str, Document]]) -> set[date]:
    return {document.day for _, document in documents}
