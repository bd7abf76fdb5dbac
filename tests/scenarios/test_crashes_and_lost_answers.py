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

import msgspec
import pytest
from shop import Shop

from application import word
from application.ports import Write
from application.posting_run import LOOK_UP_AFTER
from application.references import references_for
from domain.errors import BadInput, OutcomeUnknown, Refused

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

        waiting = {row["key"]: row["code"] for row in shop.rows("held") if row["kind"] == "invoice"}
        assert waiting == {order_id: "found_otherwise"}


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
        shop.wait(LOOK_UP_AFTER)
        cycle = shop.services.cycle(shop.flow())
        cycle._quickbooks = client
        assert cycle.run().error == ""


def edit(shop: Shop, told: dict[str, Any], changes: dict[str, Any]) -> str:
    """A person changes a document in QuickBooks; its id."""
    entity = "Invoice" if "CustomerRef" in told else "Deposit"
    return str(by_hand(shop, f"/{entity.lower()}", msgspec.json.encode({**told, **changes}))["Id"])


def without_its_last_line_in_full(told: dict[str, Any]) -> dict[str, Any]:
    """A bank took a fee: the person wrote it on the deposit."""
    detail = {"AccountRef": told["Line"][-1]["DepositLineDetail"]["AccountRef"]}
    fee = {"Amount": -1.00, "DetailType": "DepositLineDetail", "DepositLineDetail": detail}
    return {"PrivateNote": "less the bank's fee", "Line": [*told["Line"], fee]}


EDITS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "moved": lambda told: {"TxnDate": "2026-11-20"},
    "note written over": lambda told: {"PrivateNote": "checked, Ada"},
    "note written on": lambda told: {"PrivateNote": told["PrivateNote"] + "-checked"},
    "note written over and moved": lambda told: {"PrivateNote": "ok", "TxnDate": "2026-10-25"},
    "note written over and a fee added": without_its_last_line_in_full,
}


@pytest.mark.parametrize("changes", EDITS)
@pytest.mark.parametrize("what_then", ["adopt", "delete", "correct"])
def test_a_deposit_that_a_person_changed_while_its_answer_was_lost_is_not_posted_again(
    open_shop: OpenShop, changes: str, what_then: str
) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        client = Losing(shop.services.quickbooks(shop.flow()), b'"Deposit"', times=2)  # the sending and its replay
        cycles_with(shop, client, 2)
        deposits = shop.documents()["Deposit"]
        told = first(shop, "Deposit")
        changed = edit(shop, told, EDITS[changes](told))

        cycles_with(shop, client, 3)

        assert shop.documents()["Deposit"] == deposits
        (waits,) = [row for row in shop.rows("held") if row["code"] == "found_otherwise"]
        assert f"--id {changed} --why" in waits["text"]
        assert waits["kind"] == "deposit"
        assert shop.services.views.open_batches("us") == []

        match what_then:
            case "adopt":
                adopt(shop, "deposit", waits["key"], changed)
            case "delete":
                delete(shop, "Deposit", changed)
            case "correct":
                edit(shop, first(shop, "Deposit", changed), {name: told[name] for name in told if name != "SyncToken"})
        shop.sync()
        shop.sync()
        documents, balances = shop.documents(), shop.trial_balance()
        left = {row["code"] for row in shop.rows("held")}
    if what_then == "adopt" and changes == "note written over and a fee added":
        assert left == {"total_differs", "adopted_otherwise"}  # it counts as posted, and as not quite right
        assert documents["Deposit"] == deposits
    else:
        assert left == set()
        assert (documents, balances) == undisturbed(open_shop, "undisturbed")


def first(shop: Shop, entity: str, quickbooks_id: str = "") -> dict[str, Any]:
    rows = [msgspec.json.decode(row) for row in shop.services.quickbooks(shop.flow())._query(entity)]
    chosen: dict[str, Any] = next(row for row in rows if quickbooks_id in ("", row["Id"]))
    return chosen


def adopt(shop: Shop, kind: str, key: str, quickbooks_id: str, flow: str = "us") -> None:
    service = shop.services
    service.views.catch_up()
    keep = service.bookkeeping, service.views, service.quickbooks, service.evidence
    word.adopt(shop.flow(flow), kind, key, quickbooks_id, *keep, "ada", "I know it")


def delete(shop: Shop, entity: str, quickbooks_id: str) -> None:
    token = first(shop, entity, quickbooks_id)["SyncToken"]
    body = msgspec.json.encode({"Id": quickbooks_id, "SyncToken": token})
    by_hand(shop, f"/{entity.lower()}", body, [("operation", "delete")])


