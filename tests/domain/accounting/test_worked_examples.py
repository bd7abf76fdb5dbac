"""The worked examples of accounting.md (accounting-worked-examples.md), through the real functions.

Each is a trade as Amazon would tell it; the snapshot shows the documents as an accountant writes them. What is on the
accounts in the end is compared with the brief's own words, account by account.
"""

from collections.abc import Callable
from datetime import date

import msgspec
import pytest
import trade
from syrupy.assertion import SnapshotAssertion
from worked import OLD, ONE, OTHER, TWO, Example, at, fba, fee, other, pair, refund, sale, service, sold

from domain.document import JournalEntry, JournalLine, Payment
from domain.mapping import QuickBooksRef
from domain.money import to_minor
from domain.order import OrderItem, Part
from domain.policy import Policies
from domain.posting_rules import Held, SettlementPlan
from domain.posting_rules.accruals import Deferred, accrual_of, interest_of
from domain.posting_rules.currency import Converted, at_home
from domain.posting_rules.suspense import out_of_suspense


def e01(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", trade.item(ITEM="24.99", tax="2.06")))
    books.settled("11-18", sale(ONE, "24.99"), *pair(ONE, "2.06", "-2.06"), fee(ONE, "-3.75"), fba(ONE))


def e01c(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", trade.item(ITEM="24.99", tax="2.06")))
    books.settled("11-18", sale(ONE, "24.99"), *pair(ONE, "2.06", "-1.75"), fee(ONE, "-3.75"), fba(ONE))


def e02(books: Example) -> None:
    books.orders_of(sold(ONE, "11-04", ITEM="40.00", SHIPPING="5.99"))
    label = (*OTHER, "Shipping label purchase", "-7.42", ONE, "")
    books.settled("11-18", sale(ONE, "40.00"), sale(ONE, "5.99", "Shipping"), fee(ONE, "-6.90"), label)


def e03(books: Example) -> None:
    books.orders_of(sold(ONE, "11-04", ITEM="30.00", SHIPPING="4.99", GIFT_WRAP="3.99"))
    books.settled(
        "11-18", sale(ONE, "30.00"), sale(ONE, "4.99", "Shipping"), sale(ONE, "3.99", "GiftWrap"), fee(ONE, "-4.50"),
        fba(ONE), fee(ONE, "-4.99", "ShippingChargeback"), fee(ONE, "-3.99", "GiftwrapChargeback"),
    )  # fmt: skip


def e04(books: Example) -> None:
    books.orders_of(
        sold(ONE, "11-04", ITEM="50.00", SHIPPING="5.99", DISCOUNT_ITEM="-10.00", DISCOUNT_SHIPPING="-5.99")
    )
    books.settled(
        "11-18", sale(ONE, "50.00"), sale(ONE, "5.99", "Shipping"), sale(ONE, "-10.00", "Principal", "Promotion"),
        sale(ONE, "-5.99", "Shipping", "Promotion"), fee(ONE, "-6.00"), fba(ONE),
    )  # fmt: skip


def e05(books: Example) -> None:
    books.orders_of(sold(ONE, "11-04", trade.item(ITEM="100.00", tax="7.00", facilitator=False)))
    tax = ("Order", "ItemPrice", "Tax", "7.00", ONE, "")
    books.settled("11-18", sale(ONE, "100.00"), tax, fee(ONE, "-15.00"), fee(ONE, "-0.20", "SalesTaxServiceFee"))


def e06(books: Example) -> None:
    parts = (Part("ITEM", 2400), Part("TAX", 400, "ITEM"))
    inclusive = OrderItem("1", "SKU-1", quantity=1, shipped=1, proceeds=2400, parts=parts)
    books.orders_of(sold(ONE, "11-04", inclusive))
    books.settled("11-18", sale(ONE, "20.00"), ("Order", "ItemPrice", "Tax", "4.00", ONE, ""), fee(ONE, "-4.32"))
    # What QuickBooks does by itself through the purchase tax code of the fee's line.
    lines = (JournalLine("VAT", 72), JournalLine("REFFEE", -72))
    books.by_hand(JournalEntry("tax code", date(2026, 11, 18), "USD", lines, 72))


def e07(books: Example) -> None:
    books.orders_of(sold(ONE, "11-04", trade.item(ITEM="20.00", tax="4.00")))
    books.settled("11-18", sale(ONE, "20.00"), *pair(ONE, "4.00", "-4.00"), fee(ONE, "-3.60"))


def e08(books: Example) -> None:
    first, second = trade.item(1, ITEM="20.00"), trade.item(2, ITEM="30.00")
    unsent = msgspec.structs.replace(second, shipped=0)
    books.orders_of(trade.order(ONE, first, unsent, status="PARTIALLY_SHIPPED", shipped=at("11-03")))
    books.settled("11-18", sale(ONE, "20.00"), fee(ONE, "-3.00"))
    books.orders_of(msgspec.structs.replace(trade.order(ONE, first, second, shipped=at("11-03")), updated=at("11-20")))
    books.settled("11-30", sale(ONE, "30.00", day="11-22"), fee(ONE, "-4.50", day="11-22"))


def e09a(books: Example) -> None:
    order = sold(ONE, "11-03", ITEM="20.00")
    books.orders_of(order, msgspec.structs.replace(order, status="CANCELLED", updated=at("11-05")))


def e09b(books: Example) -> None:
    order = sold(ONE, "10-31", ITEM="20.00")
    books.orders_of(order)
    books.policy(Policies(lock_date=date(2026, 10, 31)))
    books.orders_of(msgspec.structs.replace(order, status="CANCELLED", updated=at("11-02")))


def e10(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="24.99"), sold(TWO, "11-05", ITEM="60.00"))
    books.settled(
        "11-18", sale(ONE, "24.99"), fee(ONE, "-3.75"), fba(ONE), sale(TWO, "60.00"), fee(TWO, "-9.00"),
        refund(ONE, "-24.99"), fee(ONE, "3.75", kind="Refund"), fee(ONE, "-0.75", "RefundCommission", "Refund"),
    )  # fmt: skip


def e11(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", trade.item(ITEM="24.99", tax="2.06")))
    books.settled(
        "11-18", sale(ONE, "24.99"), *pair(ONE, "2.06", "-2.06"), fee(ONE, "-3.75"), refund(ONE, "-10.00"),
        *pair(ONE, "-0.83", "0.83", "Refund"), fee(ONE, "1.50", kind="Refund"),
        fee(ONE, "-0.30", "RefundCommission", "Refund"),
    )  # fmt: skip


def e12(books: Example) -> None:
    books.orders_of(sold(ONE, "11-05", ITEM="60.00"))
    books.settled(
        "11-18", sale(ONE, "60.00"), fee(ONE, "-9.00"), refund(OLD, "-24.99"), fee(OLD, "3.75", kind="Refund"),
        fee(OLD, "-0.75", "RefundCommission", "Refund"),
    )  # fmt: skip


def e13(books: Example) -> None:
    books.orders_of(sold(ONE, "11-05", ITEM="60.00"))
    books.settled(
        "11-18", sale(ONE, "60.00"), fee(ONE, "-9.00"), refund(TWO, "-24.99", "A-to-z Guarantee Refund"),
        fee(TWO, "3.75", kind="A-to-z Guarantee Refund"), refund(TWO, "-10.00", "Chargeback Refund"),
        other("SAFE-T Reimbursement", "18.00"),
    )  # fmt: skip


def e14(books: Example) -> None:
    kind = ("other-transaction", "FBA Inventory Reimbursement")
    books.settled(
        "11-18", (*kind, "WAREHOUSE_LOST", "31.20", "", ""), (*kind, "COMPENSATED_CLAWBACK", "-15.60", "", "")
    )


def e15(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="500.00"))
    books.settled(
        "11-18", sale(ONE, "500.00"), fee(ONE, "-75.00"), service("Subscription Fee", "-39.99"),
        ("ServiceFee", "Cost of Advertising", "TransactionTotalAmount", "-123.45", "", ""),
        service("Storage Fee", "-18.10"),
        ("", "other-transaction", "FBAInboundTransportationFee", "-26.33", "FBA15ABC", ""),
        other("RemovalComplete", "-1.04"), ("CouponRedemptionFee", "CouponRedemptionFee", "Coupon", "-7.20", "", ""),
        service("LightningDealFee", "-70.00"),
    )  # fmt: skip


def e16(books: Example) -> None:
    books.settled("11-04", other("Amazon Capital Services", "5000.00"))
    books.orders_of(sold(ONE, "11-05", ITEM="1000.00"))
    books.settled("11-18", sale(ONE, "1000.00"), other("Amazon Capital Services", "-450.00"))
    books.by_hand(interest_of("2026-11", date(2026, 11, 30), 3820, "USD"))


def e17(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="500.00"))
    books.settled("11-16", sale(ONE, "500.00"), other("Current Reserve Amount", "-120.00"))
    books.orders_of(sold(TWO, "11-17", ITEM="300.00"))
    books.settled(
        "11-30", sale(TWO, "300.00"), other("Previous Reserve Amount Balance", "120.00"),
        other("Current Reserve Amount", "-80.00"),
    )  # fmt: skip


