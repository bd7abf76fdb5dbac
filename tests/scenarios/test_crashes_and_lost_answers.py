"""Nothing is lost and nothing is booked twice, whatever happens between two lines.

Without these, a crash or a lost answer would show itself as a doubled invoice in somebody's books.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from shop import SPEED, Shop

from application.posting_run import LOOK_UP_AFTER
from domain.errors import OutcomeUnknown, Refused

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


class Losing:
    """QuickBooks does what it is sent, and its answers to batches that hold `what` do not come back, `times` times."""

    def __init__(self, client: Any, what: bytes, times: int, refuse_replay: bool = False) -> None:
        self._client = client
        self._what = what
        self._left = times
        self._refuse_replay = refuse_replay
        self.sent: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def send_batch(self, request_id: str, body: bytes) -> Any:
        if self._what not in body:
            return self._client.send_batch(request_id, body)
        self.sent.append(request_id)
        if self._refuse_replay and len(self.sent) > 1:
            raise Refused("quickbooks answered batch with 400 2010", vendor="quickbooks", code="2010")
        self._left -= 1
        if self._left < 0:
            return self._client.send_batch(request_id, body)
        if not self._refuse_replay:
            self._client.send_batch(request_id, body)
        raise OutcomeUnknown("quickbooks' answer to batch was lost", vendor="quickbooks")


def cycles_with(shop: Shop, client: Losing, times: int) -> None:
    """Cycles with time enough between them for whatever waits to be over."""
    for _ in range(times):
        cycle = shop.services.cycle(shop.flow())
        cycle._quickbooks = client
        assert cycle.run().error == ""
        time.sleep(LOOK_UP_AFTER.total_seconds() / SPEED + 0.05)


def edit(shop: Shop, entity: str, number: int = 0, **changes: Any) -> str:
    """A person changes a document in QuickBooks; its id."""
    quickbooks = shop.services.quickbooks(shop.flow())
    told = msgspec.json.decode(list(quickbooks._query(entity))[number])
    body = msgspec.json.encode({**told, **changes})
    answer = quickbooks._call("by hand", "POST", f"/{entity.lower()}", body=body)
    assert answer.status_code == 200, answer.text
    return str(told["Id"])


@pytest.mark.parametrize(
    "changes", [{"TxnDate": "2026-11-20"}, {"PrivateNote": "checked, Ada"}], ids=["moved", "note written over"]
)
@pytest.mark.parametrize("word", ["adopt", "release"])
def test_a_deposit_that_a_person_changed_while_its_answer_was_lost_is_not_posted_again(
    open_shop: OpenShop, changes: dict[str, str], word: str
) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        client = Losing(shop.services.quickbooks(shop.flow()), b'"Deposit"', times=2)  # the sending and its replay
        cycles_with(shop, client, 2)
        deposits = shop.documents()["Deposit"]
        changed = edit(shop, "Deposit", **changes)

        cycles_with(shop, client, 3)

        assert shop.documents()["Deposit"] == deposits
        (waits,) = [row for row in shop.rows("held") if row["code"] == "found_otherwise"]
        assert f"--id {changed}" in waits["text"]
        assert waits["kind"] == "deposit"
        assert shop.services.views.open_batches("us") == []

        books, quickbooks = shop.services.bookkeeping, shop.services.quickbooks(shop.flow())
        if word == "adopt":
            found = quickbooks.read("deposit", changed)
            assert found is not None
            books.adopt("us", "deposit", waits["key"], found, "", "ada", "I moved it to the bank's date")
        else:
            told = msgspec.json.decode(found.content) if (found := quickbooks.read("deposit", changed)) else {}
            body = msgspec.json.encode({"Id": changed, "SyncToken": told["SyncToken"]})
            deleted = quickbooks._call("by hand", "POST", "/deposit", [("operation", "delete")], body=body)
            assert deleted.status_code == 200, deleted.text
            books.release("us", "deposit", waits["key"], [], "ada", "I deleted it")
        shop.sync()
        shop.sync()
        assert shop.rows("held") == []
        documents, balances = shop.documents(), shop.trial_balance()
    assert (documents, balances) == undisturbed(open_shop, "undisturbed")


def test_a_replay_that_is_refused_does_not_stop_the_flow_for_ever(open_shop: OpenShop) -> None:
    """Nothing of the batch is in QuickBooks, and QuickBooks will not take it: that is a refusal and an end."""
    with open_shop(**WORLD) as shop:
        shop.set_up()
        client = Losing(shop.services.quickbooks(shop.flow()), b'"Invoice"', times=1, refuse_replay=True)
        cycles_with(shop, client, 4)

        assert shop.services.views.open_batches("us") == []
        assert {row["code"] for row in shop.rows("held") if row["kind"] == "invoice"} == {"refused_by_quickbooks"}
        shop.sync(retry_refused=True)
        shop.sync()
        assert shop.rows("held") == []
        documents, balances = shop.documents(), shop.trial_balance()
    assert (documents, balances) == undisturbed(open_shop, "undisturbed")


def test_an_installation_that_lost_its_database_finds_everything_and_posts_nothing(
    open_shop: OpenShop, tmp_path: Path
) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        shop.sync()
        documents, balances = shop.documents(), shop.trial_balance()

        home = tmp_path / "new"
        anew = Shop(home, f"sqlite:///{home / 'new.db'}", shop.amazon, shop.quickbooks)
        try:
            anew.set_up()
            anew.sync()
            anew.sync()
            assert anew.rows("held") == []
            assert {row["status"] for row in anew.rows("settlements")} == {"posted"}
        finally:
            anew.services.close()
        assert (shop.documents(), shop.trial_balance()) == (documents, balances)


def test_a_second_flow_of_the_same_seller_doubles_nothing(open_shop: OpenShop) -> None:
    """Its clearing account is another, so what it finds is not its own: a person is asked before anything is posted."""
    with open_shop(**WORLD) as shop:
        shop.set_up()
        shop.sync()
        documents, balances = shop.documents(), shop.trial_balance()

        shop.set_up("again")
        shop.sync("again")
        shop.sync("again")

        after = shop.documents()
        assert [after[kind] for kind in ("Invoice", "Payment", "Deposit")] == [
            documents[kind] for kind in ("Invoice", "Payment", "Deposit")
        ]
        assert shop.trial_balance() == balances
        assert {row["code"] for row in shop.rows("held", "again")} == {"found_otherwise"}
