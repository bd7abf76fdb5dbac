"""The books as a beancount file.

Balance assertions carry `~ 0`: without it beancount lets an error of one cent pass, since its tolerance is twice the
half cent it infers (accounting.md 4.2, verified on beancount 3.2.3).
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta

from application.books import Assertion, BookEntry, Books
from domain.money import format_minor

_ROOTS = {
    "Bank": "Assets",
    "Other Current Asset": "Assets",
    "Accounts Receivable": "Assets",
    "Fixed Asset": "Assets",
    "Credit Card": "Liabilities",
    "Other Current Liability": "Liabilities",
    "Accounts Payable": "Liabilities",
    "Equity": "Equity",
    "Income": "Income",
    "Other Income": "Income",
    "Expense": "Expenses",
    "Other Expense": "Expenses",
    "Cost of Goods Sold": "Expenses",
}


def render(books: Books) -> Iterator[str]:
    """The file, line by line without line ends."""
    yield f'option "title" "{books.flow}"'
    for currency in sorted({entry.currency for entry in books.entries}):
        yield f'option "operating_currency" "{currency}"'
    yield 'plugin "beancount.plugins.noduplicates"'
    yield ""
    first = min((entry.day for entry in books.entries), default=date(2020, 1, 1))
    opened = {
        (beancount_account(line.account, line.account_type), entry.currency)
        for entry in books.entries
        for line in entry.lines
    }
    opened |= {(beancount_account(wanted.account, wanted.account_type), wanted.currency) for wanted in books.assertions}
    by_account: dict[str, list[str]] = {}
    for account, currency in sorted(opened):
        by_account.setdefault(account, []).append(currency)
    for account, currencies in by_account.items():
        yield f"{first} open {account} {','.join(currencies)}"
    yield ""
    assertions: dict[date, list[Assertion]] = {}
    for wanted in books.assertions:
        assertions.setdefault(wanted.day, []).append(wanted)
    days = sorted({entry.day for entry in books.entries} | set(assertions))
    entries: dict[date, list[BookEntry]] = {}
    for entry in books.entries:
        entries.setdefault(entry.day, []).append(entry)
    for day in days:
        for entry in entries.get(day, ()):
            yield from _transaction(entry)
        for wanted in assertions.get(day, ()):
            # A beancount balance is checked at the beginning of its day, so the evening's is written for the next.
            account = beancount_account(wanted.account, wanted.account_type)
            amount = format_minor(wanted.balance, wanted.currency)
            yield f"{day + timedelta(days=1)} balance {account}  {amount} ~ 0 {wanted.currency}"
            yield ""


def beancount_account(name: str, account_type: str) -> str:
    """A QuickBooks account as a beancount account: `Assets:Amazon-Clearing-us-USD`.

    What has no known type goes below Equity:Unknown, where it is seen.
    """
    words = re.sub(r"[^A-Za-z0-9]+", "-", name.replace("&", "and")).strip("-") or "Unnamed"
    word = words[0].upper() + words[1:]
    return f"{_ROOTS.get(account_type, 'Equity:Unknown')}:{word}"


def _transaction(entry: BookEntry) -> Iterator[str]:
    tags = f" #settlement-{entry.settlement_id}" if entry.settlement_id else ""
    yield f'{entry.day} * "{entry.kind.title()}" "{entry.kind} {entry.key}"{tags}'
    yield f'  qbo_id: "{entry.quickbooks_id}"'
    yield f'  qbo_type: "{entry.kind.title()}"'
    yield f'  sync_token: "{entry.sync_token}"'
    for line in entry.lines:
        account = beancount_account(line.account, line.account_type)
        yield f"  {account}  {format_minor(line.amount, entry.currency)} {entry.currency}"
    yield ""
