"""A first connection's past, single orders, refused data: over real HTTP, on both databases.

Without these, a crash could lose a month of orders, a past could cost more calls than Amazon gives, and an outage of
one data set could stop the books or empty them.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from msgspec.structs import replace
from shop import Shop

from application.order_history import HISTORY
from application.sync import Cycle
from domain.order import Order, evolve, order_stream

OpenShop = Callable[..., AbstractContextManager[Shop]]
PAST: dict[str, Any] = {"orders": 90, "settlements": 16, "seed": 5}  # 226 days, of which 90 are searched
CYCLES = 25


def pull(shop: Shop, **more: Any) -> Any:
    return shop.services.cycle(shop.flow(), sources=("orders",), **more).run()


def pull_all(shop: Shop, most: int = CYCLES) -> int:
    """Cycles of orders until the past is whole; how many it took."""
    for number in range(1, most + 1):
        report = pull(shop)
        assert report.error == ""
        if whole(shop):
            return number
        time.sleep(0.15)  # five minutes at Amazon
    raise AssertionError(f"the past is not whole after {most} cycles: {report.counts}")


def whole(shop: Shop) -> bool:
    shop.services.views.catch_up()
    mark = shop.services.views.watermark("us", HISTORY)
    return mark is not None and not mark[1] and mark[0][:10] <= shop.amazon["since"][:10]


def known(shop: Shop) -> dict[str, tuple[str, int | None]]:
    """Status and what was billed, of every order there is."""
    return {row["order_id"]: (row["status"], row["total"]) for row in shop.rows("orders", limit=10_000)}


def order(shop: Shop, order_id: str) -> Order:
    state = Order()
    stream = order_stream("us", order_id)
    for event in shop.services.store.load([stream]).get(stream, []):
        state = evolve(state, event)
    return state


def calls(shop: Shop) -> dict[str, int]:
    made = shop.control("amazon", "calls")
    return {name: count["calls"] for name, count in made.items() if name not in ("token", "download")}


def test_the_past_comes_whole_in_bulk_and_its_parcels_with_it(open_shop: OpenShop) -> None:
    with open_shop(**PAST) as shop:
        shop.set_up()
        before = calls(shop)
        pull_all(shop)
        for _ in range(10):  # the tracking numbers of the last 90 days come month by month
            pull(shop)
            time.sleep(0.15)

        assert len(known(shop)) == 90
        assert sum(shop.expected()["orders"].values()) == 90
        made = {name: count - before.get(name, 0) for name, count in calls(shop).items()}
        # Of what is older than 90 days: at most three calls a report, however many orders are in it.
        assert made["createReport"] <= 16
        assert made.get("getOrder", 0) == 0
        by_amazon = [
            state
            for order_id in known(shop)
            if (state := order(shop, order_id)).known is not None
            and state.known.fulfilled_by == "AMAZON"
            and state.known.status == "SHIPPED"
        ]
        tracked = [state for state in by_amazon if state.known is not None and state.known.packages]
        assert len(tracked) > 0.8 * len(by_amazon) > 20


def test_a_past_whose_reports_do_not_say_who_owes_the_tax_is_searched(open_shop: OpenShop) -> None:
    with open_shop(**{**PAST, "orders": 30, "marketplace": "DE"}) as shop:
        shop.set_up()
        pull_all(shop)

        assert len(known(shop)) == 30
        for order_id, (status, total) in known(shop).items():
            state = order(shop, order_id).known
            assert state is not None
            assert state.source == ""
            assert status not in ("SHIPPED", "PARTIALLY_SHIPPED") or total
        assert calls(shop).get("getOrder", 0) == 0


class Died(BaseException):
    """What a test ends a process with, as far as one can inside it."""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_past_that_is_killed_again_and_again_comes_whole_all_the_same(
    open_shop: OpenShop, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from random import Random

    random = Random(seed)
    with open_shop(**{**PAST, "orders": 50}) as shop:
        shop.set_up()
        real = Cycle._advance
        left = [random.randint(1, 6)]

        def advance(cycle: Cycle, source: str, cursor: str, seen: tuple[str, ...] = ()) -> None:
            """Ends the process before or after what should be saved."""
            left[0] -= 1
            if left[0] == 0 and random.random() < 0.5:
                raise Died
            real(cycle, source, cursor, seen)
            if left[0] <= 0:
                raise Died

        monkeypatch.setattr(Cycle, "_advance", advance)
        for _ in range(12):
            left[0] = random.randint(1, 7)
            with pytest.raises(Died):
                for _ in range(CYCLES):
                    if whole(shop):
                        raise Died
                    pull(shop)
                    time.sleep(0.15)
        monkeypatch.setattr(Cycle, "_advance", real)
        if not whole(shop):
            pull_all(shop)
        found = known(shop)
        events = [one for one in shop.rows("audit", limit=100_000) if "was first seen" in one["summary"]]

    assert len(found) == 50
    assert len(events) == 50  # none twice


def test_a_report_whose_answer_was_lost_is_found_and_not_asked_for_twice(open_shop: OpenShop) -> None:
    with open_shop(**{**PAST, "orders": 40}) as shop:
        shop.set_up()
        shop.control("amazon", "faults", [{"on": "create_report", "kind": "lost_answer"}])
        report = pull(shop)
        assert "what became of it is not known" in report.error
        pull_all(shop)

        made = shop.control("amazon", "calls")["createReport"]["calls"]
        kept = len(
            shop.services.amazon(shop.flow()).requested_reports.requested_since(
                "orders", shop.services.clock().replace(year=2026, month=10)
            )
        )
        assert len(known(shop)) == 40
        assert made == kept + _shipment_reports(shop)


def _shipment_reports(shop: Shop) -> int:
    since = shop.services.clock().replace(month=10)
    return len(shop.services.amazon(shop.flow()).requested_reports.requested_since("shipments", since))


@pytest.mark.parametrize("kind", ["fatal", "cancelled", "500"])
def test_reports_that_fail_leave_nothing_out(open_shop: OpenShop, kind: str) -> None:
    """A window whose report keeps failing is searched; one that Amazon cancels holds nothing."""
    with open_shop(**{**PAST, "orders": 40}) as shop:
        shop.set_up()
        times = 40 if kind == "fatal" else 1
        shop.control("amazon", "faults", [{"on": "create_report", "kind": kind, "times": times}])
        for _ in range(CYCLES):
            pull(shop)
            if whole(shop):
                break
            time.sleep(0.15)
        found = len(known(shop))

    assert found == 40 if kind != "cancelled" else found > 25


def test_an_order_no_search_shows_is_asked_for_before_its_settlement_is_decided(open_shop: OpenShop) -> None:
    with open_shop(orders=40, settlements=2, seed=11, troubles=("unlisted_order",)) as shop:
        shop.set_up()
        report = shop.sync()

        assert report.error == ""
        assert shop.rows("held") == []
        assert calls(shop)["getOrder"] == 1
        assert not [row for row in shop.rows("audit", limit=100_000) if "was held" in row["summary"]]
        assert "Amazon Clearing - us USD" not in shop.trial_balance()


def test_an_order_that_is_gone_is_asked_for_once_and_booked_by_its_settlement(open_shop: OpenShop) -> None:
    with open_shop(orders=40, settlements=2, seed=11, troubles=("unseen_order",)) as shop:
        shop.set_up()
        shop.sync()
        shop.sync()

        assert calls(shop)["getOrder"] == 1
        assert shop.rows("held") == []
        gone = [row for row in shop.rows("audit", limit=100_000) if "Amazon has it no more" in row["summary"]]
        assert len(gone) == 1
        assert order(shop, gone[0]["order_id"]).recognised_by
        settlements = shop.rows("settlements")
        banked = sum(row["total"] for row in settlements)
        assert shop.trial_balance()[shop.quickbooks["bank_account"]] == f"{banked / 100:.2f}"


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("refused", [("PACKAGES",), ("FULFILLMENT",), ("PROCEEDS",)])
def test_a_refused_data_set_stops_nothing_and_empties_nothing(
    open_shop: OpenShop, refused: tuple[str, ...], named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_shop(orders=30, settlements=1, seed=11) as shop:
        shop.set_up()
        pull(shop)
        before = {order_id: order(shop, order_id).known for order_id in known(shop)}
        shop.control("amazon", "orders", {"refused_data": refused, "named": named})
        amended = next(order_id for order_id, (status, _) in known(shop).items() if status == "SHIPPED")
        shop.control("amazon", f"amend/{amended}", {})
        time.sleep(0.1)  # the guard of two minutes

        report = pull(shop)

        assert report.error == ""
        assert shop.flow().refused_data == refused
        now = {order_id: order(shop, order_id).known for order_id in known(shop)}
        for order_id, known_before in before.items():
            after = now[order_id]
            assert after is not None
            assert known_before is not None
            assert after.status == known_before.status
            if known_before.packages:  # else Amazon may have told meanwhile what it shipped
                assert after.packages == known_before.packages
            if order_id != amended:
                assert replace(after, packages=known_before.packages) == known_before
        # Remembered: it costs one refused call, not one each cycle; and given again, what changed is read again.
        searches = calls(shop)["searchOrders"]
        pull(shop)
        assert calls(shop)["searchOrders"] == searches + 1
        shop.control("amazon", "orders", {})
        monkeypatch.setattr("application.order_pull.ASKED_AGAIN", type(shop.services.clock() - shop.services.clock())())
        pull(shop)
        pull(shop)
        assert shop.flow().refused_data == ()
        assert order(shop, amended).known.total != before[amended].total  # type: ignore[union-attr]


def test_a_backfill_stays_within_its_calls(open_shop: OpenShop) -> None:
    """At most 0.015 calls an order for 100,000 orders in two years; here a fiftieth of them, and the same bound."""
    with open_shop(orders=2_000, settlements=50, seed=3) as shop:
        shop.set_up()
        before = sum(calls(shop).values())
        pull_all(shop, most=60)
        made = sum(calls(shop).values()) - before
        found = len(known(shop))

    assert found == 2_000
    searched = 2_000 * 92 / 730 / 100  # pages of 100
    # What does not grow with the orders is counted once; the rest fifty times.
    assert made <= 400
    per_order = (made - searched + 50 * searched) / 100_000
    assert per_order <= 0.015, per_order
