"""What is taken out of Amazon's answers before anything is stored: people, their addresses, what they wrote.

Nothing of it is asked for (no BUYER, no RECIPIENT), but packages come with addresses and items with gift messages, and
what Amazon sends one day unasked must not stay either (amazon.md 8). docs/security.md lists what is kept.
"""

import re
from decimal import Decimal
from typing import Any

import msgspec

# Members of Orders 2026-01-01 and of the older forms, in whichever case, wherever they stand.
NAMES = frozenset(
    (
        "buyer", "buyerinfo", "buyername", "buyeremail", "buyercompanyname", "buyerpurchaseordernumber", "recipient",
        "shipfromaddress", "deliveryaddress", "shippingaddress", "deliverypreference", "giftmessage", "giftmessagetext",
        "taxregistrations", "customization", "postalcode", "destinationpostalcode", "addressline1", "addressline2",
        "addressline3", "phone", "authorizationcode", "acquirerid", "cardbrand", "substitutionpreference",
    )
)  # fmt: skip
_PERHAPS = re.compile(rb'"(?:%s)"\s*:' % b"|".join(sorted(name.encode() for name in NAMES)), re.IGNORECASE)
_DECODER = msgspec.json.Decoder(float_hook=Decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number")  # numbers keep their digits
# Columns of the reports about orders and shipments; everything else is about goods and money.
PRIVATE_COLUMNS = (
    "buyer", "recipient", "ship-city", "ship-state", "ship-postal", "ship-country", "ship-address", "ship-phone",
    "ship-name", "bill-", "purchase-order-number", "gift-message", "points-granted", "cpf", "customized", "tax-id",
    "company", "licensee", "delivery-instructions", "address",
)  # fmt: skip


def stripped(content: bytes) -> bytes:
    """The same JSON without private members; bytes that are no JSON, or hold none of them, as they are."""
    if not _PERHAPS.search(content):
        return content
    try:
        return _ENCODER.encode(_kept(_DECODER.decode(content)))
    except msgspec.DecodeError:
        return content


def is_private(column: str) -> bool:
    """Whether a report's column is about a person."""
    name = column.strip().lower()
    return any(word in name for word in PRIVATE_COLUMNS)


def _kept(value: Any) -> Any:
    if isinstance(value, list):
        return [_kept(part) for part in value]
    if isinstance(value, dict):
        return {name: _kept(part) for name, part in value.items() if name.lower() not in NAMES}
    return value
