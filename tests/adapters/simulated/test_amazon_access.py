"""Who may call, how often, and how it fails: Login with Amazon, usage plans, and failures ordered beforehand."""

import json
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from adapters.simulated.amazon import stand_in
from adapters.simulated.amazon.quota import PLANS
from adapters.simulated.amazon.reports import SETTLEMENT
from adapters.simulated.amazon.testing import Caller
from adapters.simulated.clock import FastClock
from adapters.simulated.serving import loopback_socket, serving

BACK = "https://connector.example/callback"


def consent(caller: Caller, **changes: str) -> httpx.Response:
    asked = {"application_id": caller.facts["application_id"], "state": "s/1", "redirect_uri": BACK} | changes
    return caller.http.get(caller.facts["authorize_url"], params=asked, follow_redirects=False)


def test_a_refresh_token_buys_an_hour() -> None:
    caller = Caller()
    issued = caller.token().json()
    assert issued["access_token"].startswith("Atza|")
    assert (issued["token_type"], issued["expires_in"]) == ("bearer", 3600)
    assert issued["refresh_token"] == caller.facts["refresh_token"]
    caller.clock.wait(3599)
    assert caller.search(createdAfter=caller.facts["since"]).status_code == 200
    caller.clock.wait(1)
    refused = caller.search(createdAfter=caller.facts["since"])
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["details"] == "The access token you provided has expired."


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"refresh_token": None}, 400, "invalid_request"),
        ({"client_secret": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": "somebody"}, 401, "invalid_client"),
        ({"client_secret": "wröng"}, 401, "invalid_client"),
        ({"refresh_token": "Atzr|other"}, 400, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "x", "redirect_uri": BACK}, 400, "invalid_grant"),
        ({"grant_type": "client_credentials", "scope": "everything"}, 400, "invalid_scope"),
    ],
)
def test_login_refuses_in_its_own_form(changes: dict[str, str | None], status: int, error: str) -> None:
    refused = Caller().token(**changes)
    assert refused.status_code == status
    assert refused.json().keys() == {"error", "error_description"}
    assert refused.json()["error"] == error


def test_login_wants_a_form() -> None:
    caller = Caller()
    assert caller.http.post("/auth/o2/token", json={"grant_type": "refresh_token"}).status_code == 400


def test_consent_gives_a_code_that_works_once_within_five_minutes() -> None:
    caller = Caller()
    target = consent(caller)
    assert target.status_code == 302
    returned = {name: values[0] for name, values in parse_qs(urlsplit(target.headers["location"]).query).items()}
    assert returned["state"] == "s/1"
    assert returned["selling_partner_id"] == caller.facts["selling_partner_id"]
    exchange = {"grant_type": "authorization_code", "code": returned["spapi_oauth_code"], "redirect_uri": BACK}
    fresh = caller.token(**exchange, refresh_token=None).json()["refresh_token"]
    assert fresh != caller.facts["refresh_token"]
    assert caller.token(refresh_token=fresh).status_code == 200
    assert caller.token().status_code == 200, "an earlier refresh token stays valid"
    assert caller.token(**exchange).json()["error"] == "invalid_grant"

    stolen = parse_qs(urlsplit(consent(caller).headers["location"]).query)["spapi_oauth_code"][0]
    elsewhere = caller.token(grant_type="authorization_code", code=stolen, redirect_uri=BACK + "/other")
    assert elsewhere.json()["error"] == "invalid_grant"

    late = parse_qs(urlsplit(consent(caller).headers["location"]).query)["spapi_oauth_code"][0]
    caller.clock.wait(300)
    refused = caller.token(grant_type="authorization_code", code=late, redirect_uri=BACK)
    assert refused.json()["error"] == "invalid_grant"


def test_consent_is_refused_to_strangers_and_for_unknown_addresses() -> None:
    caller = Caller(draft=True, redirect_uris=(BACK,))
    assert consent(caller, version="beta").status_code == 302
    assert "MD1000" in consent(caller).text
    assert "MD1000" in consent(caller, version="beta", application_id="x").text
    assert "MD5101" in consent(caller, version="beta", redirect_uri="https://elsewhere.example/").text


def test_a_grantless_token_opens_no_sellers_data() -> None:
    caller = Caller()
    issued = caller.token(grant_type="client_credentials", scope="sellingpartnerapi::notifications").json()
    assert "refresh_token" not in issued
    caller.headers = {"x-amz-access-token": issued["access_token"]}
    assert caller.search(createdAfter=caller.facts["since"]).status_code == 403


