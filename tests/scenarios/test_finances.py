"""Whole cycles over Finances: the control agrees with an honest Amazon and names every dishonesty, row by row."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

import pytest
from shop import Shop

from application import connections
from application.alerts import wanted_alerts
from application.control import controls, converted_total
from application.deferred import deferred_at
from domain.control import INVOICED, STANDARD, Control
from domain.flow import FlowSettings, Schedule

OpenShop = Callable[..., AbstractContextManager[Shop]]


def controlled(shop: Shop) -> list[Control]:
    shop.services.views.catch_up()
    return controls(shop.services.views, "us")


def alerts(shop: Shop, now: datetime | None = None) -> dict[str, Any]:
    found = wanted_alerts("us", shop.services.views, {}, now or shop.services.clock())
    return {alert.key: alert for alert in found}


def differences(shop: Shop) -> set[tuple[str, str]]:
    return {(each.settlement_id, check.name) for each in controlled(shop) for check in each.differing}


@pytest.mark.parametrize(
    "troubles",
    [(), ("deferred_sales", "invoiced_account"), ("negative_settlement",), ("foreign_currency", "converted_payout")],
)
def test_an_honest_amazon_agrees_with_itself(open_shop: OpenShop, troubles: tuple[str, ...]) -> None:
    with open_shop(orders=80, settlements=3, seed=8, troubles=troubles, quirks=("payouts",)) as shop:
        shop.set_up()
        shop.sync()
        found = controlled(shop)
        expected = {each["id"] for each in shop.expected()["settlements"]}
        assert {each.settlement_id for each in found} == expected
        assert {each.state for each in found} == {"agrees"}
        assert {check.state for each in found for check in each.checks} <= {"agrees", "first"}
        accounts = {each.account_type for each in found}
        assert accounts == ({STANDARD, INVOICED} if "invoiced_account" in troubles else {STANDARD})
        assert not [key for key in alerts(shop) if key.startswith(("control", "settlement-overdue", "transactions"))]
        if "converted_payout" in troubles:
            (canadian,) = [each for each in found if each.currency == "CAD"]
            paid = converted_total(shop.services.views, "us", canadian.settlement_id)
            assert paid is not None
            assert paid.currency == "USD"
            assert 0 < paid.amount < (canadian.total or 0)
            matched = shop.services.bookkeeping.matched(shop.flow(), canadian.settlement_id)
            assert matched is not None
            assert (matched.converted_total, matched.account_type) == (paid.amount, STANDARD)


def test_read_again_nothing_is_new_and_the_watermarks_move(open_shop: OpenShop) -> None:
    with open_shop(orders=60, settlements=2, seed=8, troubles=("deferred_sales",)) as shop:
        shop.set_up()
        first = shop.sync()
        assert first.counts["transactions_new"] > 0
        marks = {row["source"]: row["cursor"] for row in shop.rows("watermarks")}
        records = shop.rows("transactions")
        time.sleep(1.1)  # watermarks are whole seconds
        again = shop.sync()
        assert not {name: count for name, count in again.counts.items() if name.startswith("transactions") and count}
        assert shop.rows("transactions") == records
        moved = {row["source"]: row["cursor"] for row in shop.rows("watermarks")}
        assert all(moved[name] > marks[name] for name in ("transactions", "event_groups"))


def test_what_the_account_may_not_read_is_remembered_and_no_error(open_shop: OpenShop) -> None:
    with open_shop(orders=40, settlements=2, seed=8, quirks=("no_summary", "no_balances")) as shop:
        shop.set_up()
        report = shop.sync()
        assert report.error == ""
        parts = ("listSummary", "listBalances", "listPayouts")
        asked = [shop.control("amazon", "calls")[name]["calls"] for name in parts]
        assert all(asked)
        shop.sync()
        assert [shop.control("amazon", "calls")[name]["calls"] for name in parts] == asked
        shop.control("amazon", "quirks", ["payouts"])
        keep = shop.services.vault, shop.services.bookkeeping
        states = {check.name: check.state for check in controlled(shop)[0].checks}
        assert (states["summary"], states["payout"], states["event_group"]) == ("unavailable", "unavailable", "agrees")
        # A new consent may have other roles: it is asked at once.
        connections.connect_amazon(
            shop.flow(), shop.amazon["refresh_token"], *keep, shop.services.amazon, shop.services.clock, "tests"
        )
        shop.sync()
        assert {check.state for check in controlled(shop)[0].checks} == {"agrees"}


def test_without_finances_settlements_are_booked_all_the_same(open_shop: OpenShop) -> None:
    """The account type is not known then: the settlement posts on its own clearing, only the continuity says so."""
    with open_shop(orders=60, settlements=3, seed=8, troubles=("invoiced_account",), quirks=("no_finances",)) as shop:
        shop.set_up()
        report = shop.sync()
        assert report.error == ""
        assert {row["status"] for row in shop.rows("settlements")} == {"posted"}
        assert all(not row["balance"] for row in shop.rows("clearing"))
        found = controlled(shop)
        assert {each.account_type for each in found} == {""}
        assert {each.state for each in found} == {"alone"}  # nothing is called wrong that may be right
        unsure = [c for each in found for c in each.checks if c.state == "unsure"]
        assert unsure
        assert all("Standard or Invoiced" in check.text for check in unsure)


@pytest.mark.parametrize(
    ("quirk", "check", "words"),
    [
        ("group_differs", "event_group", "listFinancialEventGroups, event group "),
        ("summary_differs", "summary", "listSummary, the summary of SETTLEMENT_ID "),
        ("payout_failed", "payout", "listPayouts, payout "),
    ],
)
def test_each_disagreement_is_named_and_alarmed(open_shop: OpenShop, quirk: str, check: str, words: str) -> None:
    with open_shop(orders=60, settlements=3, seed=8, quirks=("payouts", quirk)) as shop:
        shop.set_up()
        shop.sync()
        newest = controlled(shop)[0].settlement_id
        found = differences(shop)
        assert (newest, check) in found
        assert {name for _, name in found} == {check}
        alert = alerts(shop)[f"control/{newest}"]
        assert words in alert.cause
        assert alert.path == f"/flows/us/settlements/{newest}"


def test_totals_that_amazon_forgot_are_no_disagreement(open_shop: OpenShop) -> None:
    with open_shop(orders=60, settlements=2, seed=8, quirks=("no_group_totals", "groups_a_minute_off")) as shop:
        shop.set_up()
        shop.sync()
        for each in controlled(shop):
            states = {check.name: check.state for check in each.checks}
            assert (each.state, states["event_group"]) == ("agrees", "missing")
            assert each.group is not None  # found by its period, some seconds off


def test_a_missing_settlement_is_seen_by_its_neighbours(open_shop: OpenShop) -> None:
    with open_shop(orders=80, settlements=3, seed=8) as shop:
        shop.set_up()
        middle = sorted(shop.expected()["settlements"], key=lambda each: each["start"])[1]
        shop.sync()
        views = shop.services.views
        # As if its report had never come: the facts of the two others alone.
        facts = views.query("settlement_sums", "us")

        class Without:
            def query(self, name: str, flow: str, **filters: Any) -> Any:
                found = views.query(name, flow, **filters)
                return (
                    [r for r in found if r.get("settlement_id") != middle["id"]] if name == "settlement_sums" else found
                )

        found = controls(Without(), "us")  # type: ignore[arg-type]
        assert len(facts) == 3
        assert {check.name for check in found[0].differing} == {"reserve", "period"}
        assert "a gap of 14 days" in next(c.text for c in found[0].differing if c.name == "period")


def test_a_settlement_that_does_not_come_is_alarmed_in_its_rhythm(open_shop: OpenShop) -> None:
    with open_shop(orders=60, settlements=3, seed=8) as shop:
        shop.set_up()
        shop.sync()
        (last,) = [max(each["end"] for each in shop.expected()["settlements"])]
        end = datetime.fromisoformat(last)
        assert not [key for key in alerts(shop, end + timedelta(days=15, hours=23)) if "overdue" in key]
        late = alerts(shop, end + timedelta(days=17))
        (alert,) = [alert for key, alert in late.items() if key.startswith("settlement-overdue")]
        assert alert.object == "the next settlement of Amazon.com Standard Orders (USD)"
        assert "17 days ago; they came at least every 14 days" in alert.cause


def test_a_document_without_rows_is_alarmed(open_shop: OpenShop) -> None:
    from application.settlement_files import ingest_document
    from entrypoints.bootstrap import read_settlement_report

    with open_shop(orders=10, settlements=1, seed=8) as shop:
        shop.set_up()
        heading = b"settlement-id\tsettlement-start-date\tsettlement-end-date\tdeposit-date\ttotal-amount\tcurrency\t"
        heading += b"transaction-type\torder-id\tamount-type\tamount-description\tamount\tposted-date-time\n"
        for number, content in enumerate((heading, b"")):
            (digest,) = shop.services.evidence.put("us", [content])
            ingest_document(
                content, "UTF-8", f"report {number}", shop.flow(), shop.services.bookkeeping, read_settlement_report,
                "tests", digest,
            )  # fmt: skip
        shop.services.views.catch_up()
        found = alerts(shop)
        assert {"settlement/report 0", "settlement/report 1"} <= found.keys()
        assert "no rows" in found["settlement/report 0"].cause
        assert "empty" in found["settlement/report 1"].cause


def test_transactions_that_cannot_be_believed_are_held_and_told_once(open_shop: OpenShop) -> None:
    with open_shop(orders=60, settlements=2, seed=8, quirks=("nothing_sums",)) as shop:
        shop.set_up()
        report = shop.sync()
        assert report.error == ""
        held = shop.rows("transactions", held=True)
        assert held
        assert {row["kind"] for row in held} == {"Shipment"}
        (alert,) = [each for key, each in alerts(shop).items() if key == "transactions/held"]
        assert alert.money == {"USD": sum(row["total"] for row in held)}
        shop.control("amazon", "quirks", [])
        shop.sync()
        assert shop.rows("transactions", held=True) == []
        assert "transactions/held" not in alerts(shop)


def test_where_amazon_fails_on_finances_the_books_go_on_and_the_cycle_says_so(open_shop: OpenShop) -> None:
    with open_shop(orders=40, settlements=1, seed=8) as shop:
        shop.set_up()
        shop.control("amazon", "faults", [{"on": "balances", "kind": "500", "times": 6}])
        report = shop.sync()
        assert "listBalances with 500" in report.error
        assert report.counts["deposits_posted"] == 1
        assert shop.sync().error == ""


def test_deferred_sales_are_known_by_day(open_shop: OpenShop) -> None:
    with open_shop(orders=80, settlements=2, seed=8, troubles=("deferred_sales",)) as shop:
        shop.set_up()
        shop.sync()
        now = shop.services.clock()
        found = deferred_at(shop.services.views, "us", now)
        assert found
        assert {each.reason for each in found} <= {"B2B", "DD7"}
        assert all(each.fees and not each.unknown for each in found)
        statuses = {row["transaction_id"]: row["status"] for row in shop.rows("transactions")}
        assert {statuses[each.transaction_id] for each in found} == {"DEFERRED"}
        before = deferred_at(shop.services.views, "us", now - timedelta(days=12))
        assert any(statuses[each.transaction_id] == "DEFERRED_RELEASED" for each in before)


def test_a_flow_of_before_finances_has_their_schedule_too(open_shop: OpenShop) -> None:
    """Schedules recorded before there were finances do not name them."""
    with open_shop(orders=10, settlements=1, seed=8) as shop:
        shop.set_up()
        old = {name: Schedule(15) for name in ("orders", "settlements", "posting")}
        from application.ports import Append
        from domain.flow import FlowConfigured, flow_stream

        stream = flow_stream("us")
        version = shop.services.store.heads([stream])[stream].version
        event = FlowConfigured(
            old=FlowSettings(), new=FlowSettings(schedule=old), flow="us", at=shop.services.clock(), by="tests"
        )
        shop.services.store.append([Append(stream, version, [event])])
        assert shop.flow().schedule["finances"] == Schedule(24 * 60)
        assert shop.flow().schedule["orders"] == Schedule(15)
        assert json.dumps(shop.sync().counts)
