"""The SP-API client over real HTTP: against the stand-in, Amazon's published models and recorded samples.

Without these, an order could be missed on a page, money be read wrongly, personal data be fetched, or something be
changed in the seller's account.
"""

import gzip
import json
import os
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seller import SPEED, Place, Serve

from adapters.amazon.client import OPERATIONS
from adapters.amazon.orders import INCLUDED_DATA
from adapters.amazon.wire import Order, OrdersAnswer, to_order
from adapters.http import Call
from domain.errors import ConnectionLost, Throttled, VendorError
from domain.money import format_minor
from domain.order import AmazonOrder, billable

SHARED = Path(os.environ.get("ML_CONNECTOR_SHARED", Path(__file__).parents[4] / "shared"))
MODELS = SHARED / "amazon-models"
SAMPLES = SHARED / "samples" / "orders_2026_json"


# --- orders ----------------------------------------------------------------------------------------------------------


def test_all_orders_of_all_pages_come_once_and_their_money_adds_up(place: Place) -> None:
    orders = place.orders()

    assert len({order.order_id for order in orders}) == len(orders) >= 130
    priced = [item for order in orders for item in order.items if item.proceeds is not None]
    assert len(priced) > 100
    assert all(billable(item) is not None for item in priced)
    for order in orders:
        if order.total is not None:
            assert sum(item.proceeds or 0 for item in order.items) == order.total
    assert {order.status for order in orders} >= {"SHIPPED", "UNSHIPPED", "CANCELLED"}
    assert any(item.facilitator for order in orders for item in order.items)
    assert any(part.type == "DISCOUNT" and part.subtype for o in orders for i in o.items for part in i.parts)
    assert any(order.packages and order.packages[0].tracking_number for order in orders)


def test_the_next_cursor_is_amazons_own_bound(place: Place) -> None:
    pages = list(place.client().orders(place.since, (place.facts["marketplace_id"],)))

    assert len({page.upper_bound for page in pages}) == 1
    bound = pages[0].upper_bound
    assert bound is not None
    assert place.clock.now() - bound >= timedelta(minutes=2)
    assert all(json.loads(page.content)["orders"] for page in pages)


@pytest.mark.parametrize("kind", ["500", "503", "429", "reset", "empty_page", "unauthorized"])
@pytest.mark.parametrize("times", [1, 2])
def test_a_bad_minute_of_searching_loses_no_order(place: Place, kind: str, times: int) -> None:
    undisturbed = place.orders()
    place.fault("orders", kind, 1 if kind == "unauthorized" else times)

    assert place.orders() == undisturbed


def test_a_page_that_points_at_itself_ends_the_search(serve: Serve) -> None:
    place = serve(orders=350)
    place.fault("orders", "repeat_token")

    with pytest.raises(VendorError, match="repeats a page of searchOrders"):
        place.orders()


def test_a_search_that_keeps_failing_ends_and_says_whom_to_ask(place: Place) -> None:
    client = place.client()
    before = place.calls().get("searchOrders", {}).get("calls", 0)
    place.fault("orders", "500", 50)

    with pytest.raises(VendorError, match=r"amazon answered searchOrders with 500 \(request [0-9a-f-]{36}\)") as caught:
        place.orders(client)

    assert caught.value.request
    assert place.calls()["searchOrders"]["calls"] - before == 6


def test_a_vendor_that_keeps_throttling_is_left_alone(place: Place) -> None:
    place.fault("orders", "429", 50)

    with pytest.raises(Throttled):
        place.orders()


def test_calls_wait_for_their_own_quota(place: Place) -> None:
    client = place.client(flow="de")
    place.orders(client)
    client.marketplaces()

    assert place.quotas.limits["amazon/de/searchOrders"] == (0.0056, 20)
    assert place.quotas.limits["amazon/de/getMarketplaceParticipations"] == (0.016, 15)


def test_a_client_within_its_quotas_is_never_throttled(serve: Serve, tmp_path: Path) -> None:
    from adapters.database import open_database
    from adapters.quota import Quotas

    place = serve(quotas=True)
    database = open_database(f"sqlite:///{tmp_path / 'quotas.db'}")
    client = place.client(quotas=Quotas(database, SPEED))
    for _ in range(15):
        place.orders(client)
        client.marketplaces()
    database.close()

    assert {name: calls["throttled"] for name, calls in place.calls().items() if calls["throttled"]} == {}