@pytest.mark.parametrize("headers", [{}, {"x-amz-access-token": "Atza|made-up"}, {"x-amz-access-token": ""}])
def test_calls_without_a_token_are_forbidden_and_cost_nothing(headers: dict[str, str]) -> None:
    caller = Caller()
    good, caller.headers = caller.headers, headers
    for _ in range(30):
        refused = caller.search(createdAfter=caller.facts["since"])
        assert refused.status_code == 403
        assert "x-amzn-RateLimit-Limit" not in refused.headers
    caller.headers = good
    assert caller.search(createdAfter=caller.facts["since"]).status_code == 200


def test_revoked_consent_ends_everything() -> None:
    caller = Caller()
    caller.http.post("/_simulated/revoke")
    assert caller.token().json()["error"] == "invalid_grant"
    assert caller.search(createdAfter=caller.facts["since"]).status_code == 403


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("searchOrders", "/orders/2026-01-01/orders?createdAfter=2026-11-01T00:00:00Z"),
        ("getOrder", "/orders/2026-01-01/orders/111-0000000-0000000"),
        ("getReports", f"/reports/2021-06-30/reports?reportTypes={SETTLEMENT}"),
        ("getReport", "/reports/2021-06-30/reports/1"),
        ("getReportDocument", "/reports/2021-06-30/documents/1"),
        ("getMarketplaceParticipations", "/sellers/v1/marketplaceParticipations"),
    ],
)
def test_a_burst_is_allowed_and_then_the_rate(operation: str, path: str) -> None:
    caller, plan = Caller(), PLANS[operation]
    for _ in range(plan.burst):
        answer = caller.get(path)
        assert answer.status_code in (200, 404)
        assert answer.headers["x-amzn-RateLimit-Limit"] == f"{plan.per_second:g}"
    refused = caller.get(path)
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["code"] == "QuotaExceeded"
    assert refused.headers["x-amzn-ErrorType"] == "TooManyRequestsException"
    assert not {"retry-after", "x-amzn-ratelimit-limit"} & refused.headers.keys()
    caller.clock.wait(0.9 / plan.per_second)
    caller.log_in()
    assert caller.get(path).status_code == 429
    caller.clock.wait(0.2 / plan.per_second)
    assert caller.get(path).status_code != 429
    assert caller.get(path).status_code == 429
    counted = caller.http.get("/_simulated/calls").json()[operation]
    assert counted == {"calls": plan.burst + 4, "throttled": 3}


def test_a_rest_fills_the_burst_and_no_more() -> None:
    caller = Caller()
    caller.clock.wait(10**7)
    caller.log_in()
    caller.search(createdAfter=caller.facts["since"])
    caller.clock.wait(10**7)
    caller.log_in()
    statuses = [caller.search(createdAfter=caller.facts["since"]).status_code for _ in range(21)]
    assert statuses == [200] * 20 + [429]


def test_operations_and_sellers_do_not_share_a_bucket() -> None:
    caller = Caller()
    for _ in range(21):
        last = caller.search(createdAfter=caller.facts["since"])
    assert last.status_code == 429
    assert caller.reports(reportTypes=SETTLEMENT).status_code == 200
    caller.log_in()
    assert caller.search(createdAfter=caller.facts["since"]).status_code == 429, "a new access token is the same seller"
    code = parse_qs(urlsplit(consent(caller).headers["location"]).query)["spapi_oauth_code"][0]
    other = caller.token(grant_type="authorization_code", code=code, redirect_uri=BACK).json()
    caller.headers = {"x-amz-access-token": other["access_token"]}
    assert caller.search(createdAfter=caller.facts["since"]).status_code == 200


@pytest.mark.parametrize(("kind", "status"), [("500", 500), ("503", 503), ("429", 429), ("unauthorized", 403)])
def test_ordered_failures_come_as_often_as_ordered(kind: str, status: int) -> None:
    caller = Caller()
    caller.fault("orders", kind, times=2)
    statuses = [caller.search(createdAfter=caller.facts["since"]).status_code for _ in range(3)]
    assert statuses == [status, status, 200]
    assert caller.http.get("/_simulated/faults").json() == []


@pytest.mark.parametrize(("kind", "status"), [("500", 500), ("503", 503), ("429", 429), ("unauthorized", 400)])
def test_login_fails_in_its_own_form(kind: str, status: int) -> None:
    caller = Caller()
    caller.fault("token", kind)
    failed = caller.token()
    assert failed.status_code == status
    assert "error_description" in failed.json()
    assert caller.token().status_code == 200