def e18a(books: Example) -> None:
    books.settled("11-16", service("Storage Fee", "-321.69"))
    books.orders_of(sold(ONE, "11-18", ITEM="50.00"))
    books.settled(
        "11-30", other("Payable to Amazon", "-321.69", "11-17"), other("Successful charge", "321.69", "11-17"),
        sale(ONE, "50.00", day="11-18"),
    )  # fmt: skip


def e18b(books: Example) -> None:
    books.settled("11-16", service("Storage Fee", "-5.27"))
    books.orders_of(sold(ONE, "11-18", ITEM="50.00"))
    books.settled("11-30", other("Payable to Amazon", "-5.27"), sale(ONE, "50.00", day="11-18"))


def e18c(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="24.99"))
    books.settled("11-16", sale(ONE, "24.99"), fee(ONE, "-3.75"), other("Current Reserve Amount", "-21.24"))


def e18d(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="14.19"))
    books.settled("11-16", sale(ONE, "14.19"))
    books.orders_of(sold(TWO, "11-18", ITEM="22.85"))
    failed = other("Transfer of funds unsuccessful: the account is closed", "14.19", "11-19")
    books.settled("11-30", sale(TWO, "22.85", day="11-18"), failed)


def e19(books: Example) -> None:
    books.orders_of(sold(ONE, "11-20", ITEM="100.00"), sold(TWO, "12-01", ITEM="40.00"))
    books.settled(
        "12-04", sale(ONE, "100.00", day="11-20"), fee(ONE, "-15.00", day="11-20"), fba(ONE, day="11-20"),
        service("Storage Fee", "-2.50", "11-25"), sale(TWO, "40.00", day="12-01"), fee(TWO, "-6.00", day="12-01"),
        fba(TWO, day="12-01"), service("Subscription Fee", "-39.99", "12-02"),
    )  # fmt: skip


