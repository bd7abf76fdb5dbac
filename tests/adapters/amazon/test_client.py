"""The SP-API client over real HTTP: what it asks for, what it never asks for, and what it does when Amazon misbehaves.

Without these it could leak a token, ask for a buyer's name, lose a page, or call an expired consent a hiccup.
"""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from samples import shared_folder

from adapters.amazon.client import INCLUDED_DATA, AmazonClient, may_leave
from adapters.amazon.wire import Order, to_order
from adapters.database import open_database
from adapters.quota import Quotas
from adapters.simulated.amazon import stand_in
from adapters.simulated.clock import FastClock
from adapters.simulated.serving import loopback_socket, serving
from domain.errors import ConnectionLost, VendorError

SPEED = 2_000.0
LONG_AGO = datetime.now(UTC) - timedelta(days=80)


class Vendor:
    """The stand-in, a client of it, and everything the client sent."""

    def __init__(self, facts: dict[str, str], folder: Path, **other: str) -> None:
        self.facts = {**facts, **other}
        self.quotas = Quotas(open_database(f"sqlite:///{folder}/quotas.db"), SPEED)
        self.client = AmazonClient(
            "us",
            self.facts["api_url"],
            self.facts["token_url"],
            self.facts["client_id"],
            self.facts["client_secret"],
            self.facts["refresh_token"],
            self.quotas,
            lambda: datetime.now(UTC),
            SPEED,
        )
        self.sent: list[httpx.Request] = []
        self.client._http._http.event_hooks["request"].append(self.sent.append)

    def fault(self, on: str, kind: str, times: int = 1) -> None:
        body = [{"on": on, "kind": kind, "times": times}]
        httpx.post(f"{self.facts['api_url']}/_simulated/faults", json=body).raise_for_status()

    def order_ids(self) -> list[str]:
        return [order.order_id for page in self.client.orders(LONG_AGO, ()) for order in page.orders]


@pytest.fixture(scope="module")
def facts() -> Iterator[dict[str, str]]:
    listener, url = loopback_socket()
    app, told = stand_in(FastClock(SPEED), url, orders=230, settlements=3, seed=8)
    with serving(app, listener):
        yield told


@pytest.fixture
def vendor(facts: dict[str, str], tmp_path: Path) -> Iterator[Vendor]:
    made = Vendor(facts, tmp_path)
    yield made
    httpx.post(f"{facts['api_url']}/_simulated/faults", json=[]).raise_for_status()
    made.client.close()


def test_every_order_comes_once_over_all_pages(vendor: Vendor) -> None:
    ids = vendor.order_ids()

    assert len(ids) == len(set(ids)) == 230


def test_no_buyer_or_recipient_is_ever_asked_for(vendor: Vendor) -> None:
    vendor.order_ids()

    asked = {word for request in vendor.sent for word in request.url.params.get("includedData", "").split(",")}
    assert asked == {*INCLUDED_DATA, ""}
    assert not asked & {"BUYER", "RECIPIENT"}


def test_every_request_is_one_the_official_models_describe(vendor: Vendor) -> None:
    models = shared_folder() / "amazon-models"
    described: dict[tuple[str, str], set[str]] = {}
    for name in ("orders_2026-01-01", "reports_2021-06-30", "sellers"):
        model = json.loads((models / f"{name}.json").read_text(encoding="utf-8"))
        for path, operations in model["paths"].items():
            shared = operations.get("parameters", [])
            for method, operation in operations.items():
                if method in ("get", "post"):
                    names = {entry.get("name", "") for entry in [*shared, *operation.get("parameters", [])]}
                    described[method.upper(), path] = names
    vendor.order_ids()
    vendor.client.marketplaces()
    for report in vendor.client.settlement_reports(LONG_AGO):
        vendor.client.document(report.document_id)

    for request in vendor.sent:
        path = request.url.path
        if (
            path.startswith(("/auth/", "/_", "/download", "/documents", "/signed"))
            or "x-amz-access-token" not in request.headers
        ):
            continue
        template = "/reports/2021-06-30/documents/{reportDocumentId}" if "/documents/" in path else path
        assert set(request.url.params) <= described["GET", template], request.url


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/orders/2026-01-01/orders"),
        ("POST", "/reports/2021-06-30/reports"),
        ("DELETE", "/reports/2021-06-30/reports/1"),
        ("POST", "/orders/v0/orders/1/shipmentConfirmation"),
        ("POST", "/finances/transfers/2024-06-01/payouts"),
        ("GET", "/orders/v0/orders/1/buyerInfo"),
    ],
)
def test_nothing_that_changes_the_sellers_trade_can_leave(method: str, path: str) -> None:
    with pytest.raises(PermissionError):
        may_leave(method, path)


