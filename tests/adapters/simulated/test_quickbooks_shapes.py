"""Our answers beside the recorded ones: the same members, so that a parser made for one reads the other."""

import json
import os
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from adapters.simulated.quickbooks.hand import Hand, HandClock, at_hand, code_of

SHARED = pathlib.Path(os.environ.get("ML_CONNECTOR_SHARED", pathlib.Path(__file__).parents[4] / "shared"))
SAMPLES = SHARED / "quickbooks-samples"
pytestmark = pytest.mark.skipif(not SAMPLES.is_dir(), reason=f"no recorded QuickBooks answers at {SAMPLES}")

# Made by the sandbox company or user and not by the API: addresses, contacts, credentials.
INCIDENTAL = {"BillAddr", "ShipAddr", "PrimaryPhone", "PrimaryEmailAddr", "GivenName", "FamilyName", "CompanyName"}
SALE_LINE = {"Amount": 100.0, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": {"ItemRef": {"value": "1"}}}


@pytest.fixture
def hand() -> Iterator[Hand]:
    with at_hand(custom_txn_numbers=False) as hand:  # as the recorded sandbox
        hand.post("Customer", {"DisplayName": "Amy's Bird Sanctuary"})
        yield hand


def recorded(name: str, exchange: int = 0) -> Any:
    return json.loads((SAMPLES / "http" / f"{name}.json").read_text())[exchange]["response"]["body"]


def published(name: str) -> Any:
    return json.loads((SAMPLES / "json" / f"{name}.json").read_text())


def fault(name: str) -> Any:
    faults = json.loads((SAMPLES / "faults.json").read_text())
    return next(found for found in faults if found["name"] == name)


def paths(value: Any, prefix: str = "") -> set[str]:
    """Every member of an answer as a path, list positions aside."""
    if isinstance(value, dict):
        inner = {name: member for name, member in value.items() if name not in INCIDENTAL}
        return {f"{prefix}/{name}" for name in inner}.union(*(paths(inner[name], f"{prefix}/{name}") for name in inner))
    if isinstance(value, list):
        return set().union(*(paths(member, prefix) for member in value))
    return set()


def types(value: Any) -> Any:
    """The JSON type at each path: a number is a number whether it has decimals or not."""
    if isinstance(value, dict):
        return {name: types(member) for name, member in value.items()}
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__
    return "list" if isinstance(value, list) else "number"


def same(ours: Any, theirs: Any, added: set[str] = frozenset(), lacking: set[str] = frozenset()) -> None:  # type: ignore[assignment]
    assert paths(ours) - paths(theirs) == set(added)
    assert paths(theirs) - paths(ours) == set(lacking)


ITEM_ACCOUNT = "/Invoice/Line/SalesItemLineDetail/ItemAccountRef"
# Answered since the recording was made.
NEWER = {ITEM_ACCOUNT, f"{ITEM_ACCOUNT}/value", f"{ITEM_ACCOUNT}/name"}


def test_a_created_invoice(hand: Hand) -> None:
    ours = hand.send("POST", "invoice", {"CustomerRef": {"value": "1"}, "Line": [SALE_LINE]}).json()
    theirs = recorded("create__invoice")
    same(ours, theirs, NEWER)
    ours_flat, theirs_flat = types(ours["Invoice"]), types(theirs["Invoice"])
    assert {name: ours_flat[name] for name in ours_flat} == {name: theirs_flat[name] for name in ours_flat}


def test_a_voided_and_a_deleted_invoice(hand: Hand) -> None:
    hand.post("Invoice", {"CustomerRef": {"value": "1"}, "Line": [SALE_LINE]})
    voided = hand.send("POST", "invoice", {"Id": "1", "SyncToken": "0"}, operation="void").json()
    theirs = recorded("void__invoice", 1)
    same(voided, theirs, NEWER)
    for member in ("TotalAmt", "Balance", "PrivateNote", "LinkedTxn"):
        assert voided["Invoice"][member] == theirs["Invoice"][member]
    deleted = hand.send("POST", "invoice", {"Id": "1", "SyncToken": "1"}, operation="delete").json()
    assert deleted["Invoice"] == {**recorded("delete__invoice", 1)["Invoice"], "Id": "1"}


def test_a_created_customer(hand: Hand) -> None:
    ours = hand.send("POST", "customer", {"DisplayName": "Doe5, Jane"}).json()
    theirs = recorded("create__customer")
    same(ours, theirs)
    assert types(ours["Customer"]) == types(theirs["Customer"])


def test_an_account(hand: Hand) -> None:
    made = hand.post("Account", {"Name": "Fees Billed", "AccountSubType": "ServiceFeeIncome"})
    change = {"Id": made["Id"], "SyncToken": "0", "sparse": True, "Active": False, "Name": "Fees Billed (deleted)"}
    ours = hand.send("POST", "account", change).json()
    theirs = recorded("deactivate__account", 1)
    same(ours, theirs)
    for member in ("Name", "FullyQualifiedName", "Active", "Classification", "AccountType", "AccountSubType"):
        assert ours["Account"][member] == theirs["Account"][member]


def test_a_sales_receipt(hand: Hand) -> None:
    line = {**SALE_LINE, "Description": "Custom Design", "Amount": 337.5}
    line["SalesItemLineDetail"] = {"ItemRef": {"value": "1"}, "UnitPrice": 75, "Qty": 4.5}
    hand.post("SalesReceipt", {"Line": [line]})
    ours = hand.send("POST", "salesreceipt", {"Id": "1", "SyncToken": "0", "Line": [line]}).json()
    theirs = recorded("update__sales_receipt", 1)
    same(ours, theirs, {path.replace("Invoice", "SalesReceipt") for path in NEWER})
    assert ours["SalesReceipt"]["Line"][0]["Id"] == "2"  # as recorded, 5 became 6: a line without Id is a new one


def test_a_deposit(hand: Hand) -> None:
    bank, income = hand.account("Checking"), hand.account("Unapplied Cash Payment Income")
    direct = {
        "DetailType": "DepositLineDetail",
        "Amount": 20.0,
        "ProjectRef": {"value": "42991284"},
        "DepositLineDetail": {"AccountRef": income},
    }
    ours = hand.send("POST", "deposit", {"Line": [direct], "DepositToAccountRef": bank}).json()
    currency = {f"/Deposit/CurrencyRef{member}" for member in ("", "/value", "/name")}
    same(ours, published("official_deposit_create_response"), currency)
    hand.post("Payment", {"CustomerRef": {"value": "1"}, "TotalAmt": 1675.52})
    linked = {"Amount": 1675.52, "LinkedTxn": [{"TxnId": "2", "TxnType": "Payment", "TxnLineId": "0"}]}
    made = hand.post("Deposit", {"Line": [linked], "DepositToAccountRef": bank})
    read = hand.send("GET", f"deposit/{made['Id']}").json()
    theirs = published("official_deposit_read_response")
    same(read, theirs, currency)
    assert read["Deposit"]["Line"] == [{"Amount": 1675, "LinkedTxn": linked["LinkedTxn"]}]
    assert read["Deposit"]["TotalAmt"] == theirs["Deposit"]["TotalAmt"]
    body = {"Id": made["Id"], "SyncToken": "0"}
    deleted = hand.send("POST", "deposit", body, operation="delete").json()
    assert paths(deleted) == paths(published("official_deposit_delete_response"))


def test_a_batch(hand: Hand) -> None:
    hand.post("SalesReceipt", {"Line": [{**SALE_LINE, "Amount": 337.5}]})
    ours = hand.send(
        "POST",
        "batch",
        {
            "BatchItemRequest": [
                {"bId": "bid1", "operation": "create", "Vendor": {"DisplayName": "Boraski Family Store"}},
                {"bId": "bid2", "operation": "delete", "Invoice": {"Id": "129", "SyncToken": "0"}},
                {
                    "bId": "bid3",
                    "operation": "update",
                    "SalesReceipt": {"sparse": True, "Id": "1", "SyncToken": "7", "PrivateNote": "n"},
                },
                {"bId": "bid4", "Query": "select * from SalesReceipt where TotalAmt > '300.00'"},
            ]
        },
    ).json()
    theirs = recorded("batch__basic")
    assert set(ours) == set(theirs)
    for our_item, their_item in zip(ours["BatchItemResponse"], theirs["BatchItemResponse"], strict=True):
        assert list(our_item) == list(their_item)
        assert our_item["bId"] == their_item["bId"]
        if "Fault" in their_item:
            assert paths(our_item["Fault"]) == paths(their_item["Fault"])
            assert our_item["Fault"]["type"] == their_item["Fault"]["type"]
            assert code_of(our_item) == code_of(their_item)
    same(ours["BatchItemResponse"][0], theirs["BatchItemResponse"][0])
    assert set(ours["BatchItemResponse"][3]["QueryResponse"]) == set(theirs["BatchItemResponse"][3]["QueryResponse"])


def test_an_empty_and_a_counting_query(hand: Hand) -> None:
    empty = hand.send("GET", "query", query="SELECT * FROM Customer WHERE Id = '99'").json()
    assert empty["QueryResponse"] == recorded("all__alt_select", -1)["QueryResponse"] == {}
    count = hand.send("GET", "query", query="SELECT count(*) FROM Customer").json()
    assert paths(count) == paths(recorded("all__alt_select", 0))


def test_the_recorded_refusals(hand: Hand) -> None:
    hand.post("Customer", {"DisplayName": "Weiskopf Consulting"})
    cases = [
        (hand.send("POST", "customer", {"DisplayName": "Weiskopf Consulting"}), recorded("error__validation")),
        (hand.send("GET", "query", query="SELECT * FROM Custmoer"), recorded("error__400", 1)),
        (hand.send("GET", "customer/1.5"), recorded("error__500", 1)),
    ]
    for ours, theirs in cases:
        assert ours.status_code == 400
        assert ours.json()["Fault"] == theirs["Fault"]
        assert set(ours.json()) == set(theirs)
    unknown = hand.send("POST", "invoice", {"BadJson": True}).json()
    assert paths(unknown) == paths(recorded("error__400_json"))


def test_the_gateways_own_envelope() -> None:
    clock = HandClock()
    with at_hand(clock, requests_per_second=1) as hand:
        clock.pass_time(3600)
        expired = hand.send("GET", "customer/1")
        theirs = json.loads((SAMPLES / "http" / "error__401.json").read_text())[0]["response"]
        assert expired.status_code == theirs["status"]["code"]
        assert expired.headers["www-authenticate"] == theirs["headers"]["Www-Authenticate"][0]
        assert types(expired.json()) == types(theirs["body"])
        error = {**expired.json()["fault"]["error"][0], "detail": None}
        assert error == {**theirs["body"]["fault"]["error"][0], "detail": None}
        throttled = hand.send("GET", "customer/1")
        body, expected = throttled.json(), fault("throttle_json")
        assert (throttled.status_code, body["fault"]) == (expected["http"], expected["body"]["fault"])
        hand.control("dials", {"throttle_form": "xml"})
        xml, expected = hand.send("GET", "customer/1"), fault("throttle_xml")
        before, _, after = expected["body_text"].partition("2016-12-07T15:27:09.527-08:00")
        assert (xml.text[: len(before)], xml.text[-len(after) :]) == (before, after)


@pytest.mark.parametrize(
    ("name", "dials", "body"),
    [
        ("stale_object", {}, {"Id": "1", "SyncToken": "9", "sparse": True}),
        ("period_closed", {"book_close_date": "2030-01-01"}, {}),
        ("period_closed_password", {"book_close_date": "2030-01-01", "book_close_password": True}, {}),
        ("subscription_ended", {"subscription_ended": True}, {}),
        ("object_not_found", {}, {"Id": "77", "SyncToken": "0"}),
        ("invalid_line_taxcode_us", {}, {"code": "5"}),
        ("duplicate_doc_number", {"custom_txn_numbers": True}, {"DocNumber": "113-1234567-1234567"}),
    ],
)
def test_a_listed_fault_body(hand: Hand, name: str, dials: dict[str, Any], body: dict[str, Any]) -> None:
    body = dict(body)
    detail: dict[str, Any] = {"ItemRef": {"value": "1"}}
    if code := body.pop("code", None):
        detail["TaxCodeRef"] = {"value": code}
    line = {**SALE_LINE, "SalesItemLineDetail": detail}
    hand.control("dials", {"custom_txn_numbers": True})
    base = {"CustomerRef": {"value": "1"}, "Line": [SALE_LINE], "DocNumber": "113-1234567-1234567"}
    hand.post("Invoice", base)
    hand.control("dials", dials)
    ours = hand.send("POST", "invoice", {"CustomerRef": {"value": "1"}, "Line": [line], **body}).json()
    expected = json.loads(json.dumps(fault(name)["body"]).replace("TxnId=17984", "TxnId=1"))
    assert ours["Fault"] == expected["Fault"]


def test_the_token_answer(hand: Hand) -> None:
    theirs = json.loads((SAMPLES / "oauth" / "token_response_2026_shape.json").read_text())
    assert set(theirs) - set(hand.token().json()) == {"x_refresh_token_hard_expires_in"}
    wrong = hand.token(grant_type="refresh_token", refresh_token="wrong")
    assert wrong.json() == fault("oauth_invalid_grant")["body"]


def test_known_members_are_those_of_the_schema() -> None:
    from xml.etree import ElementTree

    from adapters.simulated.quickbooks.vocabulary import ACCOUNT_SUBTYPES, CLASSIFICATION, MEMBERS

    schema = (SAMPLES / "xsd" / "Finance.xsd").read_text()
    tree = ElementTree.fromstring(schema)
    space = "{http://www.w3.org/2001/XMLSchema}"
    enumerations = {
        found.get("name"): {value.get("value") for value in found.iter(f"{space}enumeration")}
        for found in tree.iter(f"{space}simpleType")
    }
    assert enumerations["AccountSubTypeEnum"] == ACCOUNT_SUBTYPES
    assert enumerations["AccountTypeEnum"] == set(CLASSIFICATION)
    invoice = next(found for found in tree.iter(f"{space}complexType") if found.get("name") == "Invoice")
    own = {str(element.get("name")) for element in invoice.iter(f"{space}element") if element.get("name")}
    assert own <= MEMBERS["Invoice"]
