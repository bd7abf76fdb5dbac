"""A settlement as the documents that equal the money Amazon transfers (accounting.md 2.4).

Every line gets exactly one disposition (`dispositions.py`); orders are paid or booked (`orders_settled.py`), taxes
paired (`taxes.py`), earlier debts and failed transfers taken up (`balances.py`); `documents.py` makes what is posted.
Anything that cannot be placed holds the settlement as a whole, with every reason and its money.
"""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from domain.chart import PER_CURRENCY
from domain.document import Deposit, JournalEntry, Payment
from domain.errors import Unbalanced
from domain.flow import Flow
from domain.ledger import Ledger
from domain.mapping import Mapping
from domain.order import Order
from domain.posting import Posting, Reason
from domain.posting_rules.balances import Balances, settle_balances
from domain.posting_rules.currency import Converted, Payout, payout_of
from domain.posting_rules.dispositions import (
    AMAZON_ORDER_ID,
    Sorted,
    account_key,
    is_sale,
    money,
    sort_lines,
)
from domain.posting_rules.documents import deposit_of, each_line_once, journals_of, payments_of
from domain.posting_rules.families import other_family
from domain.posting_rules.held import Held, capped, missing_account, missing_item
from domain.posting_rules.invoice import NothingToPost
from domain.posting_rules.order_payments import OrderBill, bills_of
from domain.posting_rules.orders_settled import Orders, settle_orders
from domain.posting_rules.planned import Booking, PlannedDocument
from domain.posting_rules.refund_documents import refunds_of
from domain.posting_rules.suspense import place_unmapped
from domain.posting_rules.taxes import settle_taxes
from domain.posting_rules.tranches import Days, midday
from domain.settlement import Settlement, SettlementClosed, SettlementLine

__all__ = ["Converted", "SettlementPlan", "account_key", "orders_named", "plan_settlement", "sales_posted"]


class SettlementPlan(msgspec.Struct, frozen=True):
    """The documents of one settlement in the order they are made, and what each order is told of it.

    `settled` has amounts by order and account key, `paid_by` the payment's key by order; `recognised` are orders booked
    directly as income, which must never be invoiced later. `dispositions` sum to `total`. `notes` are what a bookkeeper
    should know of it. `balance`, `charged`, `returned`, `suspended`, `reserve`: see `domain/ledger.py`.
    """

    settlement_id: str
    currency: str
    total: int
    day: date
    documents: tuple[PlannedDocument, ...]
    settled: dict[str, dict[str, int]]
    paid_by: dict[str, str]
    recognised: dict[str, int]
    dispositions: dict[str, int]
    notes: tuple[Reason, ...] = ()
    balance: int = 0
    charged: int = 0
    returned: int = 0
    suspended: int = 0
    reserve: int = 0

    @property
    def deposit(self) -> Deposit | None:
        """The deposit; None where nothing is paid out."""
        return next((one.document for one in self.documents if isinstance(one.document, Deposit)), None)

    @property
    def payments(self) -> dict[str, Payment]:
        return {one.key: one.document for one in self.documents if isinstance(one.document, Payment)}

    @property
    def journals(self) -> dict[str, JournalEntry]:
        return {one.key: one.document for one in self.documents if isinstance(one.document, JournalEntry)}


