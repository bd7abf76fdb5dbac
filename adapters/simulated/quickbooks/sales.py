"""Invoice, SalesReceipt, CreditMemo and RefundReceipt: the forms whose lines are items.

Their income goes where each item's income account points; a line has no account of its own. An invoice and a credit
memo stand in receivables, the two receipts move money at once.
"""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

from adapters.simulated.quickbooks.company import HOME, Company, Txn
from adapters.simulated.quickbooks.documents import (
    DEPOSIT_TO_TYPES,
    Kind,
    LineIds,
    account_for,
    balancing,
    currency_of,
    customer_of,
    detail_of,
    in_home,
    lines_of,
    passed_on,
    rate_of,
    same_currency,
    show_head,
)
from adapters.simulated.quickbooks.ledger import Leg
from adapters.simulated.quickbooks.payments import release
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.settings import DISCOUNTS, SALES_TAX, UNDEPOSITED
from adapters.simulated.quickbooks.wire import Body, date, minor_units, number, plain, rounded, shown


class _Sale(NamedTuple):
    """What the lines come to: amounts by income account, and the part that is taxable."""

    by_account: list[tuple[str, int, str]]
    net: int
    taxable: int


class SalesForm(Kind):
    sign = 1  # of the sale; a credit or refund is -1
    in_receivables = True
    customer_required = True
    deposit_to_required = False

    def draft(self, company: Company, txn: Txn, former: Txn | None) -> None:
        fields = txn.fields
        customer = customer_of(company, fields, self.customer_required)
        txn.money = currency_of(company, fields, None)
        same_currency(customer, txn.money)
        txn.rate = rate_of(company, fields, txn.money)
        if fields.get("DueDate") is not None:
            date(fields["DueDate"], "DueDate")
        if not lines_of(fields):
            raise Refused.missing("Line")
        calculation = tax_calculation(company, fields)
        sale = _read_lines(company, txn, former, calculation)
        txn.tax = 0 if calculation == "NotApplicable" else _tax(company, fields, sale.taxable)
        txn.total = sale.net + txn.tax
        if txn.total < 0:
            raise Refused.business("The transaction amount must be 0 or greater.", "TotalAmt")
        txn.legs = [
            Leg(account, -self.sign * amount, -self.sign * in_home(amount, txn.rate), None, memo)
            for account, amount, memo in sale.by_account
        ]
        if txn.tax:
            payable = company.account_named(SALES_TAX).id
            txn.legs.append(Leg(payable, -self.sign * txn.tax, -self.sign * in_home(txn.tax, txn.rate)))
        if self.in_receivables:
            owner = customer.id if customer else None
            txn.legs.append(balancing(company.receivable(txn.money), txn.legs, owner))
        else:
            txn.legs.append(balancing(self._deposit_to(company, txn), txn.legs))
        self._leave_open(txn, former)

    def _deposit_to(self, company: Company, txn: Txn) -> str:
        reference = txn.fields.get("DepositToAccountRef")
        if reference is None:
            if self.deposit_to_required:
                raise Refused.missing("DepositToAccountRef")
            reference = {"value": company.account_named(UNDEPOSITED).id}
            txn.fields["DepositToAccountRef"] = reference
        return account_for(company, reference, "DepositToAccountRef", txn.money, DEPOSIT_TO_TYPES).id

    def _leave_open(self, txn: Txn, former: Txn | None) -> None:
        """What is still owed: all of it, less what has been applied to the former version."""
        if not self.in_receivables:
            return
        home_total = abs(txn.legs[-1].home)
        txn.balance, txn.home_balance = txn.total, home_total
        if former is None or not former.linked_by:
            return
        paid = former.total - former.balance
        home_paid = sum(abs(leg.home) for leg in former.legs[-1:]) - former.home_balance
        if former.fields["CustomerRef"].get("value") != txn.fields["CustomerRef"].get("value"):
            raise Refused.business("The customer cannot be changed: payments are applied to this transaction.")
        if (former.money, former.rate) != (txn.money, txn.rate):
            raise Refused.business("The currency cannot be changed: payments are applied to this transaction.")
        if paid > txn.total:
            raise Refused.business("The amount applied is more than the transaction's new total.")
        txn.balance, txn.home_balance = txn.total - paid, home_total - home_paid

    def gone(self, company: Company, txn: Txn) -> None:
        """Payments that were applied here become unapplied."""
        for payment in list(txn.linked_by):
            release(company, company.transactions[payment.kind][payment.id], txn)
        txn.linked_by.clear()

    def empty(self, company: Company, txn: Txn) -> None:
        for line in txn.lines:
            line["Amount"] = 0
            detail = line.get("SalesItemLineDetail")
            if detail is not None and "Qty" in detail:
                detail["Qty"] = 0
        txn.fields["Line"] = [line for line in txn.lines if line["DetailType"] != "SubTotalLineDetail"]

    def show(self, company: Company, txn: Txn) -> Body:
        fields = txn.fields
        answer: Body = self._opening() | show_head(txn)
        answer["CustomField"] = fields.get("CustomField") or [
            {"DefinitionId": "1", "Name": "Crew #", "Type": "StringType"}
        ]
        if self.in_receivables:
            answer["LinkedTxn"] = [{"TxnId": link.id, "TxnType": link.kind} for link in txn.linked_by]
        answer["Line"] = txn.lines
        answer["TxnTaxDetail"] = {"TotalTax": shown(txn.tax)}
        if fields.get("CustomerRef") is not None:
            answer["CustomerRef"] = company.reference("Customer", str(fields["CustomerRef"]["value"]))
        if self.in_receivables and self.sign > 0:
            due = fields.get("DueDate")
            answer["DueDate"] = due or (txn.date + dt.timedelta(days=30)).isoformat()
        answer["TotalAmt"] = shown(txn.total)
        if txn.money != HOME:
            answer["HomeTotalAmt"] = shown(abs(txn.legs[-1].home) if txn.legs else 0)
        answer["ApplyTaxAfterDiscount"] = bool(fields.get("ApplyTaxAfterDiscount", False))
        answer["PrintStatus"] = fields.get("PrintStatus", "NeedToPrint")
        answer["EmailStatus"] = fields.get("EmailStatus", "NotSet")
        answer["Balance"] = shown(txn.balance)
        if txn.entity == "CreditMemo":
            answer["RemainingCredit"] = shown(txn.balance)
        if not self.in_receivables:
            account = str(fields["DepositToAccountRef"]["value"])
            answer["DepositToAccountRef"] = company.reference("Account", account)
        return passed_on(txn, answer)

    def _opening(self) -> Body:
        return {}


