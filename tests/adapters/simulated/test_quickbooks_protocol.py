"""What surrounds the documents: request ids, batches, quotas, lost answers. Here duplicates are made or prevented."""

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from adapters.simulated.clock import FastClock
from adapters.simulated.quickbooks import stand_in
from adapters.simulated.quickbooks.hand import Hand, HandClock, at_hand, code_of
from adapters.simulated.serving import loopback_socket, serving


@pytest.fixture
def hand() -> Iterator[Hand]:
    with at_hand() as hand:
        hand.post("Customer", {"DisplayName": "Amazon.com sales (USD)"})
        yield hand


def invoice(number: str | None = None, amount: float = 24.99) -> dict[str, Any]:
    body: dict[str, Any] = {
        "CustomerRef": {"value": "1"},
        "TxnDate": "2026-11-20",
        "Line": [
            {
                "Amount": amount,
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": "1"}, "TaxCodeRef": {"value": "NON"}},
            }
        ],
    }
    return body | ({"DocNumber": number} if number else {})


def item(b_id: str, number: str | None = None) -> dict[str, Any]:
    return {"bId": b_id, "operation": "create", "Invoice": invoice(number)}


def invoices(hand: Hand) -> int:
    count: int = hand.control("documents")["Invoice"]
    return count


# requestid


def test_a_repeated_request_is_answered_the_same_and_writes_nothing(hand: Hand) -> None:
    first = hand.send("POST", "invoice", invoice(), requestid="r" * 50)
    again = hand.send("POST", "invoice", invoice(), requestid="r" * 50)
    assert first.content == again.content
    assert invoices(hand) == 1
    assert hand.control("misuse") == []


def test_a_replay_shows_the_first_answer_even_after_the_invoice_was_voided(hand: Hand) -> None:
    first = hand.send("POST", "batch", {"BatchItemRequest": [item("1")]}, requestid="r1").json()
    hand.post("Invoice", {"Id": "1", "SyncToken": "0"}, operation="void")
    again = hand.send("POST", "batch", {"BatchItemRequest": [item("1")]}, requestid="r1").json()
    assert first["BatchItemResponse"] == again["BatchItemResponse"]


def test_a_request_id_with_another_body_gets_the_first_answer_and_is_recorded_as_misuse(hand: Hand) -> None:
    first = hand.post("Invoice", invoice("A"), requestid="r1")
    other = hand.post("Invoice", invoice("B"), requestid="r1")
    assert other["DocNumber"] == first["DocNumber"] == "A"
    assert [case["requestid"] for case in hand.control("misuse")] == ["r1"]


def test_a_refusal_is_not_remembered_unless_the_dial_says_so(hand: Hand) -> None:
    bad = {**invoice("Z"), "CustomerRef": {"value": "99"}}
    assert code_of(hand.post("Invoice", bad, requestid="r1")) == "2500"
    assert hand.post("Invoice", invoice("A"), requestid="r1")["DocNumber"] == "A"
    hand.control("dials", {"remember_faults": True})
    assert code_of(hand.post("Invoice", bad, requestid="r2")) == "2500"
    assert code_of(hand.post("Invoice", invoice("B"), requestid="r2")) == "2500"


def test_a_request_id_is_forgotten_after_the_dialled_hours() -> None:
    clock = HandClock()
    with at_hand(clock, requestid_hours=2) as hand:
        hand.post("Customer", {"DisplayName": "C"})
        hand.post("Invoice", invoice(), requestid="r1")
        clock.pass_time(3 * 3600)
        hand.token()
        hand.post("Invoice", invoice(), requestid="r1")
        assert invoices(hand) == 2


def test_request_ids_have_length_limits(hand: Hand) -> None:
    assert code_of(hand.post("Invoice", invoice(), requestid="r" * 51)) == "2130"
    for requestid, b_id in (("r" * 37, "1"), ("r", "b" * 11)):
        answer = hand.send("POST", "batch", {"BatchItemRequest": [item(b_id)]}, requestid=requestid)
        assert (answer.status_code, code_of(answer.json())) == (400, "2130")
    assert invoices(hand) == 0


def test_a_batch_item_is_recognised_by_requestid_and_bid_together(hand: Hand) -> None:
    first = hand.batch(item("1"), item("2"), requestid="r1")
    again = hand.batch(item("1"), item("2"), requestid="r1")
    assert (first, invoices(hand)) == (again, 2)
    hand.batch(item("3"), requestid="r1")  # the same requestid with another bId is another request
    hand.batch(item("1"), requestid="r2")
    assert invoices(hand) == 4


# batches


def test_batch_items_stand_alone(hand: Hand) -> None:
    noted = {"Id": "1", "SyncToken": "0", "sparse": True, "PrivateNote": "n"}
    answers = hand.batch(
        item("1", "A"),
        item("2", "A"),
        {"bId": "3", "operation": "delete", "Invoice": {"Id": "77", "SyncToken": "0"}},
        {"bId": "4", "Query": "select count(*) from Invoice"},
        {"bId": "5", "operation": "update", "Invoice": noted},
        {**item("6", "A"), "optionsData": "allowduplicatedocnum"},
    )
    assert [code_of(answer) for answer in answers] == ["", "6140", "610", "", "", ""]
    assert [answer["bId"] for answer in answers] == ["1", "2", "3", "4", "5", "6"]
    assert answers[3]["QueryResponse"] == {"totalCount": 1}
    assert answers[4]["Invoice"]["PrivateNote"] == "n"