# --- reports ---------------------------------------------------------------------------------------------------------


def test_settlement_reports_come_oldest_first_with_their_documents(serve: Serve) -> None:
    place = serve(settlements=4)
    client = place.client()

    reports = client.settlement_reports(datetime(2000, 1, 1, tzinfo=UTC))  # longer ago than Amazon can answer

    assert len(reports) >= 4
    assert [report.created for report in reports] == sorted(report.created for report in reports)
    documents = [client.document(report.document_id) for report in reports]
    assert all(document.content.startswith(b"settlement-id\t") and document.charset for document in documents)


def test_pages_of_reports_are_asked_by_token_alone_and_reports_come_once(place: Place) -> None:
    def page(*ids: int, token: str | None = None, status: str = "DONE") -> bytes:
        reports = [
            {
                "reportId": str(number),
                "reportType": "x",
                "createdTime": f"2026-11-{number:02}T00:00:00+00:00",
                "processingStatus": status,
                **({"reportDocumentId": f"d{number}"} if status != "CANCELLED" else {}),
            }
            for number in ids
        ]
        return json.dumps({"reports": reports, **({"nextToken": token} if token else {})}).encode()

    path = "/reports/2021-06-30/reports"
    place.recorder.answers = [
        (path, 200, {}, page(9, 8, token="a+b/c=")),
        (path, 200, {}, page(7, status="FATAL", token="t2")),
        (path, 200, {}, page(8, 3)),
    ]

    reports = place.client().settlement_reports(place.since)

    assert [report.report_id for report in reports] == ["3", "8", "9"]
    asked = [query for _, asked_path, query, _ in place.recorder.requests if asked_path == path]
    assert asked[1:] == [[("nextToken", "a+b/c=")], [("nextToken", "t2")]]


@pytest.mark.parametrize("kind", ["500", "503", "429", "reset", "empty_page", "unauthorized"])
def test_a_bad_minute_of_listing_loses_no_report(place: Place, kind: str) -> None:
    undisturbed = place.client().settlement_reports(place.since)
    place.fault("reports", kind)

    assert place.client().settlement_reports(place.since) == undisturbed


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(
    "fault",
    [None, ("document", "expired_url"), ("download", "expired_url"), ("download", "reset"), ("download", "503"),
     ("document", "429")],
)  # fmt: skip
def test_a_document_is_fetched_whole(serve: Serve, packed: bool, fault: tuple[str, str] | None) -> None:
    place = serve(gzip=packed)
    client = place.client()
    report = client.settlement_reports(place.since)[0]
    undisturbed = client.document(report.document_id)
    if fault is not None:
        place.fault(*fault)

    assert client.document(report.document_id) == undisturbed


def test_the_storage_gets_no_credentials(place: Place) -> None:
    client = place.client()
    client.document(client.settlement_reports(place.since)[0].document_id)

    (headers,) = [headers for _, path, _, headers in place.recorder.requests if path.startswith("/documents/")]
    assert not [name for name in headers if name.startswith("x-amz") or name == "authorization"]


def test_an_address_that_stays_expired_is_given_up_without_telling_it(place: Place) -> None:
    client = place.client()
    report = client.settlement_reports(place.since)[0]
    place.fault("download", "expired_url", 5)

    with pytest.raises(VendorError, match="amazon answered download with 403") as caught:
        client.document(report.document_id)

    assert "Signature" not in str(caught.value)
    assert place.calls()["download"]["calls"] == 2


def test_a_document_that_was_cut_is_refused(place: Place) -> None:
    client = place.client()
    report = client.settlement_reports(place.since)[0]
    place.recorder.answers = [("/documents/", 200, {}, gzip.compress(b"settlement-id\n" * 100)[:-20])]

    with pytest.raises(VendorError, match="cut short"):
        client.document(report.document_id)


# --- marketplaces and access -----------------------------------------------------------------------------------------


def test_marketplaces_are_those_the_seller_takes_part_in(place: Place) -> None:
    names = {there.marketplace_id: (there.name, there.currency) for there in place.client().marketplaces()}

    assert names[place.facts["marketplace_id"]] == ("Amazon.com", "USD")
    assert all("Non-Amazon" not in name for name, _ in names.values())


