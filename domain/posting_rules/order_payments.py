"""What a settlement pays of orders: their open documents, the oldest first, component by component (R7, R10).

What it pays beyond an order's documents is income of its own, booked directly with the reason `supplement`. What it
leaves open of an order that is paid in full is a variance with its components; it is never written off.
"""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from datetime import date

import msgspec

from domain.document import CreditMemo, Invoice, RefundReceipt, SalesReceipt
from domain.order import Order
from domain.posting import Posting

PASSED_THROUGH = "MFT"


class Applied(msgspec.Struct, frozen=True):
    """How much of an order's document is paid, and by which day."""

    posting: str
    document: Invoice | SalesReceipt
    amount: int
    day: date


class Excess(msgspec.Struct, frozen=True):
    """What is paid beyond the documents of an order, of an account key on a day."""

    account: str
    amount: int
    day: date


class OrderBill:
    """An order's documents as a settlement finds them, and what it takes of them.

    `postings` are the order's invoices and sales receipts, oldest first, and the credits that lower them; `settled`
    is what other settlements paid by account key.
    """

    def __init__(self, order_id: str, order: Order | None, postings: Sequence[Posting], settlement_id: str) -> None:
        self.order_id = order_id
        self.order = order
        self.live = [posting for posting in postings if _is_live(posting)]
        self.waiting = [posting for posting in postings if posting.status in ("held", "rejected")]
        self.left: dict[str, int] = {}
        self.accounts: dict[str, str] = {}  # by component, as the documents have them
        self.tax_account = ""
        self.total = 0
        self.taken: dict[date, dict[str, int]] = {}
        self._documents: list[tuple[str, Invoice | SalesReceipt, int]] = []
        credited: dict[str, int] = {}
        for posting in self.live:
            document = posting.document
            if isinstance(document, Invoice | SalesReceipt):
                self._add(document, +1)
                self.accounts |= {line.component: line.account for line in document.lines if line.component}
                self.tax_account = document.tax_account or self.tax_account
                self._documents.append((f"{posting.kind}/{posting.key}", document, document.total))
            elif isinstance(document, CreditMemo | RefundReceipt):
                self._add(document, -1)
                of = document.invoice if isinstance(document, CreditMemo) else document.corrects
                credited[of] = credited.get(of, 0) + document.total
        others = order.settled if order is not None else {}
        self.paid_before = 0
        for name, amounts in others.items():
            if name != settlement_id:
                self.paid_before += sum(amounts.values())
                for key, amount in amounts.items():
                    self.left[key] = self.left.get(key, 0) - amount
        self.open = self.total - self.paid_before
        self._documents = [(name, document, open_ - credited.get(name, 0)) for name, document, open_ in self._documents]

    @property
    def has_documents(self) -> bool:
        return bool(self._documents)

    @property
    def is_sent(self) -> bool:
        """Whether QuickBooks has, or may have, everything of it: Amazon's next word is a correction then."""
        return all(posting.is_final for posting in self.live)

    @property
    def stands(self) -> bool:
        """Whether QuickBooks has, or may have, any of it."""
        return any(posting.is_final for posting in self.live)

    @property
    def documents(self) -> list[Invoice | SalesReceipt]:
        return [document for _, document, _ in self._documents]

    def take(self, key: str, amount: int, day: date) -> int:
        """How much of an amount the documents still show as open for this account key; it is taken."""
        left = self.left.get(key, 0)
        taken = 0 if left * amount <= 0 else (min(amount, left) if amount > 0 else max(amount, left))
        if taken:
            self._take(key, taken, day)
        return taken

    def take_tax(self, amount: int, day: date) -> int:
        """How much of tax that the seller remits stands on the documents."""
        return self.take(self.tax_account, amount, day) if self.tax_account else 0

    def take_passed_through(self, amount: int, day: date) -> int:
        """How much of tax that Amazon remits stands on the documents (policy tax=gross)."""
        return self.take(PASSED_THROUGH, amount, day)

    def even_out(self) -> list[Excess]:
        """Make what is taken payable: never more than is open in all, never less than nothing.

        A discount that comes in another settlement than its sale is taken with the sale, against a direct line.
        """
        excess: list[Excess] = []
        day = max(self.taken, default=None)
        if day is None:
            return excess
        over = self.taken_in_all - self.open
        for key, left in [(key, left) for key, left in self.left.items() if left < 0]:
            if over > 0:
                part = min(over, -left)
                self._take(key, -part, day)
                excess.append(Excess(key, part, day))
                over -= part
        short = -self.taken_in_all
        for on, amounts in self.taken.items():
            for key, amount in [(key, amount) for key, amount in amounts.items() if amount < 0]:
                if short > 0:
                    part = min(short, -amount)
                    self._take(key, part, on)
                    excess.append(Excess(key, -part, on))
                    short -= part
        return excess

    @property
    def taken_in_all(self) -> int:
        return sum(sum(amounts.values()) for amounts in self.taken.values())

    def settled(self) -> dict[str, int]:
        """What this settlement takes by account key."""
        sums: dict[str, int] = {}
        for amounts in self.taken.values():
            for key, amount in amounts.items():
                sums[key] = sums.get(key, 0) + amount
        return {key: amount for key, amount in sums.items() if amount}

    def applied(self) -> list[Applied]:
        """What each document receives, the oldest first."""
        paid = self.paid_before
        queue: list[tuple[str, Invoice | SalesReceipt, int]] = []
        for name, document, open_ in self._documents:
            before = min(paid, open_)
            paid -= before
            if open_ > before:
                queue.append((name, document, open_ - before))
        queue.reverse()
        found: list[Applied] = []
        for day, amount in self._by_day():
            while amount and queue:
                name, document, open_ = queue.pop()
                part = min(amount, open_)
                found.append(Applied(name, document, part, day))
                amount -= part
                if open_ > part:
                    queue.append((name, document, open_ - part))
        return found

    def _by_day(self) -> list[tuple[date, int]]:
        """What is paid by day; all on the last one where a day alone would take back or overpay."""
        days = [(day, sum(amounts.values())) for day, amounts in sorted(self.taken.items())]
        running = 0
        for _, amount in days:
            running += amount
            if amount < 0 or running > self.open:
                return [(days[-1][0], self.taken_in_all)]
        return [(day, amount) for day, amount in days if amount]

    def _take(self, key: str, amount: int, day: date) -> None:
        self.left[key] = self.left.get(key, 0) - amount
        amounts = self.taken.setdefault(day, {})
        amounts[key] = amounts.get(key, 0) + amount

    def _add(self, document: Invoice | SalesReceipt | CreditMemo | RefundReceipt, sign: int) -> None:
        self.total += sign * document.total
        for line in document.lines:
            self.left[line.account] = self.left.get(line.account, 0) + sign * line.amount
        if not isinstance(document, RefundReceipt) and document.tax:
            self.left[document.tax_account] = self.left.get(document.tax_account, 0) + sign * document.tax


def bills_of(
    orders: MappingOf[str, Order], postings: MappingOf[str, Sequence[Posting]], settlement_id: str
) -> dict[str, OrderBill]:
    """The bills of all orders that have documents, sent or waiting."""
    return {
        order_id: OrderBill(order_id, orders.get(order_id), documents, settlement_id)
        for order_id, documents in postings.items()
        if any(_is_live(posting) or posting.status in ("held", "rejected") for posting in documents)
    }


def _is_live(posting: Posting) -> bool:
    """Whether its document stands in the books, or will: not held, refused, withdrawn, or on its way out."""
    if posting.document is None or posting.status not in ("planned", "submitted", "posted"):
        return False
    return posting.operation not in ("void", "delete")
