"""Reports in bulk: what they say of orders and parcels, and what of them is kept.

Without these, a bulk report could book a wrong amount, lose an order, or leave a buyer's address in the evidence.
"""

import io
import itertools
from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest

from adapters.amazon.bulk_report import stripped_report
from adapters.amazon.order_report import read_order_report
from adapters.amazon.private import stripped
from adapters.amazon.shipment_report import read_shipment_report
from adapters.simulated.amazon.order_reports import BUYER, ORDERS, SHIPMENTS, OrderReports, tracking_of
from adapters.simulated.amazon.testing import HandClock
from adapters.simulated.world import World, make_world
from application.order_ports import Shipped, UnreadableRow
from domain.order import AmazonOrder, billable

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
HEAD = (
    "amazon-order-id\tpurchase-date\tlast-updated-date\torder-status\tsales-channel\tsku\titem-status\tquantity\t"
    "currency\titem-price\titem-tax\titem-promotion-discount\tship-postal-code\n"
)


def report(kind: str, days: int = 29) -> tuple[bytes, World]:
    clock = HandClock(NOW)
    world = make_world(3, 150, 2, now=NOW)
    reports = OrderReports(world, clock)
    wanted = {
        "reportType": kind,
        "dataStartTime": (NOW - timedelta(days=days)).isoformat(),
        "dataEndTime": (NOW - timedelta(days=1)).isoformat(),
    }
    report_id = reports.create(wanted, "done")["reportId"]
    clock.wait(600)
    form = reports.form(report_id)
    assert form is not None
    body = reports.body(form["reportDocumentId"])
    assert body is not None
    return body, world


def orders(content: bytes, charset: str = "") -> list[AmazonOrder | UnreadableRow]:
    return list(read_order_report(io.BytesIO(content), charset=charset))


def row(
    status: str = "Shipped", channel: str = "Amazon.com", price: str = "20.00", tax: str = "", off: str = ""
) -> str:
    time = "2026-05-01T10:00:00+00:00"
    cells = ("113-0000001-0000001", time, time, status, channel, "MUG", "Shipped", "2", "USD", price, tax, off, "62701")
    return "\t".join(cells) + "\n"


def test_every_order_of_the_window_is_read_with_the_amounts_the_buyer_owed() -> None:
    content, world = report(ORDERS)
    read = orders(content)

    assert not [one for one in read if isinstance(one, UnreadableRow)]
    found = {one.order_id: one for one in read if isinstance(one, AmazonOrder)}
    bounds = NOW - timedelta(days=29), NOW - timedelta(days=1)
    wanted = {order.id: order for order in world.orders.values() if bounds[0] <= order.updated <= bounds[1]}
    assert found.keys() == wanted.keys()
    assert len(found) > 50
    for order_id, order in found.items():
        assert order.status == wanted[order_id].status
        if order.status not in ("SHIPPED", "PARTIALLY_SHIPPED"):
            continue
        amounts = [billable(item) for item in order.items]
        assert all(amounts)
        before_tax = sum(sum(one.amounts.values()) for one in amounts if one is not None)
        assert before_tax == sum(item.before_tax for item in wanted[order_id].items)


def test_the_order_of_rows_does_not_change_an_order() -> None:
    content, _ = report(ORDERS)
    heading, *lines = content.splitlines(keepends=True)
    shuffled = lines[:]
    Random(5).shuffle(shuffled)

    def by_id(body: bytes) -> dict[str, AmazonOrder]:
        return {one.order_id: one for one in orders(body) if isinstance(one, AmazonOrder)}

    assert by_id(heading + b"".join(lines)) == by_id(heading + b"".join(shuffled))


def test_tax_of_which_nobody_knows_the_debtor_leaves_an_item_without_total() -> None:
    (abroad,) = orders((HEAD + row(channel="Amazon.de", tax="3.19")).encode())
    (at_home,) = orders((HEAD + row(tax="1.60")).encode())

    assert isinstance(abroad, AmazonOrder)
    assert isinstance(at_home, AmazonOrder)
    assert billable(abroad.items[0]) is None
    assert abroad.total is None
    assert (at_home.items[0].facilitator, at_home.total) == (True, 2160)


