"""A settlement as payments and one deposit that equals the money Amazon transfers (accounting.md 2.4).

Every line gets exactly one disposition: it pays an invoiced order, stands as a direct line of the deposit, is
netted with its opposite (tax Amazon collects and remits), or moves clearing itself. What is booked by another
document passes through clearing; the clearing line is computed twice and must agree, it is never a plug.
"""

import re
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import msgspec

from domain.chart import PER_CURRENCY, default_chart
from domain.document import AppliedInvoice, Deposit, DepositLine, Invoice, Payment
from domain.errors import Unbalanced
from domain.flow import Flow
from domain.mapping import Mapping, Rule, sign_fits
from domain.money import format_minor
from domain.order import Order
from domain.posting import Posting, Reason
from domain.posting_rules.held import Held, capped, missing_account, missing_bank, missing_rule
from domain.posting_rules.invoice import NothingToPost, component_of, invoice_for
from domain.settlement import Settlement, SettlementClosed, SettlementLine

INVOICES_PER_PAYMENT = 100

_AMAZON_ORDER_ID = re.compile(r"\d{3}-\d{7}-\d{7}")
_TAX_ROLES = ("tax_in", "tax_out")


class SettlementPlan(msgspec.Struct, frozen=True):
    """The documents of one settlement: payments by key, the deposit, and what each order is told of it.

    `settled` has amounts by order and account key, `paid_by` the payment's key by order; `recognised` are orders
    booked directly as income, which must never be invoiced later.
    """

    payments: dict[str, Payment]
    deposit: Deposit
    settled: dict[str, dict[str, int]]
    paid_by: dict[str, str]
    recognised: dict[str, int]


class _Sorted(msgspec.Struct):
    """A settlement's lines by disposition: ordinals and sums."""

    direct: dict[str, list[SettlementLine]] = {}
    orders: dict[str, list[tuple[Rule, SettlementLine]]] = {}
    sales: dict[str, list[tuple[Rule, SettlementLine]]] = {}  # what a buyer paid, by a rule that is no order_charge
    balance: list[SettlementLine] = []
    netted: list[SettlementLine] = []
    reasons: list[Reason] = []


def plan_settlement(
    settlement: Settlement,
    orders: MappingOf[str, Order],
    invoices: MappingOf[str, Posting],
    flow: Flow,
    mapping: Mapping,
) -> SettlementPlan | Held | NothingToPost:
    """The documents of a settlement, everything that keeps it from being posted, or that it is not this flow's to post.

    `orders` and `invoices` (by order id) are those the lines name, as far as they are known.
    """
    closed = settlement.closed
    if closed is not None and _before_start(closed, flow):
        return NothingToPost("before_start")
    if closed is None or settlement.disputed is not None:
        return _held_dispute(settlement)
    currency = closed.currency
    reasons: list[Reason] = []
    if closed.total <= 0:
        text = (
            f"Amazon pays {_money(closed.total, currency)}: no money reaches the bank, so there is no deposit to make"
        )
        reasons.append(Reason("total_not_positive", text, closed.total))
    if currency not in mapping.banks:
        reasons.append(missing_bank(currency, closed.total))
    deposit_at = closed.deposit_date or closed.end
    if deposit_at is None:
        reasons.append(
            Reason("no_deposit_date", "the settlement names neither a deposit date nor an end", closed.total)
        )
    day = flow.day(deposit_at) if deposit_at is not None else None

    sorted_lines = _dispose(settlement.lines, flow, mapping, currency)
    reasons += sorted_lines.reasons
    settled, recognised, order_reasons = _orders_paid(sorted_lines, closed, orders, invoices, flow, mapping, day)
    reasons += order_reasons
    needed = {"CLR", *sorted_lines.direct}
    if currency not in mapping.banks:
        needed -= PER_CURRENCY  # they are made with the bank account; to name them too would say one thing twice
    reasons += [
        missing_account(key, sum(line.amount for line in sorted_lines.direct.get(name, ())))
        for name in sorted(needed)
        if (key := account_key(name, currency)) not in mapping.accounts
    ]
    moved = sum(line.amount for line in sorted_lines.balance)
    if moved:
        text = (
            f"{_money(moved, currency)} settles an earlier balance or a failed transfer; it needs the journal that "
            "reverses or carries the earlier amount"
        )
        reasons.append(Reason("balance_moved", text, moved))
    if reasons or day is None:
        return Held(tuple(capped(reasons, currency)), closed.total, currency)
    return _documents(closed, sorted_lines, settled, recognised, invoices, day)


