"""Recording Finances: the same records however the pages come, one save a page, and no money lost."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.amazon.finance_wire import decode, to_transaction
from adapters.database import open_database
from adapters.simulated.amazon.testing import Caller
from adapters.views import DatabaseViews
from application.bookkeeping import Bookkeeping
from application.deferred import deferred_at
from domain.event_group import (
    Balance,
    EventGroup,
    Payout,
    SettlementMatched,
    SourceAvailability,
    Summary,
    source_stream,
)
from domain.flow import Flow
from domain.settlement import Settlement, evolve, settlement_stream
from domain.transaction import Transaction, TransactionReleased, transaction_stream

AT = datetime(2026, 11, 24, 8, tzinfo=UTC)
FLOW = Flow(name="us", region="na", realm="1", zone="America/Los_Angeles", banks={"USD": "Checking"})


def listed(caller: Caller) -> list[Transaction]:
    """All there is at the stand-in's moment."""
    found: list[Transaction] = []
    token: dict[str, Any] = {}
    while True:
        asked = {"postedAfter": caller.facts["since"], **token}
        payload = decode(caller.get("/finances/2024-06-19/transactions", asked).content)["payload"]
        found += map(to_transaction, payload["transactions"])
        if "nextToken" not in payload:
            return found
        token = {"nextToken": payload["nextToken"]}


@pytest.fixture(scope="module")
def told() -> list[Transaction]:
    """A seeded world's transactions as they were twelve days ago and as they are: sales deferred, then released."""
    caller = Caller(orders=60, seed=3, troubles=("deferred_sales",), quirks=("unknown_type",))
    now = listed(caller)
    deferred = [t for t in now if t.status == "DEFERRED_RELEASED"]
    # The looks of before their release: the pages of an earlier day, which may come late.
    earlier = [
        Transaction(**{
            **{name: getattr(t, name) for name in t.__struct_fields__}, "status": "DEFERRED",
            "identifiers": tuple(pair for pair in t.identifiers if pair[0] != "RELEASE_TRANSACTION_ID"),
        })
        for t in deferred
    ]  # fmt: skip
    assert deferred
    assert any(t.unknown for t in now)
    return [*earlier, *now]


def records(store: Any) -> list[dict[str, Any]]:
    views = DatabaseViews(open_database("sqlite://"), store)
    views.catch_up()
    rows = views.query("transactions", "us")
    for row in rows:
        for name in ("seen", "released"):  # when it was recorded is another matter
            row[name] = bool(row[name]) if name == "released" else ""
    return rows


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(seed=st.integers(0, 2**32), size=st.integers(1, 80), repeated=st.integers(0, 60))
def test_pages_in_any_order_repeated_and_split_make_the_same_records(
    seed: int, size: int, repeated: int, memory_store: Callable[[], Any], told: list[Transaction]
) -> None:
    straight = memory_store()
    Bookkeeping(straight, lambda: AT).ingest_transactions(FLOW, told, "tests")
    wanted = records(straight)

    chance = random.Random(seed)
    mixed = [*told, *chance.choices(told, k=repeated)]
    chance.shuffle(mixed)
    store = memory_store()
    book = Bookkeeping(store, lambda: AT)
    for begin in range(0, len(mixed), size):
        book.ingest_transactions(FLOW, mixed[begin : begin + size], "tests")
    found = records(store)

    assert found == wanted
    # Each sale is counted once, and unknown types among the rest: nothing is lost, nothing doubled.
    once = {t.transaction_id: t.total or 0 for t in told}
    doubled = {t.deferred_id for t in told if t.deferred_id}
    assert sum(row["total"] for row in found if row["counted"]) == sum(
        total for name, total in once.items() if name not in doubled
    )