class Invoice(SalesForm):
    def _opening(self) -> Body:
        return {
            "AllowIPNPayment": False,
            "AllowOnlinePayment": False,
            "AllowOnlineCreditCardPayment": False,
            "AllowOnlineACHPayment": False,
        }


class CreditMemo(SalesForm):
    sign = -1


class SalesReceipt(SalesForm):
    in_receivables = False
    customer_required = False


class RefundReceipt(SalesForm):
    sign = -1
    in_receivables = False
    customer_required = False
    deposit_to_required = True


def tax_calculation(company: Company, fields: Body) -> str:
    """How amounts stand to tax: required outside of the US, where it decides which codes a line must have."""
    if company.dials.country == "US":
        return ""
    given = fields.get("GlobalTaxCalculation")
    if given is None:
        raise Refused.missing("GlobalTaxCalculation")
    if given not in ("TaxExcluded", "TaxInclusive", "NotApplicable"):
        raise Refused.invalid_choice("GlobalTaxCalculation", given)
    return str(given)


def _read_lines(company: Company, txn: Txn, former: Txn | None, calculation: str) -> _Sale:
    ids = LineIds(former)
    by_account: list[tuple[str, int, str]] = []
    answered: list[Body] = []
    net = taxable = subtotal = 0
    discount: Body | None = None
    for line in lines_of(txn.fields):
        kind = line.get("DetailType")
        if kind is None:
            raise Refused.missing("Line.DetailType")
        if kind == "SubTotalLineDetail":
            continue  # QuickBooks makes its own
        if len(str(line.get("Description") or "")) > 4000:
            raise Refused.too_long("Line.Description", 4000, len(line["Description"]))
        if kind == "DescriptionOnly":
            answered.append(_kept(line, ids, len(answered) + 1, None, "DescriptionOnly", {}))
        elif kind == "SalesItemLineDetail":
            amount, account, shape, is_taxable = _item_line(company, line, calculation)
            if account is not None:  # a line without an item is documentation: it moves no money
                by_account.append((account, amount, str(line.get("Description") or "")))
                net, subtotal = net + amount, subtotal + amount
                taxable += amount if is_taxable else 0
            answered.append(_kept(line, ids, len(answered) + 1, amount, kind, shape))
        elif kind == "DiscountLineDetail":
            if discount is not None:
                raise Refused.business("Only one discount line is allowed.", "Line")
            discount = line
        else:
            raise Refused.invalid_choice("Line.DetailType", kind)
    answered.append({"Amount": shown(subtotal), "DetailType": "SubTotalLineDetail", "SubTotalLineDetail": {}})
    if discount is not None:
        amount, account, shape = _discount(company, discount, subtotal)
        by_account.append((account, -amount, "Discount"))
        net -= amount
        answered.append({"Amount": shown(amount), "DetailType": "DiscountLineDetail", "DiscountLineDetail": shape})
    txn.lines = answered
    txn.fields["Line"] = [line for line in answered if line["DetailType"] != "SubTotalLineDetail"]
    return _Sale(by_account, net, taxable)


