"""A double-entry ledger that only grows.

Every document posts one balanced entry here, and a change, void or delete first posts the opposite of what stood.
An amount is kept in the document's currency and in the home currency; each entry must balance in both, because a
trial balance that is out by a cent is the whole reason this ledger exists.
"""

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple


class LedgerError(AssertionError):
    """The stand-in itself tried to post an entry that does not balance: a defect here, never the client's."""


class Leg(NamedTuple):
    """One line of an entry. Debits are positive, credits negative."""

    account: str
    amount: int
    home: int
    customer: str | None = None
    memo: str = ""


class Document(NamedTuple):
    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Entry:
    number: int
    document: Document
    cause: str
    date: dt.date
    currency: str
    legs: tuple[Leg, ...]


@dataclass(slots=True)
class Balance:
    amount: int = 0
    home: int = 0


class Ledger:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.balances: dict[str, dict[str, Balance]] = defaultdict(lambda: defaultdict(Balance))
        self.owed: dict[str, int] = defaultdict(int)  # by customer, in the customer's own currency
        self._standing: dict[Document, Entry] = {}
        self._by_account: dict[str, list[tuple[Entry, Leg]]] = defaultdict(list)

    def post(self, document: Document, cause: str, date: dt.date, currency: str, legs: list[Leg]) -> None:
        """Post what `document` says now; what it said before is reversed first."""
        _must_balance(document, legs)
        self.reverse(document, cause)
        legs = [leg for leg in legs if leg.amount or leg.home]
        if legs:
            self._standing[document] = self._record(document, cause, date, currency, tuple(legs))

    def reverse(self, document: Document, cause: str) -> None:
        """Take back what `document` has posted, by an opposite entry of the same date."""
        stood = self._standing.pop(document, None)
        if stood is not None:
            legs = tuple(leg._replace(amount=-leg.amount, home=-leg.home) for leg in stood.legs)
            self._record(document, f"{cause}: reversal", stood.date, stood.currency, legs)

    def home(self, account: str) -> int:
        return sum(balance.home for balance in self.balances[account].values())

    def lines(self, account: str) -> list[tuple[Entry, Leg]]:
        return self._by_account[account]

    def _record(self, document: Document, cause: str, date: dt.date, currency: str, legs: tuple[Leg, ...]) -> Entry:
        entry = Entry(len(self.entries) + 1, document, cause, date, currency, legs)
        self.entries.append(entry)
        for leg in legs:
            balance = self.balances[leg.account][currency]
            balance.amount += leg.amount
            balance.home += leg.home
            if leg.customer is not None:
                self.owed[leg.customer] += leg.amount
            self._by_account[leg.account].append((entry, leg))
        return entry


def _must_balance(document: Document, legs: list[Leg]) -> None:
    amount, home = sum(leg.amount for leg in legs), sum(leg.home for leg in legs)
    if amount or home:
        raise LedgerError(f"{document.kind} {document.id} is out by {amount}, in home currency by {home}: {legs}")