def by_hand(shop: Shop, path: str, body: bytes, params: Any = ()) -> dict[str, Any]:
    answer = shop.services.quickbooks(shop.flow())._call("by hand", "POST", path, params, body=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = next(value for value in answer.json().values() if isinstance(value, dict))
    return made


def payout_by_hand(shop: Shop) -> tuple[str, str]:
    """Before we post anything, the bookkeeper adds Amazon's payout from the bank feed to Sales: the key and the id."""
    cycle = shop.services.cycle(shop.flow())
    cycle._quickbooks = None
    assert cycle.run().error == ""
    deposit = shop.rows("postings", kind="deposit")[0]
    mapping = shop.services.bookkeeping.mapping("us")
    body = {
        "TxnDate": deposit["day"],
        "DepositToAccountRef": {"value": mapping.banks["USD"].id},
        "PrivateNote": "from the bank feed",
        "Line": [
            {
                "Amount": deposit["amount"] / 100,
                "DetailType": "DepositLineDetail",
                "DepositLineDetail": {"AccountRef": {"value": mapping.accounts["SALES"].id}},
            }
        ],
    }
    return deposit["key"], str(by_hand(shop, "/deposit", msgspec.json.encode(body))["Id"])


def test_a_payout_that_was_booked_by_hand_is_seen_before_it_is_booked_again(open_shop: OpenShop) -> None:
    """The commonest way to count Amazon's money twice: Add, in the bank feed."""
    with open_shop(**WORLD) as shop:
        shop.set_up()
        key, by_hand_id = payout_by_hand(shop)
        shop.sync()
        assert [(row["key"], row["code"]) for row in shop.rows("held")] == [(key, "found_otherwise")]

        adopt(shop, "deposit", key, by_hand_id)
        shop.sync()
        # It counts as the deposit, and what it books otherwise is told, in words and in the proof.
        assert [(row["key"], row["code"]) for row in shop.rows("held")] == [(key, "adopted_otherwise")]
        (clearing,) = shop.rows("clearing")
        assert (clearing["balance"] != 0, [row["settlement_id"] for row in clearing["explained"]]) == (True, [key])

        shop.services.bookkeeping.release("us", "deposit", key, [by_hand_id], "ada", "no, it is wrong: I delete it")
        delete(shop, "Deposit", by_hand_id)
        shop.sync()
        shop.sync()
        assert shop.rows("held") == []
        documents, balances = shop.documents(), shop.trial_balance()
    assert (documents, balances) == undisturbed(open_shop, "undisturbed")


def test_a_document_is_adopted_once_and_only_where_it_can_be_the_one(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        key, by_hand_id = payout_by_hand(shop)
        shop.sync()
        posted = next(row for row in shop.rows("postings", kind="deposit", status="posted"))

        with pytest.raises(BadInput, match=posted["key"]):
            adopt(shop, "deposit", key, posted["quickbooks_id"])
        with pytest.raises(BadInput, match="no deposit with id 999999"):
            adopt(shop, "deposit", key, "999999")
        with pytest.raises(BadInput, match="digits only"):
            adopt(shop, "deposit", key, "../company/1")
        with pytest.raises(BadInput, match="does not wait"):
            adopt(shop, "deposit", posted["key"], by_hand_id)


@pytest.mark.parametrize("dials", [{"custom_txn_numbers": False}, {"warn_duplicate_numbers": False}], ids=str)
def test_invoices_are_not_doubled_where_quickbooks_does_not_refuse_their_number(
    open_shop: OpenShop, dials: dict[str, Any]
) -> None:
    with open_shop(quickbooks_dials=dials, **WORLD) as shop:
        shop.set_up()
        client = Losing(shop.services.quickbooks(shop.flow()), b'"Invoice"', times=2)
        cycles_with(shop, client, 2)
        told = first(shop, "Invoice")
        edit(shop, told, {"TxnDate": "2026-11-20", "PrivateNote": told["PrivateNote"] + "; late"})
        cycles_with(shop, client, 3)
        (waits,) = [row for row in shop.rows("held") if row["code"] == "found_otherwise"]
        shop.services.bookkeeping.release("us", "invoice", waits["key"], [], "ada", "in a hurry")
        shop.sync()
        invoices = shop.documents()["Invoice"]
        assert [row["code"] for row in shop.rows("held") if row["kind"] == "invoice"] == ["found_otherwise"]

        adopt(shop, "invoice", waits["key"], told["Id"])
        shop.sync()
        shop.sync()
        assert (shop.documents()["Invoice"], shop.rows("held")) == (invoices, [])
        shop.set_up("again")
        shop.sync("again")
        assert shop.documents()["Invoice"] == invoices


def test_a_total_that_is_corrected_in_quickbooks_is_off_the_list(open_shop: OpenShop) -> None:
    with open_shop(**WORLD) as shop:
        shop.set_up()
        key, by_hand_id = payout_by_hand(shop)
        shop.sync()
        adopt(shop, "deposit", key, by_hand_id)
        right = shop.services.bookkeeping.postings("us", [("deposit", key)])["deposit", key].document
        assert right is not None
        quickbooks = shop.services.quickbooks(shop.flow())
        references = references_for(shop.flow(), shop.services.bookkeeping, [right])
        body = msgspec.json.decode(quickbooks.batch_body([Write("1", right)], references))
        ours = body["BatchItemRequest"][0]["Deposit"]

        edit(shop, first(shop, "Deposit", by_hand_id), ours)
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
    with open_shop(quickbooks_dials={"requestid_hours": 0.0}, **WORLD) as shop:  # nor does QuickBooks remember our ids
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
