"""The default chart of accounts: what each account key is for and what QuickBooks must know to create it.

The facts are reviewed data (`data/chart_of_accounts.csv`, taken from accounting.md section 1); QuickBooks' types
and sub-types were checked against Intuit's Finance.xsd.
"""

import csv
from functools import cache
from importlib import resources

import msgspec

from domain.policy import Policies

# QuickBooks documents only these types on a direct line of a Deposit; the others need a journal entry.
DEPOSIT_LINE_TYPES = frozenset(
    ["Income", "Other Income", "Expense", "Other Expense", "Other Current Asset", "Equity", "Cost of Goods Sold"]
)

# Accounts that QuickBooks or the company has of its own: found or chosen, never created.
FOUND_NOT_CREATED = frozenset(["BANK", "AR", "CC", "VAT", "FX", "UNDEP"])

# One account per flow and currency, since each must tie to one Amazon balance.
PER_CURRENCY = frozenset(["CLR", "RSV"])

# What the default map can book today; anything else is proposed when a line first needs it.
STARTING_KEYS = (
    "CLR RSV SALES SHIPINC GIFT PROMO REFUND CLAIMS SHIPCB LIQ REFFEE FBAFEE LABELS INBOUND ADS PROGFEE STORAGE "
    "REMOVAL SUBSCR RFADMIN OTHFEE REIMB SAFET XACC STX LOAN DEF"
).split()

# What follows the policy fee_section: the fees that vary with orders, and their sub-type as plain expenses.
ORDER_FEES = {
    "REFFEE": "OtherMiscellaneousServiceCost",
    "FBAFEE": "ShippingFreightDelivery",
    "LABELS": "ShippingFreightDelivery",
    "INBOUND": "ShippingFreightDelivery",
}

# The keys an invoice line may need, and so an item: an invoice line has no account, only an item that has one.
ITEM_KEYS = ("SALES", "SHIPINC", "GIFT", "PROMO")


class ChartAccount(msgspec.Struct, frozen=True):
    """One account of the chart by its key; `on_deposit_line` tells whether a Deposit may name it directly."""

    key: str
    number: str
    name: str
    account_type: str
    account_subtype: str
    purpose: str

    @property
    def on_deposit_line(self) -> bool:
        return self.account_type in DEPOSIT_LINE_TYPES


def chart_of(policies: Policies) -> dict[str, ChartAccount]:
    """The chart as a flow creates it: fees that vary with orders are cost of goods sold, or expenses if it says so."""
    chart = dict(default_chart())
    if policies.fee_section == "expense":
        for key, subtype in ORDER_FEES.items():
            chart[key] = msgspec.structs.replace(chart[key], account_type="Expense", account_subtype=subtype)
    return chart


def keys_needed(policies: Policies) -> list[str]:
    """The accounts to begin with under a flow's policies; any other is proposed when a line first needs it."""
    more = {
        "SUSP": policies.unmapped == "suspense",
        "MFT": policies.tax == "gross",
        "OPENING": policies.old_orders == "receivables",
        "UNDEP": policies.settlement_link == "undeposited_linked",
        "AR": policies.refund_document == "credit_memo",
    }
    return [*STARTING_KEYS, *(key for key, needed in more.items() if needed)]


def items_needed(policies: Policies) -> list[str]:
    """The keys of which documents have lines by item, under a flow's policies."""
    refunds = ["REFUND", "CLAIMS"] if policies.refund_document != "deposit_line" else []
    return [*ITEM_KEYS, *refunds, *(["MFT"] if policies.tax == "gross" else [])]


def account_of(key: str) -> ChartAccount:
    """The chart's account of a key that may name a currency (`CLR:USD`) or a product category (`SALES/mugs`).

    Raises KeyError for what is no account.
    """
    return default_chart()[key.partition(":")[0].partition("/")[0]]


@cache
def default_chart() -> dict[str, ChartAccount]:
    """The chart by account key. Keys that are no accounts (TAX, REVIEW) are left out: nothing can be booked there."""
    with (resources.files("domain") / "data" / "chart_of_accounts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        row["key"]: ChartAccount(
            key=row["key"],
            number=row["number"],
            name=row["name"],
            account_type=row["AccountType"],
            account_subtype=row["AccountSubType"],
            purpose=row["purpose"],
        )
        for row in rows
        if row["AccountType"] != "-"
    }
