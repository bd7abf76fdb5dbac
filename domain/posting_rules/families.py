"""Settlements that are not of Seller Central's trade: recognised and refused politely (accounting.md R34)."""

import re

from domain.posting import Reason
from domain.posting_rules.dispositions import total_of
from domain.settlement import Settlement

_FAMILIES = {
    "Kindle Direct Publishing": re.compile(r"\b(kdp|kindle)\b", re.IGNORECASE),
    "ACX audiobooks": re.compile(r"\b(acx|audible)\b", re.IGNORECASE),
    "the Amazon Appstore": re.compile(r"\bappstore\b", re.IGNORECASE),
    "Merch on Demand": re.compile(r"\bmerch (by amazon|on demand)\b", re.IGNORECASE),
    "Amazon Pay": re.compile(r"\b(amazon pay|pay with amazon)\b", re.IGNORECASE),
    "Vendor Central": re.compile(r"\bvendor (central|invoice|payment|chargeback)", re.IGNORECASE),
}


def other_family(settlement: Settlement) -> Reason | None:
    """Why a settlement is none of the seller's account: most of its lines are another programme's. None if it is."""
    counts: dict[str, int] = {}
    seen: dict[str, str] = {}
    for line in settlement.lines:
        for words in (line.marketplace, line.transaction_type):
            if words not in seen:
                seen[words] = next((name for name, pattern in _FAMILIES.items() if pattern.search(words)), "")
            if seen[words]:
                counts[seen[words]] = counts.get(seen[words], 0) + 1
                break
    name = max(counts, key=lambda one: counts[one], default="")
    if not name or counts[name] * 2 <= len(settlement.lines):
        return None
    text = (
        f"this settlement is of {name}: another programme of Amazon's, with another payer and statements of its own, "
        "which this service does not book; enter it in QuickBooks from those statements"
    )
    return Reason("other_family", text, total_of(settlement.lines))
