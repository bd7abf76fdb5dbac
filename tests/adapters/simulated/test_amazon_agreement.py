"""Both sides of the stand-in over the wire: what orders promise is what settlements pay, and nothing makes it crash."""

import csv
import io
import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.simulated.amazon.orders import SEARCH_PARAMETERS
from adapters.simulated.amazon.reports import LIST_PARAMETERS, SETTLEMENT
from adapters.simulated.amazon.testing import Caller

# The part of an item's proceeds that each settlement line belongs to.
PART = {
    "ItemPrice/Principal": "ITEM",
    "ItemPrice/Shipping": "SHIPPING",
    "ItemPrice/GiftWrap": "GIFT_WRAP",
    "ItemPrice/Tax": "TAX",
    "ItemPrice/ShippingTax": "TAX",
    "ItemPrice/GiftWrapTax": "TAX",
    "Promotion/TaxDiscount": "TAX",
    "Promotion/Principal": "DISCOUNT",
    "Promotion/Shipping": "DISCOUNT",
}


def settlement_rows(caller: Caller) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for report in caller.reports(reportTypes=SETTLEMENT, pageSize=100).json()["reports"]:
        described = caller.get(f"/reports/2021-06-30/documents/{report['reportDocumentId']}").json()
        text = caller.http.get(described["url"]).text
        rows += csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    return rows


def promised(caller: Caller) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    token: dict[str, Any] = {}
    while True:
        page = caller.search(createdAfter=caller.facts["since"], includedData="PROCEEDS", **token).json()
        for order in page["orders"]:
            for item in order["orderItems"]:
                parts = item.get("proceeds", {}).get("breakdowns", [])
                found[item["orderItemId"]] = Counter(
                    {part["type"]: int(part["subtotal"]["amount"].replace(".", "")) for part in parts}
                )
        if "pagination" not in page:
            return found
        token = {"paginationToken": page["pagination"]["nextToken"]}


@pytest.mark.parametrize("marketplace", ["US", "UK", "DE"])
@pytest.mark.parametrize("seed", range(4))
def test_settlements_pay_what_orders_promised_part_by_part(seed: int, marketplace: str) -> None:
    caller = Caller(seed=seed, marketplace=marketplace, gzip=False)
    orders = promised(caller)
    paid: dict[str, Counter[str]] = {}
    for row in settlement_rows(caller):
        part = PART.get(f"{row['amount-type']}/{row['amount-description']}")
        if row["transaction-type"] == "Order" and part:
            amount = int(row["amount"].replace(",", "").replace(".", ""))
            paid.setdefault(row["order-item-code"], Counter())[part] += amount
    assert len(paid) > 300
    for item_id, parts in paid.items():
        assert {name: amount for name, amount in parts.items() if amount} == {
            name: amount for name, amount in orders[item_id].items() if amount
        }


def test_most_orders_are_settled_and_the_newest_are_not() -> None:
    caller = Caller(gzip=False)
    settled = {row["order-id"] for row in settlement_rows(caller) if row["transaction-type"] == "Order"}
    asked = {"createdAfter": caller.facts["since"], "includedData": "FULFILLMENT", "fulfillmentStatuses": "SHIPPED"}
    first = caller.search(**asked).json()
    orders = first["orders"]
    while "pagination" in first:
        first = caller.search(**asked, paginationToken=first["pagination"]["nextToken"]).json()
        orders += first["orders"]
    open_orders = [order for order in orders if order["orderId"] not in settled]
    assert 5 < len(open_orders) < len(orders) / 5
    assert all(order["lastUpdatedTime"] > "2026-11-20" for order in open_orders)


def test_a_repeated_settlement_arrives_with_a_later_document() -> None:
    caller = Caller(gzip=False, troubles=("repeated_settlement", "wrong_total"))
    headers = [row for row in settlement_rows(caller) if row["total-amount"]]
    expected = json.loads(caller.facts["expected"])["settlements"]
    assert Counter(row["settlement-id"] for row in headers)[expected[0]["id"]] == 2
    assert len(headers) == 4
    last = expected[-1]
    assert Decimal(last["total"]) - Decimal(last["lines_total"]) == Decimal("0.01")


_CALLER = Caller(orders=30, quotas=False)
_VALUES = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["2026-11-01T00:00:00Z", "2026-11-20", "SHIPPED", "PROCEEDS", SETTLEMENT, "10", "0", "-1", "DONE"]),
    st.datetimes().map(lambda moment: moment.isoformat() + "+01:00"),
)


@settings(max_examples=150, deadline=None)
@given(asked=st.dictionaries(st.sampled_from([*SEARCH_PARAMETERS, "x"]), _VALUES, max_size=5))
def test_no_search_makes_it_crash(asked: dict[str, str]) -> None:
    assert _CALLER.search(**asked).status_code in (200, 400, 403)


@settings(max_examples=150, deadline=None)
@given(asked=st.dictionaries(st.sampled_from([*LIST_PARAMETERS, "x"]), _VALUES, max_size=5))
def test_no_listing_makes_it_crash(asked: dict[str, str]) -> None:
    assert _CALLER.reports(**asked).status_code in (200, 400)


@settings(max_examples=100, deadline=None)
@given(
    body=st.one_of(
        st.binary(max_size=60),
        st.recursive(st.none() | st.integers() | st.text(), st.lists).map(
            lambda value: json.dumps({"reportType": value, "marketplaceIds": value}).encode()
        ),
    )
)
def test_no_body_makes_it_crash(body: bytes) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert _CALLER.http.post("/auth/o2/token", content=body, headers=form).status_code == 400
    ordered = _CALLER.http.post("/reports/2021-06-30/reports", content=body, headers=_CALLER.headers)
    assert ordered.status_code == 400
