"""The posting rules as tables: each worked example of accounting.md that is booked already, and each refusal.

Without these a fee could land in income, a sale could be counted twice, or money could be guessed into place.
"""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
import trade
from hypothesis import given, settings
from hypothesis import strategies as st
from syrupy.assertion import SnapshotAssertion

from domain.document import Deposit, DepositLine, Invoice, InvoiceLine, debits_and_credits
from domain.errors import Unbalanced
from domain.flow import Flow
from domain.mapping import Rule
from domain.order import AmazonOrder, Order, Package
from domain.posting_rules import Held, NothingToPost, SettlementPlan, invoice_for, plan_settlement, sales_posted

ONE = "111-0000001-0000001"
TWO = "111-0000002-0000002"


def charge(
    order_id: str, amount: str, description: str = "Principal", amount_type: str = "ItemPrice"
) -> tuple[str, ...]:
    return ("Order", amount_type, description, amount, order_id)


def fee(order_id: str, amount: str, description: str = "Commission") -> tuple[str, ...]:
    return ("Order", "ItemFees", description, amount, order_id)


def tax_pair(order_id: str, amount: str) -> list[tuple[str, ...]]:
    return [
        ("Order", "ItemPrice", "Tax", amount, order_id),
        ("Order", "ItemWithheldTax", "MarketplaceFacilitatorTax-Principal", f"-{amount}", order_id),
    ]