@pytest.mark.parametrize("discount", ["2.50", "-2.50"])
def test_a_discount_is_money_off_however_it_is_written(discount: str) -> None:
    (order,) = orders((HEAD + row(off=discount)).encode())

    assert isinstance(order, AmazonOrder)
    assert order.total == 1750


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("Shipped - Delivered to Buyer", "SHIPPED"),
        ("Shipped - Returning to Seller", "SHIPPED"),
        ("Pending - Waiting for Pick Up", "PENDING"),
        ("Cancelled", "CANCELLED"),
        ("Teleported", "Teleported"),
    ],
)
def test_statuses_are_amazons_and_unknown_ones_are_kept(said: str, status: str) -> None:
    (order,) = orders((HEAD + row(said)).encode())

    assert isinstance(order, AmazonOrder)
    assert order.status == status


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("Date range exceeded. The maximum date range for this report is 30 days.\n", 1, "Date range exceeded"),
        ("", 1, "nothing"),
        ("a\tb\n1\t2\n", 1, "amazon-order-id"),
        (HEAD + row(price="1.2.3"), 2, "item-price|amount"),
        (HEAD + row().replace("2026-05-01T10", "yesterday"), 2, "no time"),
        (HEAD + row().rstrip("\n") + "\tx\ty\n", 2, "cells under"),
    ],
)
def test_what_cannot_be_read_is_told_and_never_crashes(content: str, line: int, words: str) -> None:
    (problem,) = orders(content.encode())

    assert isinstance(problem, UnreadableRow)
    assert problem.line == line
    assert any(word in problem.problem for word in words.split("|"))


def test_an_order_with_one_bad_row_is_not_taken_in_part() -> None:
    read = orders((HEAD + row() + row().rstrip("\n") + "\tx\ty\n").encode())

    assert [type(one) for one in read] == [UnreadableRow]


def test_columns_are_found_by_name_and_charsets_by_trial() -> None:
    content = (HEAD.replace("sku", "product-name\tsku") + row().replace("\tMUG", "\tBecher, grün\tMUG")).encode(
        "cp1252"
    )
    (order,) = orders(content, "utf-8")

    assert isinstance(order, AmazonOrder)
    assert (order.items[0].title, order.items[0].sku) == ("Becher, grün", "MUG")


def test_parcels_come_with_their_items_and_every_shipment_of_amazon_has_one() -> None:
    content, world = report(SHIPMENTS)
    read = {one.order_id: one for one in read_shipment_report(io.BytesIO(content)) if isinstance(one, Shipped)}

    bounds = NOW - timedelta(days=29), NOW - timedelta(days=1)
    sent: dict[str, dict[str, int]] = {}
    for order, item in itertools.chain((o, i) for o in world.orders.values() if o.by_amazon for i in o.items):
        if item.shipped is not None and bounds[0] <= item.shipped <= bounds[1]:
            sent.setdefault(order.id, {})[tracking_of(item)] = item.quantity
    assert len(sent) > 30
    assert {
        order_id: {parcel.tracking_number: sum(parcel.quantities.values()) for parcel in shipped.parcels}
        for order_id, shipped in read.items()
    } == sent


@pytest.mark.parametrize("kind", [ORDERS, SHIPMENTS])
def test_nobody_is_left_in_a_stripped_report_and_all_else_is(kind: str) -> None:
    content, _ = report(kind)
    kept = stripped_report(content, "UTF-8")

    assert any(value.encode() in content for value in BUYER.values())
    for value in (*BUYER.values(), "PO-77"):
        if len(value) > 2:
            assert value.encode() not in kept
    reader = read_order_report if kind == ORDERS else read_shipment_report
    assert list(reader(io.BytesIO(kept))) == list(reader(io.BytesIO(content)))


def test_what_is_no_report_is_not_kept() -> None:
    assert stripped_report(b"An internal error occurred.", "") == b""
    assert stripped_report(b"\x1f\x8b\x08", "") == b""


def test_nobody_is_left_in_a_page_of_orders() -> None:
    page = {
        "orders": [
            {
                "orderId": "1",
                "buyer": {"buyerName": "Pat Doe"},
                "recipient": {"deliveryAddress": {"postalCode": "62701"}},
                "packages": [{"shipFromAddress": {"postalCode": "98109"}, "trackingNumber": "1Z"}],
                "orderItems": [
                    {"fulfillment": {"packing": {"giftOption": {"giftMessage": "Dear Pat", "giftWrapLevel": "x"}}}}
                ],
                "payment": {"paymentExecutions": [{"authorizationCode": "A1", "paymentMethod": "CreditCard"}]},
            }
        ]
    }
    kept = stripped(msgspec.json.encode(page))

    for word in (b"Pat", b"62701", b"98109", b"Dear", b"A1"):
        assert word not in kept
    for word in (b"1Z", b"giftWrapLevel", b"CreditCard"):
        assert word in kept
    untouched = b'{ "orders": [ ] }'
    assert stripped(untouched) is untouched
