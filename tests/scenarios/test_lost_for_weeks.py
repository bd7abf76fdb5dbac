"""A connection that is lost for weeks and given again: the books are those of a shop that was never disturbed."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from slow_time import NOW, SlowShop, slow_shop

from application import connections
from domain.flow import AmazonConnected, ConnectionLost

STARTS = NOW - timedelta(days=40)
DAYS = 42


def give_again(shop: SlowShop) -> None:
    """The seller consents anew on Amazon's page, as in the browser."""
    services, flow = shop.services, shop.flow()
    went = httpx.get(services.consent("amazon").address(flow, "any-state"), follow_redirects=False)
    (code,) = parse_qs(urlsplit(went.headers["location"]).query)["spapi_oauth_code"]
    credential = services.consent("amazon").exchange(flow, code)
    kept = services.vault, services.bookkeeping
    connections.keep_amazon(flow, credential, *kept, services.amazon, services.clock, "tests", "A2SELLER")


def traded(home: Path, lost: range) -> dict[str, Any]:
    """Six weeks with a cycle each day that the flow runs; `lost` are the days without consent."""
    with slow_shop(home, NOW, STARTS, orders=60, settlements=3, seed=11, quotas=False) as shop:
        shop.set_up()
        cycles = failed = 0
        for day in range(DAYS):
            shop.wait(timedelta(days=1))
            if lost and day == lost.start:
                shop.control("amazon", "revoke", {})
            if lost and day == lost.stop:
                give_again(shop)
            if shop.flow().runs:  # as whoever runs flows asks
                cycles += 1
                failed += bool(shop.sync().error)
        recorded = [each.event for each in shop.services.store.read(0, 1_000_000)]
        return {
            "cycles": cycles,
            "failed": failed,
            "documents": shop.documents(),
            "balances": shop.trial_balance(),
            "orders": sorted(row["order_id"] for row in shop.rows("orders")),
            "settlements": [(row["settlement_id"], row["total"], row["status"]) for row in shop.rows("settlements")],
            "held": [(row["kind"], row["key"], row["code"]) for row in shop.rows("held")],
            "expected": shop.expected(),
            "lost": [event.vendor for event in recorded if isinstance(event, ConnectionLost)],
            "connected": sum(isinstance(event, AmazonConnected) for event in recorded),
        }


@pytest.mark.slow
def test_weeks_without_a_connection_leave_no_gap(tmp_path: Path) -> None:
    whole = traded(tmp_path / "whole", range(0))
    broken = traded(tmp_path / "broken", range(8, 31))

    assert (whole["cycles"], whole["failed"], whole["lost"], whole["connected"]) == (DAYS, 0, [], 1)
    # One failed cycle tells of the loss; then the flow is not run until somebody connects it.
    assert (broken["cycles"], broken["failed"], broken["lost"], broken["connected"]) == (DAYS - 22, 1, ["amazon"], 2)
    for name in ("documents", "balances", "orders", "settlements", "held"):
        assert broken[name] == whole[name], name
    # That both are whole: every order and settlement of the world is there.
    assert len(whole["orders"]) == sum(whole["expected"]["orders"].values())
    assert {row[0] for row in whole["settlements"]} == {row["id"] for row in whole["expected"]["settlements"]}