def e19b(books: Example) -> None:
    books.orders_of(sold(ONE, "11-20", ITEM="100.00"))
    books.settled(
        "12-01", sale(ONE, "100.00", day="11-20"), fee(ONE, "-15.00", day="11-20"), fba(ONE, day="11-20"),
        service("Storage Fee", "-2.50", "11-28"),
    )  # fmt: skip


def e20(books: Example) -> None:
    books.orders_of(sold(ONE, "11-24", ITEM="100.00"))
    deferred = [
        Deferred("t1", ("Order", "ItemPrice", "Principal"), 10000, ONE),
        Deferred("t1", ("Order", "ItemFees", "Commission"), -1500, ONE),
        Deferred("t1", ("Order", "ItemFees", "FBAPerUnitFulfillmentFee"), -386, ONE),
    ]
    accrual = accrual_of(deferred, date(2026, 11, 24), "USD", books.flow, books.mapping)
    assert isinstance(accrual, list)
    for one in accrual:
        books.record(one.name, one.document)
    books.settled("12-18", sale(ONE, "100.00", day="12-10"), fee(ONE, "-15.00", day="12-10"), fba(ONE, day="12-10"))


def e21(books: Example) -> None:
    books.settled("11-18", sale(OLD, "24.99"), fee(OLD, "-3.75"), fba(OLD))