def _before_start(closed: SettlementClosed, flow: Flow) -> bool:
    """Whether the money came before the flow's first day: it is in the books already, by whoever kept them then."""
    paid_at = closed.deposit_date or closed.end
    return flow.since is not None and paid_at is not None and flow.day(paid_at) < flow.since


def sales_posted(lines: Sequence[SettlementLine]) -> dict[str, datetime]:
    """When a settlement's lines show the sale of each Amazon order, the earliest of them (UTC)."""
    earliest: dict[str, datetime] = {}
    for line in lines:
        if line.posted is not None and _is_sale(line):
            posted = line.posted
            if posted.time() == time():
                posted += timedelta(hours=12)  # a date alone: its noon is the same day in every books zone but few
            earliest[line.order_id] = min(posted, earliest.get(line.order_id, posted))
    return earliest


def account_key(key: str, currency: str) -> str:
    """The key with its currency where each currency has an account of its own: `CLR:USD`."""
    return f"{key}:{currency}" if key in PER_CURRENCY else key


def orders_named(lines: Sequence[SettlementLine]) -> list[str]:
    """The Amazon orders a settlement's lines name; other ids (shipments, removals) are left out."""
    return list(dict.fromkeys(line.order_id for line in lines if _AMAZON_ORDER_ID.fullmatch(line.order_id)))


def _dispose(lines: Sequence[SettlementLine], flow: Flow, mapping: Mapping, currency: str) -> _Sorted:
    """Give each line its one disposition; lines that cannot have any become reasons."""
    result = _Sorted()
    unmapped: dict[tuple[str, str, str], list[SettlementLine]] = {}
    needs_journal: dict[str, list[SettlementLine]] = {}
    taxes: dict[tuple[str, str], list[SettlementLine]] = {}
    for line in lines:
        rule = mapping.rule_for(line.triple)
        if rule is None or rule.role == "review" or not sign_fits(rule, line.transaction_type, line.amount):
            unmapped.setdefault(line.triple, []).append(line)
        elif rule.role in _TAX_ROLES or _is_tax_discount(line):
            taxes.setdefault((line.order_id, line.transaction_type.lower()), []).append(line)
        elif flow.has_orders and rule.role != "order_charge" and _is_sale(line):
            result.sales.setdefault(line.order_id, []).append((rule, line))
        elif rule.account == "CLR":
            result.balance.append(line)
        elif rule.role == "order_charge" and flow.has_orders:
            result.orders.setdefault(line.order_id, []).append((rule, line))
        elif (account := default_chart().get(rule.account)) is None or not account.on_deposit_line:
            needs_journal.setdefault(rule.account, []).append(line)
        else:
            result.direct.setdefault(rule.account, []).append(line)
    for triple, same in unmapped.items():
        result.reasons.append(missing_rule(triple, _sum(same), currency, len(same)))
    for key, same in needs_journal.items():
        text = f"{_money(_sum(same), currency)} for {key} cannot stand on a deposit; it needs a journal entry"
        result.reasons.append(Reason("needs_journal", text, _sum(same)))
    for (order_id, transaction_type), same in taxes.items():
        _net_tax(result, order_id, transaction_type, same, currency)
    return result


def _is_sale(line: SettlementLine) -> bool:
    """Whether a line is part of what a buyer paid for an Amazon order."""
    sale = line.transaction_type == "Order" and line.amount_type in ("ItemPrice", "Promotion")
    return sale and _AMAZON_ORDER_ID.fullmatch(line.order_id) is not None


def _is_tax_discount(line: SettlementLine) -> bool:
    """The tax part of a promotion: it belongs to the tax it reduces, not to the seller's discount."""
    return line.amount_type == "Promotion" and line.amount_description == "TaxDiscount"


def _net_tax(
    result: _Sorted,
    order_id: str,
    transaction_type: str,
    lines: list[SettlementLine],
    currency: str,
) -> None:
    """Tax that Amazon collected and withheld cancels out (R5); a remainder is the seller's and waits for a person."""
    remainder = _sum(lines)
    if remainder == 0:
        result.netted += lines
        return
    text = (
        f"{order_id or transaction_type or 'a line without an order'}: tax of {_money(remainder, currency)} "
        "was not withheld by Amazon, so it is the seller's to remit; held until there is a rule for it"
    )
    result.reasons.append(Reason("tax_remainder", text, remainder, f"order:{order_id}" if order_id else ""))


