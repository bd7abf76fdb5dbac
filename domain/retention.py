"""How long vendors' own bytes are kept, and the fact that some were removed. Events are never removed.

What only orders' events name, or no event at all, is a page of Amazon's list: what was read in it is in the events, and
it is kept for a short time to look things up. All else is a voucher: settlement documents, what was sent to QuickBooks
and what it answered.
"""

from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from domain.event import Event, stream_id


class Retention(msgspec.Struct, frozen=True):
    """Days after which evidence may go. Books must be kept for up to ten years (Germany: § 147 AO; US: 7 years)."""

    page_days: int = 30
    voucher_days: int = 3_653

    def limits(self, now: datetime) -> "Limits":
        """What was stored before these moments may go."""
        return Limits(now - timedelta(days=self.page_days), now - timedelta(days=self.voucher_days))


class Limits(NamedTuple):
    """Moments (UTC); what was stored before is old."""

    pages: datetime
    vouchers: datetime


class EvidencePurged(Event, frozen=True, kw_only=True):
    """So many contents were removed: pages stored before one day, vouchers stored before another."""

    pages: int = 0
    vouchers: int = 0
    pages_before: date | None = None
    vouchers_before: date | None = None


def evidence_stream(flow: str) -> UUID:
    return stream_id(flow, "evidence")
