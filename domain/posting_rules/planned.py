"""A document of a settlement as it is planned, and what all documents of one settlement have in common."""

from datetime import date

import msgspec

from domain.document import Document
from domain.flow import Flow
from domain.posting import Kind, kind_of
from domain.posting_rules.currency import Payout
from domain.posting_rules.dispositions import account_key
from domain.settlement import SettlementClosed

NUMBER_LENGTH = 21  # what QuickBooks takes as a document's number


class PlannedDocument(msgspec.Struct, frozen=True):
    """A document, its posting key, and the postings that must stand before it is sent."""

    key: str
    document: Document
    depends_on: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        return kind_of(self.document)

    @property
    def name(self) -> str:
        """As other documents name it: `payment/28471003921-1`."""
        return f"{self.kind}/{self.key}"


class Booking(msgspec.Struct, frozen=True):
    """What all documents of a settlement have in common."""

    closed: SettlementClosed
    flow: Flow
    day: date
    payout: Payout
    account_type: str = ""

    @property
    def clearing(self) -> str:
        return account_key("CLR", self.closed.currency, self.account_type)

    @property
    def links_payments(self) -> bool:
        """Whether payments lie in Undeposited Funds and the deposit names each (policy settlement_link)."""
        return self.flow.policies.settlement_link == "undeposited_linked" and self.closed.total > 0

    def account(self, key: str) -> str:
        return account_key(key, self.closed.currency, self.account_type)

    def key(self, what: str = "", day: date | None = None) -> str:
        """A document's key: the settlement's id, an earlier day, and which one of its kind it is."""
        parts = [self.closed.settlement_id]
        if day is not None and day != self.day:
            parts.append(f"{day:%y%m%d}")
        return "-".join([*parts, what] if what else parts)
