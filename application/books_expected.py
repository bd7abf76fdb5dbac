"""What the balances of the books must be, from our plans and Amazon's totals: never from QuickBooks' answers.

After each deposit clearing, reserve and bank; at each month's end, and at the end, every account; and per order what
it still owes (accounting.md 4.2). A file in which these hold tells of the same books twice.
"""

import calendar
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta

from application.books import Assertion, Standing
from domain.document import (
    CreditMemo,
    Deposit,
    Document,
    Invoice,
    JournalEntry,
    Payment,
    RefundReceipt,
    SalesReceipt,
    debits_and_credits,
)
from domain.mapping import Mapping as FlowMapping

Account = tuple[str, str]  # name and QuickBooks' type
Receivable = tuple[str, int]  # of which order, amount

RECEIVABLES: Account = ("Accounts Receivable (A/R)", "Accounts Receivable")
SALES_TAX: Account = ("Sales Tax Payable", "Other Current Liability")  # where QuickBooks books a form's tax
AFTER_A_DEPOSIT = ("CLR", "RSV", "BANK")


def expected_balances(standing: Sequence[Standing], stated: Mapping[str, int | None]) -> Iterator[Assertion]:
    """What every account must hold, day by day; `stated` are Amazon's totals by settlement."""
    deposits = Counter(each.document.settlement_id for each in standing if isinstance(each.document, Deposit))
    by_day: dict[date, list[tuple[Standing, str, Account, int]]] = {}
    watched: dict[str, set[tuple[Account, str]]] = {}
    owed: Counter[tuple[str, str]] = Counter()
    for each in standing:
        document = each.document
        day = date.fromisoformat(each.row["day"]) if each.adopted else document.day
        alone = isinstance(document, Deposit) and deposits[document.settlement_id] == 1
        for key, account, amount in _moves(document, each.mapping, stated if alone else {}):
            by_day.setdefault(day, []).append((each, document.currency, account, amount))
            if key.partition(":")[0] in AFTER_A_DEPOSIT:
                watched.setdefault(document.currency, set()).add((account, document.currency))
        for order_id, amount in _receivables(document):
            owed[order_id, document.currency] += amount
    balances: Counter[tuple[Account, str]] = Counter()
    if not by_day:
        return
    # Nothing is booked before the month of the first document.
    used = {(account, currency) for moved in by_day.values() for _, currency, account, _ in moved}
    for account, currency in sorted(used):
        yield Assertion(min(by_day).replace(day=1) - timedelta(days=1), *account, currency, 0)
    days = sorted({*by_day, *_month_ends(by_day)})
    for day in days:
        after_a_deposit: set[tuple[Account, str]] = set()
        for each, currency, account, amount in by_day.get(day, ()):
            balances[account, currency] += amount
            if isinstance(each.document, Deposit):
                after_a_deposit |= watched[currency]
        whole = day == days[-1] or day == _month_end(day)
        for account, currency in sorted(used if whole else after_a_deposit):
            yield Assertion(day, *account, currency, balances[account, currency])
    for (order_id, currency), amount in sorted(owed.items()):
        yield Assertion(days[-1], *RECEIVABLES, currency, amount, order_id)


def _moves(
    document: Document, mapping: FlowMapping, stated: Mapping[str, int | None]
) -> Iterator[tuple[str, Account, int]]:
    """(account key, account, amount): debits positive. A form books its lines where their items point."""
    form = isinstance(document, Invoice | CreditMemo | SalesReceipt | RefundReceipt)
    tax = document.tax_account if isinstance(document, Invoice | CreditMemo | SalesReceipt) and document.tax else ""
    lines = debits_and_credits(document)
    by_id = {ref.id: ref for ref in mapping.accounts.values()}
    for number, (key, amount) in enumerate(lines):
        if key == "AR":
            yield key, RECEIVABLES, amount
        elif key.partition(":")[0] == "BANK":
            if number == 0 and isinstance(document, Deposit):
                told = stated.get(document.settlement_id)
                amount = amount if told is None else told
            ref = mapping.banks[key.partition(":")[2]]
            yield key, (ref.name, ref.account_type), amount
        elif tax and key == tax and number == len(lines) - 1 - isinstance(document, CreditMemo):
            yield key, SALES_TAX, amount
        else:
            item = mapping.items.get(key) if form else None
            ref = by_id.get(item.account_type, mapping.accounts[key]) if item is not None else mapping.accounts[key]
            yield key, (ref.name, ref.account_type), amount


def _receivables(document: Document) -> Iterator[Receivable]:
    match document:
        case Invoice():
            yield document.order_id, document.total
        case CreditMemo():
            yield document.order_id, -document.total
        case Payment():
            yield from ((each.order_id, -each.amount) for each in document.applied)
            yield from ((each.order_id, each.amount) for each in document.credits)
        case JournalEntry() if document.order_id:
            yield document.order_id, sum(line.amount for line in document.lines if line.account == "AR")


def _month_ends(days: Mapping[date, object]) -> Iterator[date]:
    """The last day of each month from the first day to the last, where it lies between them."""
    day, last = _month_end(min(days)), max(days)
    while day <= last:
        yield day
        day = _month_end(date(day.year + day.month // 12, day.month % 12 + 1, 1))


def _month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])