def test_a_page_is_one_save_and_seen_again_it_is_none(store: Any, told: list[Transaction]) -> None:
    book = Bookkeeping(store, lambda: AT)
    tally = book.ingest_transactions(FLOW, told, "tests", "digest")
    assert tally.new == len({t.transaction_id for t in told})
    assert store.verify().transactions == 1
    end = store.end()
    again = book.ingest_transactions(FLOW, told[len(told) // 3 :], "tests", "digest")
    assert (again.new, again.changed, store.end()) == (0, 0, end)


def test_any_unknown_type_with_money_is_recorded_and_shown(store: Any, database: Any) -> None:
    raws = [
        {"transactionId": f"t{n}", "transactionType": kind, "transactionStatus": "RELEASED",
         "totalAmount": {"currencyCode": "USD", "currencyAmount": 7 + n},
         "breakdowns": [{"breakdownType": kind, "breakdownAmount": {"currencyCode": "USD", "currencyAmount": 7 + n}}]}
        for n, kind in enumerate(["MoonFee", "", "Δ", "Shipment "])
    ]  # fmt: skip
    Bookkeeping(store, lambda: AT).ingest_transactions(FLOW, [to_transaction(raw) for raw in raws], "tests")
    views = DatabaseViews(database, store)
    views.catch_up()
    rows = views.query("transactions", "us", unknown=True)
    assert sorted(row["total"] for row in rows) == [700, 800, 900, 1000]
    assert {unknown for row in rows for unknown in row["unknown"]} >= {"type:MoonFee", "type:", "type:Δ"}
    assert all(row["counted"] for row in rows)


def sale(name: str, status: str, day: int, total: int = 8114, **identifiers: str) -> Transaction:
    leaves = [
        {"breakdownType": "AmazonFees", "breakdowns": [{"breakdownType": "Commission", **usd("-15.00")}], **usd("0")},
        {"breakdownType": "FBAPerUnitFulfillmentFee", **usd("-3.86")},
        {"breakdownType": "OurPricePrincipal", **usd(f"{(total + 1886) / 100:.2f}")},
    ]
    return to_transaction(
        {
            "transactionId": name, "transactionType": "Shipment", "transactionStatus": status,
            "postedDate": f"2026-11-{day:02}T12:00:00Z", "breakdowns": leaves,
            "totalAmount": usd(f"{total / 100:.2f}")["breakdownAmount"],
            "relatedIdentifiers": [{"relatedIdentifierName": key, "relatedIdentifierValue": value}
                                   for key, value in identifiers.items()],
        }
    )  # fmt: skip


def usd(amount: str) -> Any:
    return {"breakdownAmount": {"currencyCode": "USD", "currencyAmount": decode(amount.encode())}}


def test_what_was_deferred_at_a_day_stays_what_it_was(store: Any, database: Any) -> None:
    """E20 of accounting.md: deferred over a month's end, released in the next; the question is asked of the past."""
    book = Bookkeeping(store, lambda: AT)
    book.ingest_transactions(FLOW, [sale("d1", "DEFERRED", 10), sale("x", "RELEASED", 11)], "tests")
    views = DatabaseViews(database, store)

    def deferred(day: int) -> list[str]:
        views.catch_up()
        at = datetime(2026, 11, day, 23, 59, 59, tzinfo=UTC)
        return [each.transaction_id for each in deferred_at(views, "us", at)]

    assert (deferred(9), deferred(10), deferred(30)) == ([], ["d1"], ["d1"])
    freed = sale("d1", "DEFERRED_RELEASED", 10, RELEASE_TRANSACTION_ID="r1")
    book.ingest_transactions(FLOW, [freed, sale("r1", "RELEASED", 20, DEFERRED_TRANSACTION_ID="d1")], "tests")
    assert (deferred(9), deferred(19), deferred(20)) == ([], ["d1"], [])
    (found,) = deferred_at(views, "us", datetime(2026, 11, 19, tzinfo=UTC))
    assert sum(leaf.amount for leaf in found.fees) == -1886
    assert (found.total, found.unknown, found.problem) == (8114, [], "")


def test_a_release_with_another_amount_is_held(store: Any, database: Any) -> None:
    views = DatabaseViews(database, store)
    book = Bookkeeping(store, lambda: AT)
    book.ingest_transactions(FLOW, [sale("r1", "RELEASED", 20, 8000, DEFERRED_TRANSACTION_ID="d1")], "tests")
    views.catch_up()
    assert [row["transaction_id"] for row in views.query("transactions", "us")] == ["r1"]  # d1 was never seen
    book.ingest_transactions(FLOW, [sale("d1", "DEFERRED_RELEASED", 10, 8114)], "tests")
    views.catch_up()
    (held,) = views.query("transactions", "us", held=True)
    assert held["problem"] == "it was deferred with 81.14 and is released with 80.00 by r1"
    events = store.load([transaction_stream("us", "d1")])[transaction_stream("us", "d1")]
    assert isinstance(events[0], TransactionReleased)


def test_a_sale_is_counted_once_whichever_of_the_two_names_the_other(store: Any, database: Any) -> None:
    views = DatabaseViews(database, store)
    book = Bookkeeping(store, lambda: AT)
    freed = sale("d1", "DEFERRED_RELEASED", 10, RELEASE_TRANSACTION_ID="r1")
    release = sale("r1", "RELEASED", 20)  # it does not say what it frees
    book.ingest_transactions(FLOW, [freed], "tests")
    views.catch_up()
    assert [row["counted"] for row in views.query("transactions", "us")] == [1]  # until its release is seen
    book.ingest_transactions(FLOW, [release, freed], "tests")
    views.catch_up()
    rows = {row["transaction_id"]: row for row in views.query("transactions", "us")}
    assert {name: row["counted"] for name, row in rows.items()} == {"d1": 0, "r1": 1}
    assert rows["d1"]["released"] == "2026-11-20T12:00:00+00:00"


def test_groups_payouts_summaries_and_balances_are_recorded_when_they_change(store: Any) -> None:
    book = Bookkeeping(store, lambda: AT)
    steps: list[tuple[Callable[[], Any], int]] = [
        (lambda: book.ingest_groups(FLOW, [EventGroup("g", "Open", currency="USD", total=5)], "t"), 1),
        (lambda: book.ingest_groups(FLOW, [EventGroup("g", "Open", currency="USD", total=9)], "t"), 0),  # it runs
        (lambda: book.ingest_groups(FLOW, [EventGroup("g", "Closed", currency="USD", total=9)], "t"), 1),
        (lambda: book.ingest_groups(FLOW, [EventGroup("g", "Closed", currency="USD", total=9)], "t"), 0),
        (lambda: book.ingest_payouts(FLOW, [Payout("p", "s", "STARTED")], "t"), 1),
        (lambda: book.ingest_payouts(FLOW, [Payout("p", "s", "PAID")], "t"), 1),
        (lambda: book.ingest_payouts(FLOW, [Payout("p", "s", "PAID")], "t"), 0),
        (lambda: book.ingest_summaries(FLOW, [Summary("s", "USD", 5)], "t"), 1),
        (lambda: book.ingest_summaries(FLOW, [Summary("s", "USD", 5)], "t"), 0),
        (lambda: book.record_balances(FLOW, AT.date(), (Balance("TOTAL", "USD", 5),), "t"), 1),
        (lambda: book.record_balances(FLOW, AT.date(), (Balance("TOTAL", "USD", 5),), "t"), 0),
        (lambda: book.record_balances(FLOW, AT.date(), (Balance("TOTAL", "USD", 6),), "t"), 1),
    ]
    for do, recorded in steps:
        before = store.end()
        do()
        assert store.end() - before == recorded


def test_that_a_part_is_not_offered_is_remembered(store: Any) -> None:
    book = Bookkeeping(store, lambda: AT)
    book.record_availability(FLOW, "listPayouts", True, "", "t")  # as everybody expects: no news
    assert store.end() == 0
    book.record_availability(FLOW, "listPayouts", False, "403", "t")
    book.record_availability(FLOW, "listPayouts", True, "", "t")
    stream = source_stream("us", "listPayouts")
    told = [event.available for event in store.load([stream])[stream] if isinstance(event, SourceAvailability)]
    assert told == [False, True]


def test_a_settlement_learns_what_else_is_told_of_it(store: Any) -> None:
    from domain.settlement import SettlementLine, Statement

    book = Bookkeeping(store, lambda: AT)
    line = SettlementLine(1, "Order", "ItemPrice", "Principal", 700, posted=AT)
    statement = Statement("s1", "CAD", 700, AT - timedelta(days=14), AT, AT)
    book.ingest_settlement(Flow(name="us", orders="none", banks={}), statement, [line], "t")
    told = SettlementMatched(
        settlement_id="s1", group_id="g", account_type="Standard Orders", converted_total=511,
        converted_currency="USD", flow="us", at=AT, by="t",
    )  # fmt: skip
    assert book.match_settlements(FLOW, [told], "t").changed == 1
    assert book.match_settlements(FLOW, [told], "t").changed == 0
    matched = book.matched(FLOW, "s1")
    assert matched is not None
    assert (matched.converted_total, matched.converted_currency) == (511, "USD")
    assert book.matched(FLOW, "never-seen") is None
    state = Settlement()
    for event in store.load([settlement_stream("us", "s1")])[settlement_stream("us", "s1")]:
        state = evolve(state, event)
    assert state.matched == matched
