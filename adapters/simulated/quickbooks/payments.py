"""Payment: money received, and which invoices and credit memos it settles.

A foreign invoice is relieved at its own rate and the money booked at the payment's; the difference is an exchange
gain or loss, in home currency only.
"""

from adapters.simulated.quickbooks.company import Company, Record, Txn
from adapters.simulated.quickbooks.documents import (
    DEPOSIT_TO_TYPES,
    Kind,
    account_for,
    currency_of,
    customer_of,
    in_home,
    lines_of,
    passed_on,
    rate_of,
    repost,
    same_currency,
    show_head,
)
from adapters.simulated.quickbooks.ledger import Document, Leg
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.settings import EXCHANGE, UNDEPOSITED
from adapters.simulated.quickbooks.wire import Body, minor_units, shown

_SETTLED = ("Invoice", "CreditMemo")


class Payment(Kind):
    has_number = False

    def draft(self, company: Company, txn: Txn, former: Txn | None) -> None:
        fields = txn.fields
        if fields.get("TotalAmt") is None:
            raise Refused.business("You must set a transaction amount.")
        customer = customer_of(company, fields, required=True)
        assert customer is not None
        txn.money = currency_of(company, fields, None)
        same_currency(customer, txn.money)
        txn.rate = rate_of(company, fields, txn.money)
        txn.total = minor_units(fields["TotalAmt"], "TotalAmt")
        if txn.total < 0:
            raise Refused.business("The payment amount must be 0 or greater.", "TotalAmt")
        if fields.get("DepositToAccountRef") is None:
            fields["DepositToAccountRef"] = {"value": company.account_named(UNDEPOSITED).id}
        account_for(company, fields["DepositToAccountRef"], "DepositToAccountRef", txn.money, DEPOSIT_TO_TYPES)
        txn.lines = []
        for line in lines_of(fields):
            _settle(company, txn, former, customer, line)
        paid = sum(_signed(document) * amount for document, (amount, _) in txn.applied.items())
        if paid > txn.total:
            raise Refused.business("The amount applied is more than the payment's total.", "Line.Amount")
        fields["Line"] = txn.lines
        txn.unapplied = txn.total - paid
        txn.legs = payment_legs(company, txn)

    def apply(self, company: Company, txn: Txn) -> None:
        for document, (amount, home) in txn.applied.items():
            target = company.transactions[document.kind][document.id]
            target.balance -= amount
            target.home_balance -= home
            target.linked_by[txn.document] = None
            company.touch(target)

    def undo(self, company: Company, txn: Txn) -> None:
        for document, (amount, home) in txn.applied.items():
            target = company.transactions[document.kind][document.id]
            target.balance += amount
            target.home_balance += home
            target.linked_by.pop(txn.document, None)
            company.touch(target)

    def empty(self, company: Company, txn: Txn) -> None:
        txn.lines = []
        txn.fields["Line"], txn.fields["TotalAmt"] = [], 0

    def show(self, company: Company, txn: Txn) -> Body:
        fields = txn.fields
        answer: Body = {
            "CustomerRef": company.reference("Customer", str(fields["CustomerRef"]["value"])),
            "DepositToAccountRef": company.reference("Account", str(fields["DepositToAccountRef"]["value"])),
            "TotalAmt": shown(txn.total),
            "UnappliedAmt": shown(txn.unapplied),
            "ProcessPayment": False,
            **show_head(txn),
            "LinkedTxn": [{"TxnId": txn.deposited_in, "TxnType": "Deposit"}] if txn.deposited_in else [],
            "Line": txn.lines,
        }
        return passed_on(txn, answer)


def payment_legs(company: Company, txn: Txn) -> list[Leg]:
    """Dr the account the money went to, Cr receivables; what was applied at each document's rate."""
    customer = str(txn.fields["CustomerRef"]["value"])
    receivable = company.receivable(txn.money)
    legs = [Leg(str(txn.fields["DepositToAccountRef"]["value"]), txn.total, in_home(txn.total, txn.rate))]
    for document, (amount, home) in txn.applied.items():
        sign = _signed(document)
        legs.append(Leg(receivable, -sign * amount, -sign * home, customer, f"{document.kind} {document.id}"))
    if txn.unapplied:
        legs.append(Leg(receivable, -txn.unapplied, -in_home(txn.unapplied, txn.rate), customer, "Unapplied"))
    difference = sum(leg.home for leg in legs)
    if difference:
        exchange = company.open_account(EXCHANGE, "Other Expense", "ExchangeGainOrLoss")
        legs.append(Leg(exchange, 0, -difference))
    return legs


def release(company: Company, payment: Txn, target: Txn) -> None:
    """Take `target` out of a payment because it is voided or deleted: the money stays, unapplied."""
    amount, _ = payment.applied.pop(target.document)
    payment.unapplied += _signed(target.document) * amount
    payment.lines = [line for line in payment.lines if line["LinkedTxn"][0]["TxnId"] != target.id]
    payment.fields["Line"] = payment.lines
    payment.legs = payment_legs(company, payment)
    repost(company, payment, f"{target.entity} {target.id} unlinked")
    company.touch(payment)


def _signed(document: Document) -> int:
    return 1 if document.kind == "Invoice" else -1


def _settle(company: Company, txn: Txn, former: Txn | None, customer: Record, line: Body) -> None:
    links = line.get("LinkedTxn")
    if not isinstance(links, list) or len(links) != 1 or not isinstance(links[0], dict):
        raise Refused.missing("Line.LinkedTxn")
    if line.get("Amount") is None:
        raise Refused.missing("Line.Amount")
    amount = minor_units(line["Amount"], "Line.Amount")
    kind, identity = str(links[0].get("TxnType")), str(links[0].get("TxnId"))
    if kind not in _SETTLED:
        raise Refused.not_linkable(kind, identity)
    target = company.transactions[kind].get(identity)
    if target is None:
        raise Refused.bad_reference("Line.LinkedTxn", "Transactions", identity)
    if target.voided:
        raise Refused.not_linkable(kind, identity)
    if not _belongs_to(company, target, customer):
        raise Refused.business("A payment settles transactions of one customer only.", "Line.LinkedTxn")
    if target.money != txn.money:
        raise Refused.business(f"{kind} {identity} is in {target.money}, the payment in {txn.money}.", "CurrencyRef")
    before = (0, 0)
    if former is not None:
        before = former.applied.get(target.document, before)
    taken = txn.applied.get(target.document, (0, 0))
    open_amount = target.balance + before[0] - taken[0]
    open_home = target.home_balance + before[1] - taken[1]
    if amount < 0:
        raise Refused.business("The amount applied must not be negative.", "Line.Amount")
    if amount > open_amount:
        raise Refused.business(
            f"The amount applied to {kind} {identity} is more than its open balance of {shown(open_amount)}.",
            "Line.Amount",
        )
    home = open_home if amount == open_amount else in_home(amount, target.rate)
    txn.applied[target.document] = (taken[0] + amount, taken[1] + home)
    txn.lines.append({"Amount": shown(amount), "LinkedTxn": [{"TxnId": identity, "TxnType": kind}]})


def _belongs_to(company: Company, target: Txn, customer: Record) -> bool:
    """The payer itself, or one of its sub-customers."""
    identity: str | None = str(target.fields["CustomerRef"]["value"])
    while identity is not None:
        if identity == customer.id:
            return True
        parent = company.records["Customer"][identity].fields.get("ParentRef")
        identity = str(parent["value"]) if parent else None
    return False
