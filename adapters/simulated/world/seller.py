"""The seller: where they sell, what they sell, and how an amount of theirs is written.

Money is a whole number of minor units everywhere in this world; it becomes text here and nowhere else.
"""

import msgspec


class Market(msgspec.Struct, frozen=True):
    """One marketplace, with the manners of its settlement report."""

    code: str
    id: str
    name: str  # as the Orders API and the settlement write it
    country: str  # as the Sellers API writes it
    country_code: str
    currency: str
    language: str
    domain: str
    order_prefixes: tuple[str, ...]
    withheld: str  # first part of the amount-description of tax that Amazon keeps
    tax_rates: tuple[int, ...]  # basis points; the buyer's place decides which
    day_first: bool  # dates as 31.12.2026 instead of 2026-12-31
    decimal_comma: bool


_US_RATES = (0, 0, 400, 600, 625, 700, 775, 825, 888, 1025)

MARKETS = {
    market.code: market
    for market in (
        Market(
            "US", "ATVPDKIKX0DER", "Amazon.com", "United States", "US", "USD", "en_US", "www.amazon.com",
            ("111", "112", "113", "114"), "MarketplaceFacilitatorTax", _US_RATES, False, False,
        ),
        Market(
            "CA", "A2EUQ1WTGCTBG2", "Amazon.ca", "Canada", "CA", "CAD", "en_CA", "www.amazon.ca",
            ("701", "702"), "MarketplaceFacilitatorTax", (500, 1300, 1500), False, False,
        ),
        Market(
            "UK", "A1F83G8C2ARO7P", "Amazon.co.uk", "United Kingdom", "GB", "GBP", "en_GB", "www.amazon.co.uk",
            ("202", "203", "204", "206"), "MarketplaceFacilitatorVAT", (2000,), True, False,
        ),
        Market(
            "DE", "A1PA6795UKMFR9", "Amazon.de", "Germany", "DE", "EUR", "de_DE", "www.amazon.de",
            ("028", "302", "304", "305"), "MarketplaceFacilitatorVAT", (700, 1900), True, True,
        ),
    )
}  # fmt: skip


class Product(msgspec.Struct, frozen=True):
    sku: str
    asin: str
    title: str
    price: int
    fba_fee: int  # per unit
    commission: int  # basis points of what the buyer pays
    closing_fee: int = 0  # media only, per unit


CATALOGUE = (
    Product("HNY-WILD-12OZ", "B07HNYW12Z", "Wildflower Honey, 12 oz", 1299, 386, 800),
    Product("HNY-CLOV-3PK", "B07HNYC3PK", "Clover Honey, 3 Pack", 3150, 612, 800),
    Product("MUG-STONE-BLU", "B08MUGSTBL", "Stoneware Mug, Blue", 1895, 547, 1500),
    Product("MUG-STONE-GRN", "B08MUGSTGR", "Stoneware Mug, Green", 1895, 547, 1500),
    Product("BRD-OAK-L", "B09BRDOAKL", "Oak Cutting Board, Large", 4999, 823, 1500),
    Product("TWL-LINEN-2", "B09TWLLIN2", "Linen Kitchen Towels, Set of 2", 2450, 431, 1500),
    Product("KNF-PAR-35", "B0AKNFPA35", "Paring Knife, 3.5 in", 999, 322, 1500),
    Product("BK-SOURDOUGH", "B0ABKSOURD", "Sourdough at Home (Paperback)", 1699, 375, 1500, 180),
)

# A name that needs more than ASCII: only in worlds whose documents come in the Western European code page.
UMLAUT = Product("BECHER-GRÜN", "B0BECHRGRN", "Becher, grün", 1450, 486, 1500)

SELLER_ID = "A3MLCONNECTOR1"
STORE_NAME = "Hearth & Hive"
APPLICATION_ID = "amzn1.sellerapps.app.5b0f9d0e-6c1c-4a53-9d4e-2f7f3a1c9b10"
TAX_COLLECTOR = "Amazon Services, Inc."


def money_text(minor: int, comma: bool = False) -> str:
    """Minor units as Amazon writes an amount: `-12.42`, or `-12,42` in German form. Two decimals, no grouping."""
    sign = "-" if minor < 0 else ""
    whole, cents = divmod(abs(minor), 100)
    return f"{sign}{whole}{',' if comma else '.'}{cents:02d}"


def share(minor: int, basis_points: int) -> int:
    """A percentage of an amount, halves away from zero, in whole minor units."""
    part = (abs(minor) * basis_points + 5000) // 10000
    return part if minor >= 0 else -part