EXAMPLES = {
    "E01 R1 R5 FBA order, facilitator tax": (
        [trade.order(ONE, trade.item(ITEM="24.99", tax="2.06"))],
        [
            charge(ONE, "24.99"),
            *tax_pair(ONE, "2.06"),
            fee(ONE, "-3.75"),
            fee(ONE, "-3.86", "FBAPerUnitFulfillmentFee"),
        ],
    ),
    "E02 R2 FBM order, shipping charged, label bought from Amazon": (
        [trade.order(ONE, trade.item(ITEM="40.00", SHIPPING="5.99"))],
        [
            charge(ONE, "40.00"),
            charge(ONE, "5.99", "Shipping"),
            fee(ONE, "-6.90"),
            ("other-transaction", "other-transaction", "Shipping label purchase", "-7.42", ONE),
        ],
    ),
    "E03 R3 gift wrap and shipping charged back by Amazon": (
        [trade.order(ONE, trade.item(ITEM="30.00", SHIPPING="4.99", GIFT_WRAP="3.99"))],
        [
            charge(ONE, "30.00"),
            charge(ONE, "4.99", "Shipping"),
            charge(ONE, "3.99", "GiftWrap"),
            fee(ONE, "-4.50"),
            fee(ONE, "-3.86", "FBAPerUnitFulfillmentFee"),
            fee(ONE, "-4.99", "ShippingChargeback"),
            fee(ONE, "-3.99", "GiftwrapChargeback"),
        ],
    ),
    "E04 R4 promotion and free shipping": (
        [
            trade.order(
                ONE, trade.item(ITEM="50.00", SHIPPING="5.99", DISCOUNT_ITEM="-10.00", DISCOUNT_SHIPPING="-5.99")
            )
        ],
        [
            charge(ONE, "50.00"),
            charge(ONE, "5.99", "Shipping"),
            charge(ONE, "-10.00", "Principal", "Promotion"),
            charge(ONE, "-5.99", "Shipping", "Promotion"),
            fee(ONE, "-6.00"),
            fee(ONE, "-3.86", "FBAPerUnitFulfillmentFee"),
        ],
    ),
    "E10 R12 full refund in the same settlement": (
        [trade.order(ONE, trade.item(ITEM="24.99")), trade.order(TWO, trade.item(ITEM="60.00"))],
        [
            charge(ONE, "24.99"),
            fee(ONE, "-3.75"),
            fee(ONE, "-3.86", "FBAPerUnitFulfillmentFee"),
            charge(TWO, "60.00"),
            fee(TWO, "-9.00"),
            ("Refund", "ItemPrice", "Principal", "-24.99", ONE),
            ("Refund", "ItemFees", "Commission", "3.75", ONE),
            ("Refund", "ItemFees", "RefundCommission", "-0.75", ONE),
        ],
    ),
    "E12 R14 refund of an order from before the connector": (
        [trade.order(ONE, trade.item(ITEM="60.00"))],
        [
            charge(ONE, "60.00"),
            fee(ONE, "-9.00"),
            ("Refund", "ItemPrice", "Principal", "-24.99", "109-0000000-0000009"),
            ("Refund", "ItemFees", "Commission", "3.75", "109-0000000-0000009"),
            ("Refund", "ItemFees", "RefundCommission", "-0.75", "109-0000000-0000009"),
        ],
    ),
    "E13 R15 A-to-z claim, SAFE-T and chargeback": (
        [trade.order(ONE, trade.item(ITEM="60.00"))],
        [
            charge(ONE, "60.00"),
            fee(ONE, "-5.25"),
            ("A-to-z Guarantee Refund", "ItemPrice", "Principal", "-24.99", TWO),
            ("Chargeback Refund", "ItemPrice", "Principal", "-10.00", TWO),
            ("other-transaction", "other-transaction", "SAFE-T Reimbursement", "18.00", TWO),
        ],
    ),
    "E14 R17 reimbursement and clawback": (
        [],
        [
            ("other-transaction", "FBA Inventory Reimbursement", "WAREHOUSE_LOST", "31.20"),
            ("other-transaction", "FBA Inventory Reimbursement", "COMPENSATED_CLAWBACK", "-15.60"),
        ],
    ),
    "E15 R18 service fees, ads, storage, inbound, removal, coupon": (
        [trade.order(ONE, trade.item(ITEM="500.00"))],
        [
            charge(ONE, "500.00"),
            fee(ONE, "-75.00"),
            ("ServiceFee", "other-transaction", "Subscription Fee", "-39.99"),
            ("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", "-123.45"),
            ("ServiceFee", "other-transaction", "Storage Fee", "-18.10"),
            ("", "other-transaction", "FBAInboundTransportationFee", "-26.33", "FBA15ABC"),
            ("other-transaction", "other-transaction", "RemovalComplete", "-1.04"),
            ("CouponRedemptionFee", "CouponRedemptionFee", "Coupon", "-77.20"),
        ],
    ),
    "E17 R20 reserve": (
        [trade.order(ONE, trade.item(ITEM="300.00"))],
        [
            charge(ONE, "300.00"),
            ("other-transaction", "other-transaction", "Previous Reserve Amount Balance", "120.00"),
            ("other-transaction", "other-transaction", "Current Reserve Amount", "-80.00"),
        ],
    ),
    "E22 R28 MCF order: a fee, no income": (
        [trade.order(ONE, trade.item(ITEM="50.00"))],
        [charge(ONE, "50.00"), ("Order", "ItemFees", "FBAPerUnitFulfillmentFee", "-7.99", "S01-1234567-1234567")],
    ),
    "R21 a carried balance and its charge in one settlement cancel out": (
        [trade.order(ONE, trade.item(ITEM="50.00"))],
        [
            charge(ONE, "50.00"),
            ("other-transaction", "other-transaction", "Payable to Amazon", "-321.69"),
            ("other-transaction", "other-transaction", "Successful charge", "321.69"),
        ],
    ),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_example_is_booked_as_an_accountant_would(name: str, snapshot: SnapshotAssertion) -> None:
    orders, rows = EXAMPLES[name]
    states, invoices = trade.invoiced(orders)
    settlement = trade.settlement(trade.lines(*rows))

    planned = plan_settlement(settlement, states, trade.by_order(invoices), trade.FLOW, trade.mapping())

    assert isinstance(planned, SettlementPlan), planned
    assert trade.ledger_text(*trade.documents_of(planned, invoices.values())) == snapshot


def test_settlement_files_alone_book_order_lines_as_income(snapshot: SnapshotAssertion) -> None:
    planned = trade.plan(
        trade.lines(charge(ONE, "24.99"), *tax_pair(ONE, "2.06"), fee(ONE, "-3.75")), flow=trade.NO_ORDERS
    )

    assert isinstance(planned, SettlementPlan)
    assert planned.payments == {}
    assert trade.ledger_text(planned.deposit) == snapshot


REFUSALS = {
    "an order that has not shipped": (
        [trade.order(ONE, status="UNSHIPPED")],
        [charge(ONE, "24.99")],
        "order_not_invoiced",
        "24.99",
    ),
    "more settled than invoiced": ([trade.order(ONE)], [charge(ONE, "25.00")], "settled_differs", "25.00"),
    "a component the invoice has not": (
        [trade.order(ONE)],
        [charge(ONE, "24.99"), charge(ONE, "3.99", "GiftWrap")],
        "settled_differs",
        "28.98",
    ),
    "an unknown triple": (
        [trade.order(ONE)],
        [charge(ONE, "24.99"), ("ServiceFee", "other-transaction", "Moon Fee", "-1.00")],
        "unmapped",
        "-1.00",
    ),
    "a line for review": (
        [trade.order(ONE)],
        [charge(ONE, "24.99"), ("other-transaction", "other-transaction", "MiscAdjustment", "-1.00")],
        "unmapped",
        "-1.00",
    ),
    "a fee with the wrong sign": ([trade.order(ONE)], [charge(ONE, "24.99"), fee(ONE, "3.75")], "unmapped", "3.75"),
    "a failed transfer returned": (
        [trade.order(ONE)],
        [
            charge(ONE, "24.99"),
            ("other-transaction", "other-transaction", "Transfer of funds unsuccessful: x", "14.19"),
        ],
        "balance_moved",
        "14.19",
    ),
    "sales without an order": ([], [charge("", "5.00")], "not_an_amazon_order", "5.00"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_placed_is_held_with_its_reason_and_its_money(name: str) -> None:
    orders, rows, code, amount = REFUSALS[name]
    states = {one.order_id: Order(known=one, first_shipped=one.updated) for one in orders}
    invoices = {
        key: posting for key, posting in trade.invoiced(orders)[1].items() if isinstance(posting.document, Invoice)
    }

    outcome = plan_settlement(
        trade.settlement(trade.lines(*rows)), states, trade.by_order(invoices), trade.FLOW, trade.mapping()
    )

    assert isinstance(outcome, Held)
    assert [(reason.code, reason.amount) for reason in outcome.reasons if reason.code == code] == [
        (code, trade.usd(amount))
    ]


def test_a_currency_without_a_bank_account_is_held() -> None:
    settlement = trade.settlement(trade.lines(("ServiceFee", "other-transaction", "SAFE-T", "5.00")), currency="CAD")
    mapping = trade.mapping()
    mapping.banks = {}

    outcome = plan_settlement(settlement, {}, {}, trade.FLOW, mapping)

    assert isinstance(outcome, Held)
    assert "currency_without_bank" in {reason.code for reason in outcome.reasons}


def test_lines_that_do_not_add_up_are_held_and_never_plugged() -> None:
    settlement = trade.settlement(trade.lines(charge(ONE, "24.99")), total=trade.usd("25.00"))

    outcome = plan_settlement(settlement, {}, {}, trade.NO_ORDERS, trade.mapping())

    assert isinstance(outcome, Held)
    assert [reason.code for reason in outcome.reasons] == ["disputed"]


def test_two_parcels_paid_in_two_settlements_pay_one_invoice_in_parts() -> None:
    one = trade.order(ONE, trade.item(1, ITEM="20.00"), trade.item(2, ITEM="30.00"))
    states, invoices = trade.invoiced([one])
    first = plan_settlement(
        trade.settlement(trade.lines(charge(ONE, "20.00")), "1"),
        states,
        trade.by_order(invoices),
        trade.FLOW,
        trade.mapping(),
    )
    assert isinstance(first, SettlementPlan)
    states[ONE].settled = {"1": first.settled[ONE]}

    second = plan_settlement(
        trade.settlement(trade.lines(charge(ONE, "30.00")), "2"),
        states,
        trade.by_order(invoices),
        trade.FLOW,
        trade.mapping(),
    )
    third = plan_settlement(
        trade.settlement(trade.lines(charge(ONE, "30.01")), "2"),
        states,
        trade.by_order(invoices),
        trade.FLOW,
        trade.mapping(),
    )

    assert isinstance(second, SettlementPlan)
    assert second.deposit.total == trade.usd("30.00")
    assert isinstance(third, Held)


def test_an_order_shipped_before_the_cut_off_is_booked_directly_and_never_invoiced() -> None:
    flow = since(10)
    states = {ONE: Order(known=trade.order(ONE), first_shipped=trade.order(ONE).updated)}

    assert invoice_for(states[ONE], flow, trade.mapping()) == NothingToPost("historical")
    planned = plan_settlement(trade.settlement(trade.lines(charge(ONE, "24.99"))), states, {}, flow, trade.mapping())

    assert isinstance(planned, SettlementPlan)
    assert planned.recognised == {ONE: trade.usd("24.99")}
    assert planned.payments == {}


def since(day: int) -> Flow:
    """A flow that starts on a day of November 2026."""
    return msgspec.structs.replace(trade.FLOW, since=date(2026, 11, day))


def november(day: int, hour: int = 20) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.mark.parametrize("status", ["submitted", "posted"])
def test_an_order_whose_invoice_stands_is_never_booked_directly(status: Any) -> None:
    """Amazon may learn of an earlier parcel later; the income is in the books already."""
    flow = since(2)
    states, invoices = trade.invoiced([trade.order(ONE)], flow)
    assert isinstance(invoices[ONE].document, Invoice)
    invoices[ONE].status = status
    states[ONE].known = trade.order(ONE, packages=(Package("UPS", "1Z", november(1)),))
    assert invoice_for(states[ONE], flow, trade.mapping()) == NothingToPost("historical")

    planned = plan_settlement(
        trade.settlement(trade.lines(charge(ONE, "24.99"))), states, trade.by_order(invoices), flow, trade.mapping()
    )

    assert isinstance(planned, SettlementPlan)
    assert (planned.recognised, planned.deposit.lines) == ({}, ())
    assert planned.deposit.cleared == trade.usd("24.99")


@pytest.mark.parametrize(
    ("paid_on", "expected"), [(9, NothingToPost("before_start")), (18, SettlementPlan)], ids=["before", "after"]
)
def test_a_settlement_paid_before_the_flows_first_day_is_not_posted(paid_on: int, expected: Any) -> None:
    """Its money is in the books already, by whoever kept them then."""
    settlement = trade.settlement(trade.lines(("ServiceFee", "other-transaction", "SAFE-T Reimbursement", "5.00")))
    assert settlement.closed is not None
    settlement.closed = msgspec.structs.replace(settlement.closed, deposit_date=november(paid_on))

    outcome = plan_settlement(settlement, {}, {}, since(10), trade.mapping())

    assert outcome == expected if isinstance(expected, NothingToPost) else isinstance(outcome, expected)


@pytest.mark.parametrize(("role", "account"), [("fee", "OTHFEE"), ("reimbursement", "REIMB"), ("refund", "REFUND")])
def test_what_a_buyer_paid_is_never_booked_beside_the_invoice(role: str, account: str) -> None:
    """A rule of one's own that makes a fee of a sale would book its income twice."""
    mapping = trade.mapping()
    mapping.own_rules = (Rule(0, "Order", "ItemPrice", "Principal", role, account),)
    states, invoices = trade.invoiced([trade.order(ONE)])
    waiting = plan_settlement(trade.settlement(trade.lines(charge(ONE, "24.99"))), states, {}, trade.FLOW, mapping)
    assert isinstance(waiting, Held)  # its invoice is still to come

    outcome = plan_settlement(
        trade.settlement(trade.lines(charge(ONE, "24.99"))), states, trade.by_order(invoices), trade.FLOW, mapping
    )

    assert isinstance(outcome, Held)
    assert [reason.code for reason in outcome.reasons] == ["not_order_charge"]


def test_what_is_on_no_invoice_is_booked_beside_it_if_a_rule_says_so() -> None:
    """Otherwise a charge that Amazon's orders do not show could never be booked at all."""
    order = trade.order(ONE, trade.item(ITEM="24.99"))
    rows = [charge(ONE, "24.99"), charge(ONE, "3.00", "ExportCharge")]
    states, invoices = trade.invoiced([order])
    mapping = trade.mapping()

    held = plan_settlement(trade.settlement(trade.lines(*rows)), states, trade.by_order(invoices), trade.FLOW, mapping)
    mapping.own_rules = (Rule(0, "Order", "ItemPrice", "ExportCharge", "fee", "SHIPINC"),)
    mapping.looked_up = {}
    early = plan_settlement(trade.settlement(trade.lines(*rows)), states, trade.by_order(invoices), trade.FLOW, mapping)
    invoices[ONE].status = "posted"
    planned = plan_settlement(
        trade.settlement(trade.lines(*rows)), states, trade.by_order(invoices), trade.FLOW, mapping
    )

    assert isinstance(held, Held)
    assert [reason.code for reason in held.reasons] == ["settled_differs"]
    assert isinstance(early, Held)  # Amazon may still add it to an order whose invoice is not sent
    assert [reason.code for reason in early.reasons] == ["not_order_charge"]
    assert isinstance(planned, SettlementPlan)
    assert {line.account: line.amount for line in planned.deposit.lines} == {"SHIPINC": 300}
    assert planned.deposit.cleared == trade.usd("24.99")


def test_an_order_booked_here_by_another_role_is_never_invoiced_later_either() -> None:
    """A parcel that Amazon names afterwards would make it billable, and its income would be there twice."""
    states = {ONE: Order(known=trade.order(ONE), first_shipped=trade.order(ONE).updated)}
    mapping = trade.mapping()
    mapping.own_rules = (Rule(0, "Order", "ItemPrice", "Principal", "fee", "SALES"),)

    planned = plan_settlement(trade.settlement(trade.lines(charge(ONE, "24.99"))), states, {}, since(10), mapping)

    assert isinstance(planned, SettlementPlan)
    assert planned.recognised == {ONE: trade.usd("24.99")}


def test_an_invoice_that_stands_with_a_later_date_is_paid_on_that_date() -> None:
    """QuickBooks has it, so it can no longer be moved; to wait for that would be to wait for ever."""
    states, invoices = trade.invoiced([trade.order(ONE, shipped=november(22))])
    settlement = trade.settlement(trade.lines(charge(ONE, "24.99")))

    assert isinstance(plan_settlement(settlement, states, trade.by_order(invoices), trade.FLOW, trade.mapping()), Held)
    invoices[ONE].status = "posted"
    planned = plan_settlement(settlement, states, trade.by_order(invoices), trade.FLOW, trade.mapping())

    assert isinstance(planned, SettlementPlan)
    assert [payment.day for payment in planned.payments.values()] == [date(2026, 11, 22)]
    assert planned.deposit.day == date(2026, 11, 18)


def test_an_invoice_that_was_released_is_waited_for() -> None:
    states, invoices = trade.invoiced([trade.order(ONE)])
    invoices[ONE].status, invoices[ONE].lost = "rejected", True

    outcome = plan_settlement(
        trade.settlement(trade.lines(charge(ONE, "24.99"))),
        states,
        trade.by_order(invoices),
        trade.FLOW,
        trade.mapping(),
    )

    assert isinstance(outcome, Held)
    assert [reason.code for reason in outcome.reasons] == ["order_not_invoiced"]


def test_an_order_under_way_is_paid_though_its_rule_leads_elsewhere_now() -> None:
    states, invoices = trade.invoiced([trade.order(ONE)])
    mapping = trade.mapping()
    mapping.own_rules = (Rule(0, "Order", "ItemPrice", "Principal", "order_charge", "SHIPINC"),)

    planned = plan_settlement(
        trade.settlement(trade.lines(charge(ONE, "24.99"))), states, trade.by_order(invoices), trade.FLOW, mapping
    )

    assert isinstance(planned, SettlementPlan)
    assert planned.settled == {ONE: {"SALES": trade.usd("24.99")}}  # as its invoice has it


def test_an_invoice_that_is_held_pays_nothing() -> None:
    states, invoices = trade.invoiced([trade.order(ONE)])
    invoices[ONE].status = "held"

    outcome = plan_settlement(
        trade.settlement(trade.lines(charge(ONE, "24.99"))),
        states,
        trade.by_order(invoices),
        trade.FLOW,
        trade.mapping(),
    )

    assert isinstance(outcome, Held)
    assert [reason.code for reason in outcome.reasons] == ["order_not_invoiced"]


def test_a_settlement_that_leaves_out_a_discount_pays_more_than_the_invoice() -> None:
    order = trade.order(ONE, trade.item(ITEM="20.00", DISCOUNT_ITEM="-5.00"))

    outcome = trade.plan(trade.lines(charge(ONE, "20.00")), order)

    assert isinstance(outcome, Held)
    assert [reason.code for reason in outcome.reasons] == ["settled_differs"]


def test_a_full_discount_is_on_an_invoice_of_nothing_that_the_settlement_settles() -> None:
    free = trade.order(ONE, trade.item(ITEM="20.00", DISCOUNT_ITEM="-20.00"))
    rows = [charge(ONE, "20.00"), charge(ONE, "-20.00", "Principal", "Promotion"), charge(TWO, "30.00")]

    planned = trade.plan(trade.lines(*rows), free, trade.order(TWO, trade.item(ITEM="30.00")))
    surprise = trade.plan(trade.lines(charge(ONE, "20.00"), charge(TWO, "30.00")), free, trade.order(TWO))

    assert isinstance(planned, SettlementPlan)
    assert planned.settled[ONE] == {"SALES": 2000, "PROMO": -2000}
    assert (planned.recognised, planned.deposit.lines) == ({}, ())
    assert isinstance(surprise, Held)  # free by the order and paid by the settlement: one of the two is wrong


def test_tax_on_a_cod_fee_is_tax() -> None:
    rule = trade.mapping().rule_for(("Order", "ItemPrice", "CODTax"))

    assert rule is not None
    assert rule.role == "tax_in"


# --- when an order shipped -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "day"),
    [
        ({"first_shipped": november(12)}, 12),
        ({"first_shipped": november(12), "first_posted": november(4)}, 4),
        ({"first_shipped": november(4), "first_posted": november(12)}, 4),
    ],
    ids=["first seen shipped", "a settlement shows it earlier", "a settlement shows it later"],
)
def test_an_invoice_is_dated_with_the_earliest_sign_of_its_shipping(state: dict[str, Any], day: int) -> None:
    invoice = invoice_for(Order(known=trade.order(ONE), **state), trade.FLOW, trade.mapping())

    assert isinstance(invoice, Invoice)
    assert invoice.day == date(2026, 11, day)


@pytest.mark.parametrize(
    ("state", "invoiced"),
    [
        ({}, False),  # first seen when it had shipped already: it may have been before the flow's first day
        ({"seen_before": True}, True),
        ({"first_posted": november(11)}, False),  # the sale of a part shows nothing about the whole
        ({"first_posted": november(9)}, False),
        ({"seen_before": True, "first_posted": november(9)}, False),
    ],
    ids=["no sign", "seen unshipped", "settled after", "settled before", "seen unshipped, settled before"],
)
def test_an_order_placed_before_the_first_day_is_invoiced_only_if_it_surely_shipped_after(
    state: dict[str, Any], invoiced: bool
) -> None:
    known = msgspec.structs.replace(trade.order(ONE, shipped=november(12)), created=november(8))

    outcome = invoice_for(Order(known=known, first_shipped=november(12), **state), since(10), trade.mapping())

    assert isinstance(outcome, Invoice) is invoiced
    if not invoiced:
        assert outcome == NothingToPost("historical")


def test_a_date_without_a_time_does_not_move_a_sale_to_the_day_before() -> None:
    (line,) = trade.lines(charge(ONE, "1.00"))  # midnight UTC is still the evening before in Los Angeles

    posted = sales_posted([line])[ONE]

    assert trade.FLOW.day(posted) == date(2026, 11, 10)


@pytest.mark.parametrize(
    ("order", "code"),
    [
        (trade.order(ONE, currency="CAD"), "currency_without_bank"),
        (trade.order(ONE, trade.item(1, ITEM="2.00"), trade.item(2, ITEM="-20.00")), "total_not_positive"),
        (trade.order(ONE, problem="proceeds.grandTotal: 'XYZ' is no currency"), "unreadable_order"),
        (trade.order(ONE, trade.item(ITEM="20.00", OTHER="1.00")), "unmapped"),
    ],
)
def test_an_order_that_cannot_be_invoiced_is_held(order: AmazonOrder, code: str) -> None:
    outcome = invoice_for(Order(known=order, first_shipped=order.updated), trade.FLOW, trade.mapping())

    assert isinstance(outcome, Held)
    assert code in {reason.code for reason in outcome.reasons}


def test_a_document_whose_sides_differ_cannot_be_built() -> None:
    with pytest.raises(Unbalanced):
        Invoice("1", "1", "c", trade.NOW.date(), "USD", (InvoiceLine("SALES", 5),), total=6)
    with pytest.raises(Unbalanced):
        Deposit("1", trade.NOW.date(), "USD", "USD", "CLR:USD", 100, (DepositLine("REFFEE", -15, "fees"),), total=84)


TRIPLES = [
    ("ServiceFee", "other-transaction", "Storage Fee", -1),
    ("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", -1),
    ("Refund", "ItemPrice", "Principal", -1),
    ("Refund", "ItemFees", "Commission", 1),
    ("other-transaction", "FBA Inventory Reimbursement", "WAREHOUSE_LOST", 1),
    ("other-transaction", "other-transaction", "Current Reserve Amount", -1),
    ("other-transaction", "other-transaction", "Previous Reserve Amount Balance", 1),
]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 50_000), st.integers(0, 3_000), st.integers(0, 40)), min_size=1, max_size=25),
    st.lists(st.tuples(st.sampled_from(TRIPLES), st.integers(0, 5_000)), max_size=25),
)
def test_any_settlement_is_deposited_in_full_and_leaves_clearing_at_zero(
    sales: list[tuple[int, int, int]], others: list[tuple[tuple[str, str, str, int], int]]
) -> None:
    orders = []
    rows = []
    for number, (price, shipping, fee_percent) in enumerate(sales, start=1):
        order_id = f"111-{number:07}-0000000"
        price_text, shipping_text = f"{price / 100:.2f}", f"{shipping / 100:.2f}"
        orders.append(trade.order(order_id, trade.item(ITEM=price_text, SHIPPING=shipping_text)))
        rows += [charge(order_id, price_text), charge(order_id, shipping_text, "Shipping")]
        rows.append(fee(order_id, f"-{price * fee_percent // 100 / 100:.2f}"))
    rows += [(*triple[:3], f"{triple[3] * amount / 100:.2f}") for triple, amount in others]
    states, invoices = trade.invoiced(orders)
    settlement = trade.settlement(trade.lines(*rows))
    assert settlement.closed is not None

    planned = plan_settlement(settlement, states, trade.by_order(invoices), trade.FLOW, trade.mapping())

    assert isinstance(planned, SettlementPlan)
    total = settlement.closed.total
    balances: dict[str, int] = {}
    for document in trade.documents_of(planned, invoices.values()):
        for account, amount in debits_and_credits(document):
            balances[account] = balances.get(account, 0) + amount
        assert sum(balances.values()) == 0
    assert balances.get("AR", 0) == 0
    assert balances.get("CLR:USD", 0) == min(total, 0)  # what is owed to Amazon stays until it is collected
    assert balances.get("BANK:USD", 0) == max(total, 0)
    assert (planned.deposit is None) == (total <= 0)
    # Planning again from the same facts is the same plan.
    assert plan_settlement(settlement, states, trade.by_order(invoices), trade.FLOW, trade.mapping()) == planned
