"""What becomes of each order a settlement names: paid, booked here for good, or what it waits for (R7, R10, R27).

An order that no invoice shows is booked directly and remembered, so that it is never invoiced when it turns up later.
"""

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence

import msgspec

from domain.chart import default_chart
from domain.flow import Flow
from domain.mapping import Mapping, Rule
from domain.order import Order
from domain.posting import Reason
from domain.posting_rules.dispositions import DirectKey, Sorted, books_orders, is_order, money, total_of
from domain.posting_rules.invoice import NothingToPost, component_of, invoice_for
from domain.posting_rules.order_payments import OrderBill
from domain.posting_rules.tranches import Days
from domain.settlement import SettlementClosed, SettlementLine

OLD_RECEIVABLES = "OPENING"
# Why an order has no document of its own although it shipped: the settlement books it.
BOOKED_HERE = ("historical", "no_order_document", "summarised")

Charges = Sequence[tuple[Rule, SettlementLine]]


class Orders(msgspec.Struct):
    """What the settlement knows of orders, and what it settles: `recognised` are booked here, with their amounts."""

    known: MappingOf[str, Order]
    bills: dict[str, OrderBill]
    flow: Flow
    mapping: Mapping
    closed: SettlementClosed
    days: Days
    recognised: dict[str, int] = {}
    payable: dict[str, OrderBill | None] = {}

    def bill(self, order_id: str) -> OrderBill | None:
        """The order's bill, if it has documents that can be paid.

        Of one whose invoice is not sent, and which is not to be invoiced any more, there is none: that is withdrawn.
        """
        if order_id not in self.payable:
            bill = self.bills.get(order_id)
            if bill is not None and (not bill.has_documents or (not bill.stands and _booked_here(order_id, self))):
                bill = None
            self.payable[order_id] = bill
        return self.payable[order_id]


def settle_orders(result: Sorted, orders: Orders) -> None:
    """Pay, book or refuse what buyers paid for each order; reasons and notes go to `result`."""
    for order_id, charges in result.charges.items():
        bill = orders.bill(order_id)
        if bill is not None:
            reason = _pay(result, order_id, charges, bill, orders)
        else:
            reason = _without_bill(result, order_id, charges, orders)
        if reason is not None:
            result.reasons.append(reason)
    _misruled(result, orders)
    for bill in orders.bills.values():
        if bill.taken:
            _variance(result, bill, orders)


def _pay(result: Sorted, order_id: str, charges: Charges, bill: OrderBill, orders: Orders) -> Reason | None:
    """Pay an order's documents; what they do not show is booked beside them, once they cannot change any more."""
    currency = orders.closed.currency
    whole = total_of(line for _, line in charges)
    for document in bill.documents:
        if document.currency != currency:
            text = f"order {order_id} is invoiced in {document.currency} and paid in {currency}"
            return Reason("currency_differs", text, whole, f"order:{order_id}")
    if not bill.is_sent and (late := max(document.day for document in bill.documents)) > orders.days.last:
        text = f"order {order_id} is invoiced on {late}, after the deposit of {orders.days.last}"
        return Reason("paid_before_invoiced", text, whole, f"order:{order_id}")
    daily = orders.flow.policies.payment_batch == "per_day"
    groups: dict[DirectKey, list[SettlementLine]] = {}
    for rule, line in charges:
        account = bill.accounts.get(component_of(line.triple), rule.account)
        groups.setdefault(DirectKey(orders.days.of(line, daily), account), []).append(line)
    extra: list[tuple[DirectKey, int, list[int]]] = []
    for key, lines in groups.items():
        amount = total_of(lines)
        taken = bill.take(key.account, amount, key.day)
        ordinals = [line.ordinal for line in lines]
        if taken or not amount:
            result.paid += ordinals
        if taken != amount:
            extra.append((key, amount - taken, ordinals if not taken else []))
        result.add("AR", taken)
    for excess in bill.even_out():
        extra.append((DirectKey(excess.day, excess.account), excess.amount, []))
        result.add("AR", -excess.amount)
    if extra and (unsure := _may_still_change(order_id, bill, orders)) is not None:
        differs = ", ".join(f"{money(amount, currency)} of {key.account}" for key, amount, _ in extra)
        return Reason(
            unsure[0],
            f"order {order_id}: the settlement has {differs} beyond its invoice; {unsure[1]}",
            whole,
            f"order:{order_id}",
        )
    for key, amount, ordinals in extra:
        result.book(DirectKey(key.day, key.account, "supplement"), amount, ordinals, max(1, len(ordinals)))
        text = (
            f"order {order_id}: {money(amount, currency)} of {key.account} beyond its invoice, booked as a supplement"
        )
        result.notes.append(Reason("supplement", text, amount, f"order:{order_id}"))
    return None


