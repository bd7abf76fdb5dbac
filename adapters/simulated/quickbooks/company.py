"""The company's books: what is filed, under which id, name and number, and what changed when.

Nothing is searched by walking: ids, names and document numbers are indexed, so that the ten-thousandth invoice costs
what the first did. Rules live with each entity; here is only the filing.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from adapters.simulated.quickbooks.dials import Dials
from adapters.simulated.quickbooks.ledger import Document, Ledger, Leg
from adapters.simulated.quickbooks.refusals import Refused
from adapters.simulated.quickbooks.vocabulary import CURRENCY_NAMES
from adapters.simulated.quickbooks.wire import PACIFIC, Body, seconds_stamp

HOME = "USD"


@dataclass(slots=True)
class Record:
    """One row of a name list (Account, Item, Customer, Vendor): `fields` as last written, and its version."""

    entity: str
    id: str
    fields: Body
    created: dt.datetime
    updated: dt.datetime
    sync: int = 0

    @property
    def active(self) -> bool:
        return bool(self.fields.get("Active", True))

    @property
    def currency(self) -> str:
        return str((self.fields.get("CurrencyRef") or {}).get("value", HOME))


@dataclass(slots=True)
class Txn(Record):
    """One transaction. Amounts are minor units of its own currency, `home_…` of the company's."""

    date: dt.date = dt.date.min
    money: str = HOME
    rate: Decimal = Decimal(1)
    number: str | None = None
    total: int = 0
    tax: int = 0
    balance: int = 0
    home_balance: int = 0
    unapplied: int = 0
    legs: list[Leg] = field(default_factory=list)
    lines: list[Body] = field(default_factory=list)  # as they are answered
    applied: dict[Document, tuple[int, int]] = field(default_factory=dict)  # what this pays: amount, home amount
    linked_by: dict[Document, None] = field(default_factory=dict)  # what pays or deposits this
    deposited_in: str | None = None
    voided: bool = False
    matched: bool = False  # with a line of the bank's feed

    @property
    def document(self) -> Document:
        return Document(self.entity, self.id)


class Change(NamedTuple):
    """One line of the change log, kept so that `/cdc` and webhooks can be added."""

    at: dt.datetime
    operation: str
    entity: str
    id: str


LISTS = ("Account", "Item", "Customer", "Vendor")
PEOPLE = ("Customer", "Vendor", "Employee")  # share one list of names and one sequence of ids
TRANSACTIONS = (
    "Invoice",
    "Payment",
    "Deposit",
    "JournalEntry",
    "CreditMemo",
    "RefundReceipt",
    "Purchase",
    "SalesReceipt",
)


class Company:
    def __init__(self, realm: str, now: Callable[[], dt.datetime], dials: Dials) -> None:
        self.realm = realm
        self.now = now
        self.dials = dials
        self.ledger = Ledger()
        self.records: dict[str, dict[str, Record]] = {name: {} for name in LISTS}
        self.transactions: dict[str, dict[str, Txn]] = {name: {} for name in TRANSACTIONS}
        self.changes: list[Change] = []
        self.started = now()
        self._names: dict[str, dict[str, tuple[str, str]]] = defaultdict(dict)
        self._numbers: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
        self._last_id: dict[str, int] = defaultdict(int)
        self._last_number = 1000
        self._receivables: dict[str, str] = {}

    # Ids, names and numbers

    def next_id(self, entity: str) -> str:
        sequence = "People" if entity in PEOPLE else entity if entity in LISTS else "Transaction"
        self._last_id[sequence] += 1
        return str(self._last_id[sequence])

    def next_number(self, entity: str) -> str:
        while True:
            self._last_number += 1
            if not self._numbers.get((entity, str(self._last_number))):
                return str(self._last_number)

    def name_owner(self, entity: str, name: str) -> tuple[str, str] | None:
        return self._names[_name_list(entity)].get(name.casefold())

    def claim_name(self, record: Record, name: str, former: str | None = None) -> None:
        names = self._names[_name_list(record.entity)]
        if former is not None:
            names.pop(former.casefold(), None)
        names[name.casefold()] = (record.entity, record.id)

    def numbered(self, entity: str, number: str) -> list[str]:
        return list(self._numbers.get((entity, number), ()))

    def claim_number(self, txn: Txn, former: str | None = None) -> None:
        if former is not None:
            self._numbers[(txn.entity, former)].pop(txn.id, None)
        if txn.number is not None:
            self._numbers[(txn.entity, txn.number)][txn.id] = None

    def release_number(self, txn: Txn) -> None:
        if txn.number is not None:
            self._numbers[(txn.entity, txn.number)].pop(txn.id, None)

    # Looking up

    def find(self, reference: object, entity: str, element: str, plural: str | None = None) -> Record:
        """What `{"value": id}` points to; 2500 when there is none, 610 when it is inactive."""
        value = reference.get("value") if isinstance(reference, dict) else reference
        if value is None or value == "":
            raise Refused.missing(f"{element}.value")
        record = self.records[entity].get(str(value))
        if record is None:
            raise Refused.bad_reference(element, plural or f"{entity}s", value)
        if not record.active:
            raise Refused.not_found()
        return record

    def account_named(self, name: str) -> Record:
        owner = self.name_owner("Account", name)
        if owner is None:
            raise KeyError(name)
        return self.records["Account"][owner[1]]

    def receivable(self, currency: str) -> str:
        """The A/R account of a currency; QuickBooks makes one the first time a currency is used."""
        if currency not in self._receivables:
            name = "Accounts Receivable (A/R)" if currency == HOME else f"Accounts Receivable (A/R) - {currency}"
            self._receivables[currency] = self.open_account(name, "Accounts Receivable", "AccountsReceivable", currency)
        return self._receivables[currency]

    def open_account(self, name: str, kind: str, subtype: str, currency: str = HOME) -> str:
        """One of the accounts QuickBooks makes itself."""
        owner = self.name_owner("Account", name)
        if owner is not None:
            return owner[1]
        fields = {
            "Name": name,
            "AccountType": kind,
            "AccountSubType": subtype,
            "CurrencyRef": {"value": currency},
            "FullyQualifiedName": name,
        }
        record = Record("Account", self.next_id("Account"), fields, self.now(), self.now())
        self.records["Account"][record.id] = record
        self.claim_name(record, name)
        return record.id

    def reference(self, entity: str, identity: str) -> Body:
        fields = self.records[entity][identity].fields
        name = fields.get("DisplayName") or fields.get("FullyQualifiedName") or fields.get("Name")
        return {"value": identity, "name": name}

    # Changing

    def today(self) -> dt.date:
        """The server's own date, used when a request gives none: Pacific, not the seller's."""
        return self.now().astimezone(PACIFIC).date()

    def touch(self, record: Record, operation: str = "Update") -> None:
        """A new version: what QuickBooks does also to an invoice when a payment is applied to it."""
        record.sync += 1
        record.updated = self.now()
        self.log(operation, record)

    def log(self, operation: str, record: Record) -> None:
        self.changes.append(Change(self.now(), operation, record.entity, record.id))


def head(record: Record) -> Body:
    """The members every answered object opens with."""
    return {
        "domain": "QBO",
        "sparse": False,
        "Id": record.id,
        "SyncToken": str(record.sync),
        "MetaData": {
            "CreateTime": seconds_stamp(record.created),
            "LastUpdatedTime": seconds_stamp(record.updated),
        },
    }


def currency_reference(currency: str) -> Body:
    return {"value": currency, "name": CURRENCY_NAMES.get(currency, currency)}


def _name_list(entity: str) -> str:
    return "People" if entity in PEOPLE else entity
