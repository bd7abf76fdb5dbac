"""Rules of accounting.md that have no worked example of their own, and what they refuse."""

from datetime import date

import msgspec
import pytest
import trade
from company import under
from syrupy.assertion import SnapshotAssertion
from worked import ONE, TWO, Example, at, fba, fee, other, pair, refund, sale, service, sold

from domain.document import Deposit
from domain.errors import BadInput
from domain.mapping import QuickBooksRef
from domain.policy import Policies, policies_from, policy_words
from domain.posting_rules import Held, SettlementPlan, plan_settlement
from domain.posting_rules.accruals import Deferred, accrual_of
from domain.posting_rules.currency import Converted, at_home, rate_of

NOVEMBER = date(2026, 11, 18)


DEFAULT = Policies()


def example(policies: Policies = DEFAULT) -> Example:
    return Example(under(policies))


def codes(outcome: object) -> list[str]:
    assert isinstance(outcome, Held), outcome
    return [reason.code for reason in outcome.reasons]


def test_r6_what_amazon_did_not_withhold_is_told() -> None:
    plan = example().settled("11-18", *pair("", "1.00", "-0.40"))
    assert isinstance(plan, SettlementPlan)
    assert [(note.code, note.amount) for note in plan.notes] == [("tax_not_withheld", 60)]


@pytest.mark.parametrize("kind", ["Order_Retrocharge", "Refund_Retrocharge"])
def test_r16_late_tax_and_its_withholding_cancel_out(kind: str) -> None:
    books = example()
    plan = books.settled("11-18", *pair(ONE, "2.06", "-2.06", kind), other("SAFE-T Reimbursement", "1.00"))
    assert isinstance(plan, SettlementPlan)
    assert plan.dispositions == {"DIRECT": 100}
    assert books.standing() == {"BANK:USD": 100, "SAFET": -100}


def test_r7_what_is_settled_beyond_an_unsent_invoice_waits_for_it() -> None:
    states, invoices = trade.invoiced([trade.order(ONE, trade.item(ITEM="20.00"))])
    rows = trade.lines(
        ("Order", "ItemPrice", "Principal", "20.00", ONE), ("Order", "ItemPrice", "GiftWrap", "3.99", ONE)
    )
    outcome = plan_settlement(trade.settlement(rows), states, trade.by_order(invoices), trade.FLOW, trade.mapping())
    assert codes(outcome) == ["settled_differs"]


def test_r7_less_is_a_variance_and_never_written_off() -> None:
    """Without a cause the invoice stays open by the difference, named by component."""
    books = example()
    books.orders_of(sold(ONE, "11-03", ITEM="20.00", SHIPPING="5.00"))
    line = msgspec.structs.replace(
        trade.lines(("Order", "ItemPrice", "Principal", "18.00", ONE))[0], quantity=1, order_item="1"
    )
    statement = trade.settlement([line], "7").closed
    assert statement is not None
    plan = books.settle(statement, [line])  # type: ignore[arg-type]
    assert isinstance(plan, SettlementPlan)
    assert [(note.code, note.amount) for note in plan.notes] == [("variance", 700)]
    assert "2.00 USD of SALES" in plan.notes[0].text
    assert "5.00 USD of SHIPINC" in plan.notes[0].text
    assert books.standing() == {"AR": 700, "BANK:USD": 1800, "SALES": -2000, "SHIPINC": -500}


def test_r10_a_payment_applies_to_the_oldest_open_invoice_first() -> None:
    books = example()
    first, second = trade.item(1, ITEM="20.00"), trade.item(2, ITEM="30.00")
    books.orders_of(trade.order(ONE, first, msgspec.structs.replace(second, shipped=0), status="PARTIALLY_SHIPPED"))
    books.orders_of(msgspec.structs.replace(trade.order(ONE, first, second), updated=at("11-06")))
    plan = books.settled("11-18", sale(ONE, "30.00"))
    assert isinstance(plan, SettlementPlan)
    (payment,) = plan.payments.values()
    assert [(one.posting, one.amount) for one in payment.applied] == [
        (f"invoice/{ONE}", 2000),
        (f"invoice/{ONE}-2", 1000),
    ]


def test_r20_reserve_is_never_profit_or_loss() -> None:
    books = example()
    books.settled(
        "11-18", other("Previous Reserve Amount Balance", "120.00"), other("Current Reserve Amount", "-20.00")
    )
    assert books.standing() == {"BANK:USD": 10000, "RSV:USD": -10000}