def _orders_paid(
    result: _Sorted,
    closed: SettlementClosed,
    orders: MappingOf[str, Order],
    invoices: MappingOf[str, Posting],
    flow: Flow,
    mapping: Mapping,
    day: date | None,
) -> tuple[dict[str, dict[str, int]], dict[str, int], list[Reason]]:
    """What each invoiced order receives by account key, the orders booked directly, and what is not so."""
    settled: dict[str, dict[str, int]] = {}
    recognised: dict[str, int] = {}
    reasons: list[Reason] = []
    for order_id, charges in result.orders.items():
        amount = sum(line.amount for _, line in charges)
        order, invoice = orders.get(order_id), invoices.get(order_id)
        by_account = _by_account(charges, invoice)
        if order is not None and _booked_directly(order, invoice, amount, flow, mapping):
            recognised[order_id] = amount
            for rule, line in charges:
                result.direct.setdefault(rule.account, []).append(line)
            continue
        reason = _not_payable(order_id, order, invoice, by_account, amount, closed, day)
        if reason is not None:
            reasons.append(reason)
        else:
            settled[order_id] = by_account
    for order_id in recognised:
        del result.orders[order_id]
    reasons += _sales_beside_invoices(result, recognised, closed, orders, invoices, flow, mapping)
    return settled, recognised, reasons


def _sales_beside_invoices(
    result: _Sorted,
    recognised: dict[str, int],
    closed: SettlementClosed,
    orders: MappingOf[str, Order],
    invoices: MappingOf[str, Posting],
    flow: Flow,
    mapping: Mapping,
) -> list[Reason]:
    """What a buyer paid and a rule gives another role than order_charge: booked here only if no invoice has it.

    An invoice that is not sent yet may still come to have it. An order that is booked here is `recognised`.
    """
    misplaced: dict[tuple[str, str, str], list[SettlementLine]] = {}
    for order_id, charges in result.sales.items():
        order, invoice = orders.get(order_id), invoices.get(order_id)
        document = invoice.document if invoice is not None and invoice.is_final else None
        on_invoice = (
            {line.component for line in document.lines}
            | {line.account for line in document.lines if not line.component}
            if isinstance(document, Invoice)
            else None
        )
        amount = sum(line.amount for _, line in charges)
        direct = order is not None and _booked_directly(order, invoice, amount, flow, mapping)
        if direct:
            recognised[order_id] = recognised.get(order_id, 0) + amount
        for rule, line in charges:
            account = default_chart().get(rule.account)
            absent = on_invoice is not None and not {component_of(line.triple), rule.account} & on_invoice
            if (direct or absent) and account is not None and account.on_deposit_line:
                result.direct.setdefault(rule.account, []).append(line)
            else:
                misplaced.setdefault(line.triple, []).append(line)
    return [
        Reason(
            "not_order_charge",
            f"{_money(_sum(same), closed.currency)} of {' | '.join(triple)} is what buyers paid, on their invoices "
            "already or still to be invoiced; a rule of this flow gives it another role than order_charge, which would "
            "book it twice",
            _sum(same),
        )
        for triple, same in misplaced.items()
    ]


def _by_account(charges: Sequence[tuple[Rule, SettlementLine]], invoice: Posting | None) -> dict[str, int]:
    """An order's charges by account key, by the one its invoice used where the rule is another today."""
    used: dict[str, str] = {}
    if invoice is not None and isinstance(invoice.document, Invoice):
        used = {line.component: line.account for line in invoice.document.lines if line.component}
    sums: dict[str, int] = {}
    for rule, line in charges:
        key = used.get(component_of(line.triple), rule.account)
        sums[key] = sums.get(key, 0) + line.amount
    return sums


def _booked_directly(order: Order, invoice: Posting | None, amount: int, flow: Flow, mapping: Mapping) -> bool:
    """Whether an order's income is booked here and not by an invoice.

    So it is where it shipped before the flow's cut-off, was so booked before, or comes to nothing (a full discount),
    which no invoice can show; never where QuickBooks has, or may have, its invoice.
    """
    if invoice is not None and invoice.is_final:
        return False
    if order.recognised_by:
        return True
    outcome = invoice_for(order, flow, mapping)
    if not isinstance(outcome, NothingToPost):
        return False
    return outcome.why == "historical" or (outcome.why == "zero" and amount == 0)


