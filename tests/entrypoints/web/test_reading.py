"""What the API says of a traded shop: it ties, it is traced both ways, it is paged, it was so then, it is in words."""

from decimal import Decimal
from typing import Any

import pytest
from api import Api


def paged(api: Api, path: str, limit: int, role: str = "reader", **params: Any) -> list[Any]:
    """All items of a list, page by page."""
    items: list[Any] = []
    cursor = None
    for _ in range(1_000):
        page = api.get(path, role, limit=limit, **params, **({"cursor": cursor} if cursor else {}))
        assert len(page["items"]) <= limit
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items
    raise AssertionError("the pages do not end")


def test_the_status_ties(api: Api) -> None:
    status = api.get("/flows/us/status")
    assert status["ties"] is True
    assert [row["difference"] for row in status["settlements"]] == ["0.00", "0.00"]
    assert status["clearing"] == [
        {
            "currency": "USD",
            "payments": status["clearing"][0]["payments"],
            "cleared": status["clearing"][0]["payments"],
            "balance": "0.00",
            "explained": [],
            "unexplained": "0.00",
        }
    ]
    assert api.get("/flows/us/clearing")["items"] == status["clearing"]
    assert status["counts"]["orders"] == 40
    assert status["lastCycle"]["status"] == "finished"
    one = status["settlements"][0]
    assert api.get(f"/flows/us/settlements/{one['settlementId']}") == one


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/flows/us/settlements", "reader"),
        ("/flows/us/orders", "reader"),
        ("/flows/us/postings", "reader"),
        ("/flows/us/events", "auditor"),
        ("/flows/us/cycles", "reader"),
    ],
)
def test_pages_of_any_size_make_the_same_list(api: Api, path: str, role: str) -> None:
    whole = paged(api, path, 500, role)
    assert paged(api, path, 7, role) == whole
    assert len(whole) >= 1


def test_every_cent_of_every_document_is_amazons(api: Api) -> None:
    """QuickBooks' line = the sum of Amazon's amounts behind it, for every line of every document."""
    postings = paged(api, "/flows/us/postings", 100, status="posted")
    assert {row["kind"] for row in postings} >= {"invoice", "payment", "deposit"}
    for row in postings:
        lineage = api.get(f"/flows/us/postings/{row['kind']}/{row['key']}/lineage")
        assert lineage["ties"], lineage
        assert lineage["quickbooksId"] == row["quickbooksId"]
        assert Decimal(lineage["total"]) == Decimal(row["amount"])
        for line in lineage["lines"]:
            assert Decimal(line["amount"]) == sum(Decimal(source["amount"]) for source in line["sources"])


def test_every_line_of_a_settlement_stands_in_its_deposit_once(api: Api) -> None:
    (settlement, *_) = api.get("/flows/us/settlements")["items"]
    name = settlement["settlementId"]
    lines = paged(api, f"/flows/us/settlements/{name}/lines", 60)
    assert [line["ordinal"] for line in lines] == list(range(1, settlement["lines"] + 1))
    assert sum(Decimal(line["amount"]) for line in lines) == Decimal(settlement["total"])
    deposit = api.get(f"/flows/us/postings/deposit/{name}/lineage")
    behind = [source["ordinal"] for line in deposit["lines"] for source in line["sources"]]
    behind += [source["ordinal"] for source in deposit["netted"]]
    assert sorted(behind) == [line["ordinal"] for line in lines]

    for line in lines[::17]:
        trace = api.get(f"/flows/us/settlements/{name}/lines/{line['ordinal']}/lineage")
        assert [source["amount"] for source in trace["sources"]] == [line["amount"]]
        assert [use["kind"] for use in trace["uses"]].count("deposit") == 1
    api.get(f"/flows/us/settlements/{name}/lines/{len(lines) + 1}/lineage", expect=404)


def test_an_order_is_followed_to_invoice_payment_and_deposit(api: Api) -> None:
    order = api.get("/flows/us/orders", reconciliation="settled", limit=1)["items"][0]
    trace = api.get(f"/flows/us/orders/{order['orderId']}/lineage")
    by_kind: dict[str, Decimal] = {}
    for use in trace["uses"]:
        by_kind[use["kind"]] = by_kind.get(use["kind"], Decimal()) + Decimal(use["source"]["amount"])
    assert by_kind["invoice"] == Decimal(order["invoiceTotal"])
    assert by_kind["payment"] == Decimal(order["settled"])
    assert by_kind["deposit"] == sum(Decimal(source["amount"]) for source in trace["sources"])


