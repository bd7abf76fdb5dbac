"""What the views say of a trade, on both databases: statuses, held work, the clearing proof, the audit trail."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from bank_history import bank_step
from examples import EXAMPLES

from adapters.views import DatabaseViews
from adapters.views.words import in_words
from domain.access import EVERYWHERE
from domain.document import Payment
from domain.errors import BadInput
from domain.event import Event
from domain.posting import PaymentPosted, PostingPlanned, posting_stream

US = "us"


@pytest.fixture
def history(store: Any, begin_history: Callable[..., Any]) -> Any:
    return begin_history(store)


@pytest.fixture
def views(database: Any, store: Any) -> DatabaseViews:
    return DatabaseViews(database, store)


def one(views: DatabaseViews, name: str, **filters: Any) -> dict[str, Any]:
    views.catch_up()
    (row,) = views.query(name, US, **filters)
    return row


# --- orders


def test_an_order_moves_from_seen_to_settled(history: Any, views: DatabaseViews) -> None:
    def reconciliation() -> str:
        return str(one(views, "orders", order_id=order_id)["reconciliation"])

    order_id = history.order(US, 1, "UNSHIPPED")
    assert reconciliation() == "seen"
    history.order(US, 1, "SHIPPED")
    assert reconciliation() == "ready"
    history.hold(US, "invoice", order_id, "no item")
    assert reconciliation() == "held"
    history.plan_invoice(US, 1, 1000)
    assert reconciliation() == "planned"
    history.post(US, ("invoice", order_id))
    assert reconciliation() == "invoiced"
    history.settlement(US, 1)
    history.plan_settlement(US, 1, [1], 400)
    assert reconciliation() == "part_settled"
    history.settlement(US, 2)
    history.plan_settlement(US, 2, [1], 600)
    assert reconciliation() == "settled"
    row = one(views, "orders", order_id=order_id)
    assert (row["settled"], row["settlements"]) == (1000, {"10001": 400, "10002": 600})
    assert (row["invoice_key"], row["invoice_status"], row["invoice_total"]) == (order_id, "posted", 1000)
    assert views.query("orders", US, reconciliation="settled", status="SHIPPED", limit=5) == [row]
    assert views.query("orders", US, reconciliation="held") == []


@pytest.mark.parametrize(
    ("status", "cents", "channel", "expected"),
    [
        ("PENDING", 0, True, "seen"),
        ("CANCELLED", 1000, True, "cancelled"),
        ("SHIPPED", 1000, False, "no_post"),
        ("SHIPPED", 0, True, "no_post"),
        ("PARTIALLY_SHIPPED", 1000, True, "seen"),
    ],
)
def test_an_order_without_an_invoice_says_why(
    history: Any, views: DatabaseViews, status: str, cents: int, channel: bool, expected: str
) -> None:
    history.order(US, 1, status, cents, channel)
    assert one(views, "orders")["reconciliation"] == expected


def test_an_order_older_than_the_flow_is_not_posted(store: Any, history: Any, views: DatabaseViews) -> None:
    history.flow("late", since=date(2027, 1, 1))
    history.order("late", 1)
    views.catch_up()
    (row,) = views.query("orders", "late")
    assert (row["reconciliation"], row["silent"]) == ("no_post", "historical")


def test_an_order_booked_from_its_settlement_is_recognised(history: Any, views: DatabaseViews) -> None:
    history.order(US, 1)
    history.recognise(US, 1, 2)
    row = one(views, "orders")
    assert (row["reconciliation"], row["recognised_by"]) == ("recognised", "10002")


def test_a_settlement_planned_again_replaces_what_it_paid(history: Any, views: DatabaseViews) -> None:
    history.order(US, 1)
    history.plan_invoice(US, 1, 1000)
    history.settlement(US, 1)
    history.plan_settlement(US, 1, [1], 400)
    history.plan_settlement(US, 1, [1], 600)
    assert one(views, "orders")["settled"] == 600


# --- settlements and the clearing proof


def test_a_settlement_moves_from_received_to_posted(history: Any, views: DatabaseViews) -> None:
    def status() -> str:
        return str(one(views, "settlements")["status"])

    order_id = history.order(US, 1)
    settlement_id = history.settlement(US, 1, cents=400)
    assert status() == "received"
    history.hold(US, "deposit", settlement_id, "no bank", "no rule")
    assert status() == "held"
    assert one(views, "settlements")["reasons"] == ["no bank", "no rule"]
    history.plan_invoice(US, 1, 1000)
    history.plan_settlement(US, 1, [1], 500)
    assert status() == "planned"
    assert one(views, "settlements")["reasons"] == []
    history.post(US, ("invoice", order_id))
    history.post(US, ("payment", "10001-1"))
    assert status() == "posting"
    history.post(US, ("deposit", settlement_id))
    row = one(views, "settlements")
    assert (row["status"], row["total"], row["deposit_total"], row["difference"]) == ("posted", 400, 400, 0)
    assert (row["payments_posted"], row["deposit_cleared"], row["day"]) == (500, 500, "2026-11-05")
    assert row["quickbooks_id"]


def test_a_dispute_is_seen_even_after_posting(history: Any, views: DatabaseViews) -> None:
    history.settlement(US, 1, dispute=True)
    row = one(views, "settlements")
    assert (row["status"], row["total"]) == ("disputed", 2001)
    history.settlement(US, 1, again=1)
    assert one(views, "settlements")["status"] == "received"  # a document that adds up ends the dispute
    history.settlement(US, 1, again=2)
    row = one(views, "settlements")
    assert (row["status"], row["total"]) == ("disputed", 2001)
    assert row["reasons"] == ["the same settlement id came back with other lines"]


def test_a_refused_payment_holds_its_settlement(history: Any, views: DatabaseViews) -> None:
    history.order(US, 1)
    history.settlement(US, 1)
    history.plan_invoice(US, 1)
    history.plan_settlement(US, 1, [1])
    history.submit(US, [("payment", "10001-1")], "b")
    assert one(views, "settlements")["status"] == "posting"
    history.answer(US, "b", refuse=True)
    row = one(views, "settlements")
    assert (row["status"], row["reasons"]) == ("held", ["6240: Duplicate Name Exists"])


def test_clearing_names_every_open_amount(history: Any, views: DatabaseViews) -> None:
    for number in (1, 2):
        history.order(US, number)
        history.plan_invoice(US, number, 1000)
        history.settlement(US, number)
        history.plan_settlement(US, number, [number], 300 * number)
    views.catch_up()
    assert views.query("clearing", US) == []  # what is only planned moved nothing
    history.post(US, ("payment", "10001-1"), ("payment", "10002-1"), ("deposit", "10001"))
    row = one(views, "clearing")
    assert (row["currency"], row["payments"], row["cleared"], row["balance"]) == ("USD", 900, 300, 600)
    names = ("settlement_id", "payments", "cleared", "amount", "status", "reason")
    assert [tuple(part[name] for name in names) for part in row["explained"]] == [
        ("10002", 600, 0, 600, "posting", "not_posted")
    ]
    assert views.query("clearing", US, currency="EUR") == []


def test_a_payment_amended_after_posting_moves_clearing_once(store: Any, history: Any, views: DatabaseViews) -> None:
    """Until the amendment stands in QuickBooks the former amount does; then only the new one."""
    history.order(US, 1)
    history.plan_invoice(US, 1, 1000)
    history.settlement(US, 1)
    history.plan_settlement(US, 1, [1], 300)
    history.post(US, ("payment", "10001-1"))
    standing = next(
        recorded.event
        for recorded in store.read(0, 1_000)
        if isinstance(recorded.event, PostingPlanned) and recorded.event.kind == "payment"
    )
    document = standing.document
    assert isinstance(document, Payment)
    document = msgspec.structs.replace(
        document, applied=(msgspec.structs.replace(document.applied[0], amount=250),), total=250
    )
    amended = msgspec.structs.replace(standing, document=document, generation=2)
    history.write((posting_stream(US, "payment", "10001-1"), [amended]))
    assert one(views, "clearing")["balance"] == 300
    posted = next(recorded.event for recorded in store.read(0, 1_000) if isinstance(recorded.event, PaymentPosted))
    again = msgspec.structs.replace(posted, generation=2, total=250, sync_token="1")
    history.write((posting_stream(US, "payment", "10001-1"), [again]))
    row = one(views, "clearing")
    assert (row["payments"], row["balance"], row["explained"][0]["amount"]) == (250, 250, 250)
    assert one(views, "postings", kind="payment")["sync_token"] == "1"


# --- postings


def test_a_posting_is_ready_when_all_it_needs_is_posted(history: Any, views: DatabaseViews) -> None:
    def ready(kind: str, limit: int = 9) -> list[str]:
        views.catch_up()
        return views.ready_postings(US, kind, limit)

    first, second = history.order(US, 1), history.order(US, 2)
    history.settlement(US, 1)
    history.plan_invoice(US, 2)
    history.plan_invoice(US, 1)
    history.plan_settlement(US, 1, [1, 2])
    assert ready("invoice") == [second, first]  # oldest plan first
    assert ready("invoice", 1) == [second]
    assert (ready("payment"), ready("deposit")) == ([], [])
    history.post(US, ("invoice", first))
    assert (ready("invoice"), ready("payment")) == ([second], [])
    history.post(US, ("invoice", second))
    assert (ready("payment"), ready("deposit")) == (["10001-1"], [])
    history.submit(US, [("payment", "10001-1")], "b")
    assert (ready("payment"), ready("deposit")) == ([], [])
    history.answer(US, "b")
    assert ready("deposit") == ["10001"]
    assert views.ready_postings("eu", "deposit", 9) == []
    (row,) = views.query("postings", US, kind="payment", settlement_id="10001")
    assert row["needs"] == [f"invoice/{first}", f"invoice/{second}"]


def test_a_new_plan_replaces_what_the_former_one_needed(history: Any, views: DatabaseViews) -> None:
    first, second = history.order(US, 1), history.order(US, 2)
    history.settlement(US, 1)
    history.plan_invoice(US, 1)
    history.plan_invoice(US, 2)
    history.plan_settlement(US, 1, [1, 2])
    history.plan_settlement(US, 1, [2])
    views.catch_up()
    history.post(US, ("invoice", second))
    views.catch_up()
    assert views.ready_postings(US, "payment", 9) == ["10001-1"]
    assert views.ready_postings(US, "invoice", 9) == [first]


def test_held_rows_come_and_go(history: Any, views: DatabaseViews) -> None:
    def held(**filters: Any) -> list[tuple[str, str, str]]:
        views.catch_up()
        return [(row["kind"], row["text"], row["status"]) for row in views.query("held", US, **filters)]

    order_id = history.order(US, 1)
    history.hold(US, "invoice", order_id, "no item", "no customer")
    assert held() == [("invoice", "no item", "held"), ("invoice", "no customer", "held")]
    since = views.query("held", US)[0]["since"]
    history.hold(US, "invoice", order_id, "no customer")
    assert held(waits_for="rule:no customer") == [("invoice", "no customer", "held")]
    assert views.query("held", US)[0]["since"] == since  # it has waited all the time
    assert views.held_keys(US, "invoice") == [order_id]
    history.plan_invoice(US, 1)
    assert (held(), views.held_keys(US, "invoice")) == ([], [])
    history.submit(US, [("invoice", order_id)], "b")
    history.answer(US, "b", refuse=True)
    assert held(order_id=order_id) == [("invoice", "6240: Duplicate Name Exists", "rejected")]
    assert views.held_keys(US, "invoice") == [order_id]
    history.withdraw(US, "invoice", order_id)
    assert (held(), views.held_keys(US, "invoice")) == ([], [])


def test_what_came_up_while_a_posting_was_underway_outlives_its_posting(history: Any, views: DatabaseViews) -> None:
    order_id = history.order(US, 1)
    history.plan_invoice(US, 1)
    history.submit(US, [("invoice", order_id)], "b")
    history.hold(US, "invoice", order_id, "Amazon changed the order after it was sent")
    views.catch_up()
    history.answer(US, "b")
    row = one(views, "held")
    assert (row["text"], row["status"]) == ("Amazon changed the order after it was sent", "posted")
    assert views.held_keys(US, "invoice") == []  # nothing to plan again: a person must look
    assert one(views, "counts")["attention"] == 1
    assert one(views, "orders")["reconciliation"] == "invoiced"


def test_another_total_in_quickbooks_is_a_difference(history: Any, views: DatabaseViews) -> None:
    history.order(US, 1)
    settlement_id = history.settlement(US, 1, cents=400)
    history.plan_invoice(US, 1)
    history.plan_settlement(US, 1, [1], 500)
    history.submit(US, [("deposit", settlement_id)], "b")
    history.answer(US, "b", other_total=3)
    row = one(views, "settlements")
    assert (row["difference"], row["reasons"]) == (3, ["QuickBooks shows another total"])


# --- cycles, gaps, batches


def test_the_cycle_finds_its_place(history: Any, views: DatabaseViews) -> None:
    assert views.watermark(US, "orders") is None
    history.cycle(US, 1, 0)
    assert one(views, "cycles")["status"] == "running"
    history.cycle(US, 1, 1)
    history.cycle(US, 1, 2)
    row = one(views, "cycles", status="finished")
    assert (row["cycle"], row["counts"], row["error"]) == ("c1", {"orders": 2}, "")
    assert row["finished"] > row["started"]
    assert views.watermark(US, "orders") == ("2026-11-02", ("1", "2"))
    assert views.watermark("eu", "orders") is None
    history.cycle(US, 2, 0)
    history.cycle(US, 2, 3)
    assert one(views, "cycles", limit=1)["error"] == "Amazon is away"
    assert one(views, "watermarks")["seen"] == ["1", "2"]


def test_a_gap_is_open_until_it_is_found(history: Any, views: DatabaseViews) -> None:
    history.gap(US, 1)
    history.gap(US, 0)
    views.catch_up()
    assert views.open_gaps(US) == ["rule:Order | Other | Fee 1", "rule:Order | Other | Fee 0"]
    history.gap(US, 1)
    views.catch_up()
    assert views.open_gaps(US) == ["rule:Order | Other | Fee 0"]
    assert one(views, "gaps", status="found")["missing_key"] == "rule:Order | Other | Fee 1"
    history.gap(US, 1)
    views.catch_up()
    assert views.open_gaps(US) == ["rule:Order | Other | Fee 0", "rule:Order | Other | Fee 1"]


def test_a_batch_is_open_until_it_is_answered(history: Any, views: DatabaseViews) -> None:
    for number in (1, 2):
        order_id = history.order(US, number)
        history.plan_invoice(US, number)
        history.submit(US, [("invoice", order_id)], f"b{number}")
    views.catch_up()
    assert views.open_batches(US) == ["b1", "b2"]
    history.answer(US, "b1")
    views.catch_up()
    assert views.open_batches(US) == ["b2"]
    assert [row["status"] for row in views.query("batches", US)] == ["answered", "sent"]


def test_flows_are_listed_and_do_not_mix(history: Any, views: DatabaseViews) -> None:
    history.order(US, 1)
    history.connection(US, 0)
    history.connection(US, 3)
    views.catch_up()
    assert views.flows() == ["eu", "us"]
    assert views.query("orders", "eu") == []
    row = one(views, "flows")
    assert (row["amazon"], row["quickbooks"], row["banks"]) == ("connected", "lost", {"USD": "Checking"})


def test_counts_add_up(history: Any, views: DatabaseViews) -> None:
    first, second = history.order(US, 1), history.order(US, 2)
    history.settlement(US, 1)
    history.plan_invoice(US, 1)
    history.hold(US, "invoice", second, "no item")
    history.plan_settlement(US, 1, [1])
    history.post(US, ("invoice", first), ("payment", "10001-1"))
    history.gap(US, 1)
    assert one(views, "counts") == {
        "orders": 2,
        "settlements": 1,
        "invoices": 1,
        "payments": 1,
        "deposits": 0,
        **dict.fromkeys(("journals", "credit_memos", "refund_receipts", "sales_receipts", "purchases"), 0),
        "planned": 1,
        "held": 1,
        "attention": 0,
        "gaps": 1,
    }


# --- the audit trail


def test_every_kind_of_event_is_folded_and_told_in_a_sentence(history: Any, store: Any, views: DatabaseViews) -> None:
    """A kind that nobody taught the views would be a hole in the audit trail."""
    for step in range(5):
        history.connection(US, step)
        history.cycle(US, step % 2, step)
    history.purge(US)
    history.channel(US)
    history.channel(US, added=False)
    history.reclassify(US)
    history.cycle(US, 1, 4)
    for which in range(6):
        history.setting(US, which)
    history.gap(US, 1)
    history.gap(US, 1)
    for number in (1, 2, 3):
        history.order(US, number)
        history.plan_invoice(US, number)
    history.order(US, 2, "SHIPPED", 100)
    history.order(US, 3, "CANCELLED")
    history.withdraw(US, "invoice", "113-0000000-0000003")
    history.hold(US, "invoice", "113-0000000-0000004", "no item")
    history.settlement(US, 1)
    history.settlement(US, 2, dispute=True)
    history.plan_settlement(US, 1, [1])
    history.post(US, *((kind, key) for _, kind, key in list(history.postings) if key[-1] == "1"))
    history.submit(US, [("invoice", "113-0000000-0000002")], "refused")
    history.replay(US, "refused")
    history.answer(US, "refused", refuse=True)
    history.recognise(US, 3, 1)
    history.contest(US, "invoice", "113-0000000-0000002", release=True)
    history.date_order(US, 1, 1, 3)
    history.settlement(US, 1, again=1)
    history.lift(US, 1)
    for which in range(5):
        kind, key = history.others(US, 4, which)
        history.post(US, (kind, key))
        for operation in ("amend", "void" if which % 2 else "delete"):
            history.change(US, kind, key, operation)
    history.book_settlement(US, 1)
    history.book_settlement(US, 1, unbook=True)
    for step in range(10):
        history.finance(US, 1, step)
    history.ask_for(US, 1, found=True)
    history.ask_for(US, 4, found=False)
    history.limit_orders(US, "TAX")
    history.limit_orders(US)
    history.ask(US)
    history.token(revoke=False)
    history.token(revoke=True)
    for which in (0, 1, 2, 3, 4, 6):
        bank_step(history, US, which, "10001")

    log = store.read(0, 1_000)
    assert {type(recorded.event) for recorded in log} == set(_kinds(Event))
    views.catch_up()
    trail = [row for flow in (US, "eu", EVERYWHERE) for row in views.query("audit", flow)]
    assert sorted(row["position"] for row in trail) == [recorded.position for recorded in log]
    for recorded in log:
        assert "was recorded" not in in_words(recorded.event), type(recorded.event)


def _kinds(kind: type[Event]) -> Iterator[type[Event]]:
    below = [sub for sub in kind.__subclasses__() if sub.__module__.startswith("domain.")]
    if not below:
        yield kind
    for sub in below:
        yield from _kinds(sub)


def test_the_audit_trail_of_one_order_reads_like_a_story(history: Any, views: DatabaseViews) -> None:
    order_id = history.order(US, 1)
    history.order(US, 2)
    history.hold(US, "invoice", order_id, "no item")
    history.plan_invoice(US, 1, 1000)
    history.submit(US, [("invoice", order_id)], "b")
    history.answer(US, "b")
    history.settlement(US, 1)
    history.plan_settlement(US, 1, [1], 1000)
    views.catch_up()
    rows = views.query("audit", US, order_id=order_id)
    quickbooks_id = views.query("postings", US, order_id=order_id)[0]["quickbooks_id"]
    assert [row["summary"] for row in rows] == [
        f"Order {order_id} was first seen: SHIPPED, 24.99 USD, 1 item",
        f"Invoice of order {order_id}, 24.99 USD, is held: no item",
        f"Invoice of order {order_id} was planned: 10.00 USD on 2026-11-02 for Amazon.com USD",
        f"Invoice of order {order_id} was taken into batch b to be sent to QuickBooks",
        f"Invoice of order {order_id} stands in QuickBooks as {quickbooks_id}: 10.00 USD on 2026-11-02",
        f"Settlement 10001 pays 10.00 USD of order {order_id} through payment/10001-1: SALES 10.00 USD",
    ]
    assert rows[-1]["posting"] == "payment/10001-1"
    assert rows[3]["cause"] == "batch:b"
    assert [row["version"] for row in views.query("audit", US, posting=f"invoice/{order_id}")] == [1, 2, 3, 4]
    assert views.query("audit", US, order_id=order_id, limit=2) == rows[-2:]


def test_the_audit_trail_is_cut_by_person_and_time(history: Any, views: DatabaseViews) -> None:
    history.order(US, 1)
    middle = history.now
    history.order(US, 2)
    views.catch_up()
    assert [row["name"] for row in views.query("audit", US, by="ada")] == [views.query("audit", US)[0]["name"]]
    after = views.query("audit", US, since=middle + timedelta(milliseconds=1))
    assert [row["order_id"] for row in after] == ["113-0000000-0000002"]
    assert [row["order_id"] for row in views.query("audit", US, until=middle.isoformat())] == [
        "",
        "113-0000000-0000001",
    ]
    assert views.query("audit", US, since=date(2026, 11, 2)) == []


# --- questions that cannot be answered


# --- pages


@pytest.mark.parametrize("name", ["settlements", "orders", "postings", "held", "gaps", "audit", "cycles", "batches"])
@pytest.mark.parametrize("limit", [1, 2, 50])
def test_pages_put_together_are_the_report(history: Any, views: DatabaseViews, name: str, limit: int) -> None:
    for number in range(1, 8):
        history.order(US, number)
        history.hold(US, "invoice", f"113-0000000-000000{number}", "no item", "no customer")
        history.settlement(US, number)
        history.cycle(US, number, 0)
        history.gap(US, number)
    history.plan_invoice(US, 1)
    history.submit(US, [("invoice", "113-0000000-0000001")], "b1")
    views.catch_up()

    rows: list[dict[str, Any]] = []
    after = None
    for _ in range(100):
        page = views.page(name, US, {}, limit, after)
        assert len(page.rows) <= limit
        rows += page.rows
        after = page.next
        if after is None:
            break
    whole = views.query(name, US)
    assert rows == (whole[::-1] if name == "audit" else whole)
    assert rows


def test_a_page_is_not_moved_by_what_comes_meanwhile(history: Any, views: DatabaseViews) -> None:
    for number in range(1, 5):
        history.order(US, number)
    views.catch_up()
    first = views.page("audit", US, {}, 2)
    history.order(US, 5)
    views.catch_up()
    second = views.page("audit", US, {}, 2, first.next)
    positions = [row["position"] for row in [*first.rows, *second.rows]]
    assert positions == sorted(positions, reverse=True)
    assert len(set(positions)) == 4
    with pytest.raises(BadInput, match="not of this list"):
        views.page("orders", US, {}, 2, first.next)


def test_held_work_is_grouped_by_what_is_missing(history: Any, views: DatabaseViews) -> None:
    for number in (1, 2, 3):
        history.hold(US, "invoice", f"113-0000000-000000{number}", "no item", *["no rule"][: number - 1])
    views.catch_up()
    groups = views.query("held_groups", US)
    assert [row["documents"] for row in groups] == sorted((row["documents"] for row in groups), reverse=True)
    assert sum(row["documents"] for row in groups) == len(views.query("held", US)) == 5


def test_settlements_that_name_an_order_are_found(history: Any, views: DatabaseViews) -> None:
    history.settlement(US, 1)
    views.catch_up()
    assert views.settlements_naming(US, "113-0000000-0000001") == ["10001"]
    assert views.settlements_naming(US, "113-0000000-0000002") == []


# --- what cannot be asked


@pytest.mark.parametrize(
    ("name", "filters", "said"),
    [
        ("invoices", {}, "audit, bank_accounts, bank_lines"),
        ("orders", {"colour": "blue"}, "no filter 'colour'; its filters are: status, reconciliation, order_id, since"),
        ("counts", {"limit": 1}, "its filters are: none"),
        ("clearing", {"limit": 1}, "its filters are: currency"),
        ("held", {"limit": 0}, "limit 0: expected a whole number from 1"),
        ("held", {"limit": "1; DROP TABLE held"}, "expected a whole number"),
        ("audit", {"since": "yesterday"}, "since 'yesterday': expected a time like"),
    ],
)
def test_an_unknown_report_or_filter_is_named(
    views: DatabaseViews, name: str, filters: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadInput, match=said.replace(";", ";")):
        views.query(name, US, **filters)


def test_a_filter_that_is_none_does_not_filter(history: Any, views: DatabaseViews) -> None:
    history.order(US, 1)
    assert one(views, "orders", status=None, limit=None)["order_id"] == "113-0000000-0000001"
    assert views.query("orders", US, order_id="' OR '1'='1") == []


def test_a_time_with_another_offset_is_the_same_time(history: Any, views: DatabaseViews) -> None:
    history.order(US, 1)
    views.catch_up()
    there = datetime.fromisoformat(history.now.isoformat()).astimezone(tz=None)
    assert len(views.query("audit", US, since=there)) == 1


def test_a_settlement_whose_invoice_is_held_after_all_is_told(history: Any, views: DatabaseViews) -> None:
    """Otherwise it would stand as planned for ever, its payment never ready."""
    history.order(US, 1)
    history.plan_invoice(US, 1)
    history.settlement(US, 1)
    history.plan_settlement(US, 1, [1])
    views.catch_up()
    assert views.blocked_settlements(US) == []

    history.hold(US, "invoice", "113-0000000-0000001", "no item")
    views.catch_up()

    assert views.blocked_settlements(US) == ["10001"]


def test_a_settlement_paid_before_the_first_day_says_so(history: Any, views: DatabaseViews) -> None:
    history.flow("late", since=date(2026, 11, 20))
    history.settlement("late", 1)
    history.settlement(US, 1)
    views.catch_up()

    assert [row["status"] for row in views.query("settlements", "late")] == ["before_start"]
    assert [row["status"] for row in views.query("settlements", US)] == ["received"]


def test_a_released_posting_waits_to_be_planned_and_an_adopted_one_stands(history: Any, views: DatabaseViews) -> None:
    key = "113-0000000-0000001"
    history.order(US, 1)
    history.plan_invoice(US, 1)
    history.contest(US, "invoice", key, release=False)
    views.catch_up()
    (row,) = views.query("held", US)
    assert row["code"] == "found_otherwise"

    history.contest(US, "invoice", key, release=True)
    views.catch_up()
    assert views.query("held", US) == []
    assert views.held_keys(US, "invoice") == [key]  # what is planned again


def test_a_changed_setting_is_told_by_what_differs() -> None:
    told = in_words(EXAMPLES["flow.configured.v1"])
    assert told == (
        "Settings of flow us changed: schedule orders every 30 minutes -> every 15 minutes, posting every 30 minutes "
        "-> 0 6 * * * (America/Los_Angeles); banks USD Checking -> Business checking; zone UTC -> America/Los_Angeles; "
        "since none -> 2026-01-01; marketplaces none -> ATVPDKIKX0DER; why: a new bank"
    )


@pytest.mark.parametrize(
    ("report", "filters"),
    [
        ("settlements", {"status": "helt"}),
        ("settlements", {"from_day": "yesterday"}),
        ("orders", {"reconciliation": "paid"}),
        ("postings", {"kind": "bill"}),
        ("cycles", {"status": "broken"}),
    ],
)
def test_a_filter_that_cannot_be_is_refused(views: DatabaseViews, report: str, filters: dict[str, str]) -> None:
    """Answered with nothing it would read as: there is none."""
    (value,) = filters.values()
    with pytest.raises(BadInput, match=f"{value}'?: expected"):
        views.query(report, US, **filters)