def e22(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="50.00"))
    books.settled("11-18", sale(ONE, "50.00"), fba("S01-1234567-1234567", "-7.99"))


def e23(books: Example) -> None:
    replacement = trade.order(TWO, trade.item(), shipped=at("11-06"), replaces=ONE)
    books.orders_of(sold(ONE, "11-03", ITEM="24.99"), replacement)
    books.settled("11-18", sale(ONE, "24.99"), fba(TWO))


def e24(books: Example) -> None:
    books.mapping.accounts["CLR:USD:invoiced"] = QuickBooksRef("a-inv", "Amazon Clearing, invoiced orders")
    books.orders_of(sold(ONE, "11-03", ITEM="20.00"), sold(TWO, "11-03", ITEM="900.00"))
    books.settled("11-18", sale(ONE, "20.00"), fee(ONE, "-3.00"))
    invoiced = [sale(TWO, "900.00"), fee(TWO, "-135.00")]
    books.settled("12-11", *invoiced, account_type="invoiced")


def e25(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="50.00"))
    debt = ("Debt Adjustment", "other-transaction")
    books.settled("11-18", sale(ONE, "50.00"), (*debt, "Cross-Account Debt Adjustment for NL", "-5.00", "", ""))
    paid = (*debt, "Cross-Account Debt Adjustment against DE", "5.00", "", "")
    books.settled("11-18", service("Storage Fee", "-5.00"), paid)


def e26(books: Example) -> None:
    dear, cheaper = (sold(TWO, "11-03", ITEM=price) for price in ("30.00", "28.00"))
    books.orders_of(sold(ONE, "11-03", ITEM="24.99"), dear)
    books.settled("11-18", sale(ONE, "24.99"), sale(ONE, "3.99", "GiftWrap"), sale(TWO, "28.00"))
    books.orders_of(msgspec.structs.replace(cheaper, updated=at("11-18")))


def e27(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="50.00"))
    plan = books.settled("11-18", sale(ONE, "50.00"), service("Moon Fee", "-7.77"))
    assert isinstance(plan, SettlementPlan)
    assert [note.code for note in plan.notes] == ["in_suspense"]
    books.learn("Moon Fee")
    settlement = trade.settlement(books.lines[plan.settlement_id], plan.settlement_id)
    assert settlement.closed is not None
    documents = [one.document for one in plan.documents]
    journal = out_of_suspense(settlement.closed, settlement.lines, documents, books.mapping, date(2026, 11, 20), "S1")
    assert isinstance(journal, JournalEntry)
    books.by_hand(journal)
    again = out_of_suspense(
        settlement.closed, settlement.lines, [*documents, journal], books.mapping, date(2026, 11, 20), "S2"
    )
    assert again is None


def e28(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="50.00"))
    held = books.settled("11-18", sale(ONE, "50.00"), service("Moon Fee", "-7.77"))
    assert isinstance(held, Held)
    assert [(reason.code, reason.amount) for reason in held.reasons] == [("unmapped", -777)]
    books.learn("Moon Fee")
    books.again()


def e29(books: Example) -> None:
    books.orders_of(sold(ONE, "11-03", ITEM="20.00", DISCOUNT_ITEM="-20.00"))
    books.settled(
        "11-18", sale(ONE, "20.00"), sale(ONE, "-20.00", "Principal", "Promotion"), fba(ONE),
        ("Liquidations", "ItemPrice", "Principal", "85.00", "", ""),
    )  # fmt: skip