def test_a_repeated_token_would_go_on_for_ever() -> None:
    caller = Caller()
    asked = {"createdAfter": caller.facts["since"], "maxResultsPerPage": 10}
    caller.fault("orders", "repeat_token")
    token = caller.search(**asked).json()["pagination"]["nextToken"]
    assert caller.search(**asked, paginationToken=token).json()["pagination"]["nextToken"] == token
    assert caller.search(**asked, paginationToken=token).json()["pagination"]["nextToken"] != token


@pytest.mark.parametrize("on", ["orders", "reports"])
def test_an_empty_page_is_not_the_last(on: str) -> None:
    caller = Caller()
    caller.fault(on, "empty_page")
    if on == "orders":
        asked = {"createdAfter": caller.facts["since"]}
        empty = caller.search(**asked).json()
        assert empty["orders"] == []
        following = caller.search(**asked, paginationToken=empty["pagination"]["nextToken"]).json()
        assert following["orders"] == caller.search(**asked).json()["orders"]
    else:
        listed = caller.reports(reportTypes=SETTLEMENT).json()
        assert listed["reports"] == []
        assert len(caller.reports(nextToken=listed["nextToken"]).json()["reports"]) == 3


@pytest.mark.parametrize("on", ["document", "download"])
def test_an_expired_address_is_replaced_by_asking_again(on: str) -> None:
    caller = Caller()
    document_id = caller.reports(reportTypes=SETTLEMENT).json()["reports"][0]["reportDocumentId"]
    caller.fault(on, "expired_url")
    path = f"/reports/2021-06-30/documents/{document_id}"
    assert caller.http.get(caller.get(path).json()["url"]).status_code == 403
    assert caller.http.get(caller.get(path).json()["url"]).status_code == 200


IMPOSSIBLE_FAULTS = [
    "{}",
    "[1]",
    "not json",
    '[{"on": "orders"}]',
    '[{"on": "weather", "kind": "500"}]',
    '[{"on": "orders", "kind": "flood"}]',
    '[{"on": "token", "kind": "empty_page"}]',
]


@pytest.mark.parametrize("body", IMPOSSIBLE_FAULTS)
def test_a_fault_that_cannot_happen_is_refused(body: str) -> None:
    assert Caller().http.post("/_simulated/faults", content=body).status_code == 400


def test_faults_can_be_forgotten() -> None:
    caller = Caller()
    caller.fault("orders", "500", times=99)
    caller.http.post("/_simulated/faults", json=[])
    assert caller.search(createdAfter=caller.facts["since"]).status_code == 200


def test_a_reset_cuts_the_connection_in_process_and_over_a_socket() -> None:
    caller = Caller()
    caller.fault("orders", "reset")
    with pytest.raises(httpx.RemoteProtocolError):
        caller.search(createdAfter=caller.facts["since"])
    assert caller.search(createdAfter=caller.facts["since"]).status_code == 200

    listener, url = loopback_socket()
    app, facts = stand_in(FastClock(), url, orders=10)
    with serving(app, listener), httpx.Client() as client:
        client.post(f"{url}/_simulated/faults", json=[{"on": "token", "kind": "reset"}])
        form = {name: facts[name] for name in ("client_id", "client_secret", "refresh_token")}
        with pytest.raises(httpx.TransportError):  # by luck of timing: an answer too short, or none
            client.post(facts["token_url"], data=form | {"grant_type": "refresh_token"})
        assert client.post(facts["token_url"], data=form | {"grant_type": "refresh_token"}).status_code == 200


def test_the_facts_are_what_a_client_needs() -> None:
    caller = Caller()
    assert all(isinstance(value, str) and value for value in caller.facts.values())
    expected = caller.http.get("/_simulated/expected").json()
    assert expected == json.loads(caller.facts["expected"])
    assert sum(expected["orders"].values()) == 300
    marketplaces = caller.get("/sellers/v1/marketplaceParticipations").json()["payload"]
    assert marketplaces[0]["marketplace"]["id"] == caller.facts["marketplace_id"] == "ATVPDKIKX0DER"


def test_a_page_of_a_hundred_orders_is_quick() -> None:
    caller = Caller(orders=5000, quotas=False)
    asked = {"createdAfter": caller.facts["since"], "includedData": "PROCEEDS,FULFILLMENT,PACKAGES,TAX,PROMOTION"}
    caller.search(**asked)
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        caller.search(**asked)
        times.append(time.perf_counter() - begun)
    assert min(times) < 0.1  # about 0.01 on an idle machine; room for a busy one
