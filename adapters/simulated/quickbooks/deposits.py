"""Deposit: money arriving at the bank, from undeposited funds and straight from accounts.

A linked line names a transaction whose whole amount lies in Undeposited Funds; a direct line names an account. The
answer shows a linked amount without its cents, as every recorded deposit does; only TotalAmt is exact.
"""

from adapters.simulated.quickbooks.company import Company, Txn
from adapters.simulated.quickbooks.documents import (
    DEPOSIT_TO_TYPES,
    Kind,
    LineIds,
    account_for,
    balancing,
    currency_of,
    detail_of,
    in_home,
    lines_of,
    passed_on,
    rate_of,
    show_head,
)
from adapters.simulated.quickbooks.ledger import Leg
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.settings import UNDEPOSITED
from adapters.simulated.quickbooks.wire import Body, minor_units, shown

# The documented list. Bank, receivable, payable, card and liability accounts are not on it.
LINE_ACCOUNT_TYPES = (
    "Income",
    "Other Income",
    "Expense",
    "Other Expense",
    "Other Current Asset",
    "Equity",
    "Cost of Goods Sold",
)
_LINKABLE = ("Payment", "SalesReceipt", "RefundReceipt", "JournalEntry")


class Deposit(Kind):
    voidable = False
    has_number = False

    def draft(self, company: Company, txn: Txn, former: Txn | None) -> None:
        fields = txn.fields
        if fields.get("DepositToAccountRef") is None:
            raise Refused.missing("DepositToAccountRef")
        bank = company.find(fields["DepositToAccountRef"], "Account", "DepositToAccountRef", "Accounts")
        txn.money = currency_of(company, fields, bank.currency)
        txn.rate = rate_of(company, fields, txn.money)
        account_for(company, fields["DepositToAccountRef"], "DepositToAccountRef", txn.money, DEPOSIT_TO_TYPES)
        lines = lines_of(fields)
        if not lines:
            raise Refused.missing("Line")
        ids = LineIds(former)
        txn.lines, txn.legs = [], []
        for line in lines:
            if line.get("Amount") is None:
                raise Refused.missing("Line.Amount")
            # A DetailType makes it a direct line, whatever else it holds (python-quickbooks#329, #391).
            if "DetailType" in line or not line.get("LinkedTxn"):
                _direct(company, txn, line, ids)
            else:
                _linked(company, txn, former, line)
        txn.total = -sum(leg.amount for leg in txn.legs)
        if fields.get("CashBack"):
            txn.total -= _cash_back(company, txn)
        if txn.total < 0:
            # No code for this was ever published; the help page says only that it is impossible.
            raise Refused.business("The deposit's total must be 0 or greater.", "TotalAmt")
        txn.legs.append(balancing(bank.id, txn.legs))
        fields["Line"] = txn.lines

    def apply(self, company: Company, txn: Txn) -> None:
        for document in txn.applied:
            target = company.transactions[document.kind][document.id]
            target.deposited_in = txn.id
            company.touch(target)

    def undo(self, company: Company, txn: Txn) -> None:
        for document in txn.applied:
            target = company.transactions[document.kind][document.id]
            target.deposited_in = None
            company.touch(target)

    def show(self, company: Company, txn: Txn) -> Body:
        account = str(txn.fields["DepositToAccountRef"]["value"])
        answer: Body = {
            "DepositToAccountRef": company.reference("Account", account),
            "TotalAmt": shown(txn.total),
            **show_head(txn),
            "Line": txn.lines,
        }
        return passed_on(txn, answer)


