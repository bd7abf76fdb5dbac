"""Random histories: however the log is cut into batches the views are the same, and they say what the domain says."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import trade
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.database import open_database
from adapters.views import DatabaseViews, views_as_of
from adapters.views.rows import as_text
from domain.document import debits_and_credits
from domain.flow import Flow, evolve, flow_stream
from domain.posting import EVERY_KIND
from domain.posting_rules import NothingToPost, invoice_for
from domain.posting_rules.invoice import ship_time

Steps = list[tuple[int, int, int, int]]
steps = st.lists(st.tuples(st.integers(0, 21), st.integers(0, 1), st.integers(0, 11), st.integers(0, 7)), max_size=60)
random_history = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@random_history
@given(steps=steps, cut=st.integers(2, 9))
def test_the_cut_into_batches_does_not_matter(
    steps: Steps, cut: int, memory_store: Any, begin_history: Callable[..., Any], all_rows: Callable[..., Any]
) -> None:
    store = memory_store()
    history = begin_history(store)
    for step in steps:
        history.step(*step)

    def folded(batch_events: int) -> Any:
        database = open_database("sqlite://")
        assert DatabaseViews(database, store, batch_events=batch_events).catch_up() == history.position
        return all_rows(database)

    at_once = folded(10_000)
    assert folded(1) == at_once
    assert folded(cut) == at_once
    database = open_database("sqlite://")
    views = DatabaseViews(database, store, batch_events=cut)
    views.catch_up()
    assert views.rebuild() == len(store.read(0, 10_000))
    assert all_rows(database) == at_once


@random_history
@given(steps=steps)
def test_the_views_say_what_the_domain_says(steps: Steps, memory_store: Any, begin_history: Callable[..., Any]) -> None:
    history = begin_history(store := memory_store())
    for step in steps:
        history.step(*step)
    views = DatabaseViews(open_database("sqlite://"), store, batch_events=7)
    views.catch_up()

    for flow in ("us", "eu"):
        state = Flow()
        for event in store.load([flow_stream(flow)]).get(flow_stream(flow), []):
            state = evolve(state, event)
        assert [row["realm"] for row in views.query("flows", flow)] == ([state.realm] if state.name else [])
        postings = {name[1:]: posting for name, posting in history.postings.items() if name[0] == flow}
        rows = {(row["kind"], row["key"]): row for row in views.query("postings", flow)}
        assert {name: row["status"] for name, row in rows.items()} == {
            name: posting.status for name, posting in postings.items() if posting.status != "none"
        }
        for name, row in rows.items():
            assert (row["quickbooks_id"], row["generation"]) == (
                postings[name].quickbooks_id,
                postings[name].generation,
            )

        for kind in EVERY_KIND:
            keys = {key for (of, key), posting in postings.items() if of == kind}
            assert set(views.held_keys(flow, kind)) == {
                key for key in keys if postings[kind, key].status in ("held", "rejected")
            }
            assert set(views.ready_postings(flow, kind, 100)) == {
                key
                for key in keys
                if postings[kind, key].status == "planned"
                and all(
                    postings[tuple(needed.split("/"))].status == "posted" for needed in postings[kind, key].depends_on
                )
            }

        waiting = {
            (*name, reason.text)
            for name, posting in postings.items()
            if posting.status in ("held", "rejected")
            for reason in posting.reasons
        }
        held = views.query("held", flow)
        assert {
            (row["kind"], row["key"], row["text"]) for row in held if row["status"] in ("held", "rejected")
        } == waiting

        moved: dict[str, list[int]] = {}
        for (of, kind, _), document in history.booked.items():
            if of == flow and kind != "invoice":
                sums = moved.setdefault(document.settlement_id, [0, 0])
                sums[kind == "deposit"] += document.cleared if kind == "deposit" else document.total
        clearing = views.query("clearing", flow)
        assert sum(row["balance"] for row in clearing) == sum(paid - cleared for paid, cleared in moved.values())
        assert {row["settlement_id"]: row["amount"] for part in clearing for row in part["explained"]} == {
            name: paid - cleared for name, (paid, cleared) in moved.items() if paid != cleared
        }

        check_ledger(history, views, flow)
        orders = {row["order_id"]: row for row in views.query("orders", flow)}
        for (of, order_id), order in history.orders.items():
            if of == flow and order.known is not None:
                paid = sum(sum(amounts.values()) for amounts in order.settled.values())
                assert (orders[order_id]["status"], orders[order_id]["settled"]) == (order.known.status, paid)
                assert (orders[order_id]["reconciliation"] == "recognised") == bool(order.recognised_by)

        assert set(views.open_gaps(flow)) == {
            key for (of, key), is_open in history.gaps.items() if of == flow and is_open
        }
        assert set(views.open_batches(flow)) == {
            batch for (of, batch), is_open in history.batches.items() if of == flow and is_open
        }


def check_ledger(history: Any, views: DatabaseViews, flow: str) -> None:
    """The trial balance is the sum of the documents that stand, and every cent of receivables is some order's."""
    balances = {row["account"]: row["balance"] for row in views.query("trial_balance", flow)}
    assert sum(balances.values()) == 0
    assert sum(row["amount"] for row in views.query("receivable", flow)) == balances.get("AR", 0)
    differing = {row["code"] for row in views.query("held", flow)} & {"total_differs"}
    if "UNKNOWN" not in balances and not differing:
        expected: dict[str, int] = {}
        for (of, *_), document in history.booked.items():
            for account, amount in debits_and_credits(document) if of == flow else ():
                expected[account] = expected.get(account, 0) + amount
        assert {key: value for key, value in balances.items() if value} == {
            key: value for key, value in expected.items() if value
        }


