"""What is set right after posting (accounting.md R11, 7.2), sent to the stand-in and seen in its ledger.

Without these the books of QuickBooks could differ from what we think that a correction did.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
from shop import Shop

from domain.mapping import MappingChanged, Rule

OpenShop = Callable[..., AbstractContextManager[Shop]]


def unpaid(shop: Shop) -> dict[str, Any]:
    """An invoice in QuickBooks that no settlement pays."""
    orders = {row["order_id"] for row in shop.rows("orders", reconciliation="invoiced")}
    return next(row for row in shop.rows("postings", kind="invoice", status="posted") if row["order_id"] in orders)


def receivable(shop: Shop) -> Decimal:
    found = [amount for name, amount in shop.trial_balance().items() if name.startswith("Accounts Receivable")]
    return sum(map(Decimal, found), Decimal())


def expected_receivable(shop: Shop) -> Decimal:
    """Of all invoices that stand what no settlement pays, less what was credited."""
    sums = {
        kind: sum(row["amount"] for row in shop.rows("postings", kind=kind, status="posted"))
        for kind in ("invoice", "payment", "credit_memo")
    }
    return Decimal(sums["invoice"] - sums["payment"] - sums["credit_memo"]) / 100


def cancel(shop: Shop, order_id: str) -> None:
    """Amazon reports the order cancelled."""
    books, flow = shop.services.bookkeeping, shop.flow()
    known = books._orders("us", [order_id])[order_id][0].known
    assert known is not None
    gone = msgspec.structs.replace(known, status="CANCELLED", updated=known.updated + timedelta(minutes=1))
    books.ingest_orders(flow, [gone], "tests")


def sync(shop: Shop, times: int = 1) -> None:
    for _ in range(times):
        report = shop.sync()
        assert report.error == ""


def test_another_amount_is_voided_and_billed_anew(open_shop: OpenShop) -> None:
    with open_shop(orders=30, settlements=1, seed=4) as shop:
        shop.set_up()
        sync(shop)
        one = unpaid(shop)

        shop.control("amazon", f"amend/{one['order_id']}", {})
        time.sleep(0.2)  # Amazon shows a change two minutes late; its clock runs 2,000 times as fast
        sync(shop, 2)

        states = {row["key"]: row["status"] for row in shop.rows("postings", kind="invoice", order_id=one["order_id"])}
        assert states == {one["order_id"]: "voided", f"{one['order_id']}-2": "posted"}
        assert shop.rows("held") == []
        assert receivable(shop) == expected_receivable(shop)


def test_a_cancelled_order_of_a_closed_month_is_credited_and_its_invoice_closed(open_shop: OpenShop) -> None:
    with open_shop(orders=30, settlements=1, seed=4) as shop:
        shop.set_up()
        sync(shop)
        one = unpaid(shop)
        before = receivable(shop)

        shop.control("quickbooks", "dials", {"book_close_date": one["day"]})
        cancel(shop, one["order_id"])
        sync(shop, 2)

        key = f"{one['order_id']}C1"
        assert [(row["key"], row["status"]) for row in shop.rows("postings", kind="credit_memo")] == [(key, "posted")]
        assert shop.rows("postings", kind="payment", key=key)[0]["status"] == "posted"
        assert shop.rows("postings", kind="invoice", key=one["key"])[0]["status"] == "posted"
        assert before - receivable(shop) == Decimal(one["amount"]) / 100
        assert [row for row in shop.rows("held") if row["order_id"] == one["order_id"]] == []


def test_other_accounts_are_amended_in_an_open_month_and_moved_by_a_journal_else(open_shop: OpenShop) -> None:
    with open_shop(orders=30, settlements=1, seed=4) as shop:
        shop.set_up()
        sync(shop)
        service = shop.services
        one = unpaid(shop)
        before = shop.trial_balance()
        rule = Rule(0, "Order", "ItemPrice", "Principal", "order_charge", "SHIPINC")
        stamp: dict[str, Any] = {"flow": "us", "at": service.clock(), "by": "tests"}
        service.bookkeeping.change_mapping(MappingChanged(version=0, why="tests", rules=(rule,), **stamp), [])

        done = service.corrections.amend(shop.flow(), "invoice", one["key"], "wrong item", "ada")
        sync(shop)
        amended = shop.trial_balance()
        rest = service.corrections.reclass_mapping(shop.flow(), service.views, "open", "wrong item", "ada")
        sync(shop)
        moved = shop.trial_balance()

        def sales(balance: dict[str, str]) -> Decimal:
            return next(Decimal(amount) for name, amount in balance.items() if name.endswith("Amazon Sales"))

        wanted = {shift.account: Decimal(shift.amount) / 100 for shift in done.shifts}
        assert sales(amended) - sales(before) == wanted["SALES"]
        left = sum(Decimal(shift.amount) / 100 for shift in rest.shifts if shift.account == "SALES")
        assert left
        assert sales(moved) - sales(amended) == left if "Amazon Sales" in str(moved) else -sales(amended) == left
        assert service.corrections.mapping_diff(shop.flow(), service.views).open == ()
        assert {row["status"] for row in shop.rows("postings", kind="journal")} == {"posted"}
