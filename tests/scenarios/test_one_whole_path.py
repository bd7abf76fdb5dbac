"""From Amazon's reports to QuickBooks' ledger over real HTTP, on both databases.

Without these, the parts could each be right and the books still be wrong.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from shop import Shop

OpenShop = Callable[..., AbstractContextManager[Shop]]


def test_every_settlement_becomes_one_deposit_of_its_total_and_clearing_is_zero(open_shop: OpenShop) -> None:
    with open_shop(orders=120, settlements=3, seed=7) as shop:
        shop.set_up()
        report = shop.sync()

        assert report.error == ""
        settlements = shop.rows("settlements")
        assert {row["settlement_id"]: row["deposit_total"] for row in settlements} == {
            row["settlement_id"]: row["total"] for row in settlements
        }
        assert len(settlements) == 3
        balances = shop.trial_balance()
        assert "Amazon Clearing - us USD" not in balances
        banked = sum(row["total"] for row in settlements)
        assert balances[shop.quickbooks["bank_account"]] == f"{banked / 100:.2f}"
        assert shop.rows("held") == []


def test_a_second_run_adds_nothing(open_shop: OpenShop) -> None:
    with open_shop(orders=60, settlements=2, seed=3) as shop:
        shop.set_up()
        shop.sync()
        documents, balances = shop.documents(), shop.trial_balance()

        again = shop.sync()

        assert again.error == ""
        assert shop.documents() == documents
        assert shop.trial_balance() == balances
        assert again.counts.get("invoices_posted", 0) == 0


def test_settlement_files_alone_book_the_same_profit_as_orders(open_shop: OpenShop) -> None:
    """Income, fees and bank must not depend on whether orders are invoiced; only receivables may."""
    with open_shop(orders=60, settlements=2, seed=5) as shop:
        shop.set_up("settlements", orders="none")
        shop.sync("settlements")
        alone = shop.trial_balance()
        settlements = shop.rows("settlements", "settlements")
        assert [row["status"] for row in settlements] == ["posted", "posted"]
        assert alone[shop.quickbooks["bank_account"]] == f"{sum(row['total'] for row in settlements) / 100:.2f}"


TROUBLES = {
    "unmapped_line": "unmapped",
    "wrong_total": "disputed",
    "foreign_currency": "currency_without_bank",
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_trouble_holds_one_settlement_and_the_others_are_posted(open_shop: OpenShop, trouble: str) -> None:
    with open_shop(orders=60, settlements=3, seed=11, troubles=(trouble,)) as shop:
        shop.set_up()
        report = shop.sync()

        assert report.error == ""
        reasons = {row["code"]: row for row in shop.rows("held")}
        assert TROUBLES[trouble] in reasons, reasons
        status = [row["status"] for row in shop.rows("settlements")]
        assert status.count("posted") >= 2
        for row in shop.rows("settlements"):
            if row["status"] == "posted":
                assert row["deposit_total"] == row["total"]


def test_tax_that_amazon_did_not_withhold_is_owed_by_the_seller(open_shop: OpenShop) -> None:
    with open_shop(orders=60, settlements=3, seed=11, troubles=("tax_not_withheld",)) as shop:
        shop.set_up()
        shop.sync()

        assert shop.rows("held") == []
        assert {row["status"] for row in shop.rows("settlements")} == {"posted"}
        assert shop.trial_balance()["Sales Tax Payable"].startswith("-")


def test_a_mapping_fixed_later_books_what_waited_without_fetching_again(open_shop: OpenShop) -> None:
    from domain.mapping import MappingChanged, Rule

    with open_shop(orders=60, settlements=3, seed=11, troubles=("unmapped_line",)) as shop:
        shop.set_up()
        shop.sync()
        (held,) = shop.rows("held")
        words = held["waits_for"].removeprefix("rule:").split(" | ")
        documents = _settlement_documents(shop)
        service = shop.services
        changed = MappingChanged(
            flow="us",
            at=service.clock(),
            by="tests",
            version=0,
            why="found out",
            rules=(Rule(0, *words, "fee", "OTHFEE"),),
        )

        service.bookkeeping.change_mapping(changed, service.views.open_gaps("us"))
        shop.sync()

        assert shop.rows("held") == []
        assert {row["status"] for row in shop.rows("settlements")} == {"posted"}
        assert _settlement_documents(shop) == documents
        assert [row["status"] for row in shop.rows("gaps")] == ["found"]


def _settlement_documents(shop: Shop) -> int:
    """Documents fetched, without those of the report of shipments, which is fetched a cycle after it is asked for."""
    calls = shop.control("amazon", "calls")
    shipments = shop.services.views.watermark("us", "shipments")
    fetched = shipments is not None and not shipments[1]
    return int(calls.get("download", {}).get("calls", 0)) - fetched


def test_an_amended_order_that_is_invoiced_is_held_and_its_invoice_stays(open_shop: OpenShop) -> None:
    with open_shop(orders=60, settlements=2, seed=4) as shop:
        shop.set_up()
        shop.sync()
        documents = shop.documents()
        (order_id, *_) = [row["order_id"] for row in shop.rows("orders", reconciliation="settled")]

        shop.control("amazon", f"amend/{order_id}", {})
        time.sleep(0.2)  # Amazon shows a change two minutes late; its clock runs 2,000 times as fast
        shop.sync()

        assert {(row["code"], row["key"]) for row in shop.rows("held")} == {("amended_after_invoicing", order_id)}
        assert shop.documents() == documents


def test_the_books_of_yesterday_can_be_seen_today(open_shop: OpenShop) -> None:
    with open_shop(orders=60, settlements=2, seed=4) as shop:
        shop.set_up()
        before = shop.services.clock()
        shop.sync()

        position = shop.services.store.position_at(before)

        assert shop.services.views_as_of(position).query("settlements", "us") == []
        assert len(shop.rows("settlements")) == 2


def test_the_export_is_judged_by_an_engine_nobody_here_wrote(open_shop: OpenShop, tmp_path: Any) -> None:
    from beancount import loader

    from entrypoints.bootstrap import exporter

    with open_shop(orders=80, settlements=3, seed=9) as shop:
        shop.set_up()
        shop.sync()
        text = "\n".join(exporter(shop.services, "us", "beancount"))

        entries, errors, _ = loader.load_string(text)

        assert errors == []
        documents = shop.documents()
        transactions = [entry for entry in entries if type(entry).__name__ == "Transaction"]
        kinds = ("Invoice", "Payment", "Deposit", "JournalEntry", "Purchase", "CreditMemo", "RefundReceipt")
        assert len(transactions) == sum(documents.get(kind, 0) for kind in kinds)
        assert sum(type(entry).__name__ == "Balance" for entry in entries) >= 6

        # One cent moved inside one balanced transaction must be caught by the balance assertions.
        lines = text.splitlines()
        clearing = next(n for n, line in enumerate(lines) if line.startswith("  Assets:Amazon-Clearing"))
        bank = next(
            n
            for n, line in enumerate(lines)
            if line.startswith("  Assets:") and "Clearing" not in line and n > clearing
        )
        for number, cents in ((clearing, "0.01"), (bank, "-0.01")):
            account, amount, currency = lines[number].split()
            from decimal import Decimal

            lines[number] = f"  {account}  {Decimal(amount) + Decimal(cents)} {currency}"
        _, errors, _ = loader.load_string("\n".join(lines))
        assert errors
