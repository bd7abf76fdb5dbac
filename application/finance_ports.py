"""What the use cases need of a seller's Finances, as a Protocol. Money is in minor units, time is UTC."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from domain.event_group import Balance, EventGroup, Payout, Summary
from domain.transaction import Transaction


class TransactionPage(msgspec.Struct, frozen=True):
    """A page of transactions. `complete_until`: with this page all that was posted before then has been given."""

    transactions: Sequence[Transaction]
    content: bytes
    complete_until: datetime | None = None


class GroupPage(msgspec.Struct, frozen=True):
    """A page of event groups; `complete_until` as with transactions, by when they began."""

    groups: Sequence[EventGroup]
    content: bytes
    complete_until: datetime | None = None


class PayoutPage(msgspec.Struct, frozen=True):
    """A page of payouts."""

    payouts: Sequence[Payout]
    content: bytes


class SummaryAnswer(msgspec.Struct, frozen=True):
    """A settlement's summary, None where Amazon has none of it, and the answer's bytes."""

    summary: Summary | None
    content: bytes


class BalancesAnswer(msgspec.Struct, frozen=True):
    """The balances as they are now; `problem` says what could not be read."""

    balances: tuple[Balance, ...]
    content: bytes
    problem: str = ""


class SellerFinances(Protocol):
    """The money of one seller account in one region, read only.

    All methods raise ConnectionLost, Throttled or VendorError, and NotOffered where Amazon refuses the part to this
    account (403, 404).
    """

    def transactions(self, posted_after: datetime) -> Iterator[TransactionPage]:
        """Transactions of every status and marketplace from then until two minutes ago (Finances 2024-06-19)."""

    def event_groups(self, started_after: datetime) -> Iterator[GroupPage]:
        """Event groups that began then or later, open ones too (Finances v0)."""

    def payouts(self, created_after: datetime) -> Iterator[PayoutPage]:
        """Payouts created then or later (Transfers 2024-06-01)."""

    def summary(self, settlement_id: str) -> SummaryAnswer:
        """Amazon's own sum of a settlement (Finances 2024-06-19)."""

    def balances(self) -> BalancesAnswer:
        """What is available and what is reserved now (Finances 2024-06-19)."""
