"""The trial balance of a flow's documents in QuickBooks, as of a day of the books, under the names QuickBooks uses."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import msgspec

from application.books import Books
from application.month_end_facts import money
from application.ports import Views
from domain.chart import default_chart
from domain.mapping import Mapping as FlowMapping

RECEIVABLE_TYPE = "Accounts Receivable"
# QuickBooks' own payable, to which it books the tax of an invoice whatever our account for that tax is.
SALES_TAX = "Sales Tax Payable"
UNKNOWN_NAME = "Not known: a document found in QuickBooks has other lines than ours"


class Account(msgspec.Struct, frozen=True):
    """An account as people know it: by number, name and QuickBooks type; `key` is ours."""

    key: str
    number: str
    name: str
    account_type: str


class Balance(msgspec.Struct, frozen=True):
    """An account's balance in a currency, in minor units, on one of the two sides."""

    account: Account
    currency: str
    debit: int
    credit: int
    entries: int

    @property
    def balance(self) -> int:
        return self.debit - self.credit


def account_of(key: str, mapping: FlowMapping) -> Account:
    """The account of a key, by QuickBooks' name where it is mapped, else by the chart's."""
    name, _, currency = key.partition(":")
    chart = default_chart().get(name)
    ref = mapping.banks.get(currency) if name == "BANK" else mapping.accounts.get(key)
    number = chart.number if chart is not None else ""
    account_type = chart.account_type if chart is not None else ""
    if ref is not None:
        return Account(key, number, ref.name, ref.account_type or account_type)
    if name == "UNKNOWN":
        return Account(key, "", UNKNOWN_NAME, "")
    return Account(key, number, chart.name if chart is not None else key, account_type)


def trial_balance(views: Views, flow: str, mapping: FlowMapping, at: date | None = None) -> list[Balance]:
    """Each account's balance at the end of a day (None: all there is), by number. Each currency sums to zero."""
    rows = views.query("trial_balance", flow, at=at.isoformat() if at is not None else None)
    return balances_of(rows, mapping)


def balances_of(rows: Iterable[Mapping[str, Any]], mapping: FlowMapping) -> list[Balance]:
    """Rows of the report `trial_balance` under their names. Accounts that are even are left out."""
    made = []
    for row in rows:
        if balance := row["balance"]:
            account = account_of(row["account"], mapping)
            debit, credit = max(balance, 0), max(-balance, 0)
            made.append(Balance(account, row["currency"], debit, credit, row["entries"]))
    return sorted(made, key=lambda line: (line.currency, line.account.number or "9999", line.account.key))


def totals(balances: Iterable[Balance]) -> dict[str, tuple[int, int]]:
    """Debits and credits by currency: equal, or the ledger is wrong."""
    found: dict[str, tuple[int, int]] = {}
    for line in balances:
        debit, credit = found.get(line.currency, (0, 0))
        found[line.currency] = (debit + line.debit, credit + line.credit)
    return found


def differences(books: Books, rows: Iterable[Mapping[str, Any]], mapping: FlowMapping, last: date) -> list[str]:
    """Where QuickBooks' own answers make other balances than the ledger (rows of `trial_balance`), up to a day."""
    answered: dict[tuple[str, str], int] = {}
    for entry in books.entries:
        for line in entry.lines if entry.day <= last else ():
            name = RECEIVABLE_TYPE if line.account_type == RECEIVABLE_TYPE else line.account
            name = account_of("STX", mapping).name if name == SALES_TAX else name
            answered[name, entry.currency] = answered.get((name, entry.currency), 0) + line.amount
    ours: dict[tuple[str, str], int] = {}
    for row in rows:
        account = account_of(row["account"], mapping)
        name = RECEIVABLE_TYPE if account.account_type == RECEIVABLE_TYPE else account.name
        ours[name, row["currency"]] = ours.get((name, row["currency"]), 0) + row["balance"]
    return [
        f"{name}: {money(answered.get((name, currency), 0), currency)}, by the ledger "
        f"{money(ours.get((name, currency), 0), currency)}"
        for name, currency in sorted(answered.keys() | ours.keys())
        if answered.get((name, currency), 0) != ours.get((name, currency), 0)
    ]