@random_history
@given(steps=steps)
def test_as_of_is_what_the_views_said_then(steps: Steps, memory_store: Any, begin_history: Callable[..., Any]) -> None:
    """The auditor's time machine: `views_as_of` must not know anything that came later."""
    history = begin_history(store := memory_store())
    views = DatabaseViews(open_database("sqlite://"), store)
    reports = (
        *("settlements", "orders", "postings", "held", "gaps", "audit", "cycles", "clearing", "counts", "flows"),
        *("transactions", "finance_facts", "settlement_sums", "told_accounts"),
    )
    reports += ("ledger", "trial_balance", "receivable", "reserve", "triples")

    def said(views: DatabaseViews) -> list[Any]:
        states = [views.query("order_states", flow, today="2027-03-01") for flow in ("us", "eu")]
        return [*states, *(views.query(name, flow) for flow in ("us", "eu") for name in reports)]

    then = {}
    for step in steps[:12]:
        history.step(*step)
        position = views.catch_up()
        then[position] = said(views)
    for position, was in then.items():
        assert said(views_as_of(store, position)) == was


days = st.one_of(st.none(), st.integers(-6, 6))


@random_history
@given(reports=st.lists(st.tuples(st.sampled_from(["UNSHIPPED", "SHIPPED"]), days, days), min_size=1, max_size=5))
def test_the_views_say_of_an_orders_shipping_what_the_posting_rules_do(
    reports: list[tuple[str, int | None, int | None]], memory_store: Any, begin_history: Callable[..., Any]
) -> None:
    """They work it out by themselves; where they did otherwise a page would show what the books do not."""
    history = begin_history(store := memory_store())
    first_day = date(2026, 11, 1)
    history.flow("late", since=first_day)
    begin = history.now
    for status, parcel, posted in reports:
        history.now += timedelta(hours=30)
        order_id = history.order("late", 3, status, parcel=None if parcel is None else begin + timedelta(days=parcel))
        if posted is not None:
            history.date_order("late", 3, 1, -posted)
    views = DatabaseViews(open_database("sqlite://"), store)
    views.catch_up()

    (row,) = views.query("orders", "late")
    state = history.orders["late", order_id]
    if state.known.status == "SHIPPED":
        flow = Flow(name="late", zone="America/Los_Angeles", since=first_day, banks={"USD": "Checking"})
        outcome = invoice_for(state, flow, trade.mapping())
        assert (row["silent"] == "historical") is (outcome == NothingToPost("historical"))
        assert row["shipped"] == as_text(ship_time(state))
