"""Tax in a settlement: what Amazon collected and withheld cancels out, the rest is the seller's (accounting.md R5, R6).

`tax=net` books nothing of a pair. `tax=gross` shows it passing through a liability (MFT): the invoice credits it, the
withheld line debits it. What was collected and not withheld pays the tax on the order's invoice, or is owed to the
state: it goes to STX with a note. Late tax (retrocharges, R16) and the seller's VAT (R8) follow the same rule.
"""

from collections.abc import Callable, Sequence
from datetime import date

from domain.flow import Flow
from domain.mapping import Rule
from domain.posting import Reason
from domain.posting_rules.dispositions import DirectKey, Sorted, money
from domain.posting_rules.order_payments import OrderBill
from domain.posting_rules.tranches import Days
from domain.settlement import SettlementLine

SELLER_TAX = "STX"
PASSED_THROUGH = "MFT"


def settle_taxes(
    result: Sorted, bill_of: Callable[[str], OrderBill | None], flow: Flow, days: Days, currency: str
) -> None:
    """Place the tax lines of each order: netted, on its bill, owed by the seller, or passed through an account."""
    for (order_id, transaction_type), pairs in result.taxes.items():
        bill = bill_of(order_id) if transaction_type == "order" else None
        if flow.policies.tax == "gross":
            _gross(result, order_id, pairs, bill, days, currency)
        else:
            _net(result, order_id, transaction_type, [line for _, line in pairs], bill, days, currency)


def _net(
    result: Sorted,
    order_id: str,
    transaction_type: str,
    lines: Sequence[SettlementLine],
    bill: OrderBill | None,
    days: Days,
    currency: str,
) -> None:
    remainder = sum(line.amount for line in lines)
    ordinals = [line.ordinal for line in lines]
    if remainder == 0:
        result.netted += ordinals
        return
    day = max(days.of(line) for line in lines)
    on_bill = bill.take_tax(remainder, day) if bill is not None else 0
    if on_bill:
        result.paid += ordinals
        result.add("AR", on_bill)
    _to_seller(result, order_id or transaction_type, remainder - on_bill, [] if on_bill else ordinals, day, currency)


def _gross(
    result: Sorted,
    order_id: str,
    pairs: Sequence[tuple[Rule, SettlementLine]],
    bill: OrderBill | None,
    days: Days,
    currency: str,
) -> None:
    collected = [line for rule, line in pairs if rule.role != "tax_out"]
    withheld = [line for rule, line in pairs if rule.role == "tax_out"]
    taken = sum(line.amount for line in collected)
    remainder = taken + sum(line.amount for line in withheld)
    day = max(days.of(line) for _, line in pairs)
    on_bill = bill.take_passed_through(taken, day) if bill is not None else 0
    if not on_bill:
        # No invoice shows it: through the account and out again would be two lines of a journal that say nothing.
        _net(result, order_id, "", [line for _, line in pairs], bill, days, currency)
        return
    result.paid += [line.ordinal for line in collected]
    result.add("AR", on_bill)
    result.book(DirectKey(day, PASSED_THROUGH), -on_bill, [line.ordinal for line in withheld], len(withheld))
    _to_seller(result, order_id, remainder, [], day, currency)


def _to_seller(result: Sorted, whose: str, amount: int, ordinals: list[int], day: date, currency: str) -> None:
    if not amount:
        return
    result.book(DirectKey(day, SELLER_TAX, "tax not withheld"), amount, ordinals, 1)
    text = (
        f"{whose or 'a line without an order'}: tax of {money(amount, currency)} was not withheld by Amazon; it is the "
        "seller's to remit and stands in the account of tax that the seller owes"
    )
    result.notes.append(Reason("tax_not_withheld", text, amount, f"order:{whose}" if whose else ""))