def _may_still_change(order_id: str, bill: OrderBill, orders: Orders) -> tuple[str, str] | None:
    """Why it is too early to book beside an order's invoices: one of them may still come to have it."""
    if bill.waiting:
        waits = bill.waiting[0]
        why = waits.reasons[0].text if waits.reasons else "it is about to be planned anew"
        return "order_not_invoiced", f"{waits.kind} {waits.key} waits: {why}"
    order = orders.known.get(order_id)
    if order is not None and order.known is not None and order.known.status == "PARTIALLY_SHIPPED":
        return "order_not_invoiced", "more of it is still to be shipped and invoiced"
    if not bill.is_sent:
        return "settled_differs", "it is booked beside the invoice once that is sent, since Amazon may still amend it"
    return None


def _without_bill(result: Sorted, order_id: str, charges: Charges, orders: Orders) -> Reason | None:
    """An order without a document to pay: booked here, or waiting for its invoice."""
    amount = total_of(line for _, line in charges)
    currency = orders.closed.currency
    why = _booked_here(order_id, orders)
    if why is None:
        return _not_payable(order_id, amount, orders)
    old = orders.flow.policies.old_orders == "receivables" and why in ("historical", "never seen")
    daily = not books_orders(orders.flow) and orders.flow.policies.grain == "per_day"
    for rule, line in charges:
        account = OLD_RECEIVABLES if old else rule.account
        result.book(DirectKey(orders.days.of(line, daily), account), line.amount, (line.ordinal,))
    if is_order(order_id):
        orders.recognised[order_id] = orders.recognised.get(order_id, 0) + amount
    if why == "never seen":
        text = (
            f"order {order_id} was never seen in Amazon's orders; its {money(amount, currency)} are booked here, and "
            "it is not invoiced if it turns up later"
        )
        result.notes.append(Reason("order_never_seen", text, amount, f"order:{order_id}"))
    return None


def _booked_here(order_id: str, orders: Orders) -> str | None:
    """Why an order's income is booked by the settlement; None where an invoice is to come, or nobody knows.

    Never where QuickBooks has, or may have, its invoice: such an order has a bill.
    """
    if not is_order(order_id):
        return None if books_orders(orders.flow) else "no order"
    order, bill = orders.known.get(order_id), orders.bills.get(order_id)
    if order is not None and order.recognised_by:
        return "recognised"
    if not books_orders(orders.flow):
        return "no_order_document"
    if order is None or order.known is None:
        return "never seen" if bill is None and order is not None and order.gone else None
    return _if_nothing_to_post(order, orders)


def _if_nothing_to_post(order: Order | None, orders: Orders) -> str | None:
    if order is None:
        return None
    outcome = invoice_for(order, orders.flow, orders.mapping)
    if not isinstance(outcome, NothingToPost):
        return None
    return outcome.why if outcome.why in BOOKED_HERE else None