@pytest.mark.parametrize("kind", ["500", "503", "429", "reset"])
def test_a_bad_minute_of_logging_in_is_waited_out(place: Place, kind: str) -> None:
    place.fault("token", kind)

    assert place.client().marketplaces()


def test_a_token_is_renewed_when_it_ends(place: Place) -> None:
    """An hour of Amazon's passes in less than a second here."""

    client = place.client()
    client.marketplaces()
    time.sleep(3_700 / SPEED)
    client.marketplaces()

    assert place.calls()["token"]["calls"] == 2
    assert not [1 for _, _, _, headers in place.recorder.requests if headers.get("x-amz-access-token") == ""]


def test_a_withdrawn_consent_ends_the_connection_and_says_what_to_do(place: Place) -> None:
    client = place.client()
    client.marketplaces()
    httpx.post(f"{place.url}/_simulated/revoke")

    with pytest.raises(ConnectionLost, match=r"invalid_grant: .*ml-connector connect amazon us") as caught:
        client.marketplaces()

    assert (caught.value.vendor, caught.value.code) == ("amazon", "invalid_grant")


def test_a_wrong_application_secret_is_nobody_elses_fault(place: Place) -> None:
    with pytest.raises(VendorError, match=r"invalid_client: .*AMAZON_CLIENT_SECRET") as caught:
        place.client(client_secret="amzn1.oa2-cs.v1.wrong").marketplaces()

    assert not isinstance(caught.value, ConnectionLost)
    assert "wrong" not in str(caught.value)


def test_a_role_that_is_missing_is_a_lost_connection(place: Place) -> None:
    place.fault("sellers", "unauthorized", 2)

    with pytest.raises(ConnectionLost, match=r"403 Unauthorized: .*roles"):
        place.client().marketplaces()


def test_clients_of_one_seller_share_a_token_and_those_of_two_never(serve: Serve) -> None:
    place = serve(speed=1.0)
    consent = {"application_id": place.facts["application_id"], "state": "s", "redirect_uri": "https://x.example/"}
    back = httpx.get(place.facts["authorize_url"], params=consent).headers["location"]
    form = {
        "grant_type": "authorization_code",
        "code": dict(parse_qsl(back.split("?")[1]))["spapi_oauth_code"],
        "redirect_uri": "https://x.example/",
        "client_id": place.facts["client_id"],
        "client_secret": place.facts["client_secret"],
    }
    other = httpx.post(place.facts["token_url"], data=form).json()["refresh_token"]
    place.recorder.requests.clear()

    for refresh_token in (place.facts["refresh_token"], other, place.facts["refresh_token"]):
        place.client(refresh_token=refresh_token).marketplaces()

    used = [headers["x-amz-access-token"] for _, path, _, headers in place.recorder.requests if "sellers" in path]
    assert used[0] == used[2] != used[1]
    assert len([path for _, path, _, _ in place.recorder.requests if path.endswith("/token")]) == 2


# --- what may leave --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/reports/2021-06-30/reports"),
        ("DELETE", "/reports/2021-06-30/reports/1"),
        ("GET", "/orders/2026-01-01/orders/113-1234567-1234567/buyer"),
        ("POST", "/orders/v0/orders/113-1234567-1234567/shipmentConfirmation"),
        ("PUT", "/orders/2026-01-01/orders"),
        ("GET", "/reports/2021-06-30/documents/1/2"),
        ("GET", "/tokens/2021-03-01/restrictedDataToken"),
    ],
)
def test_nothing_else_can_leave_with_the_sellers_token(place: Place, method: str, path: str) -> None:
    client = place.client()

    with pytest.raises(PermissionError):
        client._http.send(Call("anything", method, place.url + path, auth=client._login))

    assert [path for _, path, _, _ in place.recorder.requests if not path.endswith("/token")] == []


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_that_writes_can_leave_even_without_a_token(place: Place, method: str) -> None:
    client = place.client()
    for path in (*(operation.path for operation in OPERATIONS.values()), "/documents/1", "/auth/o2/token?x=1"):
        with pytest.raises(PermissionError):
            client._http.send(Call("anything", method, place.url + path))

    assert place.recorder.requests == []


def test_only_reads_are_on_the_list() -> None:
    """What is no read asks for one of two reports, which changes nothing in the seller's trade."""
    assert {name for name, operation in OPERATIONS.items() if operation.method != "GET"} == {"createReport"}


