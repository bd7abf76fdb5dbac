"""The statuses of accounting.md 6.1, step by step; and what the ledger keeps of documents that change."""

from datetime import date, timedelta
from typing import Any

import pytest

from adapters.views import DatabaseViews
from domain.reconciliation import ORDER_STATES, SETTLEMENT_STATES

US = "us"
TODAY = date(2026, 11, 10)


@pytest.fixture
def history(store: Any, begin_history: Any) -> Any:
    return begin_history(store)


@pytest.fixture
def views(database: Any, store: Any) -> DatabaseViews:
    return DatabaseViews(database, store)


def order_state(views: DatabaseViews, today: date = TODAY) -> str:
    views.catch_up()
    (row,) = views.query("order_states", US, today=str(today))
    assert row["state"] in ORDER_STATES
    same = views.query("order_states", US, today=str(today), state=row["state"])
    assert same == [row]
    others = [state for state in ORDER_STATES if state != row["state"]]
    assert [state for state in others if views.query("order_states", US, today=str(today), state=state)] == []
    return str(row["state"])


def test_an_order_goes_from_seen_to_closed(history: Any, views: DatabaseViews) -> None:
    order_id = history.order(US, 1, "UNSHIPPED")
    assert order_state(views) == "seen"
    history.order(US, 1, "SHIPPED")
    assert order_state(views) == "ready"
    history.hold(US, "invoice", order_id, "no rule")
    assert order_state(views) == "held:mapping"
    history.plan_invoice(US, 1, 500)
    assert order_state(views) == "ready"
    history.post(US, ("invoice", order_id))
    assert order_state(views) == "invoiced"
    assert order_state(views, TODAY + timedelta(days=60)) == "overdue"
    history.settlement(US, 2)
    history.plan_settlement(US, 2, [1], 300)
    assert order_state(views) == "part_settled"
    history.settlement(US, 3)
    history.plan_settlement(US, 3, [1], 200)
    assert order_state(views) == "settled"
    assert order_state(views, TODAY + timedelta(days=40)) == "settled"
    assert order_state(views, TODAY + timedelta(days=90)) == "closed"
    history.settlement(US, 1)  # gives 1.00 of order 1 back
    assert order_state(views) == "part_refunded"
    (row,) = views.query("order_states", US, today=str(TODAY))
    assert row["refunded"] == -100


def test_a_refund_of_everything_and_an_order_that_disagrees(history: Any, views: DatabaseViews) -> None:
    order_id = history.order(US, 1)
    history.plan_invoice(US, 1, 100)
    history.post(US, ("invoice", order_id))
    history.settlement(US, 1)
    history.plan_settlement(US, 1, [1], 100)
    assert order_state(views) == "refunded"
    history.contest(US, "invoice", order_id, release=False)
    assert order_state(views) == "variance"


@pytest.mark.parametrize(
    ("status", "more", "expected"),
    [
        ("CANCELLED", {}, "cancelled"),
        ("SHIPPED", {"cents": 0}, "no_post:replacement"),
        ("SHIPPED", {"channel": False}, "no_post:mcf"),
    ],
)
def test_an_order_without_an_invoice(
    history: Any, views: DatabaseViews, status: str, more: dict[str, Any], expected: str
) -> None:
    history.order(US, 1, status, **more)
    assert order_state(views) == expected


def test_a_voided_invoice(history: Any, views: DatabaseViews) -> None:
    order_id = history.order(US, 1)
    history.plan_invoice(US, 1)
    history.post(US, ("invoice", order_id))
    history.change(US, "invoice", order_id, "void")
    assert order_state(views) == "voided"
    assert views.query("ledger", US) == []
    assert views.query("receivable", US) == []


def settlement_state(views: DatabaseViews) -> str:
    views.catch_up()
    (row,) = views.query("settlements", US)
    assert row["state"] in SETTLEMENT_STATES
    found = [state for state in SETTLEMENT_STATES if views.query("settlements", US, state=state)]
    assert found == [row["state"]]
    return str(row["state"])


def test_a_settlement_goes_from_received_to_posted(history: Any, views: DatabaseViews) -> None:
    order_id = history.order(US, 1)
    settlement_id = history.settlement(US, 1)
    assert settlement_state(views) == "checksum_ok"
    history.hold(US, "deposit", settlement_id, "no rule")
    assert settlement_state(views) == "held:mapping"
    history.plan_invoice(US, 1)
    history.post(US, ("invoice", order_id))
    history.plan_settlement(US, 1, [1])
    assert settlement_state(views) == "planned"
    history.post(US, ("payment", f"{settlement_id}-1"))
    assert settlement_state(views) == "posting"
    (proof,) = views.query("clearing", US)
    (part,) = proof["explained"]
    assert (part["settlement_id"], part["amount"], part["reason"]) == (settlement_id, 500, "not_posted")
    history.post(US, ("deposit", settlement_id))
    assert settlement_state(views) == "posted"
    (proof,) = views.query("clearing", US)
    assert (proof["balance"], proof["explained"]) == (0, [])
    history.settlement(US, 1, again=7)
    assert settlement_state(views) == "reissued"


def test_a_settlement_that_does_not_add_up(history: Any, views: DatabaseViews) -> None:
    history.settlement(US, 1, dispute=True)
    assert settlement_state(views) == "checksum_failed"


def test_the_lines_of_a_document_that_was_not_taken_do_not_count(history: Any, views: DatabaseViews) -> None:
    history.order(US, 1)
    history.settlement(US, 1, dispute=True)
    history.settlement(US, 1, again=5)
    views.catch_up()
    rows = views.query("triples", US)
    (settlement,) = views.query("settlements", US)
    assert sum(row["amount"] for row in rows) == settlement["total"]
    assert len(rows) == 3
    (order,) = views.query("order_states", US, today=str(TODAY))
    assert order["refunded"] == -100


def test_a_document_of_another_total_is_booked_with_it_and_the_rest_is_not_known(
    history: Any, views: DatabaseViews
) -> None:
    order_id = history.order(US, 1)
    history.plan_invoice(US, 1, 1000)
    history.submit(US, [("invoice", order_id)], "b1")
    history.answer(US, "b1", other_total=5)
    views.catch_up()
    balances = {row["account"]: row["balance"] for row in views.query("trial_balance", US)}
    assert balances == {"AR": 1005, "SALES": -1000, "UNKNOWN": -5}


def test_the_ledger_is_cut_by_day_and_paged(history: Any, views: DatabaseViews) -> None:
    for number in (1, 2, 3):
        order_id = history.order(US, number)
        history.plan_invoice(US, number, 1000 + number)
        history.post(US, ("invoice", order_id))
    views.catch_up()
    whole = views.query("ledger", US)
    first = views.page("ledger", US, {}, 4)
    assert first.rows + views.page("ledger", US, {}, 4, first.next).rows == whole
    assert views.query("trial_balance", US, at="2026-11-01") == []
    assert sum(row["debit"] for row in views.query("trial_balance", US, at="2026-11-02")) == 3006
    assert {row["account"] for row in views.query("ledger", US, account="AR")} == {"AR"}
