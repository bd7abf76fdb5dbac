"""Each request of the real client, and each answer of the stand-in, held to Amazon's own models.

Scenario tests do the same for whatever they do (support/shop.py); here the referee itself is tested, and that every
operation the client knows is one of the models, at the models' rate.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from amazon_contract import Contract, ContractBroken, Models, check_token_request, models
from samples import shared_folder

from adapters.amazon.client import OPERATIONS, AmazonClient
from adapters.amazon.door import WRITES
from adapters.simulated.amazon import stand_in
from adapters.simulated.amazon.quota import PLANS
from adapters.simulated.clock import FastClock
from adapters.simulated.serving import loopback_socket, serving

SEARCH = "/orders/2026-01-01/orders"
AFTER = ("lastUpdatedAfter", "2026-11-01T00:00:00Z")


@pytest.fixture(scope="module")
def folder() -> Path:
    return shared_folder() / "amazon-models"


@pytest.fixture(scope="module")
def official(folder: Path) -> Models:
    return models(folder)


class Free:
    def reserve(self, key: str, rate: float, burst: float) -> float:
        return 0.0

    def pause(self, key: str, seconds: float) -> None: ...

    def announce(self, key: str, rate: float) -> None: ...

    def wait(self, seconds: float) -> None: ...

    def count(self, flow: str, vendor: str, operation: str, calls: int = 1) -> None: ...


@pytest.fixture
def judged(folder: Path) -> Iterator[tuple[AmazonClient, Contract, dict[str, str]]]:
    clock = FastClock(5_000.0)
    listener, url = loopback_socket()
    app, facts = stand_in(clock, url, orders=130, settlements=2, quotas=False)
    contract = Contract(app, folder)
    login = (facts["token_url"], facts["client_id"], facts["client_secret"], facts["refresh_token"])
    with (
        serving(contract, listener),
        AmazonClient("us", url, *login, Free(), clock.now, clock.speed) as client,
    ):
        yield client, contract, facts


def test_all_that_the_client_reads_is_as_the_models_describe_it(
    judged: tuple[AmazonClient, Contract, dict[str, str]],
) -> None:
    client, contract, facts = judged
    since = datetime.fromisoformat(facts["since"]).replace(tzinfo=UTC)

    client.marketplaces()
    pages = list(client.orders(since, (facts["marketplace_id"],)))
    client.document(client.settlement_reports(since)[0].document_id)

    assert len(pages) > 1
    contract.check()
    assert contract.seen >= {"token", "searchOrders", "getReports", "getReportDocument", "getMarketplaceParticipations"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_of_the_client_is_one_of_the_models_at_its_rate(
    folder: Path, official: Models, name: str
) -> None:
    operation = OPERATIONS[name]
    (described,) = [each for each in official.operations if each.name == name]

    assert (operation.method, _plain(operation.path)) == (described.method, _plain(described.path))
    text = json.loads((folder / described.model).read_text())["paths"][described.path][described.method.lower()]
    assert f"| {operation.rate:g} | {operation.burst:g} |" in text["description"]


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_each_write_that_may_leave_is_one_of_the_models(official: Models, method: str, path: str) -> None:
    assert any((each.method, _plain(each.path)) == (method, _plain(path)) for each in official.operations)


@pytest.mark.parametrize("name", PLANS)
def test_each_operation_of_the_stand_in_is_one_of_the_models(official: Models, name: str) -> None:
    assert any(each.name == name for each in official.operations)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ([AFTER, ("lastUpdateBefore", "2026-11-01T00:00:00Z")], "no parameter is called 'lastUpdateBefore'"),
        ([AFTER, ("fulfillmentStatuses", "SHIPPED,SENT")], "fulfillmentStatuses='SENT'"),
        ([AFTER, ("maxResultsPerPage", "ten")], "is no whole number"),
        ([("lastUpdatedAfter", "2026-11-01")], "is no date-time"),
        ([("lastUpdatedAfter", "2026-02-30T00:00:00Z")], "is no moment there is"),
        ([AFTER, ("marketplaceIds", ",".join(["ATVPDKIKX0DER"] * 51))], "has 51 values"),
        ([AFTER, AFTER], "is given 2 times"),
        ([AFTER, ("includedData", "PROCEEDS"), ("includedData", "TAX")], "is one list with commas"),
    ],
)
def test_a_wrong_search_is_found(official: Models, query: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(ContractBroken, match=re.escape(words)):
        official.check_request("GET", SEARCH, query, b"")


@pytest.mark.parametrize(
    ("method", "path", "query", "body", "words"),
    [
        ("GET", "/orders/v1/orders", [], b"", "is no operation"),
        ("DELETE", SEARCH, [], b"", "is no operation"),
        ("GET", SEARCH, [AFTER], b"{}", "takes no body"),
        ("GET", "/notifications/v1/subscriptions", [], b"", "notificationTypes is required"),
        ("POST", "/reports/2021-06-30/reports", [], b"", "the body is missing"),
        ("POST", "/reports/2021-06-30/reports", [], b"[", "the body is not JSON"),
        ("POST", "/reports/2021-06-30/reports", [], b'{"reportType": "X"}', "marketplaceIds"),
        ("POST", "/reports/2021-06-30/reports", [], b'{"reportType": "X", "marketplaceIds": ["A"], "y": 1}', "y"),
    ],
)
def test_a_wrong_request_is_found(
    official: Models, method: str, path: str, query: list[tuple[str, str]], body: bytes, words: str
) -> None:
    with pytest.raises(ContractBroken, match=words):
        official.check_request(method, path, query, body)


ORDER = {
    "orderId": "113-1234567-1234567",
    "createdTime": "2026-11-20T10:00:00Z",
    "lastUpdatedTime": "2026-11-20T10:00:00Z",
    "salesChannel": {"channelName": "AMAZON"},
    "orderItems": [],
}


@pytest.mark.parametrize(
    ("status", "answer", "words"),
    [
        (200, {"orders": [{**ORDER, "orderId": 7}]}, "7 is not of type"),
        (200, {"orders": [{**ORDER, "colour": "red"}]}, "colour"),
        (200, {"orders": [{name: value for name, value in ORDER.items() if name != "createdTime"}]}, "createdTime"),
        (200, {"orders": [{**ORDER, "createdTime": "yesterday"}]}, "yesterday"),
        (200, {}, "orders"),
        (418, {}, "know no answer 418"),
        (400, {"message": "no"}, "errors|message"),
    ],
)
def test_a_wrong_answer_is_found(official: Models, status: int, answer: Any, words: str) -> None:
    operation = official.check_request("GET", SEARCH, [AFTER], b"")
    official.check_answer(operation, 200, json.dumps({"orders": [ORDER]}).encode())

    with pytest.raises(ContractBroken, match=words):
        official.check_answer(operation, status, json.dumps(answer).encode())


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"grant_type": "password"}, "is none of"),
        ({"grant_type": "refresh_token", "client_id": "a", "client_secret": "b"}, "takes"),
        ({"grant_type": "client_credentials", "client_id": "a", "client_secret": "b", "scope": ""}, "takes"),
        ({"grant_type": "refresh_token", "client_id": "a", "client_secret": "b", "refresh_token": "c", "x": "d"}, "x"),
    ],
)
def test_a_wrong_token_call_is_found(form: dict[str, str], words: str) -> None:
    with pytest.raises(ContractBroken, match=words):
        check_token_request(list(form.items()))


def test_a_client_that_breaks_the_contract_is_told_so(
    judged: tuple[AmazonClient, Contract, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The referee between the two, not only its rules: what goes over the wire is what it judges."""
    client, contract, facts = judged
    monkeypatch.setattr("adapters.amazon.orders.INCLUDED_DATA", ("PROCEEDS", "EVERYTHING"))

    list(
        client.orders(datetime(2026, 11, 1, tzinfo=UTC), (facts["marketplace_id"],))
    )  # goes on without what is refused

    with pytest.raises(ContractBroken, match="searchOrders: includedData='EVERYTHING'"):
        contract.check()


def _plain(path: str) -> str:
    """Names of variables in a path are ours."""
    return re.sub(r"\{\w+\}", "{}", path)
