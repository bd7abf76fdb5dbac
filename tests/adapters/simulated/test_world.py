"""The seeded world: settlements that add up, agree with their orders, and follow one another."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.simulated.world import Line, World, document, make_world, money_text, settlement_file
from adapters.simulated.world.flat_file import COLUMNS

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SEEDS = range(40)


def world(seed: int = 1, orders: int = 120, settlements: int = 3, **more: object) -> World:
    return make_world(seed, orders, settlements, now=NOW, **more)  # type: ignore[arg-type]


def all_lines(made: World) -> list[Line]:
    return [line for settlement in made.settlements for line in settlement.lines]


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), orders=st.integers(0, 80), settlements=st.integers(1, 4))
def test_every_settlement_is_the_sum_of_its_lines_and_pays_something(seed: int, orders: int, settlements: int) -> None:
    made = world(seed, orders, settlements)
    assert len(made.settlements) == settlements
    for settlement in made.settlements:
        assert settlement.total == sum(line.amount for line in settlement.lines) > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_settled_lines_of_an_item_are_what_its_order_says_component_by_component(seed: int) -> None:
    made = world(seed)
    settled: dict[str, Counter[str]] = {}
    for line in all_lines(made):
        if line.transaction_type == "Order":
            settled.setdefault(line.item_code, Counter())[f"{line.amount_type}/{line.amount_description}"] += (
                line.amount
            )
    last_end = made.settlements[-1].end
    checked = 0
    for order in made.orders.values():
        for item in order.items:
            if item.posted is None or item.posted >= last_end:
                assert item.id not in settled
                continue
            lines = settled[item.id]
            assert lines["ItemPrice/Principal"] == item.principal
            assert lines["ItemPrice/Shipping"] == item.shipping
            assert lines["ItemPrice/GiftWrap"] == item.gift_wrap
            assert lines["Promotion/Principal"] + lines["Promotion/Shipping"] == -item.discount
            tax = sum(lines[f"ItemPrice/{part}"] for part in ("Tax", "ShippingTax", "GiftWrapTax"))
            assert tax + lines["Promotion/TaxDiscount"] == item.total_tax
            withheld = sum(amount for name, amount in lines.items() if name.startswith("ItemWithheldTax/"))
            assert withheld == -item.total_tax
            checked += 1
    assert checked > 80


@pytest.mark.parametrize("seed", SEEDS)
def test_a_refund_returns_its_tax_and_keeps_amazons_fee_for_the_trouble(seed: int) -> None:
    by_refund: dict[str, Counter[str]] = {}
    for line in all_lines(world(seed)):
        if line.transaction_type == "Refund":
            counts = by_refund.setdefault(line.adjustment_id, Counter())
            tax = line.amount_type == "ItemWithheldTax" or "Tax" in line.amount_description
            counts["tax" if tax else line.amount_description] += line.amount
            assert line.quantity == 0, "Amazon leaves the quantity of a refund blank"
    assert by_refund
    for parts in by_refund.values():
        assert parts["tax"] == 0
        assert parts["Principal"] < 0 < parts["Commission"]
        assert parts["RefundCommission"] == -min(500, (parts["Commission"] * 2000 + 5000) // 10000) < 0


def test_the_refund_fee_is_five_at_the_most() -> None:
    fees = [line.amount for line in all_lines(world(1, 5000)) if line.amount_description == "RefundCommission"]
    assert min(fees) == -500


def test_tax_is_on_the_price_after_the_sellers_discount() -> None:
    made = world(1, 1000)
    promoted = [item for order in made.orders.values() for item in order.items if item.item_discount and item.tax]
    assert len(promoted) > 50
    for item in promoted:
        paid = item.principal - item.item_discount
        assert item.tax in {(paid * rate + 5000) // 10000 for rate in made.market.tax_rates}


@pytest.mark.parametrize("seed", SEEDS)
def test_settlements_follow_each_other_and_hand_on_their_reserve(seed: int) -> None:
    settlements = world(seed, 60, 5).settlements
    reserves = [
        Counter({line.amount_description: line.amount for line in each.lines if "Reserve" in line.amount_description})
        for each in settlements
    ]
    assert "Previous Reserve Amount Balance" not in reserves[0]
    for earlier, later, before, after in zip(settlements, settlements[1:], reserves, reserves[1:], strict=False):
        assert later.start == earlier.end
        assert earlier.end - earlier.start == timedelta(days=14)
        assert earlier.deposit == earlier.end + timedelta(days=2)
        assert after["Previous Reserve Amount Balance"] == -before["Current Reserve Amount"] > 0


def test_the_same_seed_gives_the_same_amounts_on_any_day() -> None:
    later = NOW + timedelta(days=100)
    one, other = world(7), make_world(7, 120, 3, now=later)
    assert list(one.orders) == list(other.orders)
    assert [s.id for s in one.settlements] == [s.id for s in other.settlements]
    assert [line.amount for line in all_lines(one)] == [line.amount for line in all_lines(other)]
    assert other.settlements[0].start - one.settlements[0].start == timedelta(days=100)
    assert list(one.orders) != list(world(8).orders)


def test_a_usual_world_has_every_kind_of_order_and_line() -> None:
    made = world(1, 1000)
    statuses = Counter(order.status for order in made.orders.values())
    assert set(statuses) == {"PENDING", "UNSHIPPED", "PARTIALLY_SHIPPED", "SHIPPED", "CANCELLED"}
    assert 0.6 < sum(order.by_amazon for order in made.orders.values()) / 1000 < 0.8
    seen = {(line.transaction_type, line.amount_type, line.amount_description) for line in all_lines(made)}
    assert seen >= {
        ("Order", "ItemPrice", "GiftWrapTax"),
        ("Order", "Promotion", "TaxDiscount"),
        ("Order", "ItemWithheldTax", "MarketplaceFacilitatorTax-Other"),
        ("Order", "ItemFees", "ShippingChargeback"),
        ("Order", "ItemFees", "GiftwrapChargeback"),
        ("Order", "ItemFees", "VariableClosingFee"),
        ("Refund", "ItemFees", "RefundCommission"),
        ("ServiceFee", "Cost of Advertising", "TransactionTotalAmount"),
        ("ServiceFee", "other-transaction", "Subscription Fee"),
        ("ServiceFee", "other-transaction", "Storage Fee"),
        ("other-transaction", "other-transaction", "Shipping label purchase"),
        ("other-transaction", "FBA Inventory Reimbursement", "WAREHOUSE_DAMAGE"),
        ("other-transaction", "FBA Inventory Reimbursement", "REVERSAL_REIMBURSEMENT"),
        ("", "other-transaction", "FBAInboundTransportationFee"),
        ("other-transaction", "other-transaction", "Current Reserve Amount"),
        ("other-transaction", "other-transaction", "Previous Reserve Amount Balance"),
    }
    inbound = next(line for line in all_lines(made) if line.amount_description == "FBAInboundTransportationFee")
    assert inbound.order_id.startswith("FBA15")


def test_nothing_in_the_world_lies_in_the_future() -> None:
    made = world(3, 500)
    assert max(order.updated for order in made.orders.values()) < NOW
    assert all(
        item.posted is None or item.posted < NOW + timedelta(hours=5) for o in made.orders.values() for item in o.items
    )


@pytest.mark.parametrize("marketplace", ["US", "CA", "UK", "DE"])
def test_a_document_has_amazons_columns_and_one_header_row_and_its_sum(marketplace: str) -> None:
    made = world(2, marketplace=marketplace)
    for settlement in made.settlements:
        body, charset = document([settlement])
        rows = list(csv.DictReader(io.StringIO(body.decode(charset)), delimiter="\t", quoting=csv.QUOTE_NONE))
        header, *details = rows
        assert tuple(header) == COLUMNS
        assert all(None not in row and None not in row.values() for row in rows), "every row has 24 cells"
        assert {name for name, cell in header.items() if cell} == set(COLUMNS[:6])
        assert all(not any(row[name] for name in COLUMNS[1:6]) for row in details)
        total = sum(Decimal(row["amount"].replace(",", ".")) for row in details)
        assert total == Decimal(header["total-amount"].replace(",", "."))
        comma = marketplace == "DE"
        assert ("," in header["total-amount"]) == comma
        pattern = "%d.%m.%Y" if marketplace in ("UK", "DE") else "%Y-%m-%d"
        for row in details:
            datetime.strptime(row["posted-date-time"], f"{pattern} %H:%M:%S UTC").replace(tzinfo=UTC)
            assert row["posted-date-time"].startswith(row["posted-date"])
            assert bool(row["quantity-purchased"]) == (row["transaction-type"] == "Order")
            assert bool(row["adjustment-id"]) >= (row["transaction-type"] == "Refund")


@pytest.mark.parametrize("seed", SEEDS)
def test_amazon_takes_its_fees_and_what_it_shipped_itself(seed: int) -> None:
    made = world(seed)
    fees: dict[str, Counter[str]] = {}
    for line in all_lines(made):
        if (line.transaction_type, line.amount_type) == ("Order", "ItemFees"):
            assert line.amount < 0
            fees.setdefault(line.item_code, Counter())[line.amount_description] -= line.amount
    for order in made.orders.values():
        for item in order.items:
            if item.id not in fees:
                continue
            taken = fees[item.id]
            assert taken["Commission"] == max(30, (item.before_tax * item.product.commission + 5000) // 10000)
            assert taken["FBAPerUnitFulfillmentFee"] == order.by_amazon * item.product.fba_fee * item.quantity
            assert taken["ShippingChargeback"] == order.by_amazon * (item.shipping - item.shipping_discount)
            assert taken["GiftwrapChargeback"] == order.by_amazon * item.gift_wrap
            assert taken["VariableClosingFee"] == item.product.closing_fee * item.quantity


def test_money_is_written_exactly() -> None:
    assert [money_text(minor) for minor in (0, 5, -5, 100, -12345, 10**15 + 1)] == [
        "0.00", "0.05", "-0.05", "1.00", "-123.45", "10000000000000.01",
    ]  # fmt: skip
    assert money_text(-114118, comma=True) == "-1141,18"


def test_a_benchmark_file_streams_and_adds_up(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    settlement = settlement_file(path, lines=20_000)
    with path.open(encoding="utf-8", newline="") as file:
        header, *details = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    assert len(details) == 20_000
    assert sum(Decimal(row["amount"]) for row in details) == Decimal(header["total-amount"])
    assert header["total-amount"] == money_text(settlement.total)


def test_amending_an_order_changes_its_price_and_its_time() -> None:
    made = world()
    before = next(order for order in made.orders.values() if order.status == "SHIPPED")
    after = made.amend(before.id, NOW)
    assert after.updated == NOW > before.updated
    assert after.items[0].principal < before.items[0].principal
    assert after.items[1:] == before.items[1:]
    assert made.orders[before.id] is after
