"""The ledger under the documents. If it could be out by a cent, no test of ours that trusts it would mean anything."""

import datetime as dt
import random
from decimal import Decimal
from typing import Any

import pytest

from adapters.simulated.quickbooks.hand import Hand, at_hand, code_of
from adapters.simulated.quickbooks.ledger import Document, Ledger, LedgerError, Leg

Body = dict[str, Any]
TODAY = dt.date(2026, 11, 23)


def test_an_entry_that_does_not_balance_is_a_defect_of_the_stand_in() -> None:
    ledger = Ledger()
    for legs in ([Leg("1", 5, 5)], [Leg("1", 5, 5), Leg("2", -5, -4)]):
        with pytest.raises(LedgerError):
            ledger.post(Document("Invoice", "1"), "create", TODAY, "USD", legs)
    assert ledger.entries == []


def test_the_ledger_only_grows_and_a_change_reverses_what_stood() -> None:
    ledger, document = Ledger(), Document("Invoice", "1")
    ledger.post(document, "create", TODAY, "USD", [Leg("1", 5, 5), Leg("2", -5, -5)])
    ledger.post(document, "update", TODAY, "USD", [Leg("1", 7, 7), Leg("2", -7, -7)])
    ledger.reverse(document, "delete")
    ledger.reverse(document, "delete")
    assert [(entry.cause, entry.legs[0].amount) for entry in ledger.entries] == [
        ("create", 5),
        ("update: reversal", -5),
        ("update", 7),
        ("delete: reversal", -7),
    ]
    assert ledger.home("1") == ledger.home("2") == 0


@pytest.mark.parametrize("seed", range(6))
def test_the_trial_balance_is_zero_after_every_random_document(seed: int) -> None:
    with at_hand(multi_currency=True, ast_rate=Decimal("0.0725")) as hand:
        bookkeeper = Bookkeeper(hand, random.Random(seed))
        done = 0
        for _ in range(150):
            done += code_of(bookkeeper.act()) == ""
            trial = hand.control("trial-balance")
            assert trial["total"] == "0.00"
            assert set(trial["total_by_currency"].values()) <= {"0.00"}
            bookkeeper.check_receivables(trial)
        assert done > 75  # most of what it tries is accepted, or the test proves little


