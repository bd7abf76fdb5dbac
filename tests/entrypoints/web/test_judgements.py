"""What a person decides over the API where two truths are possible, each with a reason and a name."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import trade
from api import Api, served
from shop import Shop

from domain.errors import Refused
from domain.settlement import Statement

ORDER = "113-0000000-0000001"


@pytest.fixture
def api(open_shop: Any) -> Iterator[Api]:
    with open_shop(orders=20, settlements=1, seed=4) as shop:
        shop.set_up()
        with served(shop) as found:
            yield found


def payout_by_hand(shop: Shop) -> tuple[str, str]:
    """The bookkeeper adds a payout from the bank feed before we post it: the deposit's key, and QuickBooks' id."""
    cycle = shop.services.cycle(shop.flow())
    cycle._quickbooks = None
    assert cycle.run().error == ""
    (deposit,) = shop.rows("postings", kind="deposit")
    mapping = shop.services.bookkeeping.mapping("us")
    line = {
        "Amount": deposit["amount"] / 100,
        "DetailType": "DepositLineDetail",
        "DepositLineDetail": {"AccountRef": {"value": mapping.accounts["SALES"].id}},
    }
    body = {
        "TxnDate": deposit["day"],
        "DepositToAccountRef": {"value": mapping.banks["USD"].id},
        "Line": [line],
    }
    with shop.services.quickbooks(shop.flow()) as quickbooks:
        answer = quickbooks._call("by hand", "POST", "/deposit", (), body=msgspec.json.encode(body))
    assert answer.status_code == 200, answer.text
    return deposit["key"], str(answer.json()["Deposit"]["Id"])


def test_a_document_is_adopted_and_released(api: Api) -> None:
    shop = api.shop
    key, by_hand = payout_by_hand(shop)
    shop.sync()
    assert [row["code"] for row in shop.rows("held")] == ["found_otherwise"]
    path = f"/flows/us/postings/deposit/{key}"

    unknown = api.post(f"{path}/adopt", {"quickbooksId": "999999", "why": "I made it"}, status=422)
    assert "no deposit with id 999999" in unknown["detail"]
    api.post(f"{path}/adopt", {"quickbooksId": "1/../2", "why": "I made it"}, status=400)
    api.post(f"{path}/adopt", {"quickbooksId": by_hand, "why": ""}, status=400)
    api.post("/flows/us/postings/bill/1/adopt", {"quickbooksId": by_hand, "why": "x"}, status=422)

    body = {"quickbooksId": by_hand, "why": "I made it on Monday"}
    adopted = api.post(f"{path}/adopt", body, key="adopt-1")
    assert api.post(f"{path}/adopt", body, key="adopt-1") == adopted
    shown = api.get(path, after=adopted["position"])
    assert (shown["status"], shown["quickbooksId"]) == ("posted", by_hand)
    api.post(f"{path}/adopt", body, status=422)

    released = api.post(f"{path}/release", {"why": "it was another", "notOurs": [by_hand]})
    assert api.get(path, after=released["position"])["status"] != "posted"
    events = api.get("/flows/us/events", "auditor", posting=f"deposit/{key}", by="api:the-operator")["items"]
    assert {event["name"] for event in events} == {
        "posting.released.v1", "posting.held.v1", "posting.deposit-posted.v1",
    }  # fmt: skip
    assert "it was another" in events[0]["summary"]
    shop.sync()
    shown = api.get(path, after=shop.services.store.end())
    assert (shown["status"], shown["quickbooksId"] != by_hand) == ("posted", True)


def test_a_disputed_settlement_is_kept_as_it_was(api: Api) -> None:
    books, flow = api.shop.services.bookkeeping, api.shop.flow()
    for amount in ("24.99", "24.98"):
        rows = trade.lines(("Order", "ItemPrice", "Principal", amount, ORDER))
        closed = datetime(2026, 11, 18, tzinfo=UTC)
        books.ingest_settlement(flow, Statement("284", "USD", trade.usd(amount), None, None, closed), rows, "tests")
    path = "/flows/us/settlements/284"
    assert api.get(path, after=api.shop.services.store.end())["status"] == "disputed"

    kept = api.post(f"{path}/keep", {"why": "Seller Support case 123"})
    assert api.get(path, after=kept["position"])["status"] != "disputed"
    api.post(f"{path}/keep", {"why": "once more"}, status=422)
    api.post(f"{path}/keep", {"why": "two\nlines"}, status=400)


class Refusing:
    """A company that refuses what it is sent."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send_batch(self, request_id: str, body: bytes) -> Any:
        raise Refused("quickbooks answered batch with 400 2010", vendor="quickbooks", code="2010")


def test_what_was_refused_is_sent_again_by_a_cycle_that_is_asked_to(api: Api) -> None:
    shop = api.shop
    cycle = shop.services.cycle(shop.flow())
    cycle._quickbooks = Refusing(cycle._quickbooks)
    assert cycle.run().error == ""
    assert shop.rows("postings", status="rejected")

    api.post("/flows/us/sync")
    assert shop.rows("postings", status="rejected")
    asked = api.post("/flows/us/sync", {"retryRefused": True})
    assert api.get("/flows/us/postings", after=asked["position"], status="rejected")["items"] == []
    assert shop.services.leases.states()["us"].asked
    assert shop.services.run_cycle("us", when_due=True) is not None
    assert shop.rows("held") == []