@pytest.mark.parametrize("kind", ["500", "503", "429", "reset"])
def test_a_passing_failure_is_tried_again(vendor: Vendor, kind: str) -> None:
    vendor.fault("orders", kind)

    assert len(vendor.order_ids()) == 230


def test_an_expired_download_address_is_asked_anew(vendor: Vendor) -> None:
    (report, *_) = vendor.client.settlement_reports(LONG_AGO)
    vendor.fault("document", "expired_url")

    document = vendor.client.document(report.document_id)

    assert document.content.startswith(b"settlement-id\t")
    downloads = [request for request in vendor.sent if "x-amz-access-token" not in request.headers]
    assert len([request for request in downloads if "token" not in request.url.path]) == 2


def test_a_page_token_that_comes_again_ends_the_search(vendor: Vendor) -> None:
    vendor.fault("orders", "repeat_token", times=5)

    with pytest.raises(VendorError, match="repeats a page"):
        vendor.order_ids()


@pytest.mark.parametrize(("on", "call"), [("orders", "order_ids"), ("token", "order_ids")])
def test_withdrawn_consent_ends_the_connection_and_says_what_to_do(vendor: Vendor, on: str, call: str) -> None:
    vendor.fault(on, "unauthorized")

    with pytest.raises(ConnectionLost, match="connect amazon us"):
        getattr(vendor, call)()


def test_our_own_wrong_secret_is_the_operators_and_no_flows(facts: dict[str, str], tmp_path: Path) -> None:
    vendor = Vendor(facts, tmp_path, client_secret="wr0ng-s3cret")

    with pytest.raises(VendorError, match="AMAZON_CLIENT_SECRET") as raised:
        vendor.order_ids()
    assert not isinstance(raised.value, ConnectionLost)


def test_no_secret_reaches_a_log_line_or_an_error(
    facts: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    vendor = Vendor(facts, tmp_path)
    vendor.fault("orders", "unauthorized")
    (report, *_) = vendor.client.settlement_reports(LONG_AGO)
    vendor.client.document(report.document_id)
    with pytest.raises(ConnectionLost) as raised:
        vendor.order_ids()

    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("ml_connector"))
    assert "searchOrders" in ours
    secrets = [facts["refresh_token"], facts["client_secret"], vendor.client._login._token, "X-Amz-Signature"]
    assert not [secret for secret in secrets if secret in ours + str(raised.value) + repr(raised.value)]


def test_the_official_samples_can_be_read() -> None:
    folder = shared_folder() / "samples" / "orders_2026_json"
    read = 0
    for file in sorted(folder.glob("*.json")):
        value: Any = json.loads(file.read_text(encoding="utf-8"))
        for found in _orders_in(value):
            order = to_order(msgspec.convert(found, Order))
            assert order.order_id
            assert "buyer" not in msgspec.json.encode(order).decode().lower()
            read += 1
    assert read >= 4


def _orders_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "orderId" in value and "orderItems" in value:
            yield value
        else:
            for entry in value.values():
                yield from _orders_in(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _orders_in(entry)
