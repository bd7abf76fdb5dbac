"""Settlement reports as a client meets them: listed, never ordered, fetched through an address that soon expires."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest

from adapters.simulated.amazon.reports import SETTLEMENT, SETTLEMENTS
from adapters.simulated.amazon.testing import Caller

LIST = "/reports/2021-06-30/reports"


def document(caller: Caller, report: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    found: dict[str, Any] = caller.get(f"/reports/2021-06-30/documents/{report['reportDocumentId']}", parameters).json()
    return found


def test_every_expected_settlement_can_be_read_with_its_total() -> None:
    caller = Caller(troubles=("foreign_currency",))
    expected = {each["id"]: each for each in json.loads(caller.facts["expected"])["settlements"]}
    listed = caller.reports(reportTypes=SETTLEMENT, processingStatuses="DONE", pageSize=100).json()["reports"]
    assert [report["createdTime"] for report in listed] == sorted((r["createdTime"] for r in listed), reverse=True)
    read = {}
    for report in listed:
        described = document(caller, report)
        assert described["compressionAlgorithm"] == "GZIP"
        answer = caller.http.get(described["url"])
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
        rows = gzip.decompress(answer.content).decode().splitlines()
        cells = rows[1].split("\t")
        read[cells[0]] = (cells[4], cells[5], len(rows) - 2)
    assert read == {key: (each["total"], each["currency"], each["lines"]) for key, each in expected.items()}


def test_a_document_can_come_unpacked_by_http_or_not_packed_at_all() -> None:
    caller = Caller()
    report = caller.reports(reportTypes=SETTLEMENT).json()["reports"][0]
    packed = caller.http.get(document(caller, report)["url"]).content
    by_http = caller.http.get(document(caller, report, enableContentEncodingUrlHeader="true")["url"])
    plain = Caller(gzip=False)
    described = document(plain, report)
    assert "compressionAlgorithm" not in described
    assert gzip.decompress(packed) == by_http.content == plain.http.get(described["url"]).content


def test_german_documents_say_their_code_page() -> None:
    caller = Caller(troubles=("comma_decimals",), gzip=False)
    answer = caller.http.get(document(caller, caller.reports(reportTypes=SETTLEMENT).json()["reports"][0])["url"])
    assert answer.headers["content-type"] == "text/plain; charset=Cp1252"
    assert "BECHER-GRÜN" in answer.text


def test_an_address_works_for_five_minutes_and_wants_no_token() -> None:
    caller = Caller()
    url = document(caller, caller.reports(reportTypes=SETTLEMENT).json()["reports"][0])["url"]
    caller.clock.wait(299)
    assert caller.http.get(url).status_code == 200
    assert caller.http.get(url, headers=caller.headers).status_code == 400
    assert caller.http.get(url[:-1] + "x").status_code == 403
    caller.clock.wait(2)
    expired = caller.http.get(url)
    assert expired.status_code == 403
    assert "Request has expired" in expired.text


def test_pages_of_reports_take_their_token_alone() -> None:
    caller = Caller(settlements=5)
    first = caller.reports(reportTypes=SETTLEMENT, pageSize=2).json()
    second = caller.reports(nextToken=first["nextToken"]).json()
    third = caller.reports(nextToken=second["nextToken"]).json()
    found = [report["reportId"] for page in (first, second, third) for report in page["reports"]]
    assert len(found) == len(set(found)) == 5
    assert "nextToken" not in third
    for extra in ({"reportTypes": SETTLEMENT}, {"pageSize": 2}, {"createdSince": "2026-11-01T00:00:00Z"}):
        assert caller.reports(nextToken=first["nextToken"], **extra).status_code == 400


def test_reports_are_kept_for_ninety_days() -> None:
    caller = Caller(orders=200, settlements=8)
    listed = caller.reports(reportTypes=SETTLEMENT, pageSize=100).json()["reports"]
    assert len(listed) == 7, "the eighth is older than ninety days"
    ninety = (caller.clock.now() - timedelta(days=90)).isoformat()
    caller.clock.wait(1)  # what asking for exactly ninety days comes to in life
    assert caller.reports(reportTypes=SETTLEMENT, createdSince=ninety).status_code == 400
    since = (caller.clock.now() - timedelta(days=89)).isoformat()
    assert len(caller.reports(reportTypes=SETTLEMENT, createdSince=since, pageSize=100).json()["reports"]) >= 6
    recent = caller.reports(reportTypes=SETTLEMENT, createdSince="2026-11-20T00:00:00Z").json()["reports"]
    assert len(recent) == 1


def test_the_marketplace_makes_no_difference_to_settlements() -> None:
    caller = Caller(troubles=("foreign_currency",))
    every = caller.reports(reportTypes=SETTLEMENT).json()["reports"]
    assert caller.reports(reportTypes=SETTLEMENT, marketplaceIds="A2EUQ1WTGCTBG2").json()["reports"] == every


def test_other_types_and_states_are_empty() -> None:
    caller = Caller()
    assert caller.reports(reportTypes=SETTLEMENTS[1]).json() == {"reports": []}
    assert caller.reports(reportTypes=SETTLEMENT, processingStatuses="FATAL").json() == {"reports": []}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"pageSize": 10},
        {"reportTypes": ""},
        {"reportTypes": ",".join("ABCDEFGHIJK")},
        {"reportTypes": SETTLEMENT, "pageSize": 101},
        {"reportTypes": SETTLEMENT, "pageSize": "-1"},
        {"reportTypes": SETTLEMENT, "processingStatuses": "_DONE_"},
        {"reportTypes": SETTLEMENT, "createdSince": "2026-01-01T00:00:00Z"},
        {"reportTypes": SETTLEMENT, "createdSince": "2026-11-20T00:00:00Z", "createdUntil": "2026-11-19T00:00:00Z"},
        {"reportTypes": SETTLEMENT, "sort": "up"},
        {"nextToken": "made-up"},
    ],
)
def test_a_wrong_listing_is_refused_as_invalid_input(asked: dict[str, Any]) -> None:
    refused = Caller().reports(**asked)
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == "InvalidInput"


@pytest.mark.parametrize("report_type", SETTLEMENTS)
def test_settlements_cannot_be_ordered(report_type: str) -> None:
    caller = Caller()
    wanted = {"reportType": report_type, "marketplaceIds": ["ATVPDKIKX0DER"]}
    refused = caller.http.post(LIST, json=wanted, headers=caller.headers)
    assert refused.status_code == 400
    assert refused.json()["errors"][0] == {
        "code": "InvalidInput",
        "message": "Request for report type 1118 is not allowed at this time",
        "details": "",
    }


def test_what_does_not_exist_is_not_found() -> None:
    caller = Caller()
    assert caller.get(f"{LIST}/123").status_code == 404
    assert caller.get("/reports/2021-06-30/documents/123").status_code == 404
    assert caller.get("/reports/2021-06-30/nothing").json()["errors"][0]["code"] == "NotFound"
    assert caller.http.post("/_simulated/amend/111-0000000-0000000").status_code == 404
