"""What orders, settlements and open amounts are called by a bookkeeper (accounting.md 6.1 and 6.2).

Names are for ever: pages, the API and alerts use them. Nothing is called "other": where no name fits, it is said what
stands in the way of one.
"""

from collections.abc import Collection
from datetime import date

import msgspec

# Why something waits, by the codes of its reasons (docs/accounting.md).
MAPPING_CODES = ("unmapped", "currency_without_bank", "not_an_amazon_order")
ORDER_CODES = (
    *("order_not_seen", "order_not_invoiced", "invoice_refused", "paid_before_invoiced", "settled_differs"),
    *("currency_differs", "order_charge_negative"),
)
PERIOD_CODES = ("closed_period",)
# The order and its settlement disagree, or a document stands in QuickBooks otherwise than planned (R7).
VARIANCE_CODES = (
    *("settled_differs", "amended_after_invoicing", "amended_after_settling", "cancelled_after_invoicing"),
    *("posted_otherwise", "dated_otherwise", "total_differs", "adopted_otherwise", "found_otherwise"),
    *("change_refused", "too_many_documents"),
)
IN_QUICKBOOKS_CODES = ("total_differs", "adopted_otherwise", "found_otherwise")
MISSING_ROWS_CODES = ("disputed", "incomplete", "unreadable")

ORDER_STATES = {
    "seen": "Amazon has it, it has not shipped",
    "ready": "shipped, its invoice is not in QuickBooks yet",
    "held:mapping": "waits until something is mapped",
    "held:period": "belongs to a month that is closed",
    "held:review": "waits for a person or for Amazon",
    "invoiced": "invoiced, no settlement pays it yet",
    "overdue": "invoiced, and Amazon has not paid it in time",
    "part_settled": "settlements pay a part of it",
    "settled": "paid in full",
    "part_refunded": "paid, and a part given back",
    "refunded": "paid, and given back in full",
    "closed": "done, and quiet for 60 days",
    "variance": "invoice and settlement, or invoice and order, disagree",
    "cancelled": "cancelled, nothing is invoiced",
    "voided": "its invoice was voided",
    "no_post:mcf": "sold elsewhere, shipped by Amazon: not an Amazon sale",
    "no_post:replacement": "a replacement or free of charge",
    "historical": "older than the flow's first day",
}

SETTLEMENT_STATES = {
    "open": "estimated from Finances, not reported yet",
    "received": "read, its lines are not complete",
    "checksum_ok": "its lines make Amazon's total",
    "checksum_failed": "its lines do not make Amazon's total",
    "reissued": "came again with other lines; the first stand",
    "held:mapping": "waits until something is mapped",
    "held:order": "waits for an order's invoice",
    "held:period": "belongs to a month that is closed",
    "held:review": "waits for a person",
    "fx_pending": "waits for a rate or an account in its currency",
    "planned": "its documents are made, none is sent",
    "approved": "a person released its documents",
    "posting": "being sent to QuickBooks",
    "posted": "its documents are in QuickBooks",
    "bank_matched": "its money is found on a bank statement",
    "reconciled": "matched, and without any difference",
    "carried": "negative: the next settlement absorbs it",
    "card_charged": "negative: Amazon charged the card",
    "zero": "nothing is paid out",
    "transfer_failed": "the bank sent the money back",
    "historical": "paid before the flow's first day",
}

# Variance explanations of accounting.md 6.2: code -> what it means.
VARIANCES = {
    "not_posted": "not shipped or not posted yet",
    "deferred": "deferred by Amazon",
    "in_reserve": "in Amazon's reserve",
    "carried_negative": "a negative balance that is carried on",
    "failed_transfer": "a transfer that failed",
    "fx": "currency",
    "supplement": "a supplement or credit memo is missing",
    "unmapped": "something is not mapped",
    "duplicate_bank_line": "a bank line that stands twice",
    "bank_fee": "a fee of the bank",
    "changed_in_quickbooks": "changed by hand in QuickBooks",
    "missing_rows": "rows of Amazon's file are missing",
}

BUCKETS = ((0, 7), (8, 14), (15, 30), (31, 45), (46, 60), (61, 90), (91, None))
OVERDUE_DAYS = {"standard": 45, "invoiced": 110}
QUIET_DAYS = 60


class Bucket(msgspec.Struct, frozen=True):
    """Amounts of one age: `begin` to `end` days (None: and older), how many and how much (minor units)."""

    begin: int
    end: int | None
    count: int
    amount: int

    @property
    def name(self) -> str:
        return f"{self.begin}-{self.end}" if self.end is not None else f"> {self.begin - 1}"


def buckets(ages: Collection[tuple[int, int]]) -> list[Bucket]:
    """(days, amount) in the ageing's buckets; what lies in the future counts as new."""
    found = []
    for begin, end in BUCKETS:
        inside = [amount for days, amount in ages if max(days, 0) >= begin and (end is None or max(days, 0) <= end)]
        found.append(Bucket(begin, end, len(inside), sum(inside)))
    return found


def is_overdue(terms: str, days: int) -> bool:
    """Whether Amazon should have paid an order that shipped so many days ago; `terms`: standard or invoiced."""
    return days > OVERDUE_DAYS[terms]


def days_between(day: str, today: date) -> int:
    """From a column's day or instant (ISO) to `today`."""
    return (today - date.fromisoformat(day[:10])).days


def clearing_reason(status: str, total: int | None, codes: Collection[str]) -> str:
    """Why a settlement (or an order booked straight to clearing) has an open amount on clearing: a key of VARIANCES.

    `codes` are those of its reasons. Documents that stand as they were planned net to zero, so a posted settlement
    that is open has one that stands otherwise.
    """
    for name, which in (
        ("changed_in_quickbooks", IN_QUICKBOOKS_CODES),
        ("missing_rows", MISSING_ROWS_CODES),
        ("unmapped", ("unmapped", "currency_without_bank", "not_an_amazon_order")),
        ("fx", ("currency_differs",)),
        ("supplement", ("settled_differs", "amended_after_settling", "amended_after_invoicing")),
    ):
        if any(code in which for code in codes):
            return name
    if status == "disputed":
        return "missing_rows"
    if total is not None and total < 0:
        return "carried_negative"
    if status == "posted":
        return "changed_in_quickbooks"
    return "not_posted"
