"""QuickBooks' rules, one refusal or quirk each.

A rule missing here is one our client would meet first in production.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulated.quickbooks.hand import Hand, at_hand, code_of

Body = dict[str, Any]


@pytest.fixture
def hand() -> Iterator[Hand]:
    with at_hand() as hand:
        furnish(hand)
        yield hand


def furnish(hand: Hand) -> None:
    hand.post("Customer", {"DisplayName": "Amazon.com sales (USD)"})
    hand.post("Account", {"Name": "Amazon Clearing", "AccountType": "Other Current Asset"})
    hand.post("Account", {"Name": "Loan", "AccountSubType": "LoanPayable"})


def line(amount: Any = 24.99, **detail: Any) -> Body:
    detail = {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "NON"}, **detail}
    detail = {name: value for name, value in detail.items() if value is not None}
    return {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}


def invoice(*lines: Body, **members: Any) -> Body:
    return {
        "CustomerRef": {"value": "1"},
        "TxnDate": "2026-11-20",
        "Line": list(lines) or [line()],
        **members,
    }


def payment(total: Any, *links: tuple[str, Any], kind: str = "Invoice", **members: Any) -> Body:
    return {
        "CustomerRef": {"value": "1"},
        "TxnDate": "2026-11-21",
        "TotalAmt": total,
        "Line": [{"Amount": amount, "LinkedTxn": [{"TxnId": txn, "TxnType": kind}]} for txn, amount in links],
        **members,
    }


def linked(txn: str, amount: Any, kind: str = "Payment") -> Body:
    return {"Amount": amount, "LinkedTxn": [{"TxnId": txn, "TxnType": kind, "TxnLineId": "0"}]}


def direct(account: Body, amount: Any) -> Body:
    return {"Amount": amount, "DetailType": "DepositLineDetail", "DepositLineDetail": {"AccountRef": account}}


def deposit(hand: Hand, *lines: Body, **members: Any) -> Body:
    bank = hand.account(hand.facts["bank_account"])
    return {"DepositToAccountRef": bank, "TxnDate": "2026-11-22", "Line": list(lines), **members}


def journal_line(account: Body, posting: str, amount: Any, **detail: Any) -> Body:
    detail = {"PostingType": posting, "AccountRef": account, **detail}
    return {"Amount": amount, "DetailType": "JournalEntryLineDetail", "JournalEntryLineDetail": detail}


def balances(hand: Hand) -> dict[str, str]:
    trial = hand.control("trial-balance")
    assert trial["total"] == "0.00"
    return {row["name"]: row["balance"] for row in trial["accounts"] if row["balance"] != "0.00"}


# Invoices


def test_an_invoice_answers_with_a_subtotal_the_items_account_and_an_open_balance(hand: Hand) -> None:
    made = hand.post("Invoice", invoice(line(20), line(4.99), DocNumber="113-1234567-1234567"))
    assert made["TotalAmt"] == made["Balance"] == Decimal("24.99")
    assert [row["DetailType"] for row in made["Line"]] == ["SalesItemLineDetail"] * 2 + ["SubTotalLineDetail"]
    assert made["Line"][0]["SalesItemLineDetail"]["ItemAccountRef"]["name"] == "Services"
    assert balances(hand) == {"Accounts Receivable (A/R)": "24.99", "Services": "-24.99"}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"CustomerRef": None}, "2020"),
        ({"CustomerRef": {"value": "99"}}, "2500"),
        ({"Line": []}, "2020"),
        ({"Line": [{"Amount": 1}]}, "2020"),
        ({"Line": [line(None)]}, "2020"),
        ({"Line": [line(ItemRef={"value": "99"})]}, "2500"),
        ({"Line": [line(10.01, UnitPrice=5, Qty=2)]}, "6070"),
        ({"Line": [line(TaxCodeRef={"value": "5"})]}, "6100"),
        ({"Line": [line(-1)]}, "6000"),
        ({"Line": [line("1.005")]}, "6000"),
        ({"Line": [line("a lot")]}, "2010"),
        ({"Line": [line(Mystery=1)]}, "2010"),
        ({"Line": [{**line(), "DetailType": "Poem"}]}, "2170"),
        ({"TxnDate": "yesterday"}, "2010"),
        ({"DocNumber": "N" * 22}, "2050"),
        ({"PrivateNote": "n" * 4001}, "2050"),
        ({"CurrencyRef": {"value": "EUR"}}, "6000"),
    ],
)
def test_a_defective_invoice_is_refused(hand: Hand, change: Body, code: str) -> None:
    body = {name: value for name, value in invoice(**change).items() if value is not None}
    assert code_of(hand.post("Invoice", body)) == code
    assert hand.control("documents")["Invoice"] == 0


def test_quantity_times_price_is_compared_after_rounding_to_cents(hand: Hand) -> None:
    assert hand.post("Invoice", invoice(line(10, UnitPrice="3.3333333", Qty=3)))["TotalAmt"] == 10


def test_a_line_without_an_item_is_only_documentation(hand: Hand) -> None:
    assert hand.post("Invoice", invoice(line(5), line(7, ItemRef=None)))["TotalAmt"] == 5


def test_a_number_used_twice_is_refused_and_the_detail_names_its_owner(hand: Hand) -> None:
    first = hand.post("Invoice", invoice(DocNumber="A"))
    again = hand.post("Invoice", invoice(DocNumber="A"))
    assert code_of(again) == "6140"
    assert again["Fault"]["Error"][0]["Detail"].endswith(f"TxnType=Invoice with TxnId={first['Id']}")
    assert "Id" in hand.post("Invoice", invoice(DocNumber="A"), include="allowduplicatedocnum")
    assert "Id" in hand.post("CreditMemo", invoice(DocNumber="A"))  # each form has its own numbers


def test_without_the_users_warning_a_number_can_be_used_twice(hand: Hand) -> None:
    hand.control("dials", {"warn_duplicate_numbers": False})
    assert hand.post("Invoice", invoice(DocNumber="A"))["Id"] != hand.post("Invoice", invoice(DocNumber="A"))["Id"]


def test_without_custom_numbers_quickbooks_numbers_itself(hand: Hand) -> None:
    hand.control("dials", {"custom_txn_numbers": False})
    numbers = [hand.post("Invoice", invoice(DocNumber="A"))["DocNumber"] for _ in range(2)]
    assert numbers == ["1001", "1002"]
    assert hand.preferences()["SalesFormsPrefs"]["CustomTxnNumbers"] is False


def test_with_custom_numbers_a_blank_number_stays_blank(hand: Hand) -> None:
    assert "DocNumber" not in hand.post("Invoice", invoice())


def test_with_automated_sales_tax_a_line_without_a_code_is_taxed() -> None:
    with at_hand(ast_rate=Decimal("0.0825")) as hand:
        furnish(hand)
        taxed = hand.post("Invoice", invoice(line(100, TaxCodeRef=None), line(50)))
        assert (taxed["TotalAmt"], taxed["TxnTaxDetail"]["TotalTax"]) == (Decimal("158.25"), Decimal("8.25"))
        assert balances(hand)["Sales Tax Payable"] == "-8.25"
        assert hand.post("Invoice", invoice(line(100)))["TotalAmt"] == 100
        overridden = hand.post("Invoice", invoice(line(100, TaxCodeRef=None), TxnTaxDetail={"TotalTax": 0}))
        assert overridden["TotalAmt"] == 100


def test_without_sales_tax_a_missing_code_is_answered_non(hand: Hand) -> None:
    made = hand.post("Invoice", invoice(line(TaxCodeRef=None)))
    assert made["Line"][0]["SalesItemLineDetail"]["TaxCodeRef"] == {"value": "NON"}


def test_a_discount_line_lowers_the_total(hand: Hand) -> None:
    discount = {"Amount": 3, "DetailType": "DiscountLineDetail", "DiscountLineDetail": {"PercentBased": False}}
    assert hand.post("Invoice", invoice(line(10), discount))["TotalAmt"] == 7
    assert balances(hand) == {"Accounts Receivable (A/R)": "7.00", "Services": "-10.00", "Discounts given": "3.00"}
    hand.control("dials", {"allow_discount": False})
    assert code_of(hand.post("Invoice", invoice(line(10), discount))) == "6000"


# Versions


def test_a_stale_version_is_refused(hand: Hand) -> None:
    made = hand.post("Invoice", invoice())
    change = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "PrivateNote": "first"}
    assert hand.post("Invoice", change)["SyncToken"] == "1"
    assert code_of(hand.post("Invoice", change)) == "5010"
    assert code_of(hand.post("Invoice", {"Id": made["Id"], "SyncToken": "0"}, operation="delete")) == "5010"
    assert code_of(hand.post("Invoice", {"Id": made["Id"], "sparse": True})) == "2020"


def test_a_sparse_update_keeps_what_it_does_not_name_and_a_full_one_clears_it(hand: Hand) -> None:
    made = hand.post("Invoice", invoice(PrivateNote="keep", DocNumber="A", TrackingNum="1Z"))
    sparse = hand.post("Invoice", {"Id": "1", "SyncToken": "0", "sparse": True, "TrackingNum": "2Z"})
    assert (sparse["PrivateNote"], sparse["TrackingNum"], sparse["DocNumber"]) == ("keep", "2Z", "A")
    full = hand.post("Invoice", {**invoice(DocNumber="A"), "Id": made["Id"], "SyncToken": "1"})
    assert not {"PrivateNote", "TrackingNum"} & set(full)


def test_a_line_sent_without_its_id_becomes_a_new_line(hand: Hand) -> None:
    hand.post("Invoice", invoice(line(1), line(2)))
    body = invoice({**line(1), "Id": "1"}, line(5), Id="1", SyncToken="0")
    changed = hand.post("Invoice", body)
    assert [row.get("Id") for row in changed["Line"]] == ["1", "3", None]
    assert balances(hand)["Accounts Receivable (A/R)"] == "6.00"


def test_two_lines_with_the_same_id_stay_two_lines(hand: Hand) -> None:
    hand.post("Invoice", invoice(line(1)))
    changed = hand.post("Invoice", invoice({**line(1), "Id": "1"}, {**line(2), "Id": "1"}, Id="1", SyncToken="0"))
    assert [row.get("Id") for row in changed["Line"]] == ["1", "2", None]


def test_what_was_read_can_be_sent_back_unchanged(hand: Hand) -> None:
    hand.post("Invoice", invoice(line(24.99, UnitPrice=24.99, Qty=1), DocNumber="A", PrivateNote="n"))
    read = hand.get("Invoice", "1")
    again = hand.post("Invoice", read)
    for moving in ("SyncToken", "MetaData"):
        read.pop(moving), again.pop(moving)
    assert again == read


def test_a_refused_update_changes_nothing(hand: Hand) -> None:
    hand.post("Invoice", invoice(DocNumber="A"))
    before, books = hand.get("Invoice", "1"), balances(hand)
    bad = invoice(line(10.01, UnitPrice=5, Qty=2), Id="1", SyncToken="0")
    assert code_of(hand.post("Invoice", bad)) == "6070"
    assert (hand.get("Invoice", "1"), balances(hand)) == (before, books)


# Void and delete


def test_a_voided_invoice_stands_at_zero_and_keeps_its_number(hand: Hand) -> None:
    hand.post("Invoice", invoice(DocNumber="A"))
    voided = hand.post("Invoice", {"Id": "1", "SyncToken": "0"}, operation="void")
    assert (voided["TotalAmt"], voided["Balance"], voided["PrivateNote"]) == (0, 0, "Voided")
    assert [row["Amount"] for row in voided["Line"]] == [0, 0]
    assert balances(hand) == {}
    assert code_of(hand.post("Invoice", invoice(DocNumber="A"))) == "6140"


def test_voiding_or_deleting_a_paid_invoice_leaves_its_payment_unapplied(hand: Hand) -> None:
    for operation in ("void", "delete"):
        made = hand.post("Invoice", invoice(line(10)))
        paid = hand.post("Payment", payment(10, (made["Id"], 10)))
        token = hand.get("Invoice", made["Id"])["SyncToken"]
        gone = hand.post("Invoice", {"Id": made["Id"], "SyncToken": token}, operation=operation)
        assert gone.get("LinkedTxn", []) == []
        after = hand.get("Payment", paid["Id"])
        assert (after["UnappliedAmt"], after["Line"], after["SyncToken"]) == (10, [], "1")
    assert balances(hand) == {"Undeposited Funds": "20.00", "Accounts Receivable (A/R)": "-20.00"}


def test_a_deleted_invoice_is_gone_and_frees_its_number(hand: Hand) -> None:
    hand.post("Invoice", invoice(DocNumber="A"))
    gone = hand.post("Invoice", {"Id": "1", "SyncToken": "0"}, operation="delete")
    assert gone == {"domain": "QBO", "status": "Deleted", "Id": "1"}
    assert code_of(hand.post("Invoice", {"Id": "1", "SyncToken": "0"}, operation="delete")) == "610"
    assert "Id" in hand.post("Invoice", invoice(DocNumber="A"))


def test_a_payment_is_voided_by_include(hand: Hand) -> None:
    hand.post("Invoice", invoice(line(10)))
    paid = hand.post("Payment", payment(10, ("1", 10)))
    body = {"Id": paid["Id"], "SyncToken": "0", "sparse": True}
    assert hand.post("Payment", body, operation="update", include="void")["TotalAmt"] == 0
    assert hand.get("Invoice", "1")["Balance"] == 10


# Payments


def test_a_payment_settles_invoices_and_gives_them_a_new_version(hand: Hand) -> None:
    hand.post("Invoice", invoice(line(10)))
    hand.post("Invoice", invoice(line(20)))
    paid = hand.post("Payment", payment(25, ("1", 10), ("2", 12)))
    assert (paid["UnappliedAmt"], paid["DepositToAccountRef"]["name"]) == (3, "Undeposited Funds")
    one, two = hand.get("Invoice", "1"), hand.get("Invoice", "2")
    assert (one["Balance"], one["SyncToken"], two["Balance"]) == (0, "1", 8)
    assert one["LinkedTxn"] == [{"TxnId": paid["Id"], "TxnType": "Payment"}]
    assert hand.get("Customer", "1")["Balance"] == 5


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({**payment(1), "TotalAmt": None}, "6000"),
        ({**payment(1), "CustomerRef": None}, "2020"),
        (payment(10, ("1", 11)), "6000"),
        (payment(9, ("1", 10)), "6000"),
        (payment(12, ("1", 6), ("1", 6)), "6000"),
        (payment(10, ("99", 10)), "2500"),
        (payment(10, ("1", 10), kind="Estimate"), "620"),
        (payment(10, ("1", 10), CustomerRef={"value": "2"}), "6000"),
        (payment(10, PaymentRefNum="9" * 22), "2050"),
    ],
)
def test_a_defective_payment_is_refused_and_the_invoice_stays_open(hand: Hand, body: Body, code: str) -> None:
    hand.post("Customer", {"DisplayName": "Somebody else"})
    hand.post("Invoice", invoice(line(10)))
    assert code_of(hand.post("Payment", {name: value for name, value in body.items() if value is not None})) == code
    assert hand.get("Invoice", "1")["Balance"] == 10


def test_a_payment_goes_to_a_bank_or_another_current_asset_only(hand: Hand) -> None:
    hand.post("Invoice", invoice(line(10)))
    wrong = payment(10, ("1", 10), DepositToAccountRef=hand.account("Office Expenses"))
    assert code_of(hand.post("Payment", wrong)) == "6000"
    right = payment(10, ("1", 10), DepositToAccountRef=hand.account("Amazon Clearing"))
    assert hand.post("Payment", right)["DepositToAccountRef"]["name"] == "Amazon Clearing"


def test_a_parents_payment_may_settle_its_sub_customers_invoice(hand: Hand) -> None:
    child = hand.post("Customer", {"DisplayName": "Sub", "Job": True, "ParentRef": {"value": "1"}})
    made = hand.post("Invoice", invoice(line(10), CustomerRef={"value": child["Id"]}))
    assert hand.post("Payment", payment(10, (made["Id"], 10)))["UnappliedAmt"] == 0


def test_a_zero_payment_ties_a_credit_memo_to_an_invoice(hand: Hand) -> None:
    hand.post("Invoice", invoice(line(10)))
    hand.post("CreditMemo", invoice(line(4)))
    body = payment(0, ("1", 4))
    body["Line"] += payment(0, ("2", 4), kind="CreditMemo")["Line"]
    assert hand.post("Payment", body)["UnappliedAmt"] == 0
    assert hand.get("Invoice", "1")["Balance"] == 6
    assert hand.get("CreditMemo", "2")["RemainingCredit"] == 0
    assert balances(hand) == {"Accounts Receivable (A/R)": "6.00", "Services": "-6.00"}


def test_changing_a_payment_gives_back_what_it_had_taken(hand: Hand) -> None:
    hand.post("Invoice", invoice(line(10)))
    paid = hand.post("Payment", payment(10, ("1", 10)))
    hand.post("Payment", {**payment(10, ("1", 4)), "Id": paid["Id"], "SyncToken": "0"})
    assert hand.get("Invoice", "1")["Balance"] == 6
    hand.post("Payment", {"Id": paid["Id"], "SyncToken": "1"}, operation="delete")
    assert hand.get("Invoice", "1")["Balance"] == 10
    assert hand.get("Invoice", "1")["LinkedTxn"] == []


def test_a_paid_invoice_cannot_become_smaller_than_what_was_paid(hand: Hand) -> None:
    hand.post("Invoice", invoice(line(10)))
    hand.post("Payment", payment(6, ("1", 6)))
    assert code_of(hand.post("Invoice", invoice(line(5), Id="1", SyncToken="1"))) == "6000"
    assert hand.post("Invoice", invoice(line(8), Id="1", SyncToken="1"))["Balance"] == 2


# Deposits


def undeposited(hand: Hand, amount: Any = 1675.52) -> str:
    made = hand.post("Invoice", invoice(line(amount)))
    identity: str = hand.post("Payment", payment(amount, (made["Id"], amount)))["Id"]
    return identity


def test_a_deposits_linked_amount_is_answered_without_its_cents(hand: Hand) -> None:
    made = hand.post("Deposit", deposit(hand, linked(undeposited(hand), 1675.52)))
    assert made["Line"][0]["Amount"] == 1675
    assert made["TotalAmt"] == Decimal("1675.52")
    assert "DetailType" not in made["Line"][0]
    assert balances(hand) == {"Checking": "1675.52", "Services": "-1675.52"}


def test_fees_are_negative_direct_lines(hand: Hand) -> None:
    paid = undeposited(hand, 100)
    made = hand.post("Deposit", deposit(hand, linked(paid, 100), direct(hand.account("Office Expenses"), -15.5)))
    assert made["TotalAmt"] == Decimal("84.5")
    assert balances(hand) == {"Checking": "84.50", "Office Expenses": "15.50", "Services": "-100.00"}


def test_a_deposit_below_zero_is_refused(hand: Hand) -> None:
    body = deposit(hand, direct(hand.account("Services"), 10), direct(hand.account("Office Expenses"), -10.01))
    assert code_of(hand.post("Deposit", body)) == "6000"
    assert balances(hand) == {}


@pytest.mark.parametrize(
    ("account", "accepted"),
    [
        ("Services", True),
        ("Cost of Goods Sold", True),
        ("Office Expenses", True),
        ("Amazon Clearing", True),
        ("Opening Balance Equity", True),
        ("Loan", False),
        ("Savings", False),
        ("Visa", False),
        ("Accounts Receivable (A/R)", False),
        ("Accounts Payable (A/P)", False),
    ],
)
def test_a_direct_deposit_line_takes_only_the_documented_account_types(
    hand: Hand, account: str, accepted: bool
) -> None:
    answer = hand.post("Deposit", deposit(hand, direct(hand.account(account), 5)))
    assert code_of(answer) == ("" if accepted else "6000")


def test_a_linked_line_with_a_detail_type_is_taken_for_a_direct_one(hand: Hand) -> None:
    body = deposit(hand, {**linked(undeposited(hand), 1675.52), "DetailType": "DepositLineDetail"})
    answer = hand.post("Deposit", body)
    assert code_of(answer) == "2020"
    assert answer["Fault"]["Error"][0]["element"] == "Line.DepositLineDetail.AccountRef"


def test_a_deposit_takes_a_payment_whole_and_once(hand: Hand) -> None:
    paid = undeposited(hand, 100)
    assert code_of(hand.post("Deposit", deposit(hand, linked(paid, 60)))) == "6000"
    hand.post("Deposit", deposit(hand, linked(paid, 100)))
    assert code_of(hand.post("Deposit", deposit(hand, linked(paid, 100)))) == "620"
    made = hand.post("Invoice", invoice(line(5)))
    elsewhere = payment(5, (made["Id"], 5), DepositToAccountRef=hand.account("Amazon Clearing"))
    not_waiting = hand.post("Payment", elsewhere)["Id"]
    assert code_of(hand.post("Deposit", deposit(hand, linked(not_waiting, 5)))) == "620"


def test_a_deposited_payment_is_locked_until_the_deposit_is_deleted(hand: Hand) -> None:
    paid = undeposited(hand, 100)
    made = hand.post("Deposit", deposit(hand, linked(paid, 100)))
    token = hand.get("Payment", paid)["SyncToken"]
    assert token == "1"
    change = {"Id": paid, "SyncToken": token, "sparse": True, "PrivateNote": "n"}
    assert code_of(hand.post("Payment", change)) == "6540"
    assert code_of(hand.post("Payment", change, operation="delete")) == "6540"
    hand.post("Deposit", {"Id": made["Id"], "SyncToken": "0"}, operation="delete")
    assert hand.post("Payment", {**change, "SyncToken": "2"})["PrivateNote"] == "n"


def test_a_deposit_takes_receipts_refunds_and_journals_out_of_undeposited_funds(hand: Hand) -> None:
    waiting = hand.account("Undeposited Funds")
    hand.post("SalesReceipt", {"Line": [line(50)]})
    hand.post("RefundReceipt", {"Line": [line(20)], "DepositToAccountRef": waiting})
    lines = [journal_line(waiting, "Debit", 5), journal_line(hand.account("Loan"), "Credit", 5)]
    hand.post("JournalEntry", {"Line": lines})
    rows = [linked("1", 50, "SalesReceipt"), linked("2", -20, "RefundReceipt"), linked("3", 5, "JournalEntry")]
    assert hand.post("Deposit", deposit(hand, *rows))["TotalAmt"] == 35
    assert balances(hand) == {"Checking": "35.00", "Services": "-30.00", "Loan": "-5.00"}


def test_a_deposit_has_no_number_and_cannot_be_voided(hand: Hand) -> None:
    made = hand.post("Deposit", deposit(hand, direct(hand.account("Services"), 5), DocNumber="S-1"))
    assert "DocNumber" not in made
    assert code_of(hand.post("Deposit", {"Id": made["Id"], "SyncToken": "0"}, operation="void")) == "500"


def test_cash_back_lowers_what_the_bank_gets(hand: Hand) -> None:
    cash = {"AccountRef": hand.account("Savings"), "Amount": 2}
    made = hand.post("Deposit", deposit(hand, direct(hand.account("Services"), 5), CashBack=cash))
    assert made["TotalAmt"] == 3
    assert balances(hand) == {"Checking": "3.00", "Savings": "2.00", "Services": "-5.00"}


def test_a_deposit_is_read_and_sent_back_in_spite_of_the_lost_cents(hand: Hand) -> None:
    made = hand.post("Deposit", deposit(hand, linked(undeposited(hand), 1675.52)))
    again = hand.post("Deposit", {**made, "PrivateNote": "AMZ:1"})
    assert (again["TotalAmt"], again["PrivateNote"]) == (made["TotalAmt"], "AMZ:1")


# Journals, receipts, purchases


@pytest.mark.parametrize(
    ("debit", "credit", "code"),
    [(10, 10, ""), (10, 9.99, "2300"), (-10, -10, "2290")],
)
def test_a_journal_balances_with_positive_amounts(hand: Hand, debit: Any, credit: Any, code: str) -> None:
    lines = [
        journal_line(hand.account("Office Expenses"), "Debit", debit),
        journal_line(hand.account("Loan"), "Credit", credit),
    ]
    answer = hand.post("JournalEntry", {"TxnDate": "2026-11-20", "Line": lines})
    assert code_of(answer) == code
    if not code:
        assert (answer["TotalAmt"], "DocNumber" in answer) == (0, False)
        assert balances(hand) == {"Office Expenses": "10.00", "Loan": "-10.00"}


def test_a_journal_line_in_receivables_needs_a_customer(hand: Hand) -> None:
    entity = {"Type": "Customer", "EntityRef": {"value": "1"}}
    receivable = hand.account("Accounts Receivable (A/R)")
    credit = journal_line(hand.account("Services"), "Credit", 10)
    without = {"Line": [journal_line(receivable, "Debit", 10), credit]}
    assert code_of(hand.post("JournalEntry", without)) == "6000"
    hand.post("JournalEntry", {"Line": [journal_line(receivable, "Debit", 10, Entity=entity), credit]})
    assert hand.get("Customer", "1")["Balance"] == 10


def test_a_journals_number_is_checked_only_when_the_preference_says_so(hand: Hand) -> None:
    lines = [journal_line(hand.account("Loan"), side, 1) for side in ("Debit", "Credit")]
    body = {"DocNumber": "J", "Line": lines}
    assert code_of(hand.post("JournalEntry", body)) == code_of(hand.post("JournalEntry", body)) == ""
    hand.control("dials", {"warn_duplicate_journal_number": True})
    assert code_of(hand.post("JournalEntry", body)) == "6140"


def test_receipts_credit_memos_and_purchases_post_where_they_should(hand: Hand) -> None:
    clearing = hand.account("Amazon Clearing")
    hand.post("SalesReceipt", {"Line": [line(50)], "DepositToAccountRef": clearing})
    hand.post("RefundReceipt", {"Line": [line(20)], "DepositToAccountRef": clearing})
    hand.post("CreditMemo", invoice(line(5)))
    spent = {
        "Amount": 7,
        "DetailType": "AccountBasedExpenseLineDetail",
        "AccountBasedExpenseLineDetail": {"AccountRef": hand.account("Office Expenses")},
    }
    card = {"PaymentType": "CreditCard", "AccountRef": hand.account("Visa"), "Line": [spent]}
    assert hand.post("Purchase", card)["TotalAmt"] == 7
    hand.post("Purchase", {**card, "Credit": True, "Line": [{**spent, "Amount": 2}]})
    assert balances(hand) == {
        "Amazon Clearing": "30.00",
        "Services": "-25.00",
        "Accounts Receivable (A/R)": "-5.00",
        "Office Expenses": "5.00",
        "Visa": "-5.00",
    }


def test_a_refund_receipt_says_where_the_money_comes_from_and_a_purchase_how_it_is_paid(hand: Hand) -> None:
    assert code_of(hand.post("RefundReceipt", {"Line": [line(20)]})) == "2020"
    wrong = {"PaymentType": "CreditCard", "AccountRef": hand.account("Checking"), "Line": [line()]}
    assert code_of(hand.post("Purchase", wrong)) == "6000"


# Closed books


@pytest.mark.parametrize(("password", "code"), [(False, "6200"), (True, "6210")])
def test_nothing_is_written_into_a_closed_period(hand: Hand, password: bool, code: str) -> None:
    hand.post("Invoice", invoice(TxnDate="2026-10-31"))
    hand.control("dials", {"book_close_date": "2026-10-31", "book_close_password": password})
    assert code_of(hand.post("Invoice", invoice(TxnDate="2026-10-31"))) == code
    assert code_of(hand.post("Invoice", {"Id": "1", "SyncToken": "0"}, operation="delete")) == code
    moved = {"Id": "1", "SyncToken": "0", "sparse": True, "TxnDate": "2026-11-01"}
    assert code_of(hand.post("Invoice", moved)) == code
    assert "Id" in hand.post("Invoice", invoice(TxnDate="2026-11-01"))
    assert hand.preferences()["AccountingInfoPrefs"]["BookCloseDate"] == "2026-10-31"


# Name lists


@pytest.mark.parametrize(
    ("entity", "body", "code"),
    [
        ("Account", {"Name": "A"}, "6010"),
        ("Account", {"AccountType": "Income"}, "2020"),
        ("Account", {"Name": "A:B", "AccountType": "Income"}, "2040"),
        ("Account", {"Name": 'A"B', "AccountType": "Income"}, "2040"),
        ("Account", {"Name": "A" * 101, "AccountType": "Income"}, "2050"),
        ("Account", {"Name": "A", "AccountType": "Treasure"}, "2170"),
        ("Account", {"Name": "A", "AccountSubType": "Treasure"}, "2170"),
        ("Account", {"Name": "A", "AccountType": "Income", "AccountSubType": "Checking"}, "6000"),
        ("Account", {"Name": "A", "AccountType": "Income", "AcctNum": "12345678"}, "2050"),
        ("Account", {"Name": "CHECKING", "AccountType": "Bank"}, "6240"),
        ("Account", {"Name": "A", "AccountType": "Bank", "CurrencyRef": {"value": "EUR"}}, "6000"),
        ("Item", {"Name": "I"}, "2020"),
        ("Item", {"Name": "I", "IncomeAccountRef": {"value": "999"}}, "2500"),
        ("Item", {"Name": "services", "IncomeAccountRef": {"value": "10"}}, "6240"),
        ("Item", {"Name": "I:J", "IncomeAccountRef": {"value": "10"}}, "2040"),
        ("Item", {"Name": "I", "Type": "Inventory", "IncomeAccountRef": {"value": "10"}}, "2170"),
        ("Customer", {}, "2020"),
        ("Customer", {"DisplayName": "a:b"}, "2040"),
        ("Customer", {"DisplayName": "AMAZON.com sales (usd)"}, "6240"),
        ("Customer", {"DisplayName": "C", "Mystery": 1}, "2010"),
        ("Vendor", {"DisplayName": "Amazon.com sales (USD)"}, "6240"),
    ],
)
def test_a_defective_name_is_refused(hand: Hand, entity: str, body: Body, code: str) -> None:
    assert code_of(hand.post(entity, body)) == code


def test_an_inactive_name_stays_taken_and_cannot_be_used(hand: Hand) -> None:
    hand.post("Customer", {"Id": "1", "SyncToken": "0", "sparse": True, "Active": False})
    assert code_of(hand.post("Customer", {"DisplayName": "Amazon.com sales (USD)"})) == "6240"
    assert code_of(hand.post("Invoice", invoice())) == "610"
    renamed = {"Id": "1", "SyncToken": "1", "sparse": True, "DisplayName": "Old"}
    assert hand.post("Customer", renamed)["Active"] is False
    assert "Id" in hand.post("Customer", {"DisplayName": "Amazon.com sales (USD)"})


def test_a_rename_may_not_take_anothers_name(hand: Hand) -> None:
    hand.post("Customer", {"DisplayName": "Other"})
    taken = {"Id": "2", "SyncToken": "0", "sparse": True, "DisplayName": "Amazon.com sales (USD)"}
    assert code_of(hand.post("Customer", taken)) == "6240"
    assert hand.post("Customer", {**taken, "DisplayName": "OTHER"})["DisplayName"] == "OTHER"


def test_a_stale_name_is_refused(hand: Hand) -> None:
    assert code_of(hand.post("Customer", {"Id": "1", "SyncToken": "7", "sparse": True})) == "5010"


def test_a_sub_account_is_named_by_its_parents(hand: Hand) -> None:
    parent = hand.account("Amazon Clearing")
    body = {"Name": "US1", "AccountType": "Other Current Asset", "SubAccount": True, "ParentRef": parent}
    assert hand.post("Account", body)["FullyQualifiedName"] == "Amazon Clearing:US1"
    assert code_of(hand.post("Account", body)) == "6240"
    assert code_of(hand.post("Account", {**body, "AccountType": "Income"})) == "6000"


def test_the_plan_limits_accounts(hand: Hand) -> None:
    hand.control("dials", {"account_limit": 18})
    assert code_of(hand.post("Account", {"Name": "One too many", "AccountType": "Income"})) == "6000"


def test_an_accounts_balance_is_what_the_ledger_says(hand: Hand) -> None:
    hand.post("SalesReceipt", {"Line": [line(50)], "DepositToAccountRef": hand.account("Checking")})
    assert hand.get("Account", hand.account("Checking")["value"])["CurrentBalance"] == 50
    assert hand.get("Account", hand.account("Services")["value"])["CurrentBalance"] == 0


# Currencies


@pytest.fixture
def abroad() -> Iterator[Hand]:
    with at_hand(multi_currency=True) as hand:
        hand.post("Customer", {"DisplayName": "US"})
        hand.post("Customer", {"DisplayName": "DE", "CurrencyRef": {"value": "EUR"}})
        hand.post("Account", {"Name": "Clearing EUR", "AccountType": "Other Current Asset", **euro()})
        yield hand


def euro() -> Body:
    return {"CurrencyRef": {"value": "EUR"}}


def test_currencies_must_agree(abroad: Hand) -> None:
    german = {"CustomerRef": {"value": "2"}}
    assert code_of(abroad.post("Invoice", invoice(**german))) == "2020"
    assert code_of(abroad.post("Invoice", invoice(CurrencyRef={"value": "USD"}, **german))) == "6000"
    made = abroad.post("Invoice", invoice(line(100), **euro(), **german))
    assert made["CurrencyRef"]["value"] == "EUR"
    paid = payment(100, (made["Id"], 100)) | german
    into_dollars = {**paid, "DepositToAccountRef": abroad.account("Checking"), **euro()}
    assert code_of(abroad.post("Payment", into_dollars)) == "6000"
    assert code_of(abroad.post("Payment", {**paid, "CurrencyRef": {"value": "USD"}})) == "6000"
    changed = {"Id": "2", "SyncToken": "0", "sparse": True, "CurrencyRef": {"value": "USD"}}
    assert code_of(abroad.post("Customer", changed)) == "6000"
    assert code_of(abroad.post("Account", {"Name": "E", "AccountType": "Income", **euro()})) == "6000"


def test_a_rate_that_moved_becomes_an_exchange_loss_and_both_currencies_balance(abroad: Hand) -> None:
    german = {"CustomerRef": {"value": "2"}}
    made = abroad.post("Invoice", invoice(line(99.99), ExchangeRate="1.1111", **euro(), **german))
    clearing = abroad.account("Clearing EUR")
    for amount in (33.33, 33.33, 33.33):  # at the invoice's rate three times 37.03, but 111.10 is to be relieved
        members = {"ExchangeRate": "1.05", "DepositToAccountRef": clearing, **euro(), **german}
        assert code_of(abroad.post("Payment", payment(amount, (made["Id"], amount)) | members)) == ""
    trial = abroad.control("trial-balance")
    assert (trial["total"], trial["total_by_currency"]) == ("0.00", {"EUR": "0.00"})
    assert balances(abroad) == {"Services": "-111.10", "Exchange Gain or Loss": "6.10", "Clearing EUR": "105.00"}
    assert abroad.get("Account", clearing["value"])["CurrentBalance"] == Decimal("99.99")


def test_preferences_tell_the_currencies(abroad: Hand) -> None:
    prefs = abroad.preferences()["CurrencyPrefs"]
    assert prefs == {"MultiCurrencyEnabled": True, "HomeCurrency": {"value": "USD"}}