def test_no_personal_data_is_asked_for(place: Place) -> None:
    place.orders()

    assert not {"BUYER", "RECIPIENT", "PAYMENT"} & set(INCLUDED_DATA)
    asked = [dict(query)["includedData"] for _, path, query, _ in place.recorder.requests if "/orders/" in path]
    assert set(asked) == {",".join(INCLUDED_DATA)}


def test_a_document_id_stays_one_piece_of_the_address(place: Place) -> None:
    with pytest.raises(VendorError):
        place.client().document("a/../../reports?x=1#y")

    assert place.recorder.requests[-1][1] == "/reports/2021-06-30/documents/a%2F..%2F..%2Freports%3Fx%3D1%23y"


@pytest.mark.skipif(not MODELS.is_dir(), reason=f"Amazon's models are not at {MODELS}")
def test_every_request_is_as_amazons_models_describe_it(serve: Serve) -> None:
    place = serve(orders=120, quirks=("payouts",))
    client = place.client()
    place.orders(client)
    client.marketplaces()
    client.document(client.settlement_reports(place.since)[0].document_id)
    finances = client.finances
    consume(finances.transactions(place.since), finances.event_groups(place.since), finances.payouts(place.since))
    finances.balances()
    finances.summary(place.expected_settlement())
    client.order(place.orders(client)[0].order_id)
    now = place.clock.now()
    report_id = client.requested_reports.request("orders", now - timedelta(days=30), now, ["ATVPDKIKX0DER"])
    client.requested_reports.state(report_id)

    described: dict[str, Any] = {}
    names = ("orders_2026-01-01.json", "reports_2021-06-30.json", "sellers.json", "finances_2024-06-19.json")
    for name in (*names, "financesV0.json", "transfers_2024-06-01.json"):
        described |= json.loads((MODELS / name).read_text())["paths"]
    checked = set()
    for method, path, query, headers in place.recorder.requests:
        template = next((each for each in described if _fits(each, path)), None)
        if template is None:
            assert path == "/auth/o2/token" or path.startswith("/documents/")
            continue
        parameters = {each["name"]: each for each in described[template][method.lower()]["parameters"]}
        assert set(dict(query)) <= set(parameters), path
        for name, value in query:
            values = value.split(",") if parameters[name]["type"] == "array" else [value]
            allowed = parameters[name].get("items", parameters[name]).get("enum")
            assert not allowed or set(values) <= set(allowed)
            if parameters[name]["type"] == "integer":
                assert int(value) <= parameters[name].get("maximum", 100)
            if parameters[name].get("format") == "date-time":
                datetime.fromisoformat(value)
        for name, parameter in parameters.items():
            assert not parameter.get("required") or parameter["in"] in ("path", "body") or name in dict(query)
        assert headers["x-amz-access-token"].startswith("Atza|")
        assert headers["user-agent"].startswith("ml-connector/")
        assert len(headers["user-agent"]) <= 500
        datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        checked.add(template)
    assert checked == {operation.path for operation in OPERATIONS.values()}


def consume(*pages: Iterator[Any]) -> None:
    for each in pages:
        list(each)


def _fits(template: str, path: str) -> bool:
    parts, asked = template.split("/"), path.split("/")
    return len(parts) == len(asked) and all(a == b or a.startswith("{") for a, b in zip(parts, asked, strict=True))


# --- reading orders --------------------------------------------------------------------------------------------------


def samples() -> list[Path]:
    return sorted(SAMPLES.glob("*.json")) if SAMPLES.is_dir() else []


@pytest.mark.skipif(not samples(), reason=f"no recorded orders at {SAMPLES}")
@pytest.mark.parametrize("sample", samples(), ids=lambda path: path.stem)
def test_published_orders_can_be_read_and_nothing_personal_is_kept(sample: Path) -> None:
    value = json.loads(sample.read_text())
    value = value.get("payload", value)
    raw = value["orders"] if "orders" in value else [value["order"]]
    orders = [to_order(order) for order in msgspec.json.decode(json.dumps({"orders": raw}), type=OrdersAnswer).orders]

    for order, told in zip(orders, raw, strict=True):
        assert (order.order_id, len(order.items)) == (told["orderId"], len(told["orderItems"]))
        if order.total is not None:
            amount = told["proceeds"]["grandTotal"]["amount"]
            assert float(format_minor(order.total, order.currency)) == float(amount)
    kept = msgspec.json.encode(orders).decode()
    personal = [
        *_leaves([order.get("buyer") for order in raw]),
        *_leaves([(order.get("recipient") or {}).get("deliveryAddress") for order in raw]),
    ]
    assert not [word for word in personal if len(word) > 4 and word in kept]