class Bookkeeper:
    """Somebody who files, changes, voids and deletes documents without much thought."""

    def __init__(self, hand: Hand, chance: random.Random) -> None:
        self.hand, self.chance = hand, chance
        self.customers: dict[str, str] = {}
        self.accounts: dict[str, Body] = {}
        self.made: dict[str, dict[str, str]] = {}  # id -> currency, by entity
        for currency in ("USD", "EUR"):
            reference = {"CurrencyRef": {"value": currency}}
            self.customers[currency] = hand.post("Customer", {"DisplayName": currency, **reference})["Id"]
            account = {"Name": f"Clearing {currency}", "AccountType": "Other Current Asset", **reference}
            self.accounts[currency] = {"value": hand.post("Account", account)["Id"]}
            hand.post("Account", {"Name": f"Bank {currency}", "AccountType": "Bank", **reference})
        self.expense = hand.account("Office Expenses")
        self.banks = {currency: hand.account(f"Bank {currency}") for currency in self.customers}

    def act(self) -> Body:
        steps = [self.sale] * 4 + [self.payment] * 4 + [self.deposit] * 2 + [self.journal, self.purchase]
        return self.chance.choice([*steps, self.take_back, self.take_back, self.change])()

    def sale(self) -> Body:
        entity = self.chance.choice(["Invoice", "Invoice", "Invoice", "CreditMemo", "SalesReceipt", "RefundReceipt"])
        body, currency = self.money()
        body["CustomerRef"] = {"value": self.customers[currency]}
        body["Line"] = [self.item_line() for _ in range(self.chance.randint(1, 4))]
        if entity in ("SalesReceipt", "RefundReceipt"):
            body["DepositToAccountRef"] = self.accounts[currency]
        return self.file(entity, body, currency)

    def item_line(self) -> Body:
        code = self.chance.choice(["TAX", "NON"])
        detail = {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": code}}
        amount = self.amount() if self.chance.random() < 0.85 else -self.amount() / 10
        return {"Amount": round(amount, 2), "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}

    def payment(self) -> Body:
        body, currency = self.money()
        lines: list[Body] = []
        total = Decimal(0)
        for entity, sign in (("Invoice", 1), ("Invoice", 1), ("CreditMemo", -1)):
            identity = self.pick(entity, currency)
            if identity is None or (sign < 0 and self.chance.random() < 0.7):
                continue
            balance = Decimal(self.hand.get(entity, identity)["Balance"])
            part = balance if self.chance.random() < 0.5 else round(balance / 3, 2)
            link = {"TxnId": identity, "TxnType": entity}
            if not any(line["LinkedTxn"] == [link] for line in lines):
                lines.append({"Amount": part, "LinkedTxn": [link]})
                total += sign * part
        body |= {"CustomerRef": {"value": self.customers[currency]}, "Line": lines}
        body["TotalAmt"] = max(total, Decimal(0)) + self.chance.choice([Decimal(0), Decimal("1.11")])
        if self.chance.random() < 0.4:
            body["DepositToAccountRef"] = self.accounts[currency]
        return self.file("Payment", body, currency)

    def deposit(self) -> Body:
        body, currency = self.money()
        detail = {"AccountRef": self.chance.choice([self.expense, self.accounts[currency]])}
        amount = round(self.amount() * self.chance.choice([1, 1, -1]), 2)
        lines: list[Body] = [{"Amount": amount, "DetailType": "DepositLineDetail", "DepositLineDetail": detail}]
        identity = self.pick("Payment", currency)
        if identity is not None:
            whole = self.hand.get("Payment", identity)["TotalAmt"]
            lines.append({"Amount": whole, "LinkedTxn": [{"TxnId": identity, "TxnType": "Payment"}]})
        return self.file("Deposit", body | {"DepositToAccountRef": self.banks[currency], "Line": lines}, currency)

    def journal(self) -> Body:
        body, currency = self.money()
        amounts = [self.amount() for _ in range(self.chance.randint(1, 3))]
        sides = [("Credit", amount, self.expense) for amount in amounts]
        sides.append(("Debit", sum(amounts, Decimal(0)), self.accounts[currency]))
        lines = [
            {
                "Amount": amount,
                "DetailType": "JournalEntryLineDetail",
                "JournalEntryLineDetail": {"PostingType": side, "AccountRef": account},
            }
            for side, amount, account in sides
        ]
        return self.file("JournalEntry", body | {"Line": lines}, currency)

    def purchase(self) -> Body:
        body, currency = self.money()
        detail = {"AccountRef": self.expense}
        kind = "AccountBasedExpenseLineDetail"
        lines = [{"Amount": self.amount(), "DetailType": kind, kind: detail} for _ in range(2)]
        body |= {"PaymentType": "Cash", "AccountRef": self.banks[currency], "Line": lines}
        return self.file("Purchase", body, currency)

    def take_back(self) -> Body:
        entity = self.chance.choice(list(self.made) or ["Invoice"])
        identity = self.pick(entity)
        if identity is None:
            return {}
        version = {"Id": identity, "SyncToken": self.hand.get(entity, identity)["SyncToken"]}
        operation = "delete" if entity == "Deposit" else self.chance.choice(["void", "delete"])
        answer = self.hand.post(entity, version, operation=operation)
        if answer.get("status") == "Deleted":
            del self.made[entity][identity]
        return answer

    def change(self) -> Body:
        identity = self.pick("Invoice")
        if identity is None:
            return {}
        body = self.hand.get("Invoice", identity)
        return self.hand.post("Invoice", body | {"Line": [*body["Line"][:-1], self.item_line()]})

    def check_receivables(self, trial: Body) -> None:
        """What customers owe is what their invoices say, less credits and unapplied payments."""
        for currency, customer in self.customers.items():
            name = "Accounts Receivable (A/R)" + ("" if currency == "USD" else f" - {currency}")
            found = [row["by_currency"].get(currency, "0") for row in trial["accounts"] if row["name"] == name]
            in_ledger = sum((Decimal(amount) for amount in found), Decimal(0))
            assert Decimal(self.hand.get("Customer", customer)["Balance"]) == in_ledger

    def file(self, entity: str, body: Body, currency: str) -> Body:
        answer = self.hand.post(entity, body)
        if "Id" in answer:
            self.made.setdefault(entity, {})[answer["Id"]] = currency
        return answer

    def pick(self, entity: str, currency: str | None = None) -> str | None:
        known = [identity for identity, money in self.made.get(entity, {}).items() if currency in (None, money)]
        return self.chance.choice(known[-8:]) if known else None

    def money(self) -> tuple[Body, str]:
        currency = self.chance.choice(list(self.customers))
        body: Body = {"CurrencyRef": {"value": currency}, "TxnDate": "2026-11-20"}
        if currency != "USD":
            body["ExchangeRate"] = Decimal(self.chance.randint(90000, 130000)).scaleb(-5)
        return body, currency

    def amount(self) -> Decimal:
        return Decimal(self.chance.randint(1, 99999)).scaleb(-2)


def test_open_balances_unapplied_money_and_the_receivable_account_agree() -> None:
    with at_hand(multi_currency=True) as hand:
        bookkeeper = Bookkeeper(hand, random.Random(42))
        for _ in range(200):
            bookkeeper.act()
        for currency in bookkeeper.customers:
            open_items = Decimal(0)
            members = (("Invoice", "Balance", 1), ("CreditMemo", "Balance", -1), ("Payment", "UnappliedAmt", -1))
            for entity, member, sign in members:
                for identity, money in bookkeeper.made.get(entity, {}).items():
                    if money == currency:
                        open_items += sign * Decimal(hand.get(entity, identity)[member])
            assert Decimal(hand.get("Customer", bookkeeper.customers[currency])["Balance"]) == open_items


def test_a_person_can_read_the_trial_balance_and_an_accounts_lines() -> None:
    with at_hand() as hand:
        hand.post("Customer", {"DisplayName": "C"})
        detail = {"ItemRef": {"value": "1"}}
        line = {"Amount": 24.99, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail, "Description": "x"}
        hand.post("Invoice", {"CustomerRef": {"value": "1"}, "Line": [line]})
        hand.post("Invoice", {"Id": "1", "SyncToken": "0"}, operation="void")
        hand.post("Invoice", {"CustomerRef": {"value": "1"}, "Line": [line]})
        text = hand.http.get("/_simulated/trial-balance", params={"format": "text"}).text
        assert [row.split() for row in text.splitlines()[1:]] == [
            ["Asset"],
            ["Accounts", "Receivable", "(A/R)", "24.99"],
            ["Revenue"],
            ["Services", "24.99"],
            ["Total", "(must", "be", "0.00)", "0.00"],
        ]
        ledger = hand.http.get("/_simulated/ledger", params={"account": "Services"}).json()
        assert [(row["cause"], row["amount"]) for row in ledger["lines"]] == [
            ("create", "-24.99"),
            ("void: reversal", "24.99"),
            ("create", "-24.99"),
        ]
        assert ledger["balance"] == "-24.99"
        assert hand.http.get("/_simulated/ledger", params={"account": "None such"}).status_code == 404
