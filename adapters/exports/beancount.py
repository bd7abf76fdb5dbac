"""The books as a beancount file.

Balance assertions carry `~ 0`: without it beancount lets an error of one cent pass, since its tolerance is twice the
half cent it infers (accounting.md 4.2, verified on beancount 3.2.3). A foreign amount carries its worth at home (`@@`):
each transaction balances in the home currency, and each balance is asserted in the account's own.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from application.books import Assertion, BookEntry, BookLine, Books
from domain.money import format_minor

_ROOTS = {
    "Bank": "Assets",
    "Other Current Asset": "Assets",
    "Accounts Receivable": "Assets",
    "Fixed Asset": "Assets",
    "Other Asset": "Assets",
    "Credit Card": "Liabilities",
    "Other Current Liability": "Liabilities",
    "Long Term Liability": "Liabilities",
    "Accounts Payable": "Liabilities",
    "Equity": "Equity",
    "Income": "Income",
    "Other Income": "Income",
    "Expense": "Expenses",
    "Other Expense": "Expenses",
    "Cost of Goods Sold": "Expenses",
}


def render(books: Books, per_order: bool = False) -> Iterator[str]:
    """The file, line by line without line ends. `per_order`: receivables have an account for each order."""
    currencies = sorted({entry.currency for entry in books.entries})
    yield f'option "title" "{books.flow}"'
    for currency in [books.home_currency] if books.home_currency else currencies:
        yield f'option "operating_currency" "{currency}"'
    if books.home_currency and set(currencies) - {books.home_currency}:
        # A worth at home is kept as a price of one, whose last digit is rounded: far below a cent, and no cent passes.
        yield f'option "inferred_tolerance_default" "{books.home_currency}:0.00001"'
    yield 'plugin "beancount.plugins.noduplicates"'
    if set(currencies) <= {books.home_currency} or (len(currencies) < 2 and not books.home_currency):
        yield 'plugin "beancount.plugins.onecommodity"'
    yield ""
    yield from _opened(books, per_order)
    assertions: dict[date, list[Assertion]] = {}
    for wanted in books.assertions:
        if per_order or not wanted.order_id:
            assertions.setdefault(wanted.day, []).append(wanted)
    entries: dict[date, list[BookEntry]] = {}
    for entry in books.entries:
        entries.setdefault(entry.day, []).append(entry)
    for day in sorted({*entries, *assertions}):
        for entry in entries.get(day, ()):
            yield from _transaction(entry, books.home_currency, per_order)
        for wanted in assertions.get(day, ()):
            # A beancount balance is checked at the beginning of its day, so the evening's is written for the next.
            account = beancount_account(wanted.account, wanted.account_type, wanted.order_id)
            amount = format_minor(wanted.balance, wanted.currency)
            yield f"{day + timedelta(days=1)} balance {account}  {amount} ~ 0 {wanted.currency}"
        if day in assertions:
            yield ""


def _opened(books: Books, per_order: bool) -> Iterator[str]:
    """Each account with the currencies it holds: another one in it is an error."""
    days = [*(entry.day for entry in books.entries), *(wanted.day for wanted in books.assertions)]
    first = min(days, default=date(2020, 1, 1))
    opened = {
        (_account(line, per_order), entry.currency if line.amount or not line.home else books.home_currency)
        for entry in books.entries
        for line in entry.lines
    }
    for wanted in books.assertions:
        order_id = wanted.order_id if per_order else ""
        opened.add((beancount_account(wanted.account, wanted.account_type, order_id), wanted.currency))
    by_account: dict[str, list[str]] = {}
    for account, currency in sorted(opened):
        by_account.setdefault(account, []).append(currency)
    for account, currencies in by_account.items():
        yield f"{first} open {account} {','.join(currencies)}"
    yield ""


def beancount_account(name: str, account_type: str, order_id: str = "") -> str:
    """A QuickBooks account as a beancount account: `Assets:Amazon-Clearing-us-USD`, of an order one below it.

    What has no known type goes below Equity:Unknown, where it is seen.
    """
    words = _plain(name.replace("&", "and")) or "Unnamed"
    order = f":O-{_plain(order_id)}" if order_id else ""
    return f"{_ROOTS.get(account_type, 'Equity:Unknown')}:{words[0].upper()}{words[1:]}{order}"


def _plain(words: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", words).strip("-")


def _account(line: BookLine, per_order: bool) -> str:
    return beancount_account(line.account, line.account_type, line.order_id if per_order else "")


def _transaction(entry: BookEntry, home_currency: str, per_order: bool) -> Iterator[str]:
    tags = f" #settlement-{entry.settlement_id}" if entry.settlement_id else ""
    yield f'{entry.day} * "{entry.kind.title()}" "{entry.kind} {entry.key}"{tags}'
    yield f'  qbo_id: "{entry.quickbooks_id}"'
    yield f'  qbo_type: "{entry.kind.title()}"'
    yield f'  sync_token: "{entry.sync_token}"'
    for line in entry.lines:
        yield f"  {_account(line, per_order)}  {_amount(line, entry.currency, home_currency)}"
    yield ""


def _amount(line: BookLine, currency: str, home_currency: str) -> str:
    """A foreign amount with what the whole of it is worth at home; a gain or loss is at home only."""
    if currency == home_currency or not home_currency:
        return f"{format_minor(line.amount, currency)} {currency}"
    if not line.amount and line.home:
        return f"{format_minor(line.home, home_currency)} {home_currency}"
    amount = f"{format_minor(line.amount, currency)} {currency}"
    return f"{amount} @@ {format_minor(abs(line.home), home_currency)} {home_currency}"