def _leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for member in value.values() for leaf in _leaves(member)]
    if isinstance(value, list):
        return [leaf for member in value for leaf in _leaves(member)]
    return [value] if isinstance(value, str) else []


def order(**changes: Any) -> dict[str, Any]:
    return {
        "orderId": "113-1234567-1234567",
        "createdTime": "2026-11-20T10:00:00Z",
        "lastUpdatedTime": "2026-11-20T10:00:00-08:00",
        "salesChannel": {"channelName": "AMAZON", "marketplaceId": "M", "marketplaceName": "Amazon.com"},
        "orderItems": [{"orderItemId": "1", "quantityOrdered": 1, "product": {"sellerSku": "S"}}],
        **changes,
    }


def money(amount: str, currency: str = "USD") -> dict[str, str]:
    return {"amount": amount, "currencyCode": currency}


def read(told: dict[str, Any]) -> AmazonOrder:
    return to_order(msgspec.json.decode(json.dumps(told), type=Order))


def with_parts(*breakdowns: dict[str, Any], total: str = "1.00") -> dict[str, Any]:
    return order(
        orderItems=[{"orderItemId": "1", "proceeds": {"proceedsTotal": money(total), "breakdowns": list(breakdowns)}}]
    )


def test_an_order_may_lack_almost_everything() -> None:
    bare = read({**order(), "orderItems": None, "salesChannel": None, "proceeds": None, "packages": None})

    assert (bare.items, bare.currency, bare.total, bare.amazon_channel) == ((), "", None, True)
    assert bare.updated == datetime(2026, 11, 20, 18, tzinfo=UTC)


def test_replacements_and_other_channels_are_told_apart() -> None:
    links = [
        {"orderId": "111-0000000-0000000", "associationType": "EXCHANGE_ORIGINAL_ID"},
        {"orderId": "222-0000000-0000000", "associationType": "REPLACEMENT_ORIGINAL_ID"},
    ]
    told = read(order(associatedOrders=links, salesChannel={"channelName": "NON_AMAZON"}))

    assert (told.replaces, told.amazon_channel) == ("222-0000000-0000000", False)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (money("1.001"), "more decimals"),
        (money("1.00", "XTS"), "orderItems[0].proceeds.breakdowns[0].subtotal is in XTS, the order in USD"),
        (money("1,00"), "is not an amount"),
    ],
)
def test_an_order_with_an_amount_nobody_can_read_says_so_and_has_none(amount: dict[str, str], words: str) -> None:
    """It must neither be guessed nor keep the other orders of its page from coming."""
    told = read(with_parts({"type": "ITEM", "subtotal": amount}))

    assert words in told.problem
    assert "orderItems[0].proceeds.breakdowns[0].subtotal" in told.problem
    assert (told.order_id, told.items, told.currency, told.total) == ("113-1234567-1234567", (), "", None)


def test_an_order_in_an_unknown_currency_says_so() -> None:
    told = read(order(proceeds={"grandTotal": money("1.00", "XYZ")}))

    assert told.problem.startswith("proceeds.grandTotal: 'XYZ'")


@pytest.mark.parametrize(
    ("models", "facilitator"),
    [
        (["MARKETPLACE_FACILITATOR"], True),
        (["MARKETPLACE_FACILITATOR", "LOW_VALUE_GOODS"], False),
        ([], False),
    ],
)
def test_tax_is_amazons_only_where_amazon_alone_collects_it(models: list[str], facilitator: bool) -> None:
    item = {"orderItemId": "1", "tax": {"taxCollections": [{"model": model} for model in models]}}
    told = read(order(orderItems=[item]))

    assert told.items[0].facilitator is facilitator


