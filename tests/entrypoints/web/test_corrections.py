"""Corrections over the API: shown first, then done, with the reason and the name of who asked."""

from collections.abc import Iterator
from typing import Any

import pytest
from api import Api, served


@pytest.fixture
def api(open_shop: Any) -> Iterator[Api]:
    with open_shop(orders=20, settlements=1, seed=4) as shop:
        shop.set_up()
        shop.sync()
        with served(shop) as found:
            yield found


def test_what_is_posted_is_shown_corrected_and_told(api: Api) -> None:
    rule = {
        "transactionType": "Order",
        "amountType": "ItemPrice",
        "amountDescription": "Principal",
        "account": "LIQ",
        "role": "order_charge",
    }
    api.post("/flows/us/mapping/changes", {"why": "sold off", "rules": [rule]})

    diff = api.get("/flows/us/mapping/diff")
    assert {shift["account"] for shift in diff["open"]} == {"LIQ", "SALES"}
    assert sum(shift["amount"] for shift in diff["open"]) == 0
    assert diff["closed"] == []

    (one, *_) = [row["key"] for row in api.shop.rows("postings", kind="invoice", status="posted")]
    path = f"/flows/us/postings/invoice/{one}"
    shown = api.post(f"{path}/reclass", {"why": "sold off", "preview": True})
    done = api.post(f"{path}/reclass", {"why": "sold off"})
    assert (shown["position"], shown["steps"]) == (0, done["steps"])
    assert done["position"] > 0
    again = api.post(f"{path}/reclass", {"why": "sold off"}, status=422)
    assert "nothing to move" in again["detail"]

    moved = api.post("/flows/us/mapping/reclass", {"why": "sold off", "scope": "open"})
    assert {step["kind"] for step in moved["steps"]} == {"journal"}
    assert api.get("/flows/us/mapping/diff")["open"] == []
    (planned,) = list(api.shop.rows("postings", kind="journal", key=done["steps"][0]["key"]))
    assert planned["order_id"] == one


def test_a_correction_without_a_reason_or_of_another_scope_is_refused(api: Api) -> None:
    (one, *_) = [row["key"] for row in api.shop.rows("postings", kind="invoice")]

    api.post(f"/flows/us/postings/invoice/{one}/void", {"why": ""}, status=400)
    api.post("/flows/us/mapping/reclass", {"why": "sold off", "scope": "closed"}, status=400)