@pytest.mark.parametrize(
    "row",
    [
        other("Payable to Amazon", "-5.00"),
        other("Transfer of funds unsuccessful: x", "5.00"),
        other("Failed Disbursement", "5.00"),
    ],
    ids=["a debt", "a failed transfer", "a failed disbursement"],
)
def test_r21_r22_what_nobody_booked_before_is_held(row: tuple[str, ...]) -> None:
    outcome = example().settled("11-18", row, other("SAFE-T Reimbursement", "9.00"))
    assert codes(outcome) == ["balance_moved"]


def test_r21_a_card_charge_without_an_earlier_debt_paid_a_fee_of_the_settlement(snapshot: SnapshotAssertion) -> None:
    """As in a real Canadian file: a subscription fee, and minutes later the charge of the card for it."""
    books = example()
    books.settled(
        "11-18",
        service("Subscription Fee", "-32.09"),
        other("Successful charge", "32.09"),
        ("Inbound Transportation Fee", "other-transaction", "Inbound Transportation Fee", "-321.69", "", ""),
    )
    assert books.standing() == {"CC": -3209, "CLR:USD": -32169, "INBOUND": 32169, "SUBSCR": 3209}
    assert trade.ledger_text(*(document for _, document in books.documents)) == snapshot


def test_r22_a_failed_transfer_is_taken_back_once() -> None:
    books = example()
    books.settled("11-04", other("SAFE-T Reimbursement", "14.19"))
    failed = other("Transfer of funds unsuccessful: x", "14.19")
    assert isinstance(books.settled("11-18", failed), SettlementPlan)
    assert isinstance(books.settled("11-30", failed), SettlementPlan)  # the second payout failed as well
    assert codes(books.settled("11-30", failed, failed)) == ["balance_moved"]


def test_r23_a_closed_month_takes_nothing_or_moves_by_policy() -> None:
    rows = [service("Storage Fee", "-2.50", "10-28"), other("SAFE-T Reimbursement", "9.00", "11-09")]
    closed = date(2026, 10, 31)
    held = example(Policies(lock_date=closed)).settled("11-12", *rows)
    assert [(reason.code, reason.amount) for reason in held.reasons] == [("closed_period", -250)]
    books = example(Policies(lock_date=closed, late_event="next_open_day"))
    plan = books.settled("11-12", *rows)
    assert isinstance(plan, SettlementPlan)
    assert sorted(document.day for _, document in books.documents) == [date(2026, 11, 1), date(2026, 11, 12)]


@pytest.mark.parametrize(
    ("multicurrency", "home", "converted", "code"),
    [
        (True, "USD", None, "fx_pending"),
        (True, "USD", Converted(5712, "EUR"), "currency_without_bank"),
        (True, "GBP", Converted(5712, "USD"), "fx_two_currencies"),
        (False, "USD", Converted(5712, "USD"), "fx_single_currency"),
    ],
    ids=["not told yet", "no such bank", "two foreign currencies", "a company of one currency"],
)
def test_r25_a_conversion_that_cannot_be_booked_is_held(
    multicurrency: bool, home: str, converted: Converted | None, code: str
) -> None:
    books = Example(msgspec.structs.replace(trade.FLOW, multicurrency=multicurrency, home_currency=home))
    books.mapping.accounts["CLR:CAD"] = QuickBooksRef("a-cad", "Clearing CAD")
    outcome = books.settled("11-18", other("SAFE-T Reimbursement", "79.00"), currency="CAD", converted=converted)
    assert codes(outcome) == [code]


def test_r25_the_rate_is_exact_text_and_odd_cents_are_bounded() -> None:
    assert rate_of(7900, "CAD", Converted(5712, "USD")) == "0.723037974684"
    assert rate_of(100, "JPY", Converted(70, "USD")) == "0.007"
    deposit = Deposit("1", NOVEMBER, "CAD", "USD", "CLR:CAD", 7900, (), 7900, rate="0.723037974684")
    assert at_home(deposit, "USD") == [("BANK:USD", 5712), ("CLR:CAD", -5712)]
    with pytest.raises(BadInput):
        at_home(deposit, "USD", odd_limit=-1)


def test_r26_an_accrual_needs_rules_and_accounts_and_may_be_off() -> None:
    deferred = [Deferred("t", ("Order", "ItemFees", "Moon Fee"), -5)]
    held = accrual_of(deferred, NOVEMBER, "USD", trade.FLOW, trade.mapping())
    assert codes(held) == ["unmapped"]
    assert accrual_of(deferred, NOVEMBER, "USD", under(Policies(deferred_accrual=False)), trade.mapping()) is None
    assert accrual_of([], NOVEMBER, "USD", trade.FLOW, trade.mapping()) is None


def test_r27_old_receivables_take_what_old_books_had_invoiced() -> None:
    books = example(Policies(old_orders="receivables"))
    plan = books.settled("11-18", sale(ONE, "24.99"), fee(ONE, "-3.75"))
    assert isinstance(plan, SettlementPlan)
    assert plan.recognised == {ONE: 2499}
    assert books.standing() == {"BANK:USD": 2124, "OPENING": -2499, "REFFEE": 375}


