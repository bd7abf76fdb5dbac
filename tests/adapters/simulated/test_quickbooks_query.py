"""The query language: if it accepted more than QuickBooks does, our look-ups would fail only against the real one."""

from collections.abc import Iterator

import pytest

from adapters.simulated.quickbooks.hand import Hand, HandClock, at_hand, code_of


@pytest.fixture(scope="module")
def hand() -> Iterator[Hand]:
    clock = HandClock()
    with at_hand(clock) as hand:
        for name in ("Amazon.com", "O'Neil \\ Sons", "Zed"):
            hand.post("Customer", {"DisplayName": name})
        hand.post("Customer", {"Id": "3", "SyncToken": "0", "sparse": True, "Active": False})
        for n in range(1, 13):
            clock.pass_time(60)
            line = {
                "Amount": n * 10,
                "DetailType": "SalesItemLineDetail",
                "SalesItemLineDetail": {"ItemRef": {"value": "1"}},
            }
            body = {"CustomerRef": {"value": "1" if n % 2 else "2"}, "TxnDate": f"2026-11-{n:02d}", "Line": [line]}
            hand.post("Invoice", {**body, "DocNumber": f"N-{n}", "PrivateNote": "x"})
        yield hand


def ids(hand: Hand, where: str) -> list[int]:
    return [int(found["Id"]) for found in hand.query(f"SELECT * FROM Invoice {where}").get("Invoice", [])]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("WHERE DocNumber = 'N-3'", [3]),
        ("WHERE DocNumber IN ('N-3', 'N-5', 'N-99')", [3, 5]),
        ("WHERE DocNumber LIKE 'N-1%'", [1, 10, 11, 12]),
        ("WHERE Id IN ('2','4')", [2, 4]),
        ("WHERE TotalAmt >= '110' AND TotalAmt < '120.00'", [11]),
        ("where txndate > '2026-11-10' and customerref = '1'", [11]),
        ("WHERE CustomerRef = '2' ORDERBY TxnDate DESC MAXRESULTS 2", [12, 10]),
        ("WHERE CustomerRef = '2' ORDER BY TotalAmt ASC STARTPOSITION 2 MAXRESULTS 2", [4, 6]),
        ("STARTPOSITION 12 MAXRESULTS 5", [12]),
        ("MAXRESULTS 3", [1, 2, 3]),
        ("WHERE Balance = '0'", []),
        ("WHERE MetaData.LastUpdatedTime > '2026-11-23T05:10:00-08:00'", [11, 12]),
        ("WHERE MetaData.LastUpdatedTime > '2026-11-23T13:10:00+00:00'", [11, 12]),
    ],
)
def test_a_query_finds_exactly(hand: Hand, where: str, expected: list[int]) -> None:
    assert ids(hand, where) == expected


def test_a_page_says_where_it_starts_and_how_many_it_holds(hand: Hand) -> None:
    page = hand.query("SELECT * FROM Invoice STARTPOSITION 11 MAXRESULTS 5")
    assert (page["startPosition"], page["maxResults"]) == (11, 2)


def test_nothing_found_is_an_empty_object(hand: Hand) -> None:
    assert hand.query("SELECT * FROM Invoice WHERE DocNumber = 'none'") == {}


def test_counting(hand: Hand) -> None:
    assert hand.query("select count(*) from Invoice where CustomerRef = '1'") == {"totalCount": 6}


def test_inactive_names_are_hidden_unless_asked_for(hand: Hand) -> None:
    assert hand.query("SELECT count(*) FROM Customer") == {"totalCount": 2}
    assert hand.query("SELECT count(*) FROM Customer WHERE Active IN (true, false)") == {"totalCount": 3}
    assert hand.query("SELECT count(*) FROM Customer WHERE Active = false") == {"totalCount": 1}


def test_quotes_and_backslashes_are_escaped_by_a_backslash(hand: Hand) -> None:
    found = hand.query(r"SELECT * FROM Customer WHERE DisplayName = 'O\'Neil \\ Sons'")
    assert [customer["Id"] for customer in found["Customer"]] == ["2"]
    assert code_of(hand.query("SELECT * FROM Customer WHERE DisplayName = 'O''Neil'")) == "4000"


def test_a_query_can_be_posted_and_batched(hand: Hand) -> None:
    text = "SELECT * FROM Invoice WHERE DocNumber = 'N-3'"
    path = f"/v3/company/{hand.facts['realm']}/query"
    headers = {"Authorization": f"Bearer {hand.access_token}", "Content-Type": "application/text"}
    posted = hand.http.post(path, content=text, headers=headers).json()["QueryResponse"]
    (batched,) = hand.batch({"bId": "1", "Query": text})
    assert posted["Invoice"][0]["Id"] == batched["QueryResponse"]["Invoice"][0]["Id"] == "3"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("SELECT * FROM Custmoer", "4001"),
        ("SELECT * FROM Invoice WHERE PrivateNote = 'x'", "4001"),
        ("SELECT * FROM Account WHERE AcctNum = '1'", "4001"),
        ("SELECT * FROM Payment WHERE DepositToAccountRef = '1'", "4001"),
        ("SELECT * FROM Deposit WHERE DocNumber = '1'", "4001"),
        ("SELECT * FROM Invoice WHERE TotalAmt > 123", "4001"),
        ("SELECT * FROM Invoice WHERE Id > '1'", "4001"),
        ("SELECT * FROM Invoice WHERE Id LIKE '1%'", "4001"),
        ("SELECT * FROM Invoice MAXRESULTS 1001", "4001"),
        ("SELECT * FROM Invoice ORDERBY PrivateNote", "4001"),
        ("SELECT Id FROM Invoice", "4000"),
        ("SELECT * FROM Invoice WHERE DocNumber = 'a' OR DocNumber = 'b'", "4000"),
        ("SELECT * FROM Invoice WHERE DocNumber", "4000"),
        ('SELECT * FROM Invoice WHERE DocNumber = "a"', "4000"),
        ("SELECT * FROM Invoice STARTPOSITION 0", "4000"),
        ("", "4000"),
    ],
)
def test_what_the_language_does_not_have_is_refused(hand: Hand, text: str, code: str) -> None:
    answer = hand.send("GET", "query", query=text)
    assert (answer.status_code, code_of(answer.json())) == (400, code)


def test_company_and_preferences_can_be_queried(hand: Hand) -> None:
    for entity in ("CompanyInfo", "Preferences"):
        assert hand.query(f"SELECT * FROM {entity}")[entity][0]["Id"] == "1"