EXAMPLES: dict[str, tuple[Callable[[Example], None], str]] = {
    "E01 R1 R5 FBA order, facilitator tax": (e01, "SALES -24.99, BANK 17.38, REFFEE 3.75, FBAFEE 3.86"),
    "E01b R5 the same, tax=gross": (e01, "SALES -24.99, BANK 17.38, REFFEE 3.75, FBAFEE 3.86"),
    "E01c R6 one part of the tax not withheld": (
        e01c, "SALES -24.99, STX -0.31, BANK 17.69, REFFEE 3.75, FBAFEE 3.86"),
    "E02 R2 FBM order, label bought from Amazon": (
        e02, "SALES -40.00, SHIPINC -5.99, BANK 31.67, REFFEE 6.90, LABELS 7.42"),
    "E03 R3 shipping and gift wrap charged back": (
        e03, "SALES -30.00, SHIPINC -4.99, GIFT -3.99, BANK 21.64, REFFEE 4.50, FBAFEE 3.86, SHIPCB 8.98"),
    "E04 R4 promotion and free shipping": (
        e04, "SALES -50.00, SHIPINC -5.99, PROMO 15.99, BANK 30.14, REFFEE 6.00, FBAFEE 3.86"),
    "E05 R6 seller-collected tax": (e05, "SALES -100.00, STX -7.00, BANK 91.80, REFFEE 15.00, OTHFEE 0.20"),
    "E06 R8 VAT inclusive, VAT on fees": (e06, "SALES -20.00, VAT -3.28, BANK 19.68, REFFEE 3.60"),
    "E07 R9 deemed supplier": (e07, "SALES -20.00, BANK 16.40, REFFEE 3.60"),
    "E08 R10 partial shipment, two settlements": (e08, "SALES -50.00, BANK 42.50, REFFEE 7.50"),
    "E09a R11 cancelled after invoice, month open": (e09a, ""),
    "E09b R11 cancelled after invoice, month closed": (e09b, ""),
    "E10 R12 full refund in the same settlement": (
        e10, "SALES -84.99, BANK 46.39, REFFEE 9.00, FBAFEE 3.86, REFUND 24.99, RFADMIN 0.75"),
    "E11 R13 partial, returnless refund": (e11, "SALES -24.99, BANK 12.44, REFFEE 2.25, REFUND 10.00, RFADMIN 0.30"),
    "E12 R14 refund of an order from before": (
        e12, "SALES -60.00, BANK 29.01, REFFEE 5.25, REFUND 24.99, RFADMIN 0.75"),
    "E13 R15 A-to-z, SAFE-T, chargeback": (e13, "SALES -60.00, BANK 37.76, REFFEE 5.25, CLAIMS 34.99, SAFET -18.00"),
    "E14 R17 reimbursement and clawback": (e14, "BANK 15.60, REIMB -15.60"),
    "E15 R18 service fees": (
        e15, "SALES -500.00, BANK 138.89, REFFEE 75.00, SUBSCR 39.99, ADS 123.45, STORAGE 18.10, INBOUND 26.33, "
        "REMOVAL 1.04, PROGFEE 77.20"),
    "E16 R19 loan": (e16, "LOAN -4588.20, BANK 5550.00, SALES -1000.00, INTRST 38.20"),
    "E17 R20 reserve": (e17, "SALES -800.00, BANK 720.00, RSV 80.00"),
    "E18a R21 negative, card charged": (e18a, "STORAGE 321.69, CC -321.69, SALES -50.00, BANK 50.00"),
    "E18b R21 small negative, carried": (e18b, "STORAGE 5.27, SALES -50.00, BANK 44.73"),
    "E18c R21 zero settlement": (e18c, "SALES -24.99, REFFEE 3.75, RSV 21.24"),
    "E18d R22 failed transfer": (e18d, "SALES -37.04, BANK 37.04"),
    "E19 R23 month end inside": (
        e19, "SALES -140.00, REFFEE 21.00, FBAFEE 7.72, STORAGE 2.50, BANK 68.79, SUBSCR 39.99"),
    "E19b R23 bank date in the next month": (
        e19b, "SALES -100.00, REFFEE 15.00, FBAFEE 3.86, STORAGE 2.50, BANK 78.64"),
    "E20 R26 deferred over month end": (e20, "SALES -100.00, REFFEE 15.00, FBAFEE 3.86, BANK 81.14"),
    "E21 R27 order never seen": (e21, "BANK 17.38, SALES -24.99, REFFEE 3.75, FBAFEE 3.86"),
    "E22 R28 MCF order": (e22, "SALES -50.00, BANK 42.01, FBAFEE 7.99"),
    "E23 R29 free replacement": (e23, "SALES -24.99, BANK 21.13, FBAFEE 3.86"),
    "E24 R30 invoiced orders, a ledger of their own": (e24, "SALES -920.00, BANK 782.00, REFFEE 138.00"),
    "E25 R24 cross-marketplace debt": (e25, "SALES -50.00, BANK 45.00, STORAGE 5.00"),
    "E26 R7 invoice and settlement differ": (e26, "SALES -52.99, BANK 56.98, GIFT -3.99"),
    "E27 R32 unmapped, suspense": (e27, "SALES -50.00, BANK 42.23, OTHFEE 7.77"),
    "E28 R32 unmapped, hold": (e28, "SALES -50.00, BANK 42.23, OTHFEE 7.77"),
    "E29 R31 liquidation, Vine": (e29, "SALES -20.00, PROMO 20.00, BANK 81.14, FBAFEE 3.86, LIQ -85.00"),
}  # fmt: skip

