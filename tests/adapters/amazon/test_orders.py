"""Single orders and reports on request, by the real client over real HTTP.

Without these, more than two named reports could be asked for, or an order be taken for gone that Amazon only hides.
"""

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from seller import Place

from adapters.amazon.requested_reports import may_be_requested
from adapters.amazon.wire import Order, to_order
from adapters.http import Call
from domain.errors import OutcomeUnknown, VendorError

SHARED = Path(os.environ.get("ML_CONNECTOR_SHARED", Path(__file__).parents[4] / "shared"))
MODELS = SHARED / "amazon-models"
WINDOW = timedelta(days=29)


def manners(place: Place, **how: Any) -> None:
    httpx.post(f"{place.url}/_simulated/orders", json=how).raise_for_status()


def test_an_order_asked_for_is_the_one_the_search_shows(place: Place) -> None:
    client = place.client()
    for shown in place.orders(client)[::20]:
        found = client.order(shown.order_id)
        assert found is not None
        assert found.order == shown


def test_only_an_order_that_amazon_does_not_have_is_gone(place: Place) -> None:
    client = place.client()
    assert client.order("113-0000000-0000000") is None
    with pytest.raises(VendorError, match="InvalidInput"):
        client.order("not an order")
    place.fault("order", "500", 50)
    with pytest.raises(VendorError, match="500"):
        client.order("113-0000000-0000000")


def test_a_search_is_gone_on_with_from_its_page(place: Place) -> None:
    client = place.client()
    where = place.since, (place.facts["marketplace_id"],)
    whole = [order.order_id for page in client.orders(*where) for order in page.orders]
    first = next(iter(client.orders(*where)))

    rest = [order.order_id for page in client.orders(*where, token=first.token) for order in page.orders]

    assert [order.order_id for order in first.orders] + rest == whole
    with pytest.raises(VendorError) as caught:
        list(client.orders(*where, token="no-such-page"))
    assert caught.value.code == "InvalidInput"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("refused", [("FULFILLMENT",), ("PACKAGES", "TAX"), ("PROCEEDS",)])
def test_refused_data_is_left_out_one_by_one(place: Place, refused: tuple[str, ...], named: bool) -> None:
    manners(place, refused_data=refused, named=named)
    (page, *_) = place.client().orders(place.since, ())

    assert set(page.refused) == set(refused)
    assert len(page.orders) == 100
    assert all(order.missing == page.refused for order in page.orders)
    unsure = {"PROCEEDS", "FULFILLMENT"} & set(refused)
    assert all(bool(order.problem) == bool(unsure) for order in page.orders)


def test_a_report_is_asked_for_made_and_fetched(place: Place) -> None:
    client = place.client()
    now = place.clock.now()
    reports = client.requested_reports
    report_id = reports.request("orders", now - WINDOW, now, (place.facts["marketplace_id"],))

    while (state := reports.state(report_id)) is not None and state.status == "waiting":
        assert state.document_id == ""
    assert state is not None
    assert state.status == "done"
    assert client.document(state.document_id).content.startswith(b"amazon-order-id\t")
    assert [one.report_id for one in reports.requested_since("orders", now - WINDOW)] == [report_id]
    assert reports.requested_since("shipments", now - WINDOW) == []
    assert reports.state("404") is None


def test_a_lost_answer_to_a_request_is_not_repeated_blindly(place: Place) -> None:
    client = place.client()
    now = place.clock.now()
    place.fault("create_report", "lost_answer")

    with pytest.raises(OutcomeUnknown):
        client.requested_reports.request("orders", now - WINDOW, now, ("ATVPDKIKX0DER",))

    assert place.calls()["createReport"]["calls"] == 1
    assert len(client.requested_reports.requested_since("orders", now - WINDOW)) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"reportType": "GET_FLAT_FILE_ORDERS_DATA"}',
        b'{"reportType": "GET_V2_SETTLEMENT_REPORT_DATA_FLAT_FILE_V2"}',
        b'{"reportType": ["GET_AMAZON_FULFILLED_SHIPMENTS_DATA_GENERAL"]}',
    ],
)
def test_no_other_report_can_be_asked_for(place: Place, body: bytes) -> None:
    client = place.client()
    call = Call("anything", "POST", place.url + "/reports/2021-06-30/reports", content=body, auth=client._login)

    assert not may_be_requested(body)
    with pytest.raises(PermissionError):
        client._http.send(call)


@pytest.mark.skipif(not MODELS.is_dir(), reason=f"Amazon's models are not at {MODELS}")
def test_everything_amazons_model_shows_of_an_order_is_read() -> None:
    """The examples of the official model: parcels with their items, programmes, links, quantities."""
    model = json.loads((MODELS / "orders_2026-01-01.json").read_text())
    examples = _orders_in(model)
    read = [to_order(msgspec.convert(example, Order)) for example in examples]

    assert len(read) >= 4
    assert any(package.quantities and package.status for order in read for package in order.packages)
    assert any(order.programs for order in read)
    assert any(item.unshipped is not None for order in read for item in order.items)


def _orders_in(value: Any) -> list[Any]:
    if isinstance(value, dict):
        if {"orderId", "createdTime", "lastUpdatedTime", "orderItems"} <= value.keys() and isinstance(
            value["orderId"], str
        ):
            return [value]
        return [found for inner in value.values() for found in _orders_in(inner)]
    return [found for inner in value for found in _orders_in(inner)] if isinstance(value, list) else []