def _not_payable(order_id: str, amount: int, orders: Orders) -> Reason:
    """What an order that cannot be paid waits for."""
    paid = money(amount, orders.closed.currency)
    waits_for = f"order:{order_id}"
    if not is_order(order_id):
        return Reason("not_an_amazon_order", f"{paid} of sales for {order_id or 'no order at all'}", amount, waits_for)
    order, bill = orders.known.get(order_id), orders.bills.get(order_id)
    if bill is None and (order is None or order.known is None):
        text = f"order {order_id} is paid ({paid}) and was never seen: Amazon is asked for it"
        return Reason("order_not_seen", text, amount, waits_for)
    if bill is None or not bill.waiting:
        status = order.known.status if order is not None and order.known is not None else "unknown"
        text = f"order {order_id} is paid ({paid}) and has no invoice: Amazon reports it {status}"
        return Reason("order_not_invoiced", text, amount, waits_for)
    invoice = bill.waiting[0]
    if invoice.status == "rejected" and invoice.reasons:
        text = f"order {order_id} is paid ({paid}) and QuickBooks refused its invoice: {invoice.reasons[0].text}"
        return Reason("invoice_refused", text, amount, f"{invoice.kind or 'invoice'}/{invoice.key or order_id}")
    why = (
        f"its invoice is held: {invoice.reasons[0].text}"
        if invoice.reasons
        else "its invoice is about to be planned anew"
    )
    return Reason("order_not_invoiced", f"order {order_id} is paid ({paid}) and {why}", amount, waits_for)


def _misruled(result: Sorted, orders: Orders) -> None:
    """What a buyer paid and a rule gives another role than order_charge: booked here only if no invoice has it.

    An invoice that is not sent yet may still come to have it.
    """
    misplaced: dict[tuple[str, str, str], list[SettlementLine]] = {}
    for order_id, charges in result.misruled.items():
        bill = orders.bill(order_id)
        shown: set[str] | None = None
        if bill is not None and bill.is_sent:
            lines = [line for document in bill.documents for line in document.lines]
            shown = {line.component for line in lines} | {line.account for line in lines if not line.component}
        amount = total_of(line for _, line in charges)
        here = bill is None and _booked_here(order_id, orders) is not None
        if here:
            orders.recognised[order_id] = orders.recognised.get(order_id, 0) + amount
        for rule, line in charges:
            absent = shown is not None and not {component_of(line.triple), rule.account} & shown
            if (here or absent) and rule.account in default_chart():
                result.book(DirectKey(orders.days.of(line), rule.account), line.amount, (line.ordinal,))
            else:
                misplaced.setdefault(line.triple, []).append(line)
    result.reasons += [
        Reason(
            "not_order_charge",
            f"{money(total_of(same), orders.closed.currency)} of {' | '.join(triple)} is what buyers paid, on their "
            "invoices already or still to be invoiced; a rule of this flow gives it another role than order_charge, "
            "which would book it twice",
            total_of(same),
        )
        for triple, same in misplaced.items()
    ]


def _variance(result: Sorted, bill: OrderBill, orders: Orders) -> None:
    """What stays open of an order that is settled in full: by component, with what may have caused it (R7)."""
    left = {key: amount for key, amount in bill.left.items() if amount}
    if not left or not _settled_in_full(result, bill):
        return
    currency = orders.closed.currency
    parts = ", ".join(f"{money(amount, currency)} of {key}" for key, amount in sorted(left.items()))
    text = (
        f"order {bill.order_id} is settled in full and its invoice has {parts} more; if Amazon reports a cancellation "
        "or a new price, it is credited; else look at the order in Seller Central and credit the invoice"
    )
    result.notes.append(Reason("variance", text, sum(left.values()), f"order:{bill.order_id}"))


def _settled_in_full(result: Sorted, bill: OrderBill) -> bool:
    """Whether this settlement shows all units of all items that the order bills; without quantities nobody knows."""
    known = bill.order.known if bill.order is not None else None
    if known is None or known.status != "SHIPPED":
        return False
    shown: dict[str, int] = {}
    for _, line in result.charges.get(bill.order_id, ()):
        if line.triple[1:] == ("ItemPrice", "Principal") and line.quantity:
            shown[line.order_item] = shown.get(line.order_item, 0) + line.quantity
    billed = [item for item in known.items if item.proceeds and not item.cancelled]
    return bool(billed) and all(shown.get(item.order_item_id, 0) >= max(item.quantity, 1) for item in billed)
