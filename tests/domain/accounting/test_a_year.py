"""A year of a company under each policy: the same profit and loss, month by month, and the same balances (I19).

Switching between summaries and documents per order at a settlement's boundary needs no import: all are projections of
the same facts. What may differ is where money waits within a month: receivables or clearing.
"""

import pytest
from company import Books, Company, under

from domain.policy import Policies

PERIODS = 27  # fortnights: a year and a bit
POLICIES = {
    "invoice per shipment": Policies(),
    "sales receipt": Policies(order_document="sales_receipt"),
    "summary per settlement": Policies(order_document="none", grain="per_settlement"),
    "summary per settlement and month": Policies(order_document="none", grain="per_settlement_and_month"),
    "summary per day": Policies(order_document="none", grain="per_day"),
    "payments per day": Policies(payment_batch="per_day"),
    "refund receipts": Policies(refund_document="refund_receipt"),
    "credit memos": Policies(refund_document="credit_memo"),
    "tax passed through": Policies(tax="gross"),
    "payments in undeposited funds": Policies(settlement_link="undeposited_linked"),
}
SWITCHES = {
    "summary, then invoices": ("summary per settlement", "invoice per shipment"),
    "invoices, then summary": ("invoice per shipment", "summary per settlement and month"),
    "receipts, then summary per day": ("sales receipt", "summary per day"),
    "summary per day, then receipts": ("summary per day", "sales receipt"),
    "invoices, then receipts": ("invoice per shipment", "sales receipt"),
}


def booked(company: Company, first: Policies, then: Policies | None = None) -> Books:
    """A company's year; `then` are the policies from the middle settlement on."""
    books = Books(under(first))
    settlements = 0
    for one in company.trade():
        books.take(one)
        settlements += isinstance(one, tuple)
        if then is not None and settlements == PERIODS // 2 and isinstance(one, tuple):
            books.policy(then)
    books.again()
    assert not books.waiting, [reason.text for *_, held in books.waiting for reason in held.reasons]
    return books


def profit_and_loss(books: Books, company: Company) -> dict[tuple[str, str], int]:
    accounts = {account for _, account in company.by_month}
    return {key: amount for key, amount in books.by_month.items() if key[1] in accounts and amount}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(5))
def test_every_policy_shows_the_same_year_month_by_month(policy: str, seed: int) -> None:
    company = Company(seed, PERIODS, 6)
    books = booked(company, POLICIES[policy])

    reserve = {"RSV", "LOAN", "XACC"}  # balance sheet
    expected = {key: amount for key, amount in company.by_month.items() if amount and key[1] not in reserve}
    found = {key: amount for key, amount in profit_and_loss(books, company).items() if key[1] not in reserve}
    assert found == expected
    assert books.standing() == booked(company, Policies()).standing()


@pytest.mark.parametrize("switch", SWITCHES)
@pytest.mark.parametrize("seed", range(5))
def test_policies_may_change_at_a_settlements_boundary(switch: str, seed: int) -> None:
    first, then = SWITCHES[switch]
    company = Company(seed, PERIODS, 6)

    books = booked(company, POLICIES[first], POLICIES[then])

    usual = booked(company, Policies())
    assert books.standing() == usual.standing()
    assert profit_and_loss(books, company) == profit_and_loss(usual, company)