def test_r28_sales_of_another_channel_are_never_booked_unseen() -> None:
    assert codes(example().settled("11-18", sale("S01-1234567-1234567", "9.00"))) == ["not_an_amazon_order"]


def test_r33_yen_have_no_decimals_and_nothing_is_rounded() -> None:
    flow = msgspec.structs.replace(trade.NO_ORDERS, banks={"JPY": "Bank"})
    mapping = trade.mapping()
    mapping.banks = {"JPY": QuickBooksRef("b", "Bank", "Bank", "JPY")}
    mapping.accounts["CLR:JPY"] = QuickBooksRef("c", "Clearing JPY")
    books = Example(flow, mapping)
    books.settled("11-18", sale(ONE, "1001"), fee(ONE, "-151"), currency="JPY")
    assert books.standing() == {"BANK:JPY": 850, "REFFEE": 151, "SALES": -1001}


@pytest.mark.parametrize(
    "words", ["Kindle eBook Royalty", "ACX Royalties", "Merch by Amazon", "Amazon Pay", "Vendor Invoice"]
)
def test_r34_another_programmes_settlement_is_refused_politely(words: str) -> None:
    rows = trade.lines((words, "other-transaction", "Royalty", "12.00"), (words, "other-transaction", "Tax", "-2.00"))
    outcome = plan_settlement(trade.settlement(rows), {}, {}, trade.FLOW, trade.mapping())
    assert codes(outcome) == ["other_family"]
    assert outcome.amount == 1000  # type: ignore[union-attr]


def test_r35_a_wrong_sign_and_a_line_for_review_are_looked_at() -> None:
    outcome = example().settled("11-18", fee(ONE, "3.75"), other("MiscAdjustment", "-1.00"))
    assert codes(outcome) == ["unmapped", "unmapped"]


@pytest.mark.parametrize("policy", ["refund_receipt", "credit_memo"])
def test_refunds_may_be_documents_of_their_own(policy: str, snapshot: SnapshotAssertion) -> None:
    books = example(Policies(refund_document=policy))  # type: ignore[arg-type]
    books.orders_of(sold(ONE, "11-03", ITEM="60.00"))
    books.settled(
        "11-18", sale(ONE, "60.00"), refund(ONE, "-20.00"), fee(ONE, "3.00", kind="Refund"),
        fee(ONE, "-0.60", "RefundCommission", "Refund"),
    )  # fmt: skip
    assert trade.ledger_text(*(document for _, document in books.documents)) == snapshot


def test_payments_may_lie_in_undeposited_funds(snapshot: SnapshotAssertion) -> None:
    books = example(Policies(settlement_link="undeposited_linked"))
    books.orders_of(sold(ONE, "11-03", ITEM="24.99"), sold(TWO, "11-05", ITEM="60.00"))
    books.settled("11-18", sale(ONE, "24.99"), fba(ONE), sale(TWO, "60.00"))
    assert trade.ledger_text(*(document for _, document in books.documents)) == snapshot


def test_more_lines_than_a_document_takes_stand_in_journals() -> None:
    """T3: the deposit keeps one clearing line, the detail is in journals against clearing."""
    books = Example(under(Policies(unmapped="suspense", suspense_cap=10**9)))
    plan = books.settled("11-18", *[service(f"Moon Fee {number}", "1.00") for number in range(450)])
    assert isinstance(plan, SettlementPlan)
    assert [len(journal.lines) for journal in plan.journals.values()] == [200, 200, 53]
    assert plan.deposit is not None
    assert (plan.deposit.lines, plan.deposit.cleared, plan.deposit.total) == ((), 45_000, 45_000)


def test_policies_are_told_and_read_in_the_same_words() -> None:
    policies = Policies(tax="gross", month_split=False, lock_date=NOVEMBER, suspense_cap=5)
    assert policies_from(policy_words(policies), Policies()) == policies
    with pytest.raises(BadInput, match="tax 'both': expected net or gross"):
        policies_from({"tax": "both"}, Policies())


def test_the_bank_day_dates_the_deposit_if_the_policy_says_so() -> None:
    for policy, day in (
        ("bank", date(2026, 11, 20)),
        ("amazon_deposit_date", NOVEMBER),
        ("settlement_end", date(2026, 11, 16)),
    ):
        books = example(Policies(deposit_date=policy))  # type: ignore[arg-type]
        plan = books.settled("11-18", other("SAFE-T Reimbursement", "9.00"), bank_day=date(2026, 11, 20))
        assert isinstance(plan, SettlementPlan)
        assert plan.day == day