def _not_payable(
    order_id: str,
    order: Order | None,
    invoice: Posting | None,
    by_account: dict[str, int],
    amount: int,
    closed: SettlementClosed,
    day: date | None,
) -> Reason | None:
    """Why a settlement cannot pay an order's invoice; None if it can."""
    money = _money(amount, closed.currency)
    waits_for = f"order:{order_id}"
    if not _AMAZON_ORDER_ID.fullmatch(order_id):
        return Reason("not_an_amazon_order", f"{money} of sales for {order_id or 'no order at all'}", amount, waits_for)
    if order is None or order.known is None:
        return Reason("order_not_seen", f"order {order_id} is paid ({money}) and was never seen", amount, waits_for)
    document = invoice.document if invoice is not None else None
    if invoice is None or not isinstance(document, Invoice) or invoice.status == "held":
        text = f"order {order_id} is paid ({money}) and has no invoice: Amazon reports it {order.known.status}"
        if invoice is not None and invoice.reasons:
            text = f"order {order_id} is paid ({money}) and its invoice is held: {invoice.reasons[0].text}"
        return Reason("order_not_invoiced", text, amount, waits_for)
    if invoice.status == "rejected" and not invoice.reasons:
        text = f"order {order_id} is paid ({money}) and its invoice is about to be planned anew"
        return Reason("order_not_invoiced", text, amount, waits_for)
    if invoice.status == "rejected":
        text = f"order {order_id} is paid ({money}) and QuickBooks refused its invoice: {invoice.reasons[0].text}"
        return Reason("invoice_refused", text, amount, f"invoice/{order_id}")
    if document.currency != closed.currency:
        text = f"order {order_id} is invoiced in {document.currency} and paid in {closed.currency}"
        return Reason("currency_differs", text, amount, waits_for)
    if day is not None and document.day > day and not invoice.is_final:
        text = f"order {order_id} is invoiced on {document.day}, after the deposit of {day}"
        return Reason("paid_before_invoiced", text, amount, waits_for)
    if amount < 0:
        return Reason("order_charge_negative", f"order {order_id} is charged {money}", amount, waits_for)
    return _differs(order_id, order, document, by_account, amount, closed)


def _differs(
    order_id: str,
    order: Order,
    invoice: Invoice,
    by_account: dict[str, int],
    amount: int,
    closed: SettlementClosed,
) -> Reason | None:
    """A settlement may pay an invoice in parts, never more than it says, component by component (R7)."""
    invoiced: dict[str, int] = {}
    for line in invoice.lines:
        invoiced[line.account] = invoiced.get(line.account, 0) + line.amount
    others = [amounts for name, amounts in order.settled.items() if name != closed.settlement_id]
    for key, now in by_account.items():
        left = invoiced.get(key, 0) - sum(amounts.get(key, 0) for amounts in others)
        if abs(now) > abs(left) or now * left < 0:
            text = (
                f"order {order_id}: the settlement has {_money(now, closed.currency)} of {key}, "
                f"its invoice {_money(left, closed.currency)} open"
            )
            return Reason("settled_differs", text, amount, f"order:{order_id}")
    open_total = invoice.total - sum(sum(amounts.values()) for amounts in others)
    if amount > open_total:
        text = (
            f"order {order_id}: the settlement pays {_money(amount, closed.currency)}, of its invoice only "
            f"{_money(open_total, closed.currency)} is open"
        )
        return Reason("settled_differs", text, amount, f"order:{order_id}")
    return None