def _direct(company: Company, txn: Txn, line: Body, ids: LineIds) -> None:
    if line.get("DetailType", "DepositLineDetail") != "DepositLineDetail":
        raise Refused.invalid_choice("Line.DetailType", line["DetailType"])
    detail = line.get("DepositLineDetail") or {}
    if detail.get("AccountRef") is None:
        raise Refused.missing("Line.DepositLineDetail.AccountRef")
    detail = detail_of(line, "DepositLineDetail")
    if line.get("LinkedTxn"):
        raise Refused.business("A linked deposit line may not have a DetailType.", "Line.DetailType")
    if line.get("DetailType") is None:
        raise Refused.missing("Line.DetailType")
    amount = minor_units(line["Amount"], "Line.Amount")
    element = "Line.DepositLineDetail.AccountRef"
    account = account_for(company, detail["AccountRef"], element, txn.money, LINE_ACCOUNT_TYPES)
    shape: Body = {"AccountRef": company.reference("Account", account.id)}
    entity = detail.get("Entity")
    if isinstance(entity, dict) and "value" in entity:  # a nested EntityRef is silently ignored by QuickBooks
        kind = str(entity.get("type", "CUSTOMER")).capitalize()
        if kind in ("Customer", "Vendor"):
            person = company.find(entity, kind, "Line.DepositLineDetail.Entity", f"{kind}s")
            if person.currency != txn.money:  # its currency would override the deposit's, and the bank has another
                raise Refused.business("The entity's currency is not the deposit's.", "Line.DepositLineDetail.Entity")
        shape["Entity"] = entity
    for member in ("ClassRef", "PaymentMethodRef", "CheckNum", "TxnType"):
        if detail.get(member) is not None:
            shape[member] = detail[member]
    memo = str(line.get("Description") or "")
    txn.legs.append(Leg(account.id, -amount, -in_home(amount, txn.rate), None, memo))
    kept: Body = {"Id": ids.of(line), "LineNum": len(txn.lines) + 1}
    for member in ("Description", "ProjectRef"):
        if line.get(member) is not None:
            kept[member] = line[member]
    kept |= {"Amount": shown(amount), "DetailType": "DepositLineDetail", "DepositLineDetail": shape}
    txn.lines.append(kept)


def _linked(company: Company, txn: Txn, former: Txn | None, line: Body) -> None:
    links = line["LinkedTxn"]
    if not isinstance(links, list) or len(links) != 1 or not isinstance(links[0], dict):
        raise Refused.malformed("Line.LinkedTxn is not a list of one link")
    kind, identity = str(links[0].get("TxnType")), str(links[0].get("TxnId"))
    if kind not in _LINKABLE:
        raise Refused.not_linkable(kind, identity)
    target = company.transactions[kind].get(identity)
    if target is None:
        raise Refused.bad_reference("Line.LinkedTxn", "Transactions", identity)
    already = former is not None and target.document in former.applied
    if target.voided or target.document in txn.applied or (target.deposited_in is not None and not already):
        raise Refused.not_linkable(kind, identity)
    undeposited = company.account_named(UNDEPOSITED).id
    waiting = [leg for leg in target.legs if leg.account == undeposited]
    whole = sum(leg.amount for leg in waiting)
    if not waiting or target.money != txn.money:
        raise Refused.not_linkable(kind, identity)
    amount = minor_units(line["Amount"], "Line.Amount")
    # An update may send back what was read, which has lost its cents.
    if amount != whole and not (already and amount == _without_cents(whole)):
        raise Refused.business("A deposit takes the whole amount of a linked transaction.", "Line.Amount")
    home = sum(leg.home for leg in waiting)
    txn.legs.append(Leg(undeposited, -whole, -home, None, f"{kind} {identity}"))
    txn.applied[target.document] = (whole, home)
    txn.lines.append(
        {
            "Amount": _without_cents(whole) // 100,
            "LinkedTxn": [{"TxnId": identity, "TxnType": kind, "TxnLineId": "0"}],
        }
    )


def _cash_back(company: Company, txn: Txn) -> int:
    cash = txn.fields["CashBack"]
    if cash.get("AccountRef") is None:
        raise Refused.missing("CashBack.AccountRef")
    account = account_for(company, cash["AccountRef"], "CashBack.AccountRef", txn.money)
    amount = minor_units(cash.get("Amount", 0), "CashBack.Amount")
    if amount < 0:
        raise Refused.business("The cash back must be 0 or greater.", "CashBack.Amount")
    txn.legs.append(Leg(account.id, amount, in_home(amount, txn.rate), None, "Cash back"))
    return amount


def _without_cents(minor: int) -> int:
    return minor // 100 * 100 if minor >= 0 else -(-minor // 100 * 100)
