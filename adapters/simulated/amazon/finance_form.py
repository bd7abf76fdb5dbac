"""How transactions and event groups look in the answers of Finances; which ones are shown is in `finances`."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from adapters.simulated.amazon.answers import iso
from adapters.simulated.world import money_text
from adapters.simulated.world.finances import Entry, Group, Item, Leaf
from adapters.simulated.world.seller import SELLER_ID, Market


def transaction_form(number: int, entry: Entry, quirks: Collection[str]) -> dict[str, Any]:
    """A transaction, with what the quirks make of it; `number` is its place among all."""
    currency = entry.market.currency
    service = entry.kind == "ServiceFee"
    third = number % 3 == 0
    kind = "QuantumDispatch" if "unknown_type" in quirks and service and third else entry.kind
    status = "ON_HOLD" if "unknown_status" in quirks and service and third else entry.status
    related = {
        "ORDER_ID": entry.order_id,
        "SHIPMENT_ID": entry.shipment,
        "SETTLEMENT_ID": "" if "no_settlement_ids" in quirks else entry.settlement_id,
        "FINANCIAL_EVENT_GROUP_ID": entry.group_id,
        "DEFERRED_TRANSACTION_ID": "" if "no_links" in quirks else entry.releases,
        "RELEASE_TRANSACTION_ID": entry.released_by,
    }
    sale, null = entry.kind == "Shipment", "items_null" in quirks
    wrong = sale and bool({"items_disagree", "nothing_sums"} & set(quirks))
    leaves = entry.leaves or (
        tuple(leaf for item in entry.items for leaf in item.leaves) if null or "items_disagree" in quirks else ()
    )
    if sale and "nothing_sums" in quirks:
        leaves = (("ProductCharges/OurPricePrincipal", entry.total + 1),)
    shape: dict[str, Any] = {
        "sellingPartnerMetadata": _metadata(entry.market, entry.account_type),
        "relatedIdentifiers": [related_id(name, value) for name, value in related.items() if value],
        "transactionType": kind,
        "transactionStatus": status,
        "description": entry.description,
        "totalAmount": money(entry.total, currency),
        "marketplaceDetails": {"marketplaceId": entry.market.id, "marketplaceName": entry.market.name},
        "items": [_item(item, entry, null, wrong and not at) for at, item in enumerate(entry.items)],
        "contexts": [],
    }
    if leaves:
        shape["breakdowns"] = tree(leaves, currency)
    if "no_ids" not in quirks:
        shape["transactionId"] = entry.id
    if not ("no_dates" in quirks and service):
        shape["postedDate"] = iso(entry.posted)
    if entry.deferral and entry.matures is not None:
        shape["contexts"].append(
            {
                "contextType": "DeferredContext",
                "deferralReason": entry.deferral,
                "maturityDate": iso(entry.matures),
            }
        )
    if "unknown_field" in quirks and entry.kind == "Refund":
        shape["surchargeAmount"] = money(-1, currency)
    return shape


def _item(item: Item, entry: Entry, null: bool, wrong: bool) -> dict[str, Any]:
    leaves = item.leaves
    if wrong and leaves:
        leaves = ((leaves[0][0], leaves[0][1] + 1), *leaves[1:])
    context = {
        "contextType": "ProductContext",
        "asin": item.asin,
        "sku": item.sku,
        "quantityShipped": item.quantity,
        "fulfillmentNetwork": "AFN" if entry.by_amazon else "MFN",
    }
    shape: dict[str, Any] = {
        "description": item.sku,
        "relatedIdentifiers": [],
        "contexts": [context] if item.sku else [],
    }
    if leaves and not null:
        shape["totalAmount"] = money(sum(amount for _, amount in leaves), entry.market.currency)
        shape["breakdowns"] = tree(leaves, entry.market.currency)
    return shape


def group_form(
    group: Group, newest: bool, converted: tuple[int, str], now: datetime, quirks: Collection[str]
) -> dict[str, Any]:
    """An event group; `converted` is what reached the bank, `newest` the last closed one."""
    off = timedelta(seconds=43 if "groups_a_minute_off" in quirks else 0)
    currency = group.market.currency
    shape: dict[str, Any] = {
        "FinancialEventGroupId": group.id,
        "ProcessingStatus": "Open" if group.end is None else "Closed",
        "BeginningBalance": money_v0(group.beginning, currency),
        "FinancialEventGroupStart": iso(group.start + off),
    }
    wrong = "group_differs" in quirks and newest
    if group.end is None:
        return shape | {"OriginalTotal": money_v0(group.total, currency)}
    amount, bank = converted
    settlement = group.settlement
    paid = settlement is not None and settlement.deposit <= now
    shape |= {
        "FinancialEventGroupEnd": iso(group.end + off),
        "FundTransferStatus": "Succeeded" if paid else "Processing",
        "ConvertedTotal": money_v0(amount + wrong, bank),
        "TraceId": f"4B0{group.id[:12].upper()}",
        "AccountTail": "1234",
    }
    if settlement is not None:
        shape["FundTransferDate"] = iso(settlement.end)
    if "no_group_totals" not in quirks:
        shape["OriginalTotal"] = money_v0(group.total + wrong, currency)
    return shape


def money_v0(minor: int, currency: str) -> dict[str, Any]:
    return {"CurrencyCode": currency, "CurrencyAmount": msgspec.Raw(money_text(minor).encode())}


def money(minor: int, currency: str) -> dict[str, Any]:
    """Finances writes amounts as JSON numbers, in either version."""
    return {"currencyCode": currency, "currencyAmount": msgspec.Raw(money_text(minor).encode())}


def tree(leaves: Sequence[Leaf], currency: str) -> list[dict[str, Any]]:
    """Leaves under their containers; Amazon leaves its roll-ups at 0.00."""
    made: dict[str, dict[str, Any]] = {}
    for path, amount in leaves:
        above, _, kind = path.rpartition("/")
        leaf = {"breakdownType": kind, "breakdownAmount": money(amount, currency), "breakdowns": None}
        if not above:
            made[f"{kind} {len(made)}"] = leaf
            continue
        container = made.setdefault(
            above, {"breakdownType": above, "breakdownAmount": money(0, currency), "breakdowns": []}
        )
        container["breakdowns"].append(leaf)
    return [_bare(node) for node in made.values()]


def _bare(node: dict[str, Any]) -> dict[str, Any]:
    parts = node["breakdowns"]
    rest = {name: value for name, value in node.items() if name != "breakdowns"}
    return rest | ({"breakdowns": [_bare(part) for part in parts]} if parts else {})


def _metadata(market: Market, account: str) -> dict[str, Any]:
    return {"sellingPartnerId": SELLER_ID, "accountType": account, "marketplaceId": market.id}


def partner(market: Market, account: str) -> dict[str, Any]:
    return {"partnerId": SELLER_ID, "accountType": account, "marketplaceId": market.id}


def related_id(name: str, value: str) -> dict[str, str]:
    return {"relatedIdentifierName": name, "relatedIdentifierValue": value}
