"""QuickBooks as the use cases see it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date
from typing import Protocol

import msgspec

from domain.document import Document
from domain.flow import Flow
from domain.mapping import QuickBooksRef
from domain.posting import Operation


class Company(msgspec.Struct, frozen=True):
    """What a QuickBooks company is and allows (CompanyInfo and Preferences)."""

    name: str
    country: str
    home_currency: str
    multicurrency: bool
    custom_numbers: bool
    closed_until: date | None = None


class References(msgspec.Struct, frozen=True):
    """QuickBooks' ids for what documents name by our keys: account keys, item keys, customers, postings (by key)."""

    accounts: Mapping[str, QuickBooksRef]
    items: Mapping[str, QuickBooksRef]
    customers: Mapping[str, QuickBooksRef]
    banks: Mapping[str, QuickBooksRef]
    postings: Mapping[str, str]
    custom_numbers: bool = True
    multicurrency: bool = False
    country: str = ""

    @property
    def is_abroad(self) -> bool:
        """Outside of the US, whose companies alone have the tax codes TAX and NON."""
        return self.country not in ("", "US")


class Found(msgspec.Struct, frozen=True):
    """A document as QuickBooks has it; `content` is the whole object as it was sent to us (JSON)."""

    quickbooks_id: str
    sync_token: str
    total: int
    currency: str
    day: date
    content: bytes


class Removed(msgspec.Struct, frozen=True):
    """QuickBooks deleted a document; `content` are its words."""

    quickbooks_id: str
    content: bytes = b""


class Write(msgspec.Struct, frozen=True):
    """One document of a batch under its item id: created, or amended, voided or deleted as the version just read."""

    item: str
    document: Document
    operation: Operation = "create"
    quickbooks_id: str = ""
    sync_token: str = ""


class Sighting(msgspec.Struct, frozen=True):
    """A document of QuickBooks that bears a mark of ours; `differs` are the facts in which it is another's or changed.

    Without differences it is ours: number, note, date, total, currency, customer, account and lines are as we sent
    them. `cleared` is what it really moves into (a payment) or out of (a deposit) the clearing account, minor units.
    """

    found: Found
    differs: tuple[str, ...] = ()
    cleared: int = 0


class Otherwise(msgspec.Struct, frozen=True):
    """What became of a document that QuickBooks has with our marks and other contents: a person must look."""

    sightings: Sequence[Sighting]


class Fault(msgspec.Struct, frozen=True):
    """QuickBooks' refusal of one document: its code, its words, and on a duplicate number the id of the other one."""

    code: str
    message: str
    duplicate_of: str = ""


class QuickBooks(Protocol):
    """One QuickBooks company. Reading methods raise ConnectionLost, Throttled or VendorError."""

    def renew_token(self) -> None:
        """Get and store new tokens by the stored consent, as calls do when the access token ends."""

    def clock_ahead(self) -> float | None:
        """Seconds by which the vendor's clock was ahead of ours at its last answer; None before one."""

    def company(self) -> Company:
        """Company facts and preferences; two metered reads."""

    def accounts(self) -> list[QuickBooksRef]:
        """All active accounts, with type and currency."""

    def balance(self, account: QuickBooksRef) -> int:
        """The account's balance as QuickBooks computes it, minor units of its currency, debits positive."""

    def items(self) -> list[QuickBooksRef]:
        """All active items; `account_type` holds the id of the item's income account."""

    def customers(self) -> list[QuickBooksRef]:
        """All active customers, with currency."""

    def create_account(
        self, name: str, account_type: str, subtype: str, currency: str, request_id: str
    ) -> QuickBooksRef:
        """Create an account. Raises VendorError with QuickBooks' code where the name is taken or not allowed."""

    def create_item(self, name: str, income_account: QuickBooksRef, request_id: str) -> QuickBooksRef:
        """Create a service item that books to `income_account`."""

    def create_customer(self, name: str, currency: str, request_id: str) -> QuickBooksRef:
        """Create a customer in a currency."""

    def batch_body(self, writes: Sequence[Write], references: References) -> bytes:
        """The exact bytes of a batch; pure. Item ids have at most 10 characters."""

    def send_batch(self, request_id: str, body: bytes) -> tuple[dict[str, Found | Removed | Fault], bytes]:
        """Send a batch (or replay it, with the same id and bytes): an outcome per item id, and the answer's bytes.

        Raises OutcomeUnknown where it may or may not have been done; ConnectionLost and Throttled where it was not;
        Refused where QuickBooks refuses the batch as a whole.
        """

    def find(
        self, documents: Sequence[Document], references: References, everywhere: bool = False
    ) -> list[list[Sighting]]:
        """For each document (all of one kind) those of QuickBooks that bear any of its marks: ours entirely first.

        By number; what has none by its note among those around its date. `everywhere` looks for the notes of numbered
        documents too, as far as one may have been moved: slower, and sure. Never by name.
        """

    def see(self, document: Document, quickbooks_id: str, references: References) -> Sighting | None:
        """One document by id beside what was wanted; None where QuickBooks has none."""

    def see_all(self, wanted: Sequence[tuple[Document, str]], references: References) -> list[Sighting | None]:
        """Documents of one kind by id beside what was wanted of each, in few calls; None where QuickBooks has none."""

    def read(self, kind: str, quickbooks_id: str) -> Found | None:
        """Read one document by id; None where QuickBooks has none."""


OpenCompany = Callable[[Flow], AbstractContextManager[QuickBooks]]
