"""Orders as a client meets them: what a search shows, how its pages follow, and what is refused."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from adapters.simulated.amazon.order_form import Form
from adapters.simulated.amazon.testing import Caller
from adapters.simulated.world import make_world

MONEY = {"includedData": "PROCEEDS"}


def all_orders(caller: Caller, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: dict[str, Any] = {}
    while True:
        page = caller.search(**asked, **token).json()
        found += page["orders"]
        if "pagination" not in page:
            return found
        token = {"paginationToken": page["pagination"]["nextToken"]}


def cents(money: dict[str, str]) -> int:
    whole, _, rest = money["amount"].partition(".")
    assert len(rest) == 2
    return int(whole + rest)


@pytest.mark.parametrize("size", [1, 7, 50, 100])
def test_pages_show_each_order_once(size: int) -> None:
    caller = Caller(orders=60, quotas=False)
    asked = {"createdAfter": caller.facts["since"], "maxResultsPerPage": size}
    found = [order["orderId"] for order in all_orders(caller, **asked)]
    assert len(found) == len(set(found)) == 60


def test_an_order_that_changes_while_pages_are_read_is_still_shown_once() -> None:
    caller = Caller(orders=60)
    asked = {"lastUpdatedAfter": caller.facts["since"], "maxResultsPerPage": 25}
    first = caller.search(**asked).json()
    early = first["orders"][0]
    caller.http.post(f"/_simulated/amend/{early['orderId']}")
    token = first["pagination"]["nextToken"]
    second = caller.search(**asked, paginationToken=token).json()
    third = caller.search(**asked, paginationToken=second["pagination"]["nextToken"]).json()
    seen = [order["orderId"] for page in (first, second, third) for order in page["orders"]]
    assert len(seen) == len(set(seen)) == 60
    # It comes again to whoever asks from the bound the search gave, once that bound has passed it.
    caller.clock.wait(180)
    again = caller.search(lastUpdatedAfter=first["lastUpdatedBefore"]).json()["orders"]
    assert [order["orderId"] for order in again] == [early["orderId"]]
    assert again[0]["lastUpdatedTime"] > early["lastUpdatedTime"]


def test_the_answer_gives_the_bound_it_searched_to() -> None:
    caller = Caller()
    two_minutes_ago = (caller.clock.now() - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert caller.search(lastUpdatedAfter=caller.facts["since"]).json()["lastUpdatedBefore"] == two_minutes_ago
    by_creation = caller.search(createdAfter=caller.facts["since"], createdBefore="2026-11-01T00:00:00Z").json()
    assert by_creation["createdBefore"] == "2026-11-01T00:00:00Z"
    assert "lastUpdatedBefore" not in by_creation
    assert all(order["createdTime"] <= "2026-11-01T00:00:00Z" for order in by_creation["orders"])


def test_filters_show_what_fits() -> None:
    caller = Caller(orders=400, troubles=("foreign_currency",), quotas=False)
    asked = {"createdAfter": caller.facts["since"], "includedData": "FULFILLMENT"}
    everything = all_orders(caller, **asked)
    shipped = all_orders(caller, **asked, fulfillmentStatuses="SHIPPED,UNSHIPPED", fulfilledBy="MERCHANT")
    fits = [
        order
        for order in everything
        if order["fulfillment"]["fulfillmentStatus"] in ("SHIPPED", "UNSHIPPED")
        and order["fulfillment"]["fulfilledBy"] == "MERCHANT"
    ]
    assert shipped == fits
    canada = all_orders(caller, **asked, marketplaceIds="A2EUQ1WTGCTBG2")
    assert {order["salesChannel"]["marketplaceName"] for order in canada} == {"Amazon.ca"}
    repeated = caller.http.get(
        "/orders/2026-01-01/orders",
        params=[("createdAfter", caller.facts["since"]), ("marketplaceIds", "A2EUQ1WTGCTBG2"), ("marketplaceIds", "X")],
        headers=caller.headers,
    )
    assert len(repeated.json()["orders"]) == len(canada)


def test_datasets_come_only_when_asked_for() -> None:
    caller = Caller(orders=400, quotas=False)
    asked = {"createdAfter": caller.facts["since"]}
    bare = all_orders(caller, **asked)
    hidden = {"proceeds", "fulfillment", "packages", "payment", "tax", "promotion", "cancellation", "expense"}
    for order in bare:
        assert not hidden & order.keys()
        assert all(not hidden & item.keys() for item in order["orderItems"])
    packages = all_orders(caller, **asked, includedData="PACKAGES,FULFILLMENT")
    for order in packages:
        sent = order["fulfillment"]["fulfillmentStatus"] in ("SHIPPED", "PARTIALLY_SHIPPED")
        own = order["fulfillment"]["fulfilledBy"] == "MERCHANT"
        assert ("packages" in order) == (sent and own)
        for package in order.get("packages", []):
            assert package["trackingNumber"]
            assert package["carrier"]
            assert package["shipTime"] < "2026-11-24"
    quantities = {item["orderItemId"]: item["quantityOrdered"] for order in packages for item in order["orderItems"]}
    for order in packages:
        for package in order.get("packages", []):
            assert all(part["quantity"] == quantities[part["orderItemId"]] for part in package["packageItems"])


@pytest.mark.parametrize("dataset", ["BUYER", "RECIPIENT", "PROCEEDS,BUYER"])
def test_restricted_datasets_are_forbidden(dataset: str) -> None:
    caller = Caller()
    refused = caller.search(createdAfter=caller.facts["since"], includedData=dataset)
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["code"] == "Unauthorized"


@pytest.mark.parametrize("seed", range(5))
def test_the_parts_of_an_order_sum_to_its_total(seed: int) -> None:
    caller = Caller(seed=seed, quotas=False)
    priced = 0
    for order in all_orders(caller, createdAfter=caller.facts["since"], includedData="PROCEEDS,FULFILLMENT"):
        if order["fulfillment"]["fulfillmentStatus"] == "PENDING":
            assert "proceeds" not in order
            assert "price" not in order["orderItems"][0]["product"]
            continue
        priced += 1
        total = cents(order["proceeds"]["grandTotal"])
        assert total == sum(cents(part["subtotal"]) for part in order["proceeds"]["breakdowns"])
        assert total == sum(cents(item["proceeds"]["proceedsTotal"]) for item in order["orderItems"])
        for item in order["orderItems"]:
            parts = {part["type"]: cents(part["subtotal"]) for part in item["proceeds"]["breakdowns"]}
            assert cents(item["proceeds"]["proceedsTotal"]) == sum(parts.values())
            assert parts["ITEM"] == cents(item["product"]["price"]["unitPrice"]) * item["quantityOrdered"]
            assert parts.get("DISCOUNT", 0) <= 0
            for part in item["proceeds"]["breakdowns"]:
                if "detailedBreakdowns" in part:
                    details = sum(cents(detail["value"]) for detail in part["detailedBreakdowns"])
                    assert details == cents(part["subtotal"])
    assert priced > 200


def test_the_sign_of_discounts_and_the_place_of_tax_are_dials() -> None:
    world = make_world(1, 300, 3, now=datetime.fromisoformat("2026-11-24T00:00:00Z"))
    other = Form(world.now, discount_sign=1, tax_in_total=False)
    seen = 0
    for order in world.orders.values():
        for item, written in zip(order.items, other.order(order, frozenset({"PROCEEDS"}))["orderItems"], strict=True):
            if "proceeds" not in written:
                continue
            parts = {part["type"]: cents(part["subtotal"]) for part in written["proceeds"]["breakdowns"]}
            tax, discount = parts.pop("TAX", 0), parts.pop("DISCOUNT", 0)
            assert cents(written["proceeds"]["proceedsTotal"]) == sum(parts.values()) - discount
            assert tax == item.total_tax
            seen += discount > 0
    assert seen > 20


REFUSED_SEARCHES: list[dict[str, Any]] = [
    {},
    {"createdAfter": "2026-11-01T00:00:00Z", "lastUpdatedAfter": "2026-11-01T00:00:00Z"},
    {"createdAfter": "2026-11-01T00:00:00Z", "lastUpdatedBefore": "2026-11-02T00:00:00Z"},
    {"lastUpdatedAfter": "2026-11-01T00:00:00Z", "createdBefore": "2026-11-02T00:00:00Z"},
    {"createdBefore": "2026-11-02T00:00:00Z"},
    {"createdAfter": "yesterday"},
    {"createdAfter": "0001-01-01T00:00:00+23:00"},
    {"createdAfter": ""},
    {"createdAfter": "2026-11-25T00:00:00Z"},
    {"createdAfter": "2026-11-02T00:00:00Z", "createdBefore": "2026-11-01T00:00:00Z"},
    {"createdAfter": "2026-11-02T00:00:00Z", "createdBefore": "2026-11-24T07:59:00Z"},
    {"createdAfter": "2026-11-01T00:00:00Z", "maxResultsPerPage": 0},
    {"createdAfter": "2026-11-01T00:00:00Z", "maxResultsPerPage": 101},
    {"createdAfter": "2026-11-01T00:00:00Z", "maxResultsPerPage": "9" * 5000},
    {"createdAfter": "2026-11-01T00:00:00Z", "maxResultsPerPage": "ten"},
    {"createdAfter": "2026-11-01T00:00:00Z", "fulfillmentStatuses": "Shipped"},
    {"createdAfter": "2026-11-01T00:00:00Z", "fulfilledBy": "AFN"},
    {"createdAfter": "2026-11-01T00:00:00Z", "includedData": "MONEY"},
    {"createdAfter": "2026-11-01T00:00:00Z", "includedData": ""},
    {"createdAfter": "2026-11-01T00:00:00Z", "marketplaceIds": ",".join("X" * 51)},
    {"createdAfter": "2026-11-01T00:00:00Z", "paginationToken": "made-up"},
    {"CreatedAfter": "2026-11-01T00:00:00Z"},
]


@pytest.mark.parametrize("asked", REFUSED_SEARCHES)
def test_a_wrong_search_is_refused_as_invalid_input(asked: dict[str, Any]) -> None:
    refused = Caller().search(**asked)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == "InvalidInput"
    assert refused.headers["x-amzn-RequestId"]


def test_a_page_token_is_for_the_same_question_for_a_day() -> None:
    caller = Caller()
    asked = {"createdAfter": caller.facts["since"], "fulfilledBy": "AMAZON"}
    token = caller.search(**asked, maxResultsPerPage=10).json()["pagination"]["nextToken"]
    assert caller.search(createdAfter=caller.facts["since"], paginationToken=token).status_code == 400
    assert caller.search(paginationToken=token).status_code == 400
    once = caller.search(**asked, paginationToken=token, maxResultsPerPage=20, includedData="PROCEEDS")
    assert once.status_code == 200
    assert len(once.json()["orders"]) == 20
    assert len(caller.search(**asked, paginationToken=token).json()["orders"]) == 100, (
        "a lost answer can be asked again"
    )
    caller.clock.wait(24 * 3600)
    caller.log_in()
    assert caller.search(**asked, paginationToken=token).status_code == 400


def test_only_tax_that_amazon_withholds_is_marked_as_its_own() -> None:
    caller = Caller(troubles=("tax_not_withheld",), quotas=False)
    asked = {"createdAfter": caller.facts["since"], "includedData": "TAX,PROCEEDS"}
    unmarked = [
        order["orderId"]
        for order in all_orders(caller, **asked)
        if "proceeds" in order and any("tax" not in item for item in order["orderItems"])
    ]
    assert len(unmarked) == 1


def test_a_hidden_order_is_nowhere_to_be_found() -> None:
    caller = Caller(troubles=("unseen_order",), quotas=False)
    found = {order["orderId"] for order in all_orders(caller, createdAfter=caller.facts["since"])}
    world = make_world(1, 300, 3, now=datetime.fromisoformat("2026-11-24T00:00:00Z"), troubles=("unseen_order",))
    (hidden,) = world.hidden
    assert found == world.orders.keys() - {hidden}
    refused = caller.get(f"/orders/2026-01-01/orders/{hidden}")
    assert refused.status_code == 404
    assert refused.json()["errors"][0]["code"] == "NotFound"
