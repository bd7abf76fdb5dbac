"""Each line of a settlement gets exactly one place (accounting.md 2.4).

AR: it pays an invoiced order. DIRECT: it is booked to an account here, and nowhere else. NETTED: tax that cancels out
within its order. BALANCE: it moves clearing itself. What has none of these is unmapped: held, or in suspense.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from datetime import date

import msgspec

from domain.chart import PER_CURRENCY
from domain.flow import Flow
from domain.mapping import Mapping, Rule, sign_fits
from domain.money import format_minor
from domain.posting import Reason
from domain.posting_rules.tranches import Days
from domain.settlement import SettlementLine

AMAZON_ORDER_ID = re.compile(r"\d{3}-\d{7}-\d{7}")
TAX_ROLES = ("tax_in", "tax_out")
PER_ORDER_GRAINS = ("per_shipment", "per_order")


class Direct(msgspec.Struct):
    """Money for one account on one day: its sum and the settlement's lines behind it; `why` where it is no usual one.

    `order_id` where it must stay apart from others of the account.
    """

    amount: int = 0
    ordinals: list[int] = []
    lines: int = 0


class DirectKey(msgspec.Struct, frozen=True):
    """Where direct money goes: the day, the account key, and the reason where it is no usual one."""

    day: date
    account: str
    why: str = ""


class Sorted(msgspec.Struct):
    """A settlement's lines by what becomes of them."""

    direct: dict[DirectKey, Direct] = {}
    charges: dict[str, list[tuple[Rule, SettlementLine]]] = {}  # what buyers paid for an order
    misruled: dict[str, list[tuple[Rule, SettlementLine]]] = {}  # the same, by a rule that is no order_charge
    taxes: dict[tuple[str, str], list[tuple[Rule, SettlementLine]]] = {}  # by order and transaction type
    refunds: dict[tuple[str, str], list[tuple[Rule, SettlementLine]]] = {}  # likewise, where each is a document
    unmapped: dict[tuple[str, str, str], list[SettlementLine]] = {}
    balance: list[SettlementLine] = []
    netted: list[int] = []
    paid: list[int] = []  # ordinals of lines that pay invoices
    sums: dict[str, int] = {}  # by disposition
    reasons: list[Reason] = []
    notes: list[Reason] = []

    def book(self, key: DirectKey, amount: int, ordinals: Iterable[int] = (), lines: int = 1) -> None:
        """Direct money: `lines` of the settlement for `key`."""
        entry = self.direct.get(key)
        if entry is None:
            entry = self.direct[key] = Direct(0, [], 0)
        entry.amount += amount
        entry.ordinals += ordinals
        entry.lines += lines
        self.add("DIRECT", amount)

    def add(self, disposition: str, amount: int) -> None:
        self.sums[disposition] = self.sums.get(disposition, 0) + amount


def books_orders(flow: Flow) -> bool:
    """Whether orders have documents of their own, so that settlements only pay them."""
    policies = flow.policies
    return flow.has_orders and policies.order_document != "none" and policies.grain in PER_ORDER_GRAINS


def sort_lines(
    lines: Sequence[SettlementLine],
    flow: Flow,
    mapping: Mapping,
    days: Days,
    billed: Collection[str],
) -> Sorted:
    """The lines by what becomes of them; `billed` are the orders that have documents."""
    result = Sorted()
    per_order = books_orders(flow)
    daily_sales = not per_order and flow.policies.grain == "per_day"
    refund_documents = flow.policies.refund_document != "deposit_line"
    known: dict[tuple[str, str, str], Rule | None] = {}
    for line in lines:
        triple = line.triple
        try:
            rule = known[triple]
        except KeyError:
            rule = known[triple] = mapping.rule_for(triple)
        if rule is None or rule.role == "review" or not sign_fits(rule, line.transaction_type, line.amount):
            result.unmapped.setdefault(triple, []).append(line)
        elif rule.role in TAX_ROLES or is_tax_discount(line):
            result.taxes.setdefault((line.order_id, line.transaction_type.lower()), []).append((rule, line))
        elif rule.role == "order_charge" and flow.has_orders:
            result.charges.setdefault(line.order_id, []).append((rule, line))
        elif flow.has_orders and is_sale(line) and (per_order or line.order_id in billed):
            result.misruled.setdefault(line.order_id, []).append((rule, line))
        elif rule.account == "CLR":
            result.balance.append(line)
        elif refund_documents and rule.role in ("refund", "claim") and is_order(line.order_id):
            result.refunds.setdefault((line.order_id, line.transaction_type), []).append((rule, line))
        else:
            daily = daily_sales and rule.role == "order_charge"
            # What Amazon holds back is told by the last settlement alone: it moves with the deposit (invariant I14).
            day = days.last if rule.account == "RSV" else days.of(line, daily)
            result.book(DirectKey(day, rule.account), line.amount, (line.ordinal,))
    return result


def is_order(order_id: str) -> bool:
    return AMAZON_ORDER_ID.fullmatch(order_id) is not None


def is_sale(line: SettlementLine) -> bool:
    """Whether a line is part of what a buyer paid for an Amazon order."""
    sale = line.transaction_type == "Order" and line.amount_type in ("ItemPrice", "Promotion")
    return sale and is_order(line.order_id)


def is_tax_discount(line: SettlementLine) -> bool:
    """The tax part of a promotion: it belongs to the tax it reduces, not to the seller's discount."""
    return line.amount_type == "Promotion" and line.amount_description == "TaxDiscount"


def account_key(key: str, currency: str, account_type: str = "") -> str:
    """The key with its currency where each currency has an account of its own: `CLR:USD`.

    A second ledger of the same marketplace (pay by invoice) has its own: `CLR:USD:invoiced` (accounting.md R30).
    """
    if key not in PER_CURRENCY:
        return key
    return f"{key}:{currency}:{account_type}" if account_type else f"{key}:{currency}"


def total_of(lines: Iterable[SettlementLine]) -> int:
    return sum(line.amount for line in lines)


def money(amount: int, currency: str) -> str:
    """An amount for people: `24.99 USD`."""
    return f"{format_minor(amount, currency)} {currency}" if currency else f"{amount} (minor units)"