def _item_line(company: Company, line: Body, calculation: str) -> tuple[int, str | None, Body, bool]:
    if line.get("Amount") is None:
        raise Refused.missing("Line.Amount")
    amount = minor_units(line["Amount"], "Line.Amount")
    detail = detail_of(line, "SalesItemLineDetail")
    shape: Body = {}
    account: str | None = None
    if detail.get("ItemRef") is not None:
        item = company.find(detail["ItemRef"], "Item", "Line.SalesItemLineDetail.ItemRef", "Items")
        account = str(item.fields["IncomeAccountRef"]["value"])
        shape["ItemRef"] = company.reference("Item", item.id)
    for member in ("ClassRef", "ServiceDate", "TaxInclusiveAmt"):
        if detail.get(member) is not None:
            shape[member] = detail[member]
    price, quantity = detail.get("UnitPrice"), detail.get("Qty")
    if price is not None:
        shape["UnitPrice"] = plain(number(price, "UnitPrice"))
    if quantity is not None:
        shape["Qty"] = plain(number(quantity, "Qty"))
    if price is not None and quantity is not None:
        if rounded(number(price, "UnitPrice") * number(quantity, "Qty") * 100) != amount:
            raise Refused.wrong_amount(line["Amount"])
    if account is not None:
        shape["ItemAccountRef"] = company.reference("Account", account)
    given = (detail.get("TaxCodeRef") or {}).get("value")
    if calculation:
        if (given is None) != (calculation == "NotApplicable") or given in ("TAX", "NON"):
            raise Refused.wrong_tax_code_abroad(given)
        if given is not None:
            shape["TaxCodeRef"] = {"value": given}
        return amount, account, shape, given is not None
    if given not in (None, "TAX", "NON"):
        raise Refused.wrong_tax_code(given)
    # Recorded without sales tax: a line sent without a code is answered NON. With it, a missing code counts as TAX.
    code = given or ("NON" if company.dials.ast_rate is None else "TAX")
    shape["TaxCodeRef"] = {"value": code}
    return amount, account, shape, code == "TAX"


def _discount(company: Company, line: Body, subtotal: int) -> tuple[int, str, Body]:
    if not company.dials.allow_discount:
        raise Refused.business("Discounts are not enabled for this company.", "Line.DiscountLineDetail")
    detail = detail_of(line, "DiscountLineDetail")
    shape: Body = {"PercentBased": bool(detail.get("PercentBased", False))}
    if shape["PercentBased"]:
        percent = number(detail.get("DiscountPercent", 0), "DiscountPercent")
        shape["DiscountPercent"] = plain(percent)
        amount = rounded(subtotal * percent / Decimal(100))
    else:
        if line.get("Amount") is None:
            raise Refused.missing("Line.Amount")
        amount = minor_units(line["Amount"], "Line.Amount")
    reference = detail.get("DiscountAccountRef") or {"value": company.account_named(DISCOUNTS).id}
    account = company.find(reference, "Account", "Line.DiscountLineDetail.DiscountAccountRef", "Accounts").id
    shape["DiscountAccountRef"] = company.reference("Account", account)
    return amount, account, shape


def _kept(line: Body, ids: LineIds, position: int, amount: int | None, kind: str, shape: Body) -> Body:
    kept: Body = {"Id": ids.of(line), "LineNum": position}
    if line.get("Description") is not None:
        kept["Description"] = line["Description"]
    if amount is not None:
        kept["Amount"] = shown(amount)
    kept["DetailType"] = kind
    kept["DescriptionLineDetail" if kind == "DescriptionOnly" else kind] = shape
    return kept


def _tax(company: Company, fields: Body, taxable: int) -> int:
    """Automated sales tax, unless the client overrides the total (TxnTaxDetail.TotalTax)."""
    detail = fields.get("TxnTaxDetail") or {}
    forced = detail.get("UseAutomatedSalesTax") is True
    if detail.get("TotalTax") is not None and not forced:
        return minor_units(detail["TotalTax"], "TxnTaxDetail.TotalTax")
    rate = company.dials.ast_rate
    return rounded(taxable * rate) if rate is not None else 0
