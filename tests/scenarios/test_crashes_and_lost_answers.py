"""Nothing is lost and nothing is booked twice, whatever happens between two lines.

Without these, a crash or a lost answer would show itself as a doubled invoice in somebody's books.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from shop import Shop

from domain.errors import Refused

OpenShop = Callable[..., AbstractContextManager[Shop]]
WORLD: dict[str, Any] = {"orders": 45, "settlements": 2, "seed": 21}
CRASHING = Path(__file__).parents[1] / "support" / "crashing.py"


def undisturbed(open_shop: OpenShop, folder: str) -> tuple[dict[str, int], dict[str, str]]:
    with open_shop(folder=folder, **WORLD) as shop:
        shop.set_up()
        assert shop.sync().error == ""
        return shop.documents(), shop.trial_balance()


@pytest.mark.parametrize("point", ["ingested", "claimed", "sent"])
def test_a_killed_process_loses_nothing_and_doubles_nothing(open_shop: OpenShop, point: str) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        died = subprocess.run(
            [sys.executable, str(CRASHING), point],
            env={**os.environ, **shop.environment()},
            capture_output=True,
            timeout=120,
            check=False,
        )
        assert died.returncode == 9, died.stderr.decode()
        if point != "ingested":
            shop.services.views.catch_up()
            assert len(shop.services.views.open_batches("us")) == 1

        for _ in range(3):
            shop.sync()
        documents, balances = shop.documents(), shop.trial_balance()

    assert (documents, balances) == undisturbed(open_shop, "undisturbed")


FAULTS = [
    [{"on": "batch", "times": 1, "kind": "commit_then_503"}],
    [{"on": "batch", "times": 4, "kind": "commit_then_503"}],
    [{"on": "batch", "times": 1, "kind": "503_before_commit"}],
    [{"on": "batch", "times": 1, "kind": "commit_then_reset"}],
    [{"on": "batch", "times": 1, "kind": "commit_then_html"}],
    [{"on": "batch", "times": 1, "kind": "truncated_json"}],
    [{"on": "batch", "times": 1, "kind": "429_json"}],
    [{"on": "batch", "times": 1, "kind": "429_xml"}],
    [{"on": "batch", "times": 1, "kind": "item_3001"}],
    [{"on": "batch", "times": 1, "kind": "expire_token"}],
    [
        {"on": "batch", "times": 1, "kind": "commit_then_reset"},
        {"on": "batch", "times": 3, "kind": "503_before_commit"},
    ],
]


@pytest.mark.parametrize(
    "faults", FAULTS, ids=lambda faults: "-".join(f"{fault['kind']}x{fault['times']}" for fault in faults)
)
def test_lost_and_refused_answers_leave_the_same_books(open_shop: OpenShop, faults: list[dict[str, Any]]) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        shop.control("quickbooks", "faults", faults)

        for _ in range(4):
            shop.sync()

        documents, balances = shop.documents(), shop.trial_balance()
        assert shop.rows("held") == []
        assert shop.services.views.open_batches("us") == []
    assert (documents, balances) == undisturbed(open_shop, "undisturbed")


def test_a_number_taken_by_somebody_else_is_not_adopted(open_shop: OpenShop) -> None:
    """A human's invoice that bears an Amazon order id is not ours: it is shown, never taken over."""
    with open_shop(**WORLD) as shop:
        shop.set_up()
        order_id = next(row for page in [shop.services.amazon(shop.flow())] for row in _shipped(page, shop))
        quickbooks = shop.services.quickbooks(shop.flow())
        mapping = shop.services.bookkeeping.mapping("us")
        customer = next(iter(mapping.customers.values())).id
        item = mapping.items["SALES"].id
        import msgspec

        body = {
            "DocNumber": order_id,
            "CustomerRef": {"value": customer},
            "Line": [
                {"Amount": 1, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": item}}}
            ],
        }
        answer = quickbooks._call("by hand", "POST", "/invoice", body=msgspec.json.encode(body))
        assert answer.status_code == 200, answer.text

        shop.sync()

        refused = {row["key"]: row["code"] for row in shop.rows("held") if row["kind"] == "invoice"}
        assert refused == {order_id: "refused_by_quickbooks"}


def _shipped(amazon: Any, shop: Shop) -> list[str]:
    from datetime import UTC, datetime, timedelta

    since = datetime.now(UTC) - timedelta(days=60)
    return [
        order.order_id
        for page in amazon.orders(since, (shop.amazon["marketplace_id"],))
        for order in page.orders
        if order.status == "SHIPPED"
    ]


def test_a_batch_refused_as_a_whole_is_held_and_sent_again_when_asked(open_shop: OpenShop) -> None:
    """Left open it would stop the flow for ever; counted as done it would lose thirty invoices."""

    class Refusing:
        def __init__(self, client: Any) -> None:
            self._client = client
            self._left = 1

        def __getattr__(self, name: str) -> Any:
            return getattr(self._client, name)

        def send_batch(self, request_id: str, body: bytes) -> Any:
            self._left -= 1
            if self._left >= 0:
                raise Refused("quickbooks answered batch with 400 2010", vendor="quickbooks", code="2010")
            return self._client.send_batch(request_id, body)

    with open_shop(**WORLD) as shop:
        shop.set_up()
        cycle = shop.services.cycle(shop.flow())
        cycle._quickbooks = Refusing(cycle._quickbooks)
        assert cycle.run().error == ""
        refused = {row["code"] for row in shop.rows("held") if row["kind"] == "invoice"}
        assert refused == {"refused_by_quickbooks"}
        assert shop.services.views.open_batches("us") == []

        shop.sync()
        assert {row["code"] for row in shop.rows("held") if row["kind"] == "invoice"} == refused  # not sent unasked

        shop.sync(retry_refused=True)
        shop.sync()
        assert shop.rows("held") == []
        documents, balances = shop.documents(), shop.trial_balance()
    assert (documents, balances) == undisturbed(open_shop, "undisturbed")
