"""What Finances call an amount in the words of a settlement, which the map knows (amazon.md 4.4 and 5).

Only what is accrued at a month's end is translated (accounting.md R26); a word that is not known here goes to the map
as it is, finds no rule, and is held.
"""

from domain.posting_rules.accruals import Deferred
from domain.transaction import FEES, Leaf

_TRANSACTIONS = {"Shipment": "Order", "Refund": "Refund"}
_AMOUNTS = {
    "OurPricePrincipal": ("ItemPrice", "Principal"),
    "OurPriceTax": ("ItemPrice", "Tax"),
    "ShippingPrincipal": ("ItemPrice", "Shipping"),
    "ShippingTax": ("ItemPrice", "ShippingTax"),
    "GiftwrapPrincipal": ("ItemPrice", "GiftWrap"),
    "GiftwrapTax": ("ItemPrice", "GiftWrapTax"),
    "OurPriceDiscount": ("Promotion", "Principal"),
    "ShippingDiscount": ("Promotion", "Shipping"),
    "OurPriceTaxDiscount": ("Promotion", "TaxDiscount"),
    "ShippingTaxDiscount": ("Promotion", "TaxDiscount"),
    "RestockingDeductionPrincipal": ("ItemPrice", "RestockingFee"),
    "GoodwillPrincipal": ("ItemPrice", "Goodwill"),
}


def in_settlement_words(transaction_id: str, kind: str, order_id: str, leaves: tuple[Leaf, ...]) -> list[Deferred]:
    """The amounts of a deferred transaction (`Shipment`, `Refund`) as a settlement will name them, summed by name."""
    sums: dict[tuple[str, str, str], int] = {}
    for leaf in leaves:
        triple = (_TRANSACTIONS.get(kind, kind), *_named(leaf.kind))
        sums[triple] = sums.get(triple, 0) + leaf.amount
    return [Deferred(transaction_id, triple, amount, order_id) for triple, amount in sums.items() if amount]


def _named(word: str) -> tuple[str, str]:
    if word in FEES:
        return "ItemFees", word
    if word.startswith(("MarketplaceFacilitator", "LowValueGoodsTax")):
        return "ItemWithheldTax", word
    return _AMOUNTS.get(word, ("", word))