def test_thirty_one_items_are_too_many(hand: Hand) -> None:
    answer = hand.send("POST", "batch", {"BatchItemRequest": [item(str(n)) for n in range(31)]})
    assert (answer.status_code, code_of(answer.json()), invoices(hand)) == (400, "1040", 0)


def test_a_batch_of_thirty_invoices_takes_well_under_a_tenth_of_a_second_even_after_many(hand: Hand) -> None:
    for start in range(0, 1500, 30):
        hand.batch(*[item(str(n), f"N-{start + n}") for n in range(30)])
    best = 1.0
    for attempt in range(3):
        begun = time.perf_counter()
        answers = hand.batch(*[item(str(n), f"M-{attempt}-{n}") for n in range(30)])
        best = min(best, time.perf_counter() - begun)
        assert not any("Fault" in answer for answer in answers)
    assert best < 0.1


# members and routes


def test_an_unknown_member_is_refused_as_recorded(hand: Hand) -> None:
    answer = hand.send("POST", "invoice", {"BadJson": True})
    error = answer.json()["Fault"]["Error"][0]
    assert (answer.status_code, error["code"]) == (400, "2010")
    assert error["Detail"].startswith('Property Name:Unrecognized field "BadJson" (class com.intuit.schema.finance.v3')


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "customer/1/5", None, "500"),
        ("GET", "customer/1.5", None, "2030"),
        ("GET", "customer/55", None, "610"),
        ("GET", "unicorn/1", None, "500"),
        ("POST", "unicorn", {}, "500"),
        ("POST", "invoice", [], "2010"),
    ],
)
def test_what_cannot_be_routed_or_read_is_a_fault(hand: Hand, method: str, path: str, body: Any, code: str) -> None:
    answer = hand.send(method, path, body)
    assert (answer.status_code, code_of(answer.json())) == (400, code)
    assert answer.headers["intuit_tid"]


def test_a_lapsed_subscription_can_be_read_but_not_written(hand: Hand) -> None:
    hand.control("dials", {"subscription_ended": True})
    assert code_of(hand.post("Invoice", invoice())) == "6190"
    assert hand.get("Customer", "1")["Id"] == "1"


def test_timestamps_are_pacific_whatever_the_machine(hand: Hand) -> None:
    answer = hand.send("POST", "invoice", invoice()).json()
    assert answer["time"] == "2026-11-23T05:00:00.000-08:00"
    assert answer["Invoice"]["MetaData"]["CreateTime"] == "2026-11-23T05:00:00-08:00"


# quotas


def test_ten_calls_a_second_and_then_429() -> None:
    clock = HandClock()
    with at_hand(clock, requests_per_second=10) as hand:
        statuses = [hand.send("GET", "preferences").status_code for _ in range(11)]
        assert statuses == [200] * 10 + [429]
        body = hand.send("GET", "preferences").json()
        assert body["fault"]["error"][0]["code"] == "3001"
        clock.pass_time(1.01)
        assert hand.send("GET", "preferences").status_code == 200
        assert hand.control("calls")["throttled"] == 2


def test_five_hundred_calls_a_minute_in_a_moving_window() -> None:
    clock = HandClock()
    with at_hand(clock, requests_per_minute=500) as hand:
        for _ in range(500):
            clock.pass_time(0.11)  # 55 seconds in all
            assert hand.send("GET", "preferences").status_code == 200
        assert hand.send("GET", "preferences").status_code == 429
        clock.pass_time(5.2)
        assert hand.send("GET", "preferences").status_code == 200


def test_forty_batches_a_minute_and_then_429_in_xml_by_dial() -> None:
    with at_hand(batches_per_minute=40, throttle_form="xml") as hand:
        hand.post("Customer", {"DisplayName": "C"})
        for n in range(40):
            hand.batch(item(str(n)))
        answer = hand.send("POST", "batch", {"BatchItemRequest": [item("41")]})
        assert answer.status_code == 429
        assert answer.headers["content-type"].startswith("application/xml")
        assert '<Error code="3001">' in answer.text
        assert hand.send("GET", "preferences").status_code == 200  # the realm's own window is not full
        assert invoices(hand) == 40


# ordered faults, over a real connection


@pytest.fixture
def wired() -> Iterator[Hand]:
    listener, url = loopback_socket()
    app, facts = stand_in(FastClock(), url, requests_per_second=10**6)
    with serving(app, listener), httpx.Client(base_url=url, timeout=5) as http:
        hand = Hand(http, facts)
        hand.token()
        hand.post("Customer", {"DisplayName": "Amazon.com sales (USD)"})
        yield hand