def test_tax_whose_details_do_not_add_up_is_whole_and_a_discount_is_not() -> None:
    def details(*values: str) -> list[dict[str, Any]]:
        return [{"subtype": "ITEM", "value": money(value)} for value in values]

    told = read(
        with_parts(
            {"type": "TAX", "subtotal": money("0.90"), "detailedBreakdowns": details("0.95", "0.05")},
            {"type": "DISCOUNT", "subtotal": money("-1.00"), "detailedBreakdowns": details("-0.70")},
            {"type": "ITEM", "subtotal": money("1.00"), "detailedBreakdowns": details("9.00")},
        )
    )

    assert [tuple(part.__getattribute__(f) for f in ("type", "amount", "subtype")) for part in told.items[0].parts] == [
        ("TAX", 90, ""),
        ("DISCOUNT", -70, "ITEM"),
        ("ITEM", 100, ""),
    ]


@given(
    st.lists(st.tuples(st.sampled_from(["ITEM", "SHIPPING", "TAX", "DISCOUNT"]), st.integers(-(10**9), 10**9))),
    st.sampled_from(["USD", "JPY", "KWD"]),
)
def test_amounts_are_read_to_the_last_unit(parts: list[tuple[str, int]], currency: str) -> None:
    told = order(
        orderItems=[
            {
                "orderItemId": "1",
                "proceeds": {
                    "proceedsTotal": money(format_minor(sum(amount for _, amount in parts), currency), currency),
                    "breakdowns": [
                        {"type": kind, "subtotal": money(format_minor(amount, currency), currency)}
                        for kind, amount in parts
                    ],
                },
            }
        ]
    )

    (item,) = read(told).items

    assert [(part.type, part.amount) for part in item.parts] == parts
    assert item.proceeds == sum(amount for _, amount in parts)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"orders":[{"orderId":', b'{"orders":[{"orderId":1}]}', b"[]"])
def test_an_answer_that_is_none_is_said_to_be_so(place: Place, body: bytes) -> None:
    place.recorder.answers = [("/orders/", 200, {"x-amzn-requestid": "r-9"}, body)]

    with pytest.raises(VendorError, match=r"searchOrders with 200 unreadable.*request r-9"):
        place.orders()


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_no_secret_is_logged_said_or_left_in_a_traceback(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    client = place.client()
    report = client.settlement_reports(place.since)[0]
    place.orders(client)
    client.document(report.document_id)
    failures: list[BaseException] = []

    def fails(act: Callable[[], Any]) -> None:
        with pytest.raises(VendorError) as caught:
            act()
        failures.append(caught.value)

    place.fault("orders", "unauthorized", 2)
    fails(lambda: place.orders(client))
    place.fault("orders", "reset", 20)
    fails(lambda: place.orders(client))
    httpx.post(f"{place.url}/_simulated/faults", json=[])
    place.fault("download", "expired_url", 2)
    fails(lambda: client.document(report.document_id))
    fails(place.client(client_secret="amzn1.oa2-cs.v1.wrong" + "0" * 20).renew_token)
    place.fault("token", "503", 20)
    fails(place.client(client_secret=place.facts["client_secret"], refresh_token="Atzr|never" + "0" * 20).marketplaces)
    httpx.post(f"{place.url}/_simulated/faults", json=[])
    httpx.post(f"{place.url}/_simulated/revoke")
    fails(client.marketplaces)

    secrets = {
        place.facts["client_secret"],
        place.facts["refresh_token"],
        "amzn1.oa2-cs.v1.wrong" + "0" * 20,
        "Atzr|never" + "0" * 20,
        *(headers.get("x-amz-access-token", "") for _, _, _, headers in place.recorder.requests),
        *(dict(query).get("X-Amz-Signature", "") for _, _, query, _ in place.recorder.requests),
    } - {""}
    assert len(secrets) >= 7
    told = [caplog.text, *(repr(vars(record)) for record in caplog.records), repr(vars(client)), repr(client)]
    for failure in failures:
        told += [str(failure), repr(failure), repr(vars(failure)), repr(failure.__context__)]
        told += [repr(value) for frame in _frames(failure) for value in frame.values()]
    assert [(secret, text[:300]) for secret in secrets for text in told if secret in text] == []


def _frames(error: BaseException) -> list[dict[str, Any]]:
    """The variables of every function the error went through, tests aside."""
    return [
        frame.f_locals
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if "/tests/" not in frame.f_code.co_filename and "/_pytest/" not in frame.f_code.co_filename
    ]
