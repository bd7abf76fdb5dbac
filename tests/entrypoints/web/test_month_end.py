"""The month's end over the API: sums that tie, the same answer then as now, and questions that cannot be."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from api import Api


def test_the_trial_balance_is_zero_and_its_entries_make_it(api: Api) -> None:
    told = api.get("/flows/us/trial-balance")
    assert [row["debit"] for row in told["totals"]] == [row["credit"] for row in told["totals"]]
    sums: dict[str, Decimal] = {}
    cursor = None
    while True:
        page = api.get("/flows/us/ledger", limit=100, **({"cursor": cursor} if cursor else {}))
        for row in page["items"]:
            sums[row["accountKey"]] = sums.get(row["accountKey"], Decimal()) + Decimal(row["amount"])
        if (cursor := page["next"]) is None:
            break
    stated = {row["accountKey"]: Decimal(row["debit"]) - Decimal(row["credit"]) for row in told["accounts"]}
    assert {key: amount for key, amount in sums.items() if amount} == stated
    assert api.get("/flows/us/trial-balance", at="2001-01-01")["accounts"] == []


def test_receivables_by_age_are_the_ledgers(api: Api) -> None:
    told = api.get("/flows/us/ageing")
    accounts = {row["accountKey"]: row for row in api.get("/flows/us/trial-balance")["accounts"]}
    open_ = sum((Decimal(group["balance"]) for group in told["groups"]), Decimal())
    assert open_ == Decimal(accounts.get("AR", {"debit": "0"})["debit"])
    for group in told["groups"]:
        assert sum(Decimal(bucket["amount"]) for bucket in group["buckets"]) == Decimal(group["balance"])
        assert sum(Decimal(item["amount"]) for item in group["items"]) == Decimal(group["balance"])
    (reserve,) = api.get("/flows/us/ageing", of="reserve")["groups"]
    assert Decimal(reserve["balance"]) == Decimal(accounts["RSV:USD"]["debit"])
    (clearing,) = api.get("/flows/us/ageing", of="clearing")["groups"]
    assert (clearing["balance"], clearing["items"]) == ("0.00", [])


@pytest.mark.parametrize(
    "path",
    [
        "/flows/us/ageing?of=receivable",
        "/flows/us/ageing?of=clearing",
        "/flows/us/ageing?of=reserve",
        "/flows/us/trial-balance",
        "/flows/us/ledger",
        "/flows/us/close",
        "/flows/us/orders",
        "/flows/us/settlements",
    ],
)
def test_as_of_now_is_now_and_as_of_before_is_nothing_of_it(api: Api, path: str) -> None:
    address, _, query = path.partition("?")
    asked = dict([query.split("=")]) if query else {}
    now = api.get(address, **asked)
    # The second after the last event: a position holds the whole of its second.
    then = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
    assert {**api.get(address, **asked, as_of=then), "position": 0} == {**now, "position": 0}


def test_lists_filter_by_a_bookkeepers_status(api: Api) -> None:
    orders = api.get("/flows/us/orders", limit=500)["items"]
    states = {row["state"] for row in orders}
    assert states <= {
        "seen",
        "ready",
        "invoiced",
        "part_settled",
        "settled",
        "part_refunded",
        "refunded",
        "cancelled",
        "closed",
    }
    for state in states:
        found = api.get("/flows/us/orders", limit=500, state=state)["items"]
        assert found == [row for row in orders if row["state"] == state]
    assert {row["state"] for row in api.get("/flows/us/settlements", state="posted")["items"]} == {"posted"}
    assert api.get("/flows/us/settlements", state="carried")["items"] == []


def test_the_news_of_a_settlement(api: Api) -> None:
    newest, oldest = [row["settlementId"] for row in api.get("/flows/us/settlements")["items"]]
    assert api.get(f"/flows/us/settlements/{newest}/news")["before"] == oldest
    assert api.get(f"/flows/us/settlements/{oldest}/news") == {"before": None, "firstSeen": [], "fees": []}


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/flows/us/ageing", {"of": "everything"}, 400),
        ("/flows/us/trial-balance", {"at": "yesterday"}, 422),
        ("/flows/us/close", {"month": "2026-13"}, 422),
        ("/flows/us/close", {"month": "1.10.26"}, 422),
        ("/flows/us/orders", {"state": "paid"}, 422),
        ("/flows/us/ledger", {"from_day": "x"}, 422),
        ("/flows/us/settlements/9/news", {}, 404),
        ("/flows/nowhere/close", {}, 404),
        ("/flows/nowhere/ageing", {}, 404),
    ],
)
def test_what_cannot_be_answered_is_refused(api: Api, path: str, asked: dict[str, Any], status: int) -> None:
    told = api.get(path, expect=status, **asked)
    assert told["detail"]