def plan_settlement(
    settlement: Settlement,
    orders: MappingOf[str, Order],
    invoices: MappingOf[str, Sequence[Posting]],
    flow: Flow,
    mapping: Mapping,
    *,
    ledger: Ledger | None = None,
    converted: Converted | None = None,
    bank_day: date | None = None,
    account_type: str = "",
) -> SettlementPlan | Held | NothingToPost:
    """The documents of a settlement, everything that keeps it from being posted, or that it is not this flow's to post.

    `orders` and `invoices` (by order id: its documents, oldest first, and credits of them) are those the lines name, as
    far as they are known. `ledger` is what earlier settlements left; `converted` what Amazon paid in another currency,
    `bank_day` when the bank had it, both None while unknown; `account_type` names a second ledger of the marketplace.
    """
    closed = settlement.closed
    if closed is not None and _before_start(closed, flow):
        return NothingToPost("before_start")
    if closed is None or settlement.disputed is not None:
        return _held_dispute(settlement)
    if (family := other_family(settlement)) is not None:
        return Held((family,), closed.total, closed.currency)
    wanted = _deposit_day(closed, flow, bank_day)
    if wanted is None:
        text = "the settlement names neither a deposit date nor an end"
        return Held((Reason("no_deposit_date", text, closed.total),), closed.total, closed.currency)
    reasons: list[Reason] = []
    payout = payout_of(closed, converted, flow, mapping)
    if isinstance(payout, Reason):
        reasons.append(payout)
        payout = Payout(closed.currency)
    days = _days(closed, flow, wanted)
    booking = Booking(closed, flow, days.last, payout, account_type)
    bills = bills_of(orders, invoices, closed.settlement_id)
    result = sort_lines(settlement.lines, flow, mapping, days, bills)
    known = Orders(orders, bills, flow, mapping, closed, days)
    settle_taxes(result, known.bill, flow, days, closed.currency)
    settle_orders(result, known)
    suspended = place_unmapped(result, flow, closed, days)
    balances = settle_balances(result, ledger or Ledger(), closed, days, account_type)
    reasons += result.reasons
    if not reasons:
        return _made(settlement, result, known, booking, days, balances, suspended, mapping)
    reasons += _gaps(result, booking, balances, mapping)
    return Held(
        tuple(capped([*reasons, *_refused(days, result, bills)], closed.currency)), closed.total, closed.currency
    )


def _made(
    settlement: Settlement,
    result: Sorted,
    known: Orders,
    booking: Booking,
    days: Days,
    balances: Balances,
    suspended: int,
    mapping: Mapping,
) -> SettlementPlan | Held:
    """The plan of a settlement of which every line has its place; held where an account or an open day is missing."""
    closed = booking.closed
    reserve = -sum(entry.amount for key, entry in result.direct.items() if key.account == "RSV")
    refunds = refunds_of(result, booking, days, known.known, known.bills, mapping)
    reasons = [missing_item(key, amount) for key, amount in refunds.items.items() if key not in mapping.items]
    reasons += [*_gaps(result, booking, balances, mapping), *_refused(days, result, known.bills)]
    if reasons:
        return Held(tuple(capped(reasons, closed.currency)), closed.total, closed.currency)
    payments = payments_of(known.bills, booking)
    journals = journals_of(result, booking)
    own = deposit_of(result, booking, payments, journals, refunds, balances)
    unborne = () if any(isinstance(one.document, Deposit | JournalEntry) for one in own) else _ordinals(settlement)
    each_line_once(own, closed, unborne)
    if sum(result.sums.values()) != closed.total:
        raise Unbalanced(
            f"settlement {closed.settlement_id}: its dispositions {result.sums} do not make {closed.total}"
        )
    return SettlementPlan(
        settlement_id=closed.settlement_id,
        currency=closed.currency,
        total=closed.total,
        day=booking.day,
        documents=(*own, *_of_earlier_ones(balances)),
        settled={order_id: bill.settled() for order_id, bill in known.bills.items() if bill.taken},
        paid_by=payments.paid_by,
        recognised=known.recognised,
        dispositions=result.sums,
        notes=tuple(capped(result.notes, closed.currency)),
        balance=balances.balance,
        charged=balances.charged,
        returned=balances.returned,
        suspended=suspended,
        reserve=reserve,
    )


def _of_earlier_ones(balances: Balances) -> list[PlannedDocument]:
    """The documents that take up earlier debts and failed transfers."""
    charges = [PlannedDocument(key, purchase) for key, purchase in balances.purchases.items()]
    return charges + [PlannedDocument(key, journal, (of,)) for key, (journal, of) in balances.journals.items()]