POLICIES = {
    "E01b R5 the same, tax=gross": Policies(tax="gross"),
    "E27 R32 unmapped, suspense": Policies(unmapped="suspense", suspense_cap=1000, suspense_cap_percent=20),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_worked_example_ends_as_the_brief_says(name: str, snapshot: SnapshotAssertion) -> None:
    example, ending = EXAMPLES[name]
    books = Example(msgspec.structs.replace(trade.FLOW, policies=POLICIES.get(name, Policies())))

    example(books)

    assert not books.waiting, [reason.text for *_, held in books.waiting for reason in held.reasons]
    assert ended(books.standing()) == parsed(ending)
    assert trade.ledger_text(*(document for _, document in books.documents)) == snapshot


def test_e30_r25_amazon_converts_the_currency(snapshot: SnapshotAssertion) -> None:
    """All documents have Amazon's rate; the exchange difference is on receivables, an odd cent on FX."""
    flow = msgspec.structs.replace(trade.FLOW, multicurrency=True, home_currency="USD")
    books = Example(flow)
    books.mapping.accounts["CLR:CAD"] = QuickBooksRef("a-cad", "Amazon Clearing CAD", currency="CAD")
    books.invoice_in("CAD", ONE, "11-03", "100.00", rate="0.73")
    rows = [sale(ONE, "100.00"), fee(ONE, "-15.00"), fba(ONE, "-6.00")]
    held = books.settled("11-18", *rows, currency="CAD")
    assert isinstance(held, Held)
    assert [reason.code for reason in held.reasons] == ["fx_pending"]

    plan = books.settled("11-18", *rows, currency="CAD", converted=Converted(5712, "USD"))

    assert isinstance(plan, SettlementPlan)
    assert {one.document.rate for one in plan.documents} == {"0.723037974684"}
    home: dict[str, int] = {}
    texts = []
    for _, document in books.documents:
        entries = at_home(document, "USD")
        if isinstance(document, Payment):  # QuickBooks takes the invoice's rate off receivables, the difference is FX
            entries = [("AR", -7300) if account == "AR" else (account, amount) for account, amount in entries]
            entries.append(("FX", -sum(amount for _, amount in entries)))
        assert sum(amount for _, amount in entries) == 0
        texts.append(f"{document.day:%m-%d} {type(document).__name__}: {entries}")
        for account, amount in entries:
            home[account] = home.get(account, 0) + amount
    home = {account: amount for account, amount in home.items() if amount}
    assert ended(home) == parsed("SALES -73.00, FX 0.69, BANK 57.12, REFFEE 10.85, FBAFEE 4.34")
    assert "\n".join(texts) == snapshot


def parsed(ending: str) -> dict[str, int]:
    words = [entry.split() for entry in ending.split(", ") if entry]
    return {account: to_minor(amount, "USD") for account, amount in words}


def ended(balances: dict[str, int]) -> dict[str, int]:
    """Balances by the brief's account keys, without those that are zero."""
    sums: dict[str, int] = {}
    for account, amount in balances.items():
        key = account.partition(":")[0]
        sums[key] = sums.get(key, 0) + amount
    return {key: amount for key, amount in sums.items() if amount}
