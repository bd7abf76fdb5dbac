"""JournalEntry and Purchase: the two documents whose lines name accounts."""

from adapters.simulated.quickbooks.company import HOME, Company, Txn
from adapters.simulated.quickbooks.documents import (
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
from adapters.simulated.quickbooks.settings import EXCHANGE
from adapters.simulated.quickbooks.wire import Body, minor_units, printed, shown


class JournalEntry(Kind):
    """Debits and credits, positive, equal, at least two."""

    def draft(self, company: Company, txn: Txn, former: Txn | None) -> None:
        fields = txn.fields
        txn.money = currency_of(company, fields, HOME)
        txn.rate = rate_of(company, fields, txn.money)
        lines = lines_of(fields)
        if len(lines) < 2:
            raise Refused.missing("Line")
        ids = LineIds(former)
        txn.lines, txn.legs = [], []
        for line in lines:
            self._line(company, txn, line, ids)
        debits = sum(leg.amount for leg in txn.legs if leg.amount > 0)
        credits = -sum(leg.amount for leg in txn.legs if leg.amount < 0)
        if debits != credits:
            raise Refused.unbalanced(printed(debits), printed(credits))
        rest = sum(leg.home for leg in txn.legs)
        if rest:  # what rounding each foreign line to home currency leaves over
            exchange = company.open_account(EXCHANGE, "Other Expense", "ExchangeGainOrLoss")
            txn.legs.append(Leg(exchange, 0, -rest))
        fields["Line"] = txn.lines

    def _line(self, company: Company, txn: Txn, line: Body, ids: LineIds) -> None:
        kind = line.get("DetailType")
        if kind is None:
            raise Refused.missing("Line.DetailType")
        if kind == "DescriptionOnly":
            txn.lines.append({**line, "Id": ids.of(line)})
            return
        if kind != "JournalEntryLineDetail":
            raise Refused.invalid_choice("Line.DetailType", kind)
        if line.get("Amount") is None:
            raise Refused.missing("Line.Amount")
        amount = minor_units(line["Amount"], "Line.Amount")
        if amount < 0:
            raise Refused.negative_line()
        detail = detail_of(line, "JournalEntryLineDetail")
        posting = detail.get("PostingType")
        if posting is None:
            raise Refused.missing("Line.JournalEntryLineDetail.PostingType")
        if posting not in ("Debit", "Credit"):
            raise Refused.invalid_choice("Line.JournalEntryLineDetail.PostingType", posting)
        if detail.get("AccountRef") is None:
            raise Refused.missing("Line.JournalEntryLineDetail.AccountRef")
        element = "Line.JournalEntryLineDetail.AccountRef"
        account = company.find(detail["AccountRef"], "Account", element, "Accounts")
        if account.currency not in (HOME, txn.money):
            raise Refused.business(
                f"The account {account.fields['Name']} is kept in {account.currency}, the journal in {txn.money}.",
                element,
            )
        customer = self._entity(company, txn, detail, str(account.fields["AccountType"]))
        signed = amount if posting == "Debit" else -amount
        memo = str(line.get("Description") or "")
        txn.legs.append(Leg(account.id, signed, in_home(signed, txn.rate), customer, memo))
        kept: Body = {"Id": ids.of(line)}
        if line.get("Description") is not None:
            kept["Description"] = line["Description"]
        shape = {**detail, "AccountRef": company.reference("Account", account.id)}
        kept |= {"Amount": shown(amount), "DetailType": kind, "JournalEntryLineDetail": shape}
        txn.lines.append(kept)

    def _entity(self, company: Company, txn: Txn, detail: Body, account_type: str) -> str | None:
        """A receivable needs to know whose it is, a payable to whom."""
        entity = detail.get("Entity") or {}
        reference, kind = entity.get("EntityRef"), str(entity.get("Type", "")).capitalize()
        person = None
        if reference is not None and kind in ("Customer", "Vendor"):
            person = company.find(reference, kind, "Line.JournalEntryLineDetail.Entity", f"{kind}s")
        if account_type == "Accounts Receivable":
            if person is None or person.entity != "Customer":
                raise Refused.business("With Accounts Receivable, you must choose a customer in the Name field.")
            if person.currency != txn.money:
                raise Refused.business("The customer's currency is not the journal's.")
            return person.id
        if account_type == "Accounts Payable" and (person is None or person.entity != "Vendor"):
            raise Refused.business("With Accounts Payable, you must choose a vendor in the Name field.")
        return None

    def empty(self, company: Company, txn: Txn) -> None:
        for line in txn.lines:
            line["Amount"] = 0
        txn.fields["Line"] = txn.lines

    def show(self, company: Company, txn: Txn) -> Body:
        answer: Body = {"Adjustment": bool(txn.fields.get("Adjustment", False)), **show_head(txn)}
        answer |= {"Line": txn.lines, "TxnTaxDetail": {}, "TotalAmt": 0}
        return passed_on(txn, answer)


class Purchase(Kind):
    """Money spent from a bank or on a card; `Credit: true` is a card refund."""

    checks_number = False

    def draft(self, company: Company, txn: Txn, former: Txn | None) -> None:
        fields = txn.fields
        kind = fields.get("PaymentType")
        if kind is None:
            raise Refused.missing("PaymentType")
        if kind not in ("Cash", "Check", "CreditCard"):
            raise Refused.invalid_choice("PaymentType", kind)
        if fields.get("AccountRef") is None:
            raise Refused.missing("AccountRef")
        allowed = ("Credit Card",) if kind == "CreditCard" else ("Bank",)
        paid_from = company.find(fields["AccountRef"], "Account", "AccountRef", "Accounts")
        txn.money = currency_of(company, fields, paid_from.currency)
        txn.rate = rate_of(company, fields, txn.money)
        account_for(company, fields["AccountRef"], "AccountRef", txn.money, allowed)
        if fields.get("EntityRef") is not None:
            entity = str(fields["EntityRef"].get("type", "Vendor")).capitalize()
            company.find(fields["EntityRef"], entity if entity == "Customer" else "Vendor", "EntityRef")
        if fields.get("Credit") is True and kind != "CreditCard":
            raise Refused.business("Credit is for credit card refunds only.", "Credit")
        lines = lines_of(fields)
        if not lines:
            raise Refused.missing("Line")
        sign = -1 if fields.get("Credit") is True else 1
        ids = LineIds(former)
        txn.lines, txn.legs = [], []
        for line in lines:
            txn.legs.append(self._line(company, txn, line, ids, sign))
        txn.total = sign * sum(leg.amount for leg in txn.legs)
        if txn.total < 0:
            raise Refused.business("The transaction amount must be 0 or greater.", "TotalAmt")
        txn.legs.append(balancing(paid_from.id, txn.legs))
        fields["Line"] = txn.lines

    def _line(self, company: Company, txn: Txn, line: Body, ids: LineIds, sign: int) -> Leg:
        kind = line.get("DetailType")
        if kind is None:
            raise Refused.missing("Line.DetailType")
        if kind != "AccountBasedExpenseLineDetail":
            raise Refused.invalid_choice("Line.DetailType", kind)
        if line.get("Amount") is None:
            raise Refused.missing("Line.Amount")
        amount = minor_units(line["Amount"], "Line.Amount")
        detail = detail_of(line, kind)
        if detail.get("AccountRef") is None:
            raise Refused.missing(f"Line.{kind}.AccountRef")
        account = account_for(company, detail["AccountRef"], f"Line.{kind}.AccountRef", txn.money)
        if account.fields["AccountType"] in ("Accounts Receivable", "Accounts Payable"):
            raise Refused.business("A purchase line may not use receivables or payables here.", f"Line.{kind}")
        kept: Body = {"Id": ids.of(line)}
        if line.get("Description") is not None:
            kept["Description"] = line["Description"]
        shape = {
            "BillableStatus": "NotBillable",
            "TaxCodeRef": {"value": "NON"},
            **detail,
            "AccountRef": company.reference("Account", account.id),
        }
        kept |= {"Amount": shown(amount), "DetailType": kind, kind: shape}
        txn.lines.append(kept)
        memo = str(line.get("Description") or "")
        return Leg(account.id, sign * amount, in_home(sign * amount, txn.rate), None, memo)

    def empty(self, company: Company, txn: Txn) -> None:
        for line in txn.lines:
            line["Amount"] = 0
        txn.fields["Line"] = txn.lines

    def show(self, company: Company, txn: Txn) -> Body:
        fields = txn.fields
        answer: Body = {
            "AccountRef": company.reference("Account", str(fields["AccountRef"]["value"])),
            "PaymentType": fields["PaymentType"],
            "Credit": bool(fields.get("Credit", False)),
            "TotalAmt": shown(txn.total),
            "PurchaseEx": {"any": []},
            **show_head(txn),
            "Line": txn.lines,
        }
        return passed_on(txn, answer)
