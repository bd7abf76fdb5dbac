"""What a document that QuickBooks answered means in its ledger: debits and credits by account, in two currencies.

Read from the answer itself, never from our plan, so that an export shows what stands in QuickBooks. An answer to an
invoice does not always name the income account of a line (QuickBooks leaves `ItemAccountRef` out); then the item's
account is used. A foreign amount is worth its rate at home; receivables keep the rate of their form until a payment
relieves them, and the difference is a realised gain or loss. Source: accounting.md 4.2, quickbooks.md 5 and 6.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import msgspec

from domain.errors import VendorError
from domain.money import exponent, to_minor

RECEIVABLES = ("Accounts Receivable (A/R)", "Accounts Receivable")
SALES_TAX = ("Sales Tax Payable", "Other Current Liability")
UNDEPOSITED = ("Undeposited Funds", "Other Current Asset")
EXCHANGE = ("Exchange Gain or Loss", "Other Expense")

_FORMS = {"invoice": 1, "sales_receipt": 1, "credit_memo": -1, "refund_receipt": -1}
_OPEN = {"invoice": "Invoice", "credit_memo": "CreditMemo"}

# Amounts are JSON numbers: read as their digits, never as floats.
_DECODER = msgspec.json.Decoder(float_hook=Decimal)

Answered = Mapping[str, Any]


class JournalLine(msgspec.Struct, frozen=True):
    """An amount on an account: debit positive, credit negative, minor units; `home` is it in the home currency.

    QuickBooks' own accounts have no id here, but name and type. `form` is the form whose receivable it is, as
    (QuickBooks' type, id).
    """

    account_id: str
    account_name: str
    amount: int
    home: int = 0
    account_type: str = ""
    form: tuple[str, str] = ("", "")


class LedgerReader:
    """Answers as ledger lines. Forms that stand in receivables must be read before the payments that relieve them.

    `item_accounts`: the income account's id by item id.
    """

    def __init__(self, home_currency: str, item_accounts: Mapping[str, str]) -> None:
        self._home = home_currency
        self._item_accounts = item_accounts
        self._open: dict[tuple[str, str], list[int]] = {}  # what is left of a form: amount, home amount
        self._rates: dict[tuple[str, str], Decimal] = {}

    def lines(self, kind: str, answered: Answered) -> list[JournalLine]:
        """The ledger lines of one document; they sum to zero in either currency.

        Raises VendorError where the object does not add up: then it is not what we take it for.
        """
        reading = _Reading(self._home, answered)
        match kind:
            case "invoice" | "credit_memo" | "sales_receipt" | "refund_receipt":
                lines = self._form(kind, reading)
            case "payment":
                lines = self._payment(reading)
            case "deposit":
                lines = _deposit(reading)
            case "journal":
                lines = _journal(reading)
            case "purchase":
                lines = _purchase(reading)
            case _:
                raise VendorError(f"a {kind} cannot be read back into ledger lines", vendor="quickbooks")
        if sum(line.amount for line in lines) or sum(line.home for line in lines):
            words = f"{kind} {answered.get('Id')} as QuickBooks answered it does not balance"
            raise VendorError(words, vendor="quickbooks")
        return lines

    def _form(self, kind: str, reading: "_Reading") -> list[JournalLine]:
        sign = _FORMS[kind]
        answered = reading.answered
        lines = []
        for line in answered.get("Line", ()):
            amount = reading.minor(line.get("Amount", 0))
            if (detail := line.get("SalesItemLineDetail")) is not None and "ItemRef" in detail:
                item = detail["ItemRef"]
                account = detail.get("ItemAccountRef") or {"value": self._item_accounts.get(str(item["value"]), "")}
                lines.append(reading.line(account, -sign * amount))
            elif (detail := line.get("DiscountLineDetail")) is not None:
                lines.append(reading.line(detail["DiscountAccountRef"], sign * amount))
        tax = reading.minor((answered.get("TxnTaxDetail") or {}).get("TotalTax", 0))
        if tax:
            lines.append(reading.own(SALES_TAX, -sign * tax))
        total = sign * reading.minor(answered["TotalAmt"])
        if kind not in _OPEN:
            return [reading.balancing(answered["DepositToAccountRef"], total, lines), *lines]
        form = (_OPEN[kind], str(answered["Id"]))
        home = -sum(line.home for line in lines)
        self._open[form], self._rates[form] = [abs(total), abs(home)], reading.rate
        return [JournalLine("", RECEIVABLES[0], total, home, RECEIVABLES[1], form), *lines]

    def _payment(self, reading: "_Reading") -> list[JournalLine]:
        answered = reading.answered
        total = reading.minor(answered["TotalAmt"])
        lines = [reading.line(answered["DepositToAccountRef"], total)] if total else []
        unapplied = total
        for line in answered.get("Line", ()):
            link = (line.get("LinkedTxn") or [{}])[0]
            form = (str(link.get("TxnType", "")), str(link.get("TxnId", "")))
            sign = -1 if form[0] == "CreditMemo" else 1
            amount = reading.minor(line.get("Amount", 0))
            unapplied -= sign * amount
            home = self._relieved(form, amount, reading)
            lines.append(JournalLine("", RECEIVABLES[0], -sign * amount, -sign * home, RECEIVABLES[1], form))
        if unapplied:
            lines.append(reading.own(RECEIVABLES, -unapplied))
        return reading.with_exchange(lines)

    def _relieved(self, form: tuple[str, str], amount: int, reading: "_Reading") -> int:
        """What `amount` of a form is worth at home: the last of it takes what is left there."""
        left = self._open.get(form)
        if left is None:
            return reading.at_home(amount)
        home = left[1] if amount == left[0] else reading.at_home(amount, self._rates[form])
        left[0] -= amount
        left[1] -= home
        return home


def _deposit(reading: "_Reading") -> list[JournalLine]:
    """Linked lines come from undeposited funds; QuickBooks answers their amounts without cents, so the total counts."""
    answered = reading.answered
    total = reading.minor(answered["TotalAmt"])
    lines = []
    linked = False
    for line in answered.get("Line", ()):
        if (detail := line.get("DepositLineDetail")) is not None:
            lines.append(reading.line(detail["AccountRef"], -reading.minor(line["Amount"])))
        else:
            linked = True
    if cash := answered.get("CashBack"):
        lines.append(reading.line(cash["AccountRef"], reading.minor(cash["Amount"])))
    if linked and (rest := -total - sum(line.amount for line in lines)):
        lines.append(reading.own(UNDEPOSITED, rest))
    return [reading.balancing(answered["DepositToAccountRef"], total, lines), *lines]


def _journal(reading: "_Reading") -> list[JournalLine]:
    lines = []
    for line in reading.answered.get("Line", ()):
        detail = line.get("JournalEntryLineDetail")
        if detail is None:
            continue  # a description
        amount = reading.minor(line["Amount"]) * (1 if detail["PostingType"] == "Debit" else -1)
        # A line that names a customer stands on receivables (quickbooks.md 6), of which each currency has its own.
        if (detail.get("Entity") or {}).get("Type", "").lower() == "customer":
            lines.append(reading.own(RECEIVABLES, amount))
        else:
            lines.append(reading.line(detail["AccountRef"], amount))
    return reading.with_exchange(lines)


def _purchase(reading: "_Reading") -> list[JournalLine]:
    answered = reading.answered
    sign = -1 if answered.get("Credit") is True else 1
    lines = [
        reading.line(line["AccountBasedExpenseLineDetail"]["AccountRef"], sign * reading.minor(line["Amount"]))
        for line in answered.get("Line", ())
        if line.get("AccountBasedExpenseLineDetail") is not None
    ]
    return [reading.balancing(answered["AccountRef"], -sign * reading.minor(answered["TotalAmt"]), lines), *lines]


class _Reading:
    """One answer, its currency and its rate."""

    def __init__(self, home: str, answered: Answered) -> None:
        self.answered = answered
        self.currency = str((answered.get("CurrencyRef") or {}).get("value") or home or "USD")
        self.home_currency = home or self.currency
        foreign = self.currency != self.home_currency
        self.rate = Decimal(str(answered.get("ExchangeRate", 1))) if foreign else Decimal(1)

    def minor(self, value: Any) -> int:
        return to_minor(Decimal(str(value)), self.currency)

    def at_home(self, amount: int, rate: Decimal | None = None) -> int:
        """An amount in home currency, halves away from zero."""
        if self.currency == self.home_currency:
            return amount
        worth = Decimal(amount) * (self.rate if rate is None else rate)
        worth = worth.scaleb(exponent(self.home_currency) - exponent(self.currency))
        return int(worth.quantize(Decimal(1), rounding=ROUND_HALF_UP))

    def line(self, account: Answered, amount: int) -> JournalLine:
        return JournalLine(str(account["value"]), str(account.get("name", "")), amount, self.at_home(amount))

    def own(self, account: tuple[str, str], amount: int) -> JournalLine:
        return JournalLine("", account[0], amount, self.at_home(amount), account[1])

    def balancing(self, account: Answered, amount: int, lines: list[JournalLine]) -> JournalLine:
        """The line of the document's total: at home it takes what rounding the others left."""
        home = -sum(line.home for line in lines)
        return msgspec.structs.replace(self.line(account, amount), home=home)

    def with_exchange(self, lines: list[JournalLine]) -> list[JournalLine]:
        rest = sum(line.home for line in lines)
        return [*lines, JournalLine("", EXCHANGE[0], 0, -rest, EXCHANGE[1])] if rest else lines


def answered_objects(answer: bytes) -> Iterator[dict[str, Any]]:
    """Every object in a batch answer, or in a list of answers and single objects."""
    yield from _objects(_decode(answer))


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for part in node:
            yield from _objects(part)
    elif isinstance(node, dict):
        if "BatchItemResponse" in node:
            for part in node["BatchItemResponse"]:
                yield from (value for value in part.values() if isinstance(value, dict) and "Id" in value)
        elif "Id" in node:
            yield node


def _decode(answer: bytes) -> Any:
    return _DECODER.decode(answer)