def _documents(
    closed: SettlementClosed,
    result: _Sorted,
    settled: dict[str, dict[str, int]],
    recognised: dict[str, int],
    invoices: MappingOf[str, Posting],
    day: date,
) -> SettlementPlan:
    clearing = account_key("CLR", closed.currency)
    payments: dict[str, Payment] = {}
    paid_by: dict[str, str] = {}
    for number, (customer, chunk) in enumerate(_by_customer(settled, invoices), start=1):
        key = f"{closed.settlement_id}-{number}"
        # An invoice that stands with a later date cannot be moved by us; a payment before it would count as unapplied.
        latest = max(invoices[applied.order_id].document.day for applied in chunk)  # type: ignore[union-attr]
        payments[key] = Payment(
            number=key[-21:],
            settlement_id=closed.settlement_id,
            customer=customer,
            day=max(day, latest),
            currency=closed.currency,
            clearing=clearing,
            applied=tuple(chunk),
            total=sum(invoice.amount for invoice in chunk),
        )
        paid_by |= {invoice.order_id: key for invoice in chunk}
    lines, netted_groups = _deposit_lines(result, closed.currency)
    deposit = Deposit(
        settlement_id=closed.settlement_id,
        day=day,
        currency=closed.currency,
        bank=closed.currency,
        clearing=clearing,
        cleared=sum(payment.total for payment in payments.values()),
        lines=lines,
        total=closed.total,
        netted_ordinals=tuple(sorted(line.ordinal for line in [*result.netted, *netted_groups])),
        cleared_ordinals=tuple(
            sorted(
                [line.ordinal for charges in result.orders.values() for _, line in charges]
                + [line.ordinal for line in result.balance]
            )
        ),
        payments=tuple(payments),
    )
    _each_line_once(deposit, closed)
    return SettlementPlan(payments, deposit, settled, paid_by, recognised)


def _by_customer(
    settled: dict[str, dict[str, int]], invoices: MappingOf[str, Posting]
) -> list[tuple[str, list[AppliedInvoice]]]:
    """Payments are of one customer and of a bounded number of invoices, oldest order first."""
    groups: dict[str, list[AppliedInvoice]] = {}
    for order_id in sorted(settled):
        invoice = invoices[order_id]
        assert isinstance(invoice.document, Invoice)
        amount = sum(settled[order_id].values())
        if amount:  # fully discounted: nothing to pay
            applied = AppliedInvoice(f"invoice/{invoice.key}", order_id, amount)
            groups.setdefault(invoice.document.customer, []).append(applied)
    return [
        (customer, applied[begin : begin + INVOICES_PER_PAYMENT])
        for customer, applied in sorted(groups.items())
        for begin in range(0, len(applied), INVOICES_PER_PAYMENT)
    ]


def _deposit_lines(result: _Sorted, currency: str) -> tuple[tuple[DepositLine, ...], list[SettlementLine]]:
    """One line per account; accounts whose lines cancel out make no line but keep their place in the lineage."""
    lines: list[DepositLine] = []
    cancelled: list[SettlementLine] = []
    for key, same in sorted(result.direct.items(), key=lambda entry: default_chart()[entry[0]].number):
        amount = _sum(same)
        if amount == 0:
            cancelled += same
            continue
        description = f"{default_chart()[key].name}: {len(same)} line{'s' * (len(same) != 1)} of the settlement"
        ordinals = tuple(line.ordinal for line in same)
        lines.append(DepositLine(account_key(key, currency), amount, description, ordinals))
    return tuple(lines), cancelled


def _each_line_once(deposit: Deposit, closed: SettlementClosed) -> None:
    """Every line of the settlement has exactly one place (invariants I2, I9)."""
    placed = [
        *deposit.netted_ordinals,
        *deposit.cleared_ordinals,
        *(ordinal for line in deposit.lines for ordinal in line.ordinals),
    ]
    if sorted(placed) != list(range(1, closed.lines + 1)):
        raise Unbalanced(
            f"settlement {closed.settlement_id}: its {closed.lines} lines were not each placed exactly once"
        )


def _held_dispute(settlement: Settlement) -> Held:
    disputed = settlement.disputed
    if disputed is None:
        return Held((Reason("incomplete", "the settlement's lines are not all recorded"),), 0, "")
    stated = "no total" if disputed.total is None else _money(disputed.total, disputed.currency)
    text = (
        f"{disputed.reason}: Amazon states {stated}, the lines make {_money(disputed.lines_sum, disputed.currency)}; "
        "download the report again or open a case with Seller Support"
    )
    amount = disputed.total if disputed.total is not None else disputed.lines_sum
    return Held((Reason("disputed", text, amount),), amount, disputed.currency)


def _sum(lines: Sequence[SettlementLine]) -> int:
    return sum(line.amount for line in lines)


def _money(amount: int, currency: str) -> str:
    return f"{format_minor(amount, currency)} {currency}" if currency else f"{amount} (minor units)"
