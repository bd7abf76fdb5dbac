"""What is taken out of Amazon's answers before anything is stored: people, their addresses, what they wrote.

Nothing of it is asked for (no BUYER, no RECIPIENT), but packages come with addresses and items with gift messages, and
what Amazon sends one day unasked must not stay either (amazon.md 8). docs/security.md lists what is kept.
"""

from typing import Any

import msgspec

# Fields of Orders 2026-01-01, wherever they stand.
PRIVATE_FIELDS = frozenset(
    {
        "buyer", "recipient", "shipFromAddress", "deliveryAddress", "deliveryPreference", "giftMessage",
        "taxRegistrations", "customization", "postalCode", "phone", "authorizationCode", "acquirerId", "cardBrand",
        "substitutionPreference", "buyerName", "buyerEmail", "buyerCompanyName", "buyerPurchaseOrderNumber",
    }
)  # fmt: skip
# Columns of the reports about orders and shipments; everything else is about goods and money.
PRIVATE_COLUMNS = (
    "buyer", "recipient", "ship-city", "ship-state", "ship-postal", "ship-country", "ship-address", "ship-phone",
    "ship-name", "bill-", "purchase-order-number", "gift-message", "points-granted", "cpf", "customized", "tax-id",
    "company", "licensee", "delivery-instructions", "address",
)  # fmt: skip


def stripped(content: bytes) -> bytes:
    """A JSON answer without private fields; the same bytes where there are none. Raises msgspec.DecodeError."""
    decoded = msgspec.json.decode(content)
    return msgspec.json.encode(decoded) if _strip(decoded) else content


def is_private(column: str) -> bool:
    """Whether a report's column is about a person."""
    name = column.strip().lower()
    return any(word in name for word in PRIVATE_COLUMNS)


def _strip(value: Any) -> bool:
    """Take private fields out in place; whether there were any."""
    found = False
    if isinstance(value, dict):
        for name in PRIVATE_FIELDS & value.keys():
            del value[name]
            found = True
        for inner in value.values():
            found = _strip(inner) or found
    elif isinstance(value, list):
        for inner in value:
            found = _strip(inner) or found
    return found