def _ordinals(settlement: Settlement) -> list[int]:
    """Of a settlement whose money cancels out line by line there is no document."""
    return [line.ordinal for line in settlement.lines]


def _gaps(result: Sorted, booking: Booking, balances: Balances, mapping: Mapping) -> list[Reason]:
    """Accounts that are needed and not in QuickBooks yet."""
    currency = booking.closed.currency
    stakes: dict[str, int] = {booking.clearing: 0}
    for key, entry in result.direct.items():
        account = booking.account(key.account)
        stakes[account] = stakes.get(account, 0) + entry.amount
    if balances.purchases:
        stakes["CC"] = balances.charged
    reasons = []
    for account, amount in sorted(stakes.items()):
        if account in mapping.accounts:
            continue
        if account.partition(":")[0] in PER_CURRENCY and currency not in mapping.banks and booking.closed.total > 0:
            if booking.payout.bank == currency:
                continue  # it is made with the bank account; to name it too would say one thing twice
        reasons.append(missing_account(account, amount))
    return reasons


def _refused(days: Days, result: Sorted, bills: dict[str, OrderBill]) -> list[Reason]:
    """The closed days on which something would be dated, with its money."""
    amounts: dict[date, int] = {}
    for key, entry in result.direct.items():
        amounts[key.day] = amounts.get(key.day, 0) + entry.amount
    for bill in bills.values():
        for day, taken in bill.taken.items():
            amounts[day] = amounts.get(day, 0) + sum(taken.values())
    amounts.setdefault(days.last, 0)
    return [
        msgspec.structs.replace(reason, amount=amounts[day])
        for day, reason in sorted(days.refused.items())
        if day in amounts
    ]


def _days(closed: SettlementClosed, flow: Flow, wanted: date) -> Days:
    days = Days(closed, flow, wanted)
    days.last = days.open(wanted)
    return days


def _deposit_day(closed: SettlementClosed, flow: Flow, bank_day: date | None) -> date | None:
    """The day of the deposit by the policy `deposit_date`; what it names may be unknown yet."""
    policy = flow.policies.deposit_date
    if policy == "bank" and bank_day is not None:
        return bank_day
    first, second = closed.deposit_date, closed.end
    if policy == "settlement_end":
        first, second = second, first
    at = first or second
    return flow.day(at) if at is not None else None


def _before_start(closed: SettlementClosed, flow: Flow) -> bool:
    """Whether the money came before the flow's first day: it is in the books already, by whoever kept them then."""
    paid_at = closed.deposit_date or closed.end
    return flow.since is not None and paid_at is not None and flow.day(paid_at) < flow.since


def sales_posted(lines: Sequence[SettlementLine]) -> dict[str, datetime]:
    """When a settlement's lines show the sale of each Amazon order, the earliest of them (UTC)."""
    earliest: dict[str, datetime] = {}
    for line in lines:
        if line.posted is not None and is_sale(line):
            posted = midday(line.posted)
            earliest[line.order_id] = min(posted, earliest.get(line.order_id, posted))
    return earliest


def orders_named(lines: Sequence[SettlementLine]) -> list[str]:
    """The Amazon orders a settlement's lines name; other ids (shipments, removals) are left out."""
    return list(dict.fromkeys(line.order_id for line in lines if AMAZON_ORDER_ID.fullmatch(line.order_id)))


def _held_dispute(settlement: Settlement) -> Held:
    disputed = settlement.disputed
    if disputed is None:
        return Held((Reason("incomplete", "the settlement's lines are not all recorded"),), 0, "")
    stated = "no total" if disputed.total is None else money(disputed.total, disputed.currency)
    text = (
        f"{disputed.reason}: Amazon states {stated}, the lines make {money(disputed.lines_sum, disputed.currency)}; "
        "download the report again or open a case with Seller Support"
    )
    amount = disputed.total if disputed.total is not None else disputed.lines_sum
    return Held((Reason("disputed", text, amount),), amount, disputed.currency)