LOST = ["commit_then_503", "commit_then_reset", "commit_then_html", "truncated_json"]


@pytest.mark.parametrize("kind", LOST)
@pytest.mark.parametrize("on", ["batch", "Invoice"])
def test_a_lost_answer_has_been_written_and_is_found_again_by_its_request_id(wired: Hand, kind: str, on: str) -> None:
    def create() -> httpx.Response:
        if on == "batch":
            return wired.send("POST", "batch", {"BatchItemRequest": [item("1")]}, requestid="r1")
        return wired.send("POST", "invoice", invoice(), requestid="r1")

    wired.control("faults", [{"on": on, "times": 1, "kind": kind}])
    if kind == "commit_then_reset":
        with pytest.raises(httpx.TransportError):
            create()
    else:
        answer = create()
        expected = {"commit_then_503": 503, "commit_then_html": 504, "truncated_json": 200}[kind]
        assert answer.status_code == expected
        if kind != "commit_then_503":
            with pytest.raises(json.JSONDecodeError):
                answer.json()
    assert invoices(wired) == 1
    again = create().json()
    assert (again["BatchItemResponse"][0] if on == "batch" else again)["Invoice"]["Id"] == "1"
    assert invoices(wired) == 1


def test_a_503_before_the_commit_has_written_nothing(wired: Hand) -> None:
    wired.control("faults", [{"on": "Invoice", "kind": "503_before_commit", "times": 2}])
    statuses = [wired.send("POST", "invoice", invoice()).status_code for _ in range(3)]
    assert statuses == [503, 503, 200]
    assert invoices(wired) == 1


def test_faults_fire_in_order_each_on_its_own_calls(wired: Hand) -> None:
    wired.control(
        "faults",
        [
            {"on": "query", "kind": "429_json", "times": 1},
            {"on": "Invoice", "kind": "429_xml", "times": 1},
            {"on": "query", "kind": "503_before_commit", "times": 1},
        ],
    )
    query = "select count(*) from Invoice"
    assert wired.send("POST", "invoice", invoice()).headers["content-type"].startswith("application/xml")
    statuses = [wired.send("GET", "query", query=query).status_code for _ in range(3)]
    assert statuses == [429, 503, 200]
    assert wired.control("faults") == []


def test_a_slow_answer_is_slow_and_does_not_hold_up_others(wired: Hand) -> None:
    wired.control("faults", [{"on": "query", "kind": "slow:0.3"}])
    begun, finished = time.perf_counter(), []

    def ask() -> None:
        wired.query("select count(*) from Invoice")
        finished.append(time.perf_counter() - begun)

    slow = threading.Thread(target=ask)
    slow.start()
    time.sleep(0.05)
    assert wired.send("GET", "preferences").status_code == 200
    assert finished == []
    slow.join()
    assert finished[0] >= 0.3


def test_more_calls_at_once_than_allowed_are_refused() -> None:
    with at_hand(concurrent_requests=0) as hand:
        assert hand.send("GET", "preferences").status_code == 429


def test_expired_tokens_can_be_ordered(wired: Hand) -> None:
    wired.control("faults", [{"on": "any", "kind": "expire_token"}])
    assert wired.send("GET", "preferences").status_code == 401
    wired.token()
    assert wired.send("GET", "preferences").status_code == 200


def test_a_token_answer_can_be_lost_after_the_rotation(wired: Hand) -> None:
    wired.control("dials", {"rotate_every_refresh": True})
    wired.control("faults", [{"on": "token", "kind": "commit_then_503"}])
    assert wired.token().status_code == 503
    assert wired.token().json()["error"] == "invalid_grant"


def test_a_duplicate_number_can_be_told_in_french_and_still_names_the_culprit(wired: Hand) -> None:
    wired.control("faults", [{"on": "batch", "kind": "localised_6140"}])
    wired.batch(item("1", "A"))
    answers = wired.batch(item("2", "A"), item("3", "A"))
    details = [answer["Fault"]["Error"][0]["Detail"] for answer in answers]
    assert details[0] == "Numéro de document en double : DocNumber=A is assigned to TxnType=Facture with TxnId=1"
    assert details[1].startswith("Duplicate Document Number Error")


def test_single_items_of_a_batch_can_be_throttled_and_sent_again(wired: Hand) -> None:
    wired.control("faults", [{"on": "batch", "kind": "item_3001", "items": ["2"]}])
    first = wired.batch(item("1"), item("2"), item("3"), requestid="r1")
    assert [code_of(answer) for answer in first] == ["", "3001", ""]
    second = wired.batch(item("1"), item("2"), item("3"), requestid="r1")
    assert [code_of(answer) for answer in second] == ["", "", ""]
    assert invoices(wired) == 3


def test_an_unknown_fault_is_an_error_for_whoever_orders_it(wired: Hand) -> None:
    answer = wired.http.post("/_simulated/faults", json=[{"on": "batch", "kind": "earthquake"}])
    assert answer.status_code == 400
    assert "earthquake" in answer.json()["error"]