def test_as_of_is_the_past_by_time_and_by_position(api: Api) -> None:
    events = paged(api, "/flows/us/events", 200, "auditor", name="cycle.started.v1")
    began = events[-1]
    then = api.get("/flows/us/status", as_of=began["position"])
    assert then["counts"]["orders"] == 0
    assert then["position"] == began["position"]
    assert api.get("/flows/us/orders", as_of=began["at"])["items"] == []
    now = api.get("/flows/us/status")
    assert api.get("/flows/us/status", as_of=now["position"])["counts"] == now["counts"]
    for wrong in ("yesterday", str(now["position"] + 10**6), "0001-01-01T00:00:00+23:00", "9" * 30):
        problem = api.get("/flows/us/status", expect=422, as_of=wrong)
        assert problem["field"] == "as_of", problem


def test_the_audit_trail_is_asked_by_order_settlement_posting_person_and_time(api: Api) -> None:
    order = api.get("/flows/us/orders", reconciliation="settled", limit=1)["items"][0]
    story = paged(api, "/flows/us/events", 50, "auditor", order_id=order["orderId"])
    assert [event["name"] for event in story][-1] == "order.ingested.v1"
    assert all(event["orderId"] == order["orderId"] for event in story)
    settlement = api.get("/flows/us/settlements")["items"][0]["settlementId"]
    names = {event["name"] for event in paged(api, "/flows/us/events", 50, "auditor", posting=f"deposit/{settlement}")}
    assert {"posting.planned.v1", "posting.submitted.v1", "posting.deposit-posted.v1"} <= names
    assert paged(api, "/flows/us/events", 50, "auditor", settlement_id=settlement)
    mine = paged(api, "/flows/us/events", 50, "auditor", by="tests")
    assert {event["by"] for event in mine} == {"tests"}
    first, last = mine[-1], mine[0]
    between = paged(api, "/flows/us/events", 50, "auditor", since=first["at"], until=first["at"])
    assert first["position"] in [event["position"] for event in between]
    assert last["at"] > first["at"]
    assert api.get("/audit/verify", "auditor")["ok"] is True


def test_the_books_are_exported(api: Api) -> None:
    for format_, words in (("csv", "date,type,document"), ("beancount", "balance Assets")):
        answer = api.client.get("/api/v1/flows/us/books", params={"format": format_}, headers=api.as_("auditor"))
        assert answer.status_code == 200
        assert words in answer.text


def test_a_finished_cycle_streams_its_end_at_once(api: Api) -> None:
    cycle = api.get("/flows/us/cycles")["items"][-1]["cycle"]
    answer = api.client.get(f"/api/v1/flows/us/cycles/{cycle}/progress", headers=api.as_("reader"))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "event: finished" in answer.text
    assert '"ordersNew":40' in answer.text


def test_metrics_count_requests_by_route_not_by_address(api: Api) -> None:
    order = api.get("/flows/us/orders", limit=1)["items"][0]["orderId"]
    api.get(f"/flows/us/orders/{order}")
    text = api.client.get("/metrics", headers=api.as_("reader")).text
    assert order not in text
    assert 'route="/api/v1/flows/{flow}/orders/{order_id}",status="200"' in text
    for name in (
        "ml_connector_events ",
        "ml_connector_flows_due ",
        "ml_connector_workers ",
        'ml_connector_cycles{flow="us",status="finished"}',
        'ml_connector_vendor_calls{flow="us",operation="searchOrders",vendor="amazon"}',
        'ml_connector_postings{flow="us",status="posted"}',
    ):
        assert name in text


def test_health_and_readiness_need_no_token(api: Api) -> None:
    assert api.client.get("/health").json()["status"] == "ok"
    assert api.client.get("/ready").json() == {
        "checks": {"database": "ok", "views": "ok", "worker": "ok"},
        "alerts": "ok",
    }
